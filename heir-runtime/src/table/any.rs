//! A recorded table, whatever its rows are: the rows that it shares with its readers, and its owner.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use super::boundary::{Boundaries, Passing, PreparedTable};

/// The committed rows of a table, which the owner and the readers share.
pub trait AnyCore: Any + Send + Sync {
    /// Those of a new, empty table with which these can be [exchanged](AnyOwner::exchange). Its
    /// commits pass these boundaries.
    fn anew(&self, boundaries: &Arc<Boundaries>) -> Arc<dyn AnyCore>;

    /// How many rows there are; in a bag, how many pairs. It waits for nobody.
    fn row_count(&self) -> usize;

    /// Drops what no snapshot needs any more. Catches.
    fn give_up_replaced(&self);

    /// Drops what commits that are not shown leave of the rows, and what those that were shown have
    /// replaced. Catches.
    fn forget_ahead(&self);

    /// Exchanges all rows for those of another table, which was made [anew](Self::anew): while nobody
    /// owns either. Only moves.
    ///
    /// # Panics
    /// As [`AnyOwner::exchange`].
    #[cfg(feature = "store")]
    fn exchange_with(&self, other: &Arc<dyn AnyCore>, passing: &mut Passing<'_>);
}

/// What is said of rows, or of an owner, of another type than was expected.
pub(super) const OTHER: &str = "the recorded tables of a worker are always listed in one order";

/// What is said if tables are exchanged of which a commit is still to be shown.
pub(super) const AHEAD: &str = "rows were exchanged although a commit is not shown yet";

/// The rows, if they are of this type.
pub(super) fn downcast<C: Any + Send + Sync>(core: Arc<dyn AnyCore>) -> Option<Arc<C>> {
    let core: Arc<dyn Any + Send + Sync> = core;
    core.downcast().ok()
}

/// The one who may write to a table, with what the message under way has written.
pub trait AnyOwner: Any {
    /// The committed rows.
    fn core(&self) -> Arc<dyn AnyCore>;

    /// The boundaries that its commits pass.
    fn boundaries(&self) -> &Arc<Boundaries>;

    /// Whether it may write: no other owner of its rows has been made since.
    fn may_write(&self) -> bool;

    /// Whether this is the owner of these rows, and may write.
    fn is_of(&self, core: &Arc<dyn AnyCore>) -> bool;

    /// Becomes the owner of these rows that may write from now on, and none before it.
    ///
    /// # Panics
    /// If they are of another type.
    fn reopen(&mut self, core: Arc<dyn AnyCore>);

    /// Whether the message under way has written anything.
    fn is_dirty(&self) -> bool;

    /// Makes room for what the message under way has written. It runs a user's code, may panic, and
    /// then nothing has changed.
    fn prepare(&mut self);

    /// Takes out what was prepared, as the commit of this number, to be shown later. The owner goes on
    /// to see it. Only moves.
    fn hand_over(&mut self, commit: u64) -> Box<dyn PreparedTable>;

    /// Makes what was prepared visible. Only moves.
    fn apply(&mut self, passing: &Passing<'_>);

    /// The same, as a commit of its own. Only moves.
    fn commit_alone(&mut self);

    /// Drops what commits have replaced. Catches.
    fn sweep(&mut self);

    /// Drops what the message under way has written. Catches.
    fn discard(&mut self);

    /// Exchanges all rows for those of another table, which was made [anew](AnyCore::anew). Only
    /// moves.
    ///
    /// # Panics
    /// If a commit of either is not shown yet, or if the other is of another type.
    fn exchange(&mut self, other: &mut dyn AnyOwner, passing: &mut Passing<'_>);

    /// Changes places with another owner of its type, the readers included. Runs no user code.
    ///
    /// # Panics
    /// If the other is of another type.
    fn swap(&mut self, other: &mut dyn AnyOwner);
}

/// The owner, if it is of this type.
pub(super) fn downcast_owner<O: AnyOwner>(owner: &mut dyn AnyOwner) -> Option<&mut O> {
    let owner: &mut dyn Any = owner;
    owner.downcast_mut()
}

/// A recorded table, whatever its rows are.
pub struct AnyTable<'t>(pub(super) &'t mut dyn AnyOwner);

impl AnyTable<'_> {
    /// Drops what has been written to it since the last boundary.
    pub(crate) fn discard(&mut self) {
        self.0.discard();
    }
}

/// All recorded tables of a worker, in the order of its fields.
pub type AnyTables<'t> = Vec<AnyTable<'t>>;

impl fmt::Debug for AnyTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyTable").finish_non_exhaustive()
    }
}
