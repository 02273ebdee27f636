//! Calls while the worker is killed again and again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval};

use crate::contenders::{Restarted, every_restarted};
use crate::lane::{Lane, Threads, interleave};
use crate::report::{Column, Table, Unit};

const ABOUT: &str = "
16 callers call one worker as fast as they can, on two worker threads, without crashes and then with one every 10 ms. Lost calls are
those that got no answer; lost answers are increments that were answered and are not in the counter at the end. Target: 0.9 of
the throughput without crashes, and nothing lost but the calls that die with their worker.
";
const NOTE: &str = "
What a caller of ractor or tokio-actors had sent to an actor that then died is lost with its mailbox; their calls are given up after
100 ms. The loops that lose the state lose every increment that had been answered before the last crash.
";
const CALLERS: u64 = 16;
const LASTS: Duration = Duration::from_millis(500);
const BETWEEN: Duration = Duration::from_millis(10);
const ROUNDS: usize = 5;

#[derive(Default)]
struct Count {
    over: AtomicBool,
    answered: AtomicU64,
    lost: AtomicU64,
}

async fn lane<C: Restarted>() -> Lane {
    Lane::new(C::NAME, (), || async {
        let (calm, _) = storm::<C>(None).await;
        let (stormy, [lost_calls, lost_answers]) = storm::<C>(Some(BETWEEN)).await;
        vec![calm, stormy, stormy / calm, lost_calls, lost_answers]
    })
}

async fn storm<C: Restarted>(between: Option<Duration>) -> (f64, [f64; 2]) {
    let (_tree, handle) = C::start().await;
    let count = Arc::new(Count::default());
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (handle, count) = (handle.clone(), Arc::clone(&count));
            tokio::spawn(async move {
                while !count.over.load(Relaxed) {
                    let outcome =
                        if C::call(&handle).await.is_some() { &count.answered } else { &count.lost };
                    outcome.fetch_add(1, Relaxed);
                }
            })
        })
        .collect();
    let start = Instant::now();
    let mut ticks = interval(between.unwrap_or(LASTS));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    while start.elapsed() < LASTS {
        ticks.tick().await;
        if between.is_some() {
            C::crash(&handle, 0).await;
        }
    }
    let elapsed = start.elapsed().as_secs_f64();
    count.over.store(true, Relaxed);
    for caller in callers {
        caller.await.unwrap();
    }
    let value = loop {
        if let Some(value) = C::call(&handle).await {
            break value - 1;
        }
    };
    let answered = count.answered.load(Relaxed);
    (answered as f64 / elapsed, [count.lost.load(Relaxed) as f64, answered.saturating_sub(value) as f64])
}

pub fn ask() -> Vec<Table> {
    let columns = vec![
        Column::new("calls without crashes", Unit::Rate),
        Column::new("calls with them", Unit::Rate),
        Column::new("with / without", Unit::Share),
        Column::new("lost calls", Unit::Number),
        Column::new("lost answers", Unit::Number),
    ];
    vec![Table {
        title: "A storm of crashes".to_owned(),
        about: ABOUT,
        note: NOTE,
        columns,
        rows: Threads::Two.run(async { interleave(every_restarted!(lane()), ROUNDS).await }),
    }]
}
