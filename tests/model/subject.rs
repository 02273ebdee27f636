//! The three kinds of table seen as one, so that one model can be held against each.

use std::collections::BTreeMap;

use heir_runtime::table::{BagTable, Change, OrderedTable, Recorded, Table};

pub(crate) type Row = (u8, u16);
pub(crate) type Rows = BTreeMap<u8, Vec<u16>>;

/// A table under test.
pub(crate) trait Subject: Recorded<Key = u8, Value = u16> {
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
}

macro_rules! keyed {
    ($table:ident) => {
        impl Subject for $table<u8, u16> {
            const BAG: bool = false;

            fn empty() -> Self {
                $table::for_tests()
            }
            fn commit(&mut self) {
                self.commit();
            }
            fn insert(&mut self, (key, value): Row) {
                self.insert(key, value);
            }
            fn insert_new(&mut self, (key, value): Row) -> bool {
                self.insert_new(key, value)
            }
            fn add(&mut self, (key, by): Row) {
                let before = self.get_or(&key, 0);
                assert_eq!(self.add(key, by % 16), before + by % 16);
            }
            fn remove(&mut self, key: u8) -> Vec<u16> {
                self.remove(&key).into_iter().collect()
            }
            fn remove_if(&mut self, condition: impl FnMut(&u8, &u16) -> bool) -> usize {
                self.remove_if(condition)
            }
            fn clear(&mut self) {
                self.clear();
            }
            fn rows(&self) -> Rows {
                let rows: Rows = self.iter().map(|(key, value)| (key, vec![value])).collect();
                for (key, value) in &rows {
                    assert_eq!(self.get(key).as_slice(), value);
                }
                rows
            }
            fn len(&self) -> usize {
                self.len()
            }
            fn snapshot(&self) -> (Rows, u64) {
                let snapshot = self.snapshot();
                (snapshot.iter().map(|(key, value)| (*key, vec![*value])).collect(), snapshot.boundary())
            }
        }
    };
}

keyed!(Table);
keyed!(OrderedTable);

impl Subject for BagTable<u8, u16> {
    const BAG: bool = true;

    fn empty() -> Self {
        Self::for_tests()
    }
    fn commit(&mut self) {
        self.commit();
    }
    fn insert(&mut self, (key, value): Row) {
        let had = self.contains(&key, &value);
        assert_eq!(self.insert(key, value), !had);
    }
    fn insert_new(&mut self, (key, value): Row) -> bool {
        self.insert_new(key, value)
    }
    fn add(&mut self, (key, value): Row) {
        self.insert_duplicate(key, value);
    }
    fn remove(&mut self, key: u8) -> Vec<u16> {
        self.remove(&key)
    }
    fn remove_if(&mut self, condition: impl FnMut(&u8, &u16) -> bool) -> usize {
        self.remove_if(condition)
    }
    fn clear(&mut self) {
        self.clear();
    }
    fn rows(&self) -> Rows {
        let mut rows = Rows::new();
        for (key, value) in self.iter() {
            rows.entry(key).or_default().push(value);
        }
        for (key, values) in &rows {
            assert_eq!(self.get(key), *values);
        }
        rows
    }
    fn len(&self) -> usize {
        self.len()
    }
    fn snapshot(&self) -> (Rows, u64) {
        let snapshot = self.snapshot();
        let boundary = snapshot.boundary();
        (snapshot.into_rows().into_iter().collect(), boundary)
    }
}

/// The rows of a table rebuilt from its changes alone, as a store would: each value with its number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rebuilt(BTreeMap<u8, Vec<(u64, u16)>>);

impl Rebuilt {
    pub(crate) fn apply(&mut self, changes: Vec<Change<u8, u16>>) {
        for change in changes {
            match change {
                Change::Cleared => self.0.clear(),
                Change::Put(key, value) => drop(self.0.insert(key, vec![(0, value)])),
                Change::Removed(key) => drop(self.0.remove(&key)),
                Change::Added(key, number, value) => self.0.entry(key).or_default().push((number, value)),
                Change::Taken(key, number) => {
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
