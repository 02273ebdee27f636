//! A call's round trip.

use std::time::Instant;

use crate::contenders::{Contender, every, otp, serving};
use crate::lane::{Lane, Threads, interleave, nanos_each};
use crate::report::{Answer, Column, Table, Unit};

const ABOUT: &str = "
One caller, one worker: from a call to its answer. The call adds one to one of 16 counters. Target: 0.95.
";
const NOTE: &str = "
On one thread a call to a worker with one number in a `keep` table runs 2930 instructions, raw tokio 1970 (callgrind). The difference is
mostly locks, none of them contended: the queue's is taken three times (to put the message in, to take it out, to find it empty), the
one of the reply's cell twice, and that cell is shared three ways, so that the caller can be told when its worker does not yield. What
catches a panic costs next to nothing. The recorded table adds the overwriting of a row (papaya) and its record; raw's map does neither.
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
