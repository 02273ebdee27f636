//! Monitors from outside any worker.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::process::process::{Fate, Process};
use crate::process::signal::{Down, LinkId};

/// A monitor from outside any worker: dropped, it leaves nothing behind.
pub(crate) struct Monitor {
    process: Arc<Process>,
    id: LinkId,
    down: oneshot::Receiver<Down>,
}

impl Process {
    /// Monitors it from outside any worker: `None` if it has ended.
    pub(crate) fn monitor_from_outside(self: &Arc<Self>) -> Option<Monitor> {
        self.with(|state| {
            if matches!(state.fate, Fate::Ended(_)) {
                return None;
            }
            let (id, (told, down)) = (LinkId::new(), oneshot::channel());
            state.relations().outside_monitors.insert(id, told);
            Some(Monitor { process: Arc::clone(self), id, down })
        })
    }
}

impl Monitor {
    /// Waits for the end of the incarnation.
    pub(crate) async fn down(mut self) -> Option<Down> {
        (&mut self.down).await.ok()
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        // Then dropping the other half, which happens outside the lock, wakes nobody.
        self.down.close();
        drop(self.process.with(|state| state.relations.as_mut()?.outside_monitors.remove(&self.id)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::exit::ExitReason;

    #[tokio::test]
    async fn of_monitors_that_are_dropped_nothing_is_kept() {
        let process = Arc::new(Process::new(&Arc::from("worker"), 1, false, &Arc::default()));
        let stays = process.monitor_from_outside().unwrap();
        let many: Vec<_> = (0..10_000).map(|_| process.monitor_from_outside().unwrap()).collect();
        let kept =
            || process.lock().relations.as_ref().map_or(0, |relations| relations.outside_monitors.len());
        assert_eq!(kept(), 10_001);
        drop(many);
        assert_eq!(kept(), 1);
        process.ended(Some(ExitReason::Normal));
        let down = stays.down().await.unwrap();
        assert_eq!((down.incarnation, down.reason), (Some(1), ExitReason::Normal));
        assert!(process.monitor_from_outside().is_none());
    }
}
