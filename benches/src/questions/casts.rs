//! What a cast costs.

use std::time::Instant;

use crate::contenders::{Contender, every, otp, serving};
use crate::lane::{Lane, Threads, interleave, nanos_each};
use crate::report::{Answer, Column, Table, Unit};

const ABOUT: &str = "
One sender, one worker: 100 000 casts and then a call, which is answered when all of them are served. ractor's mailbox has no
bound, and actix's `do_send` heeds none: their senders never wait. Target: 0.95.
";
const NOTE: &str = "
A cast to heir takes one lock at either end of the queue, held for a move; tokio's `mpsc` takes a slot in a block of 32 with one atomic
addition, and two locks to give its place back. With a `keep` table heir is over the target. A recorded table misses it: the
write of a row and its commit, with five locked operations of the processor, are a third of its time. ractor's and actix's mailboxes have no bound.
";
const CASTS: usize = 100_000;
const ROUNDS: usize = 11;

async fn lane<C: Contender>() -> Lane {
    serving::<C, _>(|handle| async move {
        let start = Instant::now();
        for n in 0..CASTS {
            C::cast(&handle, n as u64 % 16).await;
        }
        C::call(&handle, 0).await;
        vec![nanos_each(start, CASTS)]
    })
    .await
}

pub fn ask() -> Vec<Answer> {
    let ask = |threads: Threads| {
        let table = Table {
            title: format!("Casts, {}", threads.name()),
            about: ABOUT,
            note: NOTE,
            columns: vec![Column::new("a cast", Unit::Speed)],
            rows: threads.run(async { interleave(&mut every!(lane()), ROUNDS).await }),
        };
        Answer::Table(table.and(otp::row("casts", 1, threads)))
    };
    Threads::BOTH.map(ask).into()
}
