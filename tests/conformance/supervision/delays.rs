//! A child that waits for its start, and something else is to become of it.

use std::time::Duration;

use heir_runtime::{Backoff, Spec, Status, Strategy, Supervisor};
use heir_tests::waits::wait_until;
use tokio::time::{Instant, sleep};

use super::actor::{Actor, ActorHandle, Stage};

const HOUR: Duration = Duration::from_hours(1);

fn delayed(name: &'static str) -> Spec<Actor> {
    Actor::spec(Stage::free()).name(name).backoff(Backoff::Fixed(HOUR))
}

/// Has its worker die and wait for its next start.
async fn wait_for_the_next(actor: &ActorHandle) {
    actor.kill();
    wait_until(|| actor.status() == Status::Down).await;
    // Until its supervisor has seen to it.
    sleep(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_child_that_is_terminated_while_it_waits_is_not_started_when_its_time_comes() {
    let mut tree = Supervisor::builder("app").intensity(u32::MAX);
    let actor = tree.child(delayed("actor"));
    let tree = tree.start().await.unwrap();
    wait_for_the_next(&actor).await;
    tree.terminate_child("actor").await.unwrap();
    sleep(3 * HOUR).await;
    assert_eq!((actor.status(), actor.incarnation()), (Status::Terminated, 1));
    tree.restart_child("actor").await.unwrap();
    assert_eq!((actor.count().await.unwrap(), actor.incarnation()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_child_that_is_renewed_while_its_siblings_wait_for_it_is_started_with_them_at_once() {
    let mut tree = Supervisor::builder("app").intensity(u32::MAX).strategy(Strategy::OneForAll);
    let first = tree.child(delayed("first"));
    let second = tree.child(delayed("second"));
    let _tree = tree.start().await.unwrap();
    wait_for_the_next(&second).await;
    let begin = Instant::now();
    assert_eq!(second.restart().await.unwrap(), 2);
    assert_eq!((first.count().await.unwrap(), first.incarnation()), (1, 2));
    assert_eq!(begin.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_child_whose_time_comes_while_its_supervisor_ends_is_not_started() {
    let mut tree = Supervisor::builder("app").intensity(u32::MAX);
    let actor = tree.child(delayed("actor"));
    let stage = Stage::holding_its_stop();
    let spec =
        Actor::spec(stage.clone()).name("last").shutdown(heir_runtime::Shutdown::Timeout(Duration::MAX));
    tree.child(spec);
    let tree = tree.start().await.unwrap();
    wait_for_the_next(&actor).await;
    let end = tokio::spawn(tree.shutdown());
    stage.stopping.notified().await;
    sleep(3 * HOUR).await;
    assert_eq!(actor.incarnation(), 1);
    stage.go_on.notify_one();
    end.await.unwrap();
    assert_eq!(actor.incarnation(), 1);
}
