//! What the runtime asks of a recorded table.

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
pub trait Recorded: Sized + Send + 'static + sealed::Sealed {
    /// Reads the table from elsewhere.
    type Reader: Clone + Send + Sync + 'static;
    /// A key and a value.
    type Row;

    /// A reader of a new, empty table that is not open yet.
    fn reader_first() -> Self::Reader;

    /// The one table that `reader` reads. To be called once for each reader made first: there is one writer.
    fn open(reader: &Self::Reader) -> Self;

    /// Another reader of this table.
    fn reader(&self) -> Self::Reader;

    /// Puts rows.
    fn fill(&mut self, rows: impl IntoIterator<Item = Self::Row>);

    /// Puts the rows of `new` in the place of its own, as changes of the message under way.
    fn adopt(&mut self, new: &Self);

    /// Ends the message under way: what it wrote stays.
    fn commit(&mut self);

    /// Undoes the message under way.
    ///
    /// # Panics
    /// Passes on a panic of the user's code, after undoing all that could be undone. Nothing is lost: another call tries
    /// the whole again.
    fn rollback(&mut self);

    /// Whether the message under way has written anything.
    fn is_dirty(&self) -> bool;

    /// The number of the message under way: one more than that of the last boundary.
    fn message(&self) -> u64;

    /// What the message under way has written so far, in order: where a store attaches, just before `commit`.
    fn changes(&self) -> Vec<Change<Self::Row>>;
}

/// One change of a row, read forwards.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<R> {
    /// The row was put.
    Put(R),
    /// The row was removed.
    Removed(R),
}

pub(super) mod sealed {
    pub trait Sealed {}
}
