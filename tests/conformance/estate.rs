//! Custody: at every instant the tables are in exactly one place.

use std::pin::pin;

use heir_runtime::ExitReason;
use heir_runtime::estate::{ClaimError, Estate, Lease};
use heir_tests::waits::is_pending;

#[test]
fn a_lease_that_is_dropped_returns_to_the_estate() {
    let (estate, lease) = Estate::new("t", vec![1]);
    assert_eq!(estate.owner().unwrap().incarnation, 1);
    drop(lease);
    assert_eq!(estate.owner(), None);
    assert_eq!(*estate.claim("next").unwrap(), [1]);
}

#[test]
fn a_lease_that_ends_says_why() {
    for reason in [
        ExitReason::Normal,
        ExitReason::Shutdown,
        ExitReason::Error("disk full".into()),
        ExitReason::Panic("oh".into()),
        ExitReason::Killed,
    ] {
        let (estate, lease) = Estate::new("t", ());
        lease.end(reason.clone());
        let exit = estate.last_exit().unwrap();
        assert_eq!((exit.reason, exit.incarnation, exit.in_message), (reason, 1, false));
    }
}

#[test]
fn a_panic_while_owning_returns_the_tables_and_is_told() {
    let (estate, mut lease) = Estate::new("t", vec![1]);
    let crashed = std::thread::spawn(move || {
        lease.begin_message();
        lease.push(2);
        panic!("oh");
    });
    assert!(crashed.join().is_err());
    let exit = estate.last_exit().unwrap();
    assert!(matches!(exit.reason, ExitReason::Panic(_)), "{exit}");
    assert!(exit.in_message);
    assert_eq!(*estate.claim("next").unwrap(), [1, 2]);
}

#[tokio::test]
async fn an_aborted_task_returns_the_tables_as_killed() {
    let (estate, lease) = Estate::new("t", vec![1]);
    let task = tokio::spawn(async move {
        let _lease = lease;
        std::future::pending::<()>().await;
    });
    tokio::task::yield_now().await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(estate.last_exit().unwrap().reason, ExitReason::Killed);
    assert_eq!(*estate.claim("next").unwrap(), [1]);
}

#[test]
fn the_end_of_the_runtime_returns_the_tables() {
    let (estate, lease) = Estate::new("t", vec![1]);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    runtime.spawn(async move {
        let _lease = lease;
        std::future::pending::<()>().await;
    });
    drop(runtime);
    assert_eq!(*estate.claim("next").unwrap(), [1]);
}

#[tokio::test]
async fn work_run_on_a_lease_may_move_to_any_task_and_tells_how_it_ended() {
    let (estate, lease) = Estate::new("t", vec![1]);
    let done = tokio::spawn(lease.run(async |tables: &mut Vec<i32>| {
        tables.push(2);
        Ok::<_, String>(tables.len())
    }));
    assert_eq!(done.await.unwrap(), Ok(2));
    assert_eq!(estate.last_exit().unwrap().reason, ExitReason::Normal);

    let lease = estate.claim("second").unwrap();
    let failed = lease.run(async |_: &mut Vec<i32>| Err::<(), _>("no more")).await;
    assert_eq!(failed, Err(ExitReason::Error("no more".into())));

    let lease = estate.claim("third").unwrap();
    let panicked = lease.run(async |_: &mut Vec<i32>| -> Result<(), String> { panic!("in {}", "run") }).await;
    assert_eq!(panicked, Err(ExitReason::Panic("in run".into())));
    assert_eq!(*estate.claim("fourth").unwrap(), [1, 2]);
}

#[test]
fn an_owned_estate_cannot_be_claimed_and_says_by_whom() {
    let (estate, lease) = Estate::new("t", ());
    let error = estate.claim("second").unwrap_err();
    assert!(matches!(&error, ClaimError::Owned(owner) if owner.incarnation == 1), "{error}");
    drop(lease);
    let lease = estate.claim("second").unwrap();
    let owner = estate.owner().unwrap();
    assert_eq!((owner.name.as_ref(), owner.incarnation, lease.incarnation()), ("second", 2, 2));
}

#[test]
fn tables_at_home_are_promised_to_the_heir() {
    let (estate, lease) = Estate::new("t", ());
    let heir = estate.heir("manager").unwrap();
    drop(lease);
    assert_eq!(estate.claim("thief").unwrap_err(), ClaimError::Promised("manager".into()));
    assert!(estate.heir("second").is_err(), "one heir at a time");
    drop(heir);
    assert!(estate.claim("anyone").is_ok());
}

#[tokio::test]
async fn the_heir_inherits_with_the_reason_and_a_dead_heir_loses_nothing() {
    let (estate, lease) = Estate::new("t", vec![1]);
    let mut heir = estate.heir("manager").unwrap();
    let inheriting = tokio::spawn(async move { heir.inherit().await });
    tokio::task::yield_now().await;
    lease.end(ExitReason::error("tired"));
    let inherited = inheriting.await.unwrap();
    assert_eq!(inherited.exit.unwrap().reason, ExitReason::Error("tired".into()));
    // The heir holds them under the number of the one that ended, and its own end is not an owner's.
    assert_eq!(inherited.lease.incarnation(), 1);
    drop(inherited.lease);
    let exit = estate.last_exit().unwrap();
    assert_eq!(exit.reason, ExitReason::Error("tired".into()));
    assert_eq!(*estate.claim("next").unwrap(), [1]);
}

#[tokio::test]
async fn an_heir_that_stops_waiting_takes_nothing() {
    let (estate, lease) = Estate::new("t", vec![1]);
    let mut heir = estate.heir("manager").unwrap();
    {
        let mut inheriting = pin!(heir.inherit());
        assert!(is_pending(inheriting.as_mut()).await);
        drop(lease);
    }
    assert_eq!(estate.owner(), None);
    assert_eq!(*heir.inherit().await.lease, [1]);
}

#[test]
fn the_last_handle_frees_the_tables_and_no_other() {
    let alive = std::sync::Arc::new(());
    let (estate, lease) = Estate::new("t", std::sync::Arc::clone(&alive));
    let second = estate.clone();
    drop(lease);
    drop(estate);
    assert_eq!(std::sync::Arc::strong_count(&alive), 2);
    let lease: Lease<_> = second.claim("x").unwrap();
    drop(second);
    assert_eq!(std::sync::Arc::strong_count(&alive), 2, "a lease keeps its estate");
    drop(lease);
    assert_eq!(std::sync::Arc::strong_count(&alive), 1);
}

#[test]
fn the_estate_knows_since_when() {
    let before = std::time::Instant::now();
    let (estate, lease) = Estate::new("t", ());
    let since = estate.owner().unwrap().since;
    assert!(since >= before);
    drop(lease);
    assert!(estate.last_exit().unwrap().at >= since);
}

#[test]
fn a_leak_keeps_the_tables_away_but_not_usable_by_two() {
    let (estate, lease) = Estate::new("t", ());
    std::mem::forget(lease);
    assert!(matches!(estate.claim("next"), Err(ClaimError::Owned(_))));
}
