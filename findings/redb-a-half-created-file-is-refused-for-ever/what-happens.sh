#!/usr/bin/env bash
# Expected: Database::create makes the database, or makes one again that was only half made, so a
# service that was killed in its first start, or found the disk full, creates it at the next start.
# Happens (redb 4.6.0): a creation sets the length, writes a header without the magic number, syncs,
# writes the header with the number, and syncs. A creation that ends after the first of these calls
# and before the second write leaves a file that has a length and no number. Each later create and
# open refuses it as "Not a redb database", also when the disk is well. Only an empty file is new.
# Why it matters: a process that is killed, or a disk that is full, in these few milliseconds leaves
# a service that no restart heals; so does a loss of power between the two syncs. Create the
# database under another name and rename it. The message does not prove that the file is somebody
# else's: in a half-created file the nine bytes of the number are zero.
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
use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind};
use std::sync::Mutex;

use redb::backends::FileBackend;
use redb::{Database, StorageBackend};

/// A disk on which so many calls succeed and all later ones fail.
#[derive(Debug)]
struct Disk {
    file: FileBackend,
    left: Mutex<u32>,
}

impl Disk {
    fn call(&self, name: &str) -> Result<(), Error> {
        let mut left = self.left.lock().unwrap();
        if *left == 0 {
            print!(" {name} fails;");
            return Err(ErrorKind::StorageFull.into());
        }
        print!(" {name},");
        *left -= 1;
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, Error> {
        self.file.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        self.file.read(offset, out)
    }
    fn set_len(&self, len: u64) -> Result<(), Error> {
        self.call("set_len")?;
        self.file.set_len(len)
    }
    fn sync_data(&self) -> Result<(), Error> {
        self.call("sync")?;
        self.file.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        self.call("write")?;
        self.file.write(offset, data)
    }
    fn close(&self) -> Result<(), Error> {
        self.file.close()
    }
}

fn file(path: &str) -> File {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).open(path).unwrap()
}

fn number(bytes: &[u8]) -> &'static str {
    match bytes.get(..9) {
        Some([0, 0, 0, 0, 0, 0, 0, 0, 0]) => "zero",
        Some([b'r', b'e', b'd', b'b', ..]) => "redb's",
        Some(_) => "other",
        None => "absent",
    }
}

fn main() {
    for calls in 0..5 {
        let path = format!("stopped-after-{calls}");
        print!("{calls}:");
        let disk = Disk { file: FileBackend::new(file(&path)).unwrap(), left: Mutex::new(calls) };
        assert!(Database::builder().create_with_backend(disk).is_err());
        let bytes = std::fs::read(&path).unwrap();
        println!(" the number is {}", number(&bytes));
        match Database::create(&path) {
            Ok(_) => println!("   create again: Ok"),
            Err(error) => {
                println!("   create again: {error}");
                assert_eq!(Database::open(&path).unwrap_err().to_string(), error.to_string());
            }
        }
    }
}
RUST

cat >expected <<'TEXT'
redb@4.6.0
0: set_len fails; the number is absent
   create again: Ok
1: set_len, write fails; the number is zero
   create again: I/O error: Not a redb database: magic number mismatch
2: set_len, write, sync fails; the number is zero
   create again: I/O error: Not a redb database: magic number mismatch
3: set_len, write, sync, write fails; the number is zero
   create again: I/O error: Not a redb database: magic number mismatch
4: set_len, write, sync, write, sync fails; the number is redb's
   create again: Ok
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
