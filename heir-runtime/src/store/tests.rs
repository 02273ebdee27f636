//! What every place where records are kept promises.

use crate::store::StoreError;
use crate::store::driver::{Driver, declared};
use crate::store::engine::{Engine, INCARNATIONS};
use crate::store::memory::Memory;

/// Random work with a place, which is opened again now and then, as `again` does it.
pub(super) fn random_work<E: Engine>(seed: u64, mut place: E, mut again: impl FnMut(E) -> E) {
    let mut driver = Driver::new(seed);
    driver.start(&place).unwrap();
    for _ in 0..12 {
        for _ in 0..driver.rng.usize(..60) {
            driver.step(&place).unwrap();
        }
        if driver.rng.bool() {
            place.reopen().unwrap();
            driver.compare(&place).unwrap();
        } else {
            place = again(place);
            driver.start(&place).unwrap();
        }
    }
    assert!(driver.counts.flips > 10, "{:?}", driver.counts);
}

#[test]
fn the_place_in_memory_has_what_was_appended_to_it() {
    for seed in 0..10 {
        random_work(seed, Memory::new(), |place| place.again());
    }
}

#[test]
fn the_place_in_memory_shuts_out_a_program_whose_place_the_next_one_has() {
    let before = Memory::new();
    before.claim(&declared(1)).unwrap();
    assert!(matches!(before.clone().claim(&declared(1)), Err(StoreError::Claimed(_))));
    let after = before.again();
    assert!(matches!(before.claim(&declared(2)), Err(StoreError::Closed)));
    assert!(matches!(before.append(&[]).unwrap_err().error, StoreError::Closed));
    assert_eq!(after.orphans().len(), 1);
    assert_eq!(after.claim(&declared(1)).unwrap().token, 1 + INCARNATIONS);
    after.close().unwrap();
    assert!(matches!(after.claim(&declared(2)), Err(StoreError::Closed)));
}
