//! A call's round trip.

use std::time::Instant;

use crate::contenders::{Contender, every, otp, serving};
use crate::lane::{Lane, Threads, interleave, nanos_each};
use crate::report::{Answer, Column, Table, Unit};

const ABOUT: &str = "
One caller, one worker: from a call to its answer. The call adds one to one of 16 counters. Target: 0.95.
";
const NOTE: &str = "
The bare calls of both wake two tasks, allocate once, and make some eighteen atomic operations each; heir's take a lock for the message on its way in and
on its way out, and one for the reply at either end, none of them contended (`benches/regression` has the instructions). A worker with a `keep`
table is over the target. One with a recorded table misses it: its row goes into a write set and is committed, which takes five locked
operations of the processor, 7 ns each here, where raw's map takes none: two each for the owner's look at the row and for the commit to
it, and one for the boundary that snapshots need. Tried, and not kept: a call that allocates nothing, its message coming back with the
reply to a place beside the queue: 5 % faster here, 35 % slower with 16 callers on two threads. actix's caller and actor are always on
one thread, and pay for no other.
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
