//! What is counted and timed, by the facade `metrics`. Without the feature, `no_meter.rs` stands here.
//!
//! A recorder is looked for each time, so that one that is installed late is found. Without one,
//! nothing is timed, and no name is made. A recorder is not our code, and may panic.

use std::time::Duration;

use metrics::{counter, histogram, with_recorder};
use tokio::time::Instant;

use crate::util::caught::caught;

/// Whether there is a recorder.
#[inline]
pub(crate) fn are_recorded() -> bool {
    // The recorder that stands for none has no fields; the facade has no other word for it.
    with_recorder(|recorder| size_of_val(recorder) > 0)
}

/// A moment, if somebody wants to know of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment(Option<Instant>);

impl Moment {
    pub(crate) fn now() -> Self {
        Self(are_recorded().then(Instant::now))
    }

    fn elapsed(self) -> Option<f64> {
        self.0.map(|moment| moment.elapsed().as_secs_f64())
    }
}

/// A message has waited in the mailbox since this moment.
pub(crate) fn has_waited(worker: &'static str, since: Moment) {
    if let Some(seconds) = since.elapsed() {
        quietly(|| histogram!("heir_mailbox_wait_seconds", "worker" => worker).record(seconds));
    }
}

/// A handler has begun at this moment, and its message has committed or died.
pub(crate) fn handled(worker: &'static str, handler: &'static str, began: Moment, committed: bool) {
    let Some(seconds) = began.elapsed() else { return };
    quietly(|| {
        let labels = [("worker", worker), ("handler", handler)];
        histogram!("heir_handler_seconds", &labels).record(seconds);
        if committed {
            counter!("heir_messages_served_total", &labels).increment(1);
        } else {
            counter!("heir_messages_failed_total", &labels).increment(1);
        }
    });
}

/// A message that has failed is served again.
pub(crate) fn redelivered(worker: &'static str, handler: &'static str) {
    if are_recorded() {
        let labels = [("worker", worker), ("handler", handler)];
        quietly(|| counter!("heir_messages_redelivered_total", &labels).increment(1));
    }
}

/// Messages were refused, for this reason.
pub(crate) fn refused(worker: &'static str, reason: &'static str, messages: usize) {
    if messages > 0 && are_recorded() {
        let labels = [("worker", worker), ("reason", reason)];
        quietly(|| counter!("heir_messages_refused_total", &labels).increment(messages as u64));
    }
}

/// A worker, its manager, or a supervisor of this name, is restarted.
pub(crate) fn restarted(worker: &str, role: &'static str) {
    if are_recorded() {
        let labels = [("worker", worker.to_owned()), ("role", role.to_owned())];
        quietly(|| counter!("heir_restarts_total", &labels).increment(1));
    }
}

/// The tables have a new owner, this long after the end of the one before.
pub(crate) fn handed_over(worker: &'static str, after: impl FnOnce() -> Option<Duration>) {
    if are_recorded()
        && let Some(after) = after()
    {
        let seconds = after.as_secs_f64();
        quietly(|| histogram!("heir_handover_seconds", "worker" => worker).record(seconds));
    }
}

/// A recorder is not our code.
fn quietly(record: impl FnOnce()) {
    let _ = caught(record);
}
