//! What the runtime asks of a recorded table.

use std::sync::Arc;

use super::boundary::{Boundaries, Passing, PreparedTable, Taking};

/// A table whose changes are recorded, message by message: `Table`, `OrderedTable` or `BagTable`.
///
/// For the runtime and the code the macros write; sealed.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a recorded table",
    label = "a bare `#[table]` needs `Table`, `OrderedTable` or `BagTable`",
    note = "write `#[table(keep)]` for a type that is handed over as it is, or `#[table(rollback)]` for one that is \
            restored from a clone",
    note = "the keys of a recorded table are `Eq + Hash` (`Ord` in an `OrderedTable`), and keys and values are \
            `Clone + Send + Sync + 'static`"
)]
pub trait Recorded: Sized + Send + Sync + 'static + sealed::Sealed {
    /// Reads the table from elsewhere.
    type Reader: Clone + Send + Sync + 'static;
    type Key;
    type Value;
    /// What a snapshot holds.
    type Rows: Send;

    /// A reader of a new, empty table that is not open yet. Its commits pass these boundaries.
    fn reader_first(boundaries: &Arc<Boundaries>) -> Self::Reader;

    /// A reader of a new, empty table with which the one of `reader` can be
    /// [exchanged](Self::exchange).
    fn reader_anew(reader: &Self::Reader, boundaries: &Arc<Boundaries>) -> Self::Reader;

    /// The table that `reader` reads. It may write from now on, and none before it.
    fn open(reader: &Self::Reader) -> Self;

    /// Another reader of this table.
    fn reader(&self) -> Self::Reader;

    /// Whether this is the table that `reader` reads, and may write to it.
    fn is_of(&self, reader: &Self::Reader) -> bool;

    /// Copies the rows as of the boundary of a snapshot: `None` if they have been exchanged since.
    fn rows_at(reader: &Self::Reader, taking: &Taking) -> Option<Self::Rows>;

    /// Drops what no snapshot needs any more. Catches.
    fn give_up_replaced(reader: &Self::Reader);

    /// Puts rows.
    fn fill(&mut self, rows: impl IntoIterator<Item = (Self::Key, Self::Value)>);

    /// The boundaries that its commits pass.
    fn boundaries(&self) -> &Arc<Boundaries>;

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

    /// Makes what was prepared visible, as a commit of its own. Only moves.
    fn commit_alone(&mut self);

    /// Drops what commits have replaced. Catches.
    fn sweep(&mut self);

    /// Drops what the message under way has written. Catches.
    fn discard(&mut self);

    /// Exchanges all rows for those of another table, which was made
    /// [anew](Self::reader_anew). Only moves.
    fn exchange(&mut self, other: &mut Self, passing: &mut Passing<'_>);

    /// What the message under way has written, in order: where a store attaches.
    fn changes(&self) -> Vec<Change<Self::Key, Self::Value>>;
}

/// A change that a message makes.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<K, V> {
    /// All rows are removed.
    Cleared,
    /// The row of a key is this.
    Put(K, V),
    /// The row of a key is removed.
    Removed(K),
    /// This value of a key, by its number, is behind the others: in a bag.
    Added(K, u64, V),
    /// The value of a key with this number is removed: in a bag.
    Taken(K, u64),
}

pub(super) mod sealed {
    pub trait Sealed {}
}
