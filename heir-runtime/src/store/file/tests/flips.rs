//! A file of which a bit has changed.

use super::super::{File, SyncTo};
use super::simulated::Simulated;
use super::{SMALL, campaign};
use crate::store::StoreError;
use crate::store::driver::Driver;
use crate::store::engine::Engine as _;

/// How many bytes redb's header has, with its two commit slots.
const HEADER: usize = 320;

/// A closed file with something of everything, and what must be in it.
fn closed() -> (Vec<u8>, Driver) {
    let (mut driver, disk) = (Driver::new(7), Simulated::default());
    let file = File::open_in(Box::new(disk.clone()), SyncTo::Disk, SMALL).unwrap();
    driver.start(&file).unwrap();
    while driver.counts.flips < 8 {
        driver.step(&file).unwrap();
    }
    file.close().unwrap();
    (disk.bytes(), driver)
}

/// Opens such a file: an error, or what must be in it. All else is a panic.
fn read(bytes: Vec<u8>, mut driver: Driver) -> Result<(), StoreError> {
    let file = File::open_in(Box::new(Simulated::with_bytes(bytes)), SyncTo::Disk, SMALL)?;
    driver.start(&file)?;
    file.close()
}

#[test]
fn a_file_with_any_bit_changed_is_an_error_or_has_the_right_content() {
    let (good, driver) = closed();
    read(good.clone(), driver.clone()).unwrap();
    let mut rng = fastrand::Rng::with_seed(campaign(1));
    // Zeroes between the pages tell nothing: most of what is flipped is in use.
    let used: Vec<_> = (HEADER..good.len()).filter(|at| good[*at] != 0).collect();
    let (mut right, mut wrong) = (0, 0);
    for case in 0..campaign(200) {
        let at = match case % 4 {
            0 => rng.usize(..HEADER),
            1 => rng.usize(..good.len()),
            _ => used[rng.usize(..used.len())],
        };
        let mut bad = good.clone();
        bad[at] ^= 1 << rng.u8(..8);
        match read(bad, driver.clone()) {
            Ok(()) => right += 1,
            Err(StoreError::Damaged(_) | StoreError::Foreign(_) | StoreError::Io(_)) => wrong += 1,
            Err(error) => panic!("byte {at}: {error}"),
        }
    }
    println!("bits flipped: {}; an error {wrong}, the right content {right}, wrong content 0", right + wrong);
}

#[test]
fn a_file_that_was_cut_short_is_an_error() {
    let (good, driver) = closed();
    for len in [1, 100, HEADER, 4096, good.len() / 2, good.len() - 4096, good.len() - 1] {
        assert!(read(good[..len].to_vec(), driver.clone()).is_err(), "{len} bytes");
    }
}
