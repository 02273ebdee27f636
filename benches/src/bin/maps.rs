//! The concurrent maps a table could stand on, one writer, and readers beside it, in one run.
//!
//! `cargo run --release --bin maps [rows..]` prints a Markdown table: nanoseconds an operation (median of the rounds, all
//! candidates interleaved in each) and, in brackets, the ratio to the first candidate.

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, RwLock};

use arc_swap::ArcSwap;
use heir_benches::{Key, Rows, nanos, print_medians};

const ROUNDS: usize = 7;

trait Map<K>: Send + Sync {
    fn put(&self, key: K, value: u64);
    fn get(&self, key: &K) -> Option<u64>;
}

macro_rules! map {
    ($name:ident<$k:ident>($inner:ty) $new:expr; |$m:ident, $key:ident, $value:ident| $put:expr; |$g:ident, $look:ident| $get:expr) => {
        struct $name<$k>($inner);
        impl<$k: Key> $name<$k> {
            #[allow(clippy::new_ret_no_self)]
            fn new() -> Box<dyn Map<$k>> {
                Box::new(Self($new))
            }
        }
        impl<$k: Key> Map<$k> for $name<$k> {
            fn put(&self, $key: $k, $value: u64) {
                let $m = &self.0;
                $put
            }
            fn get(&self, $look: &$k) -> Option<u64> {
                let $g = &self.0;
                $get
            }
        }
    };
}

map!(Papaya<K>(papaya::HashMap<K, u64>) papaya::HashMap::new();
    |m, k, v| { m.pin().insert(k, v); }; |m, k| m.pin().get(k).copied());
map!(SccMap<K>(scc::HashMap<K, u64>) scc::HashMap::new();
    |m, k, v| { m.upsert_sync(k, v); }; |m, k| m.read_sync(k, |_, v| *v));
map!(SccIndex<K>(scc::HashIndex<K, u64>) scc::HashIndex::new();
    |m, k, v| { match m.entry_sync(k) {
        scc::hash_index::Entry::Occupied(mut e) => e.update(v),
        scc::hash_index::Entry::Vacant(e) => { e.insert_entry(v); }
    } }; |m, k| m.peek_with(k, |_, v| *v));
map!(Dash<K>(dashmap::DashMap<K, u64>) dashmap::DashMap::new();
    |m, k, v| { m.insert(k, v); }; |m, k| m.get(k).map(|v| *v));
map!(LockedStd<K>(RwLock<HashMap<K, u64>>) RwLock::default();
    |m, k, v| { m.write().unwrap().insert(k, v); }; |m, k| m.read().unwrap().get(k).copied());
map!(ImblHash<K>((Mutex<imbl::HashMap<K, u64>>, ArcSwap<imbl::HashMap<K, u64>>)) (Mutex::default(), ArcSwap::default());
    |m, k, v| { let mut own = m.0.lock().unwrap(); own.insert(k, v); m.1.store(own.clone().into()); };
    |m, k| m.1.load().get(k).copied());

map!(Skip<K>(crossbeam_skiplist::SkipMap<K, u64>) crossbeam_skiplist::SkipMap::new();
    |m, k, v| { m.insert(k, v); }; |m, k| m.get(k).map(|e| *e.value()));
map!(SkipCell<K>(crossbeam_skiplist::SkipMap<K, ArcSwap<u64>>) crossbeam_skiplist::SkipMap::new();
    |m, k, v| { match m.get(&k) {
        Some(e) => e.value().store(v.into()),
        None => { m.insert(k, ArcSwap::new(v.into())); }
    } }; |m, k| m.get(k).map(|e| **e.value().load()));
map!(Tree<K>(scc::TreeIndex<K, u64>) scc::TreeIndex::new();
    |m, k, v| m.upsert_sync(k, v);
    |m, k| m.peek_with(k, |_, v| *v));
map!(TreeCell<K>(scc::TreeIndex<K, std::sync::Arc<ArcSwap<u64>>>) scc::TreeIndex::new();
    |m, k, v| { if m.peek_with(&k, |_, c| c.store(v.into())).is_none() {
        let _ = m.insert_sync(k, ArcSwap::new(v.into()).into()); } };
    |m, k| m.peek_with(k, |_, v| **v.load()));
map!(LockedTree<K>(RwLock<BTreeMap<K, u64>>) RwLock::default();
    |m, k, v| { m.write().unwrap().insert(k, v); }; |m, k| m.read().unwrap().get(k).copied());
map!(ImblOrd<K>((Mutex<imbl::OrdMap<K, u64>>, ArcSwap<imbl::OrdMap<K, u64>>)) (Mutex::default(), ArcSwap::default());
    |m, k, v| { let mut own = m.0.lock().unwrap(); own.insert(k, v); m.1.store(own.clone().into()); };
    |m, k| m.1.load().get(k).copied());

fn run<K: Key>(title: &str, rows: u64, candidates: &[(&str, Box<dyn Map<K>>)]) {
    let keys: Vec<K> = (0..rows).map(K::nth).collect();
    let times = if rows > 100_000 { 150_000 } else { 60_000 };
    let mut figures = vec![[const { Vec::new() }; 4]; candidates.len()];
    for (at, (_, map)) in candidates.iter().enumerate() {
        let mut next = 0;
        figures[at][0].push(nanos(keys.len(), |_| {
            map.put(keys[next].clone(), 1);
            next += 1;
        }));
    }
    for round in 0..ROUNDS {
        for (at, (_, map)) in candidates.iter().enumerate() {
            let mut any = Rows::new(round as u64 + 88_172_645_463_325_252, rows);
            figures[at][1].push(nanos(times, |_| map.put(keys[any.draw()].clone(), 2)));
            figures[at][2].push(nanos(times, |_| {
                black_box(map.get(&keys[any.draw()]));
            }));
            let stop = AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let mut any = Rows::new(7, rows);
                    while !stop.load(Ordering::Relaxed) {
                        map.put(keys[any.draw()].clone(), 3);
                    }
                });
                figures[at][3].push(nanos(times, |_| {
                    black_box(map.get(&keys[any.draw()]));
                }));
                stop.store(true, Ordering::Relaxed);
            });
        }
    }
    println!(
        "\n{title}, {rows} rows\n\n| map | fill | overwrite | lookup | lookup beside a writer |\n|---|---|---|---|---|"
    );
    print_medians(candidates.iter().map(|(name, _)| *name), figures);
}

fn all<K: Key>(kind: &str, rows: u64) {
    run::<K>(
        &format!("Set, {kind} keys"),
        rows,
        &[
            ("papaya", Papaya::new()),
            ("scc HashMap", SccMap::new()),
            ("scc HashIndex", SccIndex::new()),
            ("dashmap", Dash::new()),
            ("RwLock<HashMap>", LockedStd::new()),
            ("imbl HashMap + arc-swap", ImblHash::new()),
        ],
    );
    run::<K>(
        &format!("Ordered, {kind} keys"),
        rows,
        &[
            ("crossbeam SkipMap", Skip::new()),
            ("crossbeam SkipMap, rows in arc-swap", SkipCell::new()),
            ("scc TreeIndex", Tree::new()),
            ("scc TreeIndex, rows in arc-swap", TreeCell::new()),
            ("RwLock<BTreeMap>", LockedTree::new()),
            ("imbl OrdMap + arc-swap", ImblOrd::new()),
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
