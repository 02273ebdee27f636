//! What is counted.

use std::hint::black_box;
use std::sync::{Arc, Mutex};

use heir_runtime::table::Table;
use heir_runtime::{Dynamic, Supervisor, SupervisorBuilder};
use tokio::runtime::Builder;
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};

use crate::subscribers;
use crate::workers::{Counts, Kept, Message, Recorded, serve, serve_again};

pub struct Scenario {
    pub name: &'static str,
    /// The same thing, done by hand; or without a subscriber of `tracing`.
    pub by_hand: &'static str,
    /// How often it is done; twice as often, too.
    pub times: u64,
    /// Whether it must take the very same instructions.
    pub exact: bool,
}

const fn scenario(name: &'static str, by_hand: &'static str, times: u64) -> Scenario {
    Scenario { name, by_hand, times, exact: false }
}

/// What is done by hand is before what is compared with it.
pub const ALL: &[Scenario] = &[
    scenario("call by hand", "call by hand", 4_000),
    scenario("call, keep table", "call by hand", 4_000),
    scenario("call, recorded table", "call by hand", 4_000),
    #[cfg(feature = "store")]
    scenario("call, a store in the tree", "call, keep table", 4_000),
    Scenario { exact: true, ..scenario("call, a subscriber for INFO", "call, keep table", 4_000) },
    scenario("call, its spans counted", "call, keep table", 4_000),
    scenario("cast by hand", "cast by hand", 8_000),
    scenario("cast, keep table", "cast by hand", 8_000),
    scenario("cast, recorded table", "cast by hand", 8_000),
    #[cfg(feature = "store")]
    scenario("cast, a store in the tree", "cast, recorded table", 8_000),
    Scenario { exact: true, ..scenario("cast, a subscriber for INFO", "cast, keep table", 8_000) },
    scenario("cast, its spans counted", "cast, keep table", 8_000),
    scenario("write by hand", "write by hand", 8_000),
    scenario("recorded write", "write by hand", 8_000),
    scenario("lookup by hand", "lookup by hand", 8_000),
    scenario("reader's lookup", "lookup by hand", 8_000),
    scenario("panic and restart by hand", "panic and restart by hand", 200),
    scenario("panic and restart, keep table", "panic and restart by hand", 200),
    scenario("panic and restart, recorded table", "panic and restart by hand", 200),
    scenario("start and stop by hand", "start and stop by hand", 400),
    scenario("start and stop, keep table", "start and stop by hand", 400),
    scenario("start and stop, recorded table", "start and stop by hand", 400),
    scenario("owner's access by hand", "owner's access by hand", 8_000),
    Scenario { exact: true, ..scenario("owner's access, keep table", "owner's access by hand", 8_000) },
];

const MAILBOX: usize = 64;
/// The only one. More of them lie differently in every process, by the seed of their hashes, and cost 3 % more or less.
const ROW: u64 = 0;

pub fn run(name: String, times: u64) {
    // What a panic prints is not what is counted.
    std::panic::set_hook(Box::new(|_| {}));
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    // In a task, as a service has it: what is waited for in `block_on` itself parks the thread each time.
    runtime.block_on(async { tokio::spawn(carry_out(name, times)).await.unwrap() });
}

async fn carry_out(name: String, times: u64) {
    match &*name {
        "call by hand" => calls_by_hand(times).await,
        "call, keep table" => calls_kept(times).await,
        "call, recorded table" => calls_recorded(times).await,
        "call, a subscriber for INFO" => {
            subscribers::for_info();
            calls_kept(times).await;
        }
        "call, its spans counted" => {
            subscribers::that_counts_spans();
            calls_kept(times).await;
        }
        #[cfg(feature = "store")]
        "call, a store in the tree" => calls_kept_in(beside_a_store(), times).await,
        #[cfg(feature = "store")]
        "cast, a store in the tree" => casts_recorded_in(beside_a_store(), times).await,
        "cast by hand" => casts_by_hand(times).await,
        "cast, keep table" => casts_kept(times).await,
        "cast, recorded table" => casts_recorded(times).await,
        "cast, a subscriber for INFO" => {
            subscribers::for_info();
            casts_kept(times).await;
        }
        "cast, its spans counted" => {
            subscribers::that_counts_spans();
            casts_kept(times).await;
        }
        "write by hand" => writes_by_hand(times),
        "recorded write" => recorded_writes(times),
        "lookup by hand" => lookups_by_hand(times),
        "reader's lookup" => readers_lookups(times),
        "panic and restart by hand" => restarts_by_hand(times).await,
        "panic and restart, keep table" => restarts_kept(times).await,
        "panic and restart, recorded table" => restarts_recorded(times).await,
        "start and stop by hand" => starts_by_hand(times).await,
        "start and stop, keep table" => starts_kept(times).await,
        "start and stop, recorded table" => starts_recorded(times).await,
        "owner's access by hand" => churned_by_hand(times).await,
        "owner's access, keep table" => churned_kept(times).await,
        other => panic!("there is no `{other}`"),
    }
}

async fn call_by_hand(worker: &mpsc::Sender<Message>, key: u64) -> Option<u64> {
    let (reply, answer) = oneshot::channel();
    worker.send(Message::Call(key, reply)).await.unwrap();
    answer.await.ok()
}

async fn calls_by_hand(times: u64) {
    let (worker, messages) = mpsc::channel(MAILBOX);
    tokio::spawn(serve(messages));
    for _ in 0..times {
        black_box(call_by_hand(&worker, black_box(ROW)).await);
    }
}

async fn casts_by_hand(times: u64) {
    let (worker, messages) = mpsc::channel(MAILBOX);
    tokio::spawn(serve(messages));
    for _ in 0..times {
        worker.send(Message::Cast(black_box(ROW))).await.unwrap();
    }
    call_by_hand(&worker, 0).await;
}

async fn restarts_by_hand(times: u64) {
    let (worker, messages) = mpsc::channel(MAILBOX);
    let messages = Arc::new(AsyncMutex::new(messages));
    let counts = Arc::new(Mutex::new(Counts::default()));
    tokio::spawn(async move {
        while tokio::spawn(serve_again(Arc::clone(&messages), Arc::clone(&counts))).await.is_err() {}
    });
    for _ in 0..times {
        worker.send(Message::Die).await.unwrap();
        black_box(call_by_hand(&worker, 0).await);
    }
}

async fn starts_by_hand(times: u64) {
    for _ in 0..times {
        let (worker, messages) = mpsc::channel(MAILBOX);
        let task = tokio::spawn(serve(messages));
        call_by_hand(&worker, 0).await;
        drop(worker);
        task.await.unwrap();
    }
}

/// The same for a worker of either kind.
macro_rules! scenarios {
    ($worker:ident, $calls:ident, $calls_in:ident, $casts:ident, $casts_in:ident, $restarts:ident, $starts:ident) => {
        async fn $calls(times: u64) {
            $calls_in(Supervisor::builder("regression"), times).await;
        }

        async fn $calls_in(mut tree: SupervisorBuilder, times: u64) {
            let worker = tree.worker($worker::spec().mailbox(MAILBOX));
            let _tree = tree.start().await.unwrap();
            for _ in 0..times {
                black_box(worker.add(black_box(ROW)).await.unwrap());
            }
        }

        async fn $casts(times: u64) {
            $casts_in(Supervisor::builder("regression"), times).await;
        }

        async fn $casts_in(mut tree: SupervisorBuilder, times: u64) {
            let worker = tree.worker($worker::spec().mailbox(MAILBOX));
            let _tree = tree.start().await.unwrap();
            for _ in 0..times {
                worker.note(black_box(ROW)).await.unwrap();
            }
            worker.add(0).await.unwrap();
        }

        async fn $restarts(times: u64) {
            let mut tree = Supervisor::builder("regression").intensity(u32::MAX);
            let worker = tree.worker($worker::spec().mailbox(MAILBOX));
            let _tree = tree.start().await.unwrap();
            for _ in 0..times {
                worker.die().await.unwrap();
                black_box(worker.add(0).await.unwrap());
            }
        }

        async fn $starts(times: u64) {
            let mut tree = Supervisor::builder("regression");
            let workers = tree.child(Dynamic::<u64, $worker>::spec().name("workers"));
            let _tree = tree.start().await.unwrap();
            for n in 0..times {
                let worker = workers.start(n, $worker::spec()).await.unwrap();
                black_box(worker.add(0).await.unwrap());
                workers.stop(&n).await.unwrap();
            }
        }
    };
}

scenarios!(Kept, calls_kept, calls_kept_in, casts_kept, casts_kept_in, restarts_kept, starts_kept);
scenarios!(
    Recorded,
    calls_recorded,
    calls_recorded_in,
    casts_recorded,
    casts_recorded_in,
    restarts_recorded,
    starts_recorded
);

/// A tree with a store, which keeps nothing of these workers.
#[cfg(feature = "store")]
fn beside_a_store() -> SupervisorBuilder {
    Supervisor::builder("regression").store(heir_runtime::store::Store::in_memory())
}

/// The map underneath, which hashes as a table does.
type Map = papaya::HashMap<u64, u64, foldhash::fast::FixedState>;

fn writes_by_hand(times: u64) {
    let map = Map::default();
    for n in 0..times {
        map.pin().insert(black_box(ROW), n);
    }
}

fn recorded_writes(times: u64) {
    let mut table = Table::<u64, u64>::for_tests();
    for n in 0..times {
        table.insert(black_box(ROW), n);
        table.commit();
    }
}

fn lookups_by_hand(times: u64) {
    let map = Map::default();
    map.pin().insert(ROW, 1);
    for _ in 0..times {
        black_box(map.pin().get(&(black_box(ROW))).copied());
    }
}

fn readers_lookups(times: u64) {
    let mut table = Table::<u64, u64>::for_tests();
    table.insert(ROW, 1);
    table.commit();
    let reader = table.reader();
    for _ in 0..times {
        black_box(reader.get(&(black_box(ROW))));
    }
}

async fn churned_by_hand(times: u64) {
    let (worker, messages) = mpsc::channel(MAILBOX);
    tokio::spawn(serve(messages));
    let (reply, answer) = oneshot::channel();
    worker.send(Message::Churn(times, reply)).await.unwrap();
    black_box(answer.await.unwrap());
}

async fn churned_kept(times: u64) {
    let mut tree = Supervisor::builder("regression");
    let worker = tree.worker(Kept::spec());
    let _tree = tree.start().await.unwrap();
    black_box(worker.churn(times).await.unwrap());
}
