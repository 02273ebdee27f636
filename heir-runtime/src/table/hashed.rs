//! The map under `Table` and `BagTable`: papaya, a lock-free hash map.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use foldhash::SharedSeed;
use foldhash::fast::SeedableRandomState;
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
    One(Row<K, V>),
    More(Box<[Row<K, V>]>),
}

type Row<K, V> = (Kept<K>, Kept<V>);

impl<K, V> Chain<K, V> {
    fn rows(&self) -> &[Row<K, V>] {
        match self {
            Self::One(row) => std::slice::from_ref(row),
            Self::More(rows) => rows,
        }
    }

    fn row<Q>(&self, key: &Q) -> Option<&Row<K, V>>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        match self {
            Self::One(row) => (*K::borrow(&row.0) == *key).then_some(row),
            Self::More(rows) => rows.iter().find(|row| *K::borrow(&row.0) == *key),
        }
    }
}

impl<K: Eq + Clone, V: Clone> Chain<K, V> {
    /// What is left of the rows without those of this key, and, if there is a new one, with that.
    fn replace(chain: Option<&Self>, key: &K, new: Option<Row<K, V>>) -> Option<Self> {
        let others = chain.map_or(&[][..], Self::rows).iter().filter(|row| *row.0 != *key);
        let mut rows: Vec<_> = others.cloned().collect();
        rows.extend(new);
        match rows.len() {
            0 => None,
            1 => rows.pop().map(Self::One),
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

type Chains<K, V> = papaya::HashMap<u64, Chain<K, V>, BuildHasherDefault<Ready>>;

type Pinned<'a, K, V> =
    papaya::HashMapRef<'a, u64, Chain<K, V>, BuildHasherDefault<Ready>, papaya::LocalGuard<'a>>;

/// Rows by the hash of their key.
pub(super) struct HashStore<K, V> {
    /// Made for the first row: it weighs 18 kB, nearly all of it the collector of old rows.
    ///
    /// Maps that shared one would be light, and unsound: each collects all there is in it when it is dropped, also what somebody
    /// is looking at in another (papaya 0.2.5, its issue 102). Nor could any tell when a row is dropped.
    chains: OnceLock<Chains<K, V>>,
    /// How many rows there are. There is one writer.
    rows: AtomicUsize,
    hasher: SeedableRandomState,
}

/// A hasher for one table. Both of its seeds come from where those of std's hash maps do, which is the operating system.
fn hasher() -> SeedableRandomState {
    static SHARED: OnceLock<SharedSeed> = OnceLock::new();
    let random = || RandomState::new().hash_one(());
    SeedableRandomState::with_seed(random(), SHARED.get_or_init(|| SharedSeed::from_u64(random())))
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
    #[inline]
    pub(super) fn look<Q, R>(&self, key: &Q, look: impl FnOnce(&K, &V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let chains = self.chains.get()?.pin();
        let (key, value) = chains.get(&self.hasher.hash_one(key))?.row(key)?;
        Some(look(key, value))
    }

    /// The key of a row that is there, to write with.
    pub(super) fn find<Q>(&self, key: &Q) -> Option<Hashed<K>>
    where
        K: Borrow<Q> + Clone,
        Q: Hash + Eq + ?Sized,
    {
        let chains = self.chains.get()?.pin();
        let hash = self.hasher.hash_one(key);
        chains.get(&hash)?.row(key).map(|(key, _)| Hashed { hash, key: key.clone() })
    }

    /// Looks at the rows in place, in no order, while `look` says to go on.
    ///
    /// Rows that are there all the while are seen once; others may be seen or not. No lock is held.
    pub(super) fn each(&self, mut look: impl FnMut(&K, &V) -> bool) {
        self.each_hashed(|_, key, value| look(key, value));
    }

    fn each_hashed(&self, mut look: impl FnMut(u64, &Kept<K>, &V) -> bool) {
        let Some(chains) = self.chains.get().map(papaya::HashMap::pin) else { return };
        for (hash, chain) in &chains {
            for (key, value) in chain.rows() {
                if !look(*hash, key, value) {
                    return;
                }
            }
        }
    }
}

impl<K, V> HashStore<K, V>
where
    K: Hash + Eq + Clone,
{
    /// The keys of the rows that `choose` has something for, to write with, each with that.
    pub(super) fn choose<C>(&self, mut choose: impl FnMut(&K, &V) -> Option<C>) -> Vec<(Hashed<K>, C)> {
        let mut chosen = Vec::new();
        self.each_hashed(|hash, key, value| {
            chosen.extend(choose(key, value).map(|choice| (Hashed { hash, key: key.clone() }, choice)));
            true
        });
        chosen
    }
}

impl<K, V> HashStore<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Puts a row whose value is made of the one that is there: has `note` note that first.
    ///
    /// One look for both: each costs a pinning of the map.
    pub(super) fn change<R>(
        &self,
        key: Hashed<K>,
        make: impl FnOnce(Option<&Kept<V>>) -> (Kept<V>, R),
        note: impl FnOnce(Hashed<K>, Option<Kept<V>>),
    ) -> R {
        let chains = self.chains.get_or_init(Chains::default).pin();
        let Hashed { hash, key } = key;
        let chain = chains.get(&hash);
        let row = chain.and_then(|chain| chain.row(&*key));
        // The key that is there, not the one that equals it: it is what is put back. Cloned before there is an answer, which is the
        // user's, and would be dropped by a panic.
        let own = row.map_or(&key, |(own, _)| own).clone();
        let old = row.map(|(_, old)| old.clone());
        let (value, answer) = make(row.map(|(_, old)| old));
        self.exchange(&chains, hash, chain, (own, old), (key, value), note);
        answer
    }

    /// `change`, if there is a row.
    pub(super) fn update<Q, R>(
        &self,
        key: &Q,
        make: impl FnOnce(&Kept<V>) -> (Kept<V>, R),
        note: impl FnOnce(Hashed<K>, Option<Kept<V>>),
    ) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let chains = self.chains.get()?.pin();
        let hash = self.hasher.hash_one(key);
        let chain = chains.get(&hash)?;
        let (own, old) = chain.row(key)?;
        let (key, before) = (own.clone(), (own.clone(), Some(old.clone())));
        let (value, answer) = make(old);
        self.exchange(&chains, hash, Some(chain), before, (key, value), note);
        Some(answer)
    }

    /// Puts a row in the place of its key in `chain`: has `note` note first what was there.
    #[inline]
    fn exchange(
        &self,
        chains: &Pinned<'_, K, V>,
        hash: u64,
        chain: Option<&Chain<K, V>>,
        (own, old): (Kept<K>, Option<Kept<V>>),
        new: Row<K, V>,
        note: impl FnOnce(Hashed<K>, Option<Kept<V>>),
    ) {
        let is_new = old.is_none();
        let new = match (chain, &old) {
            (None, _) | (Some(Chain::One(_)), Some(_)) => Chain::One(new),
            (Some(_), _) => {
                let Some(chain) = Chain::replace(chain, &own, Some(new)) else {
                    unreachable!("a chain with a new row has one at least")
                };
                chain
            }
        };
        note(Hashed { hash, key: own }, old);
        chains.insert(hash, new);
        if is_new {
            self.count(false, true);
        }
    }

    fn set(&self, hash: u64, chain: Option<Chain<K, V>>) {
        let chains = self.chains.get_or_init(Chains::default).pin();
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

    // The map would keep them until a batch of some dozens is full: too long for a value whose end means something.
    const LETS_GO: bool = std::mem::needs_drop::<V>();
    const RING: usize = 16;
    const PLAIN: bool = !std::mem::needs_drop::<(K, V)>();

    fn new() -> Self {
        Self { chains: OnceLock::new(), rows: AtomicUsize::new(0), hasher: hasher() }
    }

    fn put<R>(
        &self,
        key: Self::Key,
        value: Self::Value,
        look: impl FnOnce(Option<&Self::Value>) -> R,
        note: impl FnOnce(Self::Key, Option<Self::Value>),
    ) -> R {
        self.change(key, |old| (value, look(old)), note)
    }

    fn remove(
        &self,
        key: &Self::Key,
        note: impl FnOnce(Self::Key, Option<Self::Value>),
    ) -> Option<Self::Value> {
        let chains = self.chains.get()?.pin();
        let chain = chains.get(&key.hash)?;
        let (own, old) = chain.row(key.key())?;
        let old = old.clone();
        let rest = Chain::replace(Some(chain), key.key(), None);
        note(Hashed { hash: key.hash, key: own.clone() }, Some(old.clone()));
        self.set(key.hash, rest);
        self.count(true, false);
        Some(old)
    }

    fn restore(&self, key: &Self::Key, old: Option<&Self::Value>) {
        let Some(chains) = self.chains.get().map(papaya::HashMap::pin) else { return };
        let chain = chains.get(&key.hash);
        let was_there = chain.is_some_and(|chain| chain.row(key.key()).is_some());
        let new = old.map(|old| (key.key.clone(), old.clone()));
        let new = match chain {
            Some(Chain::One(_)) if was_there => new.map(Chain::One),
            None => new.map(Chain::One),
            Some(_) => Chain::replace(chain, key.key(), new),
        };
        self.set(key.hash, new);
        self.count(was_there, old.is_some());
    }

    fn let_go(&self) {
        if let Some(chains) = self.chains.get() {
            chains.guard().flush();
        }
    }

    fn get(&self, key: &Self::Key) -> Option<Self::Value> {
        let chains = self.chains.get()?.pin();
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::table::Table;
    use crate::util::caught::caught;

    type Numbers = HashStore<u64, u64>;

    #[test]
    fn a_table_without_rows_has_no_map_whatever_is_asked_of_it() {
        let store = Numbers::new();
        assert_eq!(store.look(&1, |_, value| *value), None);
        assert!(store.find(&1).is_none());
        assert_eq!(store.choose(|_, _| Some(())).len(), 0);
        assert!(store.remove(&store.hashed(1), |_, _| unreachable!("there is nothing to note")).is_none());
        store.restore(&store.hashed(1), None);
        store.let_go();
        assert!(store.chains.get().is_none());
        assert!(size_of::<Numbers>() < 128);
    }

    #[test]
    fn each_table_hashes_in_its_own_way() {
        let (one, other) = (Numbers::new(), Numbers::new());
        assert_ne!(one.hashed(1).hash, other.hashed(1).hash);
    }

    #[test]
    fn a_key_whose_clone_panics_drops_no_value_but_caught() {
        static ARMED: AtomicBool = AtomicBool::new(false);

        #[derive(PartialEq, Eq, Hash)]
        struct Key;

        impl Clone for Key {
            fn clone(&self) -> Self {
                assert!(!ARMED.load(Ordering::Relaxed), "from a clone");
                Self
            }
        }

        #[derive(Clone)]
        struct Value;

        impl Drop for Value {
            fn drop(&mut self) {
                assert!(!ARMED.load(Ordering::Relaxed), "from a destructor");
            }
        }

        let mut table = Table::for_tests();
        table.insert(Key, Value);
        table.commit();
        ARMED.store(true, Ordering::Relaxed);
        // Two panics at once would end the process.
        let inserted = caught(|| drop(table.insert(Key, Value)));
        let updated = caught(|| drop(table.update(&Key, |value| value.clone())));
        ARMED.store(false, Ordering::Relaxed);
        assert_eq!(inserted.unwrap_err().as_ref(), "from a clone");
        assert_eq!(updated.unwrap_err().as_ref(), "from a clone");
    }
}
