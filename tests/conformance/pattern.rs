//! The pattern: a worker dies, its tables live.

use std::sync::Arc;

use heir_runtime::events::EventKind::{
    self, BecameHeir, GivesAway, Linked, ManagerStarted, Received, Regained, Restarting, Retired, Serving,
    SupervisorRunning, SupervisorStarted, SupervisorStopped, TablesCreated, Waiting, WorkerStarted,
};
use heir_runtime::events::{Event, Role};
use heir_runtime::{CallError, Exit, ExitReason, Stopped};
use heir_tests::Recorder;
use heir_tests::waits::wait_until;
use tokio::sync::Notify;

use crate::workers::{Counter, CounterHandle};

/// A counter in a tree that is recorded and never gives up.
pub(crate) async fn start() -> (CounterHandle, heir_runtime::Supervisor, Recorder) {
    let (mut tree, recorder) = Recorder::tree();
    let counter = tree.worker(Counter::spec(Arc::new(Notify::new())));
    (counter, tree.start().await.unwrap(), recorder)
}

/// What has happened to the counter since it was last asked, but for its supervisor's own start and
/// end.
fn steps(recorder: &Recorder) -> Vec<EventKind> {
    let events = recorder.events();
    recorder.clear();
    let is_own = |event: &Event| {
        matches!(event.kind, SupervisorStarted | SupervisorRunning | SupervisorStopped { .. })
    };
    let (own, of_the_counter): (Vec<_>, Vec<_>) = events.into_iter().partition(is_own);
    assert!(own.iter().all(|event| &*event.child == "app"));
    let kind = |event: Event| {
        assert_eq!(&*event.child, "Counter");
        event.kind
    };
    of_the_counter.into_iter().map(kind).collect()
}

#[tokio::test]
async fn the_steps_of_the_pattern_come_in_their_order() {
    let (counter, tree, recorder) = start().await;
    assert_eq!(counter.count().await.unwrap(), 1);
    let born = steps(&recorder);
    assert!(
        matches!(
            born[..],
            [
                WorkerStarted { incarnation: 1, .. },
                ManagerStarted,
                Linked { incarnation: 1, .. },
                TablesCreated,
                BecameHeir,
                GivesAway { incarnation: 1, .. },
                Received { incarnation: 1, .. },
                Serving { incarnation: 1, .. },
            ]
        ),
        "{born:#?}"
    );
    counter.die().await.unwrap();
    assert_eq!(counter.count().await.unwrap(), 2);
    let died = ExitReason::Panic("asked to die".into());
    let renewed = steps(&recorder);
    assert!(
        matches!(
            &renewed[..],
            [
                Regained { exit: Exit { incarnation: 1, reason: regained, in_message: true, .. }, .. },
                Waiting,
                Restarting { role: Role::Worker, reason: restarted, .. },
                WorkerStarted { incarnation: 2, .. },
                Linked { incarnation: 2, .. },
                GivesAway { incarnation: 2, .. },
                Received { incarnation: 2, .. },
                Serving { incarnation: 2, .. },
            ] if [regained, restarted] == [&died; 2]
        ),
        "{renewed:#?}"
    );
    tree.shutdown().await;
    let over = steps(&recorder);
    assert!(matches!(over[..], [Retired { why: Stopped::Shutdown, undelivered: 0, .. }]), "{over:#?}");
}

#[tokio::test]
async fn a_crash_rolls_back_the_message_and_fails_its_call_only() {
    let (counter, _tree, _) = start().await;
    counter.count().await.unwrap();
    let error = counter.count_and_panic("oh".into()).await.unwrap_err();
    match &error {
        CallError::Died { incarnation, reason, .. } => {
            assert_eq!((*incarnation, reason), (1, &ExitReason::Panic("oh".into())));
        }
        other => panic!("{other}"),
    }
    assert!(error.was_enqueued());
    assert!(error.into_args().is_none());
    // `keep` is handed over as it is, `rollback` as it was before the message.
    assert_eq!(counter.check().await.unwrap(), (2, 1));
    let exit = counter.estate().last_exit().unwrap();
    assert!(exit.in_message);
    assert_eq!(exit.reason, ExitReason::Panic("oh".into()));
}

#[tokio::test]
async fn a_handler_that_answers_with_an_error_does_not_crash() {
    let (counter, _tree, _) = start().await;
    assert_eq!(counter.refuse().await.unwrap(), Err("refused".into()));
    assert_eq!(counter.check().await.unwrap(), (0, 1), "its effects stay: it is an answer");
    assert_eq!(counter.incarnation(), 1);
}

#[tokio::test]
async fn all_tables_of_a_worker_move_together() {
    let (counter, tree, _) = start().await;
    for _ in 0..5 {
        counter.count().await.unwrap();
        counter.kill();
    }
    assert_eq!(counter.check().await.unwrap(), (5, 5));
    tree.shutdown().await;
    let tables = counter.estate().claim("test").unwrap();
    assert_eq!((tables.kept, tables.count), (5, 5));
}

#[tokio::test]
async fn a_hundred_increments_a_crash_and_ten_more_queued_behind_it_make_110() {
    let (counter, _tree, _) = start().await;
    for _ in 0..100 {
        counter.count().await.unwrap();
    }
    counter.try_die().unwrap();
    let queued: Vec<_> = (0..10)
        .map(|_| {
            let counter = counter.clone();
            tokio::spawn(async move { counter.count().await.unwrap() })
        })
        .collect();
    for task in queued {
        task.await.unwrap();
    }
    assert_eq!(counter.check().await.unwrap(), (110, 110));
    assert_eq!(counter.incarnation(), 2);
}

#[tokio::test]
async fn a_thousand_queued_messages_are_answered_in_order_across_a_kill() {
    let (mut tree, _) = Recorder::tree();
    let counter = tree.worker(Counter::spec(Arc::new(Notify::new())).mailbox(1_024));
    let answers = Arc::new(std::sync::Mutex::new(Vec::new()));
    let tasks: Vec<_> = (0..1_000)
        .map(|n| {
            let (counter, answers) = (counter.clone(), Arc::clone(&answers));
            tokio::spawn(async move {
                let answer = counter.echo(n).await.unwrap();
                answers.lock().unwrap().push(answer);
            })
        })
        .collect();
    wait_until(|| counter.queued() >= 1_000).await;
    let _tree = tree.start().await.unwrap();
    wait_until(|| answers.lock().unwrap().len() >= 100).await;
    assert_eq!(counter.kill(), Some(1));
    for task in tasks {
        task.await.unwrap();
    }
    let answers = answers.lock().unwrap();
    assert!(answers.iter().map(|(n, _)| *n).eq(0..1_000));
    let served_by = |incarnation| answers.iter().filter(|(_, by)| *by == incarnation).count();
    assert!(served_by(1) >= 100 && served_by(2) > 0, "{} and {}", served_by(1), served_by(2));
}

#[tokio::test]
async fn a_kill_in_the_middle_of_a_message_rolls_it_back_and_tells_its_caller() {
    let (mut tree, _) = Recorder::tree();
    let hanging = Arc::new(Notify::new());
    let counter = tree.worker(Counter::spec(Arc::clone(&hanging)));
    let _tree = tree.start().await.unwrap();
    let call = tokio::spawn({
        let counter = counter.clone();
        async move { counter.count_and_hang().await }
    });
    hanging.notified().await;
    assert_eq!(counter.kill(), Some(1));
    match call.await.unwrap().unwrap_err() {
        CallError::Died { incarnation: 1, reason: ExitReason::Killed, .. } => {}
        other => panic!("{other}"),
    }
    assert_eq!(counter.check().await.unwrap(), (1, 0));
}

#[tokio::test]
async fn nobody_polls_an_idle_tree_does_nothing() {
    let (counter, _tree, _) = start().await;
    counter.count().await.unwrap();
    let metrics = tokio::runtime::Handle::current().metrics();
    let alive = metrics.num_alive_tasks();
    // Worker and supervisor, each parked until something happens. The manager is on call: no task.
    assert_eq!(alive, 2);
    let parked = metrics.global_queue_depth();
    assert_eq!(parked, 0);
}
