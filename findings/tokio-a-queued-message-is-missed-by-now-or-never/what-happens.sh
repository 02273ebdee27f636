#!/usr/bin/env bash
# Expected: `receiver.recv().now_or_never()` gives a message if one is queued, as try_recv does.
# Happens (tokio 1.54.1, futures-util 0.3.34): a task has a budget of 128 operations a poll. When it
# is used up, recv is Pending though messages are queued, so now_or_never says None after the 128th
# message, and a loop that drains this way ends early. try_recv has no budget and gets them all.
# Why it matters: batching ("take what is there") and draining at shutdown lose messages, but only
# in bursts of more than 128, which no small test has.
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
tokio = { version = "=1.54.1", features = ["rt", "sync"] }
futures-util = { version = "=0.3.34", default-features = false }
TOML

cat >src/main.rs <<'RUST'
use futures_util::FutureExt;
use tokio::{runtime::Builder, sync::mpsc};

fn main() {
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(runtime.spawn(drain())).unwrap();
}

async fn drain() {
    let (sender, mut mailbox) = mpsc::unbounded_channel();
    (0..200).for_each(|message| sender.send(message).unwrap());
    let mut taken = 0;
    while let Some(Some(_)) = mailbox.recv().now_or_never() {
        taken += 1;
    }
    println!("now_or_never: {taken} taken, {} still queued", mailbox.len());
    let mut taken = 0;
    while mailbox.try_recv().is_ok() {
        taken += 1;
    }
    println!("try_recv: {taken} taken, {} still queued", mailbox.len());
}
RUST

cat >expected <<'TEXT'
now_or_never: 128 taken, 72 still queued
try_recv: 72 taken, 0 still queued
TEXT

cargo generate-lockfile --quiet
cargo build --quiet --locked || { echo "could not build the probe"; exit 2; }
timeout 60 target/debug/probe >seen 2>log || { cat log; echo "changed: the probe failed"; exit 1; }

if ! diff expected seen; then
    echo "changed: the lines with > are what happens now (< is what happened before)"
    exit 1
fi
cat seen
echo "as stated"
