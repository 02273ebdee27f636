//! From a panic to the first answer: a worker under heir against a bare `loop { spawn; join }` that keeps only the mailbox.
//!
//! Both are told to die and asked right behind it; the time runs from the first send to the answer. Rounds are interleaved.

use std::sync::Arc;
use std::time::{Duration, Instant};

use heir_runtime::{Supervisor, handlers, heir};
use tokio::sync::{Mutex, mpsc, oneshot};

const ROUNDS: usize = 41;
const CRASHES: usize = 500;

#[heir(mailbox = 64)]
struct Counter {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Counter {
    fn count(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    #[cast]
    fn die(&mut self) {
        panic!("asked to die");
    }
}

enum Raw {
    Count(oneshot::Sender<u64>),
    Die,
}

/// What people write by hand: the state is lost, the mailbox is kept.
fn bare() -> mpsc::Sender<Raw> {
    let (sender, receiver) = mpsc::channel(64);
    let receiver = Arc::new(Mutex::new(receiver));
    tokio::spawn(async move {
        loop {
            let receiver = Arc::clone(&receiver);
            let worker = tokio::spawn(async move {
                let mut count = 0;
                let mut receiver = receiver.lock().await;
                while let Some(message) = receiver.recv().await {
                    match message {
                        Raw::Count(reply) => {
                            count += 1;
                            let _ = reply.send(count);
                        }
                        Raw::Die => panic!("asked to die"),
                    }
                }
            });
            if worker.await.is_ok() {
                break;
            }
        }
    });
    sender
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() * percent / 100).min(times.len() - 1)]
}

async fn measure() -> (Vec<Duration>, Vec<Duration>) {
    let mut tree = Supervisor::builder("bench").intensity(u32::MAX);
    let counter = tree.worker(Counter::spec());
    let _tree = tree.start().await.unwrap();
    let raw = bare();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut expected = 0;
    for _ in 0..ROUNDS {
        for _ in 0..CRASHES {
            let start = Instant::now();
            counter.die().await.unwrap();
            let count = counter.count().await.unwrap();
            ours.push(start.elapsed());
            expected += 1;
            assert_eq!(count, expected);
        }
        for _ in 0..CRASHES {
            let start = Instant::now();
            raw.send(Raw::Die).await.unwrap();
            let (reply, answer) = oneshot::channel();
            raw.send(Raw::Count(reply)).await.unwrap();
            let count = answer.await.unwrap();
            theirs.push(start.elapsed());
            assert_eq!(count, 1);
        }
    }
    (ours, theirs)
}

fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    println!("| runtime | | heir | bare loop | ratio |\n|---|---|---|---|---|");
    for threads in [0, 2] {
        let runtime = match threads {
            0 => tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap(),
            n => tokio::runtime::Builder::new_multi_thread().worker_threads(n).enable_time().build().unwrap(),
        };
        let (mut ours, mut theirs) = runtime.block_on(async { tokio::spawn(measure()).await.unwrap() });
        let name = if threads == 0 { "current_thread".to_owned() } else { format!("{threads} threads") };
        for percent in [50, 99] {
            let (a, b) = (percentile(&mut ours, percent), percentile(&mut theirs, percent));
            println!("| {name} | p{percent} | {a:?} | {b:?} | {:.2} |", a.as_secs_f64() / b.as_secs_f64());
        }
    }
}
