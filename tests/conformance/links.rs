//! Links and exit signals: who ends with whom, for which reason, and who only hears of it.

use std::sync::Arc;
use std::time::Duration;

use heir_runtime::events::Role;
use heir_runtime::links::{ExitSignal, ExitSource};
use heir_runtime::{CallError, ExitReason, Restart, Status, Stopped};
use heir_tests::waits::wait_until;
use heir_tests::{Recorder, event};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::relatives::{Family, Plain, PlainHandle, Trapping, family, nobody};
use crate::workers::Late;

fn last_reason(worker: &PlainHandle) -> ExitReason {
    worker.estate().last_exit().unwrap().reason
}

fn panicked() -> ExitReason {
    ExitReason::Panic("asked to die".into())
}

fn reasons(signals: Vec<ExitSignal>) -> Vec<ExitReason> {
    signals.into_iter().map(|signal| signal.reason).collect()
}

#[tokio::test]
async fn a_linked_worker_ends_with_the_reason_of_the_other() {
    let Family { a, b, tree, .. } = family().await;
    a.link(b.clone()).await.unwrap();
    b.die().await.unwrap();
    a.wait_serving(2).await.unwrap();
    b.wait_serving(2).await.unwrap();
    assert_eq!((last_reason(&a), last_reason(&b)), (panicked(), panicked()));
    tree.shutdown().await;
}

#[tokio::test]
async fn a_link_has_two_directions() {
    let Family { a, b, tree, .. } = family().await;
    a.link(b.clone()).await.unwrap();
    a.kill();
    b.wait_serving(2).await.unwrap();
    assert_eq!(last_reason(&b), ExitReason::Killed);
    tree.shutdown().await;
}

#[tokio::test]
async fn the_supervisor_sees_the_reason_that_came_over_a_link() {
    let Family { a, b, recorder, tree, .. } = family().await;
    a.link(b.clone()).await.unwrap();
    b.die().await.unwrap();
    recorder.until(event!("a": Restarting { role: Role::Worker, reason, .. } if *reason == panicked())).await;
    tree.shutdown().await;
}

#[tokio::test]
async fn the_message_in_progress_is_undone_and_its_caller_told() {
    let Family { a, b, hanging, tree, .. } = family().await;
    a.link(b.clone()).await.unwrap();
    let caller = a.clone();
    let in_progress = tokio::spawn(async move { caller.count_and_hang().await });
    hanging.notified().await;
    b.die().await.unwrap();
    match in_progress.await.unwrap().unwrap_err() {
        CallError::Died { incarnation, reason, .. } => assert_eq!((incarnation, reason), (1, panicked())),
        other => panic!("{other}"),
    }
    assert_eq!(a.count().await.unwrap(), 1, "what the message wrote is undone");
    tree.shutdown().await;
}

#[tokio::test]
async fn a_normal_end_does_nothing_to_a_linked_worker_that_does_not_trap_exits() {
    let Family { a, b, trapping, tree, .. } = family().await;
    a.link(b.clone()).await.unwrap();
    trapping.link(b.clone()).await.unwrap();
    b.finish(ExitReason::Normal).await.unwrap();
    b.wait_serving(2).await.unwrap();
    // One that traps exits hears of it.
    assert_eq!(reasons(trapping.signals().await.unwrap()), [ExitReason::Normal]);
    a.count().await.unwrap();
    assert_eq!(a.incarnation(), 1);
    tree.shutdown().await;
}

#[tokio::test]
async fn a_shutdown_travels_over_a_link() {
    let Family { a, b, tree, .. } = family().await;
    a.link(b.clone()).await.unwrap();
    b.stop().await;
    a.wait_serving(2).await.unwrap();
    assert_eq!(last_reason(&a), ExitReason::Shutdown);
    tree.shutdown().await;
}

#[tokio::test]
async fn a_link_is_of_incarnations_and_not_of_workers() {
    let Family { a, b, tree, .. } = family().await;
    a.link(b.clone()).await.unwrap();
    b.die().await.unwrap();
    a.wait_serving(2).await.unwrap();
    b.wait_serving(2).await.unwrap();
    b.die().await.unwrap();
    b.wait_serving(3).await.unwrap();
    a.count().await.unwrap();
    assert_eq!(a.incarnation(), 2);
    tree.shutdown().await;
}

#[tokio::test]
async fn a_second_link_of_the_same_two_is_the_first() {
    let Family { a, trapping, tree, .. } = family().await;
    a.link_twice(trapping.clone()).await.unwrap();
    trapping.link(a.clone()).await.unwrap();
    a.die().await.unwrap();
    a.wait_serving(2).await.unwrap();
    assert_eq!(reasons(trapping.signals().await.unwrap()), [panicked()]);
    tree.shutdown().await;
}

#[tokio::test]
async fn an_unlink_ends_the_link_for_both() {
    let Family { a, b, tree, .. } = family().await;
    a.link_and_unlink(b.clone()).await.unwrap();
    a.die().await.unwrap();
    a.wait_serving(2).await.unwrap();
    b.count().await.unwrap();
    b.die().await.unwrap();
    b.wait_serving(2).await.unwrap();
    a.count().await.unwrap();
    assert_eq!((a.incarnation(), b.incarnation()), (2, 2));
    tree.shutdown().await;
}

#[tokio::test]
async fn an_unlink_takes_back_a_signal_that_has_come_and_was_not_served() {
    let Family { a, trapping, tree, .. } = family().await;
    trapping.link(a.clone()).await.unwrap();
    trapping.unlink_when_dead().await.unwrap();
    assert_eq!(trapping.signals().await.unwrap(), []);
    trapping.exit(ExitReason::Shutdown);
    assert_eq!(reasons(trapping.signals().await.unwrap()), [ExitReason::Shutdown], "the next is served");
    tree.shutdown().await;
}

#[tokio::test]
async fn an_unlink_without_a_link_does_nothing() {
    let Family { a, b, trapping, tree, .. } = family().await;
    trapping.link(a.clone()).await.unwrap();
    trapping.unlink().await.unwrap();
    trapping.unlink().await.unwrap();
    a.die().await.unwrap();
    a.wait_serving(2).await.unwrap();
    b.count().await.unwrap();
    assert_eq!(trapping.signals().await.unwrap(), []);
    tree.shutdown().await;
}

#[tokio::test]
async fn a_link_to_oneself_is_none() {
    let Family { a, tree, .. } = family().await;
    a.link(a.clone()).await.unwrap();
    a.die().await.unwrap();
    a.wait_serving(2).await.unwrap();
    assert_eq!(last_reason(&a), panicked());
    tree.shutdown().await;
}

#[tokio::test]
async fn a_circle_of_links_ends_together() {
    let Family { a, b, c, tree, .. } = family().await;
    a.link(b.clone()).await.unwrap();
    b.link(c.clone()).await.unwrap();
    c.link(a.clone()).await.unwrap();
    b.exit(ExitReason::error("first"));
    for worker in [&a, &b, &c] {
        worker.wait_serving(2).await.unwrap();
        assert_eq!(last_reason(worker), ExitReason::error("first"));
        worker.count().await.unwrap();
        assert_eq!(worker.incarnation(), 2);
    }
    tree.shutdown().await;
}

#[tokio::test]
async fn a_link_to_a_worker_that_is_not_alive_is_an_exit_signal_at_once() {
    let Family { a, trapping, tree, .. } = family().await;
    assert!(a.link_and_hang(nobody()).await.is_err());
    assert_eq!(last_reason(&a), ExitReason::NoProc);
    trapping.link(nobody()).await.unwrap();
    let signal = trapping.signals().await.unwrap().remove(0);
    assert_eq!(signal.to_string(), "exit signal from `nobody`: noproc: there was no living incarnation");
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_link_to_an_incarnation_that_has_ended_is_an_exit_signal_at_once() {
    let Family { a, b, trapping, tree, .. } = family().await;
    // It has been alive, and its handle knows it.
    tree.terminate_child("b").await.unwrap();
    trapping.link(b.clone()).await.unwrap();
    let signal = trapping.signals().await.unwrap().remove(0);
    assert!(
        matches!(&signal.from, ExitSource::Worker { name, incarnation: None, .. } if name.as_ref() == "b"),
        "{signal}"
    );
    assert_eq!(signal.reason, ExitReason::NoProc);
    let ended = timeout(Duration::from_secs(60), a.link_and_hang(b.clone())).await;
    assert!(ended.expect("it does not hang").is_err());
    assert_eq!(last_reason(&a), ExitReason::NoProc);
    // Nothing of the link is left: the next incarnation's end is told to nobody.
    tree.restart_child("b").await.unwrap();
    b.die().await.unwrap();
    b.wait_serving(3).await.unwrap();
    assert_eq!(trapping.signals().await.unwrap().len(), 1);
    tree.shutdown().await;
}

#[tokio::test]
async fn a_worker_that_traps_exits_serves_the_signal_before_the_messages_that_wait() {
    let Family { a, trapping, tree, .. } = family().await;
    trapping.link(a.clone()).await.unwrap();
    let go_on = Arc::new(Notify::new());
    let [busy, asking] = [trapping.clone(), trapping.clone()];
    let waiting = Arc::clone(&go_on);
    let busy = tokio::spawn(async move { busy.wait_for(waiting).await });
    let asking = tokio::spawn(async move { asking.signals().await });
    wait_until(|| trapping.queued() > 0).await;
    a.die().await.unwrap();
    a.wait_serving(2).await.unwrap();
    go_on.notify_one();
    busy.await.unwrap().unwrap();
    let signal = asking.await.unwrap().unwrap().remove(0);
    assert_eq!(signal.to_string(), "exit signal from incarnation 1 of `a`: panic: asked to die");
    assert_eq!(trapping.incarnation(), 1);
    tree.shutdown().await;
    assert_eq!(trapping.estate().claim("test").unwrap().saw, [true], "told when the tables were home");
}

#[tokio::test]
async fn an_error_from_the_exit_hook_ends_the_incarnation_and_undoes_what_it_wrote() {
    let Family { trapping, tree, .. } = family().await;
    trapping.exit(ExitReason::error("fail"));
    trapping.wait_serving(2).await.unwrap();
    assert_eq!(trapping.estate().last_exit().unwrap().reason, ExitReason::error("the hook failed"));
    assert_eq!(trapping.signals().await.unwrap(), []);
    tree.shutdown().await;
}

#[tokio::test]
async fn the_exit_hook_can_end_the_incarnation_in_order() {
    let (mut tree, _) = Recorder::tree();
    let trapping = tree.worker(Trapping::spec().restart(Restart::Transient));
    let tree = tree.start().await.unwrap();
    trapping.exit(ExitReason::error("stop"));
    assert_eq!(trapping.wait_stopped().await, Stopped::Ended(ExitReason::ShutdownWith("told to".into())));
    assert_eq!(trapping.estate().claim("test").unwrap().signals.len(), 1);
    tree.shutdown().await;
}

#[tokio::test]
async fn an_exit_signal_from_outside_ends_a_worker_with_its_reason() {
    let Family { a, tree, .. } = family().await;
    assert_eq!(a.exit(ExitReason::error("no use")), Some(1));
    a.wait_serving(2).await.unwrap();
    assert_eq!(last_reason(&a), ExitReason::error("no use"));
    tree.shutdown().await;
}

#[tokio::test]
async fn an_exit_signal_with_a_normal_reason_is_for_those_who_trap_exits_only() {
    let Family { a, trapping, tree, .. } = family().await;
    a.exit(ExitReason::Normal);
    a.count().await.unwrap();
    assert_eq!(a.incarnation(), 1);
    trapping.exit(ExitReason::Normal);
    let signal = trapping.signals().await.unwrap().remove(0);
    assert_eq!((signal.from, signal.reason), (ExitSource::Handle, ExitReason::Normal));
    tree.shutdown().await;
}

#[tokio::test]
async fn the_first_of_two_exit_signals_is_the_reason() {
    let Family { a, tree, .. } = family().await;
    a.exit(ExitReason::error("first"));
    a.exit(ExitReason::error("second"));
    assert_eq!(a.kill(), None, "it is dying already");
    a.wait_serving(2).await.unwrap();
    assert_eq!(last_reason(&a), ExitReason::error("first"));
    tree.shutdown().await;
}

#[tokio::test]
async fn a_kill_cannot_be_trapped_but_what_it_sends_over_links_can() {
    let Family { a, trapping, tree, .. } = family().await;
    trapping.link(a.clone()).await.unwrap();
    a.kill();
    a.wait_serving(2).await.unwrap();
    assert_eq!(reasons(trapping.signals().await.unwrap()), [ExitReason::Killed]);
    trapping.kill();
    trapping.wait_serving(2).await.unwrap();
    tree.shutdown().await;
}

#[tokio::test]
async fn a_shutdown_with_a_reason_is_normal_for_a_supervisor() {
    let (mut tree, _) = Recorder::tree();
    let worker = tree.worker(Plain::spec(Arc::default()).restart(Restart::Transient));
    let tree = tree.start().await.unwrap();
    let reason = ExitReason::shutdown("moved");
    worker.finish(reason.clone()).await.unwrap();
    assert_eq!(worker.wait_stopped().await, Stopped::Ended(reason));
    assert_eq!(worker.estate().claim("test").unwrap().count, 1);
    tree.shutdown().await;
}

#[tokio::test]
async fn nobody_lives_who_has_not_started_or_has_stopped() {
    assert_eq!(nobody().exit(ExitReason::Shutdown), None);
    let Family { a, tree, .. } = family().await;
    tree.shutdown().await;
    assert_eq!(a.exit(ExitReason::Shutdown), None);
}

#[tokio::test]
async fn two_that_link_in_their_start_hooks_find_each_other_again() {
    let Family { a, b, tree, .. } = family().await;
    a.link_always(b.clone()).await.unwrap();
    b.link_always(a.clone()).await.unwrap();
    for incarnation in 1..=3 {
        a.exit(ExitReason::error("again"));
        // Each may die once more over a link to one that is dying; then both live.
        a.wait_serving(incarnation + 1).await.unwrap();
        b.wait_serving(incarnation + 1).await.unwrap();
    }
    let both_serve = || matches!((a.status(), b.status()), (Status::Serving { .. }, Status::Serving { .. }));
    wait_until(both_serve).await;
    let reached = b.incarnation();
    a.kill();
    b.wait_serving(reached + 1).await.unwrap();
    tree.shutdown().await;
    // Each has a handle on the other in its tables.
    drop((a.estate().claim("test"), b.estate().claim("test")));
}

#[tokio::test]
async fn an_exit_signal_ends_one_that_waits_for_its_tables() {
    let (mut tree, recorder) = Recorder::tree();
    let go_on = Arc::new(Notify::new());
    let late = tree.worker(Late::spec(Arc::default(), Arc::clone(&go_on)));
    let starting = tokio::spawn(tree.start());
    recorder.until(event!(Linked { incarnation: 1, .. })).await;
    let down = late.monitor();
    let too_slow = ExitReason::shutdown("too slow");
    assert_eq!(late.exit(too_slow.clone()), Some(1));
    assert_eq!(down.await.reason, too_slow);
    recorder.until(event!(Restarting { role: Role::Worker, reason, .. } if *reason == too_slow)).await;
    go_on.notify_one();
    let tree = starting.await.unwrap().unwrap();
    assert_eq!(late.incarnation(), 2);
    assert_eq!(late.estate().last_exit(), None, "the first never had the tables");
    tree.shutdown().await;
}
