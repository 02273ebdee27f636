//! What the file promises.

mod cost;
mod failing;
mod flips;
mod opening;
mod power;
mod redb_4_6;
mod simulated;

use self::simulated::Simulated;
use super::{Bounds, File, SyncTo};
use crate::store::engine::Engine as _;
use crate::store::tests::random_work;

/// So small that everything happens often.
const SMALL: Bounds = Bounds { journal: 6_000, per_table: 0, most: 0, chunk: 1_500, step: 3_000 };

/// How many cases a campaign has: as many as `HEIR_CAMPAIGN` says, or `usually`.
fn campaign(usually: u64) -> u64 {
    std::env::var("HEIR_CAMPAIGN").ok().and_then(|cases| cases.parse().ok()).unwrap_or(usually)
}

#[test]
fn the_file_has_what_was_appended_to_it() {
    for seed in 0..4 {
        let disk = Simulated::default();
        let open = || File::open_in(Box::new(disk.clone()), SyncTo::Disk, SMALL).unwrap();
        random_work(seed, open(), |file| {
            file.close().unwrap();
            open()
        });
    }
}
