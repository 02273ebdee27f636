//! What it costs to start a worker, and to stop it.

use std::time::Instant;

use crate::contenders::{Contender, every, otp};
use crate::lane::{Lane, Threads, interleave, nanos_each};
use crate::report::{Answer, Column, Table, Unit};

const ABOUT: &str = "
100 000 workers started one after the other under one supervisor (raw: under nobody), each when the one before is up, and all stopped,
on two worker threads: the time for each. heir's have a manager each.
";
const NOTE: &str = "
heir starts two tasks for each, of which one is left when it serves, and the next when the one before does: a start goes from its caller
to the supervisor, the manager, the worker and back, where ractor's and raw's is done by the caller. actix starts an actor without
waiting for it, and ends it with its last address. ractor and kameo start faster: both
targets are missed by heir's start, and its stop is ractor's within what they waver by. What a start costs is 22 000 instructions, spread evenly: two spawns
(1400 each, mostly aligned allocations), three hand-overs, some twenty allocations, and the supervisor's look-ups. Done about it: one task
left instead of two, futures of a third of the size, one alarm for all deadlines, one look-up for each step, settings shared by all workers of one kind: a start was 25 900
instructions and 5.1 µs, a stop 24 800 and 8.6. What is left to do is a first start without the manager's own task.
";
const WORKERS: usize = 100_000;
const ROUNDS: usize = 2;

async fn lane<C: Contender>() -> Lane {
    Lane::new(C::NAME, (), || async {
        let start = Instant::now();
        let tree = C::plant().await;
        let handles = C::start(&tree, 0..WORKERS).await;
        let started = nanos_each(start, WORKERS);
        let start = Instant::now();
        C::stop(tree, handles).await;
        vec![started, nanos_each(start, WORKERS)]
    })
}

pub fn ask() -> Vec<Answer> {
    let table = Table {
        title: "Starting and stopping 100 000 workers".to_owned(),
        about: ABOUT,
        note: NOTE,
        columns: vec![Column::new("a start", Unit::Time), Column::new("a stop", Unit::Time)],
        rows: Threads::Two.run(async { interleave(&mut every!(lane()), ROUNDS).await }),
    };
    vec![Answer::Table(table.and(otp::row("start-stop", 2, Threads::Two)))]
}
