//! Lengths of time at their limit: wherever one can be given, the longest ones never end, and none
//! of them panics.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use heir_runtime::{Attachment, Backoff, Context, Shutdown, Spec, Status, Stopped, Supervisor, WhileDown};
use heir_runtime::{SupervisorBuilder, handlers, heir};

const YEAR: Duration = Duration::from_hours(24 * 365);

/// Nobody waits for so long. (Some clocks end after 584 years: at 2^64 nanoseconds.)
const LONG: Duration = Duration::from_hours(24 * 365 * 100);

/// The longest there is, the longest in seconds, and one that can still be added to now.
const LONGEST: [Duration; 3] =
    [Duration::MAX, Duration::from_secs(u64::MAX), Duration::from_secs(584 * YEAR.as_secs())];

/// Takes its time, wherever there is a limit to that.
#[heir(restart = permanent)]
struct Paced {
    #[table(keep, init = { tokio::time::sleep(pace).await; 0 })]
    ticks: u32,
    /// How long each step takes.
    #[arg]
    pace: Duration,
    #[arg]
    sent: Arc<AtomicU32>,
    attached: Vec<Attachment>,
}

#[handlers]
impl Paced {
    #[on(start)]
    async fn start(&mut self) {
        tokio::time::sleep(self.pace).await;
    }

    #[on(stop)]
    async fn stop(&mut self) {
        tokio::time::sleep(self.pace).await;
    }

    async fn work(&mut self) -> u32 {
        tokio::time::sleep(self.pace).await;
        self.ticks += 1;
        self.ticks
    }

    fn attach(&mut self, cx: &mut Context<Self>, time: Duration) {
        let (after, every) = (Arc::clone(&self.sent), Arc::clone(&self.sent));
        self.attached
            .push(cx.send_after(time, move |_| async move { after.fetch_add(1, Ordering::Relaxed) }));
        self.attached.push(cx.send_every(time, move |_| {
            every.fetch_add(1, Ordering::Relaxed);
            async {}
        }));
    }

    fn attached(&mut self) -> usize {
        self.attached.iter().filter(|attached| !attached.is_finished()).count()
    }
}

/// One worker `pace`d so in a tree.
struct Scene {
    paced: PacedHandle,
    sent: Arc<AtomicU32>,
    tree: Supervisor,
}

async fn scene(
    pace: Duration,
    with: impl FnOnce(Spec<Paced>) -> Spec<Paced>,
    of: impl FnOnce(SupervisorBuilder) -> SupervisorBuilder,
) -> Scene {
    let mut tree = of(Supervisor::builder("app"));
    let sent = Arc::default();
    let paced = tree.worker(with(Paced::spec(pace, Arc::clone(&sent))));
    Scene { paced, sent, tree: tree.start().await.unwrap() }
}

/// A worker that loses no time.
async fn at_once(with: impl FnOnce(Spec<Paced>) -> Spec<Paced>) -> Scene {
    scene(Duration::ZERO, with, |tree| tree).await
}

/// A worker each of whose steps takes long.
async fn for_long(with: impl FnOnce(Spec<Paced>) -> Spec<Paced>) -> Scene {
    let patient =
        |spec: Spec<Paced>| spec.start_timeout(Duration::MAX).shutdown(Shutdown::Timeout(Duration::MAX));
    scene(LONG, |spec| with(patient(spec)), |tree| tree).await
}

/// A place where a length of time is given, and what holds there if that is one of the longest.
type Row = (&'static str, fn(Duration) -> Pin<Box<dyn Future<Output = ()>>>);

const ROWS: &[Row] = &[
    ("Backoff::Fixed", |time| Box::pin(async move { stays_down(Backoff::Fixed(time)).await })),
    ("Backoff::Exponential, from the first", |time| {
        Box::pin(async move { stays_down(Backoff::Exponential { first: time, max: time }).await })
    }),
    ("Backoff::Exponential, at last", |time| {
        Box::pin(async move {
            let backoff = Backoff::Exponential { first: Duration::from_nanos(1), max: time };
            let Scene { paced, tree, .. } =
                scene(Duration::ZERO, |spec| spec.backoff(backoff), |tree| tree.intensity(u32::MAX)).await;
            // As many doublings as a `u32` has bits, and more: they take 2^36 nanoseconds, and no
            // more than twice that together.
            let before = tokio::time::Instant::now();
            for restarts in 2..=38 {
                paced.kill();
                paced.wait_serving(restarts).await.unwrap();
            }
            assert!(before.elapsed() < Duration::from_nanos(1 << 37) + Duration::from_secs(1));
            tree.shutdown().await;
        })
    }),
    ("SupervisorBuilder::period", |time| {
        Box::pin(async move {
            let Scene { paced, tree: _tree, .. } =
                scene(Duration::ZERO, |spec| spec, |tree| tree.intensity(1).period(time)).await;
            paced.kill();
            paced.wait_serving(2).await.unwrap();
            tokio::time::sleep(LONG).await;
            paced.kill();
            assert!(matches!(paced.wait_stopped().await, Stopped::GaveUp(_)), "none is forgotten");
        })
    }),
    ("Shutdown::Timeout", |time| {
        Box::pin(async move {
            let Scene { tree, .. } = for_long(|spec| spec.shutdown(Shutdown::Timeout(time))).await;
            assert_eq!(tree.shutdown().await.aborted, []);
        })
    }),
    ("Shutdown::Timeout of a subtree", |time| {
        Box::pin(async move {
            let mut tree = Supervisor::builder("app");
            let mut below = Supervisor::builder("below").shutdown(Shutdown::Timeout(time));
            let shutdown = Shutdown::Timeout(time);
            below.worker(Paced::spec(LONG, Arc::default()).start_timeout(time).shutdown(shutdown));
            tree.child(below);
            assert_eq!(tree.start().await.unwrap().shutdown().await.aborted, []);
        })
    }),
    ("the shutdown of a subtree, from its children's", |time| {
        Box::pin(async move {
            let mut tree = Supervisor::builder("app");
            let mut below = Supervisor::builder("below");
            for name in ["one", "two"] {
                let spec = Paced::spec(LONG, Arc::default()).name(name).start_timeout(time);
                below.worker(spec.shutdown(Shutdown::Timeout(time)));
            }
            tree.child(below);
            assert_eq!(tree.start().await.unwrap().shutdown().await.aborted, []);
        })
    }),
    ("Spec::start_timeout", |time| {
        Box::pin(async move {
            let Scene { paced, tree, .. } = for_long(|spec| spec.start_timeout(time)).await;
            assert_eq!(paced.incarnation(), 1);
            tree.shutdown().await;
        })
    }),
    ("Spec::handler_timeout", |time| {
        Box::pin(async move {
            let Scene { paced, tree, .. } = for_long(|spec| spec.handler_timeout(time)).await;
            assert_eq!(paced.work().await.unwrap(), 1);
            tree.shutdown().await;
        })
    }),
    ("Spec::heartbeat", |time| {
        Box::pin(async move {
            let Scene { paced, tree, .. } = at_once(|spec| spec.heartbeat(time)).await;
            assert_eq!(paced.work().await.unwrap(), 1);
            tree.shutdown().await;
        })
    }),
    ("WhileDown::WaitFor", |time| {
        Box::pin(async move {
            let pause = Backoff::Fixed(LONG);
            let Scene { paced, tree, .. } =
                at_once(|spec| spec.backoff(pause).while_down(WhileDown::WaitFor(time))).await;
            paced.kill();
            assert_eq!(paced.work().await.unwrap(), 1);
            tree.shutdown().await;
        })
    }),
    ("Handle::with_timeout", |time| {
        Box::pin(async move {
            let Scene { paced, tree, .. } = for_long(|spec| spec.mailbox(1)).await;
            let patient = paced.with_timeout(time);
            // One is served, one is queued, and one waits for a place.
            let calls: Vec<_> = (0..3)
                .map(|_| {
                    let patient = patient.clone();
                    tokio::spawn(async move { patient.work().await })
                })
                .collect();
            for call in calls {
                call.await.unwrap().unwrap();
            }
            tree.shutdown().await;
        })
    }),
    ("Context::send_after and Context::send_every", |time| {
        Box::pin(async move {
            let Scene { paced, sent, tree } = at_once(|spec| spec).await;
            paced.attach(time).await.unwrap();
            tokio::time::sleep(LONG).await;
            assert_eq!(sent.load(Ordering::Relaxed), 0);
            assert_eq!(paced.attached().await.unwrap(), 2, "they wait");
            tree.shutdown().await;
        })
    }),
];

/// A worker that ended with this back-off is not started again before it is asked for.
async fn stays_down(backoff: Backoff) {
    let Scene { paced, tree, .. } = at_once(|spec| spec.backoff(backoff)).await;
    paced.kill();
    tokio::time::sleep(LONG).await;
    assert_eq!(paced.status(), Status::Down);
    // Nor is its manager.
    paced.kill_manager();
    tokio::time::sleep(LONG).await;
    assert_eq!(paced.restart().await.unwrap(), 2);
    paced.kill();
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn wherever_a_length_of_time_can_be_given_the_longest_ones_never_end() {
    for (place, holds) in ROWS {
        for time in LONGEST {
            println!("{place} of {time:?}");
            holds(time).await;
        }
    }
}

/// The longest that can be declared, of every option that is a length of time.
#[heir(
    shutdown = "18446744073709551615ms",
    backoff = exponential("18446744073709551615ms", "18446744073709551615ms"),
    start_timeout = "5124095576030h",
    handler_timeout = "307445734561825m",
    heartbeat = "18446744073709551s",
    while_down = "18446744073709551s"
)]
struct Declared {
    #[table(keep)]
    count: u32,
}

#[handlers]
impl Declared {
    fn count(&mut self) -> u32 {
        self.count += 1;
        self.count
    }
}

#[tokio::test(start_paused = true)]
async fn the_longest_times_that_can_be_declared_never_end() {
    let mut tree = Supervisor::builder("app");
    let declared = tree.worker(Declared::spec());
    let tree = tree.start().await.unwrap();
    assert_eq!(declared.count().await.unwrap(), 1);
    declared.kill();
    tokio::time::sleep(LONG).await;
    assert_eq!(declared.status(), Status::Down);
    assert_eq!(declared.restart().await.unwrap(), 2);
    assert_eq!(declared.count().await.unwrap(), 2);
    tree.shutdown().await;
}
