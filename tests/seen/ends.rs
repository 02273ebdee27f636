//! When the spans of messages end: each one does, and not before what it stands for.

use std::future::pending;
use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context as TaskContext, Waker};
use std::time::Duration;

use heir_runtime::prelude::*;
use heir_runtime::{CallError, Dynamic, Shutdown};
use tokio::time::sleep;
use tracing::level_filters::LevelFilter;

use crate::collector::Collector;

#[heir]
struct Desk {
    #[table]
    lines: Table<u8, u64>,
    #[table(keep)]
    owed: Vec<Reply<u64>>,
}

/// Logs when it is dropped.
struct Logs;

impl Drop for Logs {
    fn drop(&mut self) {
        tracing::info!("dropped");
    }
}

#[handlers]
impl Desk {
    fn ask(&mut self, reply: Reply<u64>) {
        self.owed.push(reply);
    }

    #[cast]
    fn answer(&mut self, cx: &mut Context<Self>) {
        self.owed.pop().unwrap().send(cx, 7);
    }

    #[cast]
    fn forget(&mut self) {
        self.owed.clear();
    }

    async fn hang(&mut self) {
        let _logs = Logs;
        pending().await
    }

    #[redeliver(1)]
    async fn hang_again(&mut self) {
        pending().await
    }

    #[cast]
    fn note(&mut self, n: u64) {
        self.lines.insert(0, n);
    }

    /// Has another worker do it, and waits.
    async fn pass(&mut self, to: DeskHandle) -> bool {
        to.look().await.is_ok()
    }

    fn look(&mut self) -> u64 {
        self.lines.get(&0).unwrap_or_default()
    }

    /// Blocks its thread until it is released.
    fn block(&mut self, release: mpsc::Receiver<()>) {
        release.recv().unwrap();
    }

    async fn ask_other(&mut self, cx: &mut Context<Self>, other: DeskHandle) -> Result<(), BoxError> {
        cx.send(other.look().answer_to((), DeskMessage::Heard)).await?;
        Ok(())
    }

    #[cast]
    fn heard(&mut self, _nothing: (), _found: CallResult<u64>) {}

    fn after(&mut self, cx: &mut Context<Self>) {
        self.lines.insert(1, 1);
        cx.after_commit(|| panic!("after the commit"));
    }

    fn later(&mut self, cx: &mut Context<Self>) {
        cx.send_delayed(Duration::from_secs(60), cx.own_handle().note(1));
    }
}

const FIELDS: &[&str] = &["handler", "incarnation", "boundary", "refused"];
const NONE: [&str; 0] = [];

async fn tree() -> (Supervisor, DeskHandle, DeskHandle) {
    let mut tree = Supervisor::builder("app").intensity(1_000);
    let desk = tree.worker(Desk::spec().name("desk").mailbox(8));
    let other = tree.worker(Desk::spec().name("other"));
    (tree.start().await.unwrap(), desk, other)
}

async fn settled() {
    sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn the_span_of_a_call_lasts_until_a_reply_that_comes_later() {
    let (tree, desk, _) = tree().await;
    let (seen, _guard) = Collector::new(LevelFilter::DEBUG);
    let asks = tokio::spawn({
        let desk = desk.clone();
        async move { desk.ask().await }
    });
    settled().await;
    assert_eq!(seen.open(), ["call"], "its message has committed, and it has no reply yet");
    desk.answer().await.unwrap();
    assert_eq!(asks.await.unwrap().unwrap(), 7);
    settled().await;
    assert_eq!(seen.open(), NONE);
    assert!(!seen.trees(FIELDS).contains("refused"));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_never_comes_is_refused_in_the_span_of_its_call() {
    let (tree, desk, _) = tree().await;
    let (seen, _guard) = Collector::new(LevelFilter::DEBUG);
    let ask = || {
        let desk = desk.clone();
        tokio::spawn(async move { desk.ask().await })
    };
    let (first, second) = (ask(), ask());
    settled().await;
    desk.forget().await.unwrap();
    assert!(matches!(first.await.unwrap(), Err(CallError::Unanswered)));
    assert!(matches!(second.await.unwrap(), Err(CallError::Unanswered)));
    settled().await;
    assert_eq!(seen.open(), NONE);
    let third = ask();
    settled().await;
    desk.stop().await;
    assert!(matches!(third.await.unwrap(), Err(CallError::Stopped { .. })));
    settled().await;
    assert_eq!(seen.open(), NONE);
    let refused: Vec<_> =
        seen.spans().iter().filter_map(|span| span.fields.get("refused").cloned()).collect();
    assert_eq!(refused.len(), 3, "{refused:?}");
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_leaves_no_span_open() {
    let (tree, desk, _) = tree().await;
    let (seen, _guard) = Collector::new(LevelFilter::DEBUG);
    desk.pause().await.unwrap();
    {
        let mut call = pin!(desk.look().into_future());
        assert!(call.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(seen.open(), ["call"], "it is queued");
    desk.resume();
    settled().await;
    assert_eq!(seen.open(), NONE);
    // While it is served.
    let call = tokio::spawn({
        let desk = desk.clone();
        async move { desk.hang().await }
    });
    settled().await;
    call.abort();
    settled().await;
    assert_eq!(seen.open(), ["call", "serve"]);
    desk.kill().unwrap();
    desk.wait_serving(2).await.unwrap();
    assert_eq!(seen.open(), NONE);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_drops_when_it_is_killed_is_in_its_span() {
    let (tree, desk, _) = tree().await;
    let (seen, _guard) = Collector::new(LevelFilter::DEBUG);
    let call = tokio::spawn({
        let desk = desk.clone();
        async move { desk.hang().await }
    });
    settled().await;
    desk.kill().unwrap();
    desk.wait_serving(2).await.unwrap();
    call.await.unwrap().unwrap_err();
    let serve = seen.spans().into_iter().find(|span| span.name == "serve").unwrap();
    assert_eq!(serve.events, ["dropped"]);
    assert_eq!(serve.entered, serve.exited);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn every_way_to_take_a_worker_away_ends_its_spans() {
    for way in 0..5 {
        let mut tree = Supervisor::builder("app").intensity(0);
        let desk = tree.worker(Desk::spec().name("desk"));
        let desks = tree.child(Dynamic::<u8, Desk>::spec().intensity(0).name("desks"));
        let tree = tree.start().await.unwrap();
        let of_key = desks.start(1, Desk::spec()).await.unwrap();
        let (seen, _guard) = Collector::new(LevelFilter::DEBUG);
        let whom = if way == 4 { of_key } else { desk.clone() };
        let calls: Vec<_> = (0..3)
            .map(|n| {
                let whom = whom.clone();
                tokio::spawn(async move {
                    if n == 0 { whom.hang_again().await.map(|()| 0) } else { whom.look().await }
                })
            })
            .collect();
        for n in 0..3 {
            whom.note(n).await.unwrap();
        }
        settled().await;
        match way {
            0 => tree.terminate_child("desk").await.unwrap(),
            1 => drop(tree.upgrade_child(&desk, Desk::spec()).await.unwrap()),
            2 => drop(desk.stop().await),
            _ => {
                whom.kill();
            }
        }
        sleep(Duration::from_secs(100)).await;
        if way == 1 {
            drop(desk.stop().await);
        }
        // Of a worker that is terminated, the messages wait.
        assert!(way == 0 || calls.iter().all(|call| call.is_finished()), "{way}");
        if way != 0 && way != 1 {
            assert_eq!(seen.open(), NONE, "{way}: {}", seen.trees(FIELDS));
        }
        tree.shutdown().await;
        sleep(Duration::from_secs(100)).await;
        assert_eq!(seen.open(), NONE, "{way}: {}", seen.trees(FIELDS));
        let spans = seen.spans();
        assert!(spans.iter().all(|span| span.entered == span.exited), "{way}");
    }
}

#[test]
fn a_runtime_that_is_dropped_with_all_in_flight_leaves_no_span_open_or_entered() {
    let (seen, _guard) = Collector::new(LevelFilter::DEBUG);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (tree, desk, other) = runtime.block_on(async {
        let (tree, desk, other) = tree().await;
        for desk in [&desk, &other] {
            for n in 0..3 {
                let desk = desk.clone();
                tokio::spawn(async move {
                    match n {
                        0 => drop(desk.ask().await),
                        1 => drop(desk.hang().await),
                        _ => drop(desk.look().await),
                    }
                });
            }
        }
        sleep(Duration::from_millis(5)).await;
        desk.note(1).await.unwrap();
        (tree, desk, other)
    });
    assert!(!seen.open().is_empty());
    drop(runtime);
    drop((tree, desk, other));
    let spans = seen.spans();
    assert!(spans.iter().all(|span| span.entered == span.exited));
    assert_eq!(seen.open(), NONE, "{}", seen.trees(FIELDS));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_calls_another_has_the_call_beneath_what_it_serves() {
    let (tree, desk, other) = tree().await;
    let (seen, _guard) = Collector::new(LevelFilter::DEBUG);
    assert!(desk.pass(other.clone()).await.unwrap());
    desk.ask_other(other).await.unwrap().unwrap();
    settled().await;
    assert_eq!(
        seen.trees(&["worker", "handler"]),
        "call worker=desk handler=pass
  serve worker=desk handler=pass
    call worker=other handler=look
      serve worker=other handler=look
call worker=desk handler=ask_other
  serve worker=desk handler=ask_other
    call worker=other handler=look
      serve worker=other handler=look
        cast worker=desk handler=heard
          serve worker=desk handler=heard
"
    );
    assert_eq!(seen.open(), NONE);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_commits_and_then_panics_has_its_boundary() {
    let (tree, desk, _) = tree().await;
    let (seen, _guard) = Collector::new(LevelFilter::DEBUG);
    desk.after().await.unwrap();
    desk.wait_serving(2).await.unwrap();
    let serve = seen.spans().into_iter().find(|span| span.name == "serve").unwrap();
    assert_eq!(serve.fields.get("boundary").map(|text| &**text), Some("1"));
    assert_eq!(seen.open(), NONE);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_later_begins_a_trace_and_is_over_if_its_worker_has_stopped() {
    let (tree, desk, _) = tree().await;
    let (seen, _guard) = Collector::new(LevelFilter::DEBUG);
    desk.later().await.unwrap();
    assert_eq!(seen.open(), NONE, "it is not queued yet");
    sleep(Duration::from_secs(61)).await;
    let spans = seen.spans();
    let cast = spans.iter().find(|span| span.name == "cast").unwrap();
    assert_eq!(cast.parent, None);
    desk.later().await.unwrap();
    desk.stop().await;
    sleep(Duration::from_secs(61)).await;
    assert_eq!(seen.open(), NONE);
    assert_eq!(seen.spans().iter().filter(|span| span.name == "cast").count(), 1);
    tree.shutdown().await;
}

/// A worker that was left behind ends when nobody waits for it any more.
#[test]
fn no_hand_over_begins_when_a_worker_that_was_left_behind_ends() {
    let (seen, _guard) = Collector::new(LevelFilter::DEBUG);
    let of_threads = seen.clone();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_time().on_thread_start(move || of_threads.share()).build();
    let runtime = runtime.unwrap();
    let (release, released) = mpsc::channel();
    let desk = runtime.block_on(async {
        let mut tree = Supervisor::builder("app");
        let desk = tree.worker(Desk::spec().name("desk").shutdown(Shutdown::BrutalKill));
        let tree = tree.start().await.unwrap();
        let blocks = tokio::spawn({
            let desk = desk.clone();
            async move { desk.block(released).await }
        });
        while seen.open() != ["call", "serve"] {
            tokio::task::yield_now().await;
        }
        assert_eq!(tree.shutdown().await.unresponsive.len(), 1);
        blocks.await.unwrap().unwrap_err();
        desk
    });
    release.send(()).unwrap();
    drop(runtime);
    assert_eq!(seen.open(), NONE, "{}", seen.trees(FIELDS));
    let spans = seen.spans();
    assert!(spans.iter().all(|span| span.entered == span.exited));
    drop(desk);
}
