//! What is counted and timed, by the facade [`metrics`](https://docs.rs/metrics): with the feature
//! `metrics`.
//!
//! Which recorder there is, the program decides: an exporter for Prometheus, or for OpenTelemetry.
//! One that is installed late is found at the next message. Without a recorder nothing is timed, and
//! no name is made.
//!
//! The label `worker` is the name of the worker's type, whichever name or key a worker has: so
//! the 100,000 workers of a [`Dynamic`](crate::Dynamic) are one series. Of a supervisor that is restarted
//! it is the supervisor's name.
//!
//! | name | kind | labels | what |
//! |---|---|---|---|
//! | `heir_messages_served_total` | counter | `worker`, `handler` | messages that have committed, also if what follows the commit panics |
//! | `heir_messages_failed_total` | counter | `worker`, `handler` | deaths of an incarnation over a message; one that is served again may fail more than once |
//! | `heir_messages_redelivered_total` | counter | `worker`, `handler` | of those that have failed, how often one was put back to be served again |
//! | `heir_messages_refused_total` | counter | `worker`, `reason` | messages that were not sent (`full`, `stopped`, `down`, `down_for`, `timed_out`, `to_itself`: the variants of [`NotSent`](crate::NotSent)), or were queued and not served (`unserved`) |
//! | `heir_handler_seconds` | histogram | `worker`, `handler` | from the first poll of a handler to the commit of its message, or to the death over it |
//! | `heir_mailbox_wait_seconds` | histogram | `worker` | from when a message was queued to the first poll of its handler; of one that is served again, each time |
//! | `heir_handover_seconds` | histogram | `worker` | from the end of an owner of the tables until the next one has them, with the back-off, and with the time in which it was not to be restarted (terminated, given up on) |
//! | `heir_restarts_total` | counter | `worker`, `role` | restarts of workers, managers and supervisors that had ended; not of siblings that are restarted with one of them (`one_for_all`, `rest_for_one`) |
//!
//! [`Gauges`] sets these, when it is asked to:
//!
//! | name | kind | labels | what |
//! |---|---|---|---|
//! | `heir_workers` | gauge | `worker`, `status` | workers: `serving`, `starting`, `down`, `unresponsive`, `terminated`, `gave_up` or `stopped` |
//! | `heir_mailbox_depth` | gauge | `worker` | messages in their mailboxes |
//! | `heir_open_replies` | gauge | `worker` | callers that wait for a [`Reply`](crate::Reply) that comes later |
//! | `heir_table_rows` | gauge | `worker` | rows of their recorded tables |
//! | `heir_quarantined_bundles` | gauge | `worker` | quarantined bundles of tables, which wait for somebody to take them out |
//!
//! Messages of the worker's own clock are served, fail and are timed as others; they do not wait in the
//! mailbox.
//!
//! An incarnation that dies before it has the tables is restarted, and there is no hand-over: so there
//! may be fewer of those than restarts. A histogram is what the exporter makes of it: one that counts by
//! buckets wants bounds that suit microseconds.
//!
//! A recorder that panics is ignored. One without any fields of its own is taken for none, because the
//! facade's word for "none" is a type without fields.
//!
//! ```
//! # use std::sync::Arc;
//! # use std::sync::atomic::{AtomicU64, Ordering};
//! # use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
//! # #[derive(Clone, Default)]
//! # struct Served(Arc<AtomicU64>);
//! # impl Recorder for Served {
//! #     fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
//! #     fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
//! #     fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
//! #     fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
//! #         if key.name() == "heir_messages_served_total" { Counter::from_arc(Arc::clone(&self.0)) } else { Counter::noop() }
//! #     }
//! #     fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge { Gauge::noop() }
//! #     fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram { Histogram::noop() }
//! # }
//! # use heir_runtime::prelude::*;
//! # #[heir] struct Counters { #[table] counts: Table<String, u64> }
//! # #[handlers]
//! # impl Counters { fn count(&mut self, key: String) -> u64 { self.counts.add(key, 1) } }
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! # let served = Served::default();
//! # metrics::set_global_recorder(served.clone()).unwrap();
//! // A recorder has been installed: that of an exporter, mostly.
//! heir_runtime::metrics::describe();
//! # let mut tree = Supervisor::builder("app");
//! # let counters = tree.worker(Counters::spec());
//! # let tree = tree.start().await?;
//! counters.count("hits".into()).await?; // is counted from here on
//! # tree.shutdown().await;
//! # assert_eq!(served.0.load(Ordering::Relaxed), 1);
//! # Ok::<_, BoxError>(())
//! # }).unwrap();
//! ```

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

pub use crate::supervisor::Gauges;

/// Tells the recorder what each metric is, and its unit: for exporters that show it.
///
/// Call it once, after the recorder is installed. Without a recorder, nothing happens.
///
/// # Panics
/// If the recorder does.
pub fn describe() {
    describe_counter!("heir_messages_served_total", Unit::Count, "Messages that have committed.");
    describe_counter!(
        "heir_messages_failed_total",
        Unit::Count,
        "Deaths of an incarnation of a worker over a message."
    );
    describe_counter!(
        "heir_messages_redelivered_total",
        Unit::Count,
        "Messages that were put back to be served again, after the incarnation had died over them."
    );
    describe_counter!(
        "heir_messages_refused_total",
        Unit::Count,
        "Messages that were not sent, or were queued and not served."
    );
    describe_histogram!(
        "heir_handler_seconds",
        Unit::Seconds,
        "From the first poll of a handler to the commit of its message, or to the death over it."
    );
    describe_histogram!(
        "heir_mailbox_wait_seconds",
        Unit::Seconds,
        "From when a message was queued to the first poll of its handler."
    );
    describe_histogram!(
        "heir_handover_seconds",
        Unit::Seconds,
        "From the end of an owner of the tables until the next one has them."
    );
    describe_counter!("heir_restarts_total", Unit::Count, "Restarts of workers, managers and supervisors.");
    describe_gauge!("heir_workers", Unit::Count, "Workers, by what they do.");
    describe_gauge!("heir_mailbox_depth", Unit::Count, "Messages in the mailboxes of the workers.");
    describe_gauge!("heir_open_replies", Unit::Count, "Callers that wait for a reply that comes later.");
    describe_gauge!("heir_table_rows", Unit::Count, "Rows of the recorded tables of the workers.");
    describe_gauge!(
        "heir_quarantined_bundles",
        Unit::Count,
        "Quarantined bundles of tables, which wait for somebody to take them out."
    );
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    /// The names of metrics in a text.
    fn names(text: &str) -> BTreeSet<&str> {
        text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .filter(|word| word.starts_with("heir_") && *word != "heir_runtime")
            .collect()
    }

    #[test]
    fn the_docs_have_each_metric_and_each_has_a_description() {
        let (docs, code) = include_str!("metrics.rs").split_once("\nuse metrics").unwrap();
        let (described, _) = code.split_once("\n#[cfg(test)]").unwrap();
        let set = names(include_str!("supervisor/gauges.rs"));
        assert_eq!(names(docs), &names(include_str!("util/meter.rs")) | &set);
        assert_eq!(names(docs), names(described));
    }
}
