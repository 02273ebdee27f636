//! The hand-over cell under every interleaving that loom can find. Run with `RUSTFLAGS="--cfg heir_loom"`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use loom::future::block_on;
use loom::thread;

use crate::estate::{Estate, GiveAwayError};
use crate::process::exit::ExitReason;

/// Runs `scene` once for each interleaving, of which there must be several.
fn explore(scene: impl Fn() + Send + Sync + 'static) {
    let runs = Arc::new(AtomicUsize::new(0));
    loom::model({
        let runs = Arc::clone(&runs);
        move || {
            runs.fetch_add(1, Ordering::Relaxed);
            scene();
        }
    });
    let runs = runs.load(Ordering::Relaxed);
    println!("{runs} interleavings");
    assert!(runs > 1, "loom saw nothing to interleave");
}

#[test]
fn loom_an_heir_inherits_however_its_waiting_and_the_owners_end_interleave() {
    explore(|| {
        let (estate, mut lease) = Estate::new("t", 0_u32);
        let mut heir = estate.heir("manager").unwrap();
        let owner = thread::spawn(move || {
            *lease += 1;
            lease.end(ExitReason::Normal);
        });
        let inherited = block_on(heir.inherit());
        assert_eq!(*inherited.lease, 1);
        assert_eq!(inherited.exit.unwrap().reason, ExitReason::Normal);
        owner.join().unwrap();
    });
}

#[test]
fn loom_of_a_give_away_and_the_receivers_death_exactly_one_has_the_tables() {
    explore(|| {
        let (estate, lease) = Estate::new("t", 7_u32);
        let (recipient, incoming) = estate.recipient("second");
        let receiver = thread::spawn(move || drop(incoming));
        let kept = lease.give_away(recipient).err().map(GiveAwayError::into_lease);
        receiver.join().unwrap();
        match kept {
            // The giver is the owner it was.
            Some(lease) => {
                assert_eq!((*lease, lease.incarnation()), (7, 1));
                assert!(estate.claim("third").is_err());
            }
            // Unread, and home again.
            None => assert_eq!(*estate.claim("third").unwrap(), 7),
        }
    });
}

#[test]
fn loom_of_two_claims_at_most_one_succeeds_and_nothing_is_lost() {
    explore(|| {
        let (estate, lease) = Estate::new("t", 0_u32);
        drop(lease);
        let claimers: Vec<_> = (0..2)
            .map(|_| {
                let estate = estate.clone();
                thread::spawn(move || estate.claim("claimer").map(|mut lease| *lease += 1).is_ok())
            })
            .collect();
        let claims = claimers.into_iter().map(|claimer| u32::from(claimer.join().unwrap())).sum::<u32>();
        assert!(claims >= 1);
        assert_eq!(*estate.claim("last").unwrap(), claims);
    });
}

#[test]
fn loom_an_heir_that_dies_while_the_owner_ends_leaves_the_tables_to_the_next() {
    explore(|| {
        let (estate, lease) = Estate::new("t", 7_u32);
        let heir = estate.heir("first").unwrap();
        let owner = thread::spawn(move || drop(lease));
        let dying = thread::spawn(move || drop(heir));
        dying.join().unwrap();
        let mut next = estate.heir("second").unwrap();
        assert_eq!(*block_on(next.inherit()).lease, 7);
        owner.join().unwrap();
    });
}
