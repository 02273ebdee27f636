//! tokio alone: a task, an `mpsc` channel, a `oneshot` for each reply. Nobody supervises it.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Mutex;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::{Contender, MAILBOX};

pub struct Raw;

pub enum Message {
    Call(u64, oneshot::Sender<u64>),
    Cast(u64),
}

async fn serve(mut messages: mpsc::Receiver<Message>) {
    let mut counts = HashMap::<u64, u64>::new();
    while let Some(message) = messages.recv().await {
        match message {
            Message::Call(key, reply) => {
                let count = counts.entry(key).or_default();
                *count += 1;
                let _ = reply.send(*count);
            }
            Message::Cast(key) => *counts.entry(key).or_default() += 1,
        }
    }
}

impl Contender for Raw {
    const NAME: &'static str = "raw tokio";
    type Handle = mpsc::Sender<Message>;
    /// Who is to be waited for, by key; keys count up.
    type Tree = Mutex<Vec<Option<JoinHandle<()>>>>;

    async fn plant() -> Self::Tree {
        Mutex::default()
    }

    async fn start(tree: &Self::Tree, keys: Range<usize>) -> Vec<Self::Handle> {
        let mut tasks = tree.lock().unwrap();
        let start = |key| {
            let (sender, receiver) = mpsc::channel(MAILBOX);
            assert_eq!(key, tasks.len());
            tasks.push(Some(tokio::spawn(serve(receiver))));
            sender
        };
        keys.map(start).collect()
    }

    async fn stop_one(tree: &Self::Tree, key: usize, handle: Self::Handle) {
        drop(handle);
        let task = tree.lock().unwrap()[key].take().unwrap();
        task.await.unwrap();
    }

    async fn stop(tree: Self::Tree, handles: Vec<Self::Handle>) {
        drop(handles);
        for task in tree.into_inner().unwrap().into_iter().flatten() {
            task.await.unwrap();
        }
    }

    async fn call(handle: &Self::Handle, key: u64) -> u64 {
        let (reply, answer) = oneshot::channel();
        handle.send(Message::Call(key, reply)).await.unwrap();
        answer.await.unwrap()
    }

    async fn cast(handle: &Self::Handle, key: u64) {
        handle.send(Message::Cast(key)).await.unwrap();
    }
}
