//! User code that panics at every point it can: in the middle of a write, of a commit, of a snapshot.

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use heir_runtime::table::{
    BagTable, Encoded, Journal, OrderedTable, Readers, Recorded, Table, Written, rows_first,
};
use heir_tests::fuse::{Touchy, burn_all, burns};

const START: [(u8, u8); 6] = [(1, 10), (2, 20), (3, 30), (4, 40), (5, 50), (6, 60)];

macro_rules! exhaust {
    ($test:ident, $table:ident, $rows:expr, $message:expr) => {
        #[test]
        fn $test() {
            type T = $table<Touchy, Touchy>;
            let rows: fn(&T) -> Vec<(u8, u8)> = $rows;
            let message: fn(&mut T) = $message;
            let new = || {
                let mut table = T::for_tests();
                table.fill(START.map(|(key, value)| (Touchy(key), Touchy(value))));
                table.commit();
                table
            };
            // In the message.
            let burnt_down = burn_all(|fuse| {
                let mut table = new();
                let burnt = burns(fuse, || message(&mut table));
                table.discard();
                assert_eq!(rows(&table), START, "fuse {fuse}");
                assert!(!table.is_dirty());
                burnt
            });
            assert!(burnt_down > 20, "the message ran little user code");
            // When what a dead message has written is dropped: that is caught.
            for fuse in 0..20 {
                let mut table = new();
                message(&mut table);
                burns(fuse, || table.discard());
                assert_eq!(rows(&table), START, "fuse {fuse}");
                assert!(!table.is_dirty());
            }
            // In the commit: if it panics, nothing has been committed.
            burn_all(|fuse| {
                let mut table = new();
                message(&mut table);
                let expected = rows(&table);
                let burnt = burns(fuse, || table.commit());
                let committed: Vec<_> = table.reader().iter().map(|(key, value)| (key.0, value.0)).collect();
                let committed = sorted(committed);
                let all_or_nothing = if table.is_dirty() { START.to_vec() } else { expected };
                assert_eq!(committed, all_or_nothing, "fuse {fuse}");
                table.discard();
                assert_eq!(rows(&table), committed);
                table.commit();
                burnt
            });
            for fuse in 0..20 {
                let table = new();
                burns(fuse, || drop(table));
            }
            // While a commit before it is still to be shown: in the message, and in its commit.
            let ahead = || {
                let readers = Readers::from([rows_first::<T>()]).kept_by(Arc::new(Silent));
                let mut table = readers.open::<T>(0);
                table.fill(START.map(|(key, value)| (Touchy(key), Touchy(value))));
                table.commit();
                readers.show_up_to(1);
                message(&mut table);
                table.commit();
                (readers, table)
            };
            let (_readers, mut table) = ahead();
            let before = rows(&table);
            message(&mut table);
            let after = rows(&table);
            let burnt_down = burn_all(|fuse| {
                let (readers, mut table) = ahead();
                let burnt = burns(fuse, || {
                    message(&mut table);
                    table.commit();
                });
                let kept = if burnt { &before } else { &after };
                table.discard();
                assert_eq!(rows(&table), *kept, "fuse {fuse}");
                assert!(!burns(0, || readers.show_up_to(u64::MAX)), "to show it runs user code");
                let shown: Vec<_> = table.reader().iter().map(|(key, value)| (key.0, value.0)).collect();
                assert_eq!(sorted(shown), *kept, "fuse {fuse}");
                burnt
            });
            assert!(burnt_down > 20, "the message ran little user code");
            // In a snapshot beside a message: an error of the reader's own.
            burn_all(|fuse| {
                let mut table = new();
                message(&mut table);
                let reader = table.reader();
                let burnt = burns(fuse, || drop(reader.snapshot()));
                table.discard();
                assert_eq!(rows(&table), START, "fuse {fuse}");
                burnt
            });
        }
    };
}

/// A journal that keeps nothing.
struct Silent;

impl Journal for Silent {
    fn encode(&self, _: &Written<'_>) -> Encoded {
        Box::new(())
    }

    fn append(&self, _: u64, _: Encoded) {}
}

fn sorted(mut rows: Vec<(u8, u8)>) -> Vec<(u8, u8)> {
    rows.sort_unstable();
    rows
}

exhaust!(
    a_table_survives_a_panic_at_any_point,
    Table,
    |table| sorted(table.iter().map(|(key, value)| (key.0, value.0)).collect()),
    |table| {
        table.insert(Touchy(1), Touchy(11));
        table.insert(Touchy(7), Touchy(70));
        table.remove(&Touchy(2));
        table.update(&Touchy(3), |value| value.0 += 1);
        table.entry(Touchy(8)).and_modify(|value| value.0 += 1).or_insert(Touchy(80));
        table.remove_if(|_, value| value.0 == 40);
        table.add(Touchy(5), Touchy(1));
        table.add_up_to(Touchy(9), Touchy(3), &Touchy(2), Touchy(1));
        table.extend((20..28).map(|key| (Touchy(key), Touchy(1))));
        table.clear();
        table.insert_new(Touchy(1), Touchy(12));
    }
);

exhaust!(
    an_ordered_table_survives_a_panic_at_any_point,
    OrderedTable,
    |table| sorted(table.iter().map(|(key, value)| (key.0, value.0)).collect()),
    |table| {
        table.insert(Touchy(1), Touchy(11));
        table.insert(Touchy(7), Touchy(70));
        table.remove(&Touchy(2));
        table.update(&Touchy(3), |value| value.0 += 1);
        table.entry(Touchy(8)).and_modify(|value| value.0 += 1).or_insert(Touchy(80));
        table.pop_first();
        table.add(Touchy(5), Touchy(1));
        table.add_up_to(Touchy(9), Touchy(3), &Touchy(2), Touchy(1));
        table.extend((20..28).map(|key| (Touchy(key), Touchy(1))));
        table.clear();
        table.insert_new(Touchy(1), Touchy(12));
    }
);

exhaust!(
    a_bag_table_survives_a_panic_at_any_point,
    BagTable,
    |table| sorted(table.iter().map(|(key, value)| (key.0, value.0)).collect()),
    |table| {
        table.insert(Touchy(1), Touchy(11));
        table.insert(Touchy(1), Touchy(12));
        table.insert_duplicate(Touchy(7), Touchy(70));
        table.remove(&Touchy(2));
        table.remove_value(&Touchy(1), &Touchy(11));
        table.extend((20..28).map(|key| (Touchy(key), Touchy(1))));
        table.clear();
        table.insert_new(Touchy(1), Touchy(12));
    }
);

thread_local! {
    static ARMED: Cell<bool> = const { Cell::new(false) };
}

/// A key, or a value, whose destructor panics while this thread is armed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Undroppable(u8);

impl Drop for Undroppable {
    fn drop(&mut self) {
        assert!(!ARMED.get(), "from a destructor");
    }
}

macro_rules! undroppable {
    ($test:ident, $table:ident) => {
        #[test]
        fn $test() {
            type T = $table<Undroppable, Undroppable>;
            let rows = |table: &T| {
                let mut rows: Vec<_> = table.iter().map(|(key, value)| (key.0, value.0)).collect();
                rows.sort_unstable();
                rows
            };
            let mut table = T::for_tests();
            table.fill(START.map(|(key, value)| (Undroppable(key), Undroppable(value))));
            table.commit();

            ARMED.set(true);
            table.extend((1..200).map(|key| (Undroppable(key), Undroppable(1))));
            table.discard();
            ARMED.set(false);
            assert_eq!(rows(&table), START);

            table.extend((1..200).map(|key| (Undroppable(key), Undroppable(2))));
            ARMED.set(true);
            table.commit();
            drop(table);
            ARMED.set(false);
        }
    };
}

undroppable!(a_table_survives_keys_and_values_whose_destructors_always_panic, Table);
undroppable!(an_ordered_table_survives_keys_and_values_whose_destructors_always_panic, OrderedTable);
undroppable!(a_bag_table_survives_keys_and_values_whose_destructors_always_panic, BagTable);

/// Keys that all have one hash.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Poor(u32);

impl Hash for Poor {
    fn hash<H: Hasher>(&self, state: &mut H) {
        7_u8.hash(state);
    }
}

#[test]
fn a_hash_that_is_the_same_for_every_key_costs_time_and_nothing_else() {
    let mut table = Table::for_tests();
    let reader = table.reader();
    table.extend((0..300).map(|n| (Poor(n), n)));
    table.commit();
    assert_eq!(table.len(), 300);
    assert!((0..300).all(|n| reader.get(&Poor(n)) == Some(n)));
    table.remove(&Poor(7));
    table.insert(Poor(8), 80);
    table.insert(Poor(300), 300);
    assert_eq!((table.len(), reader.snapshot().len()), (300, 300));
    table.discard();
    assert_eq!((reader.len(), reader.get(&Poor(7)), reader.get(&Poor(8))), (300, Some(7), Some(8)));
    table.clear();
    table.commit();
    assert_eq!((reader.len(), reader.iter().count()), (0, 0));
}

#[test]
fn a_value_that_was_removed_is_dropped_when_its_message_is_over() {
    let value = std::sync::Arc::new(());
    let mut table = Table::for_tests();
    let alive = || std::sync::Arc::strong_count(&value) - 1;
    table.insert(1, std::sync::Arc::clone(&value));
    table.commit();
    assert_eq!(alive(), 1);
    table.remove(&1);
    assert!(alive() > 0, "until then it may have to be put back");
    table.commit();
    assert_eq!(alive(), 0);
    // Also when a snapshot has been taken meanwhile, which needs it no more.
    table.insert(1, std::sync::Arc::clone(&value));
    table.commit();
    drop(table.snapshot());
    assert_eq!(alive(), 1);
    table.remove(&1);
    table.commit();
    assert_eq!(alive(), 0);
}

#[test]
fn a_key_of_an_ordered_row_that_was_removed_is_dropped_by_the_next_commit() {
    let key: std::sync::Arc<str> = std::sync::Arc::from("key");
    let mut table = OrderedTable::for_tests();
    table.insert(std::sync::Arc::clone(&key), 1);
    table.commit();
    table.remove(&key);
    table.commit();
    table.insert(std::sync::Arc::from("other"), 1);
    table.commit();
    assert_eq!(std::sync::Arc::strong_count(&key), 1);
}

/// Keys that are equal whatever their case.
#[derive(Clone, Debug, Eq)]
struct Caseless(&'static str);

impl PartialEq for Caseless {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(other.0)
    }
}

impl Hash for Caseless {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_ascii_lowercase().hash(state);
    }
}

#[test]
fn a_rollback_puts_back_the_very_key_that_was_there() {
    let mut table = Table::for_tests();
    table.insert(Caseless("Ada"), 1);
    table.commit();
    table.insert(Caseless("ADA"), 2);
    let key = |keys: Vec<Caseless>| keys.first().map(|key| key.0);
    assert_eq!(key(table.reader().snapshot().keys().cloned().collect()), Some("Ada"));
    table.discard();
    assert_eq!(key(table.keys().collect()), Some("Ada"));
}

/// As `Undroppable`; and the greater half of them cannot be cloned then.
#[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Hard(Undroppable);

impl Hard {
    fn new(number: u8) -> Self {
        Self(Undroppable(number))
    }
}

impl Clone for Hard {
    fn clone(&self) -> Self {
        assert!(!ARMED.get() || self.0.0 < 5, "from a clone");
        Self(self.0.clone())
    }
}

/// Two panics at once would end the process.
macro_rules! half_cloned {
    ($test:ident, $table:ident) => {
        #[test]
        fn $test() {
            let mut table = $table::<Hard, Hard>::for_tests();
            table.extend((0..9).map(|number| (Hard::new(number), Hard::new(number))));
            table.commit();
            let reader = table.reader();
            ARMED.set(true);
            for read in [0, 1, 2] {
                let read = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| match read {
                    0 => drop(reader.snapshot()),
                    1 => drop(reader.iter().next()),
                    _ => drop(table.select(|_, _| false)),
                }));
                assert_eq!(read.unwrap_err().downcast_ref::<&str>(), Some(&"from a clone"));
            }
            ARMED.set(false);
            assert_eq!(reader.snapshot().len(), 9);
        }
    };
}

half_cloned!(a_page_of_a_table_that_cannot_be_cloned_drops_what_was_cloned_caught, Table);
half_cloned!(a_page_of_an_ordered_table_that_cannot_be_cloned_drops_what_was_cloned_caught, OrderedTable);
half_cloned!(a_page_of_a_bag_table_that_cannot_be_cloned_drops_what_was_cloned_caught, BagTable);

#[test]
fn a_snapshot_that_panics_leaves_nothing_that_was_replaced() {
    static BREAKS: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

    /// The first clone waits until a row has been replaced, and then panics.
    struct Meets(std::sync::Arc<()>, std::sync::Arc<std::sync::Barrier>);

    impl Clone for Meets {
        fn clone(&self) -> Self {
            if BREAKS.swap(false, std::sync::atomic::Ordering::Relaxed) {
                self.1.wait();
                self.1.wait();
                panic!("from a clone");
            }
            Self(self.0.clone(), self.1.clone())
        }
    }

    let (value, meets) = (std::sync::Arc::new(()), std::sync::Arc::new(std::sync::Barrier::new(2)));
    let mut table = Table::for_tests();
    let alive = || std::sync::Arc::strong_count(&value) - 1;
    // In other shards than the row that is cloned first: a commit to its shard would wait for the clone.
    table.extend((0..20_000).map(|key| (key, None)));
    table.commit();
    let (first, _) = table.reader().first_page(1).pop().unwrap();
    let last = table.reader().keys().last().unwrap();
    table.insert(first, Some(Meets(std::sync::Arc::new(()), meets.clone())));
    table.insert(last, Some(Meets(value.clone(), meets.clone())));
    table.commit();
    let reader = table.reader();
    BREAKS.store(true, std::sync::atomic::Ordering::Relaxed);
    let taken = std::thread::spawn(move || drop(reader.snapshot()));
    meets.wait();
    table.remove(&last);
    table.commit();
    assert_eq!(alive(), 1, "the snapshot may need it");
    meets.wait();
    taken.join().unwrap_err();
    assert_eq!(alive(), 0);
}
