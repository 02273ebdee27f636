//! Ticks under kills, a hundred a second: of the worker, of its manager, of both; under pauses and full mailboxes, by handlers that
//! take longer than the period, and panic. The clock is paused, so a naive model knows when each tick is served, to the millisecond.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heir_runtime::{Missed, Spec, Supervisor, handlers, heir};
use heir_tests::Random;
use heir_tests::waits::{in_time, is_pending, quiet, wait_until};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// What the handlers of one run tell: when which tick was served.
#[derive(Debug)]
struct Told {
    begun: Instant,
    seed: u32,
    ticks: Mutex<Vec<(u64, usize)>>,
}

/// How long the handler of the `n`th tick takes, and whether it panics then.
fn work(seed: u32, n: usize) -> (u64, bool) {
    let mixed = (seed ^ u32::try_from(n).unwrap()).wrapping_mul(0x9E37_79B1);
    let takes = [0, 0, 3, 10, 25, 60][(mixed >> 13) as usize % 6];
    (takes, (mixed >> 24).is_multiple_of(5))
}

/// Has three ticks; the spec says when.
#[heir(mailbox = 4)]
struct Sweeper {
    #[table(rollback)]
    notes: u32,
    #[arg]
    told: Arc<Told>,
}

#[handlers]
impl Sweeper {
    #[every("1s")]
    async fn first(&mut self) {
        self.serve(0).await;
    }

    #[every("1s")]
    async fn second(&mut self) {
        self.serve(1).await;
    }

    #[every("1s")]
    async fn third(&mut self) {
        self.serve(2).await;
    }

    #[cast]
    fn note(&mut self) {
        self.notes += 1;
    }

    fn notes(&mut self) -> u32 {
        self.notes
    }

    #[skip]
    async fn serve(&mut self, tick: usize) {
        let n = {
            let mut ticks = self.told.ticks.lock().unwrap();
            ticks.push((u64::try_from(self.told.begun.elapsed().as_millis()).unwrap(), tick));
            ticks.len()
        };
        let (takes, panics) = work(self.told.seed, n);
        if takes > 0 {
            sleep(Duration::from_millis(takes)).await;
        }
        assert!(!panics, "in a sweep");
    }
}

/// One tick, in milliseconds.
struct Ticking {
    period: u64,
    missed: Missed,
    /// The first point of the grid that is not served.
    due: u64,
    /// When it was taken last, and as which.
    last: (u64, usize),
}

/// The worker, without anything of heir in it.
struct Model {
    now: u64,
    seed: u32,
    ticks: Vec<Ticking>,
    /// Until when the handler of a tick runs.
    busy: Option<u64>,
    paused: bool,
    served: Vec<(u64, usize)>,
}

impl Model {
    /// Which tick comes next, and from when on it can.
    fn next(&self) -> (u64, usize) {
        let order = |(position, tick): (usize, &Ticking)| (tick.due.max(tick.last.0), tick.last.1, position);
        let (since, _, position) = self.ticks.iter().enumerate().map(order).min().unwrap();
        (since.max(self.now), position)
    }

    /// Whether something happens at this very time: whoever acts then may come before or after.
    fn is_moment(&self, time: u64) -> bool {
        self.busy == Some(time) || (self.busy.is_none() && !self.paused && self.next().0 == time)
    }

    /// Lets time pass.
    fn advance(&mut self, to: u64) {
        loop {
            if let Some(end) = self.busy {
                if end > to {
                    break;
                }
                (self.now, self.busy) = (end, None);
                continue;
            }
            let (at, position) = self.next();
            if self.paused || at > to {
                break;
            }
            self.now = at;
            self.served.push((at, position));
            let n = self.served.len();
            let tick = &mut self.ticks[position];
            tick.last = (at, n);
            tick.due += tick.period;
            while tick.missed == Missed::Skip && tick.due <= at {
                tick.due += tick.period;
            }
            // A worker that panics is there again at once.
            self.busy = Some(at + work(self.seed, n).0);
        }
        self.now = to;
    }
}

/// Lets others do all that they can do at this time.
async fn settle() {
    for _ in 0..100 {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn each_tick_is_served_when_a_naive_model_says_whoever_is_killed() {
    for mut random in Random::each(12) {
        let seed = random.below(u32::MAX);
        let ticks: Vec<(u64, Missed)> = (0..3)
            .map(|_| (u64::from(random.below(60) + 5), *random.of_these(&[Missed::Skip, Missed::CatchUp])))
            .collect();
        let told = Arc::new(Told { begun: Instant::now(), seed, ticks: Mutex::default() });
        let messages = [SweeperMessage::First, SweeperMessage::Second, SweeperMessage::Third];
        let spec: Spec<Sweeper> = ticks
            .iter()
            .zip(messages)
            .fold(Sweeper::spec(Arc::clone(&told)).crash_loop(None), |spec, ((period, missed), message)| {
                spec.every(Duration::from_millis(*period), *missed, message)
            });
        let mut tree = Supervisor::builder("app").intensity(u32::MAX);
        let sweeper = tree.worker(spec);
        let tree = tree.start().await.unwrap();
        let mut model = Model {
            now: 0,
            seed,
            ticks: ticks
                .iter()
                .map(|(period, missed)| Ticking {
                    period: *period,
                    missed: *missed,
                    due: *period,
                    last: (0, 0),
                })
                .collect(),
            busy: None,
            paused: false,
            served: Vec::new(),
        };
        let (mut now, mut kills, mut notes) = (0, 0, 0);
        while now < 20_000 {
            now += 1 + u64::from(random.below(14));
            model.advance(now - 1);
            while model.is_moment(now) {
                now += 1;
                model.advance(now - 1);
            }
            model.advance(now);
            sleep_until(told.begun + Duration::from_millis(now)).await;
            match random.below(16) {
                0 => {
                    sweeper.kill_manager();
                }
                1 if !model.paused => {
                    tokio::spawn({
                        let sweeper = sweeper.clone();
                        async move { sweeper.pause().await }
                    });
                    model.paused = true;
                }
                1..4 if model.paused => {
                    sweeper.resume();
                    model.paused = false;
                }
                1..4 => {
                    while sweeper.try_note().is_ok() {
                        notes += 1;
                    }
                }
                who => {
                    sweeper.kill();
                    if who == 4 {
                        sweeper.kill_manager();
                    }
                    model.busy = None;
                    kills += 1;
                }
            }
        }
        settle().await;
        sweeper.resume();
        model.paused = false;
        model.advance(now + 1);
        quiet().await;
        settle().await;
        let served = told.ticks.lock().unwrap().clone();
        let differs = served.iter().zip(&model.served).position(|(served, expected)| served != expected);
        assert_eq!((differs, served.len()), (None, model.served.len()), "{random}: {ticks:?}");
        assert!(kills >= 1_500, "{random}: {kills}");
        let served = in_time(async {
            loop {
                if let Ok(notes) = sweeper.notes().await {
                    return notes;
                }
            }
        });
        assert_eq!(served.await, notes, "{random}");
        tree.shutdown().await;
    }
}

/// Ticks more often than it can serve.
#[heir]
struct Restless {
    #[table(keep)]
    ticks: u64,
    #[arg]
    served: Arc<AtomicU64>,
}

#[handlers]
impl Restless {
    #[every("1ms")]
    fn tick(&mut self) {
        self.ticks += 1;
        self.served.store(self.ticks, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ticks_go_on_after_any_pause_however_short() {
    let served = Arc::new(AtomicU64::new(0));
    let mut tree = Supervisor::builder("app");
    let spec = Restless::spec(Arc::clone(&served));
    let worker = tree.worker(spec.every(Duration::from_nanos(100), Missed::CatchUp, RestlessMessage::Tick));
    let tree = tree.start().await.unwrap();
    for _ in 0..3_000 {
        let pausing = worker.pause();
        is_pending(pin!(pausing)).await;
        let before = served.load(Ordering::Relaxed);
        worker.resume();
        let next = wait_until(|| served.load(Ordering::Relaxed) > before);
        timeout(Duration::from_mins(1), next).await.expect("no tick has come since a pause");
    }
    tree.shutdown().await;
}
