//! This project and its peers, side by side: `cargo run --release` answers every question and writes `RESULTS.md` and `charts/`; with the
//! names of questions it answers those, and writes nothing, but into the folder `HEIR_BENCHES_INTO` if that is set. With
//! `HEIR_BENCHES_SHORT` set it takes hardly any time, and says hardly anything: it is to see that everything works.

mod chart;
mod contenders;
mod lane;
mod machine;
mod questions;
mod report;

use std::fs;
use std::path::{Path, PathBuf};

use report::Answer;

fn main() {
    std::panic::set_hook(Box::new(|info| {
        // Those that are asked for are no news.
        if info.payload_as_str() != Some("asked to die") {
            eprintln!("{info}");
        }
    }));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [inhabit, contender, workers, how] = &arguments[..]
        && inhabit == "--inhabit"
    {
        questions::inhabit(contender, workers, how);
    }
    let asked = |name: &str| arguments.is_empty() || arguments.iter().any(|argument| argument == name);
    let mut answers = Vec::new();
    for (_, ask) in questions::ALL.iter().filter(|(name, _)| asked(name)) {
        for answer in ask() {
            println!("{}", answer.render());
            answers.push(answer);
        }
    }
    let into = std::env::var_os("HEIR_BENCHES_INTO").map(PathBuf::from);
    if let Some(into) = into.or_else(|| arguments.is_empty().then(|| env!("CARGO_MANIFEST_DIR").into())) {
        write(&answers, &into).unwrap();
    }
}

fn write(answers: &[Answer], into: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let charts = into.join("charts");
    fs::create_dir_all(&charts)?;
    for answer in answers {
        chart::draw(answer, &charts.join(answer.slug()).with_extension("svg"))?;
    }
    let questions: Vec<String> = questions::ALL.iter().map(|(name, _)| format!("`{name}`")).collect();
    let head = include_str!("results-head.md")
        .replace("{machine}", &machine::machine())
        .replace("{questions}", &questions.join(", "));
    let answers: Vec<String> = answers.iter().map(Answer::render).collect();
    fs::write(into.join("RESULTS.md"), head + answers.join("\n").trim_end() + "\n")?;
    Ok(())
}
