//! The creation of a worker's tables: how long it may take, and who has them if the worker has gone meanwhile.

use std::sync::Arc;
use std::time::Duration;

use heir_runtime::StartError;
use heir_runtime::events::Role;
use heir_tests::{Recorder, event};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::workers::Late;

#[tokio::test(start_paused = true)]
async fn creating_the_tables_takes_no_longer_than_a_start_may() {
    let (mut tree, _) = Recorder::tree();
    let spec = Late::spec(Arc::default(), Arc::default());
    let late = tree.worker(spec.start_timeout(Duration::from_secs(3)));
    let begin = Instant::now();
    let failed = tree.start().await.unwrap_err();
    assert_eq!(begin.elapsed(), Duration::from_secs(3));
    let StartError::Child { role: Role::Manager, reason, .. } = &failed else { panic!("{failed}") };
    assert_eq!(reason.to_string(), "error: creating its tables took longer than 3s");
    assert!(late.estate().owner().is_none());
}

#[tokio::test]
async fn tables_that_are_there_when_the_worker_has_gone_are_given_to_the_next_as_they_are() {
    let (mut tree, recorder) = Recorder::tree();
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let late = tree.worker(Late::spec(Arc::clone(&begun), Arc::clone(&go_on)));
    let starting = tokio::spawn(tree.start());
    begun.notified().await;
    assert_eq!(late.kill(), Some(1));
    recorder.until(event!(Restarting { .. })).await;
    go_on.notify_one();
    let _tree = starting.await.unwrap().unwrap();
    assert_eq!((late.value().await.unwrap(), late.incarnation()), (7, 2));
    assert!(late.estate().last_exit().is_none(), "nobody has owned them before");
    assert_eq!(late.judged().await.unwrap(), 0);
    assert_eq!(recorder.count(event!(Regained { .. })), 0);
}
