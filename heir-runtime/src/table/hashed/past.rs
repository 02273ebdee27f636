//! The rows of a hash table as they were at the boundary of a snapshot, page by page.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::core::{Core, RowUndo, Undo, drop_row};
use super::kind::Kind;
use super::shards::{Place, Row};
use crate::table::boundary::{Exchanged, Taking};
use crate::table::drops::drop_quietly;
use crate::table::rows::PAGE;

/// Copies page after page of the committed rows, and undoes in each page what has been committed to
/// its rows since the boundary. It holds one page at a time.
pub(in crate::table) struct Past<'a, K, D: Kind> {
    core: &'a Core<K, D>,
    taking: &'a Taking,
    /// The position at which the next page begins: `None` after the last page.
    from: Option<u32>,
    /// How much of what was replaced is known.
    known: u64,
    /// What later commits have done to rows of the pages to come.
    undone: Undone<K, D>,
    /// The first later commit that has taken all rows out, if there is one: it has the rows of the
    /// pages to come.
    cleared: Option<Arc<Undo<K, D>>>,
}

/// What commits have done to rows, by position; at each, oldest first.
type Undone<K, D> = BTreeMap<u32, Vec<Arc<Undo<K, D>>>>;

impl<'a, K, D: Kind> Past<'a, K, D> {
    pub(in crate::table) fn new(core: &'a Core<K, D>, taking: &'a Taking) -> Self {
        Self { core, taking, from: Some(0), known: 0, undone: BTreeMap::new(), cleared: None }
    }

    /// Takes note of what has been committed since, as far as it is about rows from this position on.
    fn learn(&mut self, from: u32) -> Result<(), Exchanged> {
        for undo in self.taking.replaced(&self.core.replaced, &mut self.known)? {
            match &*undo {
                Undo::Cleared(_) => {
                    // What comes after it was done to other rows.
                    self.cleared = Some(undo);
                    break;
                }
                Undo::Row(row) => {
                    let position = row.place().map(Place::position).filter(|position| *position >= from);
                    if let Some(position) = position {
                        self.undone.entry(position).or_default().push(undo);
                    }
                }
            }
        }
        Ok(())
    }

    /// What has been done to the rows before this position: to no row of a page to come.
    fn undone_before(&mut self, next: Option<u32>) -> Undone<K, D> {
        let later = next.map(|next| self.undone.split_off(&next)).unwrap_or_default();
        std::mem::replace(&mut self.undone, later)
    }
}

impl<K: Clone, D: Kind<Value: Clone, Before: Clone>> Past<'_, K, D> {
    /// The next page, which may have no rows; `None` after the last.
    pub(in crate::table) fn next_page(&mut self) -> Result<Option<DropRowsOf<K, D>>, Exchanged> {
        let Some(from) = self.from else { return Ok(None) };
        let mut page = Page::<K, D>::new();
        if self.cleared.is_none() {
            self.from = self.core.shards.page(from, PAGE, |row| page.rows.push(row.clone()));
            self.learn(from)?;
        }
        if let Some(Undo::Cleared(rows)) = self.cleared.as_deref() {
            // Of the rows that are there now none may have been there.
            page = Page::new();
            self.from = rows.page(from, PAGE, |row| page.rows.push(row.clone()));
        }
        // Whatever has been committed since, the page may have seen or not: it is undone in it.
        page.undo(&self.undone_before(self.from));
        Ok(Some(page.finish()))
    }
}

impl<K, D> Core<K, D>
where
    K: Clone,
    D: Kind<Value: Clone, Before: Clone>,
{
    /// Copies the rows as of the boundary of a snapshot.
    pub(in crate::table) fn copy(&self, taking: &Taking) -> Result<DropRowsOf<K, D>, Exchanged> {
        let mut past = Past::new(self, taking);
        let mut copy = DropRowsOf(Vec::with_capacity(self.rows()));
        while let Some(mut page) = past.next_page()? {
            copy.0.append(&mut page.0);
        }
        Ok(copy)
    }
}

/// Rows whose values are dropped one by one, each caught.
pub(in crate::table) struct DropRowsOf<K, D: Kind>(pub(in crate::table) Vec<(K, D::Value)>);

impl<K, D: Kind> Drop for DropRowsOf<K, D> {
    fn drop(&mut self) {
        for (key, value) in self.0.drain(..) {
            drop_quietly(key);
            D::drop_value(value);
        }
    }
}

/// A page of rows, in which later commits are undone.
struct Page<K, D: Kind> {
    rows: Vec<Row<K, D::Value>>,
    /// The same rows, while commits are undone.
    by_place: HashMap<Place, Row<K, D::Value>>,
}

impl<K: Clone, D: Kind<Value: Clone, Before: Clone>> Page<K, D> {
    fn new() -> Self {
        Self { rows: Vec::new(), by_place: HashMap::new() }
    }

    /// Undoes commits: at each position from the last to the first.
    fn undo(&mut self, undone: &Undone<K, D>) {
        if undone.is_empty() {
            return;
        }
        let Self { rows: copied, by_place: rows } = self;
        rows.extend(copied.drain(..).map(|row| (row.place, row)));
        for undo in undone.values().flat_map(|undone| undone.iter().rev()) {
            match &**undo {
                Undo::Row(RowUndo::Put { place }) => {
                    rows.remove(place).into_iter().for_each(drop_row::<K, D>);
                }
                Undo::Row(RowUndo::Changed { place, before, .. }) => {
                    if let Some(row) = rows.get_mut(place) {
                        D::restore(&mut row.value, before.clone());
                    }
                }
                Undo::Row(RowUndo::Removed { row, before, .. }) => {
                    rows.insert(row.place, row.clone()).into_iter().for_each(drop_row::<K, D>);
                    if let Some(row) = rows.get_mut(&row.place) {
                        D::restore(&mut row.value, before.clone());
                    }
                }
                Undo::Row(RowUndo::Nothing { .. }) | Undo::Cleared(_) => {}
            }
        }
        copied.extend(rows.drain().map(|(_, row)| row));
    }

    fn finish(mut self) -> DropRowsOf<K, D> {
        DropRowsOf(self.rows.drain(..).map(|row| (row.key, row.value)).collect())
    }
}

impl<K, D: Kind> Drop for Page<K, D> {
    fn drop(&mut self) {
        let by_place = self.by_place.drain().map(|(_, row)| row);
        self.rows.drain(..).chain(by_place).for_each(drop_row::<K, D>);
    }
}
