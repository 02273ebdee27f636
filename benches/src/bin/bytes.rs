//! What rows weigh: the bytes that a table allocates, itself included, beside those of std's map of
//! the same rows.
//!
//! `cargo run --release --bin bytes` prints a Markdown table. It counts what the allocator is asked
//! for, so no other work on the machine changes it. The targets: a table with one row has at most
//! 1,024 bytes, and a row among a million at most 1.5 times those of std's map.

use std::alloc::System;
use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;

use heir_benches::Key;
use heir_runtime::table::{BagTable, OrderedTable, Table};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ROWS: [u64; 5] = [0, 1, 10, 1_000, 1_000_000];
/// How many rows a message writes.
const A_MESSAGE: usize = 100;
/// The targets: of a table with one row, and of a row among a million beside std's.
const A_TABLE: usize = 1_024;
const A_ROW: f64 = 1.5;

/// How many bytes are allocated for a value that is on the heap itself.
fn bytes<T>(make: impl FnOnce() -> T) -> usize {
    let region = Region::new(ALLOCATOR);
    let made = black_box(Box::new(make()));
    let change = region.change();
    drop(made);
    change.bytes_allocated - change.bytes_deallocated
}

fn print(name: &str, std: &str, ours: impl Fn(u64) -> usize, theirs: impl Fn(u64) -> usize) {
    print!("| {name} (of {std}) ");
    for rows in ROWS {
        let (ours, theirs) = (ours(rows), theirs(rows));
        if rows < 1_000 {
            let missed = if rows == 1 && ours > A_TABLE { ", MISSED" } else { "" };
            print!("| {ours} ({theirs}{missed}) ");
        } else {
            let ratio = ours as f64 / theirs as f64;
            let missed = if rows == 1_000_000 && ratio > A_ROW { ", MISSED" } else { "" };
            print!("| {:.1} a row ({ratio:.2} times{missed}) ", ours as f64 / rows as f64);
        }
    }
    println!("|");
}

/// A table with so many rows, some of them written in each message.
macro_rules! filled {
    ($table:ident, $rows:expr, $key:ty) => {{
        let mut table = $table::<$key, u64>::for_tests();
        let numbers: Vec<u64> = (0..$rows).collect();
        for message in numbers.chunks(A_MESSAGE) {
            table.extend(message.iter().map(|n| (<$key>::nth(*n), *n)));
            table.commit();
        }
        table
    }};
}

fn of_keys<K: Key>(kind: &str) {
    let pairs = |rows: u64| (0..rows).map(|n| (K::nth(n), n));
    let hash_map = |rows| {
        bytes(|| {
            let mut map = HashMap::new();
            map.extend(pairs(rows));
            map
        })
    };
    let tree_map = |rows| {
        bytes(|| {
            let mut map = BTreeMap::new();
            map.extend(pairs(rows));
            map
        })
    };
    let lists = |rows| {
        bytes(|| {
            let mut map: HashMap<K, Vec<u64>> = HashMap::new();
            pairs(rows).for_each(|(key, value)| map.entry(key).or_default().push(value));
            map
        })
    };
    let table = |rows| bytes(|| filled!(Table, rows, K));
    let ordered = |rows| bytes(|| filled!(OrderedTable, rows, K));
    let bag = |rows| bytes(|| filled!(BagTable, rows, K));
    print(&format!("Table, {kind}"), "HashMap", table, hash_map);
    print(&format!("OrderedTable, {kind}"), "BTreeMap", ordered, tree_map);
    print(&format!("BagTable, {kind}"), "HashMap of Vec", bag, lists);
}

fn main() {
    println!("| bytes | no rows | 1 | 10 | 1,000 | 1,000,000 |\n|---|---|---|---|---|---|");
    of_keys::<u64>("u64");
    of_keys::<String>("String");
}
