//! A worker whose start and stop can be held up, and made to fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use heir_runtime::{handlers, heir};
use tokio::sync::Notify;

#[derive(Clone)]
pub(super) struct Stage(Arc<Scenery>);

#[derive(Default)]
pub(super) struct Scenery {
    holds_start: bool,
    holds_stop: bool,
    /// How many starts are still to fail.
    pub(super) fails: AtomicU32,
    pub(super) starting: Notify,
    pub(super) stopping: Notify,
    pub(super) go_on: Notify,
}

impl std::ops::Deref for Stage {
    type Target = Scenery;

    fn deref(&self) -> &Scenery {
        &self.0
    }
}

impl Stage {
    pub(super) fn free() -> Self {
        Self(Arc::default())
    }

    pub(super) fn holding_its_start() -> Self {
        Self(Arc::new(Scenery { holds_start: true, ..Scenery::default() }))
    }

    pub(super) fn holding_its_stop() -> Self {
        Self(Arc::new(Scenery { holds_stop: true, ..Scenery::default() }))
    }
}

#[heir]
pub(super) struct Actor {
    #[table(keep)]
    count: u32,
    #[arg]
    stage: Stage,
}

#[handlers]
impl Actor {
    #[on(start)]
    async fn start(&mut self) -> Result<(), &'static str> {
        self.stage.starting.notify_one();
        if self.stage.holds_start {
            self.stage.go_on.notified().await;
        }
        let left = self.stage.fails.load(Ordering::Relaxed);
        self.stage.fails.store(left.saturating_sub(1), Ordering::Relaxed);
        if left > 0 { Err("not now") } else { Ok(()) }
    }

    #[on(stop)]
    async fn stop(&mut self) {
        self.stage.stopping.notify_one();
        if self.stage.holds_stop {
            self.stage.go_on.notified().await;
        }
    }

    pub(super) fn count(&mut self) -> u32 {
        self.count += 1;
        self.count
    }
}
