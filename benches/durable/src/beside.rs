//! Workers without the word, in a tree with a store and in one without.

use std::path::Path;
use std::time::Instant;

use heir_runtime::store::Store;
use heir_runtime::{Supervisor, Table, handlers, heir};

use crate::report::{head, load, median, ratio, row, spread};
use crate::{Options, runtime};

const TIMES: u64 = 100_000;
const ROUNDS: usize = 15;

#[heir]
struct Counts {
    #[table]
    counts: Table<u64, u64>,
}

#[handlers]
impl Counts {
    fn add(&mut self, key: u64) -> u64 {
        self.counts.add(key, 1)
    }

    #[cast]
    fn note(&mut self, key: u64) {
        self.counts.add(key, 1);
    }
}

pub fn ask(options: &Options) {
    let path = options.folder.join("beside.heir");
    let _ = std::fs::remove_file(&path);
    let began = load();
    let [calls, casts] = runtime().block_on(measure(&path));
    head(
        &format!("Workers without the word, a recorded table (load {began} to {})", load()),
        &["", "ns", "lowest to highest", "of the tree without a store"],
    );
    for (what, [without, with]) in [("a call", &calls), ("a cast", &casts)] {
        for (tree, figures) in [("without", without), ("with", with)] {
            let (lowest, highest) = spread(figures);
            row(&[
                format!("{what}, {tree} a store"),
                format!("{:.0}", median(figures.iter().copied())),
                format!("{lowest:.0} to {highest:.0}"),
                format!("{:.2}", ratio(figures, without)),
            ]);
        }
    }
    let _ = std::fs::remove_file(&path);
}

/// Nanoseconds of a call and of a cast, without a store and with it.
async fn measure(path: &Path) -> [[Vec<f64>; 2]; 2] {
    let store = Store::open(path).expect("the store can be opened");
    let (without, _without) = start(None).await;
    let (with, _with) = start(Some(store)).await;
    let mut figures = [const { [const { Vec::new() }; 2] }; 2];
    for _ in 0..ROUNDS {
        for (at, worker) in [&without, &with].into_iter().enumerate() {
            let worker = worker.clone();
            let round = async move {
                let began = Instant::now();
                for n in 0..TIMES {
                    worker.add(n % 16).await.expect("an answer");
                }
                let call = nanos(began);
                let began = Instant::now();
                for n in 0..TIMES {
                    worker.note(n % 16).await.expect("the worker takes it");
                }
                worker.add(0).await.expect("an answer");
                (call, nanos(began))
            };
            let (call, cast) = tokio::spawn(round).await.expect("the round ends");
            figures[0][at].push(call);
            figures[1][at].push(cast);
        }
    }
    figures
}

async fn start(store: Option<Store>) -> (CountsHandle, Supervisor) {
    let mut tree = Supervisor::builder("app");
    if let Some(store) = store {
        tree = tree.store(store);
    }
    let worker = tree.worker(Counts::spec());
    (worker, tree.start().await.expect("the tree starts"))
}

fn nanos(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e9 / TIMES as f64
}
