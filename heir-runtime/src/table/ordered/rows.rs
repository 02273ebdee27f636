//! Rows in order, from the front and from the back.

use std::fmt;
use std::vec::IntoIter;

use crate::table::drops::DropRows;

/// The rows of a range in order, read in pages as the iterator comes to them: from
/// [`range`](super::OrderedTable::range) and [`iter`](super::OrderedTable::iter).
///
/// Rows that are there all the while come exactly once; others may come or not. No lock is held
/// between two rows.
#[must_use = "an iterator reads nothing until it is asked for rows"]
pub struct OrderedRows<'a, K, V> {
    /// The rows between two keys: a page of the first, or of the last in reverse.
    pages: Pages<'a, K, V>,
    /// The last key of the last page from the front.
    after: Option<K>,
    /// The last key of the last page from the back.
    before: Option<K>,
    front: IntoIter<(K, V)>,
    back: IntoIter<(K, V)>,
}

type Pages<'a, K, V> = Box<dyn FnMut(Option<&K>, Option<&K>, bool) -> DropRows<K, V> + Send + 'a>;

impl<'a, K, V> OrderedRows<'a, K, V> {
    pub(super) fn new(pages: impl FnMut(Option<&K>, Option<&K>, bool) -> DropRows<K, V> + Send + 'a) -> Self {
        let none = || Vec::new().into_iter();
        Self { pages: Box::new(pages), after: None, before: None, front: none(), back: none() }
    }

    fn page(&mut self, from_back: bool) -> Option<IntoIter<(K, V)>>
    where
        K: Clone,
    {
        let page = (self.pages)(self.after.as_ref(), self.before.as_ref(), from_back);
        let (last, _) = page.0.last()?;
        let last = Some(last.clone());
        if from_back {
            self.before = last;
        } else {
            self.after = last;
        }
        Some(page.into_vec().into_iter())
    }
}

impl<K: Clone, V> Iterator for OrderedRows<'_, K, V> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        if let Some(row) = self.front.next() {
            return Some(row);
        }
        match self.page(false) {
            Some(page) => {
                self.front = page;
                self.front.next()
            }
            None => self.back.next_back(),
        }
    }
}

impl<K: Clone, V> DoubleEndedIterator for OrderedRows<'_, K, V> {
    fn next_back(&mut self) -> Option<(K, V)> {
        if let Some(row) = self.back.next() {
            return Some(row);
        }
        match self.page(true) {
            Some(page) => {
                self.back = page;
                self.back.next()
            }
            None => self.front.next_back(),
        }
    }
}

impl<K, V> Drop for OrderedRows<'_, K, V> {
    fn drop(&mut self) {
        drop(DropRows(self.front.by_ref().chain(self.back.by_ref()).collect()));
    }
}

impl<K, V> fmt::Debug for OrderedRows<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderedRows").finish_non_exhaustive()
    }
}
