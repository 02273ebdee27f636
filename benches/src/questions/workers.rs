//! How the cost of one worker grows with the number of the others. Each number of them has a process of its own.

use std::fs;
use std::hint::black_box;
use std::process::{self, Command};
use std::time::{Duration, Instant};

use heir_benches::Rows;

use crate::contenders::{self, Contender, otp};
use crate::lane::{Threads, nanos_each, sizes};
use crate::report::{Answer, Growth, Row, Unit};

const ABOUT: &str = "
So many idle workers under one supervisor (raw: under nobody), on a `current_thread` runtime, each number of them in a process of its
own. In brackets: compared with the first row. A number is left out where the workers would take more than half of the memory, or
longer than 30 s to start.
";
const SIZES: [u64; 7] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];
/// So many starts, stops and calls are measured.
const TIMES: usize = 1_000;
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
const START_NOTE: &str = "";
const STOP_NOTE: &str = "";
const SAME_NOTE: &str = "";
const ANY_NOTE: &str = "";
const BYTES_NOTE: &str = "";

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
        let mut figures = [0.0, 0.0, 0.0, 0.0, bytes];
        // One more, and one fewer: there are always as many.
        for n in 0..2 * TIMES {
            let start = Instant::now();
            let one = C::start(&tree, workers + n..workers + n + 1).await.remove(0);
            let started = nanos_each(start, TIMES);
            C::call(&one, 0).await;
            let start = Instant::now();
            C::stop_one(&tree, workers + n, one).await;
            if n >= TIMES {
                figures[0] += started;
                figures[1] += nanos_each(start, TIMES);
            }
        }
        let mut any = Rows::new(88_172_645_463_325_252, workers as u64);
        for n in 0..2 {
            let start = Instant::now();
            for _ in 0..10 * TIMES {
                black_box(C::call(&handles[0], 0).await);
            }
            figures[2] = nanos_each(start, 10 * TIMES);
            let drawn: Vec<usize> = (0..TIMES * (1 + 9 * n)).map(|_| any.draw()).collect();
            let start = Instant::now();
            for worker in &drawn {
                black_box(C::call(&handles[*worker], 0).await);
            }
            figures[3] = nanos_each(start, drawn.len());
        }
        figures
    })
}

fn resident() -> f64 {
    kilobytes("/proc/self/status", "VmRSS:")
}

fn kilobytes(file: &str, key: &str) -> f64 {
    let text = fs::read_to_string(file).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.split_whitespace().next().unwrap().parse::<f64>().unwrap() * 1024.0
}

/// Its figures, for each size those that are asked for.
fn grown(name: &'static str) -> Vec<Option<Inhabited>> {
    let mut all: Vec<Option<Inhabited>> = Vec::new();
    for size in sizes(SIZES, 10_000) {
        let last = all.last();
        let affordable = match last {
            None => true,
            Some(None) => false,
            Some(Some(last)) => {
                let bytes = if size > 1_000 { last.bytes() * size as f64 } else { 0.0 };
                2.0 * bytes < kilobytes("/proc/meminfo", "MemAvailable:") && last.took * 10 < PATIENCE
            }
        };
        all.push(affordable.then(|| inhabited(name, size, "all").unwrap_or_else(|why| panic!("{why}"))));
    }
    all
}

pub fn ask() -> Vec<Answer> {
    let sizes = sizes(SIZES, 10_000);
    let names: Vec<&str> = contenders::names()
        .into_iter()
        // Whoever stops one of its actors is not told when it has ended.
        .filter(|name| *name != contenders::actix::Actix::NAME)
        .collect();
    let grown: Vec<_> = names.iter().map(|name| grown(name)).collect();
    let otp = otp::row("workers", ASKED.len() * SIZES.len(), Threads::Current);
    let ask = |(asked, Asked { title, unit, note }): (usize, Asked)| {
        // A few workers are lost in the pages that they share with others.
        let shown = |size: u64| unit != Unit::Bytes || size >= 1_000;
        let mut rows: Vec<Row> = Vec::new();
        for (name, grown) in names.iter().zip(&grown) {
            let figure = |inhabited: &Option<Inhabited>| {
                inhabited.iter().map(|inhabited| inhabited.figures[asked]).collect()
            };
            rows.push(Row::new(*name, grown.iter().map(figure).collect()));
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
