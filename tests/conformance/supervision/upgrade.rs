//! A worker of another type takes the place, and the tables, of one.

use heir_runtime::supervision::ChildError;
use heir_runtime::{CallError, ExitReason, NotSent, Status, Stopped, Supervisor, Table, handlers, heir};
use heir_tests::Log;
use heir_tests::waits::quiet;

use super::{MemberHandle, MemberTables, member};

#[heir]
struct Hits {
    #[table]
    hits: Table<String, u64>,
}

#[handlers]
impl Hits {
    fn hit(&mut self, page: String) -> u64 {
        self.hits.add(page, 1)
    }
}

/// What takes its place: it counts in twos.
#[heir(tables = HitsTables)]
struct HitsV2 {
    #[table]
    hits: Table<String, u64>,
    #[arg]
    fails: bool,
}

#[handlers]
impl HitsV2 {
    #[on(start)]
    fn begin(&mut self) -> Result<(), &'static str> {
        if self.fails { Err("not ready") } else { Ok(()) }
    }

    fn hit_twice(&mut self, page: String) -> u64 {
        self.hits.add(page, 2)
    }

    #[cast]
    fn die(&mut self) {
        self.hits.add("index".into(), 100);
        panic!("asked to die");
    }
}

#[heir(tables = MemberTables)]
struct Quiet {
    #[table(rollback)]
    count: u64,
}

#[handlers]
impl Quiet {
    fn count(&mut self) -> u64 {
        self.count
    }
}

async fn hits() -> (Supervisor, HitsHandle) {
    let mut tree = Supervisor::builder("app");
    let hits = tree.child(Hits::spec().name("hits").registered("hits"));
    let tree = tree.start().await.unwrap();
    for n in 1..=3 {
        assert_eq!(hits.hit("index".into()).await.unwrap(), n);
    }
    (tree, hits)
}

#[tokio::test(start_paused = true)]
async fn the_new_worker_goes_on_with_the_tables_the_place_and_the_names() {
    let (tree, old) = hits().await;
    let before = old.hits();
    let new = tree.upgrade_child(&old, HitsV2::spec(false)).await.unwrap();
    assert_eq!(new.hit_twice("index".into()).await.unwrap(), 5);
    assert_eq!(new.incarnation(), 2, "the fencing number goes on");
    assert_eq!((new.name(), tree.count_children().specs), ("hits", 1));
    assert!(tree.whereis::<HitsV2>("hits").is_some());
    // Whoever read the table reads it still.
    assert_eq!([before.get("index"), new.hits().get("index")], [Some(5), Some(5)]);
    // It is a worker like any other.
    new.die().await.unwrap();
    assert_eq!(new.hit_twice("index".into()).await.unwrap(), 7);
}

#[tokio::test(start_paused = true)]
async fn users_of_the_old_handle_are_told() {
    let (tree, old) = hits().await;
    tree.upgrade_child(&old, HitsV2::spec(false)).await.unwrap();
    assert_eq!(old.status(), Status::Stopped(Stopped::Upgraded));
    let told = old.hit("index".into()).await.unwrap_err();
    assert!(matches!(told, CallError::NotSent { why: NotSent::Stopped(Stopped::Upgraded), .. }), "{told}");
    // Its own supervisor still holds the tables: nobody else is let in through the old handle.
    assert!(old.estate().claim("thief").is_err());
    assert!(matches!(tree.upgrade_child(&old, HitsV2::spec(false)).await, Err(ChildError::NotFound(_))));
}

#[tokio::test(start_paused = true)]
async fn the_message_in_progress_is_finished_and_queued_callers_are_told() {
    let log = Log::default();
    let mut tree = Supervisor::builder("app");
    let old = tree.child(member("a", &log));
    let tree = tree.start().await.unwrap();
    old.count().await.unwrap();
    let spawn = |call: fn(MemberHandle) -> _| tokio::spawn(call(old.clone()));
    let queued = {
        old.pause().await.unwrap();
        spawn(|old| async move { old.count().await })
    };
    quiet().await;
    let new = tree.upgrade_child(&old, Quiet::spec()).await.unwrap();
    assert!(matches!(queued.await.unwrap(), Err(CallError::Stopped(Stopped::Upgraded))));
    assert_eq!(new.count().await.unwrap(), 1);
    assert_eq!(log.take(), ["a starts", "a stops: shutdown"]);
    assert_eq!(new.estate().last_exit().unwrap().reason, ExitReason::Shutdown);
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_that_does_not_start_is_restarted_as_its_spec_says_and_loses_nothing() {
    let (mut tree, old) = hits().await;
    let new = tree.upgrade_child(&old, HitsV2::spec(true).crash_loop(None)).await.unwrap();
    assert_eq!(tree.wait().await.why, Stopped::GaveUp(ExitReason::error("not ready")));
    let tables = new.estate().claim("test").unwrap();
    assert_eq!(tables.hits.get("index"), Some(3));
}

#[tokio::test(start_paused = true)]
async fn a_terminated_worker_can_be_upgraded_and_one_that_never_ran_too() {
    let (tree, old) = hits().await;
    tree.terminate_child("hits").await.unwrap();
    let new = tree.upgrade_child(&old, HitsV2::spec(false)).await.unwrap();
    assert_eq!(new.hit_twice("index".into()).await.unwrap(), 5);
}

#[tokio::test(start_paused = true)]
async fn only_a_child_of_the_supervisor_itself_is_upgraded_by_it() {
    let (tree, _) = hits().await;
    let (other, foreign) = hits().await;
    let refused = tree.upgrade_child(&foreign, HitsV2::spec(false)).await.unwrap_err();
    assert_eq!(refused, ChildError::NotFound("hits".into()));
    assert_eq!(foreign.hit("index".into()).await.unwrap(), 4);
    foreign.stop().await;
    let late = other.upgrade_child(&foreign, HitsV2::spec(false)).await.unwrap_err();
    assert_eq!(late, ChildError::Ended);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_killed_in_the_middle_of_its_upgrade_loses_nothing() {
    let (tree, old) = hits().await;
    let upgrade = tree.upgrade_child(&old, HitsV2::spec(false));
    let kill = async {
        old.kill();
        old.kill_manager();
    };
    let (new, ()) = tokio::join!(upgrade, kill);
    assert_eq!(new.unwrap().hit_twice("index".into()).await.unwrap(), 5);
}
