#!/usr/bin/env bash
# Expected: only the commit that finds the disk full fails, and the next one succeeds when there is
# room again. If the whole Database has failed, its reads fail too. A failed commit was not made.
# Happens (redb 4.6.0): a Database remembers one failed call of its storage for as long as it lives.
# All later writes, and close, answer PreviousIo on a disk that is well, until the next open.
# Reads of pages in the cache go on, all others answer PreviousIo. If it was the sync that failed,
# the commit that answered an error is there when the file is opened again.
# Why it matters: a worker that retries on the same Database never succeeds, while a health check
# that reads a known row says that all is well. After an error of the storage, drop the Database and
# open the file again, and see whether the write is there before you repeat it.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir src
export CARGO_TARGET_DIR="$work/target" CARGO_PROFILE_DEV_DEBUG=0

cat >Cargo.toml <<'TOML'
[package]
name = "probe"
version = "0.0.0"
edition = "2024"

[dependencies]
redb = "=4.6.0"
TOML

cat >src/main.rs <<'RUST'
use std::fs::OpenOptions;
use std::io::{Error, ErrorKind};
use std::sync::Mutex;

use redb::backends::FileBackend;
use redb::{Database, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition};

type Table = TableDefinition<'static, &'static str, &'static [u8]>;

const SMALL: Table = Table::new("small");
const LARGE: Table = Table::new("large");
const CACHE: usize = 256 * 1024;

/// The call that fails when it comes next, once.
static FAILS: Mutex<&str> = Mutex::new("");

fn call(name: &str) -> Result<(), Error> {
    let mut fails = FAILS.lock().unwrap();
    if *fails == name {
        *fails = "";
        return Err(ErrorKind::StorageFull.into());
    }
    Ok(())
}

#[derive(Debug)]
struct Disk(FileBackend);

impl StorageBackend for Disk {
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
        call("sync_data")?;
        self.0.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        call("write")?;
        self.0.write(offset, data)
    }
    fn close(&self) -> Result<(), Error> {
        self.0.close()
    }
}

fn insert(database: &Database, table: Table, key: &str, size: usize) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(table)?.insert(key, vec![0; size].as_slice())?;
    Ok(transaction.commit()?)
}

fn keys(database: &Database, table: Table) -> Result<Vec<String>, redb::Error> {
    let rows = database.begin_read()?.open_table(table)?;
    rows.iter()?.map(|row| Ok(row?.0.value().to_owned())).collect()
}

fn open(path: &str) -> Database {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let disk = Disk(FileBackend::new(file).unwrap());
    Database::builder().set_cache_size(CACHE).create_with_backend(disk).unwrap()
}

fn main() {
    for name in ["write", "sync_data"] {
        let database = Database::create(name).unwrap();
        insert(&database, SMALL, "before", 1).unwrap();
        insert(&database, LARGE, "before", 4 * CACHE).unwrap();
        database.close().unwrap();

        let database = open(name);
        keys(&database, SMALL).unwrap();
        println!("one {name} fails");
        *FAILS.lock().unwrap() = name;
        println!("  that commit: {:?}", insert(&database, SMALL, "failed", 1));
        assert_eq!(*FAILS.lock().unwrap(), "");
        println!("  the next commit: {:?}", insert(&database, SMALL, "next", 1));
        println!("  a read of the small table: {:?}", keys(&database, SMALL));
        println!("  a read of the large table: {:?}", keys(&database, LARGE));
        println!("  close: {:?}", database.close());

        let database = open(name);
        println!("  opened again, a read: {:?}", keys(&database, SMALL));
        println!("  opened again, a commit: {:?}", insert(&database, SMALL, "next", 1));
    }
}
RUST

cat >expected <<'TEXT'
redb@4.6.0
one write fails
  that commit: Err(Io(Kind(StorageFull)))
  the next commit: Err(PreviousIo)
  a read of the small table: Ok(["before"])
  a read of the large table: Err(PreviousIo)
  close: Err(Storage(PreviousIo))
  opened again, a read: Ok(["before"])
  opened again, a commit: Ok(())
one sync_data fails
  that commit: Err(Io(Kind(StorageFull)))
  the next commit: Err(PreviousIo)
  a read of the small table: Ok(["before"])
  a read of the large table: Err(PreviousIo)
  close: Err(Storage(PreviousIo))
  opened again, a read: Ok(["before", "failed"])
  opened again, a commit: Ok(())
TEXT

cargo generate-lockfile --quiet || { echo "could not resolve the packages"; exit 2; }
cargo build --quiet --locked || { echo "could not build the probe"; exit 2; }
cargo pkgid redb | sed 's/.*#//' >seen
timeout 60 target/debug/probe >>seen 2>log || { cat log; echo "changed: the probe failed"; exit 1; }

if ! diff expected seen; then
    echo "changed: the lines with > are what happens now (< is what happened before)"
    exit 1
fi
cat seen
echo "as stated"
