#!/usr/bin/env bash
# Expected: after Receiver::close, recv gives what is queued and then None, so the usual loop
# `close(); while let Some(..) = recv().await` ends by itself; try_recv says Disconnected.
# Happens (tokio 1.54.1): a Permit that a sender reserved before keeps the channel open. With an
# empty queue recv waits for as long as the permit lives (an hour of the paused clock here), and
# try_recv says Empty. The sender may use its permit an hour after close; is_closed says true.
# Why it matters: a worker that drains its mailbox when it is asked to stop is held up by a client
# that reserved a place and then awaits something else. A drain needs a deadline.
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
tokio = { version = "=1.54.1", features = ["rt", "sync", "test-util", "time"] }
TOML

cat >src/main.rs <<'RUST'
use std::time::Duration;
use tokio::{runtime::Builder, sync::mpsc, time::timeout};

fn main() {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(drain());
}

async fn drain() {
    let (sender, mut mailbox) = mpsc::channel(4);
    let permit = sender.reserve().await.unwrap();
    mailbox.close();
    println!("sender: is_closed {}", sender.is_closed());
    println!("recv in an hour: {:?}", timeout(Duration::from_secs(3600), mailbox.recv()).await.ok());
    println!("try_recv: {:?}", mailbox.try_recv());
    permit.send("after the close");
    println!("recv: {:?}", mailbox.recv().await);
    println!("recv: {:?}", mailbox.recv().await);
}
RUST

cat >expected <<'TEXT'
sender: is_closed true
recv in an hour: None
try_recv: Err(Empty)
recv: Some("after the close")
recv: None
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
