//! How long it takes until a million rows are there again.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::report::{head, load, median, mib, ratio, row, spread};
use crate::rows::{Account, Bytes, Row, decode, encode_behind_length};
use crate::worker::Tree;
use crate::{Options, runtime};

const ROWS: u64 = 1_000_000;

pub fn ask(options: &Options) {
    ask_for::<Bytes<40>>(options, "bytes");
    ask_for::<Account>(options, "fields");
}

fn ask_for<R: Row>(options: &Options, kind: &str) {
    let there = options.folder.join("load");
    let _ = fs::remove_dir_all(&there);
    fs::create_dir_all(&there).expect("a folder");
    let flat = there.join("flat");
    fs::write(&flat, flat_bytes::<R>()).expect("a file");
    let closed = filled(&there, kind, "closed");
    let killed = filled(&there, kind, "killed");

    let began = load();
    let mut figures = [const { Vec::new() }; 4];
    let mut opening = [const { Vec::new() }; 2];
    for _ in 0..options.rounds {
        figures[0].push(load_flat::<R>(&flat));
        for (at, file) in [&closed, &killed].into_iter().enumerate() {
            let (opened, loaded) = load_store::<R>(file, &there);
            opening[at].push(opened);
            figures[at + 1].push(loaded);
        }
    }
    head(
        &format!("Loading a million rows, {} (load {began} to {})", R::NAME, load()),
        &["", "the file", "ms", "lowest to highest", "of it, opening", "of the flat file"],
    );
    let lanes =
        [("a flat file", &flat), ("a store that was closed", &closed), ("a store that was killed", &killed)];
    for (at, (lane, file)) in lanes.into_iter().enumerate() {
        let (lowest, highest) = spread(&figures[at]);
        let opened = at.checked_sub(1).map(|at| format!("{:.0}", median(opening[at].iter().copied())));
        row(&[
            lane.to_owned(),
            mib(fs::metadata(file).expect("the file is there").len()),
            format!("{:.0}", median(figures[at].iter().copied())),
            format!("{lowest:.0} to {highest:.0}"),
            opened.unwrap_or_default(),
            format!("{:.2}", ratio(&figures[at], &figures[0])),
        ]);
    }
    let _ = fs::remove_dir_all(&there);
}

fn flat_bytes<R: Row>() -> Vec<u8> {
    let mut bytes = Vec::new();
    for n in 0..ROWS {
        encode_behind_length(&n, &mut bytes);
        encode_behind_length(&R::nth(n), &mut bytes);
    }
    bytes
}

fn load_flat<R: Row>(path: &Path) -> f64 {
    let began = Instant::now();
    let bytes = fs::read(path).expect("the file is there");
    let mut rest = &*bytes;
    let mut rows = hashbrown::HashMap::<u64, R, foldhash::fast::RandomState>::default();
    while !rest.is_empty() {
        let key = decode(&mut rest);
        rows.insert(key, decode(&mut rest));
    }
    assert_eq!(rows.len() as u64, ROWS);
    millis(began)
}

/// How long it takes to open it, and until the worker answers.
fn load_store<R: Row>(file: &Path, there: &Path) -> (f64, f64) {
    // Another file each time: the first that opens it may change it.
    let copy = there.join("copy");
    fs::copy(file, &copy).expect("the file can be copied");
    fs::File::open(&copy).and_then(|file| file.sync_all()).expect("the copy can be synced");
    runtime().block_on(async {
        let began = Instant::now();
        let store = heir_runtime::store::Store::open(&copy).expect("the store can be opened");
        let opened = millis(began);
        let tree = Tree::<R>::start_in(store, 1).await;
        assert_eq!(tree.workers[0].count().await.expect("an answer") as u64, ROWS);
        let loaded = millis(began);
        tree.close().await;
        (opened, loaded)
    })
}

fn millis(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e3
}

/// A store that another process has filled, and closed; or that process was killed.
fn filled(there: &Path, kind: &str, end: &str) -> PathBuf {
    let path = there.join(end);
    let mut child = Command::new(std::env::current_exe().expect("this program has a path"))
        .args(["fill".as_ref(), path.as_os_str(), kind.as_ref(), end.as_ref()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line).expect("a line");
    assert_eq!(line, "filled\n");
    child.kill().expect("the program can be killed");
    child.wait().expect("the program ends");
    path
}

/// The other process.
pub fn fill(path: &str, kind: &str, end: &str) {
    let run = async {
        match kind {
            "bytes" => fill_with::<Bytes<40>>(path.as_ref(), end).await,
            _ => fill_with::<Account>(path.as_ref(), end).await,
        }
    };
    runtime().block_on(run);
}

async fn fill_with<R: Row>(path: &Path, end: &str) {
    let tree = Tree::<R>::start(path, 1).await;
    // A message for each row.
    for n in 0..ROWS {
        tree.workers[0].put_cast(n, R::nth(n)).await.expect("the worker takes it");
    }
    tree.workers[0].count().await.expect("everything before is durable");
    if end == "closed" {
        tree.close().await;
    }
    println!("filled");
    std::future::pending::<()>().await;
}
