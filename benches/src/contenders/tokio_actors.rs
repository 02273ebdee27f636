//! tokio-actors: children of a supervising actor, which starts them again from their factory, each with a mailbox of its own.
//! Callers learn of a new one through a `watch` channel.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::watch;
use tokio_actors::actor::context::ActorContext;
use tokio_actors::actor::handle::ActorHandle;
use tokio_actors::actor::{Actor, ActorExt};
use tokio_actors::{ActorResult, StopReason, SupervisionConfig};

use super::{Contender, PATIENCE, Restarted, next};

pub struct TokioActors;

#[derive(Default)]
pub struct Counter {
    counts: HashMap<u64, u64>,
    current: Option<watch::Sender<Option<ActorHandle<Counter>>>>,
}

#[derive(Clone)]
pub enum Message {
    Add(u64),
    Crash(u64),
}

impl Actor for Counter {
    type Message = Message;
    type Response = u64;

    async fn on_started(&mut self, ctx: &mut ActorContext<Self>) -> ActorResult<()> {
        if let Some(current) = &self.current {
            current.send_replace(Some(ctx.self_handle()));
        }
        Ok(())
    }

    async fn handle(&mut self, message: Message, _: &mut ActorContext<Self>) -> ActorResult<u64> {
        match message {
            Message::Add(key) => {
                let count = self.counts.entry(key).or_default();
                *count += 1;
                Ok(*count)
            }
            Message::Crash(added) => {
                *self.counts.entry(0).or_default() += added;
                panic!("asked to die");
            }
        }
    }
}

struct Parent {
    workers: usize,
    current: Option<watch::Sender<Option<ActorHandle<Counter>>>>,
}

struct Children;

impl Actor for Parent {
    type Message = Children;
    type Response = Vec<ActorHandle<Counter>>;

    async fn handle(&mut self, _: Children, ctx: &mut ActorContext<Self>) -> ActorResult<Self::Response> {
        let mut children = Vec::with_capacity(self.workers);
        for _ in 0..self.workers {
            let current = self.current.clone();
            let make = move || Counter { counts: HashMap::new(), current: current.clone() };
            children.push(
                ctx.spawn_child(make)
                    .await
                    .map_err(|error| tokio_actors::ActorError::user(error.to_string()))?,
            );
        }
        Ok(children)
    }
}

async fn start(parent: Parent) -> (Tree, Vec<ActorHandle<Counter>>) {
    let supervision = SupervisionConfig::one_for_one().max_restarts(u32::MAX as _, Duration::from_secs(1));
    let parent = parent.spawn().with_supervision(supervision).await.unwrap();
    let children = parent.send(Children).await.unwrap();
    (Tree(parent), children)
}

pub struct Tree(ActorHandle<Parent>);

impl Contender for TokioActors {
    const NAME: &'static str = "tokio-actors";
    type Handle = ActorHandle<Counter>;
    type Tree = Tree;

    async fn start(workers: usize) -> (Tree, Vec<Self::Handle>) {
        start(Parent { workers, current: None }).await
    }

    async fn stop(tree: Tree, handles: Vec<Self::Handle>) {
        tree.0.stop(StopReason::Graceful).await.unwrap();
        tree.0.wait_stopped().await;
        drop(handles);
    }

    async fn call(handle: &Self::Handle, key: u64) -> u64 {
        handle.send(Message::Add(key)).await.unwrap()
    }

    async fn cast(handle: &Self::Handle, key: u64) {
        handle.notify(Message::Add(key)).await.unwrap();
    }
}

impl Restarted for TokioActors {
    const NAME: &'static str = "tokio-actors";
    type Handle = watch::Receiver<Option<ActorHandle<Counter>>>;
    type Tree = Tree;

    async fn start() -> (Tree, Self::Handle) {
        let (current, mut handle) = watch::channel(None);
        let (tree, _) = start(Parent { workers: 1, current: Some(current) }).await;
        handle.wait_for(Option::is_some).await.unwrap();
        (tree, handle)
    }

    async fn crash(handle: &Self::Handle, added: u64) {
        let child = handle.borrow().clone().unwrap();
        let _ = child.notify(Message::Crash(added)).await;
    }

    async fn call(handle: &Self::Handle) -> Option<u64> {
        let mut handle = handle.clone();
        let child = handle.borrow_and_update().clone()?;
        if let Ok(count) = child.send_timeout(Message::Add(0), PATIENCE).await {
            return Some(count);
        }
        next(handle).await;
        None
    }

    async fn cast(handle: &Self::Handle) {
        let child = handle.borrow().clone().unwrap();
        let _ = child.notify(Message::Add(0)).await;
    }
}
