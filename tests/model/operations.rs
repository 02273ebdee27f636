//! Random operations, commits and rollbacks, one after the other.

use heir_runtime::table::{BagTable, OrderedTable, Table};
use proptest::prelude::*;

use crate::subject::{Key, Rebuilt, Row, Rows, Subject};

#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Insert(Row),
    InsertNew(Row),
    Add(Row),
    Remove(u8),
    RemoveIf(u16),
    Clear,
    Commit,
    Rollback,
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    proptest::collection::vec(operation(), 0..60)
}

pub(crate) fn operation() -> impl Strategy<Value = Operation> {
    let row = || (0..12_u8, 0..40_u16);
    prop_oneof![
        6 => row().prop_map(Operation::Insert),
        2 => row().prop_map(Operation::InsertNew),
        3 => row().prop_map(Operation::Add),
        3 => (0..12_u8).prop_map(Operation::Remove),
        1 => (1..5_u16).prop_map(Operation::RemoveIf),
        1 => Just(Operation::Clear),
        3 => Just(Operation::Commit),
        3 => Just(Operation::Rollback),
    ]
}

/// What a table should hold: now, and at the last boundary.
#[derive(Default)]
pub(crate) struct Model {
    pub(crate) now: Rows,
    pub(crate) boundary: Rows,
    pub(crate) dirty: bool,
    pub(crate) number: u64,
}

impl Model {
    pub(crate) fn len(&self) -> usize {
        self.now.values().map(Vec::len).sum()
    }

    pub(crate) fn step<T: Subject>(&mut self, table: &mut T, operation: Operation) {
        let before = self.now.clone();
        match operation {
            Operation::Insert((key, value)) => {
                table.insert((key, value));
                let values = self.now.entry(key).or_default();
                if !T::BAG {
                    *values = vec![value];
                    self.dirty = true;
                } else if !values.contains(&value) {
                    values.push(value);
                }
            }
            Operation::InsertNew((key, value)) => {
                assert_eq!(table.insert_new((key, value)), !self.now.contains_key(&key));
                self.now.entry(key).or_insert_with(|| vec![value]);
            }
            Operation::Add((key, value)) => {
                table.add((key, value));
                let values = self.now.entry(key).or_default();
                if T::BAG {
                    values.push(value);
                } else {
                    *values = vec![values.first().unwrap_or(&0) + value % 16];
                    self.dirty = true;
                }
            }
            Operation::Remove(key) => {
                assert_eq!(table.remove(key), self.now.remove(&key).unwrap_or_default());
            }
            Operation::RemoveIf(by) => {
                let removed = table.remove_if(|_, value| value.is_multiple_of(by));
                let len = self.len();
                for values in self.now.values_mut() {
                    values.retain(|value| !value.is_multiple_of(by));
                }
                self.now.retain(|_, values| !values.is_empty());
                assert_eq!(removed, len - self.len());
            }
            Operation::Clear => {
                table.clear();
                self.now.clear();
            }
            Operation::Commit => {
                table.commit();
                self.number += u64::from(self.dirty);
                self.dirty = false;
                self.boundary = self.now.clone();
                return;
            }
            Operation::Rollback => {
                table.discard();
                self.dirty = false;
                self.now = self.boundary.clone();
                return;
            }
        }
        self.dirty |= self.now != before;
    }
}

fn check<T: Subject>(operations: Vec<Operation>) {
    let (mut table, mut model) = (T::empty(), Model::default());
    let mut rebuilt = Rebuilt::default();
    for operation in operations {
        if matches!(operation, Operation::Commit) {
            rebuilt.apply(table.changes());
        }
        model.step(&mut table, operation);
        assert_eq!(table.rows(), model.now);
        assert_eq!(table.len(), model.len());
        assert_eq!(table.is_dirty(), model.dirty);
        assert_eq!(table.snapshot(), (model.boundary.clone(), model.number));
        assert_eq!(rebuilt.rows(), model.boundary);
        let mut now = rebuilt.clone();
        now.apply(table.changes());
        assert_eq!(now.rows(), model.now);
    }
    table.discard();
    assert_eq!(table.rows(), model.boundary);
}

proptest! {
    #[test]
    fn a_table_does_what_its_model_does(operations in operations()) {
        check::<Table<Key, u16>>(operations);
    }

    #[test]
    fn an_ordered_table_does_what_its_model_does(operations in operations()) {
        check::<OrderedTable<Key, u16>>(operations);
    }

    #[test]
    fn a_bag_table_does_what_its_model_does(operations in operations()) {
        check::<BagTable<Key, u16>>(operations);
    }

    #[test]
    fn the_neighbours_of_a_key_are_those_of_std(keys in proptest::collection::btree_set(0..60_u8, 0..30)) {
        let mut table = OrderedTable::for_tests();
        table.extend(keys.iter().map(|key| (*key, ())));
        prop_assert_eq!(table.first().map(|row| row.0), keys.first().copied());
        prop_assert_eq!(table.last().map(|row| row.0), keys.last().copied());
        for key in 0..60_u8 {
            prop_assert_eq!(table.next(&key).map(|row| row.0), keys.range(key + 1..).next().copied());
            prop_assert_eq!(table.prev(&key).map(|row| row.0), keys.range(..key).next_back().copied());
            let range: Vec<u8> = table.range(key..key + 10).map(|row| row.0).collect();
            prop_assert_eq!(range, keys.range(key..key + 10).copied().collect::<Vec<_>>());
        }
    }
}
