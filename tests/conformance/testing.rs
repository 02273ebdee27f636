//! The tools with which users test their own workers: each death falls where it is said to, what is
//! wrong is found, and what is right passes.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heir_runtime::prelude::*;
use heir_runtime::testing::{self, Deaths, Random, Storm, TestContext};
use heir_runtime::{Missed, StartError, Verdict};
use heir_tests::fuse::die;
use heir_tests::{Log, Recorder, event};
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::sleep;

/// Writes in three parts, and waits three times.
#[heir]
struct Scribe {
    #[table]
    lines: OrderedTable<u64, String>,
    #[arg]
    log: Log,
}

#[handlers]
impl Scribe {
    async fn write(&mut self, line: String) -> usize {
        self.log.tell("begin");
        yield_now().await;
        self.log.tell("first");
        self.lines.insert(self.lines.len() as u64, line);
        std::future::ready(()).await; // no wait
        sleep(Duration::from_secs(1)).await;
        self.log.tell("second");
        yield_now().await;
        self.log.tell("third");
        self.lines.len()
    }

    #[redeliver(1)]
    async fn write_again(&mut self, line: String) -> usize {
        self.log.tell("again");
        self.lines.insert(self.lines.len() as u64, line);
        yield_now().await;
        self.lines.len()
    }

    #[cast]
    fn tick(&mut self) {
        self.log.tell("tick");
    }
}

/// A tree with a scribe that these deaths befall.
async fn scribe(deaths: &Deaths) -> (Supervisor, ScribeHandle, Log) {
    let log = Log::default();
    let (mut tree, _) = Recorder::tree();
    let scribe = tree.worker(deaths.befall(Scribe::spec(log.clone())));
    (tree.start().await.unwrap(), scribe, log)
}

fn paused<R>(work: impl Future<Output = R>) -> R {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(work)
}

/// What a test that fails says.
fn failure<R>(test: impl FnOnce() -> R) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(test)) else { panic!("it did not fail") };
    *payload.downcast::<String>().expect("words")
}

#[tokio::test(start_paused = true)]
async fn a_death_at_a_message_comes_before_its_handler() {
    testing::quiet_panics();
    for deaths in [Deaths::at_message(2), Deaths::at_message(2).by_panic()] {
        let (tree, scribe, log) = scribe(&deaths).await;
        assert_eq!(scribe.write("one".into()).await.unwrap(), 1);
        log.take();
        let died = scribe.write("two".into()).await;
        assert!(matches!(died, Err(CallError::Died { incarnation: 1, .. })), "{died:?}");
        assert_eq!(log.take(), [""; 0]);
        assert_eq!(scribe.write("two".into()).await.unwrap(), 2);
        assert_eq!((deaths.count(), deaths.messages(), scribe.incarnation()), (1, 3, 2));
        tree.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_death_before_the_commit_comes_after_the_handler_and_undoes_it() {
    testing::quiet_panics();
    for deaths in [Deaths::before_commit(2), Deaths::before_commit(2).by_panic()] {
        let (tree, scribe, log) = scribe(&deaths).await;
        assert_eq!(scribe.write("one".into()).await.unwrap(), 1);
        log.take();
        assert!(matches!(scribe.write("two".into()).await, Err(CallError::Died { .. })));
        assert_eq!(log.take(), ["begin", "first", "second", "third"]);
        assert_eq!(scribe.lines().len(), 1);
        assert_eq!(scribe.write("two".into()).await.unwrap(), 2);
        tree.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_death_is_a_kill_unless_it_is_to_be_a_panic() {
    testing::quiet_panics();
    let reason = async |deaths: Deaths| {
        let (tree, scribe, _) = scribe(&deaths).await;
        let Err(CallError::Died { reason, .. }) = scribe.write("one".into()).await else { panic!("alive") };
        tree.shutdown().await;
        reason
    };
    for deaths in [Deaths::at_message(1), Deaths::at_wait(2), Deaths::before_commit(1)] {
        assert_eq!(reason(deaths).await, ExitReason::Killed);
    }
    for deaths in [Deaths::at_message(1), Deaths::at_wait(2), Deaths::before_commit(1)] {
        let words = "a death that the test has asked for";
        assert_eq!(reason(deaths.by_panic()).await, ExitReason::Panic(words.into()));
    }
}

#[test]
fn every_wait_of_a_handler_is_visited_exactly_once() {
    testing::quiet_panics();
    for by_panic in [false, true] {
        let runs = Mutex::new(Vec::new());
        let waits = testing::at_every_wait(async |deaths| {
            let deaths = if by_panic { deaths.by_panic() } else { deaths };
            let (tree, scribe, log) = scribe(&deaths).await;
            let is_written = scribe.write("one".into()).await.is_ok();
            assert_eq!(scribe.lines().len(), usize::from(is_written));
            runs.lock().unwrap().push(log.take());
            tree.shutdown().await;
        });
        assert_eq!(waits, 3);
        let whole = ["begin", "first", "second", "third"];
        let expected: Vec<_> = (1..=4).map(|passed| whole[..passed].to_vec()).collect();
        assert_eq!(*runs.lock().unwrap(), expected);
    }
}

#[test]
fn each_wait_is_visited_also_if_the_message_is_sent_again_and_other_messages_follow() {
    let deaths_seen = Mutex::new(Vec::new());
    let waits = testing::at_every_wait(async |deaths| {
        let (tree, scribe, _) = scribe(&deaths).await;
        for line in ["one", "two"] {
            while scribe.write(line.into()).await.is_err() {}
        }
        assert_eq!(scribe.lines().len(), 2);
        deaths_seen.lock().unwrap().push((deaths.count(), deaths.waits()));
        tree.shutdown().await;
    });
    assert_eq!(waits, 6);
    // A death at the second wait of a message has it wait once and twice.
    let expected = [(1, 7), (1, 8), (1, 9), (1, 7), (1, 8), (1, 9), (0, 6)];
    assert_eq!(*deaths_seen.lock().unwrap(), expected);
}

#[test]
fn a_scenario_that_fails_names_its_wait_which_can_be_run_alone() {
    testing::quiet_panics();
    let scenario = async |deaths: Deaths| {
        let (tree, scribe, _) = scribe(&deaths).await;
        let _ = scribe.write("one".into()).await;
        tree.shutdown().await;
        assert!(deaths.waits() != 2, "two waits");
    };
    let words = failure(|| testing::at_every_wait(scenario));
    assert!(words.starts_with("with a death at wait 2, the scenario fails: two waits"), "{words}");
    assert!(words.ends_with("heir_runtime::testing::at_wait(2, scenario)"), "{words}");
    assert!(testing::at_wait(1, scenario) && testing::at_wait(3, scenario) && !testing::at_wait(4, scenario));
    assert!(failure(|| testing::at_wait(2, scenario)).contains("two waits"));
}

/// Which of 200 messages die, and where each was then.
fn deaths_of(deaths: &Deaths) -> Vec<Vec<String>> {
    paused(async {
        let (tree, scribe, log) = scribe(deaths).await;
        let mut seen = Vec::new();
        for _ in 0..200 {
            let died = scribe.write("line".into()).await.is_err();
            let mut told = log.take();
            told.push(format!("died: {died}"));
            seen.push(told);
        }
        tree.shutdown().await;
        seen
    })
}

#[test]
fn the_same_seed_gives_the_same_deaths_and_all_moments_have_some() {
    let first = Deaths::by_seed(7, 0.5);
    let seen = deaths_of(&first);
    assert_eq!(seen, deaths_of(&Deaths::by_seed(7, 0.5)));
    assert_ne!(seen, deaths_of(&Deaths::by_seed(8, 0.5)));
    let died = seen.iter().filter(|told| told.last().unwrap() == "died: true");
    let mut moments = BTreeMap::<usize, u64>::new();
    died.for_each(|told| *moments.entry(told.len() - 1).or_default() += 1);
    // Before the handler, at each of three waits, before the commit.
    assert_eq!(moments.keys().copied().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert_eq!(first.count(), moments.values().sum::<u64>());
    assert!((70..130).contains(&first.count()), "{}", first.count());
    let rate = |rate| {
        let deaths = Deaths::by_seed(7, rate);
        deaths_of(&deaths);
        deaths.count()
    };
    assert_eq!((rate(0.0), rate(1.0)), (0, 200));
}

#[test]
fn nobody_dies_after_the_end_of_the_deaths() {
    paused(async {
        let deaths = Deaths::by_seed(7, 1.0);
        let (tree, scribe, _) = scribe(&deaths).await;
        assert!(scribe.write("one".into()).await.is_err());
        deaths.end();
        for lines in 1..20 {
            assert_eq!(scribe.write("line".into()).await.unwrap(), lines);
        }
        assert_eq!((deaths.count(), deaths.messages()), (1, 20));
        tree.shutdown().await;
    });
}

#[tokio::test(start_paused = true)]
async fn workers_that_share_deaths_are_counted_together() {
    let deaths = Deaths::at_message(3);
    let (mut tree, _) = Recorder::tree();
    let [a, b] = ["a", "b"].map(|name| tree.worker(deaths.befall(Scribe::spec(Log::default()).name(name))));
    let tree = tree.start().await.unwrap();
    a.write("one".into()).await.unwrap();
    b.write("one".into()).await.unwrap();
    assert!(a.write("two".into()).await.is_err());
    b.write("two".into()).await.unwrap();
    assert_eq!((a.incarnation(), b.incarnation(), deaths.count()), (2, 1, 1));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_served_again_survives_a_death() {
    let deaths = Deaths::at_wait(1);
    let (tree, scribe, log) = scribe(&deaths).await;
    assert_eq!(scribe.write_again("one".into()).await.unwrap(), 1);
    assert_eq!((log.take(), deaths.count(), deaths.messages()), (vec!["again".into(); 2], 1, 2));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_tick_is_a_message_over_which_a_worker_dies() {
    let (mut tree, recorder) = Recorder::tree();
    let (deaths, log) = (Deaths::at_message(2), Log::default());
    let spec = Scribe::spec(log.clone()).every(Duration::from_secs(1), Missed::Skip, ScribeMessage::Tick);
    let scribe = tree.worker(deaths.befall(spec));
    let tree = tree.start().await.unwrap();
    sleep(Duration::from_millis(3_500)).await;
    assert_eq!((log.take().len(), scribe.incarnation(), deaths.count()), (2, 2, 1));
    assert_eq!(recorder.count(event!(Serving { .. })), 2);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_with_a_limit_dies_at_its_waits_and_is_still_limited() {
    let (mut tree, _) = Recorder::tree();
    let deaths = Deaths::at_wait(1);
    let spec = Scribe::spec(Log::default()).handler_timeout(Duration::from_millis(500));
    let scribe = tree.worker(deaths.befall(spec));
    let tree = tree.start().await.unwrap();
    let reason = async || match scribe.write("one".into()).await {
        Err(CallError::Died { reason, .. }) => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(reason().await, ExitReason::Killed);
    assert!(matches!(reason().await, ExitReason::TimedOut { handler: "write", .. }));
    tree.shutdown().await;
}

/// Makes its handles by itself.
#[supervisor]
struct App {
    quiet: Quiet,
}

#[heir]
struct Quiet {
    #[table]
    rows: Table<u32, u32>,
}

#[handlers]
impl Quiet {
    fn put(&mut self, key: u32) -> u32 {
        self.rows.add(key, 1)
    }
}

#[tokio::test(start_paused = true)]
async fn deaths_befall_a_worker_whose_spec_is_not_at_hand() -> Result<(), StartError> {
    let app = App::start().await?;
    let deaths = Deaths::at_message(1);
    assert_eq!(app.quiet.put(1).await.unwrap(), 1);
    assert!(deaths.befall_worker(&app.quiet));
    assert!(!Deaths::never().befall_worker(&app.quiet), "it has its deaths");
    assert!(app.quiet.put(1).await.is_err());
    assert_eq!(app.quiet.put(1).await.unwrap(), 2);
    app.shutdown().await;
    Ok(())
}

/// An account book: one is kept right, and the other keeps the halves of its messages.
#[heir]
struct Right {
    #[table]
    paid: Table<u64, u64>,
    #[table]
    got: Table<u64, u64>,
}

#[handlers]
impl Right {
    async fn pay(&mut self, from: u64, to: u64) -> (u64, u64) {
        let paid = self.paid.add(from, 1);
        yield_now().await;
        (paid, self.got.add(to, 1))
    }
}

#[heir]
struct ByHalves {
    #[table(keep)]
    paid: BTreeMap<u64, u64>,
    #[table(keep)]
    got: BTreeMap<u64, u64>,
}

#[handlers]
impl ByHalves {
    async fn pay(&mut self, from: u64, to: u64) -> (u64, u64) {
        let paid = self.paid.entry(from).or_default();
        *paid += 1;
        yield_now().await;
        let got = self.got.entry(to).or_default();
        *got += 1;
        (*paid, *got)
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Books {
    paid: BTreeMap<u64, u64>,
    got: BTreeMap<u64, u64>,
}

impl Books {
    fn pay(&mut self, (from, to): (u64, u64)) -> (u64, u64) {
        let [paid, got] = [self.paid.entry(from).or_default(), self.got.entry(to).or_default()];
        (*paid, *got) = (*paid + 1, *got + 1);
        (*paid, *got)
    }
}

fn any_payment(random: &mut Random, _books: &Books) -> (u64, u64) {
    (random.below(5), random.below(5))
}

#[test]
fn a_worker_that_keeps_its_promise_survives_a_storm() {
    let died = paused(async {
        let storm = Storm::new(7).steps(2_000).rate(0.3);
        let (mut tree, _) = Recorder::tree();
        let right = tree.worker(storm.deaths().befall(Right::spec()));
        let tree = tree.start().await.unwrap();
        let served = async |(from, to)| right.pay(from, to).await;
        let survived = storm.run(Books::default(), any_payment, served, Books::pay).await;
        let checked = survived.check(async |books| {
            assert!(books.paid.iter().all(|(key, n)| right.paid().get(key) == Some(*n)));
            assert!(books.got.iter().all(|(key, n)| right.got().get(key) == Some(*n)));
        });
        checked.await;
        assert_eq!(survived.answered + survived.died, 2_000);
        assert_eq!(survived.model.paid.values().sum::<u64>(), survived.answered);
        tree.shutdown().await;
        survived.died
    });
    assert!((450..750).contains(&died), "{died}");
}

/// The failure of the worker that keeps halves.
fn halves(seed: u64) -> String {
    failure(|| {
        paused(async {
            let storm = Storm::new(seed);
            let (mut tree, _) = Recorder::tree();
            let halves = tree.worker(storm.deaths().befall(ByHalves::spec()));
            let tree = tree.start().await.unwrap();
            let served = async |(from, to)| halves.pay(from, to).await;
            let survived = storm.run(Books::default(), any_payment, served, Books::pay).await;
            drop((survived, tree));
        });
    })
}

#[test]
fn a_worker_that_keeps_half_a_message_is_found_out_and_the_seed_finds_it_again() {
    for seed in 0..20 {
        let words = halves(seed);
        let begins = format!("in the storm of seed {seed}, at step ");
        assert!(words.starts_with(&begins), "{words}");
        for part in [": the worker replied (", ", and the model (", &format!("\nagain: Storm::new({seed})")] {
            assert!(words.contains(part), "{words}");
        }
        assert_eq!(words, halves(seed));
    }
}

/// Tells another worker of each order: when it has committed, or at once.
#[heir]
struct Orders {
    #[table]
    orders: Table<u64, u64>,
    #[arg]
    ledger: LedgerHandle,
    #[arg]
    at_once: bool,
}

#[heir]
struct Ledger {
    #[table]
    lines: Table<u64, u64>,
}

#[handlers]
impl Ledger {
    #[cast]
    fn note(&mut self, order: u64) {
        self.lines.add(order, 1);
    }

    fn lines_of(&mut self, order: u64) -> u64 {
        self.lines.get(&order).unwrap_or(0)
    }
}

#[handlers]
impl Orders {
    async fn place(&mut self, cx: &mut Context<Self>, order: u64) -> u64 {
        if self.at_once {
            self.ledger.note(order).await.unwrap();
        } else {
            cx.send(self.ledger.note(order)).await.unwrap();
        }
        yield_now().await;
        self.orders.add(order, 1)
    }
}

fn ledger_storm(seed: u64, at_once: bool) -> u64 {
    paused(async {
        let storm = Storm::new(seed);
        let (mut tree, _) = Recorder::tree();
        let ledger = tree.worker(Ledger::spec());
        let orders = tree.worker(storm.deaths().befall(Orders::spec(ledger.clone(), at_once)));
        let tree = tree.start().await.unwrap();
        let survived = storm.run(
            BTreeMap::new(),
            |random, _| random.below(10),
            async |order| orders.place(order).await,
            |model, order| {
                *model.entry(order).or_default() += 1;
                model[&order]
            },
        );
        let survived = survived.await;
        let checked = survived.check(async |model| {
            for (order, times) in model {
                assert_eq!(ledger.lines_of(*order).await.unwrap(), *times, "lines of order {order}");
            }
        });
        checked.await;
        tree.shutdown().await;
        survived.died
    })
}

#[test]
fn a_worker_that_sends_before_its_commit_is_found_out_by_the_check_and_one_that_does_not_passes() {
    for seed in 0..10 {
        assert!(ledger_storm(seed, false) > 30);
        let words = failure(|| ledger_storm(seed, true));
        let begins = format!("in the storm of seed {seed}, at the end: ");
        assert!(words.starts_with(&begins) && words.contains("lines of order"), "{words}");
    }
}

#[test]
fn any_error_but_a_death_fails_the_storm_with_its_step_and_its_operation() {
    let words = failure(|| {
        paused(async {
            let (mut tree, _) = Recorder::tree();
            let right = tree.worker(Right::spec());
            let tree = tree.start().await.unwrap();
            let storm = Storm::new(3).steps(5);
            let served = async |(from, to)| {
                right.stop().await;
                right.pay(from, to).await
            };
            drop(storm.run(Books::default(), |_, _| (1, 2), served, Books::pay).await);
            drop(tree);
        });
    });
    let begins =
        "in the storm of seed 3, at step 1, (1, 2): the message was not sent: the worker has stopped";
    assert!(words.starts_with(begins), "{words}");
}

#[test]
fn a_closure_that_panics_fails_the_storm_with_its_seed() {
    let storm = || Storm::new(4).steps(3);
    let fine = async |_: u8| -> CallResult<()> { Ok(()) };
    let failures = [
        failure(|| paused(storm().run((), |_, ()| -> u8 { die() }, fine, |(), _| ()))),
        failure(|| paused(storm().run((), |_, ()| 1, async |_| -> CallResult<()> { die() }, |(), _| ()))),
        failure(|| paused(storm().run((), |_, ()| 1, fine, |(), _| die()))),
        failure(|| {
            paused(async { storm().run((), |_, ()| 1, fine, |(), _| ()).await.check(async |()| die()).await })
        }),
    ];
    for words in failures {
        assert!(
            words.starts_with("in the storm of seed 4, at ") && words.contains(": asked to die\n"),
            "{words}"
        );
    }
}

/// Has a table of each kind.
#[heir]
struct Kinds {
    #[table(init = [(0, 0)])]
    rows: Table<u32, u32>,
    #[table(rollback)]
    undone: Vec<u32>,
    #[table(keep)]
    kept: Vec<u32>,
    fresh: Vec<u32>,
    #[arg]
    first: u32,
}

#[handlers]
impl Kinds {
    async fn put(&mut self, cx: &mut Context<Self>, n: u32) -> u32 {
        self.rows.insert(n, self.first);
        self.undone.push(n);
        self.kept.push(n);
        self.fresh.push(n);
        if n > 10 {
            cx.fail("too many");
        }
        self.rows.len() as u32
    }

    #[cast]
    fn wait_for(&mut self, cx: &mut Context<Self>, told: Arc<Notify>) {
        cx.spawn("waits", async move { told.notified().await });
    }

    fn later(&mut self, cx: &mut Context<Self>, reply: Reply<u32>) {
        let first = self.first;
        cx.after_commit(move || _ = reply.send_now(first));
    }
}

#[tokio::test(start_paused = true)]
async fn a_context_without_a_tree_commits_and_abandons_as_a_life_does() {
    let mut cx = TestContext::new(Kinds::spec(5));
    let mut kinds = cx.worker().await.unwrap();
    assert_eq!(kinds.put(&mut cx, 1).await, 2);
    cx.commit(&mut kinds);
    assert_eq!(kinds.put(&mut cx, 11).await, 3);
    assert_eq!(cx.ends_with(), Some(&ExitReason::error("too many")));
    let kinds = cx.abandon(kinds);
    assert_eq!((kinds.rows.len(), kinds.rows.get(&0), kinds.rows.get(&11)), (2, Some(0), None));
    assert_eq!((&*kinds.undone, &*kinds.kept, &*kinds.fresh), (&[1][..], &[1, 11][..], &[][..]));
    assert_eq!((cx.incarnation(), cx.ends_with(), kinds.first), (2, None, 5));
}

#[tokio::test(start_paused = true)]
async fn a_worker_is_put_together_by_hand() {
    let mut cx = TestContext::new(Kinds::spec(5));
    let mut kinds =
        Kinds { rows: cx.table(0), undone: vec![7], kept: Vec::new(), fresh: Vec::new(), first: 6 };
    cx.begin(&kinds);
    assert_eq!(kinds.put(&mut cx, 1).await, 1);
    cx.commit(&mut kinds);
    kinds.put(&mut cx, 2).await;
    let kinds = cx.abandon(kinds);
    assert_eq!((kinds.rows.get(&1), kinds.rows.len(), &*kinds.undone), (Some(6), 1, &[7, 1][..]));
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_to_another_worker_arrives_there_with_the_commit() {
    let mut ledger_cx = TestContext::new(Ledger::spec());
    let mut ledger = ledger_cx.worker().await.unwrap();
    let mut cx = TestContext::new(Orders::spec(ledger_cx.own_handle(), false));
    let mut orders = cx.worker().await.unwrap();

    orders.place(&mut cx, 1).await;
    assert_eq!((cx.held(), ledger_cx.received().is_none()), (1, true));
    let mut orders = cx.abandon(orders);
    assert_eq!((cx.held(), ledger_cx.received().is_none()), (0, true));
    for _ in 0..3 {
        assert_eq!(orders.place(&mut cx, 2).await, 1);
        cx.commit(&mut orders);
        assert!(ledger_cx.serve(&mut ledger).await && !ledger_cx.serve(&mut ledger).await);
        orders = {
            orders.orders.remove(&2);
            cx.commit(&mut orders);
            orders
        };
    }
    assert_eq!(ledger.lines.get(&2), Some(3));
    let order = orders.ledger.clone();
    let (told, served) = tokio::join!(order.lines_of(2), ledger_cx.serve(&mut ledger));
    assert_eq!((told.unwrap(), served), (3, true));
}

#[tokio::test(start_paused = true)]
async fn the_permits_of_what_was_not_sent_are_back() {
    let ledger_cx = TestContext::new(Ledger::spec().mailbox(1));
    let ledger = ledger_cx.own_handle();
    let mut cx = TestContext::new(Orders::spec(ledger.clone(), false));
    let mut orders = cx.worker().await.unwrap();
    orders.place(&mut cx, 1).await;
    assert!(ledger.try_note(2).is_err());
    drop(cx.abandon(orders));
    assert!(ledger.try_note(2).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_reply_of_a_test_is_heard_as_that_of_a_call() {
    let mut cx = TestContext::new(Kinds::spec(5));
    let mut kinds = cx.worker().await.unwrap();
    let (reply, mut answer) = cx.reply();
    kinds.later(&mut cx, reply);
    assert_eq!((answer.now().is_none(), cx.after_commits()), (true, 1));
    cx.commit(&mut kinds);
    assert_eq!((answer.now().unwrap().unwrap(), cx.after_commits()), (5, 0));

    let (reply, mut answer) = cx.reply::<u32>();
    drop(reply);
    assert!(matches!(answer.now(), Some(Err(CallError::Unanswered))));

    let (reply, mut answer) = cx.reply();
    kinds.later(&mut cx, reply);
    drop(cx.abandon(kinds));
    assert!(matches!(answer.now(), Some(Err(CallError::Died { incarnation: 1, .. }))));

    let (_reply, mut answer) = cx.reply::<u32>();
    drop(cx);
    assert!(matches!(answer.now(), Some(Err(CallError::Stopped(_)))));
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_spawns_ends_with_its_incarnation_or_with_the_context() {
    let told = Arc::new(Notify::new());
    let mut cx = TestContext::new(Kinds::spec(5));
    let mut kinds = cx.worker().await.unwrap();
    kinds.wait_for(&mut cx, Arc::clone(&told));
    yield_now().await;
    assert_eq!(Arc::strong_count(&told), 2);
    let mut kinds = cx.abandon(kinds);
    yield_now().await;
    assert_eq!(Arc::strong_count(&told), 1);
    kinds.wait_for(&mut cx, Arc::clone(&told));
    yield_now().await;
    let handle = cx.own_handle();
    drop(cx);
    yield_now().await;
    assert_eq!(Arc::strong_count(&told), 1);
    assert!(matches!(handle.status(), Status::Stopped(Stopped::Dropped)));
    assert!(handle.put(1).await.is_err());
}

/// Panics wherever a worker can.
#[heir]
struct Loud {
    #[table(keep)]
    rows: u32,
}

#[handlers]
impl Loud {
    fn die(&mut self) {
        panic!("in a handler");
    }

    #[on(verify)]
    fn verify(_tables: &mut LoudTables, _exit: &heir_runtime::Exit) -> Verdict {
        panic!("in a manager");
    }

    #[cast]
    fn spawn(&mut self, cx: &mut Context<Self>) {
        cx.spawn("loud", async { panic!("in an attached task") });
    }

    #[cast]
    async fn hang(&mut self) {
        let _dropped = DropsLoudly;
        std::future::pending().await
    }
}

struct DropsLoudly;

impl Drop for DropsLoudly {
    fn drop(&mut self) {
        panic!("in a destructor of a worker");
    }
}

const CHILD: &str = "HEIR_QUIET_CHILD";

/// In a process of its own, because the panic hook is the process's.
#[test]
fn only_the_panics_of_workers_are_kept_off_the_terminal() {
    if std::env::var_os(CHILD).is_some() {
        testing::quiet_panics();
        testing::quiet_panics();
        return paused(loud());
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    let test = "testing::only_the_panics_of_workers_are_kept_off_the_terminal";
    child.args(["--exact", test, "--nocapture"]).env(CHILD, "1");
    let output = child.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    for shown in ["of the test itself", "in a task of the test", "in a call of the test"] {
        assert_eq!(said.matches(shown).count(), 1, "{shown}: {said}");
    }
    assert_eq!(said.matches("panicked at").count(), 3, "{said}");
}

async fn loud() {
    let (mut tree, recorder) = Recorder::tree();
    let loud = tree.worker(Loud::spec().quarantine(heir_runtime::AfterQuarantine::Fresh));
    let tree = tree.start().await.unwrap();
    assert!(loud.die().await.is_err());
    recorder.until(event!(Quarantined { .. })).await;
    loud.wait_serving(2).await.unwrap();
    loud.spawn().await.unwrap();
    loud.wait_serving(3).await.unwrap();
    loud.hang().await.unwrap();
    sleep(Duration::from_secs(1)).await;
    loud.kill();
    loud.wait_serving(4).await.unwrap();

    assert!(catch_unwind(|| panic!("of the test itself")).is_err());
    assert!(tokio::spawn(async { panic!("in a task of the test") }).await.is_err());
    // A caller is polled in the test's task, whoever it calls.
    let calls = tokio::spawn(async move {
        let _ = loud.die().await;
        panic!("in a call of the test");
    });
    assert!(calls.await.is_err());
    tree.shutdown().await;
}
