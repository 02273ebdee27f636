//! Calls while the worker is killed again and again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::contenders::{MAILBOX, Restarted, every_restarted, otp};
use crate::lane::{Lane, Threads, interleave};
use crate::report::{Answer, Column, Table, Unit};

const ABOUT: &str = "
16 callers call one worker as fast as they can, on two worker threads, without crashes and then with one every 10 ms. Lost calls are
those that got no answer; lost answers are increments that were answered and are not in the counter at the end. Target: 0.9 of
the throughput without crashes, and nothing lost but the calls that die with their worker.
";
const NOTE: &str = "
What a caller of ractor, tokio-actors or OTP had sent to an actor that then died is lost with its mailbox, which its callers are told. actix does not
come back from a panic. The loops that lose the state lose every increment that had been answered before the last crash.
";
const CALLERS: u64 = 16;
const LASTS: Duration = Duration::from_millis(500);
const BETWEEN: Duration = Duration::from_millis(10);
const ROUNDS: usize = 5;
/// How long a caller has for its last call.
const PATIENCE: Duration = Duration::from_secs(1);

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
    let (_tree, handle) = C::start(MAILBOX).await;
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
    for mut caller in callers {
        if timeout(PATIENCE, &mut caller).await.is_err() {
            // Its call went where nobody will ever look, and nobody tells it.
            caller.abort();
            count.lost.fetch_add(1, Relaxed);
        }
    }
    let value = loop {
        if let Some(value) = C::call(&handle).await {
            break value - 1;
        }
    };
    let answered = count.answered.load(Relaxed);
    (answered as f64 / elapsed, [count.lost.load(Relaxed) as f64, answered.saturating_sub(value) as f64])
}

pub fn ask() -> Vec<Answer> {
    let columns = vec![
        Column::new("calls without crashes", Unit::Rate),
        Column::new("calls with them", Unit::Rate),
        Column::new("with / without", Unit::Share),
        Column::new("lost calls", Unit::Number),
        Column::new("lost answers", Unit::Number),
    ];
    let count = columns.len();
    let table = Table {
        title: "A storm of crashes".to_owned(),
        about: ABOUT,
        note: NOTE,
        columns,
        rows: Threads::Two.run(async { interleave(&mut every_restarted!(lane()), ROUNDS).await }),
    };
    vec![Answer::Table(table.and(otp::row("storm", count, Threads::Two)))]
}
