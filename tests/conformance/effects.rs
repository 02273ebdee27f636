//! What a message does outside its tables happens with its commit, or not at all.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use heir_runtime::prelude::*;
use heir_runtime::{CastError, NotSent, Undelivered, WhileDown};
use heir_tests::Recorder;
use heir_tests::waits::wait_until;
use tokio::sync::{Notify, Semaphore};

/// Everything that happens, in its order.
type Log = Arc<Mutex<Vec<String>>>;

fn note(log: &Log, what: impl Into<String>) {
    log.lock().unwrap().push(what.into());
}

fn noted(log: &Log) -> Vec<String> {
    log.lock().unwrap().clone()
}

/// Keeps what it is sent, and answers.
#[heir]
struct Target {
    #[table]
    kept: OrderedTable<u64, String>,
    #[arg]
    log: Log,
    /// Who waits in `hold`.
    #[arg]
    open: Arc<Semaphore>,
}

#[handlers]
impl Target {
    #[cast]
    fn note(&mut self, line: String) {
        note(&self.log, format!("target {line}"));
        self.kept.insert(self.kept.len() as u64, line);
    }

    fn double(&mut self, n: u64) -> u64 {
        n * 2
    }

    fn trip(&mut self) -> u64 {
        panic!("the target trips");
    }

    #[cast]
    async fn hold(&mut self) {
        self.open.acquire().await.unwrap().forget();
    }

    fn lines(&mut self) -> Vec<String> {
        self.kept.iter().map(|(_, line)| line).collect()
    }
}

/// Sends to the target in one way or another.
#[heir(mailbox = 2)]
struct Sender {
    #[table]
    counts: Table<String, u64>,
    #[table(rollback)]
    heard: Vec<(String, Result<u64, String>)>,
    #[arg]
    target: TargetHandle,
    #[arg]
    log: Log,
}

/// Says when it is dropped, and how: with a panic.
struct Bomb(Log);

impl Drop for Bomb {
    fn drop(&mut self) {
        note(&self.0, "dropped");
        panic!("in drop");
    }
}

#[handlers]
impl Sender {
    async fn tell(&mut self, cx: &mut Context<Self>, line: String, dies: bool) -> Result<(), BoxError> {
        self.counts.add(line.clone(), 1);
        cx.send(self.target.note(format!("{line} 1"))).await?;
        cx.send(self.target.note(format!("{line} 2"))).await?;
        let log = Arc::clone(&self.log);
        cx.after_commit(move || note(&log, "after"));
        tokio::task::yield_now().await;
        assert!(!dies, "asked to die");
        Ok(())
    }

    async fn tell_in_time(&mut self, cx: &mut Context<Self>) -> Result<(), (NotSent, String)> {
        let hasty = self.target.with_timeout(Duration::from_secs(1));
        cx.send(hasty.note("hasty".into())).await.map_err(|error| match error {
            CastError::NotSent { args, why, .. } => (why, args.into_inner().0),
            _ => unreachable!(),
        })
    }

    async fn ask(&mut self, cx: &mut Context<Self>, what: String, dies: bool) -> Result<(), BoxError> {
        let call =
            if what == "trip" { self.target.trip() } else { return self.ask_double(cx, what, dies).await };
        cx.send(call.answer_to(what, SenderMessage::Answered)).await?;
        assert!(!dies, "asked to die");
        Ok(())
    }

    #[skip]
    async fn ask_double(&mut self, cx: &mut Context<Self>, what: String, dies: bool) -> Result<(), BoxError> {
        let call = self.target.double(what.len() as u64);
        cx.send(call.answer_to(what, SenderMessage::Answered)).await?;
        assert!(!dies, "asked to die");
        Ok(())
    }

    #[cast]
    fn answered(&mut self, what: String, answer: CallResult<u64>) {
        self.heard.push((what, answer.map_err(|error| error.to_string())));
    }

    /// Three messages to itself: more than its mailbox holds.
    async fn tell_itself(&mut self, cx: &mut Context<Self>) -> Result<(), BoxError> {
        let me = cx.own_handle();
        for n in 0..3 {
            cx.send(me.answered(format!("to itself {n}"), Ok(n))).await?;
        }
        Ok(())
    }

    async fn commit_and_die(&mut self, cx: &mut Context<Self>) -> Result<(), BoxError> {
        cx.send(self.target.note("before the boundary".into())).await?;
        let log = Arc::clone(&self.log);
        cx.after_commit(move || note(&log, "at the boundary"));
        cx.commit(self);
        cx.send(self.target.note("after the boundary".into())).await?;
        panic!("asked to die");
    }

    fn explode(&mut self, cx: &mut Context<Self>, dies: bool) -> u64 {
        let bomb = Bomb(Arc::clone(&self.log));
        self.counts.add("explode".into(), 1);
        cx.after_commit(move || drop(bomb));
        let log = Arc::clone(&self.log);
        cx.after_commit(move || note(&log, "the next one"));
        assert!(!dies, "asked to die");
        7
    }

    fn later(&mut self, cx: &mut Context<Self>, line: String, dies: bool) {
        cx.send_delayed(Duration::from_secs(10), self.target.note(line));
        assert!(!dies, "asked to die");
    }

    #[cast]
    fn die(&mut self) {
        panic!("asked to die");
    }

    fn answers(&mut self) -> Vec<(String, Result<u64, String>)> {
        self.heard.clone()
    }

    fn done(&mut self, what: String) -> u64 {
        self.counts.get(&what).unwrap_or(0)
    }
}

struct World {
    target: TargetHandle,
    sender: SenderHandle,
    log: Log,
    open: Arc<Semaphore>,
    tree: Supervisor,
    lost: Arc<Mutex<Vec<Undelivered>>>,
}

async fn world(mailbox: usize) -> World {
    let (mut tree, _) = Recorder::tree();
    let (log, open, lost) = (Log::default(), Arc::new(Semaphore::new(0)), Arc::<Mutex<Vec<_>>>::default());
    let letters = Arc::clone(&lost);
    let target = Target::spec(Arc::clone(&log), Arc::clone(&open))
        .mailbox(mailbox)
        .on_undelivered(move |letter| letters.lock().unwrap().push(letter));
    let target = tree.worker(target);
    let sender = tree.worker(Sender::spec(target.clone(), Arc::clone(&log)));
    let tree = tree.start().await.unwrap();
    World { target, sender, log, open, tree, lost }
}

#[tokio::test(start_paused = true)]
async fn what_a_message_sends_leaves_with_its_commit_in_the_order_of_sending() {
    let World { target, sender, log, tree: _tree, .. } = world(64).await;
    sender.tell("a".into(), false).await.unwrap().unwrap();
    assert_eq!(target.lines().await.unwrap(), ["a 1", "a 2"]);
    assert_eq!(noted(&log), ["after", "target a 1", "target a 2"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_message_that_dies_has_sent_never_leaves_and_its_permits_go_back() {
    let World { target, sender, log, tree: _tree, .. } = world(2).await;
    for _ in 0..5 {
        assert!(matches!(sender.tell("a".into(), true).await, Err(CallError::Died { .. })));
    }
    assert_eq!(sender.done("a".into()).await.unwrap(), 0);
    // Both permits are free.
    target.try_note("b".into()).unwrap();
    target.try_note("c".into()).unwrap();
    assert_eq!(target.lines().await.unwrap(), ["b", "c"]);
    assert!(!noted(&log).contains(&"after".into()));
}

#[tokio::test(start_paused = true)]
async fn a_send_waits_for_its_permit_up_to_the_handles_timeout() {
    let World { target, sender, open, tree: _tree, .. } = world(1).await;
    target.hold().await.unwrap();
    wait_until(|| target.queued() == 0).await;
    target.note("fills the mailbox".into()).await.unwrap();
    let refused = (NotSent::TimedOut(Duration::from_secs(1)), "hasty".to_owned());
    assert_eq!(sender.tell_in_time().await.unwrap(), Err(refused));
    open.add_permits(1);
    assert_eq!(target.lines().await.unwrap(), ["fills the mailbox"]);
    sender.tell_in_time().await.unwrap().unwrap();
    assert_eq!(target.lines().await.unwrap(), ["fills the mailbox", "hasty"]);
}

#[tokio::test(start_paused = true)]
async fn the_answer_to_a_call_comes_to_the_handler_that_the_send_names() {
    let World { sender, tree: _tree, .. } = world(64).await;
    sender.ask("four".into(), false).await.unwrap().unwrap();
    sender.ask("trip".into(), false).await.unwrap().unwrap();
    wait_until_answers(&sender, 2).await;
    let died = "incarnation 1 of the worker died while it served this call: panic: the target trips";
    assert_eq!(
        sender.answers().await.unwrap(),
        [("four".into(), Ok(8)), ("trip".into(), Err(died.to_owned()))]
    );
}

async fn wait_until_answers(sender: &SenderHandle, many: usize) {
    while sender.answers().await.unwrap().len() < many {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_of_a_message_that_dies_is_not_made() {
    let World { sender, target, tree: _tree, .. } = world(64).await;
    for what in ["four", "trip"] {
        assert!(matches!(sender.ask(what.into(), true).await, Err(CallError::Died { .. })));
    }
    assert_eq!(sender.answers().await.unwrap(), []);
    assert_eq!(target.incarnation(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_comes_to_whichever_incarnation_then_serves() {
    let World { sender, target, open, tree: _tree, .. } = world(64).await;
    target.hold().await.unwrap();
    sender.ask("four".into(), false).await.unwrap().unwrap();
    sender.die().await.unwrap();
    assert_eq!(sender.wait_serving(2).await.unwrap(), 2);
    open.add_permits(1);
    wait_until_answers(&sender, 1).await;
    assert_eq!(sender.answers().await.unwrap(), [("four".into(), Ok(8))]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_not_refused_by_the_full_mailbox_of_its_worker() {
    let World { sender, target, open, tree: _tree, .. } = world(64).await;
    target.hold().await.unwrap();
    for what in ["one", "three"] {
        sender.ask(what.into(), false).await.unwrap().unwrap();
    }
    sender.pause().await.unwrap();
    for n in 0..2 {
        sender.try_answered("fills the mailbox".into(), Ok(n)).unwrap();
    }
    assert!(sender.try_die().is_err());
    open.add_permits(1);
    wait_until(|| sender.queued() == 4).await;
    sender.resume();
    wait_until_answers(&sender, 4).await;
    let numbers: Vec<_> = sender.answers().await.unwrap().into_iter().map(|(_, n)| n.unwrap()).collect();
    assert_eq!(numbers, [0, 1, 6, 10]);
}

#[tokio::test(start_paused = true)]
async fn a_call_to_a_worker_that_stops_for_good_is_answered_so() {
    let World { sender, target, open, tree: _tree, .. } = world(64).await;
    target.hold().await.unwrap();
    wait_until(|| target.queued() == 0).await;
    sender.ask("four".into(), false).await.unwrap().unwrap();
    let stopping = tokio::spawn({
        let target = target.clone();
        async move { target.stop().await }
    });
    wait_until_answers(&sender, 1).await;
    open.add_permits(1);
    stopping.await.unwrap();
    let [(what, Err(error))] = &sender.answers().await.unwrap()[..] else { panic!() };
    assert_eq!(
        (&**what, &**error),
        ("four", "the worker stopped before it served this call: it was shut down")
    );
}

#[tokio::test(start_paused = true)]
async fn a_worker_sends_to_itself_beyond_its_mailbox() {
    let World { sender, tree: _tree, .. } = world(64).await;
    sender.tell_itself().await.unwrap().unwrap();
    wait_until_answers(&sender, 3).await;
    assert_eq!(sender.answers().await.unwrap().len(), 3);
    // They have taken no permit: the mailbox holds two, and no more.
    sender.pause().await.unwrap();
    sender.try_die().unwrap();
    sender.try_die().unwrap();
    assert!(sender.try_die().is_err());
}

#[tokio::test(start_paused = true)]
async fn at_a_boundary_in_the_middle_of_a_message_what_was_sent_before_leaves() {
    let World { sender, target, log, tree: _tree, .. } = world(64).await;
    assert!(matches!(sender.commit_and_die().await, Err(CallError::Died { .. })));
    assert_eq!(target.lines().await.unwrap(), ["before the boundary"]);
    assert_eq!(noted(&log)[0], "at the boundary");
}

#[tokio::test(start_paused = true)]
async fn a_panic_after_the_commit_ends_the_incarnation_and_undoes_nothing() {
    let World { sender, log, tree: _tree, .. } = world(64).await;
    assert_eq!(sender.explode(false).await.unwrap(), 7);
    assert_eq!(sender.wait_serving(2).await.unwrap(), 2);
    assert_eq!(sender.done("explode".into()).await.unwrap(), 1);
    assert_eq!(noted(&log), ["dropped", "the next one"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_to_run_after_the_commit_of_a_message_that_dies_is_dropped_caught() {
    let World { sender, log, tree: _tree, .. } = world(64).await;
    assert!(matches!(sender.explode(true).await, Err(CallError::Died { .. })));
    assert_eq!(sender.done("explode".into()).await.unwrap(), 0);
    assert_eq!(noted(&log), ["dropped"]);
    assert_eq!(sender.incarnation(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_delayed_message_leaves_if_its_message_commits_and_outlives_the_incarnation() {
    let World { sender, target, tree: _tree, .. } = world(64).await;
    assert!(matches!(sender.later("never".into(), true).await, Err(CallError::Died { .. })));
    sender.later("kept".into(), false).await.unwrap();
    sender.die().await.unwrap();
    sender.wait_serving(3).await.unwrap();
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert_eq!(target.lines().await.unwrap(), [""; 0]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(target.lines().await.unwrap(), ["kept"]);
}

#[tokio::test(start_paused = true)]
async fn a_delayed_message_to_a_worker_that_has_stopped_goes_to_its_hook() {
    let World { sender, target, lost, tree: _tree, .. } = world(64).await;
    sender.later("late".into(), false).await.unwrap();
    target.stop().await;
    tokio::time::sleep(Duration::from_secs(11)).await;
    let lost = lost.lock().unwrap();
    let [letter] = &lost[..] else { panic!("{} letters", lost.len()) };
    let args = letter.args.as_ref().unwrap().downcast_ref::<(String,)>().unwrap();
    assert_eq!((letter.message, &*args.0), ("note", "late"));
}

/// Waits for itself.
#[heir(mailbox = 1)]
struct Narcissus {
    #[table(keep)]
    looked: u64,
    #[arg]
    spawned: Arc<Notify>,
}

#[handlers]
impl Narcissus {
    fn look(&mut self) -> u64 {
        self.looked += 1;
        self.looked
    }

    #[cast]
    fn glance(&mut self) {
        self.looked += 1;
    }

    async fn ask_itself(&mut self, cx: &mut Context<Self>) -> NotSent {
        let Err(CallError::NotSent { why, .. }) = cx.own_handle().look().await else { panic!("answered") };
        why
    }

    async fn ask_itself_in_time(&mut self, cx: &mut Context<Self>) -> NotSent {
        let me = cx.own_handle().with_timeout(Duration::from_hours(1));
        let Err(CallError::NotSent { why, .. }) = me.try_look().await else { panic!("answered") };
        why
    }

    async fn tell_itself(&mut self, cx: &mut Context<Self>) -> NotSent {
        let me = cx.own_handle();
        me.glance().await.unwrap();
        let Err(CastError::NotSent { why, .. }) = me.glance().await else { panic!("sent") };
        why
    }

    fn ask_in_a_task(&mut self, cx: &mut Context<Self>) {
        let (me, spawned) = (cx.own_handle(), Arc::clone(&self.spawned));
        cx.spawn("asks", async move {
            assert!(me.look().await.is_ok());
            spawned.notify_one();
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_awaits_itself_in_its_own_handler_is_refused_at_once() {
    let mut tree = Supervisor::builder("app");
    let spawned = Arc::new(Notify::new());
    let narcissus = tree.worker(Narcissus::spec(Arc::clone(&spawned)));
    let fails = tree.worker(Narcissus::spec(Arc::default()).name("fails").while_down(WhileDown::Fail));
    let tree = tree.start().await.unwrap();
    assert_eq!(narcissus.ask_itself().await.unwrap(), NotSent::ToItself);
    assert_eq!(narcissus.ask_itself_in_time().await.unwrap(), NotSent::ToItself);
    assert_eq!(narcissus.tell_itself().await.unwrap(), NotSent::ToItself);
    assert_eq!(fails.ask_itself().await.unwrap(), NotSent::ToItself);
    narcissus.ask_in_a_task().await.unwrap();
    spawned.notified().await;
    assert_eq!(narcissus.look().await.unwrap(), 3);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_send_to_a_worker_that_has_stopped_gives_the_arguments_back() {
    let World { sender, target, tree, .. } = world(64).await;
    target.stop().await;
    let Ok(Err((why, line))) = sender.tell_in_time().await else { panic!("sent") };
    assert!(matches!(why, NotSent::Stopped(Stopped::Shutdown)));
    assert_eq!(line, "hasty");
    tree.shutdown().await;
}
