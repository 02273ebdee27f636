//! No accepted message vanishes: it is served, or its sender is told, or the hook gets it.

use std::pin::pin;
use std::sync::{Arc, Mutex};

use heir_runtime::{Context, Refusal, Restart, Stopped, Undelivered, handlers, heir};
use heir_tests::Recorder;
use heir_tests::waits::{is_pending, wait_until};
use tokio::sync::Notify;

/// Trips over messages, and hangs.
#[heir]
struct Clumsy {
    #[table(rollback)]
    seen: Vec<u32>,
    #[arg]
    hanging: Arc<Notify>,
}

#[handlers]
impl Clumsy {
    #[cast]
    fn see(&mut self, n: u32) {
        self.seen.push(n);
    }

    #[cast]
    fn trip(&mut self, n: u32, words: String) {
        self.seen.push(n);
        panic!("{words}");
    }

    #[cast]
    #[redeliver(1)]
    fn trip_once(&mut self, cx: &mut Context<Self>, n: u32) {
        self.seen.push(n);
        assert!(cx.incarnation() > 1, "the first time");
    }

    #[cast]
    #[redeliver(1)]
    fn trip_always(&mut self, n: u32) {
        self.seen.push(n);
        panic!("each time");
    }

    async fn hang(&mut self) {
        self.hanging.notify_one();
        std::future::pending().await
    }

    fn seen(&mut self) -> Vec<u32> {
        self.seen.clone()
    }
}

/// What a hook was given.
type Lost = Arc<Mutex<Vec<Undelivered>>>;

/// Not started yet, with a hook that keeps what it gets.
fn clumsy() -> (heir_runtime::SupervisorBuilder, ClumsyHandle, Lost, Arc<Notify>) {
    let (mut tree, _) = Recorder::tree();
    let (lost, hanging) = (Lost::default(), Arc::new(Notify::new()));
    let clumsy = tree.worker(Clumsy::spec(Arc::clone(&hanging)).on_undelivered({
        let lost = Arc::clone(&lost);
        move |undelivered| lost.lock().unwrap().push(undelivered)
    }));
    (tree, clumsy, lost, hanging)
}

fn args<A: 'static>(undelivered: &mut Undelivered) -> A {
    *undelivered.args.take().expect("arguments").downcast().expect("of this type")
}

#[tokio::test]
async fn queued_casts_go_to_the_hook_when_the_worker_stops_with_their_arguments_in_their_order() {
    let (tree, clumsy, lost, _) = clumsy();
    clumsy.try_see(1).unwrap();
    clumsy.try_trip(2, "two".into()).unwrap();
    drop(tree);
    clumsy.wait_stopped().await;
    let mut lost = lost.lock().unwrap();
    let [see, trip] = lost.as_mut_slice() else { panic!("{lost:?}") };
    assert_eq!((see.worker.as_ref(), see.message), ("Clumsy", "see"));
    assert_eq!(see.why, Refusal::Stopped(Stopped::Dropped));
    assert_eq!(
        see.to_string(),
        "Clumsy: a message `see` was not delivered: the worker stopped before it served it: its supervisor was dropped, \
         alone or with its tokio runtime: keep what `start` returned until you call its `shutdown`"
    );
    assert_eq!((see.incarnation, see.tries), (None, 0));
    assert_eq!(args::<(u32,)>(see), (1,));
    assert_eq!(trip.message, "trip");
    assert_eq!(args::<(u32, String)>(trip), (2, "two".into()));
}

#[tokio::test]
async fn a_cast_its_worker_died_over_goes_to_the_hook_with_the_reason_and_without_what_its_handler_took() {
    let (tree, clumsy, lost, _) = clumsy();
    let _tree = tree.start().await.unwrap();
    clumsy.trip(1, "over it".into()).await.unwrap();
    assert_eq!(clumsy.seen().await.unwrap(), [0; 0], "it was undone");
    let lost = lost.lock().unwrap();
    let [trip] = lost.as_slice() else { panic!("{lost:?}") };
    assert!(
        matches!(&trip.why, Refusal::Died { incarnation: 1, reason, .. } if reason.to_string() == "panic: over it")
    );
    assert_eq!((trip.incarnation, trip.tries), (Some(1), 1));
    assert!(trip.args.is_none());
}

#[tokio::test]
async fn a_cast_that_is_served_again_goes_to_the_hook_only_after_the_last_time() {
    let (tree, clumsy, lost, _) = clumsy();
    let _tree = tree.start().await.unwrap();
    clumsy.trip_once(1).await.unwrap();
    assert_eq!(clumsy.seen().await.unwrap(), [1]);
    assert!(lost.lock().unwrap().is_empty());
    clumsy.trip_always(2).await.unwrap();
    assert_eq!(clumsy.seen().await.unwrap(), [1]);
    let mut lost = lost.lock().unwrap();
    let [letter] = lost.as_mut_slice() else { panic!("{lost:?}") };
    assert_eq!((letter.message, letter.incarnation, letter.tries), ("trip_always", Some(3), 2));
    assert_eq!(args::<(u32,)>(letter), (2,), "each try got a clone");
}

#[tokio::test]
async fn a_message_that_waits_to_be_served_again_when_the_worker_stops_says_how_often_it_was_served() {
    let (mut tree, _) = Recorder::tree();
    let lost = Lost::default();
    let clumsy = tree.worker(Clumsy::spec(Arc::default()).restart(Restart::Temporary).on_undelivered({
        let lost = Arc::clone(&lost);
        move |undelivered| lost.lock().unwrap().push(undelivered)
    }));
    let _tree = tree.start().await.unwrap();
    clumsy.trip_always(2).await.unwrap();
    clumsy.wait_stopped().await;
    let mut lost = lost.lock().unwrap();
    let [letter] = lost.as_mut_slice() else { panic!("{lost:?}") };
    assert!(matches!(letter.why, Refusal::Died { incarnation: 1, .. }));
    assert_eq!((letter.incarnation, letter.tries), (Some(1), 1));
    assert_eq!(args::<(u32,)>(letter), (2,));
}

#[tokio::test]
async fn a_call_whose_caller_is_there_is_told_and_one_whose_caller_is_gone_goes_to_the_hook() {
    let (tree, clumsy, lost, hanging) = clumsy();
    let tree = tree.start().await.unwrap();
    let in_progress = tokio::spawn({
        let clumsy = clumsy.clone();
        async move { clumsy.hang().await }
    });
    hanging.notified().await;
    let waits = tokio::spawn({
        let clumsy = clumsy.clone();
        async move { clumsy.seen().await }
    });
    wait_until(|| clumsy.queued() >= 1).await;
    assert!(is_pending(pin!(clumsy.seen())).await, "it hangs");
    assert_eq!(clumsy.queued(), 2);
    in_progress.abort();
    assert!(in_progress.await.unwrap_err().is_cancelled());
    clumsy.kill();
    tree.shutdown().await;
    assert!(waits.await.unwrap().is_err());
    let mut messages: Vec<_> = lost.lock().unwrap().iter().map(|lost| lost.message).collect();
    messages.sort_unstable();
    assert_eq!(messages, ["hang", "seen"]);
}

#[tokio::test]
async fn a_hook_that_panics_disturbs_nobody() {
    let (mut tree, _) = Recorder::tree();
    let calls = Arc::<Mutex<Vec<_>>>::default();
    let clumsy = tree.worker(Clumsy::spec(Arc::default()).on_undelivered({
        let calls = Arc::clone(&calls);
        move |lost| {
            calls.lock().unwrap().push(lost.message);
            panic!("{lost}");
        }
    }));
    let tree = tree.start().await.unwrap();
    clumsy.trip(1, "over it".into()).await.unwrap();
    assert_eq!(clumsy.seen().await.unwrap(), [0; 0]);
    clumsy.pause().await.unwrap();
    clumsy.try_see(1).unwrap();
    let waits = tokio::spawn({
        let clumsy = clumsy.clone();
        async move { clumsy.seen().await }
    });
    wait_until(|| clumsy.queued() >= 2).await;
    assert_eq!(tree.shutdown().await.unresponsive, []);
    assert!(waits.await.unwrap().is_err());
    assert_eq!(*calls.lock().unwrap(), ["trip", "see"]);
}

/// Says in its options where to.
#[heir(on_undelivered = Self::lost)]
struct Declared {
    #[table(keep)]
    _count: u32,
}

static LOST: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl Declared {
    fn lost(undelivered: Undelivered) {
        LOST.lock().unwrap().push(undelivered.message.to_owned());
    }
}

#[handlers]
impl Declared {
    #[cast]
    fn r#move(&mut self) {}
}

#[tokio::test]
async fn the_hook_can_be_declared() {
    let (mut tree, _) = Recorder::tree();
    let declared = tree.worker(Declared::spec());
    declared.try_move().unwrap();
    drop(tree);
    assert_eq!(*LOST.lock().unwrap(), ["move"]);
}
