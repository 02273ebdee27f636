#!/usr/bin/env bash
# Expected: a span closes when its last handle is dropped; the request that started a worker is
# closed when the request is over.
# Happens (tracing 0.1.44, tracing-subscriber 0.3.23): in the registry a child holds its parent. The
# span of a worker that is started inside a request's span keeps that span, and all above it, open
# for as long as the worker lives, though every handle on the request's span is gone.
# Why it matters: layers that report at close (durations, exporters of traces) never report the
# request, and its data stay in memory. Give a long-living worker a span with `parent: None`, and
# say where it came from with follows_from.
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
tracing-subscriber = { version = "=0.3.23", default-features = false, features = ["registry", "std"] }
TOML

cat >src/main.rs <<'RUST'
use tracing::{Subscriber, info_span, span};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;

struct Closes;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Closes {
    fn on_close(&self, id: span::Id, context: Context<'_, S>) {
        println!("closed: {}", context.span(&id).unwrap().name());
    }
}

fn main() {
    tracing_subscriber::registry().with(Closes).init();
    for detached in [false, true] {
        println!("worker with a parent of its own: {detached}");
        let worker = {
            let request = info_span!("request");
            let _inside = request.enter();
            if detached { info_span!(parent: None, "worker") } else { info_span!("worker") }
        };
        println!("the request is over");
        drop(worker);
    }
}
RUST

cat >expected <<'TEXT'
worker with a parent of its own: false
the request is over
closed: worker
closed: request
worker with a parent of its own: true
closed: request
the request is over
closed: worker
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
