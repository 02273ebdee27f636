//! Many workers of one type, by key.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;

use heir_runtime::supervision::DynamicError;
use heir_runtime::{Dynamic, ExitReason, Restart, StartError, Stopped, Supervisor};
use heir_tests::Log;
use heir_tests::fuse::Fuse;
use heir_tests::waits::{is_pending, quiet};

use super::{Member, MemberHandle, failing, member};

async fn start() -> (Supervisor, Dynamic<u32, Member>, Log) {
    let mut tree = Supervisor::builder("app");
    let dynamic = tree.child(Dynamic::<u32, Member>::spec().name("many"));
    (tree.start().await.unwrap(), dynamic, Log::default())
}

async fn begin(dynamic: &Dynamic<u32, Member>, key: u32, log: &Log) -> MemberHandle {
    dynamic.start(key, member("m", log)).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn each_worker_is_found_by_its_key_and_has_its_own_tables() {
    let (_tree, dynamic, log) = start().await;
    for key in 0..10 {
        begin(&dynamic, key, &log).await;
    }
    for key in 0..10 {
        for _ in 0..key {
            dynamic.get(&key).unwrap().count().await.unwrap();
        }
    }
    for key in 0..10 {
        let worker = dynamic.get(&key).unwrap();
        worker.die().await.unwrap();
        assert_eq!(worker.count().await.unwrap(), u64::from(key) + 1);
        assert_eq!(worker.name(), format!("m[{key}]"));
    }
    assert_eq!((dynamic.len(), dynamic.get(&10).is_none()), (10, true));
}

#[tokio::test(start_paused = true)]
async fn a_key_is_given_once_and_the_error_has_the_worker_that_has_it() {
    let (_tree, dynamic, log) = start().await;
    begin(&dynamic, 1, &log).await.count().await.unwrap();
    match dynamic.start(1, member("m", &log)).await {
        Err(DynamicError::AlreadyStarted(first)) => assert_eq!(first.count().await.unwrap(), 2),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_has_ended_for_good_leaves_its_key_free() {
    let (_tree, dynamic, log) = start().await;
    let first = begin(&dynamic, 1, &log).await;
    first.count().await.unwrap();
    assert_eq!(dynamic.stop(&1).await, Some(Stopped::Shutdown));
    assert_eq!(dynamic.stop(&1).await, None);
    assert_eq!(first.estate().claim("test").unwrap().count, 1);
    let second = begin(&dynamic, 1, &log).await;
    assert_eq!(second.count().await.unwrap(), 1, "another worker, with tables of its own");

    let temporary = dynamic.start(2, member("m", &log).restart(Restart::Temporary)).await.unwrap();
    temporary.die().await.unwrap();
    assert!(matches!(temporary.wait_stopped().await, Stopped::Ended(ExitReason::Panic(_))));
    assert!(dynamic.get(&2).is_none());
    assert_eq!(dynamic.keys(), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_does_not_start_leaves_its_key_free() {
    let (_tree, dynamic, log) = start().await;
    let failed = dynamic.start(1, failing("m", &log, &Arc::new(AtomicU32::new(1)))).await;
    assert!(matches!(failed, Err(DynamicError::NotStarted(_))), "{failed:?}");
    begin(&dynamic, 1, &log).await.count().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn all_workers_come_back_when_their_supervisor_is_restarted() {
    let (_tree, dynamic, log) = start().await;
    for key in 0..10 {
        begin(&dynamic, key, &log).await.count().await.unwrap();
    }
    assert!(dynamic.supervisor().kill());
    for key in 0..10 {
        assert_eq!(dynamic.get(&key).unwrap().count().await.unwrap(), 2);
    }
    assert_eq!(dynamic.len(), 10);
}

#[tokio::test(start_paused = true)]
async fn workers_are_stopped_together() {
    let (tree, dynamic, log) = start().await;
    for key in 0..10 {
        let worker = begin(&dynamic, key, &log).await;
        tokio::spawn(async move { worker.hang().await });
    }
    quiet().await;
    let before = tokio::time::Instant::now();
    let report = tree.shutdown().await;
    assert_eq!(before.elapsed().as_secs(), 5, "once their shutdown timeout, not ten times");
    assert_eq!(report.aborted.len(), 10);
    assert!(dynamic.is_empty());
    let late = dynamic.start(1, member("m", &log)).await;
    assert!(matches!(late, Err(DynamicError::NotStarted(_))), "{late:?}");
    assert!(dynamic.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_dynamic_supervisor_can_be_a_tree_of_its_own() {
    let log = Log::default();
    let many = Dynamic::<u32, Member>::spec().intensity(0).escalate().start().await.unwrap();
    let worker = begin(&many, 1, &log).await;
    worker.count().await.unwrap();
    worker.die().await.unwrap();
    assert!(matches!(worker.wait_stopped().await, Stopped::GaveUp(_)));
    assert_eq!(worker.estate().claim("test").unwrap().count, 1);
}

/// A key that asks who has which key, whatever is done with it.
#[derive(Debug)]
struct Curious(u32);

static CURIOUS: OnceLock<Dynamic<Curious, Member>> = OnceLock::new();

impl Curious {
    fn ask() {
        if let Some(dynamic) = CURIOUS.get() {
            let _ = dynamic.len();
        }
    }
}

impl Clone for Curious {
    fn clone(&self) -> Self {
        Self::ask();
        Self(self.0)
    }
}

impl PartialEq for Curious {
    fn eq(&self, other: &Self) -> bool {
        Self::ask();
        self.0 == other.0
    }
}

impl Eq for Curious {}

impl std::hash::Hash for Curious {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        Self::ask();
        // All alike, so that they are compared.
        state.write_u8(0);
    }
}

impl Drop for Curious {
    fn drop(&mut self) {
        Self::ask();
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_may_ask_the_supervisor_whose_key_it_is() {
    let mut tree = Supervisor::builder("app");
    let dynamic = tree.child(Dynamic::<Curious, Member>::spec().name("many"));
    let tree = tree.start().await.unwrap();
    assert!(CURIOUS.set(dynamic.clone()).is_ok());
    let log = Log::default();
    for key in 0..3 {
        dynamic.start(Curious(key), member("m", &log)).await.unwrap();
        assert!(dynamic.start(Curious(key), member("m", &log)).await.is_err());
    }
    assert_eq!(dynamic.get(&Curious(2)).unwrap().name(), "m[Curious(2)]");
    assert_eq!(dynamic.stop(&Curious(1)).await, Some(Stopped::Shutdown));
    let mut keys: Vec<_> = dynamic.keys().iter().map(|key| key.0).collect();
    keys.sort_unstable();
    assert_eq!(keys, [0, 2]);
    tree.shutdown().await;
    assert!(dynamic.is_empty());
}

/// A key whose hash, clones and destructor panic while its fuse is lit.
#[derive(Debug)]
struct Explosive(Arc<Fuse>);

impl PartialEq for Explosive {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Explosive {}

impl Clone for Explosive {
    fn clone(&self) -> Self {
        self.0.pass("a clone");
        Self(Arc::clone(&self.0))
    }
}

impl std::hash::Hash for Explosive {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.pass("a hash");
        state.write_u8(0);
    }
}

impl Drop for Explosive {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.0.pass("a destructor");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_panics_when_its_worker_ends_is_free_and_harms_nobody() {
    let mut tree = Supervisor::builder("app");
    let dynamic = tree.child(Dynamic::<Explosive, Member>::spec());
    let tree = tree.start().await.unwrap();
    let (fuse, log) = (Arc::<Fuse>::default(), Log::default());
    let worker = dynamic.start(Explosive(Arc::clone(&fuse)), member("m", &log)).await.unwrap();
    let other = dynamic.start(Explosive(Arc::default()), member("m", &log)).await.unwrap();
    worker.count().await.unwrap();
    fuse.light();
    assert_eq!(worker.stop().await, Stopped::Shutdown);
    fuse.put_out();
    assert_eq!((dynamic.len(), worker.estate().claim("test").unwrap().count), (1, 1));
    assert_eq!((other.count().await.unwrap(), other.incarnation()), (1, 1), "its supervisor lives on");
    let again = dynamic.start(Explosive(Arc::clone(&fuse)), member("m", &log)).await.unwrap();
    assert_eq!(again.count().await.unwrap(), 1);
    assert_eq!(tree.shutdown().await.why, Stopped::Shutdown);
}

#[tokio::test(start_paused = true)]
async fn the_key_of_a_start_that_the_supervisor_never_heard_of_is_free() {
    let (many, log) = (Dynamic::<u32, Member>::spec().start().await.unwrap(), Log::default());
    let mut starting = std::pin::pin!(many.start(1, member("m", &log)));
    assert!(is_pending(starting.as_mut()).await);
    assert_eq!(many.keys(), [1]);
    assert!(many.supervisor().kill());
    let told = starting.await;
    assert!(matches!(told, Err(DynamicError::NotStarted(StartError::Stopped(Stopped::Dropped)))), "{told:?}");
    assert!(many.is_empty());
}
