//! The maps that a table could stand on, used as a table uses them: by one writer, in commits.
//!
//! `cargo run --release --bin beneath` takes two to three minutes, and prints Markdown tables:
//!
//! - `commits`: nanoseconds for each row that is overwritten in commits of 1, 16 and 1,000 rows, with
//!   no, one and two threads beside that look rows up; and nanoseconds for each of their lookups.
//! - `tail`: how long a lookup takes beside a thread that fills the map with 10 million rows, and
//!   beside one that only spins, as percentiles. The target for a `Table`: the 99.99th beside the
//!   writer is at most twice the one beside the spinning thread.
//!
//! With one of these words it measures only that. All maps are measured in turn, round by round; the
//! figures are medians of the rounds. It needs a machine that does nothing else: the 99.99th
//! percentile is otherwise that of the machine's scheduler.

mod table;

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use heir_benches::{Key, Rows};
use heir_runtime::table::{Table, TableReader};

use crate::table::hashed::Sharded;

const SIZES: [u64; 2] = [1_000, 1_000_000];
const COMMITS: [usize; 3] = [1, 16, 1_000];
const READERS: [usize; 3] = [0, 1, 2];
const ROUNDS: usize = 5;
/// How long a round writes.
const A_ROUND: Duration = Duration::from_millis(50);
/// How many keys are drawn before the time is taken.
const DRAWN: usize = 50_000;

const FILLED: u64 = 10_000_000;
/// After so many rows the writer makes a pause, in which a thread spins.
const A_STEP: u64 = 1_000_000;
const TAIL_ROUNDS: usize = 3;
const PERCENTILES: [f64; 4] = [0.5, 0.99, 0.999, 0.9999];

trait Write<K>: Send {
    /// Makes the writes of one message visible.
    fn commit(&mut self, rows: &[K], value: u64);
}

trait Read<K>: Send + Sync {
    fn get(&self, key: &K) -> Option<u64>;
}

struct Candidate<K> {
    name: &'static str,
    writer: Box<dyn Write<K>>,
    reader: Box<dyn Read<K>>,
}

macro_rules! map {
    ($map:ty, |$write:ident, $rows:ident, $value:ident| $commit:expr, |$read:ident, $key:ident| $get:expr) => {
        impl<K: Key> Write<K> for Arc<$map> {
            fn commit(&mut self, $rows: &[K], $value: u64) {
                let $write = &**self;
                $commit
            }
        }
        impl<K: Key> Read<K> for Arc<$map> {
            fn get(&self, $key: &K) -> Option<u64> {
                let $read = &**self;
                $get
            }
        }
    };
}

map!(Sharded<K>, |map, rows, value| rows.iter().for_each(|key| map.put(key.clone(), value)), |map, key| {
    Sharded::get(map, key)
});
map!(
    papaya::HashMap<K, u64, RandomState>,
    |map, rows, value| {
        let map = map.pin();
        rows.iter().for_each(|key| {
            map.insert(key.clone(), value);
        });
    },
    |map, key| map.pin().get(key).copied()
);
map!(
    scc::HashMap<K, u64, RandomState>,
    |map, rows, value| rows.iter().for_each(|key| {
        map.upsert_sync(key.clone(), value);
    }),
    |map, key| map.read_sync(key, |_, value| *value)
);
map!(
    dashmap::DashMap<K, u64, RandomState>,
    |map, rows, value| rows.iter().for_each(|key| {
        map.insert(key.clone(), value);
    }),
    |map, key| dashmap::DashMap::get(map, key).map(|value| *value)
);

impl<K: Key> Write<K> for Table<K, u64> {
    fn commit(&mut self, rows: &[K], value: u64) {
        self.extend(rows.iter().map(|key| (key.clone(), value)));
        Table::commit(self);
    }
}

impl<K: Key> Read<K> for TableReader<K, u64> {
    fn get(&self, key: &K) -> Option<u64> {
        TableReader::get(self, key)
    }
}

fn candidates<K: Key>() -> Vec<Candidate<K>> {
    fn shared<K, M>(name: &'static str, map: M) -> Candidate<K>
    where
        Arc<M>: Write<K> + Read<K> + 'static,
    {
        let map = Arc::new(map);
        Candidate { name, writer: Box::new(Arc::clone(&map)), reader: Box::new(map) }
    }
    let table = Table::for_tests();
    let reader = table.reader();
    vec![
        shared("sharded hashbrown, as in a `Table`", Sharded::new()),
        Candidate { name: "`Table`, write set and all", writer: Box::new(table), reader: Box::new(reader) },
        shared("papaya", papaya::HashMap::default()),
        shared("scc `HashMap`", scc::HashMap::default()),
        shared("dashmap", dashmap::DashMap::default()),
    ]
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Keys of any rows below `rows`.
fn drawn<K: Key>(seed: u64, rows: u64) -> Vec<K> {
    let mut any = Rows::new(seed, rows);
    (0..DRAWN).map(|_| K::nth(any.draw() as u64)).collect()
}

/// Nanoseconds for a row that is written in commits of so many, and for a lookup meanwhile.
fn round<K: Key>(candidate: &mut Candidate<K>, keys: &[K], commit: usize, readers: usize) -> (f64, f64) {
    let Candidate { writer, reader, .. } = candidate;
    let over = AtomicBool::new(false);
    let look_up = |from: usize| {
        let (start, mut lookups) = (Instant::now(), 0_u64);
        for key in keys.iter().cycle().skip(from) {
            black_box(reader.get(key));
            lookups += 1;
            if lookups % 64 == 0 && over.load(Relaxed) {
                break;
            }
        }
        start.elapsed().as_secs_f64() * 1e9 / lookups as f64
    };
    let look_up = &look_up;
    thread::scope(|scope| {
        let from = |nth: usize| nth * DRAWN / READERS.len();
        let looking: Vec<_> = (1..=readers).map(|nth| scope.spawn(move || look_up(from(nth)))).collect();
        let mut commits = keys.chunks_exact(commit).cycle();
        let (start, mut written) = (Instant::now(), 0_u64);
        while start.elapsed() < A_ROUND {
            // Some at a time, because the clock takes time too.
            for rows in commits.by_ref().take(2_000 / commit) {
                writer.commit(rows, written);
                written += commit as u64;
            }
        }
        let a_row = start.elapsed().as_secs_f64() * 1e9 / written as f64;
        over.store(true, Relaxed);
        let lookups = looking.into_iter().map(|thread| thread.join().expect("a reader")).collect();
        (a_row, median(lookups))
    })
}

fn commits<K: Key>(kind: &str, rows: u64) {
    let mut candidates = candidates::<K>();
    for candidate in &mut candidates {
        let keys: Vec<K> = (0..rows).map(K::nth).collect();
        keys.chunks(1_000).for_each(|keys| candidate.writer.commit(keys, 1));
    }
    // For each candidate, commit and number of readers: the rounds.
    let mut figures = vec![vec![(Vec::new(), Vec::new()); COMMITS.len() * READERS.len()]; candidates.len()];
    for number in 0..ROUNDS {
        let keys = drawn::<K>(number as u64 + 88_172_645_463_325_252, rows);
        for (at, (commit, readers)) in
            COMMITS.iter().flat_map(|commit| READERS.map(|readers| (*commit, readers))).enumerate()
        {
            for (candidate, figures) in candidates.iter_mut().zip(&mut figures) {
                let (a_row, a_lookup) = round(candidate, &keys, commit, readers);
                figures[at].0.push(a_row);
                figures[at].1.push(a_lookup);
            }
        }
    }
    println!("\n{kind} keys, {rows} rows: ns a row written / ns a lookup beside\n");
    print!("| map ");
    for commit in COMMITS {
        for readers in READERS {
            print!("| {commit} a commit, {readers} beside ");
        }
    }
    println!("|\n|---{}|", "|---".repeat(COMMITS.len() * READERS.len()));
    for (candidate, figures) in candidates.iter().zip(figures) {
        print!("| {} ", candidate.name);
        for (at, (rows, lookups)) in figures.into_iter().enumerate() {
            match READERS[at % READERS.len()] {
                0 => print!("| {:.0} ", median(rows)),
                _ => print!("| {:.0} / {:.0} ", median(rows), median(lookups)),
            }
        }
        println!("|");
    }
}

/// How many lookups took how long: nanoseconds, to a sixteenth.
struct Times(Vec<u64>);

impl Times {
    fn new() -> Self {
        Self(vec![0; 64 * 16])
    }

    fn note(&mut self, nanos: u64) {
        let nanos = nanos.max(16);
        let power = nanos.ilog2();
        self.0[(power * 16 + (nanos >> (power - 4)) as u32 % 16) as usize] += 1;
    }

    /// The time that this part of the lookups took at most.
    fn percentile(&self, part: f64) -> u64 {
        let wanted = (self.0.iter().sum::<u64>() as f64 * part) as u64;
        let mut seen = 0;
        let at = self.0.iter().position(|times| {
            seen += times;
            seen > wanted
        });
        let at = at.unwrap_or(0) as u64;
        (16 + at % 16) << (at / 16).saturating_sub(4)
    }
}

/// Looks up rows that are there while `work` is done by another thread, and notes how long each takes.
fn look_up_beside(
    reader: &dyn Read<u64>,
    filled: &AtomicU64,
    times: &mut Times,
    work: impl FnOnce(&AtomicBool) + Send,
) {
    let (under_way, over) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            work(&under_way);
            over.store(true, Relaxed);
        });
        while !under_way.load(Relaxed) {
            thread::yield_now();
        }
        let mut any = Rows::new(filled.load(Relaxed) + 88_172_645_463_325_252, u64::MAX);
        while !over.load(Relaxed) {
            let key = u64::nth(any.draw() as u64 % filled.load(Relaxed));
            let start = Instant::now();
            black_box(reader.get(&key));
            times.note(start.elapsed().as_nanos() as u64);
        }
    });
}

/// Fills a map, with a pause after each million rows: the percentiles of a lookup beside the writer,
/// and in the pauses, which are as long.
fn filled(mut candidate: Candidate<u64>) -> [[u64; PERCENTILES.len()]; 2] {
    let (mut beside_writer, mut beside_spinning) = (Times::new(), Times::new());
    let filled = AtomicU64::new(1_000);
    let Candidate { writer, reader, .. } = &mut candidate;
    writer.commit(&(0..1_000).map(u64::nth).collect::<Vec<_>>(), 1);
    while filled.load(Relaxed) < FILLED {
        let mut took = Duration::ZERO;
        look_up_beside(&**reader, &filled, &mut beside_writer, |under_way| {
            under_way.store(true, Relaxed);
            let start = Instant::now();
            for _ in 0..A_STEP / 100 {
                let from = filled.load(Relaxed);
                let keys: [u64; 100] = std::array::from_fn(|nth| u64::nth(from + nth as u64));
                writer.commit(&keys, 1);
                filled.store(from + 100, Relaxed);
            }
            took = start.elapsed();
        });
        look_up_beside(&**reader, &filled, &mut beside_spinning, |under_way| {
            under_way.store(true, Relaxed);
            let start = Instant::now();
            while start.elapsed() < took {
                std::hint::spin_loop();
            }
        });
    }
    [beside_writer, beside_spinning].map(|times| PERCENTILES.map(|part| times.percentile(part)))
}

fn tail() {
    // A table's lookups are those of the shards, and to fill takes long.
    let some = || {
        let mut some = candidates::<u64>();
        some.retain(|candidate| {
            ["`Table`, write set and all", "papaya", "dashmap"].contains(&candidate.name)
        });
        some
    };
    let names: Vec<_> = some().iter().map(|candidate| candidate.name).collect();
    let mut figures = vec![Vec::new(); names.len()];
    for _ in 0..TAIL_ROUNDS {
        for (candidate, figures) in some().into_iter().zip(&mut figures) {
            figures.push(filled(candidate));
        }
    }
    println!(
        "\nA lookup beside a writer that fills {FILLED} rows, 100 a commit / beside a spinning thread (ns)\n"
    );
    println!(
        "| map | p50 | p99 | p99.9 | p99.99 | p99.99, ratio (target for a `Table`: 2) |\n|---|---|---|---|---|---|"
    );
    for (name, rounds) in names.iter().zip(figures) {
        print!("| {name} ");
        let of =
            |thread: usize, at: usize| median(rounds.iter().map(|round| round[thread][at] as f64).collect());
        for at in 0..PERCENTILES.len() {
            print!("| {} / {} ", of(0, at), of(1, at));
        }
        let last = PERCENTILES.len() - 1;
        let ratios = rounds.iter().map(|round| round[0][last] as f64 / round[1][last] as f64);
        println!("| {:.2} |", median(ratios.collect()));
    }
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let is_wanted = |part: &str| wanted.is_empty() || wanted.iter().any(|word| word == part);
    if is_wanted("commits") {
        for rows in SIZES {
            commits::<u64>("u64", rows);
            commits::<String>("String", rows);
        }
    }
    if is_wanted("tail") {
        tail();
    }
}
