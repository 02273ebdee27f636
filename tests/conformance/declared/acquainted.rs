//! The children of a declared tree know each other: each is given handles of the others, before anything starts.

use std::sync::{Arc, Weak};

use heir_runtime::prelude::*;
use heir_runtime::supervision::Child;
use heir_runtime::{CallError, NotSent, Restart, StartError};

/// Sums by user, and asks the users back.
#[heir(registered = "ledger")]
struct Ledger {
    #[table]
    sums: Table<u64, u64>,
    #[arg]
    users: Dynamic<u64, User>,
    #[arg]
    clock: ClockHandle,
    #[arg]
    limit: u64,
    /// Tells that it is still there.
    #[table(keep, init = token.clone())]
    alive: Token,
    #[arg]
    token: Token,
}

#[derive(Clone, Default)]
struct Token(Arc<()>);

#[handlers]
impl Ledger {
    async fn pay(&mut self, user: u64) -> Result<u64, MessageError> {
        let time = self.clock.read().await?;
        assert!(self.sums.get(&user).is_none_or(|sum| sum < self.limit), "over the limit at {time}");
        Ok(self.sums.add(user, 1))
    }

    fn number_of_users(&mut self) -> usize {
        let _ = &self.alive;
        self.users.len()
    }
}

#[heir]
struct User {
    #[table(keep)]
    paid: u64,
    #[arg]
    number: u64,
    #[arg]
    ledger: LedgerHandle,
}

#[handlers]
impl User {
    async fn pay(&mut self) -> Result<u64, MessageError> {
        self.paid += 1;
        self.ledger.pay(self.number).await?
    }
}

#[heir]
struct Clock {
    #[table(keep)]
    time: u64,
    #[arg]
    ledger: LedgerHandle,
}

#[handlers]
impl Clock {
    fn read(&mut self) -> u64 {
        self.time += 1;
        self.time
    }

    async fn users(&mut self) -> Result<usize, CallError<()>> {
        self.ledger.number_of_users().await
    }
}

#[supervisor(strategy = one_for_all)]
struct Back {
    #[child(args(token: Token, users = users, limit = most: u64, clock = clock))]
    ledger: Ledger,
    #[child(args(ledger = ledger))]
    clock: Clock,
    #[child(intensity = 3, period = "1m")]
    users: Dynamic<u64, User>,
}

#[heir(restart = transient)]
struct Front {
    #[table(keep)]
    asked: u64,
    #[arg]
    back: BackHandle,
    #[arg]
    deep: LedgerHandle,
    #[arg]
    other: FrontHandle,
}

#[handlers]
impl Front {
    async fn enter(&mut self, number: u64) -> Result<u64, BoxError> {
        self.asked += 1;
        let user = self.back.users.start(number, User::spec(number, self.deep.clone())).await;
        let user = user.or_else(|_| self.back.users.get(&number).ok_or("gone"))?;
        Ok(user.pay().await??)
    }

    async fn asked_of_the_other(&mut self) -> Result<u64, CallError<()>> {
        self.other.asked().await
    }

    fn asked(&mut self) -> u64 {
        self.asked
    }
}

#[supervisor]
struct App {
    #[child(args(back = back, deep = back.ledger, other = second), name = "first")]
    front: Front,
    #[child(args(other = front, deep = back.ledger, back = back))]
    second: Front,
    #[child(args(token: Token, most: u64))]
    back: Back,
}

#[tokio::test]
async fn children_are_given_handles_of_others_of_a_branch_and_of_what_is_below_it() {
    let app = App::start(Token::default(), 10).await.unwrap();
    assert_eq!(app.front.enter(1).await.unwrap().unwrap(), 1);
    assert_eq!(app.second.enter(1).await.unwrap().unwrap(), 2);
    assert_eq!(app.back.clock.users().await.unwrap().unwrap(), 1);
    assert_eq!(app.back.ledger.sums().get(&1), Some(2));
    app.shutdown().await;
}

#[tokio::test]
async fn two_children_know_each_other() {
    let app = App::start(Token::default(), 10).await.unwrap();
    app.front.enter(1).await.unwrap().unwrap();
    assert_eq!(app.second.asked_of_the_other().await.unwrap().unwrap(), 1);
    assert_eq!(app.front.asked_of_the_other().await.unwrap().unwrap(), 0);
    app.shutdown().await;
}

#[tokio::test]
async fn what_a_child_was_given_is_good_for_every_incarnation() {
    let app = App::start(Token::default(), 1).await.unwrap();
    assert_eq!(app.front.enter(7).await.unwrap().unwrap(), 1);
    // Over the limit the ledger dies, and its siblings are restarted with it.
    assert!(app.front.enter(7).await.unwrap().is_err());
    assert_eq!(app.back.ledger.sums().get(&7), Some(1));
    assert_eq!(app.second.enter(8).await.unwrap().unwrap(), 1);
    app.shutdown().await;
}

#[tokio::test]
async fn handles_can_be_had_before_anything_starts_and_messages_wait() {
    let mut tree = Supervisor::builder("app");
    let back = tree.child(Back::spec(Token::default(), 10));
    let mut waits = Box::pin(back.clock.read().into_future());
    assert!(polled_once(&mut waits).is_none());
    let tree = tree.start().await.unwrap();
    assert_eq!(waits.await.unwrap(), 1);
    tree.shutdown().await;
}

fn polled_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::Pin::new(future).poll(&mut cx) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

#[tokio::test]
async fn a_circle_of_handles_keeps_no_table_alive_after_the_end() {
    let token = Token::default();
    let alive: Weak<()> = Arc::downgrade(&token.0);
    let app = App::start(token, 10).await.unwrap();
    app.front.enter(1).await.unwrap().unwrap();
    assert!(alive.upgrade().is_some());
    app.shutdown().await;
    assert!(alive.upgrade().is_none());
}

#[tokio::test]
async fn a_circle_that_was_never_started_keeps_nothing_alive() {
    let token = Token::default();
    let alive: Weak<()> = Arc::downgrade(&token.0);
    drop(App::spec(token.clone(), 10));
    drop(App::plan());
    let mut tree = Supervisor::builder("root");
    let app = tree.child(App::spec(token, 10));
    drop(tree);
    let refused = app.back.clock.read().await.unwrap_err();
    assert!(
        matches!(refused, CallError::NotSent { why: NotSent::Stopped(Stopped::Dropped), .. }),
        "{refused:?}"
    );
    assert_eq!(app.back.wait_stopped().await, Stopped::Dropped);
    drop(app);
    assert!(alive.upgrade().is_none());
}

#[tokio::test]
async fn a_worker_is_registered_by_its_struct_and_by_its_place() {
    #[supervisor]
    struct Two {
        #[child(args(back = back, deep = back.ledger, other = front), registered = "front")]
        front: Front,
        #[child(args(token: Token, most: u64))]
        back: Back,
    }
    let tree = Two::start(Token::default(), 1).await.unwrap();
    assert!(tree.whereis::<Ledger>("ledger").is_some());
    assert_eq!(tree.back.whereis::<Front>("front").unwrap().name(), "front");
    tree.shutdown().await;
}

#[tokio::test]
async fn two_workers_of_one_registered_name_do_not_start() {
    #[supervisor]
    struct Twins {
        #[child(args(token: Token, most: u64))]
        back: Back,
        #[child(args(token = other_token: Token, most = other_most: u64))]
        other: Back,
    }
    let error = Twins::start(Token::default(), 1, Token::default(), 1).await.unwrap_err();
    assert_eq!(error, StartError::DuplicateRegistration("ledger".into()));
}

#[tokio::test]
async fn a_branch_counts_its_restarts_as_its_place_says() {
    let app = App::start(Token::default(), 10).await.unwrap();
    let limits = app.back.users.supervisor().tree().limits;
    assert!(limits.contains("3 restarts in 60s"), "{limits}");
    app.shutdown().await;
}

#[tokio::test]
async fn by_hand_a_tree_reserves_its_children_and_fills_them() {
    let mut tree = Supervisor::builder("by hand");
    let clock = tree.reserve(Clock::plan().name("clock").restart(Restart::Transient));
    let ledger = tree.reserve(Ledger::plan());
    let users = tree.reserve(Dynamic::<u64, User>::plan().name("users"));
    let (read, pay) = (clock.handle(), ledger.handle());
    tree.fill(clock, ClockArgs { ledger: pay.clone() });
    let args = LedgerArgs { clock: read.clone(), users: users.handle(), limit: 3, token: Token::default() };
    tree.fill(ledger, args);
    let found = users.handle();
    tree.fill(users, ());
    let tree = tree.start().await.unwrap();

    let user = found.start(1, User::spec(1, pay)).await.unwrap();
    assert_eq!(user.pay().await.unwrap().unwrap(), 1);
    assert_eq!(read.users().await.unwrap().unwrap(), 1);
    let names: Vec<_> = tree.which_children().iter().map(|child| child.name().to_owned()).collect();
    assert_eq!(names, ["clock", "Ledger", "users"], "in the order in which they were reserved");
    tree.shutdown().await;
}

#[tokio::test]
async fn a_reserved_child_that_is_never_filled_fails_the_start_and_its_senders_are_told() {
    let mut tree = Supervisor::builder("app");
    let ledger = tree.reserve(Ledger::plan());
    let sender = ledger.handle();
    let error = tree.start().await.unwrap_err();
    assert_eq!(error, StartError::NotFilled("Ledger".into()));
    assert_eq!(sender.wait_stopped().await, Stopped::Dropped);
    drop(ledger);

    let mut tree = Supervisor::builder("app");
    let back = tree.reserve(Back::plan().name("back"));
    let handle = back.handle();
    drop(back);
    assert_eq!(tree.start().await.unwrap_err(), StartError::NotFilled("back".into()));
    assert_eq!(handle.clock.wait_stopped().await, Stopped::Dropped);
    assert_eq!(handle.wait_stopped().await, Stopped::Dropped);
}

#[tokio::test]
async fn a_child_that_was_reserved_elsewhere_is_not_filled_here() {
    let mut one = Supervisor::builder("one");
    let mut other = Supervisor::builder("other");
    let clock = one.reserve(Clock::plan());
    let ledger = other.reserve(Ledger::plan());
    other.fill(clock, ClockArgs { ledger: ledger.handle() });
    drop(ledger);
    assert_eq!(other.start().await.unwrap_err(), StartError::NotFilled("Clock".into()));
    assert_eq!(one.start().await.unwrap_err(), StartError::NotFilled("Clock".into()));
}

/// A worker with parameters, of which its arguments name one only.
#[heir]
struct Pair<K, V>
where
    K: Clone + Send + Sync + 'static,
    V: Default + Send + 'static,
{
    #[table(keep)]
    last: Option<V>,
    #[arg]
    key: K,
}

#[handlers]
impl<K, V> Pair<K, V>
where
    K: Clone + Send + Sync + 'static,
    V: Default + Send + 'static,
{
    fn swap(&mut self, value: V) -> (K, V) {
        (self.key.clone(), self.last.replace(value).unwrap_or_default())
    }
}

#[supervisor]
struct Generic<K: Clone + Send + Sync + 'static> {
    #[child(args(key: K))]
    pair: Pair<K, u8>,
    #[child(args(key = word: String))]
    other: Pair<String, Vec<u8>>,
}

#[tokio::test]
async fn a_generic_worker_is_given_its_arguments_by_name_too() {
    let tree = Generic::start('x', "word".into()).await.unwrap();
    assert_eq!(tree.pair.swap(3).await.unwrap(), ('x', 0));
    assert_eq!(tree.other.swap(vec![]).await.unwrap(), ("word".into(), vec![]));
    tree.shutdown().await;
}

/// Makes the spec of a user of its number.
fn user(number: &u64, ledger: LedgerHandle) -> Spec<User> {
    User::spec(*number, ledger).name("user")
}

fn failing(key: &bool, _limit: u8) -> Spec<Failing> {
    Failing::spec(*key)
}

/// Fails at its first message, if it was told to.
#[heir]
struct Failing {
    #[table(keep)]
    count: u64,
    #[arg]
    fails: bool,
}

#[handlers]
impl Failing {
    fn count(&mut self) -> u64 {
        self.count += 1;
        assert!(!self.fails, "told to fail");
        self.count
    }
}

#[supervisor]
struct Keyed {
    #[child(args(clock = clock, users = users, limit: u64, token: Token))]
    ledger: Ledger,
    #[child(args(ledger = ledger))]
    clock: Clock,
    #[child(args(ledger = ledger), each = user)]
    users: Dynamic<u64, User>,
    #[child(args(limit = most: u8), each = failing, max_given_up = 1, intensity = 0)]
    given_up: Dynamic<bool, Failing>,
    #[child(each = self::escalating, escalate, intensity = 1, restart = temporary)]
    escalating: Dynamic<bool, Failing>,
}

fn escalating(key: &bool) -> Spec<Failing> {
    failing(key, 0)
}

#[tokio::test]
async fn a_dynamic_makes_its_workers_from_their_keys_and_from_handles_of_the_tree() {
    let tree = Keyed::start(10, Token::default(), 0).await.unwrap();
    let one = tree.users.get_or_start(1).await.unwrap();
    assert_eq!(one.name(), "user[1]");
    assert_eq!(one.pay().await.unwrap().unwrap(), 1);
    assert_eq!(tree.users.get_or_start(1).await.unwrap().pay().await.unwrap().unwrap(), 2);
    assert!(tree.users.start_all(2..5).await.iter().all(Result::is_ok));
    assert_eq!(tree.clock.users().await.unwrap().unwrap(), 4);
    tree.shutdown().await;
}

#[tokio::test]
async fn a_circle_through_the_function_of_a_dynamic_keeps_no_table_alive() {
    let token = Token::default();
    let alive: Weak<()> = Arc::downgrade(&token.0);
    let tree = Keyed::start(10, token, 0).await.unwrap();
    tree.users.get_or_start(1).await.unwrap().pay().await.unwrap().unwrap();
    tree.shutdown().await;
    assert!(alive.upgrade().is_none());
}

#[tokio::test]
async fn its_place_says_whether_a_dynamic_gives_a_key_up_or_escalates() {
    let tree = Keyed::start(10, Token::default(), 0).await.unwrap();
    let good = tree.given_up.get_or_start(false).await.unwrap();
    let bad = tree.given_up.get_or_start(true).await.unwrap();
    assert!(bad.count().await.is_err());
    assert!(matches!(
        bad.count().await,
        Err(CallError::NotSent { why: NotSent::Stopped(Stopped::GaveUp(_)), .. })
    ));
    assert_eq!(good.count().await.unwrap(), 1);
    let health = tree.health();
    assert!(health.ready && health.alive, "{health}");
    assert_eq!(
        health.to_string(),
        "ready and alive: Keyed/given_up/Failing[true] was given up, after too many restarts, the last because of panic: \
         told to fail"
    );

    let good = tree.escalating.get_or_start(false).await.unwrap();
    let bad = tree.escalating.get_or_start(true).await.unwrap();
    while bad.count().await.is_err_and(|error| error.was_enqueued()) {}
    assert!(matches!(good.wait_stopped().await, Stopped::Ended(_)), "its supervisor is not to be restarted");
    tree.shutdown().await;
}

#[tokio::test]
async fn a_key_has_no_registered_name() {
    let tree = Keyed::start(10, Token::default(), 0).await.unwrap();
    let spec = Failing::spec(false).registered("failing");
    let error = tree.given_up.start(false, spec).await.unwrap_err();
    assert!(error.to_string().contains("registered as `failing`"), "{error}");
    assert!(tree.given_up.get_or_start(false).await.is_ok(), "the key is free");
    tree.shutdown().await;
}
