//! Tables that are not to be trusted: parked, untouched, with the reason.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use super::info::Origin;
use crate::process::exit::Exit;

/// What becomes of tables that no incarnation owns: the answer of a verify hook.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The next incarnation gets the tables, as they are or as the hook has repaired them.
    #[default]
    Accept,
    /// The tables are dropped, and made anew. Readers see the new tables. In a store the new rows take
    /// the place of the old ones.
    Reset,
    /// The tables are parked as they were regained, or loaded, for this reason: what the hook wrote to
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
    /// The tables, as they were regained, or loaded.
    pub tables: T,
    /// Why they were parked.
    pub reason: Arc<str>,
    /// How their last owner ended: `None` if they were loaded from a store, and nobody in this process has
    /// owned them.
    pub exit: Option<Exit>,
    /// When they were parked.
    pub at: Instant,
}

/// What a verify hook is told of the tables that it examines: where they come from, and how their last
/// owner ended.
///
/// ```
/// use heir_runtime::Verdict;
/// use heir_runtime::estate::{Examined, Origin};
/// use heir_runtime::prelude::*;
///
/// #[heir]
/// struct Orders {
///     #[table]
///     open: Table<u64, u64>,
/// }
///
/// #[handlers]
/// impl Orders {
///     /// With `survives = process`, the rows of a program that had a fault may be loaded.
///     #[on(verify)]
///     fn verify(tables: &mut OrdersTables, examined: &Examined) -> Verdict {
///         if tables.open.values().all(|quantity| quantity > 0) {
///             return Verdict::Accept;
///         }
///         match (examined.origin(), examined.exit()) {
///             (Origin::Loaded, _) => Verdict::quarantine("the file has an order of nothing"),
///             (_, Some(exit)) => Verdict::quarantine(format_args!("{} left a mess", exit.incarnation)),
///             _ => Verdict::Reset,
///         }
///     }
/// }
/// # let _ = Orders::spec();
/// ```
#[derive(Clone, Debug)]
pub struct Examined {
    exit: Option<Exit>,
}

impl Examined {
    /// The tables of an owner that has ended like this.
    pub(crate) fn after(exit: Exit) -> Self {
        Self { exit: Some(exit) }
    }

    /// Tables that were loaded from a store.
    #[cfg(feature = "store")]
    pub(crate) fn loaded() -> Self {
        Self { exit: None }
    }

    /// Where the tables come from: [`Origin::Regained`], if an incarnation has ended, or
    /// [`Origin::Loaded`]. Tables that are new, or were made anew by a reset, are not examined.
    pub fn origin(&self) -> Origin {
        if self.exit.is_some() { Origin::Regained } else { Origin::Loaded }
    }

    /// How the last owner of the tables ended: `None` if they were loaded from a store.
    pub fn exit(&self) -> Option<&Exit> {
        self.exit.as_ref()
    }
}
