//! Pages and iteration beside a writer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;

use heir_runtime::table::{OrderedTable, OrderedTableReader, Table, TableReader};
use proptest::prelude::*;

/// How often each key came.
fn counted<V>(pages: impl IntoIterator<Item = (u32, V)>) -> HashMap<u32, u32> {
    let mut counts = HashMap::new();
    for (key, _) in pages {
        *counts.entry(key).or_default() += 1;
    }
    counts
}

proptest! {
    #[test]
    fn rows_that_are_there_all_the_while_come_exactly_once_whatever_grows_between_two_pages(
        rows in 1..3_000_u32, grows in 0..6_000_u32, limit in 1..200_usize, shrinks in any::<bool>(),
        written in 0..50_u32,
    ) {
        let mut table = Table::for_tests();
        table.extend((0..rows).map(|key| (key, 0)));
        table.commit();
        let reader = table.reader();
        let mut page = reader.first_page(limit);
        let (mut seen, mut next) = (Vec::new(), 1_000_000);
        let pages = rows as usize / limit + 1;
        while let Some((last, _)) = page.last().copied() {
            prop_assert!(page.len() <= limit + 2, "but for hashes that are equal by chance");
            seen.append(&mut page);
            for _ in 0..(grows as usize / pages).min((1_000_000 + grows - next) as usize) {
                table.insert(next, 1);
                if shrinks {
                    table.remove(&(next - 10));
                }
                next += 1;
            }
            if shrinks {
                table.remove(&last);
            }
            table.commit();
            page = reader.page_after(&last, limit);
        }
        let counts = counted(seen);
        prop_assert!((0..rows).all(|key| counts.get(&key) == Some(&1)));
        prop_assert!(counts.values().all(|count| *count == 1));

        // The owner's pages have what the message under way has written, too.
        table.extend((0..written).map(|key| (2_000_000 + key, 2)));
        let (mut own, mut page) = (Vec::new(), table.first_page(limit));
        while let Some((last, _)) = page.last().copied() {
            own.append(&mut page);
            page = table.page_after(&last, limit);
        }
        prop_assert_eq!(own.len(), table.len());
        prop_assert_eq!(counted(own), counted(&table));
        prop_assert_eq!(reader.count(|_, value| *value == 2), 0);
    }

    #[test]
    fn an_ordered_table_is_walked_from_both_ends_with_the_writes_of_the_message(
        rows in proptest::collection::btree_map(0..600_u32, 0..9_u32, 0..500),
        writes in proptest::collection::btree_map(0..600_u32, proptest::option::of(0..9_u32), 0..200),
        turns in proptest::collection::vec(any::<bool>(), 0..700),
        clears in any::<bool>(),
    ) {
        let mut table = OrderedTable::for_tests();
        table.extend(rows.clone());
        table.commit();
        let mut model = rows;
        if clears {
            table.clear();
            model.clear();
        }
        for (key, value) in writes {
            match value {
                Some(value) => drop((table.insert(key, value), model.insert(key, value))),
                None => drop((table.remove(&key), model.remove(&key))),
            }
        }
        let (mut walk, mut expected) = (table.range(5..550), model.range(5..550));
        for from_front in turns {
            let row = if from_front { walk.next() } else { walk.next_back() };
            let known = if from_front { expected.next() } else { expected.next_back() };
            prop_assert_eq!(row, known.map(|(key, value)| (*key, *value)));
        }
        drop(walk);
        table.commit();
        prop_assert!(table.reader().iter().eq(model.iter().map(|(key, value)| (*key, *value))));
        prop_assert_eq!(table.reader().len(), model.len());
        for key in 0..600 {
            prop_assert_eq!(table.next(&key), model.range(key + 1..).next().map(|(key, value)| (*key, *value)));
        }
    }
}

/// A value whose clone reads the table it is in.
#[derive(Debug)]
struct Curious(u32);

static TABLE: OnceLock<TableReader<u32, Curious>> = OnceLock::new();
static ORDERED: OnceLock<OrderedTableReader<u32, Curious>> = OnceLock::new();

impl Clone for Curious {
    fn clone(&self) -> Self {
        // Not for ever: what it reads is a clone as well.
        thread_local!(static DEPTH: AtomicU32 = const { AtomicU32::new(0) });
        DEPTH.with(|depth| {
            if depth.fetch_add(1, Ordering::Relaxed) < 3 {
                let _ = TABLE.get().and_then(|table| table.get(&(self.0 + 1)));
                let _ = ORDERED.get().and_then(|table| table.get(&(self.0 + 1)));
            }
            depth.fetch_sub(1, Ordering::Relaxed);
        });
        Self(self.0)
    }
}

#[test]
fn a_clone_that_reads_its_table_hangs_nobody_although_a_writer_waits() {
    let (done, is_done) = mpsc::channel();
    std::thread::spawn(move || {
        let (mut table, mut ordered) = (Table::for_tests(), OrderedTable::for_tests());
        let _ = (TABLE.set(table.reader()), ORDERED.set(ordered.reader()));
        let over = Arc::new(AtomicBool::new(false));
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let (over, table, ordered) = (Arc::clone(&over), table.reader(), ordered.reader());
                std::thread::spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        assert!(table.iter().chain(ordered.iter()).all(|(key, value)| key == value.0));
                        let snapshot = table.snapshot();
                        assert_eq!(snapshot.len() as u64, snapshot.boundary().min(64));
                    }
                })
            })
            .collect();
        for number in 0..3_000 {
            table.insert(number % 64, Curious(number % 64));
            ordered.insert(number % 64, Curious(number % 64));
            table.commit();
            ordered.commit();
        }
        over.store(true, Ordering::Relaxed);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        done.send(()).unwrap();
    });
    is_done.recv_timeout(Duration::from_secs(120)).expect("nobody waits for a lock its thread holds");
}
