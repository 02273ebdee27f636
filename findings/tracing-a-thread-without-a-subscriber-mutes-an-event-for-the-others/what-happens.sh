#!/usr/bin/env bash
# Expected: a subscriber that a thread sets for itself (`with_default`, `set_default`) hears all that
# the thread logs, whatever other threads do.
# Happens (tracing 0.1.44, tracing-core 0.1.36): whether an event is wanted at all is asked once, when
# its line runs first, and kept for the whole process. While there is one subscriber, the thread that
# runs the line first is asked, and no other. If that thread has no subscriber, the event is not
# wanted: the thread that has one does not hear it from then on. With a second subscriber anywhere in
# the process, even one that drops everything, all is heard.
# Why it matters: tests that assert on what is logged set a subscriber for their thread, and run side by
# side. Such a test fails when another test, that has no subscriber, comes to a line first; or an
# event is lost that a helper thread logs before the main one. Set one global subscriber that hands on
# by thread.
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
tracing = { version = "=0.1.44", default-features = false, features = ["std"] }
tracing-core = { version = "=0.1.36", default-features = false, features = ["std"] }
tracing-subscriber = { version = "=0.3.23", default-features = false, features = ["registry", "std"] }
TOML

cat >src/main.rs <<'RUST'
use std::sync::atomic::{AtomicU32, Ordering};

use tracing::{Event, Subscriber, info};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::prelude::*;

static HEARD: AtomicU32 = AtomicU32::new(0);

struct Hears;

impl<S: Subscriber> Layer<S> for Hears {
    fn on_event(&self, _event: &Event<'_>, _context: Context<'_, S>) {
        HEARD.fetch_add(1, Ordering::Relaxed);
    }
}

fn elsewhere(log: fn()) {
    std::thread::spawn(log).join().unwrap();
}

fn said(what: &str, log: fn()) {
    HEARD.store(0, Ordering::Relaxed);
    (0..10).for_each(|_| log());
    println!("{what}: heard {} of 10", HEARD.load(Ordering::Relaxed));
}

fn main() {
    let _here = tracing::subscriber::set_default(tracing_subscriber::registry().with(Hears));

    let first_here = || info!("first here");
    said("this thread came first", first_here);

    let first_elsewhere = || info!("first elsewhere");
    elsewhere(first_elsewhere);
    said("a thread without a subscriber came first", first_elsewhere);

    // It is asked again when a subscriber is made, and both are asked while both are there.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    said("a second subscriber has been made since", first_elsewhere);
    let with_two = || info!("with two");
    elsewhere(with_two);
    said("a thread without one came first, and there are two", with_two);
}
RUST

cat >expected <<'TEXT'
this thread came first: heard 10 of 10
a thread without a subscriber came first: heard 0 of 10
a second subscriber has been made since: heard 10 of 10
a thread without one came first, and there are two: heard 10 of 10
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
