#!/usr/bin/env bash
# Expected: a StorageBackend that wraps redb's FileBackend and hands every required method on to it
# keeps what FileBackend does, so a second process that opens the file gets DatabaseAlreadyOpen.
# Happens (redb 4.6.0): the lock is taken through six methods of the trait that have a default
# (try_lock_range and others). The default answers Unsupported, and the open then goes on without a
# lock. Two processes have the file open, both commits answer Ok, and the row of one is gone. In
# 4.2.0 FileBackend::new took the lock, and the second process with the same wrapper was refused
# (the changelog of 4.3.0 names the change). A wrapper that hands on the six methods locks again.
# Why it matters: people wrap the backend to count, to throttle or to inject faults. The wrapper
# compiles before and after an update within 4.x, a test that opens the file once shows no
# difference, and a service whose next instance starts while the last one is still stopping loses
# rows. redb warns only if its `logging` feature is on. Hand on every method of the trait, also
# those with a default.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir src
export CARGO_TARGET_DIR="$work/target" CARGO_PROFILE_DEV_DEBUG=0

cat >src/main.rs <<'RUST'
use std::env::{args, current_exe};
use std::fs::OpenOptions;
use std::io::Error;
use std::process::Command;

use redb::backends::FileBackend;
use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable};
use redb::{StorageBackend, TableDefinition};

const ROWS: TableDefinition<&str, u64> = TableDefinition::new("rows");

#[derive(Debug)]
struct Wrapper(FileBackend);

#[cfg(feature = "locks")]
macro_rules! hand_on {
    ($($method:ident -> $answer:ty),*) => {$(
        fn $method(
            &self,
            start: std::ops::Bound<u64>,
            end: std::ops::Bound<u64>,
        ) -> Result<$answer, redb::BackendError> {
            self.0.$method(start, end)
        }
    )*};
}

impl StorageBackend for Wrapper {
    fn len(&self) -> Result<u64, Error> {
        self.0.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        self.0.read(offset, out)
    }
    fn set_len(&self, len: u64) -> Result<(), Error> {
        self.0.set_len(len)
    }
    fn sync_data(&self) -> Result<(), Error> {
        self.0.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        self.0.write(offset, data)
    }
    fn close(&self) -> Result<(), Error> {
        self.0.close()
    }

    #[cfg(feature = "locks")]
    hand_on! {
        try_lock_range -> bool,
        try_lock_shared_range -> bool,
        lock_range -> (),
        lock_shared_range -> (),
        unlock_range -> (),
        query_lock_range -> bool
    }
}

fn open() -> Result<Database, DatabaseError> {
    let file = OpenOptions::new().read(true).write(true).open("file")?;
    Database::builder().create_with_backend(Wrapper(FileBackend::new(file)?))
}

fn insert(database: &Database, key: &str) {
    let transaction = database.begin_write().unwrap();
    transaction.open_table(ROWS).unwrap().insert(key, 1).unwrap();
    println!("  {key}: commit {:?}", transaction.commit());
}

fn main() {
    if args().count() == 2 {
        match open() {
            Ok(database) => insert(&database, "the second process"),
            Err(error) => println!("  the second process: open {error:?}"),
        }
        return;
    }
    let _ = std::fs::remove_file("file");
    drop(Database::create("file").unwrap());

    let database = open().unwrap();
    let second = Command::new(current_exe().unwrap()).arg("second").status().unwrap();
    assert!(second.success());
    insert(&database, "the first process");
    drop(database);

    let database = Database::create("file").unwrap();
    let rows = database.begin_read().unwrap().open_table(ROWS).unwrap();
    for row in rows.iter().unwrap() {
        println!("  a row at the end: {}", row.unwrap().0.value());
    }
}
RUST

cat >expected <<'TEXT'
redb 4.2.0, a wrapper of the required methods
  the second process: open DatabaseAlreadyOpen
  the first process: commit Ok(())
  a row at the end: the first process
redb 4.6.0, a wrapper of the required methods
  the second process: commit Ok(())
  the first process: commit Ok(())
  a row at the end: the first process
redb 4.6.0, a wrapper that hands on the locks too
  the second process: open DatabaseAlreadyOpen
  the first process: commit Ok(())
  a row at the end: the first process
TEXT

run() {
    local version=$1 name=$2
    shift 2
    cat >Cargo.toml <<TOML
[package]
name = "probe"
version = "0.0.0"
edition = "2024"

[features]
locks = []

[dependencies]
redb = "=$version"
TOML
    cargo generate-lockfile --quiet || { echo "could not resolve the packages"; exit 2; }
    cargo build --quiet --locked "$@" || { echo "could not build the probe"; exit 2; }
    echo "redb $version, $name" >>seen
    timeout 60 target/debug/probe >>seen 2>log ||
        { cat seen log; echo "changed: the probe failed"; exit 1; }
}

run 4.2.0 "a wrapper of the required methods"
run 4.6.0 "a wrapper of the required methods"
run 4.6.0 "a wrapper that hands on the locks too" --features locks

if ! diff expected seen; then
    echo "changed: the lines with > are what happens now (< is what happened before)"
    exit 1
fi
cat seen
echo "as stated"
