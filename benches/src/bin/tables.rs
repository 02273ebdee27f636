//! What a recorded write costs, and a reader's lookup, beside the map underneath and what people use instead, in one run.
//!
//! `cargo run --release --bin tables [rows..]` prints a Markdown table: nanoseconds an operation (median of the rounds, all
//! candidates interleaved in each) and, in brackets, the ratio to the bare map underneath.

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::sync::RwLock;

use heir_benches::{Key, Rows, nanos, print_medians};
use heir_runtime::table::{OrderedTable, OrderedTableReader, Table, TableReader};

const ROUNDS: usize = 15;

trait Map<K> {
    fn put(&mut self, key: K, value: u64);
    fn get(&self, key: &K) -> Option<u64>;
    fn boundary(&mut self) {}
}

impl<K: Key> Map<K> for papaya::HashMap<K, u64> {
    fn put(&mut self, key: K, value: u64) {
        self.pin().insert(key, value);
    }
    fn get(&self, key: &K) -> Option<u64> {
        self.pin().get(key).copied()
    }
}

impl<K: Key> Map<K> for RwLock<HashMap<K, u64>> {
    fn put(&mut self, key: K, value: u64) {
        // Not `get_mut`: in a program the map is shared.
        let shared: &Self = self;
        shared.write().unwrap().insert(key, value);
    }
    fn get(&self, key: &K) -> Option<u64> {
        self.read().unwrap().get(key).copied()
    }
}

impl<K: Key> Map<K> for RwLock<BTreeMap<K, u64>> {
    fn put(&mut self, key: K, value: u64) {
        let shared: &Self = self;
        shared.write().unwrap().insert(key, value);
    }
    fn get(&self, key: &K) -> Option<u64> {
        self.read().unwrap().get(key).copied()
    }
}

impl<K: Key> Map<K> for dashmap::DashMap<K, u64> {
    fn put(&mut self, key: K, value: u64) {
        self.insert(key, value);
    }
    fn get(&self, key: &K) -> Option<u64> {
        dashmap::DashMap::get(self, key).map(|value| *value)
    }
}

struct Ours<K>(Table<K, u64>, TableReader<K, u64>);
impl<K: Key> Ours<K> {
    fn new() -> Self {
        let table = Table::for_tests();
        let reader = table.reader();
        Self(table, reader)
    }
}
impl<K: Key> Map<K> for Ours<K> {
    fn put(&mut self, key: K, value: u64) {
        self.0.insert(key, value);
    }
    fn get(&self, key: &K) -> Option<u64> {
        self.1.get(key)
    }
    fn boundary(&mut self) {
        self.0.commit();
    }
}

struct OursOrdered<K>(OrderedTable<K, u64>, OrderedTableReader<K, u64>);
impl<K: Key> OursOrdered<K> {
    fn new() -> Self {
        let table = OrderedTable::for_tests();
        let reader = table.reader();
        Self(table, reader)
    }
}
impl<K: Key> Map<K> for OursOrdered<K> {
    fn put(&mut self, key: K, value: u64) {
        self.0.insert(key, value);
    }
    fn get(&self, key: &K) -> Option<u64> {
        self.1.get(key)
    }
    fn boundary(&mut self) {
        self.0.commit();
    }
}

fn run<K: Key>(title: &str, rows: u64, mut candidates: Vec<(&str, Box<dyn Map<K>>)>) {
    let keys: Vec<K> = (0..rows).map(K::nth).collect();
    let times = if rows > 100_000 { 100_000 } else { 50_000 };
    let mut figures = vec![[const { Vec::new() }; 3]; candidates.len()];
    for (_, map) in &mut candidates {
        for key in &keys {
            map.put(key.clone(), 1);
            map.boundary();
        }
    }
    for round in 0..ROUNDS {
        for (at, (_, map)) in candidates.iter_mut().enumerate() {
            let mut any = Rows::new(round as u64 + 88_172_645_463_325_252, rows);
            figures[at][0].push(nanos(times, |_| {
                map.put(keys[any.draw()].clone(), 2);
                map.boundary();
            }));
            figures[at][1].push(nanos(times, |n| {
                map.put(keys[any.draw()].clone(), 2);
                if n % 10 == 9 {
                    map.boundary();
                }
            }));
            figures[at][2].push(nanos(times, |_| {
                black_box(map.get(&keys[any.draw()]));
            }));
        }
    }
    println!(
        "\n{title}, {rows} rows\n\n| map | write, 1 a message | write, 10 a message | lookup |\n|---|---|---|---|"
    );
    print_medians(candidates.iter().map(|(name, _)| *name), figures);
}

fn all<K: Key>(kind: &str, rows: u64) {
    run::<K>(
        &format!("`Table`, {kind} keys"),
        rows,
        vec![
            ("papaya, bare", Box::new(papaya::HashMap::new())),
            ("`Table`", Box::new(Ours::new())),
            ("`RwLock<HashMap>`", Box::new(RwLock::new(HashMap::new()))),
            ("`DashMap`", Box::new(dashmap::DashMap::new())),
        ],
    );
    run::<K>(
        &format!("`OrderedTable`, {kind} keys"),
        rows,
        vec![
            ("`RwLock<BTreeMap>`, bare", Box::new(RwLock::new(BTreeMap::new()))),
            ("`OrderedTable`", Box::new(OursOrdered::new())),
        ],
    );
}

fn main() {
    let mut rows: Vec<u64> =
        std::env::args().skip(1).map(|arg| arg.parse().expect("a number of rows")).collect();
    if rows.is_empty() {
        rows = vec![1_000, 1_000_000];
    }
    for rows in rows {
        all::<u64>("u64", rows);
        all::<String>("String", rows);
    }
}
