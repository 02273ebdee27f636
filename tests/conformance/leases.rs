//! A lease and an estate's heir, beyond what a worker shows of them: numbers, message boundaries, and who is let in.

use heir_runtime::estate::Lease;
use heir_runtime::{ExitReason, handlers, heir};
use heir_tests::Recorder;

#[tokio::test]
async fn a_give_away_that_fails_gives_the_number_back_too() {
    let (estate, lease) = estate();
    let (older, incoming) = estate.recipient("older");
    let (newer, gone) = estate.recipient("newer");
    drop(gone);
    let lease = lease.give_away(newer).unwrap_err().into_lease();
    assert_eq!(estate.info().incarnation, 1, "the newer one has owned nothing");
    lease.give_away(older).unwrap();
    assert_eq!(incoming.receive().await.unwrap().lease.incarnation(), 2);
}

#[test]
fn an_exit_tells_whether_the_owner_was_in_the_middle_of_a_message() {
    let in_message = |end: fn(Lease<Vec<u32>>)| {
        let (estate, mut lease) = estate();
        lease.begin_message();
        end(lease);
        estate.last_exit().unwrap().in_message
    };
    assert!(in_message(drop));
    assert!(!in_message(|mut lease| {
        lease.end_message();
        drop(lease);
    }));
}

#[tokio::test]
async fn a_transfer_from_an_owner_tells_of_no_exit_even_if_an_older_owner_has_ended() {
    let (estate, lease) = estate();
    lease.end(ExitReason::Normal);
    let lease = estate.claim("second").unwrap();
    let (recipient, incoming) = estate.recipient("third");
    lease.give_away(recipient).unwrap();
    let info = incoming.receive().await.unwrap().info;
    assert_eq!((info.from.as_ref(), info.previous), ("second", None));
}

/// Its estate is asked for by others.
#[heir]
struct Kept {
    #[table(keep)]
    rows: Vec<u32>,
}

#[handlers]
impl Kept {
    fn rows(&mut self) -> Vec<u32> {
        self.rows.clone()
    }
}

#[tokio::test]
async fn nobody_becomes_the_heir_of_a_worker_between_two_of_its_managers() {
    let (mut tree, _) = Recorder::tree();
    let kept = tree.worker(Kept::spec());
    let _tree = tree.start().await.unwrap();
    kept.rows().await.unwrap();
    // Nothing is awaited from here on: the supervisor has not heard of it yet.
    assert!(kept.kill_manager());
    assert_eq!(kept.estate().info().heir, None);
    assert!(kept.estate().heir("thief").is_err());
}

fn estate() -> (heir_runtime::estate::Estate<Vec<u32>>, Lease<Vec<u32>>) {
    heir_runtime::estate::Estate::new("t", vec![1])
}
