//! Who is closed when, at the end of a tree for good, where supervisors stand below supervisors.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use heir_runtime::events::{Event, EventKind, Role};
use heir_runtime::{Backoff, CastError, Dynamic, NotSent, Shutdown, Spec, Supervisor, handlers, heir};
use heir_tests::waits::quiet;
use heir_tests::{Recorder, event, overdue};
use tokio::sync::Notify;

use super::actor::{Actor, ActorHandle, Stage};

fn patient(stage: &Stage) -> Spec<Actor> {
    Actor::spec(stage.clone()).shutdown(Shutdown::Timeout(Duration::MAX))
}

#[tokio::test(start_paused = true)]
async fn the_workers_of_a_dynamic_supervisor_serve_until_it_is_its_turn() {
    let (mut tree, stage) = (Supervisor::builder("app"), Stage::holding_its_stop());
    let many = tree.child(Dynamic::<u32, Actor>::spec());
    tree.child(patient(&stage).name("last"));
    let tree = tree.start().await.unwrap();
    let worker = many.start(1, patient(&Stage::free())).await.unwrap();
    let end = tokio::spawn(tree.shutdown());
    stage.stopping.notified().await;
    // It has heard by now that it is to end for good.
    quiet().await;
    assert_eq!(worker.count().await.unwrap(), 1);
    stage.go_on.notify_one();
    end.await.unwrap();
}

/// A worker that waits out a back-off while its manager, a task, has the tables.
#[tokio::test(start_paused = true)]
async fn a_supervisor_has_not_ended_before_the_managers_of_its_workers_have() {
    let (watched, claimed) = (Arc::new(OnceLock::<ActorHandle>::new()), Arc::new(Mutex::new(None)));
    let (tree, recorder) = Recorder::tree();
    let mut tree = tree.observe({
        let (watched, claimed) = (Arc::clone(&watched), Arc::clone(&claimed));
        move |event: &Event| {
            if matches!(event.kind, EventKind::Retired { .. }) {
                let claim = watched.get().unwrap().estate().claim("test").map(drop);
                *claimed.lock().unwrap() = Some(claim.is_ok());
            }
        }
    });
    let worker = tree.child(Actor::spec(Stage::free()).backoff(Backoff::Fixed(Duration::MAX)));
    watched.set(worker.clone()).unwrap();
    let tree = tree.start().await.unwrap();
    worker.kill();
    recorder.until(event!(Waiting)).await;
    tree.shutdown().await;
    assert_eq!(
        *claimed.lock().unwrap(),
        Some(true),
        "its tables are at home when it is told that it has ended"
    );
}

/// Takes notes; its tables take their time, if they are told to.
#[heir]
struct Note {
    #[table(keep, init = { if let Some(begun) = begun { begun.notify_one(); std::future::pending::<()>().await } })]
    nothing: (),
    #[arg]
    begun: Option<Arc<Notify>>,
}

#[handlers]
impl Note {
    #[cast]
    fn note(&mut self) {}
}

#[tokio::test(start_paused = true)]
async fn the_workers_of_a_dynamic_supervisor_are_closed_before_the_first_of_them_is_waited_for() {
    let many = Dynamic::<u32, Note>::spec().start().await.unwrap();
    let begun = Arc::new(Notify::new());
    let starting = tokio::spawn({
        let (many, spec) = (Dynamic::clone(&many), Note::spec(Some(Arc::clone(&begun))));
        async move { many.start(1, spec).await.map(drop) }
    });
    // Its manager is at work: at the end it is waited for before the worker is asked to stop.
    begun.notified().await;
    let slow = many.get(&1).unwrap();
    // The second one is closed while the first is still waited for: what it had queued tells whether the first is open.
    let seen = Arc::new(Mutex::new(None));
    let other = many
        .start(
            2,
            Note::spec(None).on_undelivered({
                let (seen, slow) = (Arc::clone(&seen), slow.clone());
                move |_| *seen.lock().unwrap() = Some(slow.try_note())
            }),
        )
        .await
        .unwrap();
    other.pause().await.unwrap();
    other.try_note().unwrap();
    many.shutdown().await;
    let note = seen.lock().unwrap().take().expect("the note was not delivered");
    assert!(matches!(&note, Err(CastError::NotSent { why: NotSent::Stopped(_), .. })), "{note:?}");
    assert!(starting.await.unwrap().is_err());
}

/// A supervisor below that blocks its thread, as an observer tells it to.
fn blocking(restarting: &Arc<Notify>, release: Receiver<()>) -> heir_runtime::SupervisorBuilder {
    let (restarting, release) = (Arc::clone(restarting), Mutex::new(release));
    let observer = move |event: &Event| {
        if matches!(event.kind, EventKind::Restarting { role: Role::Worker, .. }) {
            restarting.notify_one();
            let _ = release.lock().unwrap().recv();
        }
    };
    Supervisor::builder("below").observe(observer).shutdown(Shutdown::Timeout(Duration::from_millis(1)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_workers_of_a_supervisor_that_was_left_behind_are_closed_when_it_is() {
    let (mut tree, stage) = (Supervisor::builder("app"), Stage::holding_its_stop());
    tree.child(patient(&stage).name("first"));
    let ((release, released), restarting) = (channel(), Arc::new(Notify::new()));
    let mut below = blocking(&restarting, released);
    let dead = below.child(Note::spec(None));
    tree.child(below);
    let tree = tree.start().await.unwrap();
    dead.kill();
    restarting.notified().await;
    let end = tokio::spawn(tree.shutdown());
    // It is asked to stop when the supervisor below is left behind.
    stage.stopping.notified().await;
    let note = dead.try_note();
    assert!(matches!(&note, Err(CastError::NotSent { why: NotSent::Stopped(_), .. })), "{note:?}");
    release.send(()).unwrap();
    stage.go_on.notify_one();
    assert_eq!(overdue(&end.await.unwrap().unresponsive), [("below", Role::Supervisor)]);
}

#[tokio::test(start_paused = true)]
async fn a_subtree_without_children_has_time_to_stop() {
    let mut tree = Supervisor::builder("app");
    tree.child(Supervisor::builder("empty"));
    let tree = tree.start().await.unwrap();
    assert_eq!(tree.shutdown().await.aborted, []);
}
