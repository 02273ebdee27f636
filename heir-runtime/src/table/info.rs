//! What a table knows of itself.

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
