//! This project and its peers, side by side: `cargo run --release` answers every question and writes `RESULTS.md`; with the names
//! of questions it answers those, and writes nothing.

mod contenders;
mod lane;
mod questions;
mod report;

use std::fs;

fn main() {
    std::panic::set_hook(Box::new(|info| {
        // Those that are asked for are no news.
        if info.payload_as_str() != Some("asked to die") {
            eprintln!("{info}");
        }
    }));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [weigh, contender] = &arguments[..]
        && weigh == "--weigh"
    {
        return questions::weigh(contender);
    }
    let asked = |name: &str| arguments.is_empty() || arguments.iter().any(|argument| argument == name);
    let mut text = String::new();
    for (_, ask) in questions::ALL.iter().filter(|(name, _)| asked(name)) {
        for table in ask() {
            let table = table.render();
            println!("{table}");
            text += &table;
            text.push('\n');
        }
    }
    if arguments.is_empty() {
        let head = include_str!("results-head.md").replace("{machine}", &report::machine());
        fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/RESULTS.md"), head + text.trim_end() + "\n").unwrap();
    }
}
