//! Contenders side by side: each round runs all of them once, so that what disturbs the machine disturbs them alike.

use std::pin::Pin;
use std::time::Instant;

use tokio::runtime::{Builder, Runtime};

use crate::report::Row;

/// One contender in one question.
pub struct Lane {
    name: &'static str,
    round: Box<dyn FnMut() -> Round + Send>,
    _tree: Box<dyn Send>,
}

type Round = Pin<Box<dyn Future<Output = Vec<f64>> + Send>>;

impl Lane {
    /// `round` measures once, and returns a figure for each column; `tree` lives as long.
    pub fn new<F: Future<Output = Vec<f64>> + Send + 'static>(
        name: &'static str,
        tree: impl Send + 'static,
        mut round: impl FnMut() -> F + Send + 'static,
    ) -> Self {
        Self { name, round: Box::new(move || Box::pin(round())), _tree: Box::new(tree) }
    }
}

/// Runs them in turn, this many times, after a round that does not count.
pub async fn interleave(mut lanes: Vec<Lane>, rounds: usize) -> Vec<Row> {
    let mut rows: Vec<Row> =
        lanes.iter().map(|lane| Row { name: lane.name.to_owned(), samples: Vec::new() }).collect();
    for round in 0..=rounds {
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

/// Nanoseconds since then, for each of so many.
pub fn nanos_each(since: Instant, times: usize) -> f64 {
    since.elapsed().as_secs_f64() * 1e9 / times as f64
}
