//! A store does not grow with what is overwritten.

use std::collections::BTreeMap;

use heir_runtime::store::Store;
use heir_runtime::{BagTable, OrderedTable, Supervisor, Table, handlers, heir};
use heir_tests::Random;
use heir_tests::disk::Disk;

use crate::bank::store;

/// Rows of a kilobyte, each in three tables.
#[heir(survives = process)]
struct Large {
    #[table]
    pub rows: Table<u32, String>,
    #[table]
    pub ordered: OrderedTable<u32, String>,
    #[table]
    pub bag: BagTable<u32, String>,
}

#[handlers]
impl Large {
    /// Overwrites these rows.
    pub fn write(&mut self, keys: Vec<u32>, number: u32) {
        for key in keys {
            let row = format!("{number:>1000}");
            self.rows.insert(key, row.clone());
            self.ordered.insert(key, row.clone());
            self.bag.remove(&key);
            self.bag.insert(key, row);
        }
    }
}

fn start(kept: &Store) -> (heir_runtime::SupervisorBuilder, LargeHandle) {
    let mut tree = Supervisor::builder("app").store(kept.clone());
    let large = tree.worker(Large::spec());
    (tree, large)
}

fn check(large: &LargeHandle, model: &BTreeMap<u32, u32>, random: &Random) {
    let number = |row: &String| row.trim().parse::<u32>().unwrap();
    let rows: BTreeMap<u32, u32> = large.rows().iter().map(|(key, row)| (key, number(&row))).collect();
    assert_eq!(rows, *model, "{random}");
    let ordered: BTreeMap<u32, u32> = large.ordered().iter().map(|(key, row)| (key, number(&row))).collect();
    assert_eq!(ordered, *model, "{random}");
    let bag: Vec<(u32, u32)> = large.bag().iter().map(|(key, row)| (key, number(&row))).collect();
    assert_eq!(bag.len(), model.len(), "{random}");
    assert!(bag.iter().all(|(key, number)| model[key] == *number), "{random}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_stays_within_a_multiple_of_its_rows_whatever_is_overwritten_and_whoever_is_killed() {
    const KEYS: u32 = 500;
    let mut random = Random::new();
    let mut model = BTreeMap::new();
    let mut disk = Disk::default();
    let mut number = 0;
    for _process in 0..4 {
        let kept = store(&disk).unwrap();
        let (tree, large) = start(&kept);
        let tree = tree.intensity(u32::MAX).start().await.unwrap();
        check(&large, &model, &random);
        for _ in 0..150 {
            let keys: Vec<u32> = (0..30).map(|_| random.below(KEYS)).collect();
            number += 1;
            match random.below(20) {
                0 => drop(large.kill()),
                1 => drop(large.kill_manager()),
                _ => {}
            }
            // A kill may have hit it: then nothing of it is there, and it is sent again.
            while large.write(keys.clone(), number).await.is_err() {}
            model.extend(keys.into_iter().map(|key| (key, number)));
        }
        check(&large, &model, &random);
        tree.shutdown().await;
        drop(large);
        kept.close().await.unwrap();
        // Three tables of half a megabyte have had 54 megabytes written to them.
        let size = disk.contents().len();
        assert!(size < 24 << 20, "the file has {size} bytes: {random}");
        disk = Disk::with(disk.contents());
    }
}
