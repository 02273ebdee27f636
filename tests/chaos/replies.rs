//! Replies that come later, wherever they lie and whoever dies: what each caller is told agrees with the rows that are there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use heir_runtime::prelude::*;
use heir_runtime::supervision::TreeNode;
use heir_runtime::testing::{self, Deaths};
use heir_tests::waits::wait_until;
use heir_tests::{Random, Recorder};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{sleep, timeout};

/// Where a reply lies until it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Recorded,
    Rollback,
    Keep,
    Unmarked,
    /// In another message, and then in a recorded table.
    Message,
    /// In a task, which sends it at once.
    Task,
}

const PLACES: [Place; 6] =
    [Place::Recorded, Place::Rollback, Place::Keep, Place::Unmarked, Place::Message, Place::Task];

/// What the worker and the test share.
#[derive(Default)]
struct Seen {
    seed: u64,
    moments: AtomicU64,
    /// Of a thousand moments, so many panic.
    panics: AtomicU32,
    debtor: Mutex<Option<DebtorHandle>>,
    /// Which replies a task has sent, and somebody heard.
    sent_now: Mutex<BTreeSet<u64>>,
}

impl Seen {
    async fn moment(&self) {
        let now = self.moments.fetch_add(1, Ordering::SeqCst);
        let chance = Rng::with_seed(self.seed ^ now.wrapping_mul(0x9E37_79B9)).u32(..1000);
        assert!(chance >= self.panics.load(Ordering::Relaxed), "asked to die");
        yield_now().await;
    }

    fn debtor(&self) -> DebtorHandle {
        self.debtor.lock().unwrap().clone().unwrap()
    }
}

fn value_of(id: u64) -> u64 {
    id * 7 + 1
}

type Owed = Vec<(u64, Reply<u64>)>;

#[heir]
struct Debtor {
    #[table]
    recorded: OrderedTable<u64, Reply<u64>>,
    #[table(rollback)]
    rollback: Owed,
    #[table(keep)]
    keep: Owed,
    unmarked: Owed,
    /// Which messages that took a reply have committed.
    #[table]
    taken: OrderedTable<u64, ()>,
    /// Which messages that sent a reply have committed.
    #[table]
    paid: OrderedTable<u64, ()>,
    #[arg]
    seen: Arc<Seen>,
}

#[handlers]
impl Debtor {
    async fn owe(&mut self, cx: &mut Context<Self>, id: u64, place: Place, reply: Reply<u64>) {
        self.put(cx, id, place, reply).await;
    }

    #[redeliver(2)]
    async fn owe_again(&mut self, cx: &mut Context<Self>, id: u64, place: Place, reply: Reply<u64>) {
        self.put(cx, id, place, reply).await;
    }

    #[skip]
    async fn put(&mut self, cx: &mut Context<Self>, id: u64, place: Place, reply: Reply<u64>) {
        self.seen.moment().await;
        match place {
            Place::Recorded => _ = self.recorded.insert(id, reply),
            Place::Rollback => self.rollback.push((id, reply)),
            Place::Keep => self.keep.push((id, reply)),
            Place::Unmarked => self.unmarked.push((id, reply)),
            Place::Message => cx.send(cx.own_handle().pass_on(id, reply)).await.unwrap(),
            Place::Task => {
                let seen = Arc::clone(&self.seen);
                cx.after_commit(move || {
                    tokio::spawn(async move {
                        yield_now().await;
                        if reply.send_now(value_of(id)).is_ok() {
                            seen.sent_now.lock().unwrap().insert(id);
                        }
                    });
                });
            }
        }
        self.seen.moment().await;
        self.taken.insert(id, ());
        self.seen.moment().await;
    }

    #[cast]
    async fn pass_on(&mut self, id: u64, reply: Reply<u64>) {
        self.seen.moment().await;
        self.recorded.insert(id, reply);
    }

    /// Sends the first reply that lies there.
    #[cast]
    async fn pay(&mut self, cx: &mut Context<Self>, place: Place) {
        self.seen.moment().await;
        let first = match place {
            Place::Rollback if !self.rollback.is_empty() => Some(self.rollback.remove(0)),
            Place::Keep if !self.keep.is_empty() => Some(self.keep.remove(0)),
            Place::Unmarked if !self.unmarked.is_empty() => Some(self.unmarked.remove(0)),
            Place::Recorded => {
                let first = self.recorded.iter().next();
                first.inspect(|(id, _)| drop(self.recorded.remove(id)))
            }
            _ => None,
        };
        self.seen.moment().await;
        if let Some((id, reply)) = first
            && !reply.is_closed()
        {
            reply.send(cx, value_of(id));
            // Of two, the first is heard.
            reply.send(cx, 0);
            self.paid.insert(id, ());
        }
        self.seen.moment().await;
    }

    /// Drops the replies that nobody waits for.
    fn sweep(&mut self) {
        let closed: Vec<u64> =
            self.recorded.iter().filter(|(_, reply)| reply.is_closed()).map(|(id, _)| id).collect();
        for id in closed {
            self.recorded.remove(&id);
        }
        for owed in [&mut self.rollback, &mut self.keep, &mut self.unmarked] {
            owed.retain(|(_, reply)| !reply.is_closed());
        }
    }
}

/// A caller, and where its reply lies.
struct Caller {
    id: u64,
    place: Place,
    told: JoinHandle<Result<u64, CallError<(u64, Place)>>>,
}

fn spec(seen: &Arc<Seen>, deaths: Option<&Deaths>) -> Spec<Debtor> {
    let spec = Debtor::spec(Arc::clone(seen));
    match deaths {
        Some(deaths) => deaths.befall(spec),
        None => spec,
    }
}

struct World {
    seen: Arc<Seen>,
    /// Of the death that is tried, if one is.
    deaths: Option<Deaths>,
    tree: Supervisor,
    callers: Vec<Caller>,
    next: u64,
}

impl World {
    async fn new(seed: u64, deaths: Option<Deaths>) -> Self {
        testing::quiet_panics();
        let seen = Arc::new(Seen { seed, ..Seen::default() });
        let (mut tree, _) = Recorder::tree();
        let debtor = tree.worker(spec(&seen, deaths.as_ref()));
        *seen.debtor.lock().unwrap() = Some(debtor);
        Self { seen, deaths, tree: tree.start().await.unwrap(), callers: Vec::new(), next: 0 }
    }

    fn call(&mut self, place: Place, again: bool, patience: Option<Duration>) {
        self.next += 1;
        let (id, debtor) = (self.next, self.seen.debtor());
        let told = tokio::spawn(async move {
            let debtor = match patience {
                Some(patience) => debtor.with_timeout(patience),
                None => debtor,
            };
            if again { debtor.owe_again(id, place).await } else { debtor.owe(id, place).await }
        });
        self.callers.push(Caller { id, place, told });
    }

    async fn upgrade(&self, context: &str) {
        let before = self.seen.debtor();
        let after = self.tree.upgrade_child(&before, spec(&self.seen, self.deaths.as_ref())).await;
        *self.seen.debtor.lock().unwrap() = Some(after.unwrap_or_else(|error| panic!("{error}, {context}")));
    }

    fn open_replies(&self) -> usize {
        let [TreeNode::Worker(worker)] = &self.tree.tree().children[..] else { panic!("one worker") };
        worker.open_replies
    }

    /// Nobody dies any more: who still waits has an open reply, and nobody else. Then the worker stops for good, and everybody
    /// has been told what the rows say.
    async fn settles(self, context: &str, is_paused: bool) {
        self.seen.panics.store(0, Ordering::Relaxed);
        if let Some(deaths) = &self.deaths {
            deaths.end();
        }
        let debtor = self.seen.debtor();
        sleep(Duration::from_millis(50)).await;
        soon(debtor.sweep(), context).await.unwrap();
        let waits = || self.callers.iter().filter(|caller| !caller.told.is_finished()).count();
        if is_paused {
            assert_eq!(self.open_replies(), waits(), "{context}");
        }
        soon(debtor.stop(), context).await;
        // They are told after the status says so.
        soon(wait_until(|| self.open_replies() == 0), context).await;
        let tables = debtor.estate().claim("test").unwrap();
        let seen = &self.seen;
        let mut told = BTreeMap::<&str, u32>::new();
        for Caller { id, place, told: caller } in self.callers {
            let outcome = soon(caller, context).await.unwrap();
            let (taken, paid) = (tables.taken.get(&id).is_some(), tables.paid.get(&id).is_some());
            let sent_now = seen.sent_now.lock().unwrap().contains(&id);
            let lies_safe = matches!(place, Place::Recorded | Place::Rollback);
            let is_true = match &outcome {
                Ok(value) => *value == value_of(id) && taken && (paid || sent_now),
                // Not of a reply that was in a table that keeps it.
                Err(CallError::Died { .. }) => !(paid || sent_now || taken && lies_safe),
                Err(CallError::Unanswered) => !paid && !sent_now && taken && !lies_safe,
                Err(CallError::Stopped(_)) => !paid && !sent_now,
                // Its reply may have been on the way.
                Err(CallError::TimedOut(_)) => true,
                Err(CallError::NotSent { .. }) => !taken && !paid && !sent_now,
                Err(_) => false,
            };
            assert!(
                is_true,
                "{id} in {place:?} was told {outcome:?}; taken: {taken}, paid: {paid}, sent at once: {sent_now}\n{context}"
            );
            let kind = match outcome {
                Ok(_) => "answered",
                Err(CallError::Died { .. }) => "died",
                Err(CallError::Unanswered) => "unanswered",
                Err(CallError::Stopped(_)) => "stopped",
                Err(_) => "gave up, or not sent",
            };
            *told.entry(kind).or_default() += 1;
        }
        println!("{told:?}");
        self.tree.shutdown().await;
        self.seen.debtor.lock().unwrap().take();
    }
}

/// Everything but a wait for ever is over by then.
async fn soon<R>(work: impl Future<Output = R>, context: &str) -> R {
    timeout(Duration::from_secs(60), work).await.unwrap_or_else(|_| panic!("waited for ever: {context}"))
}

fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// A scene with replies in all places, in which the worker dies.
async fn play(deaths: Deaths, again: bool, upgrades: bool) {
    let context = format!("again: {again}, upgrades: {upgrades}");
    let mut world = World::new(0, Some(deaths)).await;
    for place in PLACES {
        world.call(place, again, None);
        world.call(place, again, None);
    }
    sleep(Duration::from_millis(1)).await;
    if upgrades {
        world.upgrade(&context).await;
    }
    for place in PLACES {
        // The call of each place that came last stays open.
        world.seen.debtor().pay(place).await.unwrap();
    }
    sleep(Duration::from_millis(1)).await;
    world.settles(&context, true).await;
}

#[test]
fn a_death_at_every_moment_tells_each_caller_what_the_rows_say() {
    for again in [false, true] {
        for upgrades in [false, true] {
            let waits = testing::at_every_wait(async |deaths| play(deaths, again, upgrades).await);
            println!("{waits} moments");
            assert!(waits > 30, "there is nothing to see: {waits}");
        }
    }
}

async fn storm(world: &mut World, random: &mut Random, steps: u32, context: &str) {
    world.seen.panics.store(random.below(80), Ordering::Relaxed);
    let upgrade_at = random.below(steps);
    for step in 0..steps {
        let debtor = world.seen.debtor();
        let place = *random.of_these(&PLACES);
        match random.below(8) {
            _ if step == upgrade_at => world.upgrade(context).await,
            0..=2 => {
                let patience =
                    (random.below(4) == 0).then(|| Duration::from_millis(1 + u64::from(random.below(5))));
                world.call(place, random.below(2) == 0, patience);
            }
            3 | 4 => debtor.pay(place).await.unwrap(),
            5 => _ = debtor.kill(),
            6 => _ = (debtor.kill_manager(), random.below(2) == 0 && debtor.kill().is_some()),
            _ if random.below(4) == 0 => sleep(Duration::from_millis(1)).await,
            _ => {
                for _ in 0..random.below(10) {
                    yield_now().await;
                }
            }
        }
    }
}

#[test]
fn a_storm_tells_each_caller_what_the_rows_say() {
    for mut random in Random::each(100) {
        let context = random.to_string();
        paused().block_on(async {
            let mut world = World::new(u64::from(random.below(u32::MAX)), None).await;
            storm(&mut world, &mut random, 200, &context).await;
            world.settles(&context, true).await;
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_on_several_threads_tells_each_caller_what_the_rows_say() {
    let mut random = Random::new();
    let context = random.to_string();
    for _ in 0..20 {
        let mut world = World::new(u64::from(random.below(u32::MAX)), None).await;
        storm(&mut world, &mut random, 300, &context).await;
        world.settles(&context, false).await;
    }
}
