//! The thread that writes new bases, so that a store does not grow with what is overwritten. It runs
//! beside the writer, because to copy and encode rows runs a user's code.

use std::sync::{Arc, Mutex, PoisonError, mpsc};

use super::StoreError;

/// A worker whose rows are to be written anew.
pub(crate) trait Rewrites: Send + Sync {
    /// Writes the rows of its tables as they are, and has the store forget what is before. Catches.
    fn rewrite(&self);
}

/// The thread, once there is something to do.
#[derive(Default)]
pub(super) struct Rewriter(Mutex<Option<mpsc::Sender<Arc<dyn Rewrites>>>>);

impl Rewriter {
    /// Has the rows of this worker written anew, after those before it.
    pub(super) fn rewrite(&self, worker: Arc<dyn Rewrites>) -> Result<(), StoreError> {
        let mut thread = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = match &*thread {
            Some(queue) => queue,
            None => thread.insert(start()?),
        };
        queue.send(worker).map_err(|_ended| StoreError::Closed)
    }
}

fn start() -> Result<mpsc::Sender<Arc<dyn Rewrites>>, StoreError> {
    let (queue, workers) = mpsc::channel::<Arc<dyn Rewrites>>();
    let thread = std::thread::Builder::new().name("heir store rows".to_owned());
    let run = move || {
        for worker in workers {
            worker.rewrite();
        }
    };
    thread.spawn(run).map_err(|error| StoreError::Io(Arc::new(error)))?;
    Ok(queue)
}
