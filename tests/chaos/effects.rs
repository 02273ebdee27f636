//! What messages send, wherever a worker dies: a naive model says what arrives, in which order, and that all permits come back.
//!
//! Each message writes a row with what it has sent, in the same message. So the rows that are there at the end say what must
//! have arrived: that, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use heir_runtime::prelude::*;
use heir_runtime::{CastError, NotSent, Refusal, Undelivered, testing};
use heir_tests::waits::quiet;
use heir_tests::{Random, Recorder};
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

/// How many workers there are.
const NODES: usize = 3;

/// How many messages a mailbox holds.
const ROOM: usize = 2;

/// The sender of what comes from the test.
const OUTSIDE: usize = usize::MAX;

/// What a message has done beside its row.
#[derive(Clone, Copy, Debug)]
enum Effect {
    Told { to: usize, id: u64 },
    Asked { to: usize, id: u64 },
    ToldLater(u64),
    AskedLater(u64),
    Ran(u64),
}

/// What a message, or its part up to a boundary, has done.
#[derive(Clone, Debug)]
struct Row {
    /// The message.
    id: u64,
    effects: Vec<Effect>,
    /// Whether this is the end of the message.
    is_whole: bool,
}

/// How somebody dies.
#[derive(Clone, Copy, Debug)]
enum Strike {
    /// Only in a handler.
    Panic,
    Kill,
    KillManager,
    KillBoth,
    /// The other workers are killed.
    KillOthers,
    Restart,
    /// It is paused, and goes on.
    Pause,
}

const STRIKES: [Strike; 7] = [
    Strike::Panic,
    Strike::Kill,
    Strike::KillManager,
    Strike::KillBoth,
    Strike::KillOthers,
    Strike::Restart,
    Strike::Pause,
];

/// How an answer was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Answered(u64),
    Died,
    Stopped,
    /// Not in the handle's time, whatever became of the call.
    Late,
}

/// What the workers share, and what is seen from outside.
struct Net {
    seed: u64,
    /// How long a sender waits for another's permit.
    patience: Duration,
    handles: Mutex<Vec<NodeHandle>>,
    ids: AtomicU64,
    /// Who has sent which message to whom, as it was first served.
    arrivals: Mutex<Vec<(usize, usize, u64)>>,
    /// Which closures have run, by worker.
    ran: Mutex<[Vec<u64>; NODES]>,
    /// Who has heard which answer.
    heard: Mutex<Vec<(usize, u64, Outcome)>>,
    /// The messages that came to the hook, because their target had stopped.
    undelivered: Mutex<Vec<u64>>,
    sent_from_outside: Mutex<Vec<(usize, u64)>>,
    /// How many moments of handlers there were.
    moments: AtomicU64,
    /// At which one who strikes.
    trap: Mutex<Option<(u64, Strike)>>,
    /// Of a thousand moments, so many panic.
    panics: AtomicU32,
}

impl Net {
    fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::SeqCst)
    }

    fn handle(&self, node: usize) -> NodeHandle {
        self.handles.lock().unwrap()[node].clone()
    }

    fn strike(&self, node: usize, how: Strike) {
        let handle = self.handle(node);
        match how {
            Strike::Panic => panic!("asked to die"),
            Strike::Kill => _ = handle.kill(),
            Strike::KillManager => _ = handle.kill_manager(),
            Strike::KillBoth => _ = (handle.kill_manager(), handle.kill()),
            Strike::KillOthers => {
                for other in (0..NODES).filter(|other| *other != node) {
                    self.handle(other).kill();
                }
            }
            Strike::Restart => drop(tokio::spawn(async move { handle.restart().await })),
            Strike::Pause => drop(tokio::spawn(async move {
                if handle.pause().await.is_ok() {
                    yield_now().await;
                    handle.resume();
                }
            })),
        }
    }

    /// A moment in a handler, in which its worker may die.
    async fn moment(&self, node: usize) {
        let now = self.moments.fetch_add(1, Ordering::SeqCst);
        let sprung = self.trap.lock().unwrap().take_if(|(at, _)| *at == now);
        if let Some((_, how)) = sprung {
            self.strike(node, how);
        }
        let chance = Rng::with_seed(self.seed ^ now.wrapping_mul(0x9E37_79B9)).u32(..1000);
        assert!(chance >= self.panics.load(Ordering::Relaxed), "asked to die");
        yield_now().await;
    }

    fn heard(&self, node: usize, id: u64, answer: CallResult<u64>) {
        let outcome = match answer {
            Ok(value) => Outcome::Answered(value),
            Err(CallError::Died { .. }) => Outcome::Died,
            Err(CallError::Stopped { .. }) => Outcome::Stopped,
            Err(CallError::TimedOut(_)) => Outcome::Late,
            Err(other) => unreachable!("{other}"),
        };
        self.heard.lock().unwrap().push((node, id, outcome));
    }

    fn arrived(&self, from: usize, to: usize, id: u64) {
        self.arrivals.lock().unwrap().push((from, to, id));
    }
}

/// The answer to the call with this number.
fn answer_of(id: u64) -> u64 {
    id * 3 + 1
}

#[heir(mailbox = 2)]
struct Node {
    #[table]
    rows: OrderedTable<u64, Row>,
    /// How often each message that is served again has been.
    #[table(keep)]
    served: BTreeMap<u64, u32>,
    #[arg]
    me: usize,
    #[arg]
    net: Arc<Net>,
}

#[handlers]
impl Node {
    #[cast]
    async fn tell(&mut self, cx: &mut Context<Self>, from: usize, id: u64, depth: u32) {
        self.net.arrived(from, self.me, id);
        self.work(cx, id, depth).await;
    }

    #[redeliver(2)]
    #[cast]
    async fn tell_again(&mut self, cx: &mut Context<Self>, from: usize, id: u64, depth: u32) {
        let served = self.served.entry(id).or_default();
        *served += 1;
        assert!(*served <= 3, "served too often");
        if *served == 1 {
            self.net.arrived(from, self.me, id);
        }
        self.work(cx, id, depth).await;
    }

    async fn ask(&mut self, cx: &mut Context<Self>, from: usize, id: u64, depth: u32) -> u64 {
        self.net.arrived(from, self.me, id);
        self.work(cx, id, depth).await;
        answer_of(id)
    }

    #[cast]
    async fn answered(&mut self, cx: &mut Context<Self>, with: (u64, u32), answer: CallResult<u64>) {
        let (id, depth) = with;
        self.net.heard(self.me, id, answer);
        self.work(cx, self.net.next_id(), depth).await;
    }

    #[cast]
    fn probe(&mut self) {}

    fn written(&mut self) -> Vec<Row> {
        self.rows.iter().map(|(_, row)| row).collect()
    }

    /// Does this and that, and writes a row of it.
    #[skip]
    async fn work(&mut self, cx: &mut Context<Self>, id: u64, depth: u32) {
        let net = Arc::clone(&self.net);
        let mut random = Rng::with_seed(net.seed.wrapping_add(id.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
        let mut effects = Vec::new();
        let steps = if depth == 0 { 0 } else { random.usize(1..5) };
        for _ in 0..steps {
            net.moment(self.me).await;
            let to = random.usize(..NODES);
            let target = match to == self.me {
                true if random.bool() => cx.own_handle(),
                _ => net.handle(to),
            };
            let target = target.with_timeout(net.patience);
            let (id, less, from) = (net.next_id(), depth - 1, self.me);
            match random.u8(..10) {
                0 | 1 => match cx.send(target.tell(from, id, less)).await {
                    Ok(()) => effects.push(Effect::Told { to, id }),
                    Err(error) => refused(error, &(from, id, less)),
                },
                2 => match cx.send(target.tell_again(from, id, less)).await {
                    Ok(()) => effects.push(Effect::Told { to, id }),
                    Err(error) => refused(error, &(from, id, less)),
                },
                3 | 4 => {
                    let call = target.ask(from, id, less).answer_to((id, less), NodeMessage::Answered);
                    match cx.send(call).await {
                        Ok(()) => effects.push(Effect::Asked { to, id }),
                        Err(error) => refused(error, &((from, id, less), (id, less))),
                    }
                }
                5 => {
                    let call = target.try_ask(from, id, less).answer_to((id, less), NodeMessage::Answered);
                    match cx.send(call).await {
                        Ok(()) => effects.push(Effect::Asked { to, id }),
                        Err(error) => refused(error, &((from, id, less), (id, less))),
                    }
                }
                6 => {
                    let (net, me) = (Arc::clone(&net), self.me);
                    cx.after_commit(move || net.ran.lock().unwrap()[me].push(id));
                    effects.push(Effect::Ran(id));
                }
                7 => {
                    cx.send_delayed(Duration::from_millis(random.u64(..20)), target.tell(from, id, less));
                    effects.push(Effect::ToldLater(id));
                }
                8 => {
                    let call = target.ask(from, id, less).answer_to((id, less), NodeMessage::Answered);
                    cx.send_delayed(Duration::from_millis(random.u64(..20)), call);
                    effects.push(Effect::AskedLater(id));
                }
                _ => {
                    let row = Row { id, effects: std::mem::take(&mut effects), is_whole: false };
                    self.rows.insert(self.rows.len() as u64, row);
                    cx.commit(self);
                }
            }
        }
        net.moment(self.me).await;
        self.rows.insert(self.rows.len() as u64, Row { id, effects, is_whole: true });
        net.moment(self.me).await;
    }
}

/// The arguments come back from a send that is refused.
fn refused<A: PartialEq + std::fmt::Debug>(error: CastError<A>, sent: &A) {
    let CastError::NotSent { args, why, .. } = error else { unreachable!() };
    assert!(matches!(why, NotSent::Full | NotSent::TimedOut(_) | NotSent::Stopped(_)), "{why:?}");
    assert_eq!(args.into_inner(), *sent);
}

/// What is promised, from the rows that are there: the naive model. What a worker that has stopped for good has delayed may be
/// gone with it.
fn agrees(net: &Net, rows: &[Vec<Row>]) -> Result<(), String> {
    let mut in_order = BTreeMap::<(usize, usize), Vec<u64>>::new();
    let mut ended = BTreeSet::new();
    let (mut later, mut asked, mut whole) = (BTreeSet::new(), BTreeMap::new(), BTreeSet::new());
    let mut ran: [Vec<u64>; NODES] = Default::default();
    for (to, id) in &*net.sent_from_outside.lock().unwrap() {
        in_order.entry((OUTSIDE, *to)).or_default().push(*id);
    }
    for (node, rows) in rows.iter().enumerate() {
        for row in rows {
            if row.is_whole && !whole.insert(row.id) {
                return Err(format!("message {} has committed twice", row.id));
            }
            let has_stopped = matches!(net.handle(node).status(), Status::Stopped(_));
            for effect in &row.effects {
                if let Effect::ToldLater(id) | Effect::AskedLater(id) = effect
                    && has_stopped
                {
                    ended.insert(*id);
                }
                match *effect {
                    Effect::Told { to, id } => in_order.entry((node, to)).or_default().push(id),
                    Effect::Asked { to, id } => {
                        in_order.entry((node, to)).or_default().push(id);
                        asked.insert(id, node);
                    }
                    Effect::ToldLater(id) => _ = later.insert(id),
                    Effect::AskedLater(id) => {
                        later.insert(id);
                        asked.insert(id, node);
                    }
                    Effect::Ran(id) => ran[node].push(id),
                }
            }
        }
    }
    let undelivered = net.undelivered.lock().unwrap().clone();
    let heard = net.heard.lock().unwrap().clone();
    let stopped = heard.iter().filter(|heard| heard.2 == Outcome::Stopped).map(|heard| heard.1);
    let mut gone: BTreeSet<u64> = undelivered.iter().copied().chain(stopped).collect();

    let (mut arrived, mut arrived_later) = (BTreeMap::<(usize, usize), Vec<u64>>::new(), BTreeSet::new());
    let mut all = BTreeSet::new();
    for (from, to, id) in &*net.arrivals.lock().unwrap() {
        if !all.insert(*id) {
            return Err(format!("message {id} has arrived twice"));
        }
        if later.contains(id) {
            arrived_later.insert(*id);
        } else {
            arrived.entry((*from, *to)).or_default().push(*id);
        }
    }
    // One that has arrived, and was to be served again, can be refused, too.
    gone.retain(|id| !all.contains(id));
    for ids in in_order.values_mut() {
        ids.retain(|id| !gone.contains(id));
    }
    in_order.retain(|_, ids| !ids.is_empty());
    later.retain(|id| !gone.contains(id));
    if arrived != in_order {
        return Err(format!("arrived, in order: {arrived:?}, and not {in_order:?}"));
    }
    let unsure = |id: &u64| ended.contains(id) && !all.contains(id);
    later.retain(|id| !unsure(id));
    asked.retain(|id, _| !unsure(id) || heard.iter().any(|heard| heard.1 == *id));
    if arrived_later != later {
        return Err(format!("arrived later: {arrived_later:?}, and not {later:?}"));
    }
    if undelivered.len() != undelivered.iter().collect::<BTreeSet<_>>().len() {
        return Err(format!("undelivered twice: {undelivered:?}"));
    }
    if *net.ran.lock().unwrap() != ran {
        return Err(format!("ran: {:?}, and not {ran:?}", net.ran.lock().unwrap()));
    }
    let mut answers = BTreeMap::new();
    for (node, id, outcome) in heard {
        if answers.insert(id, node).is_some() {
            return Err(format!("the answer to {id} has come twice"));
        }
        let told_the_truth = match outcome {
            Outcome::Answered(value) => value == answer_of(id) && whole.contains(&id),
            Outcome::Died => all.contains(&id) && !whole.contains(&id),
            Outcome::Stopped => !all.contains(&id),
            Outcome::Late => true,
        };
        if !told_the_truth {
            return Err(format!("the call {id} was {outcome:?}"));
        }
    }
    if answers != asked {
        return Err(format!("answers: {answers:?}, and not {asked:?}"));
    }
    Ok(())
}

struct World {
    net: Arc<Net>,
    tree: Supervisor,
}

impl World {
    async fn new(seed: u64, patience: Duration) -> Self {
        testing::quiet_panics();
        let net = Arc::new(Net {
            seed,
            patience,
            handles: Mutex::default(),
            ids: AtomicU64::new(0),
            arrivals: Mutex::default(),
            ran: Mutex::default(),
            heard: Mutex::default(),
            undelivered: Mutex::default(),
            sent_from_outside: Mutex::default(),
            moments: AtomicU64::new(0),
            trap: Mutex::default(),
            panics: AtomicU32::new(0),
        });
        let (mut tree, _) = Recorder::tree();
        for me in 0..NODES {
            let seen = Arc::clone(&net);
            let undelivered = move |Undelivered { why, args, .. }: Undelivered| {
                // One that died has arrived before.
                let (Refusal::Stopped(_), Some(args)) = (why, args) else { return };
                if let Some((_, id, _)) = args.downcast_ref::<(usize, u64, u32)>() {
                    seen.undelivered.lock().unwrap().push(*id);
                }
                if let Ok(args) = args.downcast::<((u64, u32), CallResult<u64>)>() {
                    let ((id, _), answer) = *args;
                    seen.heard(me, id, answer);
                }
            };
            let spec = Node::spec(me, Arc::clone(&net)).name(format!("node {me}"));
            let handle = tree.worker(spec.on_undelivered(undelivered));
            net.handles.lock().unwrap().push(handle);
        }
        Self { net, tree: tree.start().await.unwrap() }
    }

    /// A message from outside.
    async fn tell(&self, to: usize, depth: u32) {
        let id = self.net.next_id();
        // Before it is sent: it is served at once.
        self.net.sent_from_outside.lock().unwrap().push((to, id));
        if let Err(error) = self.net.handle(to).tell(OUTSIDE, id, depth).await {
            refused(error, &(OUTSIDE, id, depth));
            self.net.sent_from_outside.lock().unwrap().retain(|(_, sent)| *sent != id);
        }
    }

    async fn rows(&self, context: &str) -> Vec<Vec<Row>> {
        let mut rows = Vec::new();
        for node in 0..NODES {
            let handle = self.net.handle(node);
            rows.push(match handle.status() {
                Status::Stopped(_) => {
                    handle.estate().claim("test").unwrap().rows.iter().map(|(_, row)| row).collect()
                }
                _ => soon(handle.written(), context).await.unwrap(),
            });
        }
        rows
    }

    /// Each mailbox holds what it is to hold: all permits are back.
    async fn has_all_permits(&self, context: &str) {
        for node in 0..NODES {
            let handle = self.net.handle(node);
            if let Status::Stopped(_) = handle.status() {
                continue;
            }
            soon(handle.pause(), context).await.unwrap();
            let free = std::iter::from_fn(|| handle.try_probe().ok()).count();
            assert_eq!(free, ROOM, "of node {node}, {context}");
            handle.resume();
        }
    }

    /// Nobody has anything to do any more: everything is as the model says.
    async fn settles(self, context: &str) {
        self.net.panics.store(0, Ordering::Relaxed);
        self.net.trap.lock().unwrap().take();
        // Longer than a delayed message, and than all who wait for a permit together.
        sleep(Duration::from_hours(1)).await;
        agrees(&self.net, &self.rows(context).await).unwrap_or_else(|error| panic!("{error}\n{context}"));
        self.has_all_permits(context).await;
        quiet().await;
        let report = self.tree.shutdown().await;
        assert_eq!(report.unresponsive, [], "{context}");
        self.net.handles.lock().unwrap().clear();
    }
}

/// Everything but a wait for ever is over by then.
async fn soon<R>(work: impl Future<Output = R>, context: &str) -> R {
    timeout(Duration::from_secs(60), work).await.unwrap_or_else(|_| panic!("waited for ever: {context}"))
}

fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// When somebody dies.
#[derive(Clone, Copy, Debug)]
enum When {
    /// At a moment in a handler.
    Moment(u64),
    /// After so many turns of everybody, wherever it is: also while it waits for a permit.
    Turn(u64),
}

/// Plays a scene in which somebody dies; says whether there was such a moment.
fn play(seed: u64, when: When, strike: Strike) -> bool {
    paused().block_on(async {
        let world = World::new(seed, Duration::from_secs(1)).await;
        if let When::Moment(at) = when {
            *world.net.trap.lock().unwrap() = Some((at, strike));
        }
        for to in 0..NODES {
            world.tell(to, 3).await;
        }
        let mut sprung = false;
        if let When::Turn(turns) = when {
            for _ in 0..turns {
                yield_now().await;
            }
            let before = world.net.moments.load(Ordering::SeqCst);
            (0..NODES).for_each(|node| world.net.strike(node, strike));
            sleep(Duration::from_secs(1)).await;
            sprung = world.net.moments.load(Ordering::SeqCst) > before;
        }
        sleep(Duration::from_hours(1)).await;
        sprung |= matches!(when, When::Moment(_)) && world.net.trap.lock().unwrap().is_none();
        world.settles(&format!("seed {seed}, {strike:?} at {when:?}")).await;
        sprung
    })
}

#[test]
fn a_death_at_every_moment_of_a_handler_sends_what_has_committed_and_nothing_else() {
    let mut random = Random::new();
    let mut moments = 0;
    let seed = u64::from(random.below(u32::MAX));
    for strike in STRIKES {
        moments += (0..300).take_while(|at| play(seed, When::Moment(*at), strike)).count();
    }
    println!("{moments} moments, {random}");
    assert!(moments > 10, "there is nothing to see, {random}");
}

#[test]
fn a_death_at_every_turn_sends_what_has_committed_and_nothing_else() {
    let mut random = Random::new();
    let seed = u64::from(random.below(u32::MAX));
    let mut turns = 0;
    for strike in [Strike::Kill, Strike::KillManager, Strike::KillBoth, Strike::Restart] {
        turns += (0..150).take_while(|at| play(seed, When::Turn(*at), strike)).count();
    }
    println!("{turns} turns, {random}");
}

/// Sends from outside, and strikes here and there.
async fn storm(world: &World, random: &mut Random, steps: u32, strikes: &[Strike], stops: bool) {
    world.net.panics.store(random.below(100), Ordering::Relaxed);
    let stop_at = random.below(steps);
    let mut stopping = None;
    for step in 0..steps {
        let node = random.below(NODES as u32) as usize;
        if stops && step == stop_at {
            let handle = world.net.handle(node);
            stopping = Some(tokio::spawn(async move { handle.stop().await }));
        }
        match random.below(4) {
            0 => world.tell(node, 1 + random.below(3)).await,
            1 => world.net.strike(node, *random.of_these(strikes)),
            2 => sleep(Duration::from_millis(u64::from(random.below(3)))).await,
            _ => {
                for _ in 0..random.below(20) {
                    yield_now().await;
                }
            }
        }
    }
    if let Some(stopping) = stopping {
        stopping.await.unwrap();
    }
}

#[test]
fn a_storm_over_workers_that_send_to_each_other_loses_nothing_and_doubles_nothing() {
    for mut random in Random::each(60) {
        let context = random.to_string();
        let seed = u64::from(random.below(u32::MAX));
        for stops in [false, true] {
            paused().block_on(async {
                let world = World::new(seed, Duration::from_millis(5)).await;
                storm(&world, &mut random, 150, &STRIKES[1..], stops).await;
                world.settles(&format!("{context}, stops: {stops}")).await;
            });
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_on_several_threads_loses_nothing_and_doubles_nothing() {
    let mut random = Random::new();
    let context = random.to_string();
    for _ in 0..10 {
        let world = World::new(u64::from(random.below(u32::MAX)), Duration::from_millis(2)).await;
        storm(&world, &mut random, 300, &STRIKES[1..6], false).await;
        world.net.panics.store(0, Ordering::Relaxed);
        // Until all that was sent has arrived, and nothing has been made since: an answer on its way
        // may be the cause of more.
        let end = std::time::Instant::now() + Duration::from_secs(30);
        let mut made_before = None;
        loop {
            let made = world.net.ids.load(Ordering::SeqCst);
            match agrees(&world.net, &world.rows(&context).await) {
                Ok(()) if made_before == Some(made) => break,
                Ok(()) => made_before = Some(made),
                Err(error) => {
                    assert!(std::time::Instant::now() < end, "{error}\n{context}");
                    made_before = None;
                }
            }
            yield_now().await;
        }
        world.has_all_permits(&context).await;
        let report = world.tree.shutdown().await;
        assert_eq!(report.unresponsive, [], "{context}");
        world.net.handles.lock().unwrap().clear();
    }
}
