//! Rows by predicate, some at a time.

use std::fmt;

/// The rows a predicate is true of, some at a time: ETS `select/3` and its continuation.
///
/// It may be kept between messages: it holds no lock, and no row but those it has given out. A row is looked at when its
/// turn comes, as it is then. For tables in no order, the keys are copied first, and rows put later are not seen.
///
/// ```
/// # use heir_runtime::table::OrderedTable;
/// let mut squares = OrderedTable::for_tests();
/// squares.extend((1..=10).map(|n| (n, n * n)));
/// let mut odd = squares.selection(|_, square| square % 2 == 1);
/// assert_eq!(odd.page(2), [(1, 1), (3, 9)]);
/// squares.remove(&5);
/// assert_eq!(odd.page(2), [(7, 49), (9, 81)]);
/// assert!(odd.page(2).is_empty());
/// ```
#[must_use = "a selection selects nothing until it is asked for rows"]
pub struct Selection<'a, K, V> {
    next: Box<dyn FnMut() -> Option<(K, V)> + Send + 'a>,
}

impl<'a, K, V> Selection<'a, K, V> {
    pub(super) fn new(next: impl FnMut() -> Option<(K, V)> + Send + 'a) -> Self {
        Self { next: Box::new(next) }
    }

    /// The next rows, at most `limit`. Fewer: these were the last.
    pub fn page(&mut self, limit: usize) -> Vec<(K, V)> {
        self.take(limit).collect()
    }
}

impl<K, V> Iterator for Selection<'_, K, V> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        (self.next)()
    }
}

impl<K, V> fmt::Debug for Selection<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Selection").finish_non_exhaustive()
    }
}
