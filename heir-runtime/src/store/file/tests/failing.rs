//! A disk that fails.

use super::super::{File, SyncTo};
use super::SMALL;
use super::simulated::{Failing, Simulated};
use crate::store::StoreError;
use crate::store::driver::{Driver, declared};
use crate::store::engine::{AppendError, Engine as _};

fn started(seed: u64) -> (Driver, Simulated, File) {
    let (mut driver, disk) = (Driver::new(seed), Simulated::default());
    let file = File::open_in(Box::new(disk.clone()), SyncTo::Disk, SMALL).unwrap();
    driver.start(&file).unwrap();
    (driver, disk, file)
}

/// Appends until it fails; `None` if what failed was not needed.
fn until_failed(driver: &mut Driver, disk: &Simulated, file: &File) -> Option<AppendError> {
    while !disk.has_failed() {
        if let Err(error) = driver.step(file) {
            return Some(error);
        }
    }
    driver.step(file).err()
}

#[test]
fn after_a_write_that_failed_the_file_is_opened_again_with_all_that_was_acknowledged() {
    for operation in (0..200).step_by(13) {
        let (mut driver, disk, file) = started(operation);
        disk.fail_at(operation, Failing::Write);
        let Some(failed) = until_failed(&mut driver, &disk, &file) else { continue };
        assert!(matches!(failed.error, StoreError::Io(_)), "{operation}: {:?}", failed.error);
        assert!(failed.may_reopen);
        assert!(file.append(&[]).is_err(), "it appends behind what is unknown");
        file.reopen().unwrap();
        driver.compare(&file).unwrap();
        (0..10).for_each(|_| driver.step(&file).unwrap());
        file.close().unwrap();
        let file = File::open_in(Box::new(disk), SyncTo::Disk, SMALL).unwrap();
        driver.start(&file).unwrap();
    }
}

#[test]
fn after_a_sync_that_failed_nothing_is_trusted_until_the_program_starts_again() {
    for operation in (0..30).step_by(2) {
        let (mut driver, disk, file) = started(operation);
        disk.fail_at(operation, Failing::Sync);
        let Some(failed) = until_failed(&mut driver, &disk, &file) else { continue };
        assert!(matches!(failed.error, StoreError::Sync(_)), "{operation}: {:?}", failed.error);
        assert!(!failed.may_reopen);
        assert!(matches!(file.reopen(), Err(StoreError::Sync(_))));
        assert!(matches!(driver.start(&file), Err(StoreError::Sync(_))));
        assert!(matches!(file.append(&[]), Err(AppendError { error: StoreError::Sync(_), .. })));
        assert!(matches!(file.close(), Err(StoreError::Sync(_))));
        let file = File::open_in(Box::new(disk), SyncTo::Disk, SMALL).unwrap();
        driver.start(&file).unwrap();
    }
}

#[test]
fn a_full_disk_is_told_and_when_there_is_room_the_file_goes_on() {
    for operation in (0..200).step_by(13) {
        let (mut driver, disk, file) = started(operation);
        disk.fail_at(operation, Failing::Full);
        let Some(failed) = until_failed(&mut driver, &disk, &file) else { continue };
        assert!(matches!(failed.error, StoreError::Full(_)), "{operation}: {:?}", failed.error);
        assert!(failed.may_reopen);
        let _ = file.reopen().map_err(|error| assert!(matches!(error, StoreError::Full(_)), "{error}"));
        disk.make_room();
        file.reopen().unwrap();
        driver.compare(&file).unwrap();
        (0..10).for_each(|_| driver.step(&file).unwrap());
        file.close().unwrap();
    }
}

#[test]
fn a_claim_that_failed_is_made_again_when_the_file_has_been_opened_again() {
    for operation in 0..30 {
        let disk = Simulated::default();
        let file = File::open_in(Box::new(disk.clone()), SyncTo::Disk, SMALL).unwrap();
        let first = file.claim(&declared(0)).unwrap();
        disk.fail_at(operation, Failing::Write);
        if file.claim(&declared(1)).is_err() {
            assert!(matches!(file.claim(&declared(1)), Err(StoreError::Io(_))));
            file.reopen().unwrap();
            assert!(file.claim(&declared(1)).unwrap().worker > first.worker);
        }
        assert!(matches!(file.claim(&declared(0)), Err(StoreError::Claimed(_))));
    }
}

#[test]
fn whatever_fails_while_it_is_opened_claimed_and_closed_is_an_error_and_nothing_is_lost() {
    for failing in [Failing::Write, Failing::Sync] {
        for operation in (0..40).step_by(3) {
            let (mut driver, disk, file) = started(3);
            (0..20).for_each(|_| driver.step(&file).unwrap());
            drop(file);
            disk.fail_at(operation, failing);
            let opened = File::open_in(Box::new(disk.clone()), SyncTo::Disk, SMALL);
            let _ = opened.and_then(|file| {
                driver.start(&file)?;
                file.close()
            });
            disk.make_room();
            let file = File::open_in(Box::new(disk), SyncTo::Disk, SMALL).unwrap();
            driver.start(&file).unwrap();
        }
    }
}
