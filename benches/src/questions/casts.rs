//! What a cast costs.

use std::time::Instant;

use crate::contenders::{Contender, every, otp};
use crate::lane::{Lane, Threads, interleave, nanos_each};
use crate::report::{Column, Table, Unit};

const ABOUT: &str = "
One sender, one worker: 100 000 casts and then a call, which is answered when all of them are served. ractor's mailbox has no
bound: its sender never waits. Target: 0.95.
";
const NOTE: &str = "
tokio's `mpsc` takes a slot in a block of 32 with one atomic addition; heir's queue has a lock, held for a move, at either end of each
message, so that it can be closed, paused and looked at from outside while a worker holds on. The recorded table overwrites a row and
notes the change.
";
const CASTS: usize = 100_000;
const ROUNDS: usize = 11;

async fn lane<C: Contender>() -> Lane {
    let (tree, handles) = C::start(1).await;
    Lane::new(C::NAME, tree, move || {
        let handle = handles[0].clone();
        async move {
            let start = Instant::now();
            for n in 0..CASTS {
                C::cast(&handle, n as u64 % 16).await;
            }
            C::call(&handle, 0).await;
            vec![nanos_each(start, CASTS)]
        }
    })
}

pub fn ask() -> Vec<Table> {
    let table = |threads: Threads| {
        let table = Table {
            title: format!("Casts, {}", threads.name()),
            about: ABOUT,
            note: NOTE,
            columns: vec![Column::new("a cast", Unit::Speed)],
            rows: threads.run(async { interleave(every!(lane()), ROUNDS).await }),
        };
        table.and(otp::row("casts", 1, threads))
    };
    Threads::BOTH.map(table).into()
}
