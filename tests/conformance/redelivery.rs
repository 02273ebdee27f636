//! `#[redeliver]` beside its neighbours: message boundaries, other messages, signals, the mailbox's
//! bound, a shutdown.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heir_runtime::events::Role;
use heir_runtime::testing::{self, Deaths};
use heir_runtime::{
    Backoff, CallError, CastError, Context, ExitReason, NotSent, Refusal, Supervisor, Table, Undelivered,
    handlers, heir,
};
use heir_tests::{Recorder, event};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::relatives::nobody;

/// Serves some of its messages again. It traps exits, and links to nobody when it starts, as often
/// as it is told to: each time a signal comes before its first message.
#[heir(crash_loop = 3, quarantine = fresh, mailbox = 2)]
struct Flaky {
    #[table]
    rows: Table<u32, u32>,
    #[arg]
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    /// How often a message has been served.
    served: AtomicU32,
    /// How many starts are still to link to nobody.
    links: AtomicU32,
    /// How many signals are still to be died over.
    fatal: AtomicU32,
    hangs: Notify,
}

fn one_less(count: &AtomicU32) -> bool {
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}

#[handlers]
impl Flaky {
    #[on(start)]
    fn start(&mut self, cx: &mut Context<Self>) {
        if one_less(&self.counts.links) {
            cx.link(&nobody());
        }
    }

    #[on(exit)]
    fn exited(&mut self) {
        assert!(!one_less(&self.counts.fatal), "over a signal");
    }

    /// Marks a boundary between two rows.
    fn commits(&mut self, cx: &mut Context<Self>) {
        self.rows.insert(100, 0);
        cx.commit(self);
        self.rows.insert(101, 0);
    }

    /// The same, and dies behind it.
    #[redeliver(3)]
    fn commits_and_dies(&mut self, cx: &mut Context<Self>) {
        self.commits(cx);
        self.counts.served.fetch_add(1, Ordering::Relaxed);
        panic!("behind a boundary");
    }

    /// Dies each first time that it is served.
    #[redeliver(1)]
    fn second_time(&mut self, n: u32) -> u32 {
        self.rows.add(n, 1);
        let times = self.counts.served.fetch_add(1, Ordering::Relaxed);
        assert!(times % 2 == 1, "the first time");
        n
    }

    #[redeliver(100)]
    fn never(&mut self) {
        self.counts.served.fetch_add(1, Ordering::Relaxed);
        panic!("each time");
    }

    #[cast]
    #[redeliver(100)]
    fn never_cast(&mut self, words: String) {
        self.counts.served.fetch_add(1, Ordering::Relaxed);
        panic!("{words}");
    }

    async fn hang(&mut self) {
        self.counts.hangs.notify_one();
        std::future::pending().await
    }

    #[cast]
    fn nothing(&mut self) {}

    fn row(&mut self, n: u32) -> Option<u32> {
        self.rows.get(&n)
    }
}

async fn flaky() -> (FlakyHandle, Supervisor, Arc<Counts>) {
    let (mut tree, _) = Recorder::tree();
    let counts = Arc::new(Counts::default());
    let worker = tree.worker(Flaky::spec(Arc::clone(&counts)));
    (worker, tree.start().await.unwrap(), counts)
}

#[tokio::test]
async fn a_message_that_has_marked_a_boundary_is_not_served_again() {
    let (worker, _tree, counts) = flaky().await;
    let died = worker.commits_and_dies().await.unwrap_err();
    assert!(matches!(died, CallError::Died { incarnation: 1, .. }), "{died}");
    assert_eq!(counts.served.load(Ordering::Relaxed), 1);
    assert_eq!((worker.row(100).await.unwrap(), worker.row(101).await.unwrap()), (Some(0), None));
}

#[tokio::test]
async fn a_boundary_in_an_earlier_message_keeps_no_later_one_from_being_served_again() {
    let (worker, _tree, counts) = flaky().await;
    worker.commits().await.unwrap();
    assert_eq!(worker.second_time(7).await.unwrap(), 7);
    assert_eq!(counts.served.load(Ordering::Relaxed), 2);
    assert_eq!(worker.row(7).await.unwrap(), Some(1));
}

#[tokio::test]
async fn many_different_messages_in_a_row_that_succeed_the_second_time_are_no_crash_loop() {
    let (worker, _tree, _) = flaky().await;
    for n in 0..20 {
        assert_eq!(worker.second_time(n).await.unwrap(), n);
    }
    assert_eq!((worker.incarnation(), worker.quarantined()), (21, 0));
    for n in 0..20 {
        assert_eq!(worker.row(n).await.unwrap(), Some(1));
    }
}

#[tokio::test]
async fn a_death_over_a_signal_before_a_message_is_served_again_does_not_speak_against_the_tables() {
    let (worker, _tree, counts) = flaky().await;
    worker.commits().await.unwrap();
    counts.links.store(20, Ordering::Relaxed);
    counts.fatal.store(20, Ordering::Relaxed);
    assert_eq!(worker.second_time(7).await.unwrap(), 7);
    assert_eq!(counts.fatal.load(Ordering::Relaxed), 0, "it has died over each of them");
    // Its first, twenty that died over a signal, and one that served.
    assert_eq!((worker.incarnation(), worker.quarantined()), (22, 0));
    assert_eq!(worker.row(100).await.unwrap(), Some(0));
}

#[tokio::test]
async fn a_signal_that_is_served_in_between_clears_no_tables() {
    let (worker, _tree, counts) = flaky().await;
    worker.commits().await.unwrap();
    counts.links.store(u32::MAX, Ordering::Relaxed);
    let died = worker.never().await.unwrap_err();
    assert!(matches!(died, CallError::Died { incarnation: 101, .. }), "{died}");
    let parked = worker.take_quarantined();
    // Of those that follow, nobody has written anything.
    assert_eq!(parked.len(), 1);
    assert!(parked[0].reason.starts_with("3 starts in a row died"), "{}", parked[0].reason);
}

#[tokio::test]
async fn the_mailbox_has_as_many_places_after_many_redeliveries_as_before() {
    let (worker, _tree, counts) = flaky().await;
    for n in 0..20 {
        worker.second_time(n).await.unwrap();
    }
    worker.never().await.unwrap_err();
    let hangs = tokio::spawn({
        let worker = worker.clone();
        async move { worker.hang().await }
    });
    counts.hangs.notified().await;
    let queued: Vec<_> = (0..4).map(|_| worker.try_nothing()).collect();
    assert!(
        matches!(
            queued.as_slice(),
            [
                Ok(()),
                Ok(()),
                Err(CastError::NotSent { why: NotSent::Full, .. }),
                Err(CastError::NotSent { why: NotSent::Full, .. })
            ]
        ),
        "{queued:?}"
    );
    hangs.abort();
}

/// A worker that is started again a minute after it died, with a message that waits for that, and
/// the list of what was not delivered.
async fn waiting(
    send: impl AsyncFnOnce(&FlakyHandle),
) -> (FlakyHandle, Supervisor, Arc<Counts>, Arc<Mutex<Vec<Undelivered>>>) {
    let (mut tree, recorder) = Recorder::tree();
    let (counts, lost) = (Arc::new(Counts::default()), Arc::<Mutex<Vec<_>>>::default());
    let spec = Flaky::spec(Arc::clone(&counts)).backoff(Backoff::Fixed(Duration::from_secs(60)));
    let worker = tree.worker(spec.on_undelivered({
        let lost = Arc::clone(&lost);
        move |undelivered| lost.lock().unwrap().push(undelivered)
    }));
    let tree = tree.start().await.unwrap();
    send(&worker).await;
    let died = ExitReason::Panic("each time".into());
    recorder.until(event!(Restarting { role: Role::Worker, reason, .. } if *reason == died)).await;
    assert_eq!((counts.served.load(Ordering::Relaxed), worker.queued()), (1, 0));
    (worker, tree, counts, lost)
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_tells_the_caller_of_a_message_that_waits_to_be_served_again() {
    let mut call: Option<JoinHandle<Result<(), CallError<()>>>> = None;
    let (worker, tree, counts, lost) = waiting(async |worker| {
        let worker = worker.clone();
        call = Some(tokio::spawn(async move { worker.never().await }));
    })
    .await;
    tree.shutdown().await;
    let died = call.unwrap().await.unwrap().unwrap_err();
    assert!(matches!(&died, CallError::Died { incarnation: 1, .. }), "{died}");
    assert_eq!(counts.served.load(Ordering::Relaxed), 1, "it was not served again");
    assert_eq!(lost.lock().unwrap().len(), 0);
    drop(worker);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_hands_a_cast_that_waits_to_be_served_again_to_whoever_gets_what_is_not_delivered() {
    let (worker, tree, counts, lost) = waiting(async |worker| {
        worker.never_cast("each time".into()).await.unwrap();
    })
    .await;
    tree.shutdown().await;
    assert_eq!(counts.served.load(Ordering::Relaxed), 1, "it was not served again");
    let mut lost = lost.lock().unwrap();
    let [cast] = lost.as_mut_slice() else { panic!("{lost:?}") };
    assert_eq!(cast.message, "never_cast");
    let reason = ExitReason::Panic("each time".into());
    assert!(
        matches!(&cast.why, Refusal::Died { incarnation: 1, reason: of, .. } if *of == reason),
        "{cast:?}"
    );
    let args = cast.args.take().unwrap().downcast::<(String,)>().unwrap();
    assert_eq!(args.0, "each time");
    drop(worker);
}

/// A worker whose message dies when its handler is done.
#[heir(crash_loop = never)]
struct Unlucky {
    #[table]
    rows: Table<u32, u32>,
    #[table]
    others: Table<u32, u32>,
    #[arg]
    served: Arc<AtomicU32>,
}

/// A reply whose destructor panics the first time.
#[derive(Debug)]
struct Touchy(u32);

impl Drop for Touchy {
    fn drop(&mut self) {
        assert_ne!(self.0, 1, "the first reply, which nobody gets");
    }
}

#[handlers]
impl Unlucky {
    #[redeliver(1)]
    fn count(&mut self) -> Touchy {
        self.rows.add(1, 1);
        Touchy(self.served.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// The first time, the commit does not find the tables in their places, and panics.
    #[redeliver(1)]
    fn count_and_swap(&mut self) -> Touchy {
        let count = self.count();
        if count.0 == 1 {
            std::mem::swap(&mut self.rows, &mut self.others);
        }
        count
    }

    /// Dies as often as it is served.
    #[redeliver(1)]
    fn always_swap(&mut self) -> u32 {
        std::mem::swap(&mut self.rows, &mut self.others);
        self.rows.insert(2, 2);
        self.served.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// Starts the worker; its tree, and how often its messages have been served.
async fn unlucky(deaths: Deaths) -> (Supervisor, UnluckyHandle, Arc<AtomicU32>) {
    testing::quiet_panics();
    let (mut tree, _) = Recorder::tree();
    let served = Arc::<AtomicU32>::default();
    let unlucky = tree.worker(deaths.befall(Unlucky::spec(Arc::clone(&served))));
    (tree.start().await.unwrap(), unlucky, served)
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_worker_dies_after_the_handler_and_before_the_commit_is_served_again() {
    for deaths in [Deaths::before_commit(1), Deaths::before_commit(1).by_panic()] {
        let (_tree, unlucky, _served) = unlucky(deaths).await;
        assert_eq!(unlucky.count().await.unwrap().0, 2);
        assert_eq!((unlucky.rows().get(&1), unlucky.incarnation()), (Some(1), 2));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_commit_panics_is_served_again() {
    let (_tree, unlucky, _served) = unlucky(Deaths::never()).await;
    assert_eq!(unlucky.count_and_swap().await.unwrap().0, 2);
    assert_eq!((unlucky.rows().get(&1), unlucky.incarnation()), (Some(1), 2));
}

#[tokio::test(start_paused = true)]
async fn the_caller_of_one_whose_commit_panics_each_time_is_told_after_the_last() {
    let (_tree, unlucky, served) = unlucky(Deaths::never()).await;
    let died = unlucky.always_swap().await;
    assert!(matches!(died, Err(CallError::Died { incarnation: 2, .. })), "{died:?}");
    assert_eq!((served.load(Ordering::Relaxed), unlucky.rows().get(&2)), (2, None));
}
