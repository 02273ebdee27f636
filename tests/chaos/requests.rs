//! Whatever is asked of a supervisor that ends at that moment is answered.
//!
//! The queue of requests is explored in every order by loom (`util/queue.rs`); this is the whole, on several threads.

use std::time::Duration;

use heir_runtime::supervision::{ChildError, DynamicError};
use heir_runtime::{Dynamic, Spec, StartError, Stopped, Supervisor, SupervisorHandle, handlers, heir};
use heir_tests::Random;
use tokio::task::{JoinSet, yield_now};
use tokio::time::timeout;

#[heir]
struct Plain {
    #[table(keep)]
    calls: u64,
}

#[handlers]
impl Plain {
    fn count(&mut self) -> u64 {
        self.calls += 1;
        self.calls
    }
}

/// What one of several tasks asks for, again and again, until it is told that there is nobody left to ask.
#[derive(Clone, Copy, Debug)]
enum Ask {
    Terminate,
    Restart,
    Delete,
    Start,
    StartByKey,
    Upgrade,
    Stop,
    Renew,
}

const ASKS: [Ask; 8] = [
    Ask::Terminate,
    Ask::Restart,
    Ask::Delete,
    Ask::Start,
    Ask::StartByKey,
    Ask::Upgrade,
    Ask::Stop,
    Ask::Renew,
];

/// Far more than any answer takes on a busy machine: only what is never answered takes so long.
const NEVER: Duration = Duration::from_secs(30);

/// Another type of worker with the same tables.
#[heir(tables = PlainTables)]
struct Other {
    #[table(keep)]
    calls: u64,
}

#[handlers]
impl Other {
    fn count(&mut self) -> u64 {
        self.calls
    }
}

#[derive(Clone)]
struct Asked {
    tree: SupervisorHandle,
    many: Dynamic<u32, Plain>,
    child: PlainHandle,
}

/// Asks once; `false` says that nobody is left to ask.
async fn ask(what: Ask, of: &Asked, n: u32) -> bool {
    match what {
        Ask::Terminate => goes_on(of.tree.terminate_child("child").await),
        Ask::Restart => goes_on(of.tree.restart_child("child").await),
        Ask::Delete => goes_on(of.tree.delete_child("child").await),
        Ask::Start => match of.tree.start_child(Plain::spec().name(format!("child {n}"))).await {
            Ok(_) | Err(StartError::DuplicateName(_)) => true,
            Err(StartError::Stopped(Stopped::Shutdown)) => false,
            Err(other) => panic!("{other}"),
        },
        Ask::StartByKey => match of.many.start(n, Plain::spec()).await {
            Ok(_) | Err(DynamicError::AlreadyStarted(_)) => true,
            Err(DynamicError::NotStarted(StartError::Stopped(Stopped::Shutdown))) => false,
            Err(other) => panic!("{other}"),
        },
        Ask::Upgrade => goes_on(of.tree.upgrade_child(&of.child, Spec::<Other>::new(())).await.map(drop)),
        Ask::Stop => {
            of.child.stop().await;
            false
        }
        Ask::Renew => of.child.restart().await.is_ok(),
    }
}

fn goes_on(answer: Result<(), ChildError>) -> bool {
    !matches!(
        answer,
        Err(ChildError::Gone | ChildError::Ended | ChildError::Ending | ChildError::NotFound(_))
    )
}

async fn round(what: Ask, random: &mut Random) {
    let mut tree = Supervisor::builder("app").intensity(u32::MAX);
    let child = tree.child(Plain::spec().name("child"));
    let many = tree.child(Dynamic::<u32, Plain>::spec().name("many"));
    let tree = tree.start().await.unwrap();
    let asked = Asked { tree: SupervisorHandle::clone(&tree), many: many.clone(), child };
    let mut asking = JoinSet::new();
    for task in 0..3 {
        let asked = asked.clone();
        asking.spawn(async move {
            let mut n = task;
            while ask(what, &asked, n).await {
                n += 3;
                yield_now().await;
            }
        });
    }
    for _ in 0..random.below(20) {
        yield_now().await;
    }
    timeout(NEVER, tree.shutdown()).await.expect("a shutdown has an end");
    timeout(NEVER, asking.join_all()).await.unwrap_or_else(|_| panic!("{what:?} is not answered: {random}"));
    assert_eq!(many.keys(), [], "nobody serves them: {random}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn every_request_that_meets_the_shutdown_is_answered() {
    let mut random = Random::new();
    for _ in 0..400 {
        for what in ASKS {
            round(what, &mut random).await;
        }
    }
}

/// Nobody waits for the answer: the key is free all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_key_whose_start_nobody_waits_for_is_free_when_nobody_will_serve_it() {
    for _ in 0..200 {
        let many = Dynamic::<u32, Plain>::spec().start().await.unwrap();
        let keys = Dynamic::clone(&many);
        let starts = {
            let keys = keys.clone();
            tokio::spawn(async move {
                for key in 0.. {
                    let mut start = Box::pin(keys.start(key, Plain::spec()));
                    let polled =
                        std::future::poll_fn(|cx| std::task::Poll::Ready(start.as_mut().poll(cx))).await;
                    if let std::task::Poll::Ready(Err(_)) = polled {
                        return;
                    }
                    yield_now().await;
                }
            })
        };
        yield_now().await;
        timeout(NEVER, many.shutdown()).await.expect("a shutdown has an end");
        starts.await.unwrap();
        assert_eq!(keys.keys(), []);
    }
}
