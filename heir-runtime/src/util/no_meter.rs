//! Stands for `meter.rs` without the feature `metrics`: nothing is counted.

use std::time::Duration;

#[inline]
pub(crate) const fn are_recorded() -> bool {
    false
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment;

impl Moment {
    pub(crate) fn now() -> Self {
        Self
    }
}

pub(crate) fn has_waited(_worker: &'static str, _since: Moment) {}

pub(crate) fn handled(_worker: &'static str, _handler: &'static str, _began: Moment, _committed: bool) {}

pub(crate) fn redelivered(_worker: &'static str, _handler: &'static str) {}

pub(crate) fn refused(_worker: &'static str, _reason: &'static str, _messages: usize) {}

pub(crate) fn restarted(_worker: &str, _role: &'static str) {}

pub(crate) fn handed_over(_worker: &'static str, _after: impl FnOnce() -> Option<Duration>) {}
