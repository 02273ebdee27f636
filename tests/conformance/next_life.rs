//! A supervisor that was killed: what its next life makes of what the one before left.

use std::time::Duration;

use heir_runtime::{Backoff, Supervisor, handlers, heir};
use heir_tests::{Recorder, event};
use tokio::time::Instant;

#[heir]
struct Delayed {
    #[table(keep)]
    count: u32,
}

#[handlers]
impl Delayed {
    fn count(&mut self) -> u32 {
        self.count += 1;
        self.count
    }
}

#[tokio::test(start_paused = true)]
async fn a_child_that_waited_for_its_start_is_started_with_the_next_life_of_its_supervisor() {
    let (mut tree, recorder) = Recorder::tree();
    let mut subtree = Supervisor::builder("below").intensity(u32::MAX);
    let delayed = subtree.child(Delayed::spec().backoff(Backoff::Fixed(Duration::from_hours(1))));
    let subtree = tree.child(subtree);
    let _tree = tree.start().await.unwrap();
    assert_eq!(delayed.count().await.unwrap(), 1);
    delayed.kill();
    recorder.until(event!(Restarting { .. })).await;
    let begin = Instant::now();
    assert!(subtree.kill());
    assert_eq!((delayed.count().await.unwrap(), begin.elapsed()), (2, Duration::ZERO));
}
