//! A user's code at its worst: it panics in clones, destructors and wakers. The process lives, nothing is lost, everyone is told.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as Task, Waker};

use heir_runtime::events::Role;
use heir_runtime::{
    AfterQuarantine, CallError, ExitReason, OrderedTable, StartError, Stopped, Supervisor, Table, handlers,
    heir,
};
use heir_tests::fuse::{Fuse, Mine};
use heir_tests::{Recorder, event};

use super::wakers::Panicking;

/// An argument whose clones panic while its fuse is lit.
struct Unclonable(Arc<Fuse>);

impl Clone for Unclonable {
    fn clone(&self) -> Self {
        self.0.pass("clone");
        Self(Arc::clone(&self.0))
    }
}

#[heir]
struct Fragile {
    #[table(keep)]
    count: u32,
    #[arg]
    _part: Unclonable,
}

#[handlers]
impl Fragile {
    fn count(&mut self) -> u32 {
        self.count += 1;
        self.count
    }
}

#[tokio::test]
async fn an_argument_whose_clone_panics_fails_the_start() {
    let (mut tree, _) = Recorder::tree();
    let fuse = Arc::new(Fuse::default());
    let fragile = tree.worker(Fragile::spec(Unclonable(Arc::clone(&fuse))));
    fuse.light();
    let error = tree.start().await.unwrap_err();
    assert!(matches!(&error, StartError::Child { role: Role::Worker, .. }), "{error}");
    assert!(error.to_string().ends_with("panic: in clone"), "{error}");
    fragile.wait_stopped().await;
}

#[tokio::test]
async fn an_argument_whose_clone_panics_at_a_restart_keeps_nobody_from_stopping() {
    let (mut tree, recorder) = Recorder::tree();
    let fuse = Arc::new(Fuse::default());
    let fragile = tree.worker(Fragile::spec(Unclonable(Arc::clone(&fuse))));
    let tree = tree.start().await.unwrap();
    fragile.count().await.unwrap();
    fuse.light();
    fragile.kill();
    let in_clone = ExitReason::Panic("in clone".into());
    let fails = event!(Restarting { role: Role::Worker, reason, .. } if *reason == in_clone);
    recorder.until(fails).await;
    fuse.put_out();
    assert_eq!(fragile.count().await.unwrap(), 2);
    fuse.light();
    fragile.kill();
    recorder.clear();
    recorder.until(fails).await;
    assert_eq!(tree.shutdown().await.why, Stopped::Shutdown);
    assert_eq!(fragile.estate().claim("test").unwrap().count, 2);
}

#[heir]
struct Mined {
    #[table(keep)]
    count: u32,
    #[arg]
    _part: Mine,
}

#[handlers]
impl Mined {
    fn count(&mut self) -> u32 {
        self.count += 1;
        self.count
    }
}

#[tokio::test]
async fn an_argument_whose_destructor_panics_disturbs_nobody() {
    let (mut tree, _) = Recorder::tree();
    let fuse = Arc::new(Fuse::default());
    let mined = tree.worker(Mined::spec(Mine(Arc::clone(&fuse))));
    let tree = tree.start().await.unwrap();
    fuse.light();
    for turn in 1..=3 {
        assert_eq!(mined.count().await.unwrap(), turn);
        mined.kill();
    }
    mined.wait_serving(4).await.unwrap();
    let report = tree.shutdown().await;
    assert_eq!((report.why, report.unresponsive), (Stopped::Shutdown, vec![]));
    assert_eq!(mined.estate().claim("test").unwrap().count, 3);
}

#[tokio::test]
async fn a_callers_waker_that_panics_disturbs_nobody() {
    let (mut tree, _) = Recorder::tree();
    let mined = tree.worker(Mined::spec(Mine::default()));
    let _tree = tree.start().await.unwrap();
    {
        let mut call = pin!(mined.count());
        let waker = Waker::from(Arc::new(Panicking));
        assert!(call.as_mut().poll(&mut Task::from_waker(&waker)).is_pending());
        // It is served, and committed; telling so is what panics.
        assert_eq!(mined.count().await.unwrap(), 2);
    }
    assert_eq!(mined.incarnation(), 1);
}

/// A key or value that panics in whatever it is asked while its fuse is lit.
#[derive(Debug)]
struct Touchy {
    n: u32,
    fuse: &'static Fuse,
}

static CLONE: Fuse = Fuse::new();
static DROP: Fuse = Fuse::new();
static EQ: Fuse = Fuse::new();
static ORD: Fuse = Fuse::new();
static HASH: Fuse = Fuse::new();

impl Touchy {
    fn is(&self, kind: &'static Fuse, place: &str) {
        if std::ptr::eq(self.fuse, kind) {
            kind.pass(place);
        }
    }
}

impl Clone for Touchy {
    fn clone(&self) -> Self {
        self.is(&CLONE, "clone");
        Self { n: self.n, fuse: self.fuse }
    }
}

impl Drop for Touchy {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.is(&DROP, "drop");
        }
    }
}

impl std::hash::Hash for Touchy {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.is(&HASH, "hash");
        self.n.hash(state);
    }
}

impl PartialEq for Touchy {
    fn eq(&self, other: &Self) -> bool {
        self.is(&EQ, "eq");
        self.n == other.n
    }
}

impl Eq for Touchy {}

impl PartialOrd for Touchy {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Touchy {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.is(&ORD, "cmp");
        self.n.cmp(&other.n)
    }
}

#[heir(quarantine = fresh)]
struct Minefield {
    #[table]
    set: Table<Touchy, Touchy>,
    #[table]
    sorted: OrderedTable<Touchy, Touchy>,
    #[table(rollback)]
    writes: u32,
}

#[handlers]
impl Minefield {
    fn fill(&mut self, fuse: &'static Fuse) {
        for n in 0..8 {
            self.set.insert(Touchy { n, fuse }, Touchy { n, fuse });
            self.sorted.insert(Touchy { n, fuse }, Touchy { n, fuse });
        }
        self.writes += 1;
    }

    /// Writes here and there, and dies with its fuse lit: while it is undone, everything panics.
    fn die(&mut self, fuse: &'static Fuse) {
        for n in 4..12 {
            self.set.insert(Touchy { n, fuse }, Touchy { n: 100, fuse });
            self.sorted.insert(Touchy { n, fuse }, Touchy { n: 100, fuse });
        }
        self.set.remove(&Touchy { n: 0, fuse });
        self.sorted.remove(&Touchy { n: 0, fuse });
        self.writes += 1;
        fuse.light();
        panic!("with a lit fuse");
    }

    fn writes(&mut self) -> u32 {
        self.writes
    }
}

/// A field that was filled, and has died in the middle of a message; its fuse, which was lit while that was undone, is out again.
async fn dies_with(fuse: &'static Fuse) -> (MinefieldHandle, Supervisor, Recorder) {
    let (mut tree, recorder) = Recorder::tree();
    let field = tree.worker(Minefield::spec().quarantine(AfterQuarantine::Fresh));
    let tree = tree.start().await.unwrap();
    field.fill(fuse).await.unwrap();
    let died = field.die(fuse).await.unwrap_err();
    assert!(matches!(died, CallError::Died { reason: ExitReason::Panic(_), .. }), "{died}");
    field.wait_serving(2).await.unwrap();
    fuse.put_out();
    (field, tree, recorder)
}

/// What a panic does not stand in the way of is undone as ever, in all tables.
async fn is_undone_with(fuse: &'static Fuse) {
    let (field, tree, _) = dies_with(fuse).await;
    assert_eq!(field.quarantined(), 0);
    assert_eq!(field.writes().await.unwrap(), 1);
    assert_eq!((field.set().len(), field.sorted().len()), (8, 8));
    for n in 0..8 {
        assert_eq!(field.set().get(&Touchy { n, fuse }).map(|row| row.n), Some(n));
        assert_eq!(field.sorted().get(&Touchy { n, fuse }).map(|row| row.n), Some(n));
    }
    assert_eq!(tree.shutdown().await.unresponsive, []);
}

#[tokio::test]
async fn values_whose_clone_panics_are_undone_all_the_same_because_nothing_is_put_back() {
    is_undone_with(&CLONE).await;
}

#[tokio::test]
async fn values_whose_destructor_panics_are_undone_all_the_same() {
    is_undone_with(&DROP).await;
}

#[tokio::test]
async fn keys_whose_eq_panics_are_undone_all_the_same() {
    is_undone_with(&EQ).await;
}

#[tokio::test]
async fn keys_whose_ord_panics_are_undone_all_the_same() {
    is_undone_with(&ORD).await;
}

#[tokio::test]
async fn keys_whose_hash_panics_are_undone_all_the_same_because_hashes_are_kept() {
    is_undone_with(&HASH).await;
}
