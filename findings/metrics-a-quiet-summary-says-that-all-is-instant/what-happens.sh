#!/usr/bin/env bash
# Expected: where a summary has had no observation for a while, its quantiles are NaN, as in
# Prometheus' own clients, or stay as they were.
# Happens (metrics-exporter-prometheus 0.18.3, metrics 0.24.6): a histogram without buckets is
# rendered as a summary over a window that rolls (by default 3 buckets of 20 s). When the window is
# empty, each quantile is 0, while the count and the sum are still those of all observations.
# Why it matters: a service that is idle, or whose worker hangs, reports a 99th percentile of 0 s: a
# graph dives, an average over machines is wrong, and an alert on slow answers falls silent. Set
# buckets. (Here the window is a second, so that the script need not wait for a minute.)
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
metrics = { version = "=0.24.6", default-features = false }
metrics-exporter-prometheus = { version = "=0.18.3", default-features = false }
TOML

cat >src/main.rs <<'RUST'
use std::num::NonZeroU32;
use std::thread::sleep;
use std::time::Duration;

use metrics::histogram;
use metrics_exporter_prometheus::PrometheusBuilder;

fn main() {
    let scrapes = PrometheusBuilder::new()
        .set_quantiles(&[0.0, 1.0])
        .unwrap()
        .set_bucket_duration(Duration::from_secs(1))
        .unwrap()
        .set_bucket_count(NonZeroU32::MIN)
        .install_recorder()
        .unwrap();
    histogram!("wait_seconds").record(0.5);
    print!("{}", scrapes.render());
    sleep(Duration::from_secs(3));
    print!("{}", scrapes.render());
}
RUST

cat >expected <<'TEXT'
# TYPE wait_seconds summary
wait_seconds{quantile="0"} 0.5
wait_seconds{quantile="1"} 0.5
wait_seconds_sum 0.5
wait_seconds_count 1

# TYPE wait_seconds summary
wait_seconds{quantile="0"} 0
wait_seconds{quantile="1"} 0
wait_seconds_sum 0.5
wait_seconds_count 1

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
