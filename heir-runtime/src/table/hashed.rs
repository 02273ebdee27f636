//! The map under `Table` and `BagTable`: papaya, a lock-free hash map.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use papaya::Guard as _;

use super::kept::Kept;
use super::store::{Core, Store};

/// A key with its hash.
///
/// The map hashes keys again when it grows, and a `Hash` that panicked there would leave it half-grown for ever. So it is
/// asked once, before anything happens.
#[derive(Clone)]
pub(super) struct Hashed<K> {
    hash: u64,
    key: Kept<K>,
}

impl<K> Hashed<K> {
    pub(super) fn key(&self) -> &K {
        &self.key
    }

    pub(super) fn into_key(self) -> K {
        self.key.into_inner()
    }
}

impl<K> Hash for Hashed<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl<K: Eq> PartialEq for Hashed<K> {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && *self.key == *other.key
    }
}

impl<K: Eq> Eq for Hashed<K> {}

/// The rows whose keys have one hash: nearly always one.
///
/// The map never sees two keys of one hash. It would make room for them by growing, twice as large for each, until the
/// memory is gone: what a `Hash` that is merely poor must not be able to do.
enum Chain<K, V> {
    One(Hashed<K>, Kept<V>),
    More(Box<[(Hashed<K>, Kept<V>)]>),
}

impl<K, V> Chain<K, V> {
    fn rows(&self) -> impl Iterator<Item = (&Hashed<K>, &Kept<V>)> {
        let (one, more) = match self {
            Self::One(key, value) => (Some((key, value)), &[][..]),
            Self::More(rows) => (None, &**rows),
        };
        one.into_iter().chain(more.iter().map(|(key, value)| (key, value)))
    }

    fn row<Q>(&self, key: &Q) -> Option<(&Hashed<K>, &Kept<V>)>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        match self {
            Self::One(one, value) => (*one.key().borrow() == *key).then_some((one, value)),
            Self::More(rows) => {
                rows.iter().find(|(one, _)| *one.key().borrow() == *key).map(|(one, value)| (one, value))
            }
        }
    }
}

impl<K: Eq + Clone, V: Clone> Chain<K, V> {
    /// What is left of the rows without those of this key, and, if there is a new one, with that.
    fn replace(chain: Option<&Self>, key: &K, new: Option<(Hashed<K>, Kept<V>)>) -> Option<Self> {
        let others = |(one, _): &(&Hashed<K>, &Kept<V>)| *one.key() != *key;
        let mut rows: Vec<_> = chain
            .into_iter()
            .flat_map(Self::rows)
            .filter(others)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        rows.extend(new);
        match rows.len() {
            0 => None,
            1 => rows.pop().map(|(key, value)| Self::One(key, value)),
            _ => Some(Self::More(rows.into_boxed_slice())),
        }
    }
}

/// Passes the hash a key brings along.
#[derive(Default)]
pub(super) struct Ready(u64);

impl Hasher for Ready {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("keys of this map write one u64");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// The shared part of a table of rows by the hash of their key.
pub(super) type HashCore<K, V> = Arc<Core<HashStore<K, V>, Hashed<K>, Kept<V>>>;

/// Rows by the hash of their key.
pub(super) struct HashStore<K, V> {
    chains: papaya::HashMap<u64, Chain<K, V>, BuildHasherDefault<Ready>>,
    /// How many rows there are. There is one writer.
    rows: AtomicUsize,
    hasher: RandomState,
}

impl<K, V> HashStore<K, V>
where
    K: Hash + Eq,
{
    pub(super) fn hashed(&self, key: K) -> Hashed<K> {
        let key = Kept::new(key);
        Hashed { hash: self.hasher.hash_one(&*key), key }
    }

    /// Looks at a row in place. No lock is held: `look` may use the table, and may take its time.
    pub(super) fn look<Q, R>(&self, key: &Q, look: impl FnOnce(&K, &V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let chains = self.chains.pin();
        let (key, value) = chains.get(&self.hasher.hash_one(key))?.row(key)?;
        Some(look(key.key(), value))
    }

    /// The key of a row that is there, to write with.
    pub(super) fn find<Q>(&self, key: &Q) -> Option<Hashed<K>>
    where
        K: Borrow<Q> + Clone,
        Q: Hash + Eq + ?Sized,
    {
        let chains = self.chains.pin();
        chains.get(&self.hasher.hash_one(key))?.row(key).map(|(key, _)| key.clone())
    }

    /// Looks at the rows in place, in no order, while `look` says to go on.
    ///
    /// Rows that are there all the while are seen once; others may be seen or not. No lock is held.
    pub(super) fn each(&self, mut look: impl FnMut(&Hashed<K>, &V) -> bool) {
        let chains = self.chains.pin();
        for (key, value) in chains.values().flat_map(Chain::rows) {
            if !look(key, value) {
                break;
            }
        }
    }
}

impl<K, V> HashStore<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn set(&self, hash: u64, chain: Option<Chain<K, V>>) {
        let chains = self.chains.pin();
        match chain {
            Some(chain) => drop(chains.insert(hash, chain)),
            None => drop(chains.remove(&hash)),
        }
    }

    fn count(&self, before: bool, after: bool) {
        let rows = self.rows.load(Ordering::Relaxed);
        self.rows.store(rows + usize::from(after) - usize::from(before), Ordering::Relaxed);
    }
}

impl<K, V> Store for HashStore<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    type Key = Hashed<K>;
    type Value = Kept<V>;
    type Later<'a> = HashMap<&'a Hashed<K>, Option<&'a Kept<V>>, BuildHasherDefault<Ready>>;

    fn new() -> Self {
        Self { chains: papaya::HashMap::default(), rows: AtomicUsize::new(0), hasher: RandomState::new() }
    }

    fn put<R>(
        &self,
        key: Self::Key,
        value: Self::Value,
        look: impl FnOnce(Option<&Self::Value>) -> R,
        note: impl FnOnce(Self::Key, Option<Self::Value>),
    ) -> R {
        let chains = self.chains.pin();
        let hash = key.hash;
        let chain = chains.get(&hash);
        let row = chain.and_then(|chain| chain.row(key.key()));
        let old = row.map(|(_, value)| value);
        // The key that is there, not the one that equals it: it is what is put back.
        note(row.map_or(&key, |(key, _)| key).clone(), old.cloned());
        let new = match (chain, old) {
            (None, _) | (Some(Chain::One(..)), Some(_)) => Chain::One(key, value),
            (Some(_), _) => {
                let own = key.clone();
                let Some(chain) = Chain::replace(chain, own.key(), Some((key, value))) else {
                    unreachable!("a chain with a new row has one at least")
                };
                chain
            }
        };
        chains.insert(hash, new);
        self.count(old.is_some(), true);
        look(old)
    }

    fn remove(
        &self,
        key: &Self::Key,
        note: impl FnOnce(Self::Key, Option<Self::Value>),
    ) -> Option<Self::Value> {
        let chains = self.chains.pin();
        let chain = chains.get(&key.hash)?;
        let (own, old) = chain.row(key.key())?;
        let old = old.clone();
        let rest = Chain::replace(Some(chain), key.key(), None);
        note(own.clone(), Some(old.clone()));
        self.set(key.hash, rest);
        self.count(true, false);
        Some(old)
    }

    fn restore(&self, key: &Self::Key, old: Option<&Self::Value>) {
        let chains = self.chains.pin();
        let chain = chains.get(&key.hash);
        let was_there = chain.is_some_and(|chain| chain.row(key.key()).is_some());
        let new = Chain::replace(chain, key.key(), old.map(|old| (key.clone(), old.clone())));
        self.set(key.hash, new);
        self.count(was_there, old.is_some());
    }

    fn let_go(&self) {
        // The map would keep them until a batch of some dozens is full: too long for a value whose end means something.
        if std::mem::needs_drop::<V>() {
            self.chains.guard().flush();
        }
    }

    fn get(&self, key: &Self::Key) -> Option<Self::Value> {
        let chains = self.chains.pin();
        chains.get(&key.hash)?.row(key.key()).map(|(_, value)| value.clone())
    }

    fn len(&self) -> usize {
        self.rows.load(Ordering::Relaxed)
    }

    fn later<'a>(
        later: &mut Self::Later<'a>,
        key: &'a Self::Key,
        old: Option<&'a Self::Value>,
    ) -> Option<Option<&'a Self::Value>> {
        later.insert(key, old)
    }
}
