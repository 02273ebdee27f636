//! What workers tell.

use std::sync::{Arc, Mutex, PoisonError};

/// What several workers tell, in its order.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// A worker tells this.
    pub fn tell(&self, words: impl Into<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(words.into());
    }

    /// What has been told since it was last asked.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
