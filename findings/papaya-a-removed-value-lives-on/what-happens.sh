#!/usr/bin/env bash
# Expected: a value is dropped when it has been removed from the map and no guard is held any more.
# Happens (papaya 0.2.5): removing retires the entry into the thread's batch. With no guard left
# alive, a value that was removed stays undropped until enough others are retired, which in a quiet
# map is when the map is dropped.
# Why it matters: rows that hold a sender, a permit, a socket or an Arc act by being dropped. After
# `remove` the other side is not told that its peer is gone. Take what acts out of the row first, or
# use a map that returns the value.
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
papaya = "=0.2.5"
TOML

cat >src/main.rs <<'RUST'
use std::sync::mpsc;

fn main() {
    let sessions = papaya::HashMap::new();
    let (sender, receiver) = mpsc::channel::<()>();
    sessions.pin().insert("session", sender);
    println!("removed: {}", sessions.pin().remove("session").is_some());
    println!("rows: {}, the peer is told: {:?}", sessions.len(), receiver.try_recv().unwrap_err());
    drop(sessions);
    println!("map dropped, the peer is told: {:?}", receiver.try_recv().unwrap_err());
}
RUST

cat >expected <<'TEXT'
removed: true
rows: 0, the peer is told: Empty
map dropped, the peer is told: Disconnected
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
