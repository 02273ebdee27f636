//! The three kinds of table seen as one, so that one model can be held against each.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use heir_runtime::table::{BagTable, Change, OrderedTable, Recorded, Table};

/// A key with few hashes, so that many keys have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(pub(crate) u8);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.0 % 3).hash(state);
    }
}

pub(crate) type Row = (u8, u16);
pub(crate) type Rows = BTreeMap<u8, Vec<u16>>;

/// A table under test.
pub(crate) trait Subject: Recorded<Key = Key, Value = u16> {
    /// Several values a key?
    const BAG: bool;

    fn empty() -> Self;
    fn commit(&mut self);
    fn insert(&mut self, row: Row);
    fn insert_new(&mut self, row: Row) -> bool;
    fn add(&mut self, row: Row);
    fn remove(&mut self, key: u8) -> Vec<u16>;
    fn remove_if(&mut self, condition: impl FnMut(&u8, &u16) -> bool) -> usize;
    fn clear(&mut self);
    fn rows(&self) -> Rows;
    fn len(&self) -> usize;
    fn snapshot(&self) -> (Rows, u64);
    fn as_rows(rows: &Self::Rows) -> Rows;
    /// The rows that a reader sees.
    fn shown(&self) -> Rows;
    /// The rows, from the last to the first where there is an order, in pages of this many.
    fn pages(&self, limit: usize) -> Rows;
}

macro_rules! keyed {
    ($table:ident, $pages:expr) => {
        impl Subject for $table<Key, u16> {
            const BAG: bool = false;

            fn empty() -> Self {
                $table::for_tests()
            }
            fn commit(&mut self) {
                self.commit();
            }
            fn insert(&mut self, (key, value): Row) {
                self.insert(Key(key), value);
            }
            fn insert_new(&mut self, (key, value): Row) -> bool {
                self.insert_new(Key(key), value)
            }
            fn add(&mut self, (key, by): Row) {
                let before = self.get_or(&Key(key), 0);
                assert_eq!(self.add(Key(key), by % 16), before + by % 16);
            }
            fn remove(&mut self, key: u8) -> Vec<u16> {
                self.remove(&Key(key)).into_iter().collect()
            }
            fn remove_if(&mut self, mut condition: impl FnMut(&u8, &u16) -> bool) -> usize {
                self.remove_if(|key, value| condition(&key.0, value))
            }
            fn clear(&mut self) {
                self.clear();
            }
            fn rows(&self) -> Rows {
                let rows: Rows = self.iter().map(|(key, value)| (key.0, vec![value])).collect();
                for (key, value) in &rows {
                    assert_eq!(self.get(&Key(*key)).as_slice(), value);
                }
                rows
            }
            fn len(&self) -> usize {
                self.len()
            }
            fn snapshot(&self) -> (Rows, u64) {
                let snapshot = self.snapshot();
                (Self::as_rows(&snapshot), snapshot.boundary())
            }
            fn as_rows(rows: &Self::Rows) -> Rows {
                rows.iter().map(|(key, value)| (key.0, vec![*value])).collect()
            }
            fn shown(&self) -> Rows {
                self.reader().iter().map(|(key, value)| (key.0, vec![value])).collect()
            }
            fn pages(&self, limit: usize) -> Rows {
                let rows: Vec<(Key, u16)> = $pages(self, limit);
                let as_map: Rows = rows.iter().map(|(key, value)| (key.0, vec![*value])).collect();
                assert_eq!(rows.len(), as_map.len(), "a row came twice");
                as_map
            }
        }
    };
}

keyed!(Table, |table: &Self, limit| {
    let mut rows = table.first_page(limit);
    let mut last = rows.last().map(|row| row.0);
    while let Some(key) = last {
        let next = table.page_after(&key, limit);
        last = next.last().map(|row| row.0);
        rows.extend(next);
    }
    rows
});
keyed!(OrderedTable, |table: &Self, limit: usize| {
    let reversed: Vec<_> = table.range(..).rev().collect();
    let mut in_order: Vec<_> = table.iter().collect();
    in_order.reverse();
    assert_eq!(reversed, in_order);
    assert!(in_order.is_sorted_by(|one, other| one.0 > other.0));
    let middle = Key(u8::try_from(limit).unwrap());
    let split: Vec<_> = table.range(middle..).rev().chain(table.range(..middle).rev()).collect();
    assert_eq!(split, in_order);
    in_order
});

impl Subject for BagTable<Key, u16> {
    const BAG: bool = true;

    fn empty() -> Self {
        Self::for_tests()
    }
    fn commit(&mut self) {
        self.commit();
    }
    fn insert(&mut self, (key, value): Row) {
        let had = self.contains(&Key(key), &value);
        assert_eq!(self.insert(Key(key), value), !had);
    }
    fn insert_new(&mut self, (key, value): Row) -> bool {
        self.insert_new(Key(key), value)
    }
    fn add(&mut self, (key, value): Row) {
        self.insert_duplicate(Key(key), value);
    }
    fn remove(&mut self, key: u8) -> Vec<u16> {
        self.remove(&Key(key))
    }
    fn remove_if(&mut self, mut condition: impl FnMut(&u8, &u16) -> bool) -> usize {
        self.remove_if(|key, value| condition(&key.0, value))
    }
    fn clear(&mut self) {
        self.clear();
    }
    fn rows(&self) -> Rows {
        let mut rows = Rows::new();
        for (key, value) in self.iter() {
            rows.entry(key.0).or_default().push(value);
        }
        for (key, values) in &rows {
            assert_eq!(self.get(&Key(*key)), *values);
        }
        rows
    }
    fn len(&self) -> usize {
        self.len()
    }
    fn snapshot(&self) -> (Rows, u64) {
        let snapshot = self.snapshot();
        (Self::as_rows(&snapshot), snapshot.boundary())
    }
    fn as_rows(rows: &Self::Rows) -> Rows {
        rows.iter().map(|(key, values)| (key.0, values.clone())).collect()
    }
    fn shown(&self) -> Rows {
        let mut rows = Rows::new();
        for (key, value) in self.reader().iter() {
            rows.entry(key.0).or_default().push(value);
        }
        rows
    }
    fn pages(&self, limit: usize) -> Rows {
        let mut rows = self.first_page(limit);
        let mut last = rows.last().map(|row| row.0);
        while let Some(key) = last {
            let next = self.page_after(&key, limit);
            last = next.last().map(|row| row.0);
            rows.extend(next);
        }
        let as_map: Rows = rows.iter().map(|(key, values)| (key.0, values.clone())).collect();
        assert_eq!(rows.len(), as_map.len(), "a key came twice");
        as_map
    }
}

/// The rows of a table rebuilt from its changes alone, as a store would: each value with its number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rebuilt(BTreeMap<u8, Vec<(u64, u16)>>);

impl Rebuilt {
    pub(crate) fn apply(&mut self, changes: Vec<Change<Key, u16>>) {
        for change in changes {
            match change {
                Change::Cleared => self.0.clear(),
                Change::Put(Key(key), value) => drop(self.0.insert(key, vec![(0, value)])),
                Change::Removed(Key(key)) => drop(self.0.remove(&key)),
                Change::Added(Key(key), number, value) => {
                    self.0.entry(key).or_default().push((number, value))
                }
                Change::Taken(Key(key), number) => {
                    let values = self.0.get_mut(&key).expect("what is taken was there");
                    let at = values.iter().position(|(other, _)| *other == number);
                    values.remove(at.expect("what is taken was there"));
                }
            }
        }
        self.0.retain(|_, values| !values.is_empty());
    }

    pub(crate) fn rows(&self) -> Rows {
        self.0.iter().map(|(key, values)| (*key, values.iter().map(|(_, value)| *value).collect())).collect()
    }
}
