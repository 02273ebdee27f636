//! This project: a worker under a supervisor, with its manager.

use std::collections::HashMap;
use std::ops::Range;

use heir_runtime::{Dynamic, Supervisor, Table, handlers, heir};

use super::{Contender, Filled, Restarted, row};

#[heir]
pub struct Recorded {
    #[table]
    counts: Table<u64, u64>,
}

#[handlers]
impl Recorded {
    fn add(&mut self, key: u64) -> u64 {
        self.counts.add(key, 1)
    }

    fn fill(&mut self, rows: Range<u64>) {
        for n in rows {
            self.counts.insert(row(n), n);
        }
    }

    #[cast]
    fn note(&mut self, key: u64) {
        self.counts.add(key, 1);
    }

    #[cast]
    fn crash(&mut self, added: u64) {
        self.counts.add(0, added);
        panic!("asked to die");
    }
}

#[heir]
pub struct Kept {
    #[table(keep)]
    counts: HashMap<u64, u64>,
}

#[handlers]
impl Kept {
    fn add(&mut self, key: u64) -> u64 {
        let count = self.counts.entry(key).or_default();
        *count += 1;
        *count
    }

    fn fill(&mut self, rows: Range<u64>) {
        for n in rows {
            self.counts.insert(row(n), n);
        }
    }

    #[cast]
    fn note(&mut self, key: u64) {
        *self.counts.entry(key).or_default() += 1;
    }

    #[cast]
    fn crash(&mut self, added: u64) {
        *self.counts.entry(0).or_default() += added;
        panic!("asked to die");
    }
}

macro_rules! contender {
    ($worker:ident, $handle:ident, $name:literal) => {
        impl Contender for $worker {
            const NAME: &'static str = $name;
            type Handle = $handle;
            type Tree = (Supervisor, Dynamic<usize, $worker>);

            async fn plant() -> Self::Tree {
                let mut tree = Supervisor::builder("bench");
                let all = tree.child(Dynamic::<usize, $worker>::spec().name("workers"));
                (tree.start().await.unwrap(), all)
            }

            async fn start((_, all): &Self::Tree, keys: Range<usize>) -> Vec<$handle> {
                let mut handles = Vec::with_capacity(keys.len());
                for key in keys {
                    handles.push(all.start(key, $worker::spec()).await.unwrap());
                }
                handles
            }

            async fn stop_one((_, all): &Self::Tree, key: usize, _handle: $handle) {
                all.stop(&key).await.unwrap();
            }

            async fn stop((tree, _): Self::Tree, _handles: Vec<$handle>) {
                tree.shutdown().await;
            }

            async fn call(handle: &$handle, key: u64) -> u64 {
                handle.add(key).await.unwrap()
            }

            async fn cast(handle: &$handle, key: u64) {
                handle.note(key).await.unwrap();
            }
        }

        impl Restarted for $worker {
            const NAME: &'static str = $name;
            type Handle = $handle;
            type Tree = Supervisor;

            async fn start(mailbox: usize) -> (Supervisor, $handle) {
                let mut tree = Supervisor::builder("bench").intensity(u32::MAX);
                let handle = tree.worker(Self::spec().mailbox(mailbox));
                (tree.start().await.unwrap(), handle)
            }

            async fn crash(handle: &$handle, added: u64) {
                handle.crash(added).await.unwrap();
            }

            async fn call(handle: &$handle) -> Option<u64> {
                handle.add(0).await.ok()
            }

            async fn cast(handle: &$handle) {
                handle.note(0).await.unwrap();
            }
        }

        impl Filled for $worker {
            async fn fill(handle: &$handle, rows: Range<u64>) {
                handle.fill(rows).await.unwrap();
            }
        }
    };
}

contender!(Recorded, RecordedHandle, "heir, a recorded table");
contender!(Kept, KeptHandle, "heir, a `keep` table");
