//! Who keeps the commits of a worker before anybody else sees them: where a store attaches.

use std::any::Any;
use std::fmt;

/// Keeps the commits of a worker, and says when they become visible.
#[doc(hidden)]
pub trait Journal: Send + Sync + 'static {
    /// Makes of a message what the journal is to keep. It runs within the message: if it panics, the
    /// message dies, and nothing has changed.
    fn encode(&self, commit: &Written<'_>) -> Encoded;

    /// Keeps the commit of this number, behind those before it. It is visible after
    /// [`Readers::show_up_to`](super::Readers::show_up_to). Must not panic.
    fn append(&self, commit: u64, encoded: Encoded);
}

/// What a journal keeps of a commit.
#[doc(hidden)]
pub type Encoded = Box<dyn Any + Send>;

/// The owners of all recorded tables of a worker.
pub(super) trait Owners {
    /// The owner of the table at this place.
    fn owner(&self, place: usize) -> &dyn Any;

    /// How many there are.
    #[cfg(feature = "store")]
    fn count(&self) -> usize;
}

/// What a message has written to all recorded tables of a worker.
#[doc(hidden)]
pub struct Written<'w> {
    /// Those of the recorded tables, and then those of the values beside.
    pub(super) owners: &'w dyn Owners,
    /// The names of those values.
    #[cfg(feature = "store")]
    pub(super) values: Vec<&'static str>,
    pub(super) commit: u64,
}

impl Written<'_> {
    /// The number of the commit, greater than that before it.
    pub fn number(&self) -> u64 {
        self.commit
    }
}

impl fmt::Debug for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Written").field("commit", &self.commit).finish_non_exhaustive()
    }
}
