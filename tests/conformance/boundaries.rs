//! A hook of a signal ends at a boundary, as a message does.

use std::sync::Arc;

use heir_runtime::links::{Down, ExitSignal};
use heir_runtime::{Context, ExitReason, Supervisor, Table, handlers, heir};
use tokio::sync::Notify;

type Entries = (Vec<&'static str>, usize);

/// Writes down what it is told, in tables of every kind that is undone.
#[heir]
struct Diary {
    #[table]
    signals: Table<&'static str, u32>,
    #[table(rollback)]
    told: Vec<&'static str>,
    /// Told of each entry.
    #[arg]
    written: Arc<Notify>,
}

#[handlers]
impl Diary {
    #[on(exit)]
    fn exit(&mut self, _: &ExitSignal) {
        self.write("exit");
    }

    #[on(down)]
    fn down(&mut self, _: &Down) {
        self.write("down");
    }

    fn watch(&mut self, cx: &mut Context<Self>, other: DiaryHandle) {
        cx.monitor(&other);
    }

    fn entries(&mut self) -> Entries {
        (self.told.clone(), self.signals.len())
    }

    #[cast]
    fn fail(&mut self) {
        self.write("failure");
        panic!("asked to die");
    }
}

impl Diary {
    fn write(&mut self, what: &'static str) {
        self.told.push(what);
        self.signals.insert(what, 1);
        self.written.notify_one();
    }
}

/// A worker that has served a signal last, an exit or the end of another worker, and what it has written.
async fn told(signal: &'static str) -> (Supervisor, DiaryHandle, Entries) {
    let (mut tree, written) = (Supervisor::builder("app").intensity(u32::MAX), Arc::new(Notify::new()));
    let diary = tree.child(Diary::spec(Arc::clone(&written)).name("diary"));
    let other = tree.child(Diary::spec(Arc::default()).name("other"));
    let tree = tree.start().await.unwrap();
    diary.watch(other.clone()).await.unwrap();
    if signal == "exit" {
        diary.exit(ExitReason::error("elsewhere"));
    } else {
        other.kill();
    }
    written.notified().await;
    (tree, diary, (vec![signal], 1))
}

#[tokio::test]
async fn what_a_hook_of_a_signal_has_written_stays_if_its_worker_is_killed_afterwards() {
    for signal in ["exit", "down"] {
        let (_tree, diary, written) = told(signal).await;
        assert_eq!(diary.kill(), Some(1));
        assert_eq!((diary.entries().await.unwrap(), diary.incarnation()), (written, 2), "{signal}");
    }
}

#[tokio::test]
async fn what_a_hook_of_a_signal_has_written_stays_if_the_next_message_crashes() {
    for signal in ["exit", "down"] {
        let (_tree, diary, written) = told(signal).await;
        diary.fail().await.unwrap();
        assert_eq!((diary.entries().await.unwrap(), diary.incarnation()), (written, 2), "{signal}");
    }
}
