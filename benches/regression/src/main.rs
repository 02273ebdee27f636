//! What a message costs, in instructions, and whether that is what it cost before: `cargo run --release` counts and compares with
//! `counts.txt`; with `record` it writes that file. It needs valgrind.
//!
//! A subscriber of `tracing` that takes no spans is to cost nothing: with it, a call and a cast are to take the very same instructions.
//!
//! What is compared is not the count, which depends on the processor and the C library, but its ratio to that of the same thing done
//! by hand, counted in the same run. A thing is done N times, and 2 N times, each in a process of its own: what is counted is the
//! difference, so what comes before and after does not matter. From run to run they differ by two instructions in 50 000, and those
//! without a panic by none.

mod scenarios;
mod subscribers;
mod workers;

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::process::{Command, ExitCode};

use scenarios::{ALL, Scenario};

/// What it may cost more than it did.
const TOLERANCE: f64 = 1.05;
/// What two counts of the same differ by, for each time: the two processes do not start quite alike.
const EXACT: f64 = 0.1;
const COUNTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/counts.txt");
const HEAD: &str = "\
# Instructions for each, and how many times those of the same thing done by hand. The ratio is what is compared.
# Written by `cargo run --release --manifest-path benches/regression/Cargo.toml -- record`.
";

struct Count {
    scenario: &'static Scenario,
    instructions: f64,
    ratio: f64,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => compare(),
        ["record"] => record(),
        ["run", name, times] => {
            scenarios::run((*name).to_owned(), times.parse().expect("a number of times"));
            Ok(())
        }
        _ => Err("`record`, or nothing".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn record() -> Result<(), Box<dyn Error>> {
    let lines: Vec<String> = counted()?
        .iter()
        .map(|Count { scenario, instructions, ratio }| {
            format!("{ratio:.3}\t{instructions:.0}\t{}\n", scenario.name)
        })
        .collect();
    print!("{}", lines.concat());
    fs::write(COUNTS, HEAD.to_owned() + &lines.concat())?;
    Ok(())
}

fn compare() -> Result<(), Box<dyn Error>> {
    let recorded = recorded()?;
    let mut worse = Vec::new();
    println!("now, recorded, instructions now");
    for Count { scenario, instructions, ratio } in counted()? {
        let name = scenario.name;
        let before = *recorded
            .get(name)
            .ok_or_else(|| format!("`{name}` is not in counts.txt: record it, with `-- record`"))?;
        println!("{ratio:7.3}  {before:7.3}  {instructions:8.0}  {name}");
        if ratio > before * TOLERANCE {
            worse.push(format!("{name}: {ratio:.3} times what it costs by hand, and was {before:.3}"));
        } else if ratio * TOLERANCE < before {
            println!("  cheaper than it was: worth recording, with `-- record`");
        }
    }
    if worse.is_empty() {
        return Ok(());
    }
    let why = "more instructions than are recorded; if that is the price of something that is worth it, record it, with `-- record`";
    Err(format!("{}\n{why}", worse.join("\n")).into())
}

/// The ratios in the file, by name.
fn recorded() -> Result<HashMap<String, f64>, Box<dyn Error>> {
    let text = fs::read_to_string(COUNTS).map_err(|error| format!("{COUNTS}: {error}"))?;
    let mut ratios = HashMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let [ratio, _, name] = line.split('\t').collect::<Vec<_>>()[..] else {
            return Err(format!("counts.txt: `{line}` is not a ratio, a count and a name").into());
        };
        ratios.insert(name.to_owned(), ratio.parse()?);
    }
    Ok(ratios)
}

fn counted() -> Result<Vec<Count>, Box<dyn Error>> {
    let mut counted_so_far = HashMap::new();
    let mut counts = Vec::new();
    for scenario in ALL {
        let instructions = instructions(scenario.name, scenario.times)?;
        counted_so_far.insert(scenario.name, instructions);
        let base = counted_so_far[scenario.by_hand];
        if scenario.name == scenario.by_hand {
            continue;
        }
        let ratio = instructions / base;
        if scenario.exact && (instructions - base).abs() > EXACT {
            let name = scenario.name;
            return Err(
                format!("{name}: {instructions} instructions, but {base} for {}", scenario.by_hand).into()
            );
        }
        counts.push(Count { scenario, instructions, ratio });
    }
    Ok(counts)
}

/// What it takes to do it once.
fn instructions(name: &str, times: u64) -> Result<f64, Box<dyn Error>> {
    let (once, twice) = (whole(name, times)?, whole(name, 2 * times)?);
    Ok((twice - once) / times as f64)
}

/// All the instructions of a process that does it so many times.
fn whole(name: &str, times: u64) -> Result<f64, Box<dyn Error>> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["run", name, &times.to_string()])
        .output()
        .map_err(|error| format!("valgrind, which counts the instructions, cannot be run: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let collected = text.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    match collected {
        Some(instructions) if output.status.success() => Ok(instructions),
        _ => Err(format!("`{name}` under valgrind: {}\n{text}", output.status).into()),
    }
}
