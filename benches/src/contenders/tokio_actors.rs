//! tokio-actors: children of a supervising actor, which starts them again from their factory, each with a mailbox of its own.
//! Callers learn of a new one through a `watch` channel.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use tokio::sync::watch;
use tokio_actors::actor::context::ActorContext;
use tokio_actors::actor::handle::ActorHandle;
use tokio_actors::actor::{Actor, ActorExt};
use tokio_actors::types::ActorId;
use tokio_actors::{ActorError, ActorResult, StopReason, SupervisionConfig};

use super::{Contender, Restarted, next};

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
    current: Option<watch::Sender<Option<ActorHandle<Counter>>>>,
}

enum Order {
    Start(usize),
    Stop(ActorId),
}

impl Actor for Parent {
    type Message = Order;
    type Response = Vec<ActorHandle<Counter>>;

    async fn handle(&mut self, order: Order, ctx: &mut ActorContext<Self>) -> ActorResult<Self::Response> {
        let failed = |error: &dyn ToString| ActorError::user(error.to_string());
        let mut children = Vec::new();
        match order {
            Order::Start(workers) => {
                children.reserve_exact(workers);
                for _ in 0..workers {
                    let current = self.current.clone();
                    let make = move || Counter { counts: HashMap::new(), current: current.clone() };
                    children.push(ctx.spawn_child(make).await.map_err(|error| failed(&error))?);
                }
            }
            Order::Stop(child) => ctx.terminate_child(child).await.map_err(|error| failed(&error))?,
        }
        Ok(children)
    }
}

async fn plant(current: Option<watch::Sender<Option<ActorHandle<Counter>>>>) -> Tree {
    let supervision = SupervisionConfig::one_for_one().max_restarts(u32::MAX, Duration::from_secs(1));
    Tree(Parent { current }.spawn().with_supervision(supervision).await.unwrap())
}

pub struct Tree(ActorHandle<Parent>);

impl Contender for TokioActors {
    const NAME: &'static str = "tokio-actors";
    type Handle = ActorHandle<Counter>;
    type Tree = Tree;

    async fn plant() -> Tree {
        plant(None).await
    }

    async fn start(tree: &Tree, keys: Range<usize>) -> Vec<Self::Handle> {
        tree.0.send(Order::Start(keys.len())).await.unwrap()
    }

    async fn stop_one(tree: &Tree, _: usize, handle: Self::Handle) {
        tree.0.send(Order::Stop(handle.id().clone())).await.unwrap();
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

    async fn start(_: usize) -> (Tree, Self::Handle) {
        let (current, mut handle) = watch::channel(None);
        let tree = plant(Some(current)).await;
        tree.0.send(Order::Start(1)).await.unwrap();
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
        if let Ok(count) = child.send(Message::Add(0)).await {
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
