//! What an idle worker weighs.

use std::fs;
use std::process::Command;

use crate::contenders::{self, Contender};
use crate::lane::Threads;
use crate::report::{Column, Row, Table, Unit};

const ABOUT: &str = "
100 000 idle workers, each with its handle, under one supervisor (raw: under nobody): how much the resident memory of a process of
their own grows, for each. heir's have a manager each. Target: 1.4.
";
const NOTE: &str = "
A recorded table is a papaya map, whose collector of old rows (seize) reserves 18.1 kB, however few rows there are: the row to mend next.
Without one, a worker is a task (its future 0.4 kB, with tokio's 0.25 kB around it), the post (0.7 kB), the incarnation (0.14 kB), the
estate (0.2 kB), and what its supervisor knows of it (0.3 kB); its manager is no task while it is idle. raw is one task and a block of `mpsc`.
";
const WORKERS: usize = 100_000;

/// Prints how much one worker of this contender weighs. For a process of its own.
pub fn weigh(contender: &str) {
    use contenders::{heir, kameo, ractor, raw, tokio_actors};
    let bytes = match contender {
        raw::Raw::NAME => one::<raw::Raw>(),
        <heir::Recorded as Contender>::NAME => one::<heir::Recorded>(),
        <heir::Kept as Contender>::NAME => one::<heir::Kept>(),
        <kameo::Kameo as Contender>::NAME => one::<kameo::Kameo>(),
        <ractor::Ractor as Contender>::NAME => one::<ractor::Ractor>(),
        <tokio_actors::TokioActors as Contender>::NAME => one::<tokio_actors::TokioActors>(),
        other => panic!("nobody is called {other}"),
    };
    println!("{bytes}");
}

fn one<C: Contender>() -> f64 {
    Threads::Two.run(async {
        // What comes with the first one is not what each costs.
        let (_first, handles) = C::start(1).await;
        C::call(&handles[0], 0).await;
        let before = resident();
        let all = C::start(WORKERS).await;
        let after = resident();
        drop(all);
        (after - before) / WORKERS as f64
    })
}

fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<f64>().unwrap() * 1024.0
}

pub fn ask() -> Vec<Table> {
    use contenders::{heir, kameo, otp, ractor, raw, tokio_actors};
    let names = [
        raw::Raw::NAME,
        <heir::Recorded as Contender>::NAME,
        <heir::Kept as Contender>::NAME,
        <kameo::Kameo as Contender>::NAME,
        <ractor::Ractor as Contender>::NAME,
        <tokio_actors::TokioActors as Contender>::NAME,
    ];
    let row = |name: &'static str| Row {
        name: name.to_owned(),
        samples: vec![(0..3).map(|_| weighed(name)).collect()],
    };
    let table = Table {
        title: "Memory of an idle worker".to_owned(),
        about: ABOUT,
        note: NOTE,
        columns: vec![Column::new("each", Unit::Bytes)],
        rows: names.map(row).into(),
    };
    vec![table.and(otp::row("memory", 1, Threads::Two))]
}

fn weighed(name: &str) -> f64 {
    let output = Command::new(std::env::current_exe().unwrap()).args(["--weigh", name]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.trim()
        .parse()
        .unwrap_or_else(|_| panic!("{name}: {text}{}", String::from_utf8_lossy(&output.stderr)))
}
