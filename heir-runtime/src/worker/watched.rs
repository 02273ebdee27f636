//! What is being served, for who watches.

use std::sync::Arc;

use crate::table::Readers;
use crate::util::span::Span;

/// The span of a message or hook that is being served, and the last commit before it.
pub(crate) struct Watched {
    pub(crate) span: Arc<Span>,
    pub(crate) last_commit: u64,
}

impl Watched {
    /// It has committed: if it wrote to the recorded tables, its span has the number of the boundary.
    pub(crate) fn is_served(&self, readers: &Readers) {
        let boundary = readers.last_commit();
        if boundary > self.last_commit {
            self.span.record("boundary", boundary);
        }
    }
}
