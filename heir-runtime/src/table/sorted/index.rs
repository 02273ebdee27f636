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

    pub(super) fn len(&self) -> usize {
        self.len
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

    /// Takes the values out of the slots from this one on, at most so many: `None` after the last.
    pub(super) fn empty(&mut self, from: Slot, most: usize) -> Option<Vec<Option<V>>> {
        let chunk = self.slots.get_mut(from as usize / CHUNK)?;
        let first = from as usize % CHUNK;
        let last = (first + most).min(chunk.len());
        let emptied: Vec<_> = chunk.get_mut(first..last)?.iter_mut().map(Option::take).collect();
        self.len -= emptied.iter().flatten().count();
        Some(emptied)
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
