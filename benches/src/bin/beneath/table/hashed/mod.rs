//! The map, with the writes and the lookups of one row.

#[path = "../../../../../../heir-runtime/src/table/hashed/shards.rs"]
#[allow(dead_code)]
mod shards;

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::hash_table::Entry;
use heir_benches::Key;

use self::shards::{Place, Row, Shards, spread};

/// Rows in shards. Only one thread may write.
pub struct Sharded<K> {
    shards: Shards<K, u64>,
    hasher: RandomState,
}

impl<K: Key> Sharded<K> {
    pub fn new() -> Self {
        Self { shards: Shards::new(), hasher: RandomState::default() }
    }

    fn hash(&self, key: &K) -> u32 {
        let hash = self.hasher.hash_one(key);
        (hash ^ (hash >> 32)) as u32
    }

    pub fn put(&self, key: K, value: u64) {
        let hash = self.hash(&key);
        let is_new = self.shards.write(hash, |rows| {
            let is_it = |row: &Row<K, u64>| row.place.hash == hash && row.key == key;
            match rows.entry(spread(hash), is_it, |row| spread(row.place.hash)) {
                Entry::Occupied(mut row) => {
                    row.get_mut().value = value;
                    false
                }
                Entry::Vacant(slot) => {
                    slot.insert(Row { place: Place { hash, nth: 0 }, key, value });
                    true
                }
            }
        });
        if is_new {
            self.shards.one_more();
        }
    }

    pub fn get(&self, key: &K) -> Option<u64> {
        let hash = self.hash(key);
        self.shards.read(hash, |rows| {
            let is_it = |row: &Row<K, u64>| row.place.hash == hash && row.key == *key;
            rows.find(spread(hash), is_it).map(|row| row.value)
        })
    }
}
