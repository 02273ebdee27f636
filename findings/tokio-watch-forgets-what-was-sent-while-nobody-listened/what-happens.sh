#!/usr/bin/env bash
# Expected: a watch channel holds the latest value; what was sent last is what the next subscriber
# sees.
# Happens (tokio 1.54.1): Sender::send looks for receivers first. While there is none it returns the
# value as an error and stores nothing: the next subscriber sees the value before.
# send_replace (and send_modify) store it always.
# Why it matters: a configuration that is sent while the one worker that listens is being restarted
# is lost, and the next worker starts with the old one. Use send_replace where listeners restart.
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
tokio = { version = "=1.54.1", features = ["sync"] }
TOML

cat >src/main.rs <<'RUST'
use tokio::sync::watch;

fn main() {
    let (config, worker) = watch::channel("old");
    drop(worker);
    println!("send: {:?}", config.send("new").map_err(|refused| refused.0));
    println!("the next worker sees {:?}", *config.subscribe().borrow());
    config.send_replace("new");
    println!("after send_replace it sees {:?}", *config.subscribe().borrow());
}
RUST

cat >expected <<'TEXT'
send: Err("new")
the next worker sees "old"
after send_replace it sees "new"
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
