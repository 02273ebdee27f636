//! `#[reply(early)]`: the reply leaves at the commit, and nothing else does.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use heir_runtime::store::Store;
use heir_runtime::{CallError, Context, Reply, Supervisor, Table, handlers, heir};
use heir_tests::disk::{Disk, Operation};
use heir_tests::waits;

use crate::bank::{Done, store};

/// Is told by [`Fast`].
#[heir]
struct Heard {
    #[table]
    pub heard: Table<u64, ()>,
}

#[handlers]
impl Heard {
    #[cast]
    pub fn hear(&mut self, number: u64) {
        self.heard.insert(number, ());
    }
}

#[heir(survives = process)]
struct Fast {
    #[table]
    pub rows: Table<u64, u64>,
    #[table(keep, survives = task)]
    asked: Vec<Reply<u64>>,
    #[arg]
    done: Done,
    #[arg]
    tries: Arc<AtomicU64>,
    #[arg]
    heard: HeardHandle,
}

#[handlers]
impl Fast {
    #[reply(early)]
    pub fn put(&mut self, row: u64, value: u64) -> u64 {
        self.rows.insert(row, value);
        value
    }

    /// The same, and is answered when it is kept.
    pub fn put_and_wait(&mut self, row: u64, value: u64) -> u64 {
        self.put(row, value)
    }

    #[reply(early)]
    pub async fn put_and_note(&mut self, cx: &mut Context<Self>, row: u64, value: u64) {
        self.rows.insert(row, value);
        let done = Arc::clone(&self.done);
        cx.after_commit(move || done.lock().unwrap().push(format!("{row} is {value}")));
        let _sent = cx.send(self.heard.hear(value)).await;
    }

    /// Dies the first time.
    #[reply(early)]
    #[redeliver(1)]
    pub fn put_at_last(&mut self, row: u64) -> u64 {
        self.rows.insert(row, 1);
        assert!(self.tries.fetch_add(1, Ordering::SeqCst) > 0, "asked to die");
        self.rows.len() as u64
    }

    /// Writes nothing.
    #[reply(early)]
    pub fn value(&mut self, row: u64) -> Option<u64> {
        self.rows.get(&row)
    }

    pub fn value_that_stays(&mut self, row: u64) -> Option<u64> {
        self.rows.get(&row)
    }

    #[reply(early)]
    pub fn ask(&mut self, row: u64, reply: Reply<u64>) {
        self.rows.insert(row, 0);
        self.asked.push(reply);
    }

    pub fn ask_and_wait(&mut self, row: u64, reply: Reply<u64>) {
        self.ask(row, reply);
    }

    /// Answers all who have asked, by the commit of this message, or of a part of it.
    #[cast]
    pub fn answer(&mut self, cx: &mut Context<Self>, in_parts: bool) {
        for reply in self.asked.drain(..) {
            self.rows.insert(1_000, 1);
            reply.send(cx, 1);
        }
        if in_parts {
            cx.commit(self);
        }
    }
}

/// Takes over from [`Fast`].
#[heir(survives = process, tables = FastTables)]
struct Next {
    #[table]
    pub rows: Table<u64, u64>,
    #[table(keep, survives = task)]
    asked: Vec<Reply<u64>>,
}

#[handlers]
impl Next {
    #[reply(early)]
    pub fn put(&mut self, row: u64, value: u64) -> u64 {
        self.rows.insert(row, value);
        self.asked.len() as u64
    }
}

struct Tree {
    builder: heir_runtime::SupervisorBuilder,
    fast: FastHandle,
    heard: HeardHandle,
    done: Done,
}

fn tree(kept: &Store) -> Tree {
    let mut builder = Supervisor::builder("app").store(kept.clone());
    let done = Done::default();
    let heard = builder.worker(Heard::spec());
    let fast = builder.worker(Fast::spec(Arc::clone(&done), Arc::default(), heard.clone()));
    Tree { builder, fast, heard, done }
}

/// What has not happened then waits for the disk.
async fn meanwhile() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_early_reply_leaves_at_the_commit_and_all_else_waits_for_the_disk() {
    let disk = Disk::default();
    let Tree { builder, fast, heard, done } = tree(&store(&disk).unwrap());
    let tree = builder.start().await.unwrap();
    fast.put_and_wait(1, 1).await.unwrap();

    disk.hold_syncs();
    assert_eq!(fast.put(1, 2).await.unwrap(), 2);
    fast.put_and_note(2, 7).await.unwrap();
    assert_eq!(fast.value(2).await.unwrap(), Some(7), "it may tell of what is not kept yet");
    let waits = tokio::spawn({
        let fast = fast.clone();
        async move { fast.value_that_stays(1).await }
    });
    meanwhile().await;
    assert!(!waits.is_finished(), "another call is answered when all before it is kept");
    assert_eq!((fast.rows().get(&1), fast.rows().get(&2)), (Some(1), None), "nobody else sees the rows");
    assert!(done.lock().unwrap().is_empty() && heard.heard().is_empty(), "only the reply is early");

    disk.release();
    assert_eq!(waits.await.unwrap().unwrap(), Some(2));
    assert_eq!((fast.rows().get(&1), fast.rows().get(&2)), (Some(2), Some(7)));
    waits::wait_until(|| *done.lock().unwrap() == ["2 is 7"]).await;
    waits::wait_until(|| heard.heard().contains_key(&7)).await;
    tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_batch_takes_back_what_an_early_reply_told_and_tells_its_caller_nothing_more() {
    let disk = Disk::default();
    let Tree { builder, fast, done, .. } = tree(&store(&disk).unwrap());
    let tree = builder.start().await.unwrap();
    fast.put_and_wait(1, 1).await.unwrap();

    disk.hold_syncs();
    fast.put_and_note(1, 2).await.unwrap();
    let unknown = tokio::spawn({
        let fast = fast.clone();
        async move { fast.put_and_wait(1, 3).await }
    });
    while fast.value(1).await.unwrap() != Some(3) {
        tokio::task::yield_now().await;
    }
    disk.fail(Operation::Sync, ErrorKind::Other);
    disk.release();
    let unknown = unknown.await.unwrap().unwrap_err();
    assert!(matches!(unknown, CallError::Unknown), "{unknown}");
    // The sync has failed: the process is to end.
    fast.wait_stopped().await;
    assert_eq!(fast.rows().get(&1), Some(1), "the early reply has told of a row that is gone");
    assert!(done.lock().unwrap().is_empty());
    tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_row_that_an_early_reply_told_of_is_gone_after_a_write_that_fails() {
    let disk = Disk::default();
    let Tree { builder, fast, .. } = tree(&store(&disk).unwrap());
    let tree = builder.start().await.unwrap();
    fast.put_and_wait(1, 1).await.unwrap();
    disk.fail(Operation::Write, ErrorKind::Other);
    assert_eq!(fast.put(1, 2).await.unwrap(), 2);
    let value = tokio::spawn({
        let fast = fast.clone();
        async move { fast.value_that_stays(1).await }
    });
    meanwhile().await;
    disk.is_well();
    match value.await.unwrap() {
        // It came when the worker was to start again, or before, and has seen what is gone.
        Ok(value) => assert_eq!(value, Some(1)),
        Err(unknown) => assert!(matches!(unknown, CallError::Unknown), "{unknown}"),
    }
    assert_eq!(fast.value(1).await.unwrap(), Some(1));
    tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_early_reply_that_comes_later_leaves_at_the_commit_of_the_message_that_sends_it() {
    for in_parts in [false, true] {
        let disk = Disk::default();
        let Tree { builder, fast, .. } = tree(&store(&disk).unwrap());
        let tree = builder.start().await.unwrap();
        disk.hold_syncs();
        let early = tokio::spawn({
            let fast = fast.clone();
            async move { fast.ask(1).await }
        });
        let waits = tokio::spawn({
            let fast = fast.clone();
            async move { fast.ask_and_wait(2).await }
        });
        while fast.value(1).await.unwrap().is_none() || fast.value(2).await.unwrap().is_none() {
            tokio::task::yield_now().await;
        }
        fast.answer(in_parts).await.unwrap();
        assert_eq!(early.await.unwrap().unwrap(), 1);
        meanwhile().await;
        assert!(!waits.is_finished() && fast.rows().is_empty());
        disk.release();
        assert_eq!(waits.await.unwrap().unwrap(), 1);
        tree.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_served_again_replies_early_when_it_commits() {
    let disk = Disk::default();
    let Tree { builder, fast, .. } = tree(&store(&disk).unwrap());
    let tree = builder.start().await.unwrap();
    fast.put_and_wait(1, 1).await.unwrap();
    disk.hold_syncs();
    fast.put(2, 2).await.unwrap();
    assert_eq!(fast.put_at_last(3).await.unwrap(), 3, "two incarnations, and the rows of both");
    assert_eq!(fast.rows().len(), 1);
    disk.release();
    fast.put_and_wait(4, 4).await.unwrap();
    assert_eq!(fast.rows().len(), 4);
    tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_takes_over_keeps_what_early_replies_have_told() {
    let disk = Disk::default();
    let Tree { builder, fast, .. } = tree(&store(&disk).unwrap());
    let tree = builder.start().await.unwrap();
    disk.hold_syncs();
    fast.put(1, 1).await.unwrap();
    let upgrading = tokio::spawn({
        let (tree, fast) = ((*tree).clone(), fast.clone());
        async move { tree.upgrade_child(&fast, Next::spec()).await }
    });
    meanwhile().await;
    disk.release();
    let next = upgrading.await.unwrap().unwrap();
    assert_eq!(next.rows().get(&1), Some(1));
    // That it may have the tables is kept before it has them.
    next.wait_serving(1).await.unwrap();
    disk.hold_syncs();
    assert_eq!(next.put(2, 2).await.unwrap(), 0);
    assert_eq!(next.rows().get(&2), None);
    disk.release();
    waits::wait_until(|| next.rows().get(&2) == Some(2)).await;
    tree.shutdown().await;
}
