//! A member of a tree.

use std::sync::Arc;

use heir_runtime::{Context, ExitReason, handlers, heir};
use heir_tests::Log;

/// Counts in two writes, and tells when it starts and stops.
#[heir]
pub(crate) struct Member {
    #[table(rollback)]
    pub(crate) count: u64,
    #[table(rollback)]
    pub(crate) mirror: u64,
    #[arg]
    name: Arc<str>,
    #[arg]
    log: Log,
}

#[handlers]
impl Member {
    #[on(start)]
    async fn start(&mut self) {
        tokio::task::yield_now().await;
        self.log.tell(format!("{} starts", self.name));
    }

    #[on(stop)]
    async fn end(&mut self, _reason: &ExitReason) {
        tokio::task::yield_now().await;
        self.log.tell(format!("{} stops", self.name));
    }

    pub(crate) async fn count(&mut self) -> u64 {
        self.count += 1;
        tokio::task::yield_now().await;
        self.mirror += 1;
        self.count
    }

    #[cast]
    pub(crate) fn die(&mut self) {
        self.count += 1_000_000;
        panic!("asked to die");
    }

    #[cast]
    pub(crate) fn finish(&mut self, cx: &mut Context<Self>) {
        cx.stop();
    }
}
