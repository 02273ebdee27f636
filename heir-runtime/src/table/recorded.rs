//! What the runtime asks of a recorded table.

use std::any::Any;
use std::sync::Arc;

use super::any::{AnyCore, AnyOwner, AnyTable};
use super::boundary::{Boundaries, Taking};
use super::journal::Written;

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
    type Key: Clone;
    type Value: Clone;
    /// What a snapshot holds.
    type Rows: Send;

    /// The committed rows of a new, empty table that is not open yet. Its commits pass these
    /// boundaries.
    fn rows_first(boundaries: &Arc<Boundaries>) -> Arc<dyn AnyCore>;

    /// The table of these rows. It may write from now on, and none before it.
    ///
    /// # Panics
    /// If they are those of another type of table.
    fn open(rows: Arc<dyn AnyCore>) -> Self;

    /// Reads these rows.
    ///
    /// # Panics
    /// As [`open`](Self::open).
    fn reader_of(rows: Arc<dyn AnyCore>) -> Self::Reader;

    /// Copies the rows as of the boundary of a snapshot: `None` if they have been exchanged since.
    fn rows_at(reader: &Self::Reader, taking: &Taking) -> Option<Self::Rows>;

    /// The table, whatever its rows are.
    fn owner(&self) -> &dyn AnyOwner;

    /// The table, whatever its rows are.
    fn owner_mut(&mut self) -> &mut dyn AnyOwner;

    /// Puts rows.
    fn fill(&mut self, rows: impl IntoIterator<Item = (Self::Key, Self::Value)>);

    /// Shows what the message under way has written to a table of this type, in order: where a store
    /// attaches.
    ///
    /// # Panics
    /// If the owner is that of another type of table.
    fn each_change_of(owner: &dyn Any, look: &mut LookAtChange<'_, Self::Key, Self::Value>);

    /// What the message under way has written to a table of this type, in order.
    ///
    /// # Panics
    /// As [`each_change_of`](Self::each_change_of).
    fn changes_of(owner: &dyn Any) -> Vec<Change<Self::Key, Self::Value>> {
        let mut changes = Vec::new();
        Self::each_change_of(owner, &mut |change| changes.push(change.cloned()));
        changes
    }

    /// What the message under way has written, in order.
    fn changes(&self) -> Vec<Change<Self::Key, Self::Value>> {
        Self::changes_of(self.owner())
    }

    /// Whether the message under way has written anything.
    fn is_dirty(&self) -> bool {
        self.owner().is_dirty()
    }

    /// Drops what the message under way has written. Catches.
    fn discard(&mut self) {
        self.owner_mut().discard();
    }
}

/// A recorded table as one of all that a worker has.
#[inline]
pub fn any<T: Recorded>(table: &mut T) -> AnyTable<'_> {
    AnyTable(table.owner_mut())
}

impl Written<'_> {
    /// What was written to the table at this place, whose type is `T`.
    ///
    /// # Panics
    /// If there is none, or of another type.
    pub fn changes<T: Recorded>(&self, place: usize) -> Vec<Change<T::Key, T::Value>> {
        T::changes_of(self.owners.owner(place))
    }

    /// Shows what was written to the table at this place, whose type is `T`.
    ///
    /// # Panics
    /// As [`changes`](Self::changes), and in `look`.
    #[cfg(feature = "store")]
    pub(crate) fn each_change<T: Recorded>(
        &self,
        place: usize,
        mut look: impl FnMut(Change<&T::Key, &T::Value>),
    ) {
        T::each_change_of(self.owners.owner(place), &mut look);
    }

    /// The place of the value of a field: `None` if its worker does not have it stored.
    #[cfg(feature = "store")]
    pub(crate) fn place_of_value(&self, name: &str) -> Option<usize> {
        let at = self.values.iter().position(|field| *field == name)?;
        Some(self.owners.count() - self.values.len() + at)
    }
}

/// Looks at a change.
pub(super) type LookAtChange<'l, K, V> = dyn FnMut(Change<&K, &V>) + 'l;

/// A change that a message makes.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

#[cfg(feature = "store")]
impl<K, V> Change<K, V> {
    pub(crate) fn by_ref(&self) -> Change<&K, &V> {
        match self {
            Self::Cleared => Change::Cleared,
            Self::Put(key, value) => Change::Put(key, value),
            Self::Removed(key) => Change::Removed(key),
            Self::Added(key, number, value) => Change::Added(key, *number, value),
            Self::Taken(key, number) => Change::Taken(key, *number),
        }
    }
}

impl<K: Clone, V: Clone> Change<&K, &V> {
    fn cloned(self) -> Change<K, V> {
        match self {
            Self::Cleared => Change::Cleared,
            Self::Put(key, value) => Change::Put(key.clone(), value.clone()),
            Self::Removed(key) => Change::Removed(key.clone()),
            Self::Added(key, number, value) => Change::Added(key.clone(), number, value.clone()),
            Self::Taken(key, number) => Change::Taken(key.clone(), number),
        }
    }
}

pub(super) mod sealed {
    pub trait Sealed {}
}
