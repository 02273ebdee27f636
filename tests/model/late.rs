//! What is dropped when, and what can be written, while commits are shown late.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};

use heir_runtime::table::{
    BagTable, Encoded, Journal, OrderedTable, Readers, Recorded, Table, Written, rows_first,
};

struct Silent;

impl Journal for Silent {
    fn encode(&self, _: &Written<'_>) -> Encoded {
        Box::new(())
    }

    fn append(&self, _: u64, _: Encoded) {}
}

fn kept<T: Recorded>() -> (Readers, T) {
    let readers = Readers::from([rows_first::<T>()]).kept_by(Arc::new(Silent));
    let table = readers.open::<T>(0);
    (readers, table)
}

struct Counted(Arc<AtomicIsize>);

impl Counted {
    fn new(alive: &Arc<AtomicIsize>) -> Self {
        alive.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(alive))
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

// Nothing stays of tables that nobody can reach, although a commit was never shown.
macro_rules! unshown_goes {
    ($test:ident, $table:ident) => {
        #[test]
        fn $test() {
            let alive = Arc::<AtomicIsize>::default();
            let (readers, mut table) = kept::<$table<u64, Counted>>();
            table.fill([(1, Counted::new(&alive))]);
            table.commit();
            drop((readers, table));
            assert_eq!(alive.load(Ordering::Relaxed), 0, "values are kept by nobody");
        }
    };
}

unshown_goes!(a_commit_that_is_never_shown_goes_with_its_table, Table);
unshown_goes!(a_commit_that_is_never_shown_goes_with_its_ordered_table, OrderedTable);
unshown_goes!(a_commit_that_is_never_shown_goes_with_its_bag_table, BagTable);

// What a commit that is forgotten has written is dropped at once, in the thread that forgets it.
macro_rules! forgotten_goes {
    ($test:ident, $table:ident) => {
        #[test]
        fn $test() {
            let alive = Arc::<AtomicIsize>::default();
            let (readers, mut table) = kept::<$table<u64, Counted>>();
            table.fill([(1, Counted::new(&alive))]);
            table.commit();
            readers.show_up_to(1);
            table.fill([(1, Counted::new(&alive)), (2, Counted::new(&alive))]);
            table.commit();
            readers.forget_unshown();
            assert_eq!(alive.load(Ordering::Relaxed), 1, "only the value is left that was shown");
            assert_eq!((table.len(), table.reader().len()), (1, 1));
        }
    };
}

forgotten_goes!(the_values_of_a_commit_that_is_forgotten_go_from_a_table, Table);
forgotten_goes!(the_values_of_a_commit_that_is_forgotten_go_from_an_ordered_table, OrderedTable);
forgotten_goes!(the_values_of_a_commit_that_is_forgotten_go_from_a_bag_table, BagTable);

thread_local! {
    static PANICS: Cell<bool> = const { Cell::new(false) };
}

/// A key whose destructor panics when it is told to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Fragile(u8);

impl Drop for Fragile {
    fn drop(&mut self) {
        assert!(!PANICS.get() || std::thread::panicking(), "asked to panic");
    }
}

#[test]
fn a_key_that_panics_when_it_is_dropped_ends_no_commit_that_is_kept() {
    let (_readers, mut table) = kept::<OrderedTable<Fragile, u8>>();
    table.insert(Fragile(1), 1);
    table.commit();
    table.insert(Fragile(1), 2);
    PANICS.set(true);
    let committed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| table.commit()));
    PANICS.set(false);
    assert!(committed.is_ok(), "the destructor of a key ended the commit");
    assert_eq!(table.get(&Fragile(1)), Some(2));
}

#[test]
fn a_table_that_was_opened_anew_commits_no_more() {
    let readers = Readers::from([rows_first::<Table<u8, u8>>()]);
    let mut before = readers.open::<Table<u8, u8>>(0);
    before.insert(1, 1);
    let mut after = readers.open::<Table<u8, u8>>(0);
    after.insert(2, 2);
    after.commit();
    let committed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| before.commit()));
    assert!(committed.is_err());
    assert_eq!(after.get(&1), None);
}

thread_local! {
    static READER: std::cell::RefCell<Option<heir_runtime::table::OrderedTableReader<u8, Asks>>> = const { std::cell::RefCell::new(None) };
    static ASKED: Cell<(u32, u32)> = const { Cell::new((0, 0)) };
}

/// A value that takes a snapshot when it is dropped: which panics under a lock.
#[derive(Clone)]
struct Asks(u8);

impl Drop for Asks {
    fn drop(&mut self) {
        let Some(reader) = READER.take() else { return };
        let (well, ill) = ASKED.get();
        let snapshot =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| reader.snapshot().into_rows()));
        ASKED.set(if snapshot.is_ok() { (well + 1, ill) } else { (well, ill + 1) });
        drop(snapshot);
        READER.set(Some(reader));
    }
}

#[test]
fn a_page_drops_no_value_under_the_lock_of_the_commits_that_are_kept() {
    let (readers, mut table) = kept::<OrderedTable<u8, Asks>>();
    table.extend((0..4).map(|key| (key, Asks(key))));
    table.commit();
    readers.show_up_to(1);
    table.insert(2, Asks(9));
    table.commit();
    READER.set(Some(table.reader()));
    let rows: Vec<_> = table.iter().map(|(key, value)| (key, value.0)).collect();
    READER.set(None);
    assert_eq!(rows, [(0, 0), (1, 1), (2, 9), (3, 3)]);
    let (well, ill) = ASKED.get();
    assert!(well > 0);
    assert_eq!(ill, 0, "dropped under a lock");
}
