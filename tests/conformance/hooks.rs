//! Hooks, fresh fields and `init`: a user's code around a start and a stop, and what happens when it fails.

use std::time::Duration;

use heir_runtime::events::Role;
use heir_runtime::{ExitReason, Restart, StartError, Stopped, Supervisor};
use heir_tests::{Log, Recorder, event};

use crate::workers::{Fault, Hooked, HookedHandle};

async fn start(fault: Fault) -> (HookedHandle, Result<Supervisor, StartError>, Log, Recorder) {
    let log = Log::default();
    let (mut tree, recorder) = Recorder::tree();
    let worker = tree.worker(Hooked::spec(log.clone(), fault));
    (worker, tree.start().await, log, recorder)
}

#[tokio::test]
async fn hooks_run_around_the_life_of_an_incarnation() {
    let (worker, tree, log, _) = start(Fault::Nowhere).await;
    assert_eq!(log.take(), ["init", "fresh", "transfer 1 after None", "start 1"]);
    worker.die().await.unwrap();
    assert_eq!(worker.starts().await.unwrap(), 2);
    // The old incarnation's rest is gone before the new one runs; a crash runs no stop hook.
    assert_eq!(
        log.take(),
        ["rest dropped", "fresh", "transfer 2 after Some(\"panic: asked to die\")", "start 2"]
    );
    tree.unwrap().shutdown().await;
    assert_eq!(log.take(), ["stop: shutdown", "rest dropped"]);
}

#[tokio::test]
async fn a_normal_end_runs_the_stop_hook() {
    let (worker, _tree, log, _) = start(Fault::Nowhere).await;
    log.take();
    worker.finish().await.unwrap();
    worker.wait_serving(2).await.unwrap();
    assert_eq!(log.take()[..2], ["stop: normal", "rest dropped"]);
}

#[tokio::test]
async fn a_panic_in_the_stop_hook_is_the_reason_and_loses_nothing() {
    let (worker, _tree, _, _) = start(Fault::StopPanics).await;
    worker.finish().await.unwrap();
    worker.wait_serving(2).await.unwrap();
    assert_eq!(worker.estate().last_exit().unwrap().reason, ExitReason::Panic("in stop".into()));
    assert_eq!(worker.starts().await.unwrap(), 2);
}

#[tokio::test]
async fn a_panic_while_the_rest_is_dropped_is_caught_and_told() {
    let (worker, _tree, _, recorder) = start(Fault::RestPanicsWhenDropped).await;
    worker.die().await.unwrap();
    assert_eq!(worker.starts().await.unwrap(), 2);
    recorder.until(event!(CodePanicked { message, .. } if &**message == "in a destructor")).await;
}

#[tokio::test(start_paused = true)]
async fn a_start_that_fails_says_which_child_and_why() {
    let failing = [
        (Fault::InitFails, Role::Manager, "error: no such table"),
        (Fault::InitPanics, Role::Manager, "panic: in init"),
        (Fault::FreshPanics, Role::Worker, "panic: in fresh"),
        (Fault::TransferFails, Role::Worker, "error: not this one"),
        (Fault::StartFails, Role::Worker, "error: no port"),
        (Fault::StartPanics, Role::Worker, "panic: in start"),
        (Fault::StartHangs, Role::Worker, "error: its hooks took longer than 60s"),
    ];
    for (fault, failed, why) in failing {
        let (worker, tree, _, _) = start(fault).await;
        match tree.unwrap_err() {
            StartError::Child { child, role, reason, .. } => {
                assert_eq!((child.as_ref(), role, reason.to_string().as_str()), ("Hooked", failed, why));
            }
            other => panic!("{other}"),
        }
        let stopped = worker.wait_stopped().await;
        assert!(matches!(stopped, Stopped::Ended(_)), "{stopped}");
        let told = worker.starts().await.unwrap_err();
        assert!(!told.was_enqueued(), "{told}");
        let last = worker.estate().last_exit().map(|exit| (exit.incarnation, exit.reason.to_string()));
        assert_eq!(last, (failed == Role::Worker).then(|| (1, why.to_owned())), "{fault:?}");
        match worker.estate().claim("test") {
            Ok(tables) => assert_eq!(tables.starts, 0, "{fault:?}: a hook is a transaction"),
            Err(error) => assert_eq!(failed, Role::Manager, "{fault:?}: {error}"),
        }
    }
}

#[tokio::test]
async fn siblings_already_started_are_stopped_in_reverse_when_one_fails_to_start() {
    let log = Log::default();
    let (mut tree, recorder) = Recorder::tree();
    let spec = |name: &str, fault| Hooked::spec(log.clone(), fault).name(name);
    let first = tree.worker(spec("first", Fault::Nowhere));
    let second = tree.worker(spec("second", Fault::Nowhere));
    let third = tree.worker(spec("third", Fault::StartFails));
    let fourth = tree.worker(spec("fourth", Fault::Nowhere));
    let error = tree.start().await.unwrap_err();
    assert_eq!(error.to_string(), "the worker of `third` did not start: error: no port");
    assert_eq!(recorder.children(event!(Retired { .. })), ["fourth", "third", "second", "first"]);
    for worker in [&first, &second, &third, &fourth] {
        worker.wait_stopped().await;
    }
    assert_eq!(first.estate().claim("test").unwrap().starts, 1);
    assert!(fourth.estate().claim("test").is_err(), "it never had any tables");
}

#[tokio::test]
async fn two_children_of_one_name_do_not_start() {
    let log = Log::default();
    let (mut tree, _) = Recorder::tree();
    let first = tree.worker(Hooked::spec(log.clone(), Fault::Nowhere));
    let _second = tree.worker(Hooked::spec(log.clone(), Fault::Nowhere));
    let error = tree.start().await.unwrap_err();
    assert_eq!(error, StartError::DuplicateName("Hooked".into()));
    assert_eq!(first.wait_stopped().await, Stopped::Dropped);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_given_up_stops_what_it_started() {
    let log = Log::default();
    let (mut tree, _) = Recorder::tree();
    let first = tree.worker(Hooked::spec(log.clone(), Fault::Nowhere).name("first"));
    let _hangs = tree.worker(Hooked::spec(log.clone(), Fault::StartHangs).name("hangs"));
    let starting = tokio::time::timeout(Duration::from_secs(1), tree.start());
    assert!(starting.await.is_err());
    assert_eq!(first.wait_stopped().await, Stopped::Dropped);
    assert_eq!(first.estate().claim("test").unwrap().starts, 1);
}

#[tokio::test]
async fn a_restart_that_fails_is_counted_and_tried_again_until_the_supervisor_gives_up() {
    let log = Log::default();
    let recorder = Recorder::default();
    let mut tree = Supervisor::builder("app").intensity(3).observe(recorder.observer());
    let spec = Hooked::spec(log.clone(), Fault::RestPanicsWhenDropped).restart(Restart::Transient);
    let worker = tree.worker(spec);
    let mut tree = tree.start().await.unwrap();
    for _ in 0..3 {
        worker.die().await.unwrap();
        worker.starts().await.unwrap();
    }
    worker.die().await.unwrap();
    let report = tree.wait().await;
    assert_eq!(report.why, Stopped::GaveUp(ExitReason::Panic("asked to die".into())));
    recorder.until(event!("app": GaveUp { .. })).await;
    assert_eq!(worker.estate().claim("test").unwrap().starts, 4);
}
