//! The rows of an ordered table as they were at the boundary of a snapshot, page by page.

use std::collections::HashMap;
use std::ops::Bound;
use std::sync::Arc;

use super::core::{Core, Undo};
use super::index::Slot;
use crate::table::boundary::{Exchanged, Taking};
use crate::table::drops::{DropRows, Quiet, drop_quietly};
use crate::table::rows::PAGE;

/// Copies page after page of the committed rows, and undoes in each page what has been committed to
/// its rows since the boundary. It holds one page at a time.
pub(in crate::table) struct Past<'a, K, V> {
    core: &'a Core<K, V>,
    taking: &'a Taking,
    /// The key after which the next page begins.
    last: Option<Quiet<K>>,
    is_over: bool,
    /// How much of what was replaced is known.
    known: u64,
    /// What the first later commit to a slot has replaced in it.
    ///
    /// While a snapshot is taken, no slot gets another key that had a row at the boundary.
    undone: HashMap<Slot, Arc<Undo<V>>>,
}

impl<'a, K, V> Past<'a, K, V>
where
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(in crate::table) fn new(core: &'a Core<K, V>, taking: &'a Taking) -> Self {
        Self { core, taking, last: None, is_over: false, known: 0, undone: HashMap::new() }
    }

    /// The next page, which may have no rows; `None` after the last.
    pub(in crate::table) fn next_page(&mut self) -> Result<Option<DropRows<K, V>>, Exchanged> {
        if self.is_over {
            return Ok(None);
        }
        let mut copied: DropRows<K, (Slot, Option<V>)> = DropRows::with_capacity(PAGE);
        self.core.index.read(|index| {
            let after = self.last.as_ref().map_or(Bound::Unbounded, |key| Bound::Excluded(key.get()));
            for (key, slot, value) in index.range::<K>((after, Bound::Unbounded)).take(PAGE) {
                // Vacant ones too: a row may have been in there at the boundary.
                let key = Quiet::new(key.clone());
                let value = value.cloned();
                copied.0.push((key.into_inner(), (slot, value)));
            }
        });
        // Whatever has been committed since, the page may have seen or not: it is undone in it.
        for undo in self.taking.replaced(&self.core.replaced, &mut self.known)? {
            self.undone.entry(undo.slot).or_insert(undo);
        }
        self.is_over = copied.0.len() < PAGE;
        self.last = copied.0.last().map(|(key, _)| Quiet::new(key.clone()));
        let mut page = DropRows::with_capacity(copied.0.len());
        for (_, (slot, value)) in &mut copied.0 {
            if let Some(undo) = self.undone.get(slot) {
                drop_quietly(std::mem::replace(value, undo.before.clone()));
            }
        }
        for (key, (_, value)) in copied.0.drain(..) {
            match value {
                Some(value) => page.0.push((key, value)),
                None => drop_quietly(key),
            }
        }
        Ok(Some(page))
    }
}

impl<K, V> Core<K, V>
where
    K: Ord + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Copies the rows as of the boundary of a snapshot.
    pub(in crate::table) fn copy(&self, taking: &Taking) -> Result<DropRows<K, V>, Exchanged> {
        let mut past = Past::new(self, taking);
        let mut copy = DropRows::with_capacity(self.len());
        while let Some(mut page) = past.next_page()? {
            copy.0.append(&mut page.0);
        }
        Ok(copy)
    }
}
