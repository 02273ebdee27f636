//! A call's round trip.

use std::time::Instant;

use crate::contenders::{Contender, every, otp, serving};
use crate::lane::{Lane, Threads, interleave, nanos_each};
use crate::report::{Answer, Column, Table, Unit};

const ABOUT: &str = "
One caller, one worker: from a call to its answer. The call adds one to one of 16 counters. Target: 0.95.
";
const NOTE: &str = "
`benches/regression` counts the instructions of the same thing: on one thread, a call to a worker with a `keep` table runs 1930 and raw
tokio's 2180, one to a worker with a recorded table 2440; they are spread otherwise over locks, of which a message here takes one on its
way in and one on its way out, and over atomics. The recorded table adds the overwriting of a row (papaya) and its record; raw's map does
neither. actix's caller and actor are always on one thread, and pay for no other.
";
const CALLS: usize = 20_000;
const ROUNDS: usize = 15;

async fn lane<C: Contender>() -> Lane {
    serving::<C, _>(|handle| async move {
        let start = Instant::now();
        for n in 0..CALLS {
            C::call(&handle, n as u64 % 16).await;
        }
        vec![nanos_each(start, CALLS)]
    })
    .await
}

pub fn ask() -> Vec<Answer> {
    let ask = |threads: Threads| {
        let table = Table {
            title: format!("Call round trip, {}", threads.name()),
            about: ABOUT,
            note: NOTE,
            columns: vec![Column::new("a call", Unit::Speed)],
            rows: threads.run(async { interleave(&mut every!(lane()), ROUNDS).await }),
        };
        Answer::Table(table.and(otp::row("calls", 1, threads)))
    };
    Threads::BOTH.map(ask).into()
}
