//! ractor: actors linked to a supervisor, which starts another one when one fails: a new actor, with a mailbox of its own. Callers
//! learn of it through a `watch` channel.

use std::collections::HashMap;
use std::ops::Range;

use ractor::rpc::CallResult;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent};
use tokio::sync::watch;

use super::{Contender, Restarted, next};

pub struct Ractor;

pub struct Counter;

pub enum Message {
    Add(u64, RpcReplyPort<u64>),
    Note(u64),
    Crash(u64),
}

impl Actor for Counter {
    type Msg = Message;
    type State = HashMap<u64, u64>;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Message>, (): ()) -> Result<Self::State, ActorProcessingErr> {
        Ok(HashMap::new())
    }

    async fn handle(
        &self,
        _: ActorRef<Message>,
        message: Message,
        counts: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Add(key, reply) => {
                let count = counts.entry(key).or_default();
                *count += 1;
                let _ = reply.send(*count);
            }
            Message::Note(key) => *counts.entry(key).or_default() += 1,
            Message::Crash(added) => {
                *counts.entry(0).or_default() += added;
                panic!("asked to die");
            }
        }
        Ok(())
    }
}

type Current = watch::Sender<Option<ActorRef<Message>>>;

/// Starts one worker again whenever it fails, if callers are to learn of it; supervises any number.
struct Parent;

impl Actor for Parent {
    type Msg = ();
    type State = Option<Current>;
    type Arguments = Option<Current>;

    async fn pre_start(
        &self,
        myself: ActorRef<()>,
        current: Option<Current>,
    ) -> Result<Self::State, ActorProcessingErr> {
        start_child(&myself, current.as_ref()).await?;
        Ok(current)
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<()>,
        event: SupervisionEvent,
        current: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if let SupervisionEvent::ActorFailed(..) = event {
            start_child(&myself, current.as_ref()).await?;
        }
        Ok(())
    }
}

async fn start_child(myself: &ActorRef<()>, current: Option<&Current>) -> Result<(), ActorProcessingErr> {
    if let Some(current) = current {
        let (child, _) = Actor::spawn_linked(None, Counter, (), myself.get_cell()).await?;
        current.send_replace(Some(child));
    }
    Ok(())
}

/// Stops the tree when it is dropped.
pub struct Tree(ActorRef<()>);

impl Drop for Tree {
    fn drop(&mut self) {
        self.0.kill();
    }
}

impl Contender for Ractor {
    const NAME: &'static str = "ractor";
    type Handle = ActorRef<Message>;
    type Tree = Tree;

    async fn plant() -> Tree {
        Tree(Actor::spawn(None, Parent, None).await.unwrap().0)
    }

    async fn start(tree: &Tree, keys: Range<usize>) -> Vec<Self::Handle> {
        let mut handles = Vec::with_capacity(keys.len());
        for _ in keys {
            let (child, _) = Actor::spawn_linked(None, Counter, (), tree.0.get_cell()).await.unwrap();
            handles.push(child);
        }
        handles
    }

    async fn stop_one(_: &Tree, _: usize, handle: Self::Handle) {
        handle.stop_and_wait(None, None).await.unwrap();
    }

    async fn stop(tree: Tree, handles: Vec<Self::Handle>) {
        tree.0.stop_children_and_wait(None, None).await;
        tree.0.stop_and_wait(None, None).await.unwrap();
        drop(handles);
    }

    async fn call(handle: &Self::Handle, key: u64) -> u64 {
        match handle.call(|reply| Message::Add(key, reply), None).await.unwrap() {
            CallResult::Success(count) => count,
            CallResult::Timeout | CallResult::SenderError => panic!("not answered"),
        }
    }

    async fn cast(handle: &Self::Handle, key: u64) {
        handle.cast(Message::Note(key)).unwrap();
    }
}

impl Restarted for Ractor {
    const NAME: &'static str = "ractor";
    type Handle = watch::Receiver<Option<ActorRef<Message>>>;
    type Tree = Tree;

    async fn start(_: usize) -> (Tree, Self::Handle) {
        let (current, handle) = watch::channel(None);
        let (parent, _) = Actor::spawn(None, Parent, Some(current)).await.unwrap();
        (Tree(parent), handle)
    }

    async fn crash(handle: &Self::Handle, added: u64) {
        let child = handle.borrow().clone().unwrap();
        let _ = child.cast(Message::Crash(added));
    }

    async fn call(handle: &Self::Handle) -> Option<u64> {
        let mut handle = handle.clone();
        let child = handle.borrow_and_update().clone()?;
        if let Ok(CallResult::Success(count)) = child.call(|reply| Message::Add(0, reply), None).await {
            return Some(count);
        }
        next(handle).await;
        None
    }

    async fn cast(handle: &Self::Handle) {
        let child = handle.borrow().clone().unwrap();
        let _ = child.cast(Message::Note(0));
    }
}
