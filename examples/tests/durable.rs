//! The example as its users run it, until they kill it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How often it is killed: `HEIR_KILLS=1000` asks for more.
fn kills() -> u32 {
    std::env::var("HEIR_KILLS").map_or(50, |kills| kills.parse().expect("a number of kills"))
}

/// Where cargo has put the example.
fn program() -> PathBuf {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--example", "durable", "--manifest-path", manifest])
        .status();
    assert!(built.unwrap().success());
    // The test's own file is in `deps`, beside `examples`.
    let deps = std::env::current_exe().unwrap();
    deps.parent().unwrap().with_file_name("examples").join("durable")
}

#[test]
fn killed_under_load_it_goes_on_where_the_last_answer_was() {
    let (program, folder) = (program(), tempfile::tempdir().unwrap());
    let store = folder.path().join("visits.heir");
    // The last answer of each page, and how many processes have ended since it was given: each may have
    // counted one visit more, and not answered.
    let mut pages: HashMap<String, (u64, u64)> = HashMap::new();
    let mut answers = 0;
    for kill in 0..kills() {
        let mut running =
            Command::new(&program).arg(&store).stdout(Stdio::piped()).spawn().expect("it was built");
        let printed = BufReader::new(running.stdout.take().unwrap());
        let reading = std::thread::spawn(move || printed.lines().map_while(Result::ok).collect::<Vec<_>>());
        std::thread::sleep(Duration::from_millis(30 + u64::from(kill * 7_919 % 90)));
        running.kill().unwrap();
        running.wait().unwrap();
        for line in reading.join().unwrap() {
            let Some((page, count)) = line.split_once(' ') else { continue };
            let count: u64 = count.parse().unwrap();
            let (last, ended) = pages.get(page).copied().unwrap_or((0, u64::from(kill)));
            assert!(
                (last + 1..=last + 1 + ended).contains(&count),
                "{page}: {last}, then {count}, at kill {kill}"
            );
            pages.insert(page.to_owned(), (count, 0));
            answers += 1;
        }
        for (_, ended) in pages.values_mut() {
            *ended += 1;
        }
    }
    assert!(answers > kills(), "it was killed before it answered: {answers} answers");
    println!("{} kills, {answers} answers, none lost", kills());
}
