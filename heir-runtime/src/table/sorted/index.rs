//! The map under `OrderedTable`: an ordered index of keys, and their values by number.
//!
//! A value has the number of its slot, so that a commit needs no comparison to find it: its key is
//! put into the index before, over a vacant slot that no read shows, and taken out of it after.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::ops::Bound;

/// The number of a slot.
pub(super) type Slot = u32;

/// How many slots are made at a time: the list of slots grows without moving any.
const CHUNK: usize = 1024;

/// How many slots are emptied at a time: it divides the others.
const AT_A_TIME: usize = 256;

pub(super) struct Index<K, V> {
    keys: BTreeMap<K, Slot>,
    slots: Vec<Vec<Option<V>>>,
    free: Vec<Slot>,
    /// How many slots have a value.
    len: usize,
}

impl<K, V> Index<K, V> {
    pub(super) fn new() -> Self {
        Self { keys: BTreeMap::new(), slots: Vec::new(), free: Vec::new(), len: 0 }
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// How many keys there are, those of vacant slots too.
    pub(super) fn keys(&self) -> usize {
        self.keys.len()
    }

    /// The value in a slot: `None` if it is vacant.
    pub(super) fn value(&self, slot: Slot) -> Option<&V> {
        self.slots[slot as usize / CHUNK][slot as usize % CHUNK].as_ref()
    }

    /// Puts a value into a slot, or none. Returns the one that was there.
    pub(super) fn replace(&mut self, slot: Slot, value: Option<V>) -> Option<V> {
        let is_some = value.is_some();
        let old = std::mem::replace(&mut self.slots[slot as usize / CHUNK][slot as usize % CHUNK], value);
        match (old.is_some(), is_some) {
            (false, true) => self.len += 1,
            (true, false) => self.len -= 1,
            _ => {}
        }
        old
    }

    /// Takes the values out of some slots, from this one on. Returns them with their slots, and the
    /// slot to go on with: `None` after the last.
    pub(super) fn empty(&mut self, from: Slot) -> Option<(Vec<(Slot, V)>, Slot)> {
        let chunk = self.slots.get_mut(from as usize / CHUNK)?;
        let next = (from as usize / AT_A_TIME + 1) * AT_A_TIME;
        let some = chunk.iter_mut().skip(from as usize % CHUNK).take(next - from as usize);
        let emptied: Vec<_> =
            (from..).zip(some).filter_map(|(slot, value)| Some((slot, value.take()?))).collect();
        self.len -= emptied.len();
        Some((emptied, Slot::try_from(next).expect("fewer rows than there are numbers")))
    }
}

impl<K: Ord, V> Index<K, V> {
    /// The key of an entry, and its slot.
    pub(super) fn get<Q>(&self, key: &Q) -> Option<(&K, Slot)>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.keys.get_key_value(key).map(|(key, slot)| (key, *slot))
    }

    /// The slot of a key. It compares once if the key comes behind all others.
    #[cfg(feature = "store")]
    pub(super) fn slot(&self, key: &K) -> Option<Slot> {
        let (last, _) = self.keys.last_key_value()?;
        if key > last { None } else { self.keys.get(key).copied() }
    }

    /// Puts a key that is not there over a vacant slot.
    pub(super) fn insert(&mut self, key: K) -> Slot {
        let Self { keys, slots, free, .. } = self;
        // The comparisons come first: an `Ord` that panics leaves everything as it was.
        *keys.entry(key).or_insert_with(|| free.pop().unwrap_or_else(|| make_slot(slots)))
    }

    /// Takes a key out whose slot is vacant, and frees the slot.
    pub(super) fn take_out(&mut self, key: &K) -> Option<K> {
        let (_, slot) = self.get(key)?;
        if self.value(slot).is_some() {
            return None;
        }
        let (key, slot) = self.keys.remove_entry(key)?;
        self.free.push(slot);
        Some(key)
    }

    /// Takes out the keys, and the values, of which `is_gone` is true; `None` is a vacant slot. It
    /// compares no keys.
    pub(super) fn take_out_if(&mut self, is_gone: impl Fn(Option<&V>) -> bool) -> Vec<(K, Option<V>)> {
        let Self { keys, slots, free, len } = self;
        let value = |slots: &mut Vec<Vec<Option<V>>>, slot: Slot| {
            slots[slot as usize / CHUNK][slot as usize % CHUNK].take()
        };
        let is_gone = |slot: Slot| is_gone(slots[slot as usize / CHUNK][slot as usize % CHUNK].as_ref());
        let gone: Vec<_> = keys.extract_if(.., |_, slot| is_gone(*slot)).collect();
        gone.into_iter()
            .map(|(key, slot)| {
                free.push(slot);
                let value = value(slots, slot);
                *len -= usize::from(value.is_some());
                (key, value)
            })
            .collect()
    }

    /// The entries between two bounds, in order, vacant ones too.
    pub(super) fn range<Q>(
        &self,
        bounds: (Bound<&Q>, Bound<&Q>),
    ) -> impl DoubleEndedIterator<Item = (&K, Slot, Option<&V>)>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.keys.range::<Q, _>(bounds).map(|(key, slot)| (key, *slot, self.value(*slot)))
    }
}

impl<K, V> Index<K, V> {
    /// Takes out all keys and values of an index that nobody else can reach.
    pub(super) fn drain(&mut self) -> (impl Iterator<Item = K>, impl Iterator<Item = V>) {
        let keys = std::mem::take(&mut self.keys).into_keys();
        let values = std::mem::take(&mut self.slots).into_iter().flatten().flatten();
        self.len = 0;
        (keys, values)
    }
}

fn make_slot<V>(slots: &mut Vec<Vec<Option<V>>>) -> Slot {
    if slots.last().is_none_or(|chunk| chunk.len() == CHUNK) {
        let is_first = slots.is_empty();
        slots.push(if is_first { Vec::new() } else { Vec::with_capacity(CHUNK) });
    }
    let before = (slots.len() - 1) * CHUNK;
    let chunk = slots.last_mut().expect("just made");
    chunk.push(None);
    Slot::try_from(before + chunk.len() - 1).expect("fewer rows than there are numbers")
}
