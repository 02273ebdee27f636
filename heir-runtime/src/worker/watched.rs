//! What is being served, for who watches.

use std::sync::Arc;

use crate::process::exit::ExitReason;
use crate::table::Readers;
use crate::util::meter::{self, Moment};
use crate::util::span::Span;

/// A message or hook that is being served, and that somebody watches.
pub(crate) struct Watched {
    /// `None` if nobody wants a span.
    pub(crate) span: Option<Arc<Span>>,
    /// The last commit before it.
    pub(crate) last_commit: u64,
    /// The handler, and when it has begun; `None` for a hook.
    pub(crate) message: Option<(&'static str, Moment)>,
}

impl Watched {
    /// It has committed: if it wrote to the recorded tables, its span has the number of the boundary.
    pub(crate) fn is_served(&self, worker: &'static str, readers: &Readers) {
        let boundary = readers.last_commit();
        if let Some(span) = &self.span
            && boundary > self.last_commit
        {
            span.record("boundary", boundary);
        }
        self.has_ended(worker, true);
    }

    /// It has died, for this reason.
    pub(crate) fn has_died(&self, worker: &'static str, reason: &ExitReason) {
        if let Some(span) = &self.span {
            span.record_failure("died", reason);
        }
        self.has_ended(worker, false);
    }

    fn has_ended(&self, worker: &'static str, committed: bool) {
        if let Some((handler, began)) = self.message {
            meter::handled(worker, handler, began, committed);
        }
    }
}
