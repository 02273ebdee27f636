//! What a table knows of itself, and what kind of table it is.

/// What a table knows of itself, at one instant. Who owns it, and who inherits it, is in
/// [`EstateInfo`](crate::estate::EstateInfo).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct TableInfo {
    /// How many rows there are; in a bag, how many pairs.
    pub rows: usize,
    /// How many messages that wrote to the table have been committed: the number of the last
    /// boundary.
    pub boundary: u64,
}

/// What kind of table a file, or a store, holds.
#[cfg(any(feature = "store", feature = "table-files"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u8)]
pub enum TableKind {
    /// A [`Table`](crate::table::Table).
    Table = 1,
    /// An [`OrderedTable`](crate::table::OrderedTable).
    Ordered = 2,
    /// A [`BagTable`](crate::table::BagTable).
    Bag = 3,
    /// The value of a `rollback` field, in a store.
    Value = 4,
}
