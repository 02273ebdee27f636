//! Readers that never rest, beside a writer that writes, commits and rolls back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use heir_runtime::table::{BagTable, OrderedTable, OrderedTableReader, Readers, Recorded, Table, rows_first};

const MESSAGES: u64 = 3_000;
const ACCOUNTS: u64 = 8;

/// Writes message after message; every third one is rolled back after it has written all it had to.
///
/// Whatever is committed keeps to three rules: the accounts all hold the number of the last message committed, every
/// message has left a row of its own, and every message has removed the row of the one before the last.
fn write(mut message: impl FnMut(u64, bool)) {
    for number in 1..=MESSAGES {
        message(number, number % 3 != 0);
    }
}

fn key_of(number: u64) -> u64 {
    1_000 + number
}

/// What the rules say of the rows at a boundary.
fn check(rows: &HashMap<u64, u64>, boundary: u64) {
    if boundary == 0 {
        assert!(rows.is_empty());
        return;
    }
    // The last message committed, by its number among all of them.
    let last = rows[&0];
    assert_eq!(boundary, last - last / 3, "a snapshot of another boundary than it says");
    for account in 0..ACCOUNTS {
        assert_eq!(rows[&account], last, "a snapshot from the middle of a message");
    }
    let kept = (1..=last).filter(|number| number % 3 != 0);
    for number in kept.clone() {
        assert_eq!(rows.get(&key_of(number)), Some(&number), "a snapshot lacks a row");
    }
    assert_eq!(rows.len() as u64, ACCOUNTS + kept.count() as u64, "a snapshot has a row too many");
}

/// Runs `read` in two threads, again and again, until `write` is done.
fn beside(write: impl FnOnce(), read: impl Fn() + Sync) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    read();
                }
                read();
            });
        }
        write();
        done.store(true, Ordering::Relaxed);
    });
}

macro_rules! keyed {
    ($test:ident, $table:ident) => {
        #[test]
        fn $test() {
            let mut table = $table::for_tests();
            let reader = table.reader();
            beside(
                || {
                    write(|number, commit| {
                        for account in 0..ACCOUNTS {
                            table.insert(account, number);
                        }
                        table.insert(key_of(number), 0);
                        table.remove(&key_of(number));
                        table.insert(key_of(number), number);
                        if commit { table.commit() } else { table.discard() }
                    });
                },
                || {
                    let snapshot = reader.snapshot();
                    let boundary = snapshot.boundary();
                    check(&snapshot.into_rows().into_iter().collect(), boundary);
                    if boundary > 0 {
                        for _ in 0..100 {
                            assert!(reader.get(&0).is_some(), "a row that is always there was missed");
                        }
                    }
                },
            );
            assert_eq!(reader.len() as u64, ACCOUNTS + MESSAGES - MESSAGES / 3);
        }
    };
}

keyed!(every_snapshot_of_a_table_is_of_a_boundary, Table);
keyed!(every_snapshot_of_an_ordered_table_is_of_a_boundary, OrderedTable);

#[test]
fn every_snapshot_of_a_bag_table_is_of_a_boundary() {
    let mut table = BagTable::for_tests();
    let reader = table.reader();
    beside(
        || {
            write(|number, commit| {
                for account in 0..ACCOUNTS {
                    table.remove(&account);
                    table.insert(account, number);
                }
                table.insert_duplicate(key_of(number), 7);
                table.insert_duplicate(key_of(number), number);
                if number != 7 {
                    table.remove_value(&key_of(number), &7);
                }
                if commit { table.commit() } else { table.discard() }
            });
        },
        || {
            let snapshot = reader.snapshot();
            let boundary = snapshot.boundary();
            let rows = snapshot.into_rows().into_iter();
            let rows = rows.inspect(|(key, values)| {
                let expected = if *key == key_of(7) { 2 } else { 1 };
                assert_eq!(values.len(), expected, "a value of another boundary: {values:?}");
            });
            check(&rows.map(|(key, values)| (key, values[0])).collect(), boundary);
        },
    );
}

/// A reader does not wait for a message: here one that is never over.
#[test]
fn a_snapshot_in_the_middle_of_a_message_does_not_wait_for_its_end() {
    let mut table = Table::for_tests();
    table.insert("hits", 1);
    table.commit();
    table.insert("hits", 2);
    table.insert("misses", 1);
    let reader = table.reader();
    let snapshot = std::thread::spawn(move || reader.snapshot()).join().unwrap();
    assert_eq!(snapshot.into_rows(), HashMap::from([("hits", 1)]));
    assert_eq!(table.get("hits"), Some(2));
    table.discard();
    assert_eq!(table.get("hits"), Some(1));
}

#[test]
fn a_reader_made_first_reads_the_table_that_is_opened_later_and_after_it_is_gone() {
    let readers = Readers::from([rows_first::<Table<u8, u8>>()]);
    let reader = readers.get::<Table<u8, u8>>(0);
    assert_eq!(reader.get(&1), None);
    let mut table = readers.open::<Table<u8, u8>>(0);
    table.extend([(1, 2)]);
    assert_eq!(reader.get(&1), None, "not committed yet");
    table.commit();
    assert_eq!(reader.get(&1), Some(2));
    drop(table);
    assert_eq!(reader.get(&1), Some(2));
}

#[test]
fn only_the_table_that_was_opened_last_may_write() {
    fn check<T: Recorded<Key = u8, Value = u8>>() {
        let readers = Readers::from([rows_first::<T>()]);
        let mut before = readers.open::<T>(0);
        before.fill([(1, 1)]);
        let mut now = readers.open::<T>(0);
        let written = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| before.fill([(2, 2)])));
        let words = written.unwrap_err();
        let words = words.downcast_ref::<&str>().unwrap();
        assert!(words.contains("taken out of its worker"), "{words}");
        now.fill([(3, 3)]);
        assert!(now.is_dirty());
    }
    check::<Table<u8, u8>>();
    check::<OrderedTable<u8, u8>>();
    check::<BagTable<u8, u8>>();
}

#[test]
fn whoever_looks_may_use_the_table() {
    let mut table = OrderedTable::for_tests();
    table.extend([(1, 2), (2, 3)]);
    table.commit();
    let reader = table.reader();
    assert_eq!(reader.with(&1, |two| reader.with(two, |three| *three)), Some(Some(3)));
    let other = table.reader();
    table.retain(|key, _| other.contains_key(key) && !other.snapshot().is_empty());
    assert_eq!(table.len(), 2);
}

/// A key or a value whose destructor asks the table it was in.
#[derive(Clone)]
struct Asks(u32, Option<OrderedTableReader<Asks, u32>>);

impl Drop for Asks {
    fn drop(&mut self) {
        if let Some(table) = &self.1 {
            assert!(table.len() < 1_000);
        }
    }
}

impl PartialEq for Asks {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl Eq for Asks {}
impl PartialOrd for Asks {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Asks {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

#[test]
fn a_destructor_may_use_the_table() {
    let mut table = OrderedTable::for_tests();
    let reader = table.reader();
    for number in 0..200 {
        let key = Asks(number % 7, Some(reader.clone()));
        if number % 5 == 0 {
            table.remove(&key);
        } else {
            table.insert(key, number);
        }
        match number % 3 {
            0 => table.discard(),
            1 => table.commit(),
            _ => drop(reader.snapshot()),
        }
    }
    // Messages whose changes are let go of many at a time.
    for number in 0..200 {
        table.insert(Asks(number % 7, Some(reader.clone())), number);
        table.commit();
    }
    table.clear();
    table.commit();
    assert!(reader.is_empty());
}
