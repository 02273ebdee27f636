//! The three kinds of table seen as one, so that one model can be held against each.

use std::collections::BTreeMap;

use heir_runtime::table::{BagTable, Change, OrderedTable, Recorded, Table};

pub(crate) type Row = (u8, u16);
pub(crate) type Rows = BTreeMap<u8, Vec<u16>>;

/// A table under test.
pub(crate) trait Subject: Recorded<Row = Row> {
    /// Several values a key?
    const BAG: bool;

    fn empty() -> Self;
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
                (**self).len()
            }
            fn snapshot(&self) -> (Rows, u64) {
                let snapshot = (**self).snapshot();
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
        (**self).len()
    }
    fn snapshot(&self) -> (Rows, u64) {
        let snapshot = (**self).snapshot();
        let boundary = snapshot.boundary();
        (snapshot.into_rows().into_iter().collect(), boundary)
    }
}

/// Applies a record, read forwards, to the rows it began with.
pub(crate) fn replay(mut rows: Rows, bag: bool, changes: Vec<Change<Row>>) -> Rows {
    for change in changes {
        match change {
            Change::Put((key, value)) if bag => rows.entry(key).or_default().push(value),
            Change::Put((key, value)) => drop(rows.insert(key, vec![value])),
            Change::Removed((key, value)) => {
                let values = rows.get_mut(&key).expect("what is removed was there");
                let at = values.iter().position(|one| *one == value).expect("what is removed was there");
                values.remove(at);
                rows.retain(|_, values| !values.is_empty());
            }
        }
    }
    rows
}
