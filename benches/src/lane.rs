//! Contenders side by side: each round runs all of them once, so that what disturbs the machine disturbs them alike.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use tokio::runtime::{Builder, Runtime};

use crate::report::Row;

/// One contender in one question.
pub struct Lane {
    name: &'static str,
    round: Box<dyn FnMut() -> Round + Send>,
    _tree: Box<dyn Send>,
}

/// A measurement to come.
pub type Round = Pin<Box<dyn Future<Output = Vec<f64>> + Send>>;

impl Lane {
    /// `round` measures once, and returns a figure for each column; `tree` lives as long.
    pub fn new<F: Future<Output = Vec<f64>> + Send + 'static>(
        name: &'static str,
        tree: impl Send + 'static,
        mut round: impl FnMut() -> F + Send + 'static,
    ) -> Self {
        Self { name, round: Box::new(move || Box::pin(round())), _tree: Box::new(tree) }
    }

    /// The same, each round in the hands of somebody else.
    pub fn by<F: Future<Output = Vec<f64>> + Send + 'static>(
        self,
        mut carry_out: impl FnMut(Round) -> F + Send + 'static,
    ) -> Self {
        let mut round = self.round;
        Self::new(self.name, self._tree, move || carry_out(round()))
    }
}

/// Runs them in turn, this many times, after a round that does not count.
pub async fn interleave(lanes: &mut [Lane], rounds: usize) -> Vec<Row> {
    let mut rows: Vec<Row> = lanes.iter().map(|lane| Row::new(lane.name, Vec::new())).collect();
    for round in 0..=if short() { 1 } else { rounds } {
        for (lane, row) in lanes.iter_mut().zip(&mut rows) {
            let figures = (lane.round)().await;
            row.samples.resize(figures.len(), Vec::new());
            if round > 0 {
                for (samples, figure) in row.samples.iter_mut().zip(figures) {
                    samples.push(figure);
                }
            }
        }
    }
    rows
}

/// The same at each size, which the lanes look up in `goal`: for each of their figures, a row of what it was at the sizes.
pub async fn interleave_at<const N: usize>(
    lanes: &mut [Lane],
    sizes: &[u64],
    goal: &AtomicU64,
    rounds: usize,
) -> [Vec<Row>; N] {
    let mut figures = [const { Vec::new() }; N];
    for all in &mut figures {
        all.extend(lanes.iter().map(|lane| Row::new(lane.name, Vec::new())));
    }
    for size in sizes {
        goal.store(*size, Relaxed);
        for (at, row) in interleave(lanes, rounds).await.into_iter().enumerate() {
            for (samples, all) in row.samples.into_iter().zip(&mut figures) {
                all[at].samples.push(samples);
            }
        }
    }
    figures
}

/// Whether this is only to see that everything works.
pub fn short() -> bool {
    std::env::var_os("HEIR_BENCHES_SHORT").is_some()
}

/// On which runtime a question is asked.
#[derive(Clone, Copy)]
pub enum Threads {
    Current,
    Two,
}

impl Threads {
    pub const BOTH: [Self; 2] = [Self::Current, Self::Two];

    pub fn name(self) -> &'static str {
        match self {
            Self::Current => "on a `current_thread` runtime",
            Self::Two => "on two worker threads",
        }
    }

    /// Runs `work` in a task of a runtime of its own.
    pub fn run<R: Send + 'static>(self, work: impl Future<Output = R> + Send + 'static) -> R {
        self.runtime().block_on(async { tokio::spawn(work).await.unwrap() })
    }

    fn runtime(self) -> Runtime {
        let mut builder = match self {
            Self::Current => Builder::new_current_thread(),
            Self::Two => Builder::new_multi_thread(),
        };
        builder.worker_threads(2).enable_all().build().unwrap()
    }
}

/// The sizes that a question is asked for, if it is to be asked for more than this only when there is time.
pub fn sizes<const N: usize>(all: [u64; N], most_in_short: u64) -> Vec<u64> {
    all.into_iter().filter(|size| !short() || *size <= most_in_short).collect()
}

/// Nanoseconds since then, for each of so many.
pub fn nanos_each(since: Instant, times: usize) -> f64 {
    since.elapsed().as_secs_f64() * 1e9 / times as f64
}
