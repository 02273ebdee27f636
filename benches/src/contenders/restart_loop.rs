//! What people write by hand: `loop { spawn(worker).await }`. The mailbox is kept in either; the state is lost, or is in an
//! `Arc<Mutex<HashMap>>` outside.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};
use tokio::task::AbortHandle;

use super::{MAILBOX, Restarted};

pub struct Losing;
pub struct Sharing;

pub enum Message {
    Call(oneshot::Sender<u64>),
    Cast,
    Crash(u64),
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
    let mut counts = HashMap::<u64, u64>::new();
    let mut messages = messages.lock().await;
    while let Some(message) = messages.recv().await {
        let count = counts.entry(0).or_default();
        serve(message, count);
    }
}

async fn sharing(messages: Messages, counts: Arc<Mutex<HashMap<u64, u64>>>) {
    let mut messages = messages.lock().await;
    while let Some(message) = messages.recv().await {
        // A worker that died while it held the lock has poisoned it; without this, none after it could go on.
        let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
        serve(message, counts.entry(0).or_default());
    }
}

fn serve(message: Message, count: &mut u64) {
    match message {
        Message::Call(reply) => {
            *count += 1;
            let _ = reply.send(*count);
        }
        Message::Cast => *count += 1,
        Message::Crash(added) => {
            *count += added;
            panic!("asked to die");
        }
    }
}

fn start<F: Future<Output = ()> + Send + 'static>(
    worker: impl Fn(Messages) -> F + Send + 'static,
) -> (Loop, mpsc::Sender<Message>) {
    let (sender, receiver) = mpsc::channel(MAILBOX);
    let messages = Arc::new(AsyncMutex::new(receiver));
    let task =
        tokio::spawn(async move { while tokio::spawn(worker(Arc::clone(&messages))).await.is_err() {} });
    (Loop(task.abort_handle()), sender)
}

async fn call(handle: &mpsc::Sender<Message>) -> Option<u64> {
    let (reply, answer) = oneshot::channel();
    handle.send(Message::Call(reply)).await.ok()?;
    answer.await.ok()
}

macro_rules! restarted {
    ($contender:ident, $name:literal, $worker:expr) => {
        impl Restarted for $contender {
            const NAME: &'static str = $name;
            type Handle = mpsc::Sender<Message>;
            type Tree = Loop;

            async fn start() -> (Loop, Self::Handle) {
                start($worker)
            }

            async fn crash(handle: &Self::Handle, added: u64) {
                handle.send(Message::Crash(added)).await.unwrap();
            }

            async fn call(handle: &Self::Handle) -> Option<u64> {
                call(handle).await
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
