#!/usr/bin/env bash
# Expected: a field of a span that is recorded twice is exported with its last value: OpenTelemetry's
# specification says that setting an attribute again overwrites it, and that keys are unique.
# Happens (tracing-opentelemetry 0.34.0, tracing 0.1.44, opentelemetry_sdk 0.33.1): the span is
# exported with the attribute twice, once with each value, the older one first.
# Why it matters: a backend keeps one of them, and which one is its own choice: a span that counts
# its tries, or says how far it has come, may show the first value for good. Record a field once.
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
opentelemetry = { version = "=0.33.1", default-features = false, features = ["trace"] }
opentelemetry_sdk = { version = "=0.33.1", default-features = false, features = ["testing", "trace"] }
tracing = { version = "=0.1.44", default-features = false, features = ["std"] }
tracing-opentelemetry = { version = "=0.34.0", default-features = false }
tracing-subscriber = { version = "=0.3.23", default-features = false, features = ["registry", "std"] }
TOML

cat >src/main.rs <<'RUST'
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use tracing::field::Empty;
use tracing_subscriber::prelude::*;

fn main() {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("probe"));
    tracing_subscriber::registry().with(layer).init();

    let span = tracing::info_span!("work", tries = Empty, state = "queued");
    span.record("tries", 1);
    span.record("tries", 2);
    span.record("state", "done");
    drop(span);
    for attribute in &exporter.get_finished_spans().unwrap()[0].attributes {
        if ["tries", "state"].contains(&attribute.key.as_str()) {
            println!("{} = {}", attribute.key, attribute.value);
        }
    }
}
RUST

cat >expected <<'TEXT'
state = queued
tries = 1
tries = 2
state = done
TEXT

cargo generate-lockfile --quiet || { echo "could not resolve the packages"; exit 2; }
cargo build --quiet --locked || { echo "could not build the probe"; exit 2; }
timeout 60 target/debug/probe >seen 2>log || { cat log; echo "changed: the probe failed"; exit 1; }

if ! diff expected seen; then
    echo "changed: the lines with > are what happens now (< is what happened before)"
    exit 1
fi
cat seen
echo "as stated"
