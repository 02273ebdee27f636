//! The worker that is measured, and its tree.

use std::path::Path;

use heir_runtime::store::Store;
use heir_runtime::{Supervisor, Table, handlers, heir};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How many messages wait for a worker, or for a thread, before senders wait.
pub const MAILBOX: usize = 1_024;

#[heir(survives = process)]
pub struct Rows<R>
where
    R: Clone + Send + Sync + Serialize + DeserializeOwned + 'static,
{
    #[table]
    rows: Table<u64, R>,
}

#[handlers]
impl<R> Rows<R>
where
    R: Clone + Send + Sync + Serialize + DeserializeOwned + 'static,
{
    pub fn put(&mut self, key: u64, row: R) {
        self.rows.insert(key, row);
    }

    #[cast]
    pub fn put_cast(&mut self, key: u64, row: R) {
        self.rows.insert(key, row);
    }

    pub fn count(&mut self) -> usize {
        self.rows.len()
    }
}

/// A tree whose workers are in the store at this path.
pub struct Tree<R>
where
    R: Clone + Send + Sync + Serialize + DeserializeOwned + 'static,
{
    pub store: Store,
    pub workers: Vec<RowsHandle<R>>,
    tree: Supervisor,
}

impl<R> Tree<R>
where
    R: Clone + Send + Sync + Serialize + DeserializeOwned + 'static,
{
    pub async fn start(path: &Path, workers: usize) -> Self {
        Self::start_in(Store::open(path).expect("the store can be opened"), workers).await
    }

    pub async fn start_in(store: Store, workers: usize) -> Self {
        let mut tree = Supervisor::builder("app").store(store.clone());
        let workers = (0..workers)
            .map(|n| tree.worker(Rows::<R>::spec().name(format!("rows-{n}")).mailbox(MAILBOX)))
            .collect();
        Self { store, workers, tree: tree.start().await.expect("the tree starts") }
    }

    /// Stops the tree and closes the store.
    pub async fn close(self) {
        self.tree.shutdown().await;
        drop(self.workers);
        self.store.close().await.expect("the store can be closed");
    }
}
