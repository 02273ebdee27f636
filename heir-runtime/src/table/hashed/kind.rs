//! What a row of a hash table holds: one value, or a list of them.

/// A kind of row, and the changes that a message makes to it.
pub(in crate::table) trait Kind {
    /// What a row holds.
    type Value;
    /// What a message has written to a row.
    type Change;
    /// What a change has taken out of a row, to put back.
    type Before;
    /// What commits that are not shown yet leave of a row.
    type Ahead;
    /// A row as its owner sees it.
    type View<'a>
    where
        Self: 'a;

    /// Makes a change to a row. Returns what it has taken out, and whether the row stays. Only
    /// moves.
    fn change(value: &mut Self::Value, change: Self::Change) -> (Self::Before, bool);

    /// The row that a change makes where there is none: `None` if it makes none. Only moves.
    fn begin(change: Self::Change) -> Result<Self::Value, Self::Change>;

    /// Undoes a change.
    fn restore(value: &mut Self::Value, before: Self::Before);

    /// A row over which nothing lies.
    fn view<'a>(value: &'a Self::Value) -> Self::View<'a>
    where
        Self: 'a;

    /// A row, or none, over which commits lie: `None` if they leave no row. They may have been shown
    /// in part or all: it makes no difference.
    fn view_under<'a>(value: Option<&'a Self::Value>, ahead: &'a Self::Ahead) -> Option<Self::View<'a>>
    where
        Self: 'a;

    /// What a first change, of the commit of this number, leaves of a row. Only moves.
    fn ahead(change: Self::Change, commit: u64) -> Self::Ahead;

    /// What a further change leaves of a row, when commits up to `shown` have been shown. Returns what
    /// is left of it no more. Only moves.
    fn go_ahead(ahead: &mut Self::Ahead, change: Self::Change, commit: u64, shown: u64) -> Self::Before;

    /// How many values a row holds.
    fn count(value: &Self::Value) -> usize;

    /// Drops what a row held, value by value, each caught.
    fn drop_value(value: Self::Value);

    /// Drops a change that was not made, as [`drop_value`](Self::drop_value).
    fn drop_change(change: Self::Change);

    /// Drops what a change has taken out, as [`drop_value`](Self::drop_value).
    fn drop_before(before: Self::Before);

    /// Drops what commits leave of a row, as [`drop_value`](Self::drop_value).
    fn drop_ahead(ahead: Self::Ahead);
}
