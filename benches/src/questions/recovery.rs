//! From a panic to the first answer of the next incarnation.

use std::time::Instant;

use crate::contenders::{MAILBOX, Restarted, every_restarted, otp};
use crate::lane::{Lane, Threads, interleave, nanos_each};
use crate::report::{Answer, Column, Table, Unit, percentile};

const ABOUT: &str = "
The worker is told to panic and called right behind it; a call that is lost is made again as soon as there is somebody to make it to.
The time runs from the first send to the answer; each round is 300 crashes. Only heir, the loop over the `Mutex` and OTP still have
the state then; only heir's recorded table undoes the message that was half done. Targets: p50 1.15, p99 1.5.
";
const NOTE: &str = "
The unwinding is two thirds of the loop's time, and no less for the others. heir has three tasks where the loop has two (the manager
regains the tables and undoes the message), and what it starts can be linked to and monitored; a recorded table adds the writing and the
undoing of a row. OTP's caller finds nobody there and tries again until the next one has registered. Its supervisor goes through all
restarts of the last second at each: a round begins when it has forgotten those of the one before. actix does not come back from a panic.
";
const CRASHES: usize = 300;
const ROUNDS: usize = 25;

async fn lane<C: Restarted>() -> Lane {
    let (tree, handle) = C::start(MAILBOX).await;
    Lane::new(C::NAME, tree, move || {
        let handle = handle.clone();
        async move { round::<C>(&handle).await }
    })
}

/// The p50 and p99 of the crashes of a round.
pub(super) async fn round<C: Restarted>(handle: &C::Handle) -> Vec<f64> {
    let mut times = Vec::with_capacity(CRASHES);
    for _ in 0..CRASHES {
        let start = Instant::now();
        C::crash(handle, 0).await;
        while C::call(handle).await.is_none() {}
        times.push(nanos_each(start, 1));
    }
    vec![percentile(&times, 50), percentile(&times, 99)]
}

pub fn ask() -> Vec<Answer> {
    let ask = |threads: Threads| {
        let table = Table {
            title: format!("From a panic to the first answer, {}", threads.name()),
            about: ABOUT,
            note: NOTE,
            columns: vec![Column::new("p50", Unit::Time), Column::new("p99", Unit::Time)],
            rows: threads.run(async { interleave(&mut every_restarted!(lane()), ROUNDS).await }),
        };
        Answer::Table(table.and(otp::row("recovery", 2, threads)))
    };
    Threads::BOTH.map(ask).into()
}
