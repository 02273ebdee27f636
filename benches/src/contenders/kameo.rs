//! kameo: actors under a supervisor of its own (`kameo::supervision`), which restarts a child on its mailbox.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use kameo::Actor;
use kameo::actor::{ActorRef, Spawn};
use kameo::error::Infallible;
use kameo::mailbox;
use kameo::message::{Context, Message};
use kameo::supervision::RestartPolicy;

use super::{Contender, MAILBOX, Restarted};

pub struct Kameo;

#[derive(Actor)]
struct Parent;

pub struct Counter {
    counts: HashMap<u64, u64>,
}

impl Actor for Counter {
    type Args = ();
    type Error = Infallible;

    async fn on_start((): (), _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(Self { counts: HashMap::new() })
    }
}

pub struct Add(u64);
pub struct Note(u64);
pub struct Crash(u64);

impl Message<Add> for Counter {
    type Reply = u64;

    async fn handle(&mut self, Add(key): Add, _: &mut Context<Self, u64>) -> u64 {
        let count = self.counts.entry(key).or_default();
        *count += 1;
        *count
    }
}

impl Message<Note> for Counter {
    type Reply = ();

    async fn handle(&mut self, Note(key): Note, _: &mut Context<Self, ()>) {
        *self.counts.entry(key).or_default() += 1;
    }
}

impl Message<Crash> for Counter {
    type Reply = ();

    async fn handle(&mut self, Crash(added): Crash, _: &mut Context<Self, ()>) {
        *self.counts.entry(0).or_default() += added;
        panic!("asked to die");
    }
}

async fn child(parent: &ActorRef<Parent>, mailbox: usize) -> ActorRef<Counter> {
    let child = Counter::supervise(parent, ())
        // Those that are asked to stop are not to come back.
        .restart_policy(RestartPolicy::Transient)
        .restart_limit(u32::MAX, Duration::from_secs(1))
        .spawn_with_mailbox(mailbox::bounded(mailbox))
        .await;
    child.wait_for_startup().await;
    child
}

/// Stops the tree when it is dropped.
pub struct Tree(ActorRef<Parent>);

impl Drop for Tree {
    fn drop(&mut self) {
        self.0.kill();
    }
}

impl Contender for Kameo {
    const NAME: &'static str = "kameo";
    type Handle = ActorRef<Counter>;
    type Tree = Tree;

    async fn plant() -> Tree {
        Tree(Parent::spawn(Parent))
    }

    async fn start(tree: &Tree, keys: Range<usize>) -> Vec<Self::Handle> {
        let mut handles = Vec::with_capacity(keys.len());
        for _ in keys {
            handles.push(child(&tree.0, MAILBOX).await);
        }
        handles
    }

    async fn stop_one(_: &Tree, _: usize, handle: Self::Handle) {
        handle.stop_gracefully().await.unwrap();
        handle.wait_for_shutdown().await;
    }

    async fn stop(tree: Tree, handles: Vec<Self::Handle>) {
        tree.0.stop_gracefully().await.unwrap();
        tree.0.wait_for_shutdown().await;
        for handle in handles {
            handle.wait_for_shutdown().await;
        }
    }

    async fn call(handle: &Self::Handle, key: u64) -> u64 {
        handle.ask(Add(key)).await.unwrap()
    }

    async fn cast(handle: &Self::Handle, key: u64) {
        handle.tell(Note(key)).await.unwrap();
    }
}

impl Restarted for Kameo {
    const NAME: &'static str = "kameo";
    type Handle = ActorRef<Counter>;
    type Tree = Tree;

    async fn start(mailbox: usize) -> (Tree, Self::Handle) {
        let parent = Parent::spawn(Parent);
        let child = child(&parent, mailbox).await;
        (Tree(parent), child)
    }

    async fn crash(handle: &Self::Handle, added: u64) {
        handle.tell(Crash(added)).await.unwrap();
    }

    async fn call(handle: &Self::Handle) -> Option<u64> {
        handle.ask(Add(0)).await.ok()
    }

    async fn cast(handle: &Self::Handle) {
        let _ = handle.tell(Note(0)).await;
    }
}
