//! A call's round trip.

use std::time::Instant;

use crate::contenders::{Contender, every};
use crate::lane::{Lane, Threads, interleave, nanos_each};
use crate::report::{Column, Table, Unit};

const ABOUT: &str = "
One caller, one worker: from a call to its answer. The call adds one to one of 16 counters. Target: 0.95.
";
const CALLS: usize = 20_000;
const ROUNDS: usize = 15;

async fn lane<C: Contender>() -> Lane {
    let (tree, handles) = C::start(1).await;
    Lane::new(C::NAME, tree, move || {
        let handle = handles[0].clone();
        async move {
            let start = Instant::now();
            for n in 0..CALLS {
                C::call(&handle, n as u64 % 16).await;
            }
            vec![nanos_each(start, CALLS)]
        }
    })
}

pub fn ask() -> Vec<Table> {
    let table = |threads: Threads| Table {
        title: format!("Call round trip, {}", threads.name()),
        about: ABOUT,
        columns: vec![Column::new("a call", Unit::Speed)],
        rows: threads.run(async { interleave(every!(lane()), ROUNDS).await }),
    };
    Threads::BOTH.map(table).into()
}
