//! The workers of the chapters on links, monitors and attachments: one that traps exits, and one that does not.

use std::sync::Arc;

use heir_runtime::links::{Down, ExitSignal, MonitorId};
use heir_runtime::{Context, ExitReason, Supervisor, handlers, heir};
use heir_tests::Recorder;
use tokio::sync::Notify;

/// Does not trap exits.
#[heir]
pub(crate) struct Plain {
    #[table(rollback)]
    pub(crate) count: u64,
    #[table(keep)]
    pub(crate) downs: Vec<Down>,
    /// Whom it links to when it starts.
    #[table(keep)]
    pub(crate) family: Option<PlainHandle>,
    /// Told when a handler hangs.
    #[arg]
    hanging: Arc<Notify>,
}

#[handlers]
impl Plain {
    #[on(start)]
    fn begin(&mut self, cx: &mut Context<Self>) {
        if let Some(other) = &self.family {
            cx.link(other);
        }
    }

    #[on(down)]
    fn down(&mut self, down: &Down) {
        self.downs.push(down.clone());
    }

    pub(crate) fn count(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    pub(crate) fn link(&mut self, cx: &mut Context<Self>, other: PlainHandle) {
        cx.link(&other);
    }

    pub(crate) fn link_twice(&mut self, cx: &mut Context<Self>, other: TrappingHandle) {
        cx.link(&other);
        cx.link(&other);
    }

    pub(crate) fn link_always(&mut self, cx: &mut Context<Self>, other: PlainHandle) {
        cx.link(&other);
        self.family = Some(other);
    }

    pub(crate) fn link_and_unlink(&mut self, cx: &mut Context<Self>, other: PlainHandle) {
        cx.link(&other);
        cx.unlink(&other);
    }

    pub(crate) async fn link_and_hang(&mut self, cx: &mut Context<Self>, other: PlainHandle) {
        cx.link(&other);
        self.hang().await;
    }

    pub(crate) fn watch(&mut self, cx: &mut Context<Self>, other: PlainHandle) -> MonitorId {
        cx.monitor(&other)
    }

    pub(crate) fn unwatch(&mut self, cx: &mut Context<Self>, monitor: MonitorId) {
        cx.demonitor(monitor);
    }

    pub(crate) fn downs(&mut self) -> Vec<Down> {
        self.downs.clone()
    }

    pub(crate) async fn count_and_hang(&mut self) {
        self.count += 1;
        self.hang().await;
    }

    #[cast]
    pub(crate) fn die(&mut self) {
        panic!("asked to die");
    }

    #[cast]
    pub(crate) fn finish(&mut self, cx: &mut Context<Self>, reason: ExitReason) {
        self.count += 1;
        cx.stop_with(reason);
    }

    #[skip]
    async fn hang(&mut self) {
        self.hanging.notify_one();
        std::future::pending().await
    }
}

/// Traps exits, and remembers the signals.
#[heir]
pub(crate) struct Trapping {
    #[table(rollback)]
    pub(crate) signals: Vec<ExitSignal>,
    /// Whose tables were home when their signal came.
    #[table(keep)]
    pub(crate) saw: Vec<bool>,
    #[table(keep)]
    pub(crate) other: Option<PlainHandle>,
}

#[handlers]
impl Trapping {
    #[on(exit)]
    fn exited(&mut self, signal: &ExitSignal, cx: &mut Context<Self>) -> Result<(), String> {
        self.signals.push(signal.clone());
        self.saw.extend(self.other.as_ref().map(|other| other.estate().last_exit().is_some()));
        match &signal.reason {
            ExitReason::Error(words) if words.as_ref() == "fail" => Err("the hook failed".into()),
            ExitReason::Error(words) if words.as_ref() == "stop" => {
                cx.stop_with(ExitReason::shutdown("told to"));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn link(&mut self, cx: &mut Context<Self>, other: PlainHandle) {
        cx.link(&other);
        self.other = Some(other);
    }

    pub(crate) fn unlink(&mut self, cx: &mut Context<Self>) {
        cx.unlink(self.other.as_ref().unwrap());
    }

    /// Waits until its linked worker is dead and its signal has come; unlinks.
    pub(crate) async fn unlink_when_dead(&mut self, cx: &mut Context<Self>) {
        let other = self.other.clone().unwrap();
        let down = other.monitor();
        other.kill();
        down.await;
        cx.unlink(&other);
    }

    pub(crate) async fn wait_for(&mut self, go_on: Arc<Notify>) {
        go_on.notified().await;
    }

    pub(crate) fn signals(&mut self) -> Vec<ExitSignal> {
        self.signals.clone()
    }

    pub(crate) fn spawn_a_panic(&mut self, cx: &mut Context<Self>) {
        cx.spawn("fuse", async { panic!("burnt") });
    }
}

/// A tree of three plain workers and a trapping one.
pub(crate) struct Family {
    pub(crate) a: PlainHandle,
    pub(crate) b: PlainHandle,
    pub(crate) c: PlainHandle,
    pub(crate) trapping: TrappingHandle,
    pub(crate) hanging: Arc<Notify>,
    pub(crate) recorder: Recorder,
    pub(crate) tree: Supervisor,
}

pub(crate) async fn family() -> Family {
    let (mut tree, recorder) = Recorder::tree();
    let hanging = Arc::new(Notify::new());
    let [a, b, c] = ["a", "b", "c"].map(|name| tree.worker(Plain::spec(Arc::clone(&hanging)).name(name)));
    let trapping = tree.worker(Trapping::spec());
    let tree = tree.start().await.unwrap();
    Family { a, b, c, trapping, hanging, recorder, tree }
}

/// A worker that has not been started, and will not be.
pub(crate) fn nobody() -> PlainHandle {
    let (mut tree, _) = Recorder::tree();
    tree.worker(Plain::spec(Arc::default()).name("nobody"))
}
