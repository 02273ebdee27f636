//! A call's round trip.

use std::time::Instant;

use crate::contenders::{Contender, every, otp, serving};
use crate::lane::{Lane, Threads, interleave, nanos_each};
use crate::report::{Answer, Column, Table, Unit};

const ABOUT: &str = "
One caller, one worker: from a call to its answer. The call adds one to one of 16 counters. Target: 0.95.
";
const NOTE: &str = "
Both pay for two tasks that are woken, and for some twenty atomic operations. heir's call takes a lock four times, two on its way in and two on its
way back, none of them contended, and allocates nothing: its message comes back with the reply. tokio's `oneshot` is an allocation for
each, and its `mpsc` takes a lock to give a place back. The recorded table adds the overwriting of a row (papaya: an allocation, and two
exchanges to say that somebody looks) and its record; raw's map does neither. `benches/regression` has the instructions of each. actix's
caller and actor are always on one thread, and pay for no other.
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
