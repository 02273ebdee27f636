//! Power is lost at every moment.

use super::super::{File, SyncTo};
use super::simulated::{Failing, Simulated};
use super::{SMALL, campaign};
use crate::store::driver::{Counts, Driver};

/// After so many losses a new file is begun: a long life of one, and not too large.
const LIFE: u64 = 50;

/// One life of a program, until power is lost.
fn run(driver: &mut Driver, disk: &Simulated) -> bool {
    let file = File::open_in(Box::new(disk.clone()), SyncTo::Disk, SMALL);
    let file = match file.and_then(|file| driver.start(&file).map(|()| file)) {
        Ok(file) => file,
        Err(error) => {
            assert!(disk.has_failed(), "{error}, although power is there: {:?}", driver.counts);
            return false;
        }
    };
    while driver.step(&file).is_ok() {}
    assert!(disk.has_failed(), "it fails, although power is there");
    true
}

#[test]
fn what_was_acknowledged_is_there_after_power_was_lost_and_of_the_rest_whole_batches() {
    let trials = campaign(200);
    let seed = std::env::var("HEIR_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let (mut total, mut while_opening) = (Counts::default(), 0);
    let mut trial = 0;
    while trial < trials {
        println!("HEIR_SEED={}", seed + trial);
        let mut driver = Driver::new(seed + trial);
        let mut disk = Simulated::default();
        for _ in 0..LIFE.min(trials - trial) {
            match driver.rng.u8(..4) {
                0 => disk.fail_at(driver.rng.u64(..60), Failing::Power),
                1 => disk.fail_at(driver.rng.u64(60..800), Failing::Power),
                _ => disk.fail_at(driver.rng.u64(..50), Failing::PowerAtSync),
            }
            while_opening += u64::from(!run(&mut driver, &disk));
            disk = disk.after_power_loss(&mut driver.rng);
            trial += 1;
        }
        total.acknowledged += driver.counts.acknowledged;
        total.records += driver.counts.records;
        total.flips += driver.counts.flips;
        total.unknown_there += driver.counts.unknown_there;
        total.unknown_lost += driver.counts.unknown_lost;
    }
    println!(
        "power losses: {trials} ({while_opening} while it was opened); batches acknowledged {}, of these lost 0, \
         torn 0; not acknowledged and there {}, and not there {}; records {}, flips {}",
        total.acknowledged, total.unknown_there, total.unknown_lost, total.records, total.flips
    );
}
