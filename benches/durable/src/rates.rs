//! Durable messages a second.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::peers::{self, Sink};
use crate::report::{self, head, load, median, ratio, row, spread};
use crate::rows::{Account, Bytes, Row};
use crate::worker::Tree;
use crate::{Options, runtime};

const WARM_UP: Duration = Duration::from_millis(150);
const MEASURED: Duration = Duration::from_millis(500);

/// The phases of a round.
const WARMS_UP: u8 = 0;
const COUNTS: u8 = 1;
pub const ENDS: u8 = 2;

/// The lanes, in the order of the table.
const LANES: [&str; 9] = [
    "floor",
    "redb's bare journal",
    "heir",
    "redb, batches",
    "fjall, batches",
    "SQLite, batches",
    "redb, each",
    "fjall, each",
    "SQLite, each",
];

pub fn ask(options: &Options) {
    for workers in [1, 64] {
        ask_for::<Bytes<40>>(options, workers);
        ask_for::<Account>(options, workers);
    }
}

fn ask_for<R: Row>(options: &Options, workers: usize) {
    let workers_are = if workers == 1 { "one worker" } else { "64 workers" };
    for &callers in &options.callers {
        let mut figures = vec![Vec::new(); LANES.len()];
        let began = load();
        for _ in 0..options.rounds {
            for (lane, figures) in LANES.iter().zip(&mut figures) {
                if options.only.is_empty() || options.only.iter().any(|only| lane.starts_with(&**only)) {
                    figures.push(round::<R>(lane, &options.folder, callers, workers));
                }
            }
        }
        let title = format!(
            "Durable messages a second: {callers} callers, {workers_are}, {} (load {began} to {})",
            R::NAME,
            load()
        );
        head(&title, &["", "a second", "lowest to highest", "of the floor", "of the bare journal"]);
        for (lane, of_lane) in LANES.iter().zip(&figures).filter(|(_, of_lane)| !of_lane.is_empty()) {
            let (lowest, highest) = spread(of_lane);
            row(&[
                (*lane).to_owned(),
                format!("{:.0}", median(of_lane.iter().copied())),
                format!("{lowest:.0} to {highest:.0}"),
                format!("{:.2}", ratio(of_lane, &figures[0])),
                format!("{:.2}", ratio(of_lane, &figures[1])),
            ]);
        }
        let heir = &figures[2];
        let best = figures[3..6]
            .iter()
            .max_by(|a, b| report::median(a.iter().copied()).total_cmp(&median(b.iter().copied())));
        println!(
            "\nheir is {:.1} times SQLite with one commit a message, and {:.2} times the best batching of a peer.",
            ratio(heir, &figures[8]),
            best.map_or(f64::NAN, |best| ratio(heir, best)),
        );
    }
}

fn round<R: Row>(lane: &str, folder: &Path, callers: usize, workers: usize) -> f64 {
    let there = folder.join("rates");
    let _ = std::fs::remove_dir_all(&there);
    std::fs::create_dir_all(&there).expect("a folder for the round");
    let rate = match lane {
        "floor" => by_thread::<R, peers::Floor>(&there, callers, workers, usize::MAX),
        "redb's bare journal" => by_thread::<R, peers::Journal>(&there, callers, workers, usize::MAX),
        "redb, batches" => by_thread::<R, peers::Redb>(&there, callers, workers, usize::MAX),
        "fjall, batches" => by_thread::<R, peers::Fjall>(&there, callers, workers, usize::MAX),
        "SQLite, batches" => by_thread::<R, peers::Sqlite<R>>(&there, callers, workers, usize::MAX),
        "redb, each" => by_thread::<R, peers::Redb>(&there, callers, workers, 1),
        "fjall, each" => by_thread::<R, peers::Fjall>(&there, callers, workers, 1),
        "SQLite, each" => by_thread::<R, peers::Sqlite<R>>(&there, callers, workers, 1),
        _ => by_heir::<R>(&there, callers, workers),
    };
    let _ = std::fs::remove_dir_all(&there);
    rate
}

/// Callers, a thread, and what it does with so many messages at once.
fn by_thread<R: Row, S: Sink<R>>(there: &Path, callers: usize, workers: usize, at_once: usize) -> f64 {
    let phase = Arc::new(AtomicU8::new(WARMS_UP));
    let sink = S::open(there, workers);
    let (thread, messages) = peers::hand_over::<R, S>(sink, at_once, Arc::clone(&phase));
    let runtime = runtime();
    let rate = runtime.block_on(drive(callers, workers, phase, move |worker, key| {
        let messages = messages.clone();
        async move { peers::put::<R, S>(&messages, worker, key, R::nth(key)).await }
    }));
    drop(runtime);
    thread.join().expect("the thread ends");
    rate
}

fn by_heir<R: Row>(there: &Path, callers: usize, workers: usize) -> f64 {
    let runtime = runtime();
    runtime.block_on(async {
        let tree = Tree::<R>::start(&there.join("app.heir"), workers).await;
        let handles = Arc::new(tree.workers.clone());
        let rate = drive(callers, workers, Arc::new(AtomicU8::new(WARMS_UP)), move |worker, key| {
            let handles = Arc::clone(&handles);
            async move { handles[worker].put(key, R::nth(key)).await.is_ok() }
        });
        let rate = rate.await;
        tree.close().await;
        rate
    })
}

/// What callers, each of whom waits for its answer before it calls again, are answered in a second.
async fn drive<F: Future<Output = bool> + Send>(
    callers: usize,
    workers: usize,
    phase: Arc<AtomicU8>,
    put: impl Fn(usize, u64) -> F + Clone + Send + 'static,
) -> f64 {
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        let (phase, put) = (Arc::clone(&phase), put.clone());
        tasks.spawn(async move {
            let mut counted = 0_u64;
            for n in 0_usize.. {
                if phase.load(Relaxed) == ENDS {
                    break;
                }
                // New rows, nearly in order: that is what trees of pages like best.
                let answered = put((caller + n) % workers, (n << 10 | caller) as u64).await;
                counted += u64::from(answered && phase.load(Relaxed) == COUNTS);
            }
            counted
        });
    }
    tokio::time::sleep(WARM_UP).await;
    let began = Instant::now();
    phase.store(COUNTS, Relaxed);
    tokio::time::sleep(MEASURED).await;
    phase.store(ENDS, Relaxed);
    let took = began.elapsed();
    let counted: u64 = tasks.join_all().await.into_iter().sum();
    counted as f64 / took.as_secs_f64()
}
