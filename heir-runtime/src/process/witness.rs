//! Monitors from outside any worker.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::signal::Bond;
use super::{Down, Fate, Process, State};

/// A monitor from outside any worker: dropped, it leaves nothing behind.
pub(crate) struct Witness {
    process: Arc<Process>,
    bond: Bond,
    down: oneshot::Receiver<Down>,
}

impl Process {
    /// Monitors it from outside any worker: `None` if it has ended.
    pub(crate) fn witness(self: &Arc<Self>) -> Option<Witness> {
        let mut state = self.lock();
        if matches!(state.fate, Fate::Ended(_)) {
            return None;
        }
        let (bond, (told, down)) = (Bond::new(), oneshot::channel());
        state.relations().witnesses.insert(bond, told);
        drop(state);
        Some(Witness { process: Arc::clone(self), bond, down })
    }
}

impl Witness {
    /// Waits for the end of the incarnation.
    pub(crate) async fn down(mut self) -> Option<Down> {
        (&mut self.down).await.ok()
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        // Then nobody is woken when the other half is dropped, which is outside the lock.
        self.down.close();
        let told = |state: &mut State| state.relations.as_mut()?.witnesses.remove(&self.bond);
        let told = told(&mut self.process.lock());
        drop(told);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::ExitReason;

    #[tokio::test]
    async fn of_monitors_that_are_dropped_nothing_is_kept() {
        let process = Arc::new(Process::new(&Arc::from("worker"), 1, false, &Arc::default()));
        let stays = process.witness().unwrap();
        let many: Vec<_> = (0..10_000).map(|_| process.witness().unwrap()).collect();
        let kept = || process.lock().relations.as_ref().map_or(0, |relations| relations.witnesses.len());
        assert_eq!(kept(), 10_001);
        drop(many);
        assert_eq!(kept(), 1);
        process.ended(Some(ExitReason::Normal));
        let down = stays.down().await.unwrap();
        assert_eq!((down.incarnation, down.reason), (Some(1), ExitReason::Normal));
        assert!(process.witness().is_none());
    }
}
