//! A reply can leave early if it would wait for a store.

use heir_runtime::supervision::Key;
use heir_runtime::{Table, handlers, heir};

#[heir]
struct Counter {
    #[table]
    counts: Table<String, u64>,
}

#[handlers]
impl Counter {
    #[reply(early)]
    fn count(&mut self, key: String) -> u64 {
        self.counts.add(key, 1)
    }
}

/// With parameters.
#[heir]
struct Seen<K: Key> {
    #[table]
    keys: Table<K, ()>,
}

#[handlers]
impl<K: Key> Seen<K> {
    #[reply(early)]
    fn see(&mut self, key: K) {
        self.keys.insert(key, ());
    }
}

async fn by_hand(counter: CounterHandle) {
    let _ = counter.count("a".into()).await;
}

fn main() {}
