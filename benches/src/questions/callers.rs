//! Calls of many callers to one worker.

use std::time::Instant;

use crate::contenders::{Contender, every, otp, serving};
use crate::lane::{Lane, Threads, interleave, nanos_each};
use crate::report::{Answer, Column, Table, Unit};

const ABOUT: &str = "
Callers that each call one worker again and again, on two worker threads: the time per call. Target: 0.95.
";
const NOTE: &str = "
With two callers heir is over the target; with more it misses it. Its callers and the worker meet at the lock of the queue, once for each
message on its way in and once on its way out: a quarter of the time is spent in the two functions that take it, which is to say in fetching its
line from the other core, and a fifteenth in waiting for it (perf). Those of `mpsc` meet at a counter and in a list of blocks, and never wait. The lock is what lets a mailbox be
closed, paused and passed on under a worker that does not let go. parking_lot's mutex instead of std's changed nothing. A
second queue, which the worker fills from the first in one go, was not tried: it is what there is to do next. actix's callers
are tasks on its actors' one thread: they wake nobody on another, which is most of what a call from another thread costs.
";
const CALLS: usize = 40_000;
const CALLERS: [usize; 3] = [2, 16, 256];
const ROUNDS: usize = 11;

async fn lane<C: Contender>() -> Lane {
    serving::<C, _>(|handle| async move {
        let mut figures = Vec::new();
        for callers in CALLERS {
            figures.push(from_many::<C>(&handle, callers).await);
        }
        figures
    })
    .await
}

async fn from_many<C: Contender>(handle: &C::Handle, callers: usize) -> f64 {
    let start = Instant::now();
    let callers: Vec<_> = (0..callers)
        .map(|_| {
            let handle = handle.clone();
            tokio::spawn(async move {
                for n in 0..CALLS / callers {
                    C::call(&handle, n as u64 % 16).await;
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    nanos_each(start, CALLS)
}

pub fn ask() -> Vec<Answer> {
    let table = Table {
        title: "Calls from many callers".to_owned(),
        about: ABOUT,
        note: NOTE,
        columns: CALLERS.map(|callers| Column::new(format!("{callers} callers"), Unit::Speed)).into(),
        rows: Threads::Two.run(async { interleave(&mut every!(lane()), ROUNDS).await }),
    };
    vec![Answer::Table(table.and(otp::row("callers", CALLERS.len(), Threads::Two)))]
}
