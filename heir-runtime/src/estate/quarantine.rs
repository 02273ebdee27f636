//! Tables that are not to be trusted: parked, untouched, with the reason.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use crate::process::exit::Exit;

/// What becomes of the tables of an incarnation that ended: the answer of a verify hook.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The next incarnation gets the tables, as they are or as the hook has repaired them.
    #[default]
    Accept,
    /// The tables are dropped, and made anew. Readers see the new tables.
    Reset,
    /// The tables are parked as they were regained, for this reason: what the hook wrote to
    /// recorded tables is undone. [`Spec::quarantine`](crate::Spec::quarantine) says what follows.
    Quarantine(Arc<str>),
}

impl Verdict {
    /// A [`Verdict::Quarantine`] with these words.
    pub fn quarantine(reason: impl fmt::Display) -> Self {
        Self::Quarantine(Arc::from(reason.to_string()))
    }
}

/// Tables that were parked: taken out with
/// [`Handle::take_quarantined`](crate::Handle::take_quarantined).
///
/// Parked recorded tables have readers of their own: the readers of the worker read its new tables,
/// also those that were made before.
/// The worker keeps parked tables until they are taken out.
#[derive(Debug)]
#[non_exhaustive]
pub struct Quarantined<T> {
    /// The tables, as they were regained.
    pub tables: T,
    /// Why they were parked.
    pub reason: Arc<str>,
    /// How their last owner ended.
    pub exit: Exit,
    /// When they were parked.
    pub at: Instant,
}
