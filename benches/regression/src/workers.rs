//! The workers whose messages are counted, and what they would be by hand.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::BuildHasherDefault;
use std::sync::{Arc, Mutex, PoisonError};

use heir_runtime::{Table, handlers, heir};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};

/// Hashes alike in every process.
pub type Counts = HashMap<u64, u64, BuildHasherDefault<DefaultHasher>>;

/// The same text, for a worker's field and for a map alone. Each is a function of its own: inlined into the loop that serves messages, they
/// differ by one instruction in 415, where the compiler has a register left for one and not for the other.
macro_rules! churn {
    ($counts:expr, $times:expr) => {{
        let mut sum = 0;
        for n in 0..$times {
            *$counts.entry(n % 16).or_default() += n;
            sum += $counts.get(&(n % 7)).copied().unwrap_or_default();
            if n % 5 == 0 {
                $counts.remove(&(n % 16));
            }
        }
        sum
    }};
}

#[heir]
pub struct Kept {
    #[table(keep)]
    counts: Counts,
}

#[handlers]
impl Kept {
    pub fn add(&mut self, key: u64) -> u64 {
        add(&mut self.counts, key)
    }

    #[cast]
    pub fn note(&mut self, key: u64) {
        add(&mut self.counts, key);
    }

    /// What an owner does with its table, so many times.
    pub fn churn(&mut self, times: u64) -> u64 {
        self.churn_by_field(times)
    }

    #[skip]
    #[inline(never)]
    fn churn_by_field(&mut self, times: u64) -> u64 {
        churn!(self.counts, times)
    }

    #[cast]
    pub fn die(&mut self) {
        panic!("asked to die");
    }
}

#[heir]
pub struct Recorded {
    #[table]
    counts: Table<u64, u64>,
}

#[handlers]
impl Recorded {
    pub fn add(&mut self, key: u64) -> u64 {
        self.counts.add(key, 1)
    }

    #[cast]
    pub fn note(&mut self, key: u64) {
        self.counts.add(key, 1);
    }

    #[cast]
    pub fn die(&mut self) {
        self.counts.add(0, 1);
        panic!("asked to die");
    }
}

fn add(counts: &mut Counts, key: u64) -> u64 {
    let count = counts.entry(key).or_default();
    *count += 1;
    *count
}

pub enum Message {
    Call(u64, oneshot::Sender<u64>),
    Cast(u64),
    Churn(u64, oneshot::Sender<u64>),
    Die,
}

/// A worker by hand.
pub async fn serve(mut messages: mpsc::Receiver<Message>) {
    let mut counts = Counts::default();
    while let Some(message) = messages.recv().await {
        handle(message, &mut counts);
    }
}

/// One that is started again, over its state in a mutex.
pub async fn serve_again(messages: Arc<AsyncMutex<mpsc::Receiver<Message>>>, counts: Arc<Mutex<Counts>>) {
    let mut messages = messages.lock().await;
    while let Some(message) = messages.recv().await {
        handle(message, &mut counts.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn handle(message: Message, counts: &mut Counts) {
    match message {
        Message::Call(key, reply) => {
            let _ = reply.send(add(counts, key));
        }
        Message::Cast(key) => drop(add(counts, key)),
        Message::Churn(times, reply) => {
            let _ = reply.send(churn(counts, times));
        }
        Message::Die => panic!("asked to die"),
    }
}

#[inline(never)]
fn churn(counts: &mut Counts, times: u64) -> u64 {
    churn!(counts, times)
}
