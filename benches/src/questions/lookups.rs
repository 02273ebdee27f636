//! What a recorded write costs, and a reader's lookup, beside what people use instead.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, RwLock};
use std::thread;

use dashmap::DashMap;
use heir_benches::{Key, Rows, nanos};
use heir_runtime::table::{OrderedTable, OrderedTableReader, Table as Set, TableReader};

use crate::contenders::otp;
use crate::lane::{Threads, short, sizes};
use crate::report::{Answer, Column, Growth, Row, Table, Unit};

const ABOUT: &str = "
Rows of a `u64`, on a thread: overwriting any of them, each write a message of its own (committed); looking any of them up; and looking
them up while another thread overwrites them as fast as it can. Target: a write in twice the time of the locked map at most.
";
const NOTE: &str = "
A write is looked up, put into the write set, and committed: five locked operations of the processor, where the locked map has two, and the
row is moved twice. So it misses its target where the map's own work is least, with `u64` keys and with 1000 `String` keys, and meets it with
a million of these. A lookup takes the lock of some hundred rows, and looks once more whether they have been split meanwhile: a tenth longer
than in the locked map among 1000 rows. Among a million it reads the shard, the tag and the row from three places of memory, where the map has
two. Beside a writer it waits for one shard at most. papaya, on which tables stood before, has no lock; it drops what was replaced in any thread.
ets copies the row out.
";
const ORDERED_NOTE: &str = "
An `OrderedTable` is a `BTreeMap` of slots behind a lock, and the values are in the slots. A write is put in order twice, in the write set and
in the map, if its key is new, and looked up in both if it is not.
";
const GROWTH_ABOUT: &str = "
The same, `u64` keys, nobody beside.
";
const WRITE_NOTE: &str = "
The bends are those of the caches, and no more work: the time of a write against the locked map's stays the same up to a million rows. A row of
a `Table` takes 53 bytes, one of `HashMap` 36. No write waits for the table to grow: a shard is split, which takes microseconds.
";
const LOOKUP_NOTE: &str = "
The same bends; they come earlier, as the rows take more room, and lie in more places.
";
const SIZES: [u64; 2] = [1_000, 1_000_000];
const GROWTH: [u64; 8] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];
const TIMES: usize = 50_000;
const ROUNDS: usize = 9;

/// How a map hashes: as std does, or as a `Table`.
trait Hashes: BuildHasher + Default + Clone + Send + Sync + 'static {}
impl Hashes for std::hash::RandomState {}
impl Hashes for foldhash::fast::RandomState {}

trait Write<K>: Send {
    /// Overwrites a row, and commits.
    fn put(&mut self, key: K, value: u64);
}

trait Read<K>: Send + Sync {
    fn get(&self, key: &K) -> Option<u64>;
}

struct Candidate<K> {
    name: &'static str,
    writer: Box<dyn Write<K>>,
    reader: Box<dyn Read<K>>,
}

impl<K> Candidate<K> {
    fn new(name: &'static str, writer: impl Write<K> + 'static, reader: impl Read<K> + 'static) -> Self {
        Self { name, writer: Box::new(writer), reader: Box::new(reader) }
    }

    /// One that is shared by those who write and those who read.
    fn shared<M: Default>(name: &'static str) -> Self
    where
        Arc<M>: Write<K> + Read<K> + Sync + 'static,
    {
        let map = Arc::<M>::default();
        Self::new(name, Arc::clone(&map), map)
    }
}

macro_rules! shared {
    ($map:ty, |$write:ident, $key:ident, $value:ident| $put:expr, |$read:ident, $wanted:ident| $get:expr) => {
        impl<K: Key, S: Hashes> Write<K> for Arc<$map> {
            fn put(&mut self, $key: K, $value: u64) {
                let $write = &**self;
                $put;
            }
        }
        impl<K: Key, S: Hashes> Read<K> for Arc<$map> {
            fn get(&self, $wanted: &K) -> Option<u64> {
                let $read = &**self;
                $get
            }
        }
    };
}

shared!(papaya::HashMap<K, u64, S>, |map, key, value| map.pin().insert(key, value), |map, key| {
    map.pin().get(key).copied()
});
shared!(RwLock<HashMap<K, u64, S>>, |map, key, value| map.write().unwrap().insert(key, value), |map, key| {
    map.read().unwrap().get(key).copied()
});
shared!(DashMap<K, u64, S>, |map, key, value| map.insert(key, value), |map, key| {
    DashMap::get(map, key).map(|value| *value)
});

impl<K: Key> Write<K> for Arc<RwLock<BTreeMap<K, u64>>> {
    fn put(&mut self, key: K, value: u64) {
        self.write().unwrap().insert(key, value);
    }
}

impl<K: Key> Read<K> for Arc<RwLock<BTreeMap<K, u64>>> {
    fn get(&self, key: &K) -> Option<u64> {
        self.read().unwrap().get(key).copied()
    }
}

macro_rules! ours {
    ($table:ident, $reader:ident) => {
        impl<K: Key> Write<K> for $table<K, u64> {
            fn put(&mut self, key: K, value: u64) {
                self.insert(key, value);
                self.commit();
            }
        }
        impl<K: Key> Read<K> for $reader<K, u64> {
            fn get(&self, key: &K) -> Option<u64> {
                $reader::get(self, key)
            }
        }
    };
}

ours!(Set, TableReader);
ours!(OrderedTable, OrderedTableReader);

fn sets<K: Key>() -> Vec<Candidate<K>> {
    type Fold = foldhash::fast::RandomState;
    let table = Set::for_tests();
    let reader = table.reader();
    vec![
        Candidate::shared::<RwLock<HashMap<K, u64, Fold>>>("`RwLock<HashMap>`, foldhash"),
        Candidate::new("`Table`", table, reader),
        Candidate::shared::<RwLock<HashMap<K, u64>>>("`RwLock<HashMap>`"),
        Candidate::shared::<papaya::HashMap<K, u64, Fold>>("papaya, foldhash"),
        Candidate::shared::<papaya::HashMap<K, u64>>("papaya"),
        Candidate::shared::<DashMap<K, u64>>("`DashMap`"),
        Candidate::shared::<DashMap<K, u64, Fold>>("`DashMap`, foldhash"),
    ]
}

fn ordered<K: Key>() -> Vec<Candidate<K>> {
    let table = OrderedTable::for_tests();
    let reader = table.reader();
    vec![
        Candidate::shared::<RwLock<BTreeMap<K, u64>>>("`RwLock<BTreeMap>`"),
        Candidate::new("`OrderedTable`", table, reader),
    ]
}

/// Puts rows from..to into each.
fn fill<K: Key>(candidates: &mut [Candidate<K>], rows: std::ops::Range<u64>) {
    for candidate in candidates {
        for n in rows.clone() {
            candidate.writer.put(K::nth(n), 1);
        }
    }
}

/// A write, a lookup and, if it is wanted, a lookup beside a writer: for each candidate, each as often as there are rounds.
fn measure<K: Key>(candidates: &mut [Candidate<K>], rows: u64, beside: bool) -> Vec<Row> {
    let columns = if beside { 3 } else { 2 };
    let mut measured: Vec<Row> =
        candidates.iter().map(|candidate| Row::new(candidate.name, vec![Vec::new(); columns])).collect();
    for round in 0..if short() { 1 } else { ROUNDS } {
        let mut any = Rows::new(round as u64 + 88_172_645_463_325_252, rows);
        // Drawn before: how keys come about is nobody's cost.
        let keys: Vec<K> = (0..TIMES).map(|_| K::nth(any.draw() as u64)).collect();
        for (candidate, row) in candidates.iter_mut().zip(&mut measured) {
            let Candidate { writer, reader, .. } = candidate;
            row.samples[0].push(nanos(TIMES, |n| writer.put(keys[n].clone(), 2)));
            let look_up = || {
                nanos(TIMES, |n| {
                    black_box(reader.get(&keys[n]));
                })
            };
            row.samples[1].push(look_up());
            if beside {
                row.samples[2].push(beside_a_writer(writer.as_mut(), rows, look_up));
            }
        }
    }
    measured
}

fn beside_a_writer<K: Key>(writer: &mut dyn Write<K>, rows: u64, look_up: impl Fn() -> f64) -> f64 {
    let (over, under_way) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut any = Rows::new(7, rows);
            let keys: Vec<K> = (0..TIMES).map(|_| K::nth(any.draw() as u64)).collect();
            under_way.store(true, Relaxed);
            for key in keys.iter().cycle() {
                writer.put(key.clone(), 3);
                if over.load(Relaxed) {
                    break;
                }
            }
        });
        while !under_way.load(Relaxed) {
            thread::yield_now();
        }
        let figure = look_up();
        over.store(true, Relaxed);
        figure
    })
}

fn table<K: Key>(kind: &str, rows: u64, otp: Option<&Row>, of: fn() -> Vec<Candidate<K>>) -> Answer {
    let columns =
        ["a write", "a lookup", "a lookup beside a writer"].map(|name| Column::new(name, Unit::Time));
    let mut candidates = of();
    fill(&mut candidates, 0..rows);
    let size = crate::report::short(rows);
    let table = Table {
        title: format!("{kind}: {size} rows"),
        about: ABOUT,
        columns: columns.into(),
        rows: measure(&mut candidates, rows, true),
        note: if otp.is_some() { NOTE } else { ORDERED_NOTE },
    };
    Answer::Table(table.and(otp.map(|row| Row::new(&*row.name, row.samples.clone()))))
}

fn growth(otp: Option<&Row>) -> [Answer; 2] {
    let sizes = sizes(GROWTH, 100_000);
    let mut candidates = sets::<u64>();
    let empty =
        || candidates.iter().map(|candidate| Row::new(candidate.name, Vec::new())).collect::<Vec<_>>();
    let mut figures = [empty(), empty()];
    let mut filled = 0;
    for size in &sizes {
        fill(&mut candidates, filled..*size);
        filled = *size;
        for (at, row) in measure(&mut candidates, *size, false).into_iter().enumerate() {
            for (figure, samples) in row.samples.into_iter().enumerate() {
                figures[figure][at].samples.push(samples);
            }
        }
    }
    if let Some(otp) = otp {
        for (figure, rows) in figures.iter_mut().enumerate() {
            let samples = otp.samples[figure * GROWTH.len()..][..sizes.len()].to_vec();
            rows.push(Row::new(&*otp.name, samples));
        }
    }
    let [writes, lookups] = figures;
    [
        ("A recorded write, as the rows grow", WRITE_NOTE, writes),
        ("A lookup, as the rows grow", LOOKUP_NOTE, lookups),
    ]
    .map(|(title, note, rows)| {
        let (title, sizes) = (title.to_owned(), sizes.clone());
        Answer::Growth(Growth { title, about: GROWTH_ABOUT, of: "rows", sizes, unit: Unit::Time, rows, note })
    })
}

pub fn ask() -> Vec<Answer> {
    let mut answers = Vec::new();
    // Its figures: three for each kind of key and size, and then two for each size of the growth.
    let ets = otp::row("lookups", 12 + 2 * GROWTH.len(), Threads::Two);
    let part = |from: usize, to: usize| {
        ets.as_ref().map(|row| Row::new(row.name.replace("OTP", "ets, OTP"), row.samples[from..to].to_vec()))
    };
    for (n, rows) in SIZES.into_iter().enumerate() {
        answers.push(table::<u64>("A table with `u64` keys", rows, part(6 * n, 6 * n + 3).as_ref(), sets));
        answers.push(table::<String>(
            "A table with `String` keys",
            rows,
            part(6 * n + 3, 6 * n + 6).as_ref(),
            sets,
        ));
    }
    for rows in SIZES {
        answers.push(table::<u64>("An ordered table with `u64` keys", rows, None, ordered));
        answers.push(table::<String>("An ordered table with `String` keys", rows, None, ordered));
    }
    answers.extend(growth(part(12, 12 + 2 * GROWTH.len()).as_ref()));
    answers
}
