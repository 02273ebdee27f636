//! The manager may die at any moment, and so may both.

use std::sync::{Arc, Mutex};

use heir_runtime::events::{EventKind, Role};
use heir_runtime::{Exit, ExitReason, Supervisor, WeakHandle};
use heir_tests::{Recorder, event};
use tokio::sync::Notify;

use crate::pattern::start;
use crate::workers::{Counter, CounterHandle, Late};

/// A tree in which `strike` is done to the counter at every event that `when` picks.
async fn struck(
    when: impl Fn(&EventKind) -> bool + Send + Sync + 'static,
    strike: impl Fn(&CounterHandle) + Send + Sync + 'static,
) -> (CounterHandle, Supervisor, Recorder) {
    let target: Arc<Mutex<Option<WeakHandle<Counter>>>> = Arc::default();
    let recorder = Recorder::default();
    let mut tree = Supervisor::builder("app").intensity(u32::MAX).observe(recorder.observer()).observe({
        let target = Arc::clone(&target);
        move |event| {
            if when(&event.kind) {
                let target = target.lock().unwrap().as_ref().and_then(WeakHandle::upgrade);
                target.iter().for_each(&strike);
            }
        }
    });
    let counter = tree.worker(Counter::spec(Arc::new(Notify::new())));
    let supervisor = tree.start().await.unwrap();
    *target.lock().unwrap() = Some(counter.downgrade());
    (counter, supervisor, recorder)
}

/// Counts and dies ten times; each time its manager is struck, too.
async fn loses_nothing_in_ten_deaths(counter: &CounterHandle, recorder: &Recorder) {
    for turn in 1..=10 {
        assert_eq!(counter.count().await.unwrap(), turn);
        recorder.clear();
        counter.kill();
        recorder.until(event!(Restarting { role: Role::Manager, reason: ExitReason::Killed, .. })).await;
    }
    assert_eq!(counter.check().await.unwrap(), (10, 10));
}

#[tokio::test]
async fn a_manager_killed_while_the_worker_owns_disturbs_nobody() {
    let (counter, _tree, recorder) = start().await;
    counter.count().await.unwrap();
    recorder.clear();
    assert!(counter.kill_manager());
    assert!(!counter.kill_manager(), "a manager is killed once");
    recorder.until(event!(BecameHeir)).await;
    assert_eq!(counter.count().await.unwrap(), 2);
    assert_eq!(counter.incarnation(), 1);
    // And the next manager inherits as the first did.
    counter.die().await.unwrap();
    assert_eq!(counter.count().await.unwrap(), 3);
}

#[tokio::test]
async fn a_manager_is_no_task_while_its_worker_lives_unless_that_dies_often() {
    let (counter, _tree, _) = start().await;
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    for tasks in [2, 2, 3, 3] {
        counter.count().await.unwrap();
        assert_eq!(alive(), tasks, "the supervisor, the worker and, after two deaths in a row, the manager");
        counter.die().await.unwrap();
    }
    // However it waits, it can be killed, and the next one is the heir.
    assert_eq!(counter.check().await.unwrap(), (4, 4));
    assert!(counter.kill_manager());
    counter.kill();
    assert_eq!(counter.check().await.unwrap(), (4, 4));
}

#[tokio::test]
async fn a_manager_killed_while_it_holds_the_tables_loses_nothing() {
    let (counter, _tree, recorder) =
        struck(|kind| *kind == EventKind::Waiting, |counter| assert!(counter.kill_manager())).await;
    loses_nothing_in_ten_deaths(&counter, &recorder).await;
}

#[tokio::test]
async fn a_manager_killed_in_the_middle_of_a_transfer_loses_nothing() {
    let (counter, _tree, recorder) =
        struck(|kind| matches!(kind, EventKind::GivesAway { .. }), |counter| assert!(counter.kill_manager()))
            .await;
    loses_nothing_in_ten_deaths(&counter, &recorder).await;
}

#[tokio::test]
async fn a_worker_killed_at_the_give_away_leaves_its_transfer_unread() {
    let (counter, _tree, recorder) = struck(
        |kind| matches!(kind, EventKind::GivesAway { incarnation, .. } if *incarnation < 10),
        |counter| assert!(counter.kill().is_some()),
    )
    .await;
    counter.count().await.unwrap();
    counter.kill();
    counter.wait_serving(10).await.unwrap();
    assert_eq!(counter.check().await.unwrap(), (1, 1));
    // None of them received anything, and each is a death all the same.
    assert_eq!(recorder.count(event!(Received { .. })), 2);
    let ninth = event!(Regained {
        exit: Exit { incarnation: 9, reason: ExitReason::Killed, in_message: false, .. },
        ..
    });
    recorder.until(ninth).await;
}

#[tokio::test]
async fn worker_and_manager_killed_together_lose_nothing() {
    for manager_first in [false, true] {
        let (counter, _tree, _) = start().await;
        for turn in 1..=20 {
            assert_eq!(counter.count().await.unwrap(), turn);
            if manager_first {
                counter.kill_manager();
                counter.kill();
            } else {
                counter.kill();
                counter.kill_manager();
            }
        }
        assert_eq!(counter.check().await.unwrap(), (20, 20));
    }
}

#[tokio::test]
async fn both_killed_in_the_middle_of_a_message_roll_it_back() {
    let (mut tree, _) = Recorder::tree();
    let hanging = Arc::new(Notify::new());
    let counter = tree.worker(Counter::spec(Arc::clone(&hanging)));
    let _tree = tree.start().await.unwrap();
    counter.count().await.unwrap();
    let call = tokio::spawn({
        let counter = counter.clone();
        async move { counter.count_and_hang().await }
    });
    hanging.notified().await;
    counter.kill_manager();
    counter.kill();
    assert!(call.await.unwrap().is_err());
    assert_eq!(counter.check().await.unwrap(), (2, 1), "the next manager undoes it");
}

#[tokio::test]
async fn a_manager_killed_while_it_creates_the_tables_is_restarted_and_creates_them() {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (mut tree, recorder) = Recorder::tree();
    let late = tree.worker(Late::spec(Arc::clone(&begun), Arc::clone(&go_on)));
    let starting = tokio::spawn(tree.start());
    begun.notified().await;
    assert!(late.kill_manager());
    begun.notified().await;
    go_on.notify_one();
    let _tree = starting.await.unwrap().unwrap();
    assert_eq!(late.value().await.unwrap(), 7);
    // The worker has waited all the time: it is still the first.
    assert_eq!(late.incarnation(), 1);
    assert_eq!(recorder.count(event!(Linked { incarnation: 1, .. })), 2);
}

#[tokio::test]
async fn the_tables_of_a_stopped_worker_are_claimed_from_outside() {
    let (counter, tree, _) = start().await;
    counter.count().await.unwrap();
    assert!(counter.estate().claim("thief").is_err(), "not while it lives");
    counter.stop().await;
    let mut tables = counter.estate().claim("test").unwrap();
    tables.count += 1;
    tables.end(ExitReason::Normal);
    assert_eq!(counter.estate().claim("test").unwrap().count, 2);
    tree.shutdown().await;
}
