//! What can be read of a `Table`: by its owner, with the writes of the message under way, and by its
//! readers, without.

use std::borrow::Borrow;
use std::hash::Hash;

use crate::table::drops::DropRows;
use crate::table::hashed::{Core, One, Owner, cut_page, position};
use crate::table::rows::{PAGE, Rows};

/// The rows of a table as its owner, or a reader, sees them.
pub(super) trait SetRows<K, V>: Sync {
    /// Looks at a row. `look` may run under the lock of the rows: it clones.
    fn look<Q, R>(&self, key: &Q, look: impl FnOnce(&K, &V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized;

    /// At least `limit` rows from this position on, if there are so many in one shard, and the
    /// position at which the next page begins.
    fn page(&self, from: u32, limit: usize) -> (DropRows<K, V>, Option<u32>);

    /// The position of a key among all.
    fn position<Q: Hash + ?Sized>(&self, key: &Q) -> u32;
}

impl<K, V> SetRows<K, V> for Core<K, One<V>>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    #[inline]
    fn look<Q, R>(&self, key: &Q, look: impl FnOnce(&K, &V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.find(self.hash(key), key, |row, _| row.map(|row| look(&row.key, &row.value)))
    }

    fn page(&self, from: u32, limit: usize) -> (DropRows<K, V>, Option<u32>) {
        let mut page = DropRows::with_capacity(limit.min(self.rows()));
        let next = self.shards.page(from, limit, |row| page.push_clone(&row.key, &row.value));
        (page, next)
    }

    fn position<Q: Hash + ?Sized>(&self, key: &Q) -> u32 {
        position(self.hash(key))
    }
}

impl<K, V> SetRows<K, V> for Owner<K, One<V>>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    #[inline]
    fn look<Q, R>(&self, key: &Q, look: impl FnOnce(&K, &V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.core.hash(key);
        if let Some(at) = self.written_at(hash, key) {
            return self.written(at).as_ref().map(|value| look(self.written_key(at), value));
        }
        self.committed(hash, key, look)
    }

    fn page(&self, from: u32, limit: usize) -> (DropRows<K, V>, Option<u32>) {
        let mut page = DropRows::with_capacity(limit.min(self.rows()));
        let (next, written) = self.merge_page(from, limit, |key, value| page.push_clone(key, value));
        for &at in written {
            if let Some(value) = self.written(at) {
                page.push_clone(self.written_key(at), value);
            }
        }
        let (more, next) = cut_page(&mut page.0, limit, next, |key| self.position(key));
        drop(DropRows(more));
        (page, next)
    }

    fn position<Q: Hash + ?Sized>(&self, key: &Q) -> u32 {
        position(self.core.hash(key))
    }
}

/// All rows, page by page.
pub(super) fn rows<'a, K, V, S>(source: &'a S) -> Rows<'a, K, V>
where
    S: SetRows<K, V>,
    K: 'a,
    V: 'a,
{
    let mut from = Some(0);
    Rows::new(move || {
        let (page, next) = source.page(from?, PAGE);
        from = next;
        Some(page)
    })
}

/// The first rows from this position on: `limit`, or a few more if they have one hash.
pub(super) fn first<K: Hash, V>(
    source: &impl SetRows<K, V>,
    mut from: Option<u32>,
    limit: usize,
) -> Vec<(K, V)> {
    let mut rows = DropRows::with_capacity(0);
    while let Some(position) = from
        && rows.0.len() < limit
    {
        let (page, next) = source.page(position, limit - rows.0.len());
        rows.0.extend(page.into_vec());
        from = next;
    }
    // The last is the one after which the next page begins.
    rows.0.sort_by_cached_key(|(key, _)| source.position(key));
    rows.into_vec()
}
