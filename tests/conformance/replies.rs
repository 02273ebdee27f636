//! Replies that come later than their message is served.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use heir_runtime::prelude::*;
use heir_tests::Recorder;
use heir_tests::waits::{in_time, is_pending, wait_until};
use tokio::sync::Notify;

/// Where a test keeps what a worker gives out.
type Out<T> = Arc<Mutex<Vec<T>>>;

/// Owes replies.
#[heir]
struct Debtor {
    #[table]
    owed: Table<u64, Reply<String>>,
    /// Is dropped with the incarnation.
    waiting: Vec<Reply<String>>,
    #[arg]
    out: Out<Reply<String>>,
}

#[handlers]
impl Debtor {
    fn owe(&mut self, id: u64, reply: Reply<String>) {
        self.owed.insert(id, reply);
    }

    fn forget(&mut self, reply: Reply<String>) {
        self.waiting.push(reply);
        self.waiting.clear();
    }

    fn remember(&mut self, reply: Reply<String>) {
        self.waiting.push(reply);
    }

    fn give_out(&mut self, reply: Reply<String>) {
        self.out.lock().unwrap().push(reply);
    }

    fn answer_at_once(&mut self, cx: &mut Context<Self>, dies: bool, reply: Reply<String>) {
        reply.send(cx, "first".into());
        reply.send(cx, "second".into());
        assert!(!dies, "asked to die");
    }

    fn tell_and_keep(&mut self, reply: Reply<String>) {
        self.out.lock().unwrap().push(reply.clone());
        reply.send_now("told".into()).unwrap();
    }

    fn give_out_and_die(&mut self, cx: &mut Context<Self>, reply: Reply<String>) {
        self.out.lock().unwrap().push(reply);
        cx.commit(self);
        panic!("asked to die");
    }

    fn tell_and_die(&mut self, reply: Reply<String>) {
        reply.send_now("told".into()).unwrap();
        panic!("asked to die");
    }

    #[redeliver(3)]
    fn owe_again(&mut self, cx: &mut Context<Self>, id: u64, reply: Reply<String>) {
        self.out.lock().unwrap().push(reply.clone());
        self.owed.insert(id, reply);
        assert!(cx.incarnation() > 2, "not yet");
    }

    #[redeliver(1)]
    fn tell_or_die_again(&mut self, reply: Reply<String>) {
        self.out.lock().unwrap().push(reply);
        panic!("each time");
    }

    /// The arguments are cloned before the reply is taken.
    #[redeliver(1)]
    fn owe_behind(&mut self, id: u64, _gate: Gate, reply: Reply<String>) {
        self.owed.insert(id, reply);
    }

    fn pay(&mut self, cx: &mut Context<Self>, id: u64, dies: bool) {
        let reply = self.owed.remove(&id).unwrap();
        reply.send(cx, format!("paid by {}", cx.incarnation()));
        assert!(!dies, "asked to die");
    }

    #[cast]
    fn pass_on(&mut self, id: u64, reply: Reply<String>) {
        self.owed.insert(id, reply);
    }

    #[cast]
    fn die(&mut self) {
        panic!("asked to die");
    }

    fn count(&mut self) -> usize {
        self.owed.len()
    }
}

/// Keeps the thread of who clones it, until it may go on.
struct Gate {
    at: Arc<Notify>,
    open: Arc<Mutex<std::sync::mpsc::Receiver<()>>>,
}

impl Clone for Gate {
    fn clone(&self) -> Self {
        self.at.notify_one();
        let _ = self.open.lock().unwrap().recv();
        Self { at: Arc::clone(&self.at), open: Arc::clone(&self.open) }
    }
}

/// The successor of a debtor.
#[heir(tables = DebtorTables)]
struct Heiress {
    #[table]
    owed: Table<u64, Reply<String>>,
}

#[handlers]
impl Heiress {
    fn pay(&mut self, cx: &mut Context<Self>, id: u64) {
        let reply = self.owed.remove(&id).unwrap();
        reply.send(cx, "paid by the successor".into());
    }
}

struct World {
    debtor: DebtorHandle,
    out: Out<Reply<String>>,
    tree: Supervisor,
}

async fn world() -> World {
    let (mut tree, _) = Recorder::tree();
    let out = Out::default();
    let debtor = tree.worker(Debtor::spec(Arc::clone(&out)));
    World { debtor, out, tree: tree.start().await.unwrap() }
}

/// A caller in a task of its own, who waits already.
async fn caller<F>(
    debtor: &DebtorHandle,
    call: impl FnOnce(DebtorHandle) -> F,
) -> tokio::task::JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let task = tokio::spawn(call(debtor.clone()));
    tokio::task::yield_now().await;
    wait_until(|| debtor.queued() == 0).await;
    task
}

fn open_replies(tree: &Supervisor) -> usize {
    let heir_runtime::supervision::TreeNode::Worker(worker) = &tree.tree().children[0] else { panic!() };
    worker.open_replies
}

#[tokio::test(start_paused = true)]
async fn a_caller_hears_the_reply_when_it_comes_and_the_worker_serves_others_meanwhile() {
    let World { debtor, tree, .. } = world().await;
    let asks = caller(&debtor, |debtor| async move { debtor.owe(1).await }).await;
    assert_eq!(debtor.count().await.unwrap(), 1);
    assert_eq!(open_replies(&tree), 1);
    assert!(!asks.is_finished());
    debtor.pay(1, false).await.unwrap();
    assert_eq!(asks.await.unwrap().unwrap(), "paid by 1");
    assert_eq!(open_replies(&tree), 0);
}

#[tokio::test(start_paused = true)]
async fn an_open_reply_holds_no_permit() {
    let (mut tree, _) = Recorder::tree();
    let debtor = tree.worker(Debtor::spec(Out::default()).mailbox(1));
    let tree = tree.start().await.unwrap();
    let mut all = Vec::new();
    for id in 0..10 {
        all.push(caller(&debtor, move |debtor| async move { debtor.owe(id).await }).await);
    }
    assert_eq!((debtor.count().await.unwrap(), open_replies(&tree)), (10, 10));
    for id in 0..10 {
        debtor.pay(id, false).await.unwrap();
    }
    for asks in all {
        asks.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_reply_is_heard() {
    let World { debtor, tree: _tree, out } = world().await;
    assert_eq!(debtor.answer_at_once(false).await.unwrap(), "first");
    let asks = caller(&debtor, |debtor| async move { debtor.give_out().await }).await;
    let reply = out.lock().unwrap().pop().unwrap();
    let clone = reply.clone();
    assert!(!clone.is_closed());
    assert_eq!(reply.send_now("first".into()), Ok(()));
    assert!(clone.is_closed());
    assert_eq!(clone.send_now("second".into()), Err("second".into()));
    assert_eq!(asks.await.unwrap().unwrap(), "first");
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_was_sent_by_a_message_that_dies_is_not_heard() {
    let World { debtor, tree: _tree, .. } = world().await;
    assert!(matches!(debtor.answer_at_once(true).await, Err(CallError::Died { incarnation: 1, .. })));
    let asks = caller(&debtor, |debtor| async move { debtor.owe(1).await }).await;
    assert!(matches!(debtor.pay(1, true).await, Err(CallError::Died { incarnation: 2, .. })));
    assert!(!asks.is_finished(), "the reply is in the table again");
    debtor.pay(1, false).await.unwrap();
    assert_eq!(asks.await.unwrap().unwrap(), "paid by 3");
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_leaves_at_once_is_heard_whatever_becomes_of_its_message() {
    let World { debtor, tree: _tree, .. } = world().await;
    assert_eq!(debtor.tell_and_die().await.unwrap(), "told");
    assert_eq!(debtor.wait_serving(2).await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_reply_whose_clones_are_dropped_tells_the_caller_so() {
    let World { debtor, tree: _tree, out } = world().await;
    assert!(matches!(debtor.forget().await, Err(CallError::Unanswered)));
    let asks = caller(&debtor, |debtor| async move { debtor.give_out().await }).await;
    out.lock().unwrap().clear();
    assert!(matches!(asks.await.unwrap(), Err(CallError::Unanswered)));
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_is_dropped_with_its_incarnation_tells_the_caller_of_the_death() {
    let World { debtor, tree: _tree, .. } = world().await;
    let asks = caller(&debtor, |debtor| async move { debtor.remember().await }).await;
    debtor.die().await.unwrap();
    let Err(CallError::Died { incarnation: 1, reason, .. }) = asks.await.unwrap() else { panic!() };
    assert_eq!(reason.to_string(), "panic: asked to die");
}

#[tokio::test(start_paused = true)]
async fn a_reply_in_a_table_is_sent_by_the_next_incarnation() {
    let World { debtor, tree: _tree, .. } = world().await;
    let asks = caller(&debtor, |debtor| async move { debtor.owe(1).await }).await;
    debtor.die().await.unwrap();
    debtor.wait_serving(2).await.unwrap();
    assert!(!asks.is_finished());
    debtor.pay(1, false).await.unwrap();
    assert_eq!(asks.await.unwrap().unwrap(), "paid by 2");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_served_again_takes_another_reply_and_the_old_ones_go_deaf() {
    let World { debtor, tree: _tree, out } = world().await;
    let asks = caller(&debtor, |debtor| async move { debtor.owe_again(1).await }).await;
    debtor.wait_serving(3).await.unwrap();
    wait_until(|| out.lock().unwrap().len() == 3).await;
    let [first, second, third] = <[_; 3]>::try_from(std::mem::take(&mut *out.lock().unwrap())).unwrap();
    assert!(first.is_closed() && second.is_closed());
    assert_eq!(first.send_now("from the first".into()), Err("from the first".into()));
    assert!(!third.is_closed() && !asks.is_finished());
    drop((first, second, third));
    debtor.pay(1, false).await.unwrap();
    assert_eq!(asks.await.unwrap().unwrap(), "paid by 3");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_died_for_the_last_time_leaves_no_reply_open() {
    let World { debtor, tree, out } = world().await;
    assert!(matches!(debtor.tell_or_die_again().await, Err(CallError::Died { incarnation: 2, .. })));
    assert!(out.lock().unwrap().iter().all(Reply::is_closed));
    assert_eq!(open_replies(&tree), 0);
}

#[tokio::test(start_paused = true)]
async fn a_reply_can_be_passed_on_in_another_message() {
    let World { debtor, tree: _tree, out } = world().await;
    let asks = caller(&debtor, |debtor| async move { debtor.give_out().await }).await;
    let reply = out.lock().unwrap().pop().unwrap();
    debtor.pass_on(7, reply).await.unwrap();
    debtor.pay(7, false).await.unwrap();
    assert_eq!(asks.await.unwrap().unwrap(), "paid by 1");
}

#[tokio::test(start_paused = true)]
async fn when_the_worker_stops_for_good_every_open_reply_is_told_wherever_it_lies() {
    let World { debtor, tree, out } = world().await;
    let in_a_table = caller(&debtor, |debtor| async move { debtor.owe(1).await }).await;
    let outside = caller(&debtor, |debtor| async move { debtor.give_out().await }).await;
    let inside = caller(&debtor, |debtor| async move { debtor.remember().await }).await;
    let estate = debtor.estate();
    tree.shutdown().await;
    assert!(matches!(in_a_table.await.unwrap(), Err(CallError::Stopped(Stopped::Shutdown))));
    assert!(matches!(outside.await.unwrap(), Err(CallError::Stopped(Stopped::Shutdown))));
    // Dropped with the incarnation.
    assert!(matches!(inside.await.unwrap(), Err(CallError::Died { .. })));
    assert!(out.lock().unwrap()[0].is_closed());
    let tables = estate.claim("test").unwrap();
    assert!(tables.owed.get(&1).unwrap().is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_goes_away_closes_the_reply() {
    let World { debtor, tree: _tree, out } = world().await;
    let hasty = debtor.with_timeout(Duration::from_secs(1));
    assert!(matches!(hasty.give_out().await, Err(CallError::TimedOut(_))));
    let reply = out.lock().unwrap().pop().unwrap();
    assert!(reply.is_closed());
    assert_eq!(reply.send_now("nobody".into()), Err("nobody".into()));
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_keeps_the_replies_in_the_tables() {
    let World { debtor, tree, .. } = world().await;
    let asks = caller(&debtor, |debtor| async move { debtor.owe(1).await }).await;
    let heiress = tree.upgrade_child(&debtor, Heiress::spec()).await.unwrap();
    assert!(!asks.is_finished());
    assert_eq!(open_replies(&tree), 1);
    heiress.pay(1).await.unwrap();
    assert_eq!(asks.await.unwrap().unwrap(), "paid by the successor");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_its_reply_is_pending() {
    let World { debtor, tree: _tree, .. } = world().await;
    let mut asks = std::pin::pin!(debtor.owe(1));
    assert!(is_pending(asks.as_mut()).await);
    wait_until(|| debtor.queued() == 0).await;
    assert!(is_pending(asks.as_mut()).await);
    debtor.pay(1, false).await.unwrap();
    assert_eq!(asks.await.unwrap(), "paid by 1");
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_is_sent_before_its_message_commits_is_not_open_afterwards() {
    let World { debtor, tree, out } = world().await;
    assert_eq!(debtor.tell_and_keep().await.unwrap(), "told");
    debtor.count().await.unwrap();
    assert_eq!((open_replies(&tree), out.lock().unwrap().len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_dies_after_a_boundary_leaves_no_reply_open() {
    let World { debtor, tree, out } = world().await;
    assert!(matches!(in_time(debtor.give_out_and_die()).await, Err(CallError::Died { .. })));
    assert!(out.lock().unwrap()[0].is_closed());
    assert_eq!(open_replies(&tree), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_reply_that_is_taken_when_the_worker_has_stopped_leaves_nobody_waiting() {
    let World { debtor, tree, .. } = world().await;
    let (release, released) = std::sync::mpsc::channel();
    let gate = Gate { at: Arc::default(), open: Arc::new(Mutex::new(released)) };
    let at = Arc::clone(&gate.at);
    let asks = tokio::spawn({
        let debtor = debtor.clone();
        async move { debtor.owe_behind(1, gate).await }
    });
    at.notified().await;
    tree.kill();
    debtor.wait_stopped().await;
    release.send(()).unwrap();
    let told = in_time(asks).await.unwrap();
    assert!(matches!(told, Err(CallError::Stopped(_) | CallError::Died { .. })), "{told:?}");
}
