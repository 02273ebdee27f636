//! Plausible regressions, put in one at a time: does a test fail?
//!
//! ```sh
//! cargo run --release --manifest-path tests/mutants/Cargo.toml              # all
//! cargo run --release --manifest-path tests/mutants/Cargo.toml -- ID..      # only these
//! cargo run --release --manifest-path tests/mutants/Cargo.toml -- --rest    # those that have not been run yet
//! cargo run --release --manifest-path tests/mutants/Cargo.toml -- --build   # none: can all be put in, and do they compile?
//! cargo run --release --manifest-path tests/mutants/Cargo.toml -- --report  # none: tells of the last runs
//! ```
//!
//! It copies the workspace into `target/mutants/source`, writes every mutant of `list/` into the copy behind a switch, and
//! builds the test binaries once; an environment variable says which mutant is to be. An id that ends with `*` stands for all
//! that begin so, or for an area. The report, `tests/MUTANTS.md`, keeps what earlier runs have said of the others, and the test
//! that caught a mutant the last time is asked first.

mod list;
mod outcomes;
mod report;
mod run;
mod source;
mod workspace;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::{fs, io, thread};

use self::list::Mutant;
use self::outcomes::Outcomes;
use self::report::Score;
use self::run::{Outcome, Pace, Unharmed};
use self::workspace::Workspace;

fn main() -> ExitCode {
    match check() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn check() -> Result<ExitCode, Box<dyn Error>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.join("../..").canonicalize()?;
    let mutants = list::read(&here.join("list"))??;
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let report = root.join("tests/MUTANTS.md");
    let mut outcomes = Outcomes::of(&fs::read_to_string(&report).unwrap_or_default());
    if arguments != ["--report"] {
        println!("{} mutants; builds the tests, once", mutants.len());
        let suites = Workspace::with(&root, &mutants)??.build()??;
        if arguments == ["--build"] {
            return Ok(ExitCode::SUCCESS);
        }
        let chosen = choose(&mutants, &arguments, &outcomes)?;
        let unharmed = run::unharmed(&suites)??;
        let (tests, [limit, _]) = (unharmed.tests, unharmed.limits);
        println!("{tests} tests pass without a mutant; one that takes {limit:?} is taken to hang");
        let before = outcomes.clone();
        for mutant in &chosen {
            outcomes.forget(&mutant.id);
        }
        outcomes.tests = tests;
        let write = |outcomes: &Outcomes| fs::write(&report, report::write(&mutants, outcomes));
        let mut rest = Vec::new();
        run_all(&unharmed, &chosen, &before, Pace::Quick, |mutant, outcome| {
            if outcome == Outcome::Survived {
                rest.push(mutant);
                return Ok(());
            }
            outcomes.set(&mutant.id, outcome);
            // Each time: it takes long, and may be broken off.
            write(&outcomes)
        })?;
        run_all(&unharmed, &rest, &before, Pace::Slow, |mutant, outcome| {
            outcomes.set(&mutant.id, outcome);
            write(&outcomes)
        })?;
    }
    fs::write(&report, report::write(&mutants, &outcomes))?;
    let score = Score::of(&mutants, &outcomes);
    score.wrong.iter().for_each(|wrong| println!("{wrong}"));
    println!("{}: see tests/MUTANTS.md", score.words());
    Ok(if score.wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The mutants that the arguments ask for: all, if there are none.
fn choose<'m>(
    mutants: &'m [Mutant],
    arguments: &[String],
    outcomes: &Outcomes,
) -> Result<Vec<&'m Mutant>, String> {
    if arguments.is_empty() {
        return Ok(mutants.iter().collect());
    }
    if arguments == ["--rest"] {
        return Ok(mutants.iter().filter(|mutant| outcomes.get(&mutant.id).is_none()).collect());
    }
    let asks_for = |argument: &str, mutant: &Mutant| match argument.strip_suffix('*') {
        Some(beginning) => mutant.id.starts_with(beginning) || mutant.area == beginning,
        None => mutant.id == argument,
    };
    if let Some(nobody) =
        arguments.iter().find(|argument| !mutants.iter().any(|mutant| asks_for(argument, mutant)))
    {
        return Err(format!("there is no mutant `{nobody}`"));
    }
    Ok(mutants.iter().filter(|mutant| arguments.iter().any(|argument| asks_for(argument, mutant))).collect())
}

/// Runs each mutant, some at a time, and tells of each.
fn run_all<'m>(
    unharmed: &Unharmed<'_>,
    mutants: &[&'m Mutant],
    before: &Outcomes,
    pace: Pace,
    tell: impl FnMut(&'m Mutant, Outcome) -> io::Result<()> + Send,
) -> io::Result<()> {
    let (next, tell) = (AtomicUsize::new(0), Mutex::new(tell));
    let one_after_the_other = || -> io::Result<()> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(mutant) = mutants.get(number) else { return Ok(()) };
            let outcome = run::against(unharmed, &mutant.id, before.get(&mutant.id), pace)?;
            let words = outcomes::words(&outcome);
            println!("{pace:?} {:3}/{} {}: {words}", number + 1, mutants.len(), mutant.id);
            let mut tell = tell.lock().unwrap_or_else(PoisonError::into_inner);
            tell(mutant, outcome)?;
        }
    };
    // Most of their time the suites wait: for threads, for real time, and, if the mutant hangs, for ever.
    let processes = 4 * thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..processes).map(|_| scope.spawn(one_after_the_other)).collect();
        threads.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread of this program panicked")))
        })
    })
}
