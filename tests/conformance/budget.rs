//! Every loop of the runtime that runs a user's futures takes part in tokio's budget: however much
//! there is to do at once, a `current_thread` runtime has turns for the others.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use heir_runtime::{Context, ExitReason, Supervisor, handlers, heir};
use heir_tests::Recorder;

/// How much there is to do at once.
const MANY: usize = 20_000;

/// A stream that is always ready, until it ends.
struct Ready(usize);

impl futures_core::Stream for Ready {
    type Item = ();

    fn poll_next(mut self: Pin<&mut Self>, _: &mut std::task::Context<'_>) -> Poll<Option<()>> {
        if self.0 == 0 {
            return Poll::Ready(None);
        }
        self.0 -= 1;
        Poll::Ready(Some(()))
    }
}

/// Counts what is done.
#[heir(mailbox = 65535)]
struct Eager {
    #[table(keep)]
    none: (),
    #[arg]
    done: Arc<AtomicUsize>,
}

#[handlers]
impl Eager {
    /// Sends nothing.
    fn stream(&mut self, cx: &mut Context<Self>) {
        let done = Arc::clone(&self.done);
        cx.attach_stream(Ready(MANY), move |_, ()| {
            done.fetch_add(1, Ordering::Relaxed);
            async {}
        });
    }

    #[cast]
    fn count(&mut self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    #[on(exit)]
    fn exit(&mut self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }
}

/// How many turns another task has while a worker does what `begin` has it do.
async fn turns_beside(begin: impl AsyncFnOnce(&EagerHandle)) -> usize {
    let (mut tree, _) = Recorder::tree();
    let done = Arc::new(AtomicUsize::new(0));
    let eager = tree.worker(Eager::spec(Arc::clone(&done)));
    let tree: Supervisor = tree.start().await.unwrap();
    begin(&eager).await;
    let mut turns = 0;
    while done.load(Ordering::Relaxed) < MANY {
        tokio::task::yield_now().await;
        turns += 1;
    }
    tree.shutdown().await;
    turns
}

/// A task has 128 steps a turn; there are several that share what there is to do.
const SOME_TURNS: usize = MANY / 1000;

#[tokio::test]
async fn a_stream_that_is_always_ready_leaves_others_their_turns() {
    let turns = turns_beside(async |eager| eager.stream().await.unwrap()).await;
    assert!(turns > SOME_TURNS, "{turns}");
}

#[tokio::test]
async fn a_full_mailbox_leaves_others_their_turns() {
    let turns = turns_beside(async |eager| (0..MANY).for_each(|_| eager.try_count().unwrap())).await;
    assert!(turns > SOME_TURNS, "{turns}");
}

#[tokio::test]
async fn a_flood_of_signals_leaves_others_their_turns() {
    let turns = turns_beside(async |eager| {
        for _ in 0..MANY {
            assert!(eager.exit(ExitReason::Normal).is_some());
        }
    })
    .await;
    assert!(turns > SOME_TURNS, "{turns}");
}
