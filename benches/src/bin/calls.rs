//! What a message costs: a call's round trip to an idle worker, many callers at once, and a cast.
//!
//! Prints nanoseconds each, the median of all rounds. To compare two versions of this project, run their binaries in turn.

use std::time::{Duration, Instant};

use heir_runtime::{Supervisor, handlers, heir};

const ROUNDS: usize = 15;
const MESSAGES: u32 = 40_000;
const CALLERS: u32 = 50;

#[heir]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    fn count(&mut self, by: u64) -> u64 {
        self.count += by;
        self.count
    }

    #[cast]
    fn add(&mut self, by: u64) {
        self.count += by;
    }
}

fn nanos(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e9 / f64::from(MESSAGES)
}

async fn measure() -> [Vec<f64>; 4] {
    let mut tree = Supervisor::builder("bench");
    let counter = tree.worker(Counter::spec());
    let _tree = tree.start().await.unwrap();
    let bounded = counter.timeout(Duration::from_mins(1));
    let mut figures: [Vec<f64>; 4] = Default::default();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..MESSAGES {
            counter.count(1).await.unwrap();
        }
        figures[0].push(nanos(start));

        let start = Instant::now();
        for _ in 0..MESSAGES {
            bounded.count(1).await.unwrap();
        }
        figures[1].push(nanos(start));

        let start = Instant::now();
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                let counter = counter.clone();
                tokio::spawn(async move {
                    for _ in 0..MESSAGES / CALLERS {
                        counter.count(1).await.unwrap();
                    }
                })
            })
            .collect();
        for caller in callers {
            caller.await.unwrap();
        }
        figures[2].push(nanos(start));

        let start = Instant::now();
        for _ in 0..MESSAGES {
            counter.add(1).await.unwrap();
        }
        counter.count(0).await.unwrap();
        figures[3].push(nanos(start));
    }
    figures
}

fn main() {
    println!("| runtime | call | call with a timeout | {CALLERS} callers | cast |\n|---|---|---|---|---|");
    for threads in [0, 2] {
        let runtime = match threads {
            0 => tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap(),
            n => tokio::runtime::Builder::new_multi_thread().worker_threads(n).enable_time().build().unwrap(),
        };
        let figures = runtime.block_on(async { tokio::spawn(measure()).await.unwrap() });
        let name = if threads == 0 { "current_thread".to_owned() } else { format!("{threads} threads") };
        print!("| {name} ");
        for mut figure in figures {
            figure.sort_by(f64::total_cmp);
            print!("| {:.0} ", figure[figure.len() / 2]);
        }
        println!("|");
    }
}
