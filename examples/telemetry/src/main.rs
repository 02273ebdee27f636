//! A heir tree as an operator sees it: a crash as one trace of OpenTelemetry, and a storm in the
//! counters of Prometheus.
//!
//! `cargo run --manifest-path examples/telemetry/Cargo.toml` starts a collector of its own, so it
//! needs nothing else. What it prints has gone through the bytes of OTLP, and through the text that
//! Prometheus scrapes.

mod collector;
mod exporter;
mod storm;

use heir_runtime::prelude::*;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use opentelemetry::trace::TracerProvider;
use tokio::runtime::{self, Runtime};
use tracing::{Instrument, Level, info_span};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

use crate::collector::Collector;

#[heir]
struct Counter {
    #[table]
    counts: Table<String, u64>,
    /// Survives the crash as it is, so the second try knows of the first.
    #[table(keep)]
    tries: u32,
}

#[handlers]
impl Counter {
    /// Each incarnation begins with this.
    #[on(start)]
    fn hello(&mut self) {}

    /// Crashes at the first try, half-way. The caller does not notice: the call is served again.
    #[redeliver(1)]
    fn count(&mut self, key: String) -> u64 {
        self.tries += 1;
        let count = self.counts.add(key, 1);
        assert!(self.tries > 1, "the first try");
        count
    }
}

fn main() -> Result<(), BoxError> {
    // The panics here are asked for.
    heir_runtime::testing::quiet_panics();

    let collector = Collector::start()?;
    let traces = exporter::to(&collector.url())?;
    // The spans of messages are DEBUG: without this filter, the DEBUG of every other crate comes, too.
    let wanted = Targets::new().with_target("heir", Level::DEBUG).with_target("heir_telemetry", Level::INFO);
    let layer = tracing_opentelemetry::layer()
        .with_tracer(traces.tracer("heir-telemetry"))
        .with_location(false)
        .with_threads(false);
    tracing_subscriber::registry().with(layer.with_filter(wanted)).init();

    // Without buckets, the exporter makes summaries, whose quantiles cannot be added up over machines.
    let seconds = Matcher::Suffix("_seconds".to_owned());
    let metrics = PrometheusBuilder::new()
        .set_buckets_for_metric(seconds, &[0.000_1, 0.001, 0.01, 0.1, 1.0])?
        .install_recorder()?;
    heir_runtime::metrics::describe();

    println!("A crash, as the collector got it:\n");
    // On one thread, the supervisor and the manager notice the crash in the same order each time.
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(crash())?;
    traces.force_flush()?;
    print!("{}", collector.trace_of("request"));

    // The storm is counted. A trace of each of its calls would be too much to read.
    traces.shutdown()?;
    println!("\nA storm, as Prometheus counts it:\n");
    let model = Runtime::new()?.block_on(storm::rage())?;
    model.compare(&metrics.render());
    Ok(())
}

/// A request that crashes its worker, and is answered by the next one.
async fn crash() -> Result<(), BoxError> {
    let mut tree = Supervisor::builder("app");
    let counter = tree.worker(Counter::spec());
    let tree = tree.start().await?;
    let count = counter.count("hits".into()).instrument(info_span!("request")).await?;
    assert_eq!(count, 1, "what the first try wrote is undone");
    // When the workers are gone, their spans are closed.
    tree.shutdown().await;
    Ok(())
}
