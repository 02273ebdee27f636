#!/usr/bin/env bash
# Expected: an event that is given a name (`event!(name: "restarting", ...)`) is exported under that
# name, and its message is one of its attributes.
# Happens (tracing-opentelemetry 0.34.0, tracing 0.1.44, opentelemetry_sdk 0.33.1): the message
# becomes the name of the exported event. The name that the event was given is in none of its
# attributes. Without a message, the name is exported.
# Why it matters: queries and alerts on the names of events ("restarting", "gave_up") find nothing,
# and a message with numbers in it makes a new name each time. Give the kind as a field, too.
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
use tracing::{Level, event, info_span};
use tracing_subscriber::prelude::*;

fn main() {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("probe")).with_location(false);
    tracing_subscriber::registry().with(layer).init();

    info_span!("work").in_scope(|| {
        event!(name: "restarting", Level::INFO, worker = "stock", "stock is restarted, 3 of 10");
        event!(name: "restarting", Level::INFO, worker = "stock");
    });
    for event in &exporter.get_finished_spans().unwrap()[0].events.events {
        println!("name: {}", event.name);
        for attribute in &event.attributes {
            println!("    {} = {}", attribute.key, attribute.value);
        }
    }
}
RUST

cat >expected <<'TEXT'
name: stock is restarted, 3 of 10
    level = INFO
    target = probe
    worker = stock
name: restarting
    level = INFO
    target = probe
    worker = stock
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
