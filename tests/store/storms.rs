//! Everything at once, again and again: workers, managers and subtrees die, the disk fails, and the process ends.
//!
//! `HEIR_STORMS=100` asks for so many processes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use heir_runtime::store::{Store, StoreOptions};
use heir_runtime::{CallError, Context, Strategy, Supervisor, SupervisorBuilder, Table, handlers, heir};
use heir_tests::Random;
use heir_tests::disk::{Disk, Operation};
use serde::{Deserialize, Serialize};
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

const WORKERS: usize = 4;
const CLIENTS: u64 = 12;

/// What is told of from elsewhere than the thread of the store.
fn is_elsewhere(what: &str) {
    let this = thread::current();
    if this.name() == Some("heir store") {
        eprintln!("{what} on the thread of the store: {}", std::backtrace::Backtrace::force_capture());
        std::process::abort();
    }
}

/// A row that notes where it is dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Row(u64, String);

impl Row {
    /// Some are large, so that rows are written anew beside.
    fn new(number: u64) -> Self {
        Self(number, "x".repeat(if number.is_multiple_of(2) { 20_000 } else { 10 }))
    }
}

impl Drop for Row {
    fn drop(&mut self) {
        is_elsewhere("a row was dropped");
    }
}

/// What everybody hears, whatever becomes of it.
#[heir]
struct Listener {
    #[table(keep)]
    heard: BTreeMap<u64, Vec<u64>>,
}

#[handlers]
impl Listener {
    #[cast]
    fn hear(&mut self, client: u64, number: u64) {
        self.heard.entry(client).or_default().push(number);
    }

    fn heard(&mut self) -> BTreeMap<u64, Vec<u64>> {
        self.heard.clone()
    }
}

#[heir(survives = process)]
struct Teller {
    #[table]
    pub last: Table<u64, Row>,
    #[table]
    pub all: Table<(u64, u64), Row>,
    #[table(rollback, survives = task)]
    count: u64,
    /// How many rows there are in `all`.
    #[table(rollback)]
    total: u64,
    #[arg]
    listener: ListenerHandle,
    #[arg]
    after: Arc<Mutex<Vec<(u64, u64)>>>,
}

#[handlers]
impl Teller {
    #[on(start)]
    fn started(&mut self) {
        self.count += 0;
        self.last.insert(u64::MAX, Row::new(0));
    }

    /// Keeps a number, and tells it to the listener.
    pub async fn tell(&mut self, cx: &mut Context<Self>, client: u64, number: u64) -> Row {
        self.last.insert(client, Row::new(number));
        self.all.insert((client, number), Row(number, String::new()));
        self.count += 1;
        self.total += 1;
        cx.send(self.listener.hear(client, number)).await.unwrap();
        if number.is_multiple_of(3) {
            // The same boundary, twice.
            cx.commit(self);
        }
        if number.is_multiple_of(5) {
            tokio::task::yield_now().await;
        }
        let after = Arc::clone(&self.after);
        cx.after_commit(move || {
            is_elsewhere("a closure ran");
            after.lock().unwrap().push((client, number));
        });
        if number.is_multiple_of(17) {
            // Without a word.
            std::panic::resume_unwind(Box::new("now and then"));
        }
        Row(number, String::new())
    }

    /// What the owner sees, and how many rows there are that it has not counted: those of earlier processes.
    pub fn last_of(&mut self, client: u64) -> (u64, i64) {
        assert!(self.agrees(), "it has counted {} of {} rows", self.total, self.all.len());
        let last = self.last.get(&client).map_or(0, |row| row.0);
        (last, i64::try_from(self.all.len()).unwrap() - i64::try_from(self.count).unwrap())
    }

    /// Whether its total, which survives, agrees with its rows.
    pub fn agrees(&mut self) -> bool {
        self.total == self.all.len() as u64
    }
}

type After = Arc<Mutex<Vec<(u64, u64)>>>;

fn service(
    kept: &Store,
    listener: &ListenerHandle,
    random: &mut Random,
    mut tree: SupervisorBuilder,
) -> (SupervisorBuilder, Vec<TellerHandle>, Vec<After>) {
    let strategy = *random.of_these(&[Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne]);
    tree = tree.store(kept.clone()).intensity(u32::MAX).observe(|_| is_elsewhere("an observer was told"));
    let mut inner = Supervisor::builder("inner").intensity(u32::MAX).strategy(strategy);
    let (mut tellers, mut afters) = (Vec::new(), Vec::new());
    for at in 0..WORKERS {
        let after = After::default();
        let spec = Teller::spec(listener.clone(), Arc::clone(&after)).name(format!("teller {at}"));
        tellers.push(inner.worker(spec));
        afters.push(after);
    }
    tree.child(inner);
    (tree, tellers, afters)
}

#[derive(Debug, Default)]
struct Known {
    /// By client: the last number that was answered, those that are unknown, the last one sent.
    answered: BTreeMap<u64, u64>,
    unknown: BTreeMap<u64, BTreeSet<u64>>,
    sent: BTreeMap<u64, u64>,
    count: u64,
    /// What this process has answered.
    here: Vec<(u64, u64)>,
}

async fn client(teller: TellerHandle, client: u64, known: Arc<Mutex<Known>>, told: Random) {
    loop {
        let number = {
            let mut known = known.lock().unwrap();
            let sent = known.sent.entry(client).or_default();
            *sent += 1;
            *sent
        };
        let outcome = teller.tell(client, number).await;
        let seen = teller.last().get(&client).map_or(0, |row| row.0);
        let mut known = known.lock().unwrap();
        match outcome {
            Ok(row) => {
                assert_eq!(row.0, number);
                assert!(seen >= number, "{client}: {seen} is seen, {number} was answered: {told}");
                known.answered.insert(client, number);
                known.count += 1;
                known.here.push((client, number));
            }
            Err(CallError::NotSent { .. }) => return,
            // Of a death, too, it is known only of parts that nothing was committed.
            Err(_) => {
                known.unknown.entry(client).or_default().insert(number);
            }
        }
        let answered = known.answered.get(&client).copied().unwrap_or(0);
        assert!(seen >= answered, "{client}: {seen} is seen, {answered} was answered: {told}");
    }
}

async fn destroyer(tellers: Vec<TellerHandle>, disk: Disk, mut random: Random) {
    loop {
        let teller = random.of_these(&tellers).clone();
        match random.below(24) {
            0..3 => {
                teller.kill();
            }
            3..5 => {
                teller.kill_manager();
            }
            5 => {
                teller.kill();
                teller.kill_manager();
            }
            6..8 => drop(timeout(Duration::from_millis(2), teller.restart()).await),
            8..12 => disk.fail_after(random.below(12).into(), random.below(2) == 0),
            12 => disk.leave_room(random.below(100_000) as usize),
            13 => disk.fail(Operation::Write, std::io::ErrorKind::Other),
            14..16 => disk.hold_syncs(),
            16..18 => disk.release(),
            _ => {
                disk.is_well();
                disk.release();
            }
        }
        sleep(Duration::from_micros(u64::from(random.below(4_000)))).await;
    }
}

/// A process. Returns what the next one is to find, or more.
fn process(disk: &Disk, known: &Arc<Mutex<Known>>, random: &mut Random) {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let told = random.clone();
    runtime.block_on(async {
        let options = StoreOptions::default();
        let options = if random.below(2) == 0 { options.waiting(1).waiting_per_worker(1) } else { options };
        let kept = options.open_on(disk.backend()).unwrap();
        let mut tree = Supervisor::builder("app");
        let listener = tree.worker(Listener::spec());
        let (tree, tellers, afters) = service(&kept, &listener, random, tree);
        let tree = timeout(Duration::from_secs(30), tree.start()).await.expect("it starts").unwrap();
        // What is there is what is known.
        {
            let mut known = known.lock().unwrap();
            known.here.clear();
            for client in 0..CLIENTS {
                let teller = &tellers[client as usize % WORKERS];
                let row = teller.last().get(&client);
                assert!(row.as_ref().is_none_or(|row| *row == Row::new(row.0)), "{row:?}: {told}");
                let last = row.map_or(0, |row| row.0);
                let answered = known.answered.get(&client).copied().unwrap_or(0);
                let sent = known.sent.get(&client).copied().unwrap_or(0);
                assert!((answered..=sent).contains(&last), "{client}: {answered} {last} {sent}: {told}");
                // None is there that was sent after it, and it is there in both tables.
                let all = teller.all();
                assert!(last == 0 || all.contains_key(&(client, last)), "{client}: {last}: {told}");
                assert!(!all.contains_key(&(client, last + 1)), "{client}: {last}: {told}");
                known.answered.insert(client, last);
                known.sent.insert(client, sent);
                known.unknown.remove(&client);
            }
        }
        for teller in &tellers {
            assert!(teller.agrees().await.unwrap(), "a total does not agree with the rows: {told}");
        }
        let before: Vec<_> = tellers.iter().map(|teller| teller.all().len()).collect();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let teller = tellers[number as usize % WORKERS].clone();
                tokio::spawn(client(teller, number, Arc::clone(known), told.clone()))
            })
            .collect();
        let destroyer = tokio::spawn(destroyer(tellers.clone(), disk.clone(), random.another()));
        sleep(Duration::from_millis(u64::from(100 + random.below(400)))).await;
        destroyer.abort();
        assert!(destroyer.await.is_err_and(|error| error.is_cancelled()), "{told}");
        disk.is_well();
        disk.release();
        let here = known.lock().unwrap().here.clone();
        // Everybody goes on.
        for (client, teller) in (0..CLIENTS).zip(tellers.iter().cycle()) {
            let answered = known.lock().unwrap().answered.get(&client).copied().unwrap_or(0);
            let last = loop {
                match timeout(Duration::from_secs(30), teller.last_of(client)).await {
                    Ok(Ok(last)) => break last,
                    Ok(Err(CallError::NotSent { .. })) => panic!("{} has stopped: {told}", teller.name()),
                    Ok(Err(error)) => {
                        assert!(!error.to_string().contains("it has counted"), "{error}: {told}")
                    }
                    Err(_) => panic!("{} hangs: {:?}: {told}", teller.name(), teller.status()),
                }
            };
            let (last, uncounted) = last;
            assert_eq!(
                uncounted,
                i64::try_from(before[client as usize % WORKERS]).unwrap(),
                "{}: {told}",
                teller.name()
            );
            assert!(last >= answered, "{client}: {last} is there, {answered} was answered: {told}");
        }
        let heard = timeout(Duration::from_secs(30), listener.heard()).await.expect("it hears").unwrap();
        for (client, number) in &here {
            let is_heard = heard.get(client).is_some_and(|heard| heard.contains(number));
            assert!(is_heard, "{client}, {number} was answered, and not told: {told}");
            let after = afters[*client as usize % WORKERS].lock().unwrap();
            assert!(after.contains(&(*client, *number)), "{client}, {number} has no end: {told}");
        }
        check_heard(heard, &tellers, &told);
        if random.below(3) > 0 {
            timeout(Duration::from_secs(30), tree.shutdown())
                .await
                .unwrap_or_else(|_| panic!("hangs: {told}"));
            for outcome in clients {
                timeout(Duration::from_secs(30), outcome).await.expect("a caller hangs").unwrap();
            }
            check_effects(&tellers, &afters, &told);
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(10));
}

fn check_heard(heard: BTreeMap<u64, Vec<u64>>, tellers: &[TellerHandle], told: &Random) {
    for (client, numbers) in heard {
        let seen: BTreeSet<_> = numbers.iter().copied().collect();
        assert_eq!(seen.len(), numbers.len(), "client {client} is heard twice: {told}");
        assert!(numbers.is_sorted(), "client {client} is heard in disorder: {told}");
        let all = tellers[client as usize % WORKERS].all();
        for number in numbers {
            assert!(all.contains_key(&(client, number)), "{client}, {number} is not there: {told}");
        }
    }
}

fn check_effects(tellers: &[TellerHandle], afters: &[After], told: &Random) {
    for (teller, after) in tellers.iter().zip(afters) {
        let after = after.lock().unwrap();
        let mut last = BTreeMap::<u64, u64>::new();
        let all = teller.all();
        for (client, number) in &*after {
            let before = last.insert(*client, *number).unwrap_or(0);
            assert!(before < *number, "{client}: {before} before {number}: {told}");
            assert!(all.contains_key(&(*client, *number)), "{client}, {number} is not there: {told}");
        }
    }
}

fn storms() -> u32 {
    std::env::var("HEIR_STORMS").map_or(12, |storms| storms.parse().expect("a number of processes"))
}

#[test]
fn storms_of_deaths_and_failures_lose_nothing_that_was_answered_and_stop_nobody() {
    let mut random = Random::new();
    println!("{random}");
    let known = Arc::new(Mutex::new(Known::default()));
    let mut image = Vec::new();
    for storm in 0..storms() {
        let disk = Disk::with(image);
        process(&disk, &known, &mut random);
        image = if random.below(2) == 0 { disk.contents() } else { disk.survivors(&mut random) };
        println!("{storm}: {} answered, {} bytes", known.lock().unwrap().count, image.len());
    }
    assert!(known.lock().unwrap().count > 0);
}
