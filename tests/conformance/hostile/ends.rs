//! What is said and dropped at an end: words that panic, destructors that do, two of them at once.

use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use heir_runtime::by_hand::{Cast, Handlers, Message, ReplyGate, Worker};
use heir_runtime::events::Role;
use heir_runtime::supervision::SubtreeStatus;
use heir_runtime::table::{AnyTables, Readers};
use heir_runtime::{
    BoxError, CallError, Context, ExitReason, Handle, Restart, Spec, StartError, Stopped, Supervisor, Table,
    handlers, heir,
};
use heir_tests::fuse::Bomb;
use heir_tests::waits::is_pending;
use heir_tests::{Recorder, event};

#[heir]
struct Mined {
    #[table(keep)]
    _bomb: Option<Bomb>,
    #[table(keep)]
    count: u32,
}

#[handlers]
impl Mined {
    fn arm(&mut self) -> u32 {
        self._bomb = Some(Bomb);
        self.count += 1;
        self.count
    }
}

#[tokio::test]
async fn tables_that_nobody_claims_and_whose_destructor_panics_hurt_nobody_who_is_the_last_to_have_them() {
    let (tree, _) = Recorder::tree();
    let tree = tree.start().await.unwrap();
    // A handle is the last.
    let mined = tree.start_child(Mined::spec()).await.unwrap();
    mined.arm().await.unwrap();
    mined.stop().await;
    tree.delete_child("Mined").await.unwrap();
    drop(mined);
    // The supervisor is.
    let mined = tree.start_child(Mined::spec().restart(Restart::Temporary)).await.unwrap();
    assert_eq!(mined.arm().await.unwrap(), 1);
    let down = mined.monitor();
    mined.kill();
    drop(mined);
    down.await;
    // Asked behind it: it still supervises.
    let other = tree.start_child(Mined::spec().name("other")).await.unwrap();
    assert_eq!(other.arm().await.unwrap(), 1);
    assert_eq!(tree.status(), SubtreeStatus::Running);
    assert_eq!(tree.shutdown().await.why, Stopped::Shutdown);
    assert_eq!(std::mem::ManuallyDrop::new(other.estate().claim("test").unwrap()).count, 1);
}

/// An error that cannot be put into words.
#[derive(Debug)]
struct Unspeakable;

impl fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("in its words");
    }
}

impl std::error::Error for Unspeakable {}

fn none() -> Result<u32, Unspeakable> {
    Err(Unspeakable)
}

#[heir]
struct Unmade {
    #[table(keep, init = none()?)]
    count: u32,
}

#[handlers]
impl Unmade {
    fn count(&mut self) -> u32 {
        self.count
    }
}

#[tokio::test]
async fn an_error_whose_display_panics_is_a_panic_with_its_words() {
    let (mut tree, _) = Recorder::tree();
    tree.worker(Unmade::spec());
    let error = tree.start().await.unwrap_err();
    let words = ExitReason::Panic("in its words".into());
    assert!(
        matches!(&error, StartError::Child { role: Role::Manager, reason, .. } if *reason == words),
        "{error}"
    );
}

/// A clone of the first one, the manager's own, panics when it is dropped; the clones of that, which it hands on, do not.
struct Second(u8);

impl Clone for Second {
    fn clone(&self) -> Self {
        Self(self.0 + 1)
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        assert!(self.0 != 1, "in a destructor");
    }
}

#[heir]
struct Unlucky {
    #[table(keep, init = Err::<u32, _>("no luck")?)]
    count: u32,
    #[arg]
    _second: Second,
}

#[handlers]
impl Unlucky {
    fn count(&mut self) -> u32 {
        self.count
    }
}

#[tokio::test]
async fn an_argument_whose_destructor_panics_hides_no_error_of_its_start() {
    let (mut tree, _) = Recorder::tree();
    tree.worker(Unlucky::spec(Second(0)));
    let error = tree.start().await.unwrap_err().to_string();
    assert!(error.ends_with("error: no luck"), "{error}");
}

#[heir]
struct Twice {
    #[table(rollback)]
    count: u32,
    #[fresh(Some(Bomb))]
    _rest: Option<Bomb>,
}

#[handlers]
impl Twice {
    /// Its argument is there still when the reply, which nobody hears, is dropped.
    #[redeliver(1)]
    async fn both(&mut self, bomb: Bomb) -> Bomb {
        std::mem::forget(bomb);
        self.count += 1;
        Bomb
    }

    /// Its argument is there still when the rest of its worker is dropped.
    #[redeliver(1)]
    async fn die(&mut self, cx: &mut Context<Self>, bomb: Bomb) {
        std::mem::forget(bomb);
        self.count += 1;
        cx.commit(self);
        panic!("asked to die");
    }

    fn count(&mut self) -> u32 {
        self.count
    }
}

#[tokio::test]
async fn an_argument_and_an_unheard_reply_whose_destructors_panic_do_so_one_by_one() {
    let (mut tree, _) = Recorder::tree();
    let twice = tree.worker(Twice::spec());
    let tree = tree.start().await.unwrap();
    assert!(is_pending(pin!(twice.both(Bomb))).await, "nobody serves yet");
    assert_eq!(twice.count().await.unwrap(), 1);
    assert_eq!(twice.incarnation(), 2);
    assert_eq!(tree.shutdown().await.why, Stopped::Shutdown);
}

#[tokio::test]
async fn what_a_worker_and_its_message_leave_behind_is_dropped_one_by_one() {
    let (mut tree, recorder) = Recorder::tree();
    let twice = tree.worker(Twice::spec());
    let tree = tree.start().await.unwrap();
    let died = twice.die(Bomb).await.unwrap_err();
    assert!(matches!(died, CallError::Died { incarnation: 1, .. }), "{died}");
    assert_eq!(twice.count().await.unwrap(), 1);
    let told = recorder.count(event!(CodePanicked { message, .. } if &**message == "in a destructor"));
    assert_eq!(told, 2);
    assert_eq!(tree.shutdown().await.why, Stopped::Shutdown);
}

/// An argument that looks around when it is dropped.
#[derive(Clone)]
struct Witness(Arc<dyn Fn() + Send + Sync>);

impl Drop for Witness {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[heir]
struct Seen {
    #[table]
    rows: Table<u32, u32>,
}

#[handlers]
impl Seen {
    /// Its argument is there still when the rest of its worker is dropped.
    #[redeliver(1)]
    async fn die(&mut self, cx: &mut Context<Self>, witness: Witness) {
        std::mem::forget(witness);
        self.rows.insert(1, 1);
        cx.commit(self);
        self.rows.insert(2, 2);
        panic!("asked to die");
    }
}

#[tokio::test]
async fn what_a_message_leaves_behind_is_dropped_under_no_lock_by_whoever_has_the_tables_next() {
    let (mut tree, _) = Recorder::tree();
    let worker = tree.worker(Seen::spec());
    let tree = tree.start().await.unwrap();
    let seen = Arc::<Mutex<Vec<_>>>::default();
    let witness = Witness(Arc::new({
        let (seen, worker) = (Arc::clone(&seen), worker.downgrade());
        move || {
            let worker = worker.upgrade().expect("it is supervised");
            let owner = worker.estate().owner().map(|owner| owner.name.to_string());
            seen.lock().unwrap().push((owner, worker.rows().len(), worker.queued()));
        }
    }));
    worker.die(witness).await.unwrap_err();
    worker.wait_serving(2).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [(Some("Seen manager".to_owned()), 1, 0)], "undone already");
    tree.shutdown().await;
}

/// Takes over from `Mined`, and panics when it is asked for its recorded tables.
struct Unlisted {
    tables: MinedTables,
}

static LISTS: AtomicBool = AtomicBool::new(true);

impl Worker for Unlisted {
    const NAME: &'static str = "Unlisted";
    type Tables = MinedTables;
    type Args = ();
    type Saved = ();

    fn recorded(_: &mut MinedTables) -> AnyTables<'_> {
        assert!(!LISTS.swap(false, Ordering::Relaxed), "in the list");
        AnyTables::new()
    }

    async fn create((): (), _: Readers) -> Result<MinedTables, BoxError> {
        Err("they are another's".into())
    }

    fn incarnate((): ()) -> impl FnOnce(MinedTables) -> Self + Send + 'static {
        |tables| Self { tables }
    }

    fn dismantle(self) -> (MinedTables, impl Send + 'static) {
        (self.tables, ())
    }

    fn save(&self) {}

    fn restore(_: &mut MinedTables, (): &mut ()) {}
}

struct Nothing(Cast<()>);

impl Message for Nothing {
    fn gate(&mut self) -> &mut dyn ReplyGate {
        &mut self.0
    }

    fn name(&self) -> &'static str {
        "nothing"
    }
}

impl Handlers for Unlisted {
    type Message = Nothing;
    type Handle = UnlistedHandle;

    async fn handle(&mut self, message: &mut Nothing, _: &mut Context<Self>) {
        message.0.take_args();
        self.tables.count += 1;
    }
}

#[derive(Clone)]
struct UnlistedHandle(Handle<Unlisted>);

impl From<Handle<Unlisted>> for UnlistedHandle {
    fn from(handle: Handle<Unlisted>) -> Self {
        Self(handle)
    }
}

#[tokio::test]
async fn a_list_of_tables_that_panics_ends_no_supervisor_that_hands_them_over() {
    let mut tree = Supervisor::builder("app");
    let mined = tree.worker(Mined::spec());
    let tree = tree.start().await.unwrap();
    mined.wait_serving(1).await.unwrap();
    let UnlistedHandle(unlisted) = tree.upgrade_child(&mined, Spec::<Unlisted>::new(())).await.unwrap();
    unlisted.wait_serving(2).await.unwrap();
    assert!(!LISTS.load(Ordering::Relaxed), "it has panicked");
    unlisted.cast((), Nothing).await.unwrap();
    assert_eq!(tree.status(), SubtreeStatus::Running);
    assert_eq!(tree.shutdown().await.why, Stopped::Shutdown);
}
