//! Rows one after the other, read in pages.

use std::fmt;

use super::drops::{DropRows, drop_quietly};

/// How many rows are read under a lock at a time.
pub(super) const PAGE: usize = 256;

/// The rows of a table, read in pages as the iterator comes to them: from
/// [`iter`](super::Table::iter).
///
/// Rows that are there all the while come exactly once; others may come or not. No lock is held
/// between two rows.
#[must_use = "an iterator reads nothing until it is asked for rows"]
pub struct Rows<'a, K, V> {
    pages: Box<dyn FnMut() -> Option<DropRows<K, V>> + Send + 'a>,
    page: std::vec::IntoIter<(K, V)>,
}

impl<'a, K, V> Rows<'a, K, V> {
    /// `pages` gives page after page, and then `None`.
    pub(super) fn new(pages: impl FnMut() -> Option<DropRows<K, V>> + Send + 'a) -> Self {
        Self { pages: Box::new(pages), page: Vec::new().into_iter() }
    }
}

impl<K, V> Iterator for Rows<'_, K, V> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        loop {
            if let Some(row) = self.page.next() {
                return Some(row);
            }
            self.page = (self.pages)()?.into_vec().into_iter();
        }
    }
}

impl<K, V> Drop for Rows<'_, K, V> {
    fn drop(&mut self) {
        drop(DropRows(self.page.by_ref().collect()));
    }
}

impl<K, V> fmt::Debug for Rows<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").finish_non_exhaustive()
    }
}

/// The rows a predicate is true of, some at a time: ETS `select/3` and its continuation.
///
/// That of a reader may be kept between messages: it holds no lock, and few rows. A row is looked
/// at when its turn comes, as it is then.
///
/// ```
/// # use heir_runtime::table::OrderedTable;
/// let mut squares = OrderedTable::for_tests();
/// squares.extend((1..=10).map(|n| (n, n * n)));
/// squares.commit();
/// let mut odd = squares.reader().selection(|_, square| square % 2 == 1);
/// assert_eq!(odd.page(2), [(1, 1), (3, 9)]);
/// assert_eq!(odd.page(9), [(5, 25), (7, 49), (9, 81)]);
/// assert!(odd.page(2).is_empty());
/// ```
#[must_use = "a selection selects nothing until it is asked for rows"]
pub struct Selection<'a, K, V> {
    rows: Box<dyn Iterator<Item = (K, V)> + Send + 'a>,
    condition: Condition<'a, K, V>,
}

type Condition<'a, K, V> = Box<dyn FnMut(&K, &V) -> bool + Send + 'a>;

impl<'a, K, V> Selection<'a, K, V> {
    pub(super) fn new(
        rows: impl Iterator<Item = (K, V)> + Send + 'a,
        condition: impl FnMut(&K, &V) -> bool + Send + 'a,
    ) -> Self {
        Self { rows: Box::new(rows), condition: Box::new(condition) }
    }

    /// The next rows, at most `limit`. If there are fewer, these were the last.
    pub fn page(&mut self, limit: usize) -> Vec<(K, V)> {
        self.take(limit).collect()
    }
}

impl<K, V> Iterator for Selection<'_, K, V> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        loop {
            let (key, value) = self.rows.next()?;
            if (self.condition)(&key, &value) {
                return Some((key, value));
            }
            drop_quietly(key);
            drop_quietly(value);
        }
    }
}

impl<K, V> fmt::Debug for Selection<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Selection").finish_non_exhaustive()
    }
}
