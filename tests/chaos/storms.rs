//! Storms of kills over one worker: exact totals, on a runtime with several threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use heir_runtime::{CallError, Table, handlers, heir};
use heir_tests::Recorder;

/// Counts in two writes with an await between them, where a kill finds it.
#[heir]
struct Counter {
    #[table(rollback)]
    count: u64,
    #[table(rollback)]
    mirror: u64,
    #[table(keep)]
    attempts: u64,
}

#[handlers]
impl Counter {
    async fn count(&mut self) -> u64 {
        self.attempts += 1;
        self.count += 1;
        tokio::task::yield_now().await;
        self.mirror += 1;
        self.count
    }

    fn count_at_once(&mut self) -> u64 {
        self.attempts += 1;
        self.count += 1;
        self.mirror += 1;
        self.count
    }

    async fn stumble(&mut self) -> u64 {
        self.count += 1;
        tokio::task::yield_now().await;
        panic!("stumbled");
    }
}

/// What the callers were told, all together.
#[derive(Default)]
struct Told {
    answered: AtomicU64,
    died: AtomicU64,
    done: AtomicBool,
}

/// Counts until it is told that the storm is over.
async fn call(counter: CounterHandle, told: Arc<Told>) {
    let mut turn = 0;
    while !told.done.load(Ordering::Relaxed) {
        turn += 1;
        let outcome = if turn % 2 == 0 { counter.count().await } else { counter.count_at_once().await };
        match outcome {
            Ok(_) => told.answered.fetch_add(1, Ordering::Relaxed),
            Err(CallError::Died { .. }) => told.died.fetch_add(1, Ordering::Relaxed),
            Err(other) => panic!("neither answered nor died: {other}"),
        };
    }
}

/// Strikes in a tight loop until `enough` strikes have hit.
async fn storm(hits: Arc<AtomicU64>, enough: u64, strike: impl Fn() -> bool) {
    while hits.load(Ordering::Relaxed) < enough {
        if strike() {
            hits.fetch_add(1, Ordering::Relaxed);
        }
        tokio::task::yield_now().await;
    }
}

/// Two strikers, `callers` callers; then the tables hold exactly what was answered.
async fn survives(
    enough: u64,
    callers: usize,
    strike: impl Fn(&CounterHandle) -> bool + Clone + Send + Sync + 'static,
) {
    let (mut tree, _) = Recorder::tree();
    let counter = tree.worker(Counter::spec());
    let tree = tree.start().await.unwrap();
    let told = Arc::new(Told::default());
    let hits = Arc::new(AtomicU64::new(0));

    let calling: Vec<_> =
        (0..callers).map(|_| tokio::spawn(call(counter.clone(), Arc::clone(&told)))).collect();
    let killing: Vec<_> = (0..2)
        .map(|_| {
            let (counter, strike) = (counter.clone(), strike.clone());
            tokio::spawn(storm(Arc::clone(&hits), enough, move || strike(&counter)))
        })
        .collect();
    for killer in killing {
        killer.await.unwrap();
    }
    // After the storm: whoever calls is answered.
    counter.count().await.unwrap();
    told.answered.fetch_add(1, Ordering::Relaxed);
    told.done.store(true, Ordering::Relaxed);
    for caller in calling {
        caller.await.unwrap();
    }

    let incarnations = counter.incarnation();
    let report = tree.shutdown().await;
    assert_eq!(report.unresponsive, []);
    let tables = counter.estate().claim("test").unwrap();
    let (answered, died) = (told.answered.load(Ordering::Relaxed), told.died.load(Ordering::Relaxed));
    println!(
        "{} hits, {incarnations} incarnations, {answered} calls answered, {died} told that the worker died, count {}",
        hits.load(Ordering::Relaxed),
        tables.count
    );
    assert_eq!(tables.count, answered, "exactly what was answered");
    assert_eq!(tables.mirror, tables.count, "and nothing torn");
    assert!((answered..=answered + died).contains(&tables.attempts), "{}", tables.attempts);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_kills_lose_nothing() {
    survives(100_000, 1, |counter| counter.kill().is_some()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_of_worker_and_manager_in_any_order_lose_nothing() {
    let turn = Arc::new(AtomicU64::new(0));
    survives(20_000, 4, move |counter| match turn.fetch_add(1, Ordering::Relaxed) % 5 {
        0 => counter.kill_manager(),
        1 => counter.kill_manager() | counter.kill().is_some(),
        _ => counter.kill().is_some(),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn panics_and_kills_together_lose_nothing() {
    survives(5_000, 2, |counter| {
        let stumbling = counter.clone();
        tokio::spawn(async move { stumbling.stumble().await });
        counter.kill().is_some()
    })
    .await;
}

#[test]
fn a_runtime_that_ends_at_any_moment_loses_nothing() {
    for turn in 0..200 {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
        let told = Arc::new(Told::default());
        let (counter, tree) = runtime.block_on(async {
            let (mut tree, _) = Recorder::tree();
            let counter = tree.worker(Counter::spec());
            (counter, tree.start().await.unwrap())
        });
        for _ in 0..2 {
            runtime.spawn({
                let (counter, told) = (counter.clone(), Arc::clone(&told));
                async move {
                    loop {
                        match counter.count().await {
                            Ok(_) => told.answered.fetch_add(1, Ordering::SeqCst),
                            Err(CallError::Died { .. }) => continue,
                            Err(_) => break,
                        };
                    }
                }
            });
        }
        runtime.block_on(async {
            while told.answered.load(Ordering::SeqCst) < turn {
                counter.kill();
                tokio::task::yield_now().await;
            }
        });
        drop(runtime);
        drop(tree);
        let tables = counter.estate().claim("test").unwrap();
        // A caller can be dropped with the runtime between its answer and its note of it.
        let answered = told.answered.load(Ordering::SeqCst);
        assert!((answered..=answered + 2).contains(&tables.count), "{answered} answered, {}", tables.count);
        assert_eq!(tables.mirror, tables.count);
    }
}

/// Says when the runtime it runs on has begun to end: then it is dropped.
struct Sentinel(std::sync::mpsc::Sender<()>);

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

/// The supervisor is held up at a restart until its runtime is closing, which ends each task as soon as it is spawned: a loop
/// that went on while there is an end would go on for ever.
#[test]
fn a_supervisor_whose_runtime_is_closing_starts_its_child_a_bounded_number_of_times() {
    use heir_runtime::events::EventKind;

    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    let (restarts, (holds, held)) = (Arc::new(AtomicU64::new(0)), std::sync::mpsc::channel());
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = std::sync::Mutex::new(Some(released));
    let counted = Arc::clone(&restarts);
    let (mut tree, _) = Recorder::tree();
    let counter = tree.worker(Counter::spec());
    let tree = tree.observe(move |event| {
        if matches!(event.kind, EventKind::Restarting { .. }) {
            counted.fetch_add(1, Ordering::Relaxed);
            if let Some(released) = released.lock().unwrap().take() {
                holds.send(()).unwrap();
                released.recv().unwrap();
            }
        }
    });
    let (closing, closed) = std::sync::mpsc::channel();
    let tree = runtime.block_on(async {
        let sentinel = Sentinel(closing);
        tokio::spawn(async move {
            let _sentinel = sentinel;
            std::future::pending::<()>().await;
        });
        tree.start().await.unwrap()
    });
    counter.kill().unwrap();
    held.recv().unwrap();
    runtime.shutdown_background();
    closed.recv().unwrap();
    release.send(()).unwrap();

    let other = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let end = other.block_on(async {
        let end = tokio::time::timeout(std::time::Duration::from_secs(30), counter.wait_stopped());
        end.await.expect("the supervisor's task ends")
    });
    assert_eq!(end, heir_runtime::Stopped::Dropped);
    let restarts = restarts.load(Ordering::Relaxed);
    assert!(restarts < 1_000, "{restarts}");
    drop(tree);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_at_any_moment_tells_every_caller_the_truth() {
    for turn in 0..1_000 {
        let (mut tree, _) = Recorder::tree();
        let counter = tree.worker(Counter::spec());
        let tree = tree.start().await.unwrap();
        let calling: Vec<_> = (0..3)
            .map(|_| {
                let counter = counter.clone();
                tokio::spawn(async move {
                    let mut answered = 0_u64;
                    while counter.count_at_once().await.is_ok() {
                        answered += 1;
                    }
                    answered
                })
            })
            .collect();
        for _ in 0..turn % 50 {
            tokio::task::yield_now().await;
        }
        tree.shutdown().await;
        let mut answered = 0;
        for caller in calling {
            answered += caller.await.unwrap();
        }
        // Whoever was told that its call was not served was told the truth, and whoever was answered, too.
        assert_eq!(counter.estate().claim("test").unwrap().count, answered);
    }
}

/// As many rows as it is told.
#[heir(start_timeout = "10m")]
struct Large {
    #[table(init = (0..rows).map(|n| (n, n)))]
    rows_by_number: Table<u64, u64>,
    #[table(keep, init = vec![7; usize::try_from(rows)?])]
    column: Vec<u64>,
    #[arg]
    rows: u64,
}

#[handlers]
impl Large {
    fn rows(&mut self) -> (usize, usize) {
        (self.rows_by_number.len(), self.column.len())
    }
}

/// The median time from a kill to the next answer.
async fn hand_over(rows: u64) -> std::time::Duration {
    let (mut tree, _) = Recorder::tree();
    let large = tree.worker(Large::spec(rows));
    let tree = tree.start().await.unwrap();
    let expected = usize::try_from(rows).unwrap();
    let mut times = Vec::new();
    for _ in 0..201 {
        let before = std::time::Instant::now();
        large.kill();
        assert_eq!(large.rows().await.unwrap(), (expected, expected));
        times.push(before.elapsed());
    }
    tree.shutdown().await;
    times.sort_unstable();
    times[times.len() / 2]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hand_over_takes_as_long_with_ten_million_rows_as_with_one() {
    let (one, many) = (hand_over(1).await, hand_over(10_000_000).await);
    println!("one row: {one:?}, ten million: {many:?}");
    // A copy of ten million rows would take thousands of times as long; the rest is the machine's noise.
    assert!(many < one * 20, "one row: {one:?}, ten million: {many:?}");
}
