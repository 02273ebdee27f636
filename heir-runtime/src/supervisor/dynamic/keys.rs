//! The keys of a `Dynamic`: a map that runs no user code under its lock.
//!
//! A key's `Hash`, `Eq`, `Clone` and `Drop` are user code, which may ask this very map. So the map
//! hashes, compares, clones and drops keys outside of its lock. Under the lock it finds entries by
//! their hash, and clones `Arc`s of them.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::tree::parent::ChildId;
use crate::util::numbers::ByNumber;

/// The children of one supervisor by key, each with its handle.
pub(super) struct Keys<K, H> {
    hasher: RandomState,
    entries: Mutex<Entries<K, H>>,
}

struct Entries<K, H> {
    by_hash: ByNumber<u64, Bucket<K, H>>,
    /// The hash of each child's key: what finds a child's entry by id.
    hashes: ByNumber<ChildId, u64>,
}

/// The entries whose keys have the same hash. A bucket is never changed, only replaced: a bucket
/// that is still the same has still the same entries.
enum Bucket<K, H> {
    One(Arc<Entry<K, H>>),
    /// Keys collide hardly ever.
    Many(Arc<[Arc<Entry<K, H>>]>),
}

pub(super) struct Entry<K, H> {
    key: K,
    id: ChildId,
    handle: H,
}

impl<K, H> Entry<K, H> {
    pub(super) fn new(key: K, id: ChildId, handle: H) -> Self {
        Self { key, id, handle }
    }

    pub(super) fn key(&self) -> &K {
        &self.key
    }

    pub(super) fn handle(&self) -> &H {
        &self.handle
    }
}

impl<K, H> Bucket<K, H> {
    fn of(mut entries: Vec<Arc<Entry<K, H>>>) -> Option<Self> {
        match entries.len() {
            0 => None,
            1 => entries.pop().map(Self::One),
            _ => Some(Self::Many(entries.into())),
        }
    }

    fn entries(&self) -> &[Arc<Entry<K, H>>] {
        match self {
            Self::One(entry) => std::slice::from_ref(entry),
            Self::Many(entries) => entries,
        }
    }

    /// Whether both are the same bucket: no entry has been added or removed between.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::One(one), Self::One(other)) => Arc::ptr_eq(one, other),
            (Self::Many(one), Self::Many(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl<K, H> Clone for Bucket<K, H> {
    fn clone(&self) -> Self {
        match self {
            Self::One(entry) => Self::One(Arc::clone(entry)),
            Self::Many(entries) => Self::Many(Arc::clone(entries)),
        }
    }
}

impl<K, H> Default for Keys<K, H> {
    fn default() -> Self {
        let entries = Entries { by_hash: ByNumber::default(), hashes: ByNumber::default() };
        Self { hasher: RandomState::new(), entries: Mutex::new(entries) }
    }
}

impl<K: Eq + Hash, H: Clone> Keys<K, H> {
    /// Gives a child its key; the error is the handle of another child that has this key.
    pub(super) fn insert(&self, entry: &Arc<Entry<K, H>>) -> Result<(), H> {
        let hash = self.hasher.hash_one(&entry.key);
        let mut known = None;
        loop {
            let bucket = match self.insert_beside(hash, entry, known.as_ref()) {
                Ok(before) => {
                    drop(before);
                    return Ok(());
                }
                Err(bucket) => bucket,
            };
            if let Some(taken) = bucket.entries().iter().find(|taken| taken.key == entry.key) {
                return Err(taken.handle.clone());
            }
            // No entry of this bucket has the key. If the bucket is still the same, the entry can
            // be added.
            known = Some(bucket);
        }
    }

    /// Inserts an entry if the hash still has the `known` bucket, or none; returns the bucket that
    /// the entry replaced. Otherwise the error is the bucket that the hash has now.
    fn insert_beside(
        &self,
        hash: u64,
        entry: &Arc<Entry<K, H>>,
        known: Option<&Bucket<K, H>>,
    ) -> Result<Option<Bucket<K, H>>, Bucket<K, H>> {
        let mut entries = self.lock();
        let bucket = match (entries.by_hash.get(&hash), known) {
            (Some(now), Some(known)) if now.is_same(known) => {
                Bucket::Many(now.entries().iter().chain([entry]).cloned().collect())
            }
            (Some(now), _) => return Err(now.clone()),
            (None, _) => Bucket::One(Arc::clone(entry)),
        };
        let before = entries.by_hash.insert(hash, bucket);
        entries.hashes.insert(entry.id, hash);
        Ok(before)
    }

    pub(super) fn get<Q>(&self, key: &Q) -> Option<H>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let bucket = self.bucket(self.hasher.hash_one(key))?;
        let entry = bucket.entries().iter().find(|entry| entry.key.borrow() == key)?;
        Some(entry.handle.clone())
    }

    fn bucket(&self, hash: u64) -> Option<Bucket<K, H>> {
        self.lock().by_hash.get(&hash).cloned()
    }
}

impl<K, H> Keys<K, H> {
    /// All entries of this moment, in no particular order.
    pub(super) fn entries(&self) -> Vec<Arc<Entry<K, H>>> {
        let entries = self.lock();
        let mut all = Vec::with_capacity(entries.hashes.len());
        entries.by_hash.values().for_each(|bucket| all.extend_from_slice(bucket.entries()));
        all
    }

    pub(super) fn len(&self) -> usize {
        self.lock().hashes.len()
    }

    /// Removes a child's key, if it has one.
    pub(super) fn forget(&self, id: ChildId) {
        let mut entries = self.lock();
        let Entries { by_hash, hashes } = &mut *entries;
        let Some(hash) = hashes.remove(&id) else { return };
        let Some(bucket) = by_hash.remove(&hash) else { return };
        let others = bucket.entries().iter().filter(|entry| entry.id != id).cloned().collect();
        if let Some(others) = Bucket::of(others) {
            by_hash.insert(hash, others);
        }
        drop(entries);
        // With it goes the key, and maybe the last handle on the tables: `SupervisorShared` catches
        // their panics.
        drop(bucket);
    }

    fn lock(&self) -> MutexGuard<'_, Entries<K, H>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys that all have one hash.
    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
    struct Alike(u8);

    impl Hash for Alike {
        fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
            state.write_u8(0);
        }
    }

    #[test]
    fn keys_of_one_hash_are_told_apart() {
        let keys = Keys::default();
        let insert = |n, id, handle| keys.insert(&Arc::new(Entry::new(Alike(n), id, handle)));
        for n in 0..3 {
            assert_eq!(insert(n, u64::from(n), n), Ok(()));
            assert_eq!(insert(n, 100, 100), Err(n));
        }
        keys.forget(1);
        keys.forget(7);
        assert_eq!([keys.get(&Alike(0)), keys.get(&Alike(1)), keys.get(&Alike(2))], [Some(0), None, Some(2)]);
        let mut all: Vec<_> = keys.entries().iter().map(|entry| entry.key().clone()).collect();
        all.sort();
        assert_eq!((all, keys.len()), (vec![Alike(0), Alike(2)], 2));
        assert_eq!(insert(1, 8, 8), Ok(()));
        for id in [0, 2, 8] {
            keys.forget(id);
        }
        assert_eq!((keys.len(), keys.lock().by_hash.len()), (0, 0));
    }

    #[test]
    fn of_many_that_want_one_key_at_once_exactly_one_has_it() {
        let keys: Keys<Alike, u64> = Keys::default();
        std::thread::scope(|scope| {
            let take = |id| {
                scope.spawn({
                    let keys = &keys;
                    move || keys.insert(&Arc::new(Entry::new(Alike(0), id, id)))
                })
            };
            let taken: Vec<_> = (0..4).map(take).collect();
            let won = taken.into_iter().filter_map(|taken| taken.join().unwrap().ok()).count();
            assert_eq!((won, keys.len()), (1, 1));
        });
    }
}
