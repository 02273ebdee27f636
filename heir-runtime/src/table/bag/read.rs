//! What can be read of a `BagTable`: by its owner, with the writes of the message under way, and by
//! its readers, without.

use std::borrow::Borrow;
use std::hash::Hash;

use crate::table::drops::{DropRows, Quiet, drop_quietly};
use crate::table::hashed::{Core, Edits, Kind as _, ListView, Many, Owner, Seen, cut_page, position};
use crate::table::rows::{PAGE, Rows};

/// The values of a key, each with its number.
pub(super) type Values<V> = DropRows<u64, V>;

/// Keys with their values.
pub(super) struct Lists<K, V>(pub(super) Vec<(K, Values<V>)>);

impl<K, V> Lists<K, V> {
    fn push_clone(&mut self, key: &K, values: Values<V>)
    where
        K: Clone,
    {
        self.0.push((key.clone(), values));
    }
}

impl<K, V> Drop for Lists<K, V> {
    fn drop(&mut self) {
        for (key, values) in self.0.drain(..) {
            drop_quietly(key);
            drop(values);
        }
    }
}

fn clones<V: Clone>(list: &ListView<'_, V>) -> Values<V> {
    let mut values = DropRows::with_capacity(list.len());
    list.iter().for_each(|(number, value)| values.push_clone(number, value));
    values
}

/// Does to a list what a message has written.
fn edit<V: Clone>(mut values: Values<V>, edits: &Edits<V>) -> Values<V> {
    let removed = values.0.extract_if(.., |(number, _)| !edits.leaves(*number)).collect();
    drop(DropRows(removed));
    edits.put().iter().for_each(|(number, value)| values.push_clone(number, value));
    values
}

/// The rows of a table as its owner, or a reader, sees them.
pub(super) trait BagRows<K, V>: Sync {
    /// The values of a key, cloned.
    fn values<Q>(&self, key: &Q) -> Values<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized;

    /// How many values a key has.
    fn count_of<Q>(&self, key: &Q) -> usize
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized;

    /// At least `limit` keys from this position on, if there are so many in one shard, and the
    /// position at which the next page begins.
    fn page(&self, from: u32, limit: usize) -> (Lists<K, V>, Option<u32>);

    /// How many keys there are.
    fn keys_len(&self) -> usize;

    /// The position of a key among all.
    fn position<Q: Hash + ?Sized>(&self, key: &Q) -> u32;
}

impl<K, V> BagRows<K, V> for Core<K, Many<V>>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn values<Q>(&self, key: &Q) -> Values<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let values = self.find(self.hash(key), key, |row, _| row.map(|row| clones(&Many::view(&row.value))));
        values.unwrap_or_else(|| DropRows::with_capacity(0))
    }

    fn count_of<Q>(&self, key: &Q) -> usize
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.find(self.hash(key), key, |row, _| row.map_or(0, |row| row.value.0.len()))
    }

    fn page(&self, from: u32, limit: usize) -> (Lists<K, V>, Option<u32>) {
        let mut page = Lists(Vec::new());
        let next =
            self.shards.page(from, limit, |row| page.push_clone(&row.key, clones(&Many::view(&row.value))));
        (page, next)
    }

    fn keys_len(&self) -> usize {
        self.rows()
    }

    fn position<Q: Hash + ?Sized>(&self, key: &Q) -> u32 {
        position(self.hash(key))
    }
}

impl<K, V> BagRows<K, V> for Owner<K, Many<V>>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn values<Q>(&self, key: &Q) -> Values<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        match self.see(key, |_, list| clones(&list)) {
            Seen::Written(at) => edit(self.before(key), self.written(at)),
            Seen::Committed(_, values) => values,
            Seen::Absent(_) => DropRows::with_capacity(0),
        }
    }

    fn count_of<Q>(&self, key: &Q) -> usize
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        match self.see(key, |_, list| list.len()) {
            Seen::Written(at) => self.written(at).len(),
            Seen::Committed(_, values) => values,
            Seen::Absent(_) => 0,
        }
    }

    fn page(&self, from: u32, limit: usize) -> (Lists<K, V>, Option<u32>) {
        let mut page = Lists(Vec::new());
        let (next, written) = self.merge_page(from, limit, |key, list| page.push_clone(key, clones(&list)));
        for &at in written {
            if self.written(at).len() > 0 {
                let key = Quiet::new(self.written_key(at).clone());
                let values = edit(self.before(self.written_key(at)), self.written(at));
                page.0.push((key.into_inner(), values));
            }
        }
        let (more, next) = cut_page(&mut page.0, limit, next, |key| self.position(key));
        drop(Lists(more));
        (page, next)
    }

    fn keys_len(&self) -> usize {
        self.rows()
    }

    fn position<Q: Hash + ?Sized>(&self, key: &Q) -> u32 {
        position(self.core.hash(key))
    }
}

impl<K, V> Owner<K, Many<V>>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The values that a key had before the message under way.
    fn before<Q>(&self, key: &Q) -> Values<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let values = self.committed(self.core.hash(key), key, |_, list| clones(&list));
        values.unwrap_or_else(|| DropRows::with_capacity(0))
    }
}

/// All pairs, page by page.
pub(super) fn rows<'a, K, V, S>(source: &'a S) -> Rows<'a, K, V>
where
    S: BagRows<K, V>,
    K: Clone + 'a,
    V: 'a,
{
    let mut from = Some(0);
    Rows::new(move || {
        let (page, next) = source.page(from?, PAGE);
        from = next;
        Some(pairs(page))
    })
}

/// The pairs of a page.
pub(super) fn pairs<K: Clone, V>(mut page: Lists<K, V>) -> DropRows<K, V> {
    let mut pairs = DropRows::with_capacity(page.0.len());
    for (key, values) in page.0.drain(..) {
        let key = Quiet::new(key);
        for (_, value) in values.into_vec() {
            pairs.0.push((key.get().clone(), value));
        }
    }
    pairs
}

/// The first keys from this position on, with their values: `limit`, or a few more if they have
/// one hash.
pub(super) fn first<K: Hash, V>(
    source: &impl BagRows<K, V>,
    mut from: Option<u32>,
    limit: usize,
) -> Vec<(K, Vec<V>)> {
    let mut keys = Vec::new();
    while let Some(position) = from
        && keys.len() < limit
    {
        let (mut page, next) = source.page(position, limit - keys.len());
        keys.extend(page.0.drain(..).map(|(key, values)| (key, without_numbers(values))));
        from = next;
    }
    // The last is the one after which the next page begins.
    keys.sort_by_cached_key(|(key, _)| source.position(key));
    keys
}

/// The values without their numbers.
pub(super) fn without_numbers<V>(values: Values<V>) -> Vec<V> {
    values.into_vec().into_iter().map(|(_, value)| value).collect()
}
