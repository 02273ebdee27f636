//! How the cost of one worker grows with the number of the others. Each number of them has a process of its own.

use std::fs;
use std::hint::black_box;
use std::process::{self, Command};
use std::time::{Duration, Instant};

use heir_benches::Rows;

use crate::contenders::{self, Contender, otp};
use crate::lane::{Threads, nanos_each, short, sizes};
use crate::report::{Answer, Growth, Row, Unit, median};

const ABOUT: &str = "
So many idle workers under one supervisor (raw: under nobody), on a `current_thread` runtime, each number of them in processes of
their own: medians, and, in brackets, the ratio to the first row. A number is left out where the workers would take more than half of the
memory, or a process 30 s.
";
const SIZES: [u64; 7] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];
/// So many starts and stops are measured, and at least ten times as many calls.
const TIMES: usize = 1_000;
/// How long a process may take.
const PATIENCE: Duration = Duration::from_secs(30);

struct Asked {
    title: &'static str,
    unit: Unit,
    note: &'static str,
}

const ASKED: [Asked; 5] = [
    Asked { title: "Starting one more worker", unit: Unit::Time, note: START_NOTE },
    Asked { title: "Stopping one of the workers", unit: Unit::Time, note: STOP_NOTE },
    Asked { title: "Calling one worker among idle ones", unit: Unit::Time, note: SAME_NOTE },
    Asked { title: "Calling any of the workers", unit: Unit::Time, note: ANY_NOTE },
    Asked { title: "Memory of a worker among so many", unit: Unit::Bytes, note: BYTES_NOTE },
];
const START_NOTE: &str = "
heir bends from 1000 on, for two reasons. A supervisor keeps its children in the order of their start, in a `BTreeMap`, which is deeper
for more of them: a start and a stop together run 34 800 instructions among 100, 36 600 among 1000 and 38 400 among 10 000, and the
difference is in the supervisor's look-ups and the tree's insertions (callgrind). And the nodes of that tree, and the buckets of the keys'
hash map, leave the caches: 24 misses of the first level among 1000 and 43 among 10 000, where one is of the second, too (cachegrind with
this machine's caches, 48 KiB and 1 MiB). raw tokio touches nothing that is shared by the workers. (What bends ractor's line, above all at
a million, was not looked into.)
";
const STOP_NOTE: &str = "
As a start: the same tree, and the same caches. What a stop costs beyond raw is that it is asked for (a message to the supervisor and
back), and that worker, manager, shared state and estate are taken apart one after the other.
";
const SAME_NOTE: &str = "
Flat, and without a bend: nothing on the way of a message asks how many workers there are.
";
const ANY_NOTE: &str = "
The bend from 1000 on is the second-level cache, and not a single instruction: 2077 of them a call, however many workers there are.
cachegrind, with this machine's caches (48 KiB, 1 MiB): a call to any of 100 workers with a `keep` table touches 14 lines that are not in
the first level and none that is not in the second, to any of 1000 it is 21 and 4, to any of 10 000 21 and 19. raw: 5 and 0, 11 and 1, 12
and 10. heir's message goes by more lines: the worker's shared state, its mailbox, the worker's task, its incarnation, its struct, its table; raw's
by the channel, the task, and the table. A recorded table adds those of its owner, of its core, of the shard and of the row
(they were not counted). From 100 000 on it is the third level (32 MiB), and the pages' addresses.
";
const BYTES_NOTE: &str = "
No bend. What wavers by one per cent is the capacity of what doubles when it is full: the supervisor's maps, and the list of handles.
";

/// In the order of what is asked.
pub struct Inhabited {
    figures: [f64; 5],
    took: Duration,
}

impl Inhabited {
    /// What each takes.
    pub fn bytes(&self) -> f64 {
        self.figures[4]
    }
}

/// Has a process of its own start so many, and measure.
pub fn inhabited(contender: &str, workers: u64, how: &str) -> Result<Inhabited, String> {
    let start = Instant::now();
    let arguments = ["--inhabit", contender, &workers.to_string(), how];
    let output = Command::new(std::env::current_exe().unwrap()).args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let figures: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let failed = |_| format!("{workers} of {contender}: {text}{}", String::from_utf8_lossy(&output.stderr));
    Ok(Inhabited { figures: figures.try_into().map_err(failed)?, took: start.elapsed() })
}

/// What that process does.
pub fn inhabit(contender: &str, workers: &str, how: &str) -> ! {
    let workers = workers.parse().unwrap();
    let figures = if how == "weigh" {
        contenders::named!(contender, weigh(workers))
    } else {
        contenders::named!(contender, all(workers))
    };
    println!("{}", figures.map(|figure| figure.to_string()).join(" "));
    // What is left would take as long to stop.
    process::exit(0)
}

/// Only what they weigh, on two threads.
fn weigh<C: Contender>(workers: usize) -> [f64; 5] {
    let weighed = async move {
        let (_tree, _handles, bytes) = settled::<C>(workers).await;
        [0.0, 0.0, 0.0, 0.0, bytes]
    };
    if C::NAME == contenders::actix::Actix::NAME {
        Threads::Two.run(contenders::actix::run(weighed))
    } else {
        Threads::Two.run(weighed)
    }
}

async fn settled<C: Contender>(workers: usize) -> (C::Tree, Vec<C::Handle>, f64) {
    // What comes with the first one is not what each costs.
    let first = C::plant().await;
    let handles = C::start(&first, 0..1).await;
    C::call(&handles[0], 0).await;
    C::stop(first, handles).await;
    let before = resident();
    let tree = C::plant().await;
    let handles = C::start(&tree, 0..workers).await;
    let bytes = (resident() - before) / workers as f64;
    (tree, handles, bytes)
}

fn all<C: Contender>(workers: usize) -> [f64; 5] {
    Threads::Current.run(async move {
        let (tree, handles, bytes) = settled::<C>(workers).await;
        let (mut starts, mut stops) = (Vec::new(), Vec::new());
        // One more, and one fewer: there are always as many.
        for key in workers..workers + 2 * TIMES {
            let start = Instant::now();
            let one = C::start(&tree, key..key + 1).await.remove(0);
            starts.push(nanos_each(start, 1));
            C::call(&one, 0).await;
            let start = Instant::now();
            C::stop_one(&tree, key, one).await;
            stops.push(nanos_each(start, 1));
        }
        let one = calls::<C>(&handles, &vec![0; 10 * TIMES]).await;
        let mut any = Rows::new(88_172_645_463_325_252, workers as u64);
        // More than fit into any cache. Each is called before it counts: its first row may cost more than the others.
        let drawn: Vec<usize> = (0..workers.clamp(10 * TIMES, 50 * TIMES)).map(|_| any.draw()).collect();
        calls::<C>(&handles, &drawn).await;
        let any = calls::<C>(&handles, &drawn).await;
        [median(&starts[TIMES..]), median(&stops[TIMES..]), one, any, bytes]
    })
}

/// What a call to one of these takes: the median of what it was in each hundred.
async fn calls<C: Contender>(handles: &[C::Handle], these: &[usize]) -> f64 {
    let mut figures = Vec::new();
    for hundred in these.chunks(100) {
        let start = Instant::now();
        for worker in hundred {
            black_box(C::call(&handles[*worker], 0).await);
        }
        figures.push(nanos_each(start, hundred.len()));
    }
    median(&figures)
}

fn resident() -> f64 {
    kilobytes("/proc/self/status", "VmRSS:")
}

fn kilobytes(file: &str, key: &str) -> f64 {
    let text = fs::read_to_string(file).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.split_whitespace().next().unwrap().parse::<f64>().unwrap() * 1024.0
}

/// For each contender and each size, what it was each time it was measured.
fn grown(names: &[&'static str], sizes: &[u64]) -> Vec<Vec<Vec<Inhabited>>> {
    let mut all: Vec<Vec<Vec<Inhabited>>> = names.iter().map(|_| Vec::new()).collect();
    for size in sizes {
        for grown in &mut all {
            grown.push(Vec::new());
        }
        for _ in 0..rounds(*size) {
            for (name, grown) in names.iter().zip(&mut all) {
                if affordable(grown, *size) {
                    let inhabited = inhabited(name, *size, "all").unwrap_or_else(|why| panic!("{why}"));
                    grown.last_mut().unwrap().push(inhabited);
                }
            }
        }
    }
    all
}

fn rounds(size: u64) -> usize {
    if size < 1_000_000 && !short() { 5 } else { 1 }
}

/// Whether so many can be measured, after ten times fewer were.
fn affordable(grown: &[Vec<Inhabited>], size: u64) -> bool {
    let [.., fewer, _] = grown else {
        return true;
    };
    fewer.last().is_some_and(|fewer| {
        // The bytes of a few are pages that they do not fill.
        let bytes = if size > 1_000 { fewer.bytes() * size as f64 } else { 0.0 };
        2.0 * bytes < kilobytes("/proc/meminfo", "MemAvailable:") && fewer.took * 10 < PATIENCE
    })
}

pub fn ask() -> Vec<Answer> {
    let sizes = sizes(SIZES, 10_000);
    let names: Vec<&str> = contenders::names()
        .into_iter()
        // Whoever stops one of its actors is not told when it has ended.
        .filter(|name| *name != contenders::actix::Actix::NAME)
        .collect();
    let grown = grown(&names, &sizes);
    let otp = otp::row("workers", ASKED.len() * SIZES.len(), Threads::Current);
    let ask = |(asked, Asked { title, unit, note }): (usize, Asked)| {
        // A few workers are lost in the pages that they share with others.
        let shown = |size: u64| unit != Unit::Bytes || size >= 1_000;
        let mut rows: Vec<Row> = Vec::new();
        for (name, grown) in names.iter().zip(&grown) {
            let figures =
                |times: &Vec<Inhabited>| times.iter().map(|inhabited| inhabited.figures[asked]).collect();
            rows.push(Row::new(*name, grown.iter().map(figures).collect()));
        }
        if let Some(otp) = &otp {
            let samples = otp.samples[asked * SIZES.len()..][..sizes.len()].to_vec();
            rows.push(Row::new(&*otp.name, samples));
        }
        for row in &mut rows {
            let samples = row.samples.iter_mut().zip(&sizes).filter(|(_, size)| shown(**size));
            row.samples = samples.map(|(samples, _)| std::mem::take(samples)).collect();
        }
        let sizes = sizes.iter().copied().filter(|size| shown(*size)).collect();
        Answer::Growth(Growth {
            title: title.to_owned(),
            about: ABOUT,
            of: "workers",
            sizes,
            unit,
            rows,
            note,
        })
    };
    ASKED.into_iter().enumerate().map(ask).collect()
}
