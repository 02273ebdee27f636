//! What an idle worker weighs.

use super::workers::inhabited;
use crate::contenders::{names, otp};
use crate::lane::Threads;
use crate::report::{Answer, Column, Row, Table, Unit};

const ABOUT: &str = "
100 000 idle workers, each with its handle, under one supervisor (raw: under nobody): how much the resident memory of a process of
their own grows, for each. heir's have a manager each. Target: 1.4.
";
const NOTE: &str = "
A recorded table without rows weighs 0.6 kB, and with one row 0.8 (`CHOICES.md`). A worker is a task
(its future 0.4 kB, with tokio's 0.25 kB around it), its shared state (0.7 kB), the incarnation (0.14 kB), the estate (0.2 kB),
and what its supervisor knows of it (0.3 kB); its manager is no task while it is idle. raw is one task and a block of `mpsc`. What it
is for how many is below, under growth. A worker with a recorded table misses the target by what
an empty one weighs.
";
const WORKERS: u64 = 100_000;
const ROUNDS: usize = 2;

pub fn ask() -> Vec<Answer> {
    let row = |name: &'static str| {
        let weighed = |_| inhabited(name, WORKERS, "weigh").unwrap_or_else(|why| panic!("{why}")).bytes();
        Row::new(name, vec![(0..ROUNDS).map(weighed).collect()])
    };
    let table = Table {
        title: "Memory of an idle worker".to_owned(),
        about: ABOUT,
        note: NOTE,
        columns: vec![Column::new("each", Unit::Bytes)],
        rows: names().map(row).into(),
    };
    vec![Answer::Table(table.and(otp::row("memory", 1, Threads::Two)))]
}
