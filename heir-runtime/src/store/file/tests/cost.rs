//! What it costs, in figures: `cargo test --release .. store::file::tests::cost -- --ignored --nocapture`.
//!
//! The files are in the folder `HEIR_DISK`, or in that for temporary files, which may be in memory.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use redb::{Database, TableDefinition};

use super::super::{BOUNDS, Bounds, File, PART, SyncTo};
use crate::store::driver::{declared, write_table};
use crate::store::engine::{Claimed, Engine as _, Entry, Record};
use crate::store::record::RecordWriter;

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder = std::env::var_os("HEIR_DISK").map_or_else(std::env::temp_dir, PathBuf::from);
        let folder = folder.join(format!("heir-cost-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The records of a batch, each of about a hundred bytes, of so many workers.
fn batch(claimed: &mut [Claimed], records: usize) -> Vec<Entry> {
    let count = claimed.len();
    let record = |number: usize| {
        let Claimed { worker, last, tables, .. } = &mut claimed[number % count];
        let mut writer = RecordWriter::new(Vec::new());
        write_table(&mut writer, tables[0].id, &[7; 70]);
        *last += 1;
        Entry::Record(Record { worker: *worker, number: *last, after: *last - 1, bytes: writer.finish() })
    };
    (0..records).map(record).collect()
}

/// Copies a file, and waits until it is on the disk: a later sync is not to pay for it.
fn copy(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap();
    fs::File::open(to).unwrap().sync_all().unwrap();
}

fn per(time: Duration, count: u32) -> f64 {
    time.as_secs_f64() * 1e6 / f64::from(count)
}

#[test]
#[ignore = "it measures"]
fn an_append_beside_a_raw_file() {
    let scratch = Scratch::new("append");
    for (records, batches, workers) in [(1, 2_000, 1), (64, 1_000, 64), (1_024, 300, 64), (1_024, 300, 1_024)]
    {
        let bounds = std::env::var("HEIR_JOURNAL")
            .map_or(BOUNDS, |mib| Bounds { journal: mib.parse::<u64>().unwrap() << 20, ..BOUNDS });
        let file = File::open_in(Box::new(scratch.0.join("store")), SyncTo::Disk, bounds).unwrap();
        let mut claimed: Vec<_> = (0..workers).map(|number| file.claim(&declared(number)).unwrap()).collect();
        let mut raw = fs::File::create(scratch.0.join("raw")).unwrap();
        let (mut ours, mut theirs, mut slowest) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        for _ in 0..batches {
            let entries = batch(&mut claimed, records);
            let bytes = vec![7; 106 * records];
            let start = Instant::now();
            file.append(&entries).unwrap();
            let took = start.elapsed();
            (ours, slowest) = (ours + took, slowest.max(took));
            let start = Instant::now();
            raw.write_all(&bytes).unwrap();
            raw.sync_data().unwrap();
            theirs += start.elapsed();
        }
        let (ours, theirs) = (per(ours, batches), per(theirs, batches));
        println!(
            "{records} records of {workers} workers in a batch: {ours:.0} us, a raw file {theirs:.0} us: {:.2} of the \
             floor; the slowest {} us",
            theirs / ours,
            slowest.as_micros()
        );
        file.close().unwrap();
        fs::remove_file(scratch.0.join("store")).unwrap();
    }
}

#[test]
#[ignore = "it measures"]
fn an_open_after_a_kill() {
    let scratch = Scratch::new("open");
    let path = scratch.0.join("store");
    let file = File::open(path.clone(), SyncTo::Disk).unwrap();
    let claimed = file.claim(&declared(1)).unwrap();
    let table = claimed.tables[0].id;
    let parts = u32::try_from((256 << 20) / PART).unwrap();
    for part in 0..parts {
        file.append(&[Entry::Base { table, generation: 1, part, bytes: vec![7; PART - 8] }]).unwrap();
    }
    file.append(&[Entry::Flip { table, generation: 1, parts, at: 0 }]).unwrap();
    let mut all = vec![claimed];
    for _ in 0..1_000 {
        file.append(&batch(&mut all, 1)).unwrap();
    }
    // A copy of an open file is what a killed process leaves.
    let [killed, again, closed, quick] =
        ["killed", "again", "closed", "quick"].map(|name| scratch.0.join(name));
    copy(&path, &killed);
    copy(&path, &again);
    file.close().unwrap();
    copy(&path, &closed);
    {
        let db = Database::open(&path).unwrap();
        let mut tx = db.begin_write().unwrap();
        tx.set_quick_repair(true);
        tx.open_table(TableDefinition::<u64, u64>::new("more")).unwrap().insert(1, 1).unwrap();
        tx.commit().unwrap();
        copy(&path, &quick);
    }
    println!("the file has {} MB", fs::metadata(&path).unwrap().len() >> 20);
    for (name, path) in
        [("closed", &closed), ("killed", &killed), ("killed after a quick-repair commit", &quick)]
    {
        let start = Instant::now();
        drop(Database::open(path).unwrap());
        println!("redb, no check, {name}: {} ms", start.elapsed().as_millis());
    }
    for (name, path) in [("closed", &closed), ("killed", &again)] {
        let start = Instant::now();
        let file = File::open(path.clone(), SyncTo::Disk).unwrap();
        let opened = start.elapsed();
        let claimed = file.claim(&declared(1)).unwrap();
        let (start, mut bytes) = (Instant::now(), 0);
        file.load(claimed.worker, &mut |shown| {
            bytes += shown.changes.len();
            Ok(())
        })
        .unwrap();
        println!(
            "ours, checked, {name}: {} ms; a load of {} MB: {} ms",
            opened.as_millis(),
            bytes >> 20,
            start.elapsed().as_millis()
        );
    }
}
