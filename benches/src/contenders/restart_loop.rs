//! What people write by hand: `loop { spawn(worker).await }`. The mailbox is kept in either; the state is lost, or is in an
//! `Arc<Mutex<HashMap>>` outside.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};
use tokio::task::AbortHandle;

use super::{Filled, Restarted, row};

pub struct Losing;
pub struct Sharing;

pub enum Message {
    Call(oneshot::Sender<u64>),
    Cast,
    Crash(u64),
    Fill(Range<u64>, oneshot::Sender<u64>),
}

type Messages = Arc<AsyncMutex<mpsc::Receiver<Message>>>;

/// Dropping it ends the loop.
pub struct Loop(AbortHandle);

impl Drop for Loop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn losing(messages: Messages) {
    let mut counts = HashMap::new();
    let mut messages = messages.lock().await;
    while let Some(message) = messages.recv().await {
        serve(message, &mut counts);
    }
}

async fn sharing(messages: Messages, counts: Arc<Mutex<HashMap<u64, u64>>>) {
    let mut messages = messages.lock().await;
    while let Some(message) = messages.recv().await {
        // A worker that died while it held the lock has poisoned it; without this, none after it could go on.
        let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
        serve(message, &mut counts);
    }
}

fn serve(message: Message, counts: &mut HashMap<u64, u64>) {
    match message {
        Message::Call(reply) => {
            let count = counts.entry(0).or_default();
            *count += 1;
            let _ = reply.send(*count);
        }
        Message::Cast => *counts.entry(0).or_default() += 1,
        Message::Crash(added) => {
            *counts.entry(0).or_default() += added;
            panic!("asked to die");
        }
        Message::Fill(rows, reply) => {
            counts.extend(rows.map(|n| (row(n), n)));
            let _ = reply.send(0);
        }
    }
}

fn start<F: Future<Output = ()> + Send + 'static>(
    mailbox: usize,
    worker: impl Fn(Messages) -> F + Send + 'static,
) -> (Loop, mpsc::Sender<Message>) {
    let (sender, receiver) = mpsc::channel(mailbox);
    let messages = Arc::new(AsyncMutex::new(receiver));
    let task =
        tokio::spawn(async move { while tokio::spawn(worker(Arc::clone(&messages))).await.is_err() {} });
    (Loop(task.abort_handle()), sender)
}

async fn ask(
    handle: &mpsc::Sender<Message>,
    message: impl FnOnce(oneshot::Sender<u64>) -> Message,
) -> Option<u64> {
    let (reply, answer) = oneshot::channel();
    handle.send(message(reply)).await.ok()?;
    answer.await.ok()
}

macro_rules! restarted {
    ($contender:ident, $name:literal, $worker:expr) => {
        impl Restarted for $contender {
            const NAME: &'static str = $name;
            type Handle = mpsc::Sender<Message>;
            type Tree = Loop;

            async fn start(mailbox: usize) -> (Loop, Self::Handle) {
                start(mailbox, $worker)
            }

            async fn crash(handle: &Self::Handle, added: u64) {
                handle.send(Message::Crash(added)).await.unwrap();
            }

            async fn call(handle: &Self::Handle) -> Option<u64> {
                ask(handle, Message::Call).await
            }

            async fn cast(handle: &Self::Handle) {
                handle.send(Message::Cast).await.unwrap();
            }
        }
    };
}

restarted!(Losing, "restart loop", losing);
restarted!(Sharing, "restart loop over `Arc<Mutex<HashMap>>`", {
    let counts = Arc::default();
    move |messages| sharing(messages, Arc::clone(&counts))
});

impl Filled for Sharing {
    async fn fill(handle: &Self::Handle, rows: Range<u64>) {
        ask(handle, |reply| Message::Fill(rows, reply)).await.unwrap();
    }
}
