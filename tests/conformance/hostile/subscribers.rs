//! A subscriber of `tracing` that panics, and observers that do: nothing ends but what they were told.

use std::cell::Cell;

use heir_runtime::events::Role;
use heir_runtime::{CallError, OrderedTable, Stopped, Supervisor, Table, handlers, heir};
use heir_tests::{Recorder, event};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, Interest};
use tracing::{Event, Metadata, Subscriber};

/// Calls a function when it is asked whether it is enabled, and another one when it is told an event.
pub(super) struct Hostile {
    asked: fn(),
    told: fn(),
}

impl Hostile {
    /// Hears what is told on this thread, until the guard is dropped. Calls `tick` each time.
    pub(super) fn listens(tick: fn()) -> DefaultGuard {
        tracing::subscriber::set_default(Self { asked: tick, told: tick })
    }

    /// One that panics when it is asked: then it is told nothing. And one that panics when it is
    /// told.
    fn both() -> [Self; 2] {
        [Self { asked: always, told: || () }, Self { asked: || (), told: always }]
    }
}

impl Subscriber for Hostile {
    // Not here: `tracing` asks this under a lock of its own, for the whole process, and never recovers from a panic in it.
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let is_ours = metadata.target() == "heir";
        if is_ours {
            (self.asked)();
        }
        is_ours
    }

    fn event(&self, event: &Event<'_>) {
        struct Words;
        impl tracing::field::Visit for Words {
            fn record_debug(&mut self, _: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                assert!(!format!("{value:?}").is_empty());
            }
        }
        event.record(&mut Words);
        (self.told)();
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

thread_local! {
    /// How often the subscriber of this thread has panicked.
    static PANICS: Cell<u32> = const { Cell::new(0) };
}

fn always() {
    PANICS.set(PANICS.get() + 1);
    panic!("in a subscriber");
}

#[heir]
struct Told {
    #[table(rollback)]
    count: u32,
}

#[handlers]
impl Told {
    fn count(&mut self) -> u32 {
        self.count += 1;
        self.count
    }

    #[cast]
    fn die(&mut self) {
        panic!("asked to die");
    }
}

/// Lets a worker die until the subscriber of this thread has panicked.
///
/// `tracing` remembers for each place whether anybody listens to it. When another thread registers
/// the place at the moment in which the subscriber begins to listen, `tracing` may remember that
/// nobody does, until it asks again.
async fn until_heard(told: &ToldHandle) {
    PANICS.set(0);
    while PANICS.get() == 0 {
        tracing::callsite::rebuild_interest_cache();
        told.die().await.unwrap();
        told.count().await.unwrap();
    }
}

#[tokio::test]
async fn a_subscriber_that_panics_on_every_event_ends_neither_supervisor_nor_manager_nor_worker() {
    for subscriber in Hostile::both() {
        let _guard = tracing::subscriber::set_default(subscriber);
        let (mut tree, recorder) = Recorder::tree();
        let told = tree.worker(Told::spec());
        let tree = tree.start().await.unwrap();
        until_heard(&told).await;
        let (count, incarnation) = (told.count().await.unwrap(), told.incarnation());
        let heard = PANICS.get();
        told.die().await.unwrap();
        assert_eq!(told.count().await.unwrap(), count + 1);
        assert_eq!(told.incarnation(), incarnation + 1);
        assert!(PANICS.get() > heard, "it has heard of the death");
        assert_eq!(recorder.count(event!(Restarting { role: Role::Manager, .. })), 0);
        assert_eq!(tree.shutdown().await.why, Stopped::Shutdown);
        assert_eq!(told.estate().claim("test").unwrap().count, count + 1);
    }
}

#[tokio::test]
async fn a_subtree_is_restarted_once_under_a_subscriber_that_panics_on_every_event() {
    for subscriber in Hostile::both() {
        let _guard = tracing::subscriber::set_default(subscriber);
        let mut below = Supervisor::builder("below").intensity(u32::MAX);
        let told = below.worker(Told::spec());
        let (mut tree, recorder) = Recorder::tree();
        let below = tree.child(below);
        let tree = tree.start().await.unwrap();
        until_heard(&told).await;
        recorder.clear();
        let incarnation = told.incarnation();
        assert!(below.kill());
        told.wait_serving(incarnation + 1).await.unwrap();
        told.count().await.unwrap();
        assert_eq!(told.incarnation(), incarnation + 1);
        assert_eq!(recorder.count(event!(Restarting { .. })), 1, "{:#?}", recorder.events());
        assert_eq!(tree.shutdown().await.why, Stopped::Shutdown);
    }
}

/// A value whose destructor panics if it is armed. Its clones are not: so in a table, it is the commit that drops it.
struct Original(bool);

impl Clone for Original {
    fn clone(&self) -> Self {
        Self(false)
    }
}

impl Drop for Original {
    fn drop(&mut self) {
        assert!(!self.0 || std::thread::panicking(), "in a destructor");
    }
}

#[heir]
struct Two {
    #[table]
    first: Table<u32, Original>,
    #[table]
    second: OrderedTable<u32, u32>,
}

#[handlers]
impl Two {
    fn write(&mut self, n: u32, armed: bool) {
        self.first.insert(0, Original(armed));
        self.first.insert(n, Original(false));
        self.second.insert(n, n);
    }

    #[cast]
    fn die(&mut self) {
        panic!("asked to die");
    }
}

#[tokio::test]
async fn a_message_is_whole_in_all_tables_although_a_destructor_and_the_subscriber_that_hears_of_it_panic() {
    for subscriber in Hostile::both() {
        let _guard = tracing::subscriber::set_default(subscriber);
        let (mut tree, _) = Recorder::tree();
        let two = tree.worker(Two::spec());
        let tree = tree.start().await.unwrap();
        two.write(1, true).await.unwrap();
        // Its commit drops the armed one.
        let written = two.write(2, false).await;
        two.die().await.unwrap();
        two.wait_serving(2).await.unwrap();
        let (first, second) = (two.first().contains_key(&2), two.second().contains_key(&2));
        assert_eq!((first, second), (true, true), "{written:?}");
        written.unwrap();
        tree.shutdown().await;
    }
}

#[tokio::test]
async fn what_an_observer_captures_is_dropped_caught() {
    let (tree, _) = Recorder::tree();
    let captured = Original(true);
    let mut tree = tree.observe(move |_| {
        let _captured = &captured;
        panic!("in an observer")
    });
    let told = tree.worker(Told::spec());
    let tree = tree.start().await.unwrap();
    assert_eq!(told.count().await.unwrap(), 1);
    tree.shutdown().await;
    let late = told.count().await.unwrap_err();
    assert!(matches!(late, CallError::NotSent { .. }), "{late}");
    drop(late);
    // The last that knows the tree.
    drop(told);
}
