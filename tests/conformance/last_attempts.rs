//! The last time a message is served: what is left of it, and who is told.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heir_runtime::{
    CallError, Context, ExitReason, NotSent, Refusal, Shutdown, Supervisor, Undelivered, handlers, heir,
};
use heir_tests::fuse::die;
use tokio::sync::Notify;

#[heir]
struct Again {
    #[table(keep)]
    served: u32,
    #[arg]
    blocks: Arc<Notify>,
    #[arg]
    release: Arc<Mutex<Receiver<()>>>,
}

#[handlers]
impl Again {
    #[cast]
    #[redeliver(1)]
    fn fail(&mut self, words: String) {
        assert_eq!(words, "the same each time");
        self.served += 1;
        die();
    }

    /// Has its reply ready, and dies before that can leave.
    #[redeliver(3)]
    fn answer_and_be_killed(&mut self, cx: &mut Context<Self>) -> u32 {
        self.served += 1;
        cx.handle().upgrade().unwrap().kill();
        self.served
    }

    /// Dies the first time, and blocks its thread the second.
    #[redeliver(1)]
    fn die_and_then_block(&mut self) {
        self.served += 1;
        if self.served == 1 {
            die();
        }
        self.blocks.notify_one();
        let _ = self.release.lock().unwrap().recv();
    }

    async fn hang(&mut self) {
        self.blocks.notify_one();
        std::future::pending().await
    }

    #[cast]
    fn note(&mut self) {}

    fn served(&mut self) -> u32 {
        self.served
    }
}

type Lost = Arc<Mutex<Vec<Undelivered>>>;

struct Scene {
    worker: AgainHandle,
    tree: Supervisor,
    lost: Lost,
    blocks: Arc<Notify>,
    release: std::sync::mpsc::Sender<()>,
}

/// With a hook that keeps what it is given, and then panics.
async fn scene(mailbox: usize) -> Scene {
    let (mut tree, lost) = (Supervisor::builder("app").intensity(u32::MAX), Lost::default());
    let ((release, released), blocks) = (channel(), Arc::new(Notify::new()));
    let spec = Again::spec(Arc::clone(&blocks), Arc::new(Mutex::new(released))).on_undelivered({
        let lost = Arc::clone(&lost);
        move |undelivered| {
            lost.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(undelivered);
            die();
        }
    });
    let worker = tree.child(spec.mailbox(mailbox).shutdown(Shutdown::Timeout(Duration::from_millis(10))));
    Scene { worker, tree: tree.start().await.unwrap(), lost, blocks, release }
}

#[tokio::test]
async fn a_message_that_was_served_for_the_last_time_still_has_its_arguments() {
    let Scene { worker, tree: _tree, lost, .. } = scene(8).await;
    worker.fail("the same each time".into()).await.unwrap();
    assert_eq!(worker.served().await.unwrap(), 2);
    let mut lost = lost.lock().unwrap();
    let [lost] = lost.as_mut_slice() else { panic!("{lost:?}") };
    assert!(matches!(lost.why, Refusal::Died { incarnation: 2, .. }), "{lost}");
    let args = lost.args.take().unwrap().downcast::<(String,)>().unwrap();
    assert_eq!(args.0, "the same each time");
}

#[tokio::test]
async fn a_message_whose_worker_is_killed_when_the_reply_is_ready_is_served_again_as_often_as_it_says() {
    let Scene { worker, tree: _tree, .. } = scene(8).await;
    let died = worker.answer_and_be_killed().await.unwrap_err();
    assert!(matches!(died, CallError::Died { incarnation: 4, reason: ExitReason::Killed, .. }), "{died}");
    assert_eq!((worker.served().await.unwrap(), worker.incarnation()), (4, 5));
}

#[tokio::test]
async fn a_hook_that_panics_over_one_message_gets_all_others_too() {
    let Scene { worker, tree, lost, .. } = scene(8).await;
    worker.pause().await.unwrap();
    for _ in 0..3 {
        worker.note().await.unwrap();
    }
    tree.shutdown().await;
    assert_eq!(lost.lock().unwrap_or_else(std::sync::PoisonError::into_inner).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_try_form_with_a_timeout_finds_a_full_mailbox_full_at_once() {
    let Scene { worker, tree: _tree, blocks, .. } = scene(1).await;
    let hangs = tokio::spawn({
        let worker = worker.clone();
        async move { worker.hang().await }
    });
    blocks.notified().await;
    worker.note().await.unwrap();
    let begin = tokio::time::Instant::now();
    let error = worker.with_timeout(Duration::from_secs(1)).try_served().await.unwrap_err();
    assert!(matches!(error, CallError::NotSent { why: NotSent::Full, .. }), "{error}");
    assert_eq!(begin.elapsed(), Duration::ZERO);
    hangs.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_caller_of_a_message_that_is_served_again_is_told_if_its_worker_holds_on_to_it() {
    let Scene { worker, tree, blocks, release, .. } = scene(8).await;
    let call = tokio::spawn({
        let worker = worker.clone();
        async move { worker.die_and_then_block().await }
    });
    blocks.notified().await;
    tree.shutdown().await;
    let told = call.await.unwrap().unwrap_err();
    assert!(matches!(told, CallError::Unresponsive { incarnation: 2, .. }), "{told}");
    release.send(()).unwrap();
}
