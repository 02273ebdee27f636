//! What `survives = process` costs, beside the disk itself and embedded databases.
//!
//! ```text
//! cd benches/durable            # .cargo/config.toml is read only here
//! cargo run --release           # everything
//! cargo run --release -- rates  # or some of: rates load size beside
//! ```
//!
//! `--in FOLDER` says where the files go: it must be on the disk that is asked about, not in memory. The
//! default is `target/durable`. `--rounds N` says how often everything is measured (5), and
//! `--callers 1,64` for how many callers. `--only heir,floor` leaves out the lanes that are not named.
//!
//! What is compared is measured in turn, round by round, in one process. The tables, in Markdown, have the
//! medians; a ratio is the median of the ratios to another lane in the same round. Measure when the
//! machine has nothing else to do: much of a commit is the time until a thread runs again.

mod beside;
mod load;
mod peers;
mod rates;
mod report;
mod rows;
mod size;
mod worker;

use std::path::PathBuf;

use tokio::runtime::{Builder, Runtime};

/// What is asked for.
pub struct Options {
    folder: PathBuf,
    rounds: usize,
    callers: Vec<usize>,
    only: Vec<String>,
}

fn main() {
    let mut options =
        Options { folder: "target/durable".into(), rounds: 5, callers: vec![1, 64, 1024], only: Vec::new() };
    let mut questions = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_else(|| panic!("{argument} needs a value"));
        match &*argument {
            "--in" => options.folder = value().into(),
            "--rounds" => options.rounds = value().parse().expect("a number of rounds"),
            "--callers" => {
                let numbers = value();
                options.callers = numbers.split(',').map(|n| n.parse().expect("a number")).collect();
            }
            "--only" => options.only = value().split(',').map(str::to_owned).collect(),
            // This program as another process, whose store is then loaded.
            "fill" => return load::fill(&value(), &value(), &value()),
            _ => questions.push(argument),
        }
    }
    let asked = |question: &str| questions.is_empty() || questions.iter().any(|other| other == question);
    std::fs::create_dir_all(&options.folder).expect("the folder can be made");
    if asked("rates") {
        rates::ask(&options);
    }
    if asked("load") {
        load::ask(&options);
    }
    if asked("size") {
        size::ask(&options);
    }
    if asked("beside") {
        beside::ask(&options);
    }
}

/// The runtime of the callers.
pub fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}
