//! Give-away: tables on their way are never lost, and never with two owners.

use heir_runtime::ExitReason;
use heir_runtime::estate::{ClaimError, Estate, GiveAwayErrorKind};

#[tokio::test]
async fn a_lease_is_given_away_to_a_named_receiver() {
    let (estate, lease) = Estate::new("t", vec![1]);
    let (recipient, incoming) = estate.recipient("second");
    lease.give_away(recipient).unwrap();
    // The owner from now on, before it has read the transfer.
    assert_eq!(estate.owner().unwrap().name.as_ref(), "second");
    let transfer = incoming.receive().await.unwrap();
    assert_eq!((transfer.info.from.as_ref(), transfer.info.incarnation), ("t", 2));
    assert_eq!(transfer.info.previous, None, "the giver is alive");
    assert_eq!((transfer.lease.incarnation(), &*transfer.lease), (2, &vec![1]));
}

#[test]
fn a_give_away_to_a_dead_receiver_leaves_the_giver_the_owner() {
    let (estate, lease) = Estate::new("t", vec![1]);
    let (recipient, incoming) = estate.recipient("second");
    drop(incoming);
    assert!(recipient.is_gone());
    let error = lease.give_away(recipient).unwrap_err();
    assert_eq!(error.kind(), GiveAwayErrorKind::Gone);
    let mut lease = error.into_lease();
    lease.push(2);
    assert_eq!(estate.owner().unwrap().incarnation, 1);
    lease.end(ExitReason::Normal);
    assert_eq!(estate.last_exit().unwrap().incarnation, 1);
    assert_eq!(*estate.claim("third").unwrap(), [1, 2]);
}

#[tokio::test]
async fn a_give_away_to_a_finished_receiver_leaves_the_giver_the_owner() {
    let (estate, lease) = Estate::new("t", vec![1]);
    let (recipient, incoming) = estate.recipient("second");
    let finished = tokio::spawn(async move {
        let _incoming = incoming;
    });
    finished.await.unwrap();
    let lease = lease.give_away(recipient).unwrap_err().into_lease();
    assert_eq!((lease.incarnation(), &*lease), (1, &vec![1]));
}

#[test]
fn a_transfer_never_read_returns_to_the_estate() {
    let (estate, lease) = Estate::new("t", vec![1]);
    let (recipient, incoming) = estate.recipient("second");
    lease.give_away(recipient).unwrap();
    drop(incoming);
    let exit = estate.last_exit().unwrap();
    assert_eq!((exit.incarnation, exit.reason), (2, ExitReason::Killed));
    assert_eq!(*estate.claim("third").unwrap(), [1]);
}

#[tokio::test]
async fn a_transfer_read_and_dropped_returns_to_the_estate() {
    let (estate, lease) = Estate::new("t", vec![1]);
    let (recipient, incoming) = estate.recipient("second");
    lease.give_away(recipient).unwrap();
    drop(incoming.receive().await.unwrap());
    assert_eq!(*estate.claim("third").unwrap(), [1]);
}

#[tokio::test]
async fn a_receiver_whose_recipient_is_dropped_is_told() {
    let (estate, _lease) = Estate::new("t", ());
    let (recipient, incoming) = estate.recipient("second");
    drop(recipient);
    assert!(incoming.receive().await.is_err());
}

#[test]
fn tables_never_go_to_an_incarnation_older_than_one_that_has_owned_them() {
    let (estate, lease) = Estate::new("t", vec![1]);
    let (old, _old_incoming) = estate.recipient("old");
    let (new, new_incoming) = estate.recipient("new");
    lease.give_away(new).unwrap();
    drop(new_incoming);
    let lease = estate.claim("giver").unwrap();
    let error = lease.give_away(old).unwrap_err();
    assert_eq!(error.kind(), GiveAwayErrorKind::Outlived);
    assert_eq!(*error.into_lease(), [1]);
}

#[test]
fn tables_never_go_to_the_recipient_of_another_estate() {
    let (_first, lease) = Estate::new("first", vec![1]);
    let (second, _second_lease) = Estate::new("second", vec![2]);
    let (recipient, _incoming) = second.recipient("x");
    let error = lease.give_away(recipient).unwrap_err();
    assert_eq!(error.kind(), GiveAwayErrorKind::OtherEstate);
    assert_eq!(*error.into_lease(), [1]);
}

#[tokio::test]
async fn what_an_heir_gives_away_tells_how_the_last_owner_ended() {
    let (estate, lease) = Estate::new("t", vec![1]);
    let mut heir = estate.heir("manager").unwrap();
    lease.end(ExitReason::Panic("oh".into()));
    let inherited = heir.inherit().await;
    let (recipient, incoming) = estate.recipient("second");
    inherited.lease.give_away(recipient).unwrap();
    let transfer = incoming.receive().await.unwrap();
    assert_eq!(transfer.info.from.as_ref(), "manager");
    assert_eq!(transfer.info.previous.unwrap().reason, ExitReason::Panic("oh".into()));
    assert_eq!(transfer.lease.incarnation(), 2);
}

#[test]
fn numbers_only_grow_whichever_way_tables_go() {
    let (estate, lease) = Estate::new("t", ());
    let mut last = lease.incarnation();
    drop(lease);
    for turn in 0..10 {
        let lease = estate.claim("x").unwrap();
        assert!(lease.incarnation() > last);
        last = lease.incarnation();
        if turn % 2 == 0 {
            let (recipient, incoming) = estate.recipient("y");
            assert!(recipient.incarnation() > last);
            last = recipient.incarnation();
            lease.give_away(recipient).unwrap();
            assert!(matches!(estate.claim("z"), Err(ClaimError::Owned(_))));
            drop(incoming);
        }
    }
}
