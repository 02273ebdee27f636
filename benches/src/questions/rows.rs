//! How recovery depends on what there is to recover.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::recovery;
use crate::contenders::{Filled, MAILBOX, heir, otp, restart_loop};
use crate::lane::{Lane, Threads, interleave_at, sizes};
use crate::report::{self, Answer, Column, Growth, Row, Table, Unit};

const ABOUT: &str = "
As above, with so many rows in the table, on a `current_thread` runtime, of those who still have them after a panic; each round is 300
crashes. Targets: p50 1.15, p99 1.5, and flat in the rows.
";
const NOTE: &str = "
Tables move as they are: a hand-over is a few moves of a pointer and never looks at a row. What is added to the loop's time is the same
with one row and with ten million.
";
const GROWTH_NOTE: &str = "
No bend, but for what the one row that is touched is found by: it is in the caches all the time. Nor does a crash have more to undo: what
the message had written is dropped, and nobody had seen it.
";
const SIZES: [u64; 8] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];
/// Which of them are in the table.
const SHOWN: [usize; 3] = [0, 4, 7];
const ROUNDS: usize = 5;
/// Rows a message: each is a transaction, which remembers them until its end.
const AT_ONCE: u64 = 10_000;

async fn lane<C: Filled>(goal: Arc<AtomicU64>) -> Lane {
    let (tree, handle) = C::start(MAILBOX).await;
    let rows = Arc::new(AtomicU64::new(1));
    Lane::new(C::NAME, tree, move || {
        let (handle, goal, rows) = (handle.clone(), goal.load(Relaxed), Arc::clone(&rows));
        async move {
            while rows.load(Relaxed) < goal {
                let from = rows.load(Relaxed);
                let to = goal.min(from + AT_ONCE);
                C::fill(&handle, from..to).await;
                rows.store(to, Relaxed);
            }
            recovery::round::<C>(&handle).await
        }
    })
}

/// The p50 and p99 of each contender, at each size.
async fn recovered(sizes: &[u64]) -> [Vec<Row>; 2] {
    let goal = Arc::new(AtomicU64::new(1));
    let mut lanes = [
        lane::<restart_loop::Sharing>(Arc::clone(&goal)).await,
        lane::<heir::Recorded>(Arc::clone(&goal)).await,
        lane::<heir::Kept>(Arc::clone(&goal)).await,
    ];
    interleave_at(&mut lanes, sizes, &goal, ROUNDS).await
}

pub fn ask() -> Vec<Answer> {
    let sizes = sizes(SIZES, 100_000);
    let asked = sizes.clone();
    let mut figures = Threads::Current.run(async move { recovered(&asked).await });
    if let Some(otp) = otp::row("rows", 2 * SIZES.len(), Threads::Current) {
        for (at, rows) in figures.iter_mut().enumerate() {
            rows.push(Row::new(&*otp.name, otp.samples[at * SIZES.len()..][..sizes.len()].to_vec()));
        }
    }
    let shown: Vec<usize> = SHOWN.into_iter().filter(|at| *at < sizes.len()).collect();
    let columns = shown.iter().flat_map(|at| {
        ["p50", "p99"]
            .map(|figure| Column::new(format!("{figure}, {} rows", report::short(sizes[*at])), Unit::Time))
    });
    let [p50, p99] = &figures;
    let row = |(p50, p99): (&Row, &Row)| {
        let samples = shown.iter().flat_map(|at| [p50.samples[*at].clone(), p99.samples[*at].clone()]);
        Row::new(&*p50.name, samples.collect())
    };
    let table = Table {
        title: "From a panic to the first answer, by rows".to_owned(),
        about: ABOUT,
        columns: columns.collect(),
        rows: p50.iter().zip(p99).map(row).collect(),
        note: NOTE,
    };
    let [p50, _] = figures;
    let growth = Growth {
        title: "From a panic to the first answer, as the rows grow".to_owned(),
        about: "The p50 of the same.",
        of: "rows",
        sizes,
        unit: Unit::Time,
        rows: p50,
        note: GROWTH_NOTE,
    };
    vec![Answer::Table(table), Answer::Growth(growth)]
}
