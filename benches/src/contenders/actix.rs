//! actix: actors on the thread of an arbiter, under its supervisor. A caller is a task on the same thread, as in a program whose `main`
//! is an arbiter: so a round goes there as a whole. Its supervisor starts an actor again that has stopped, not one that has
//! panicked: it is no contender in what follows from a panic.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{LazyLock, Mutex, mpsc};
use std::thread;

use actix::prelude::*;
use tokio::sync::mpsc as alive;
use tokio::sync::oneshot;

use super::{Contender, MAILBOX};
use crate::lane::Lane;

pub struct Actix;

pub struct Counter {
    counts: HashMap<u64, u64>,
    /// Dropped with it: how it is known to be gone.
    _alive: alive::Sender<()>,
}

#[derive(Message)]
#[rtype(result = "u64")]
pub struct Add(u64);

#[derive(Message)]
#[rtype(result = "()")]
pub struct Note(u64);

#[derive(Message)]
#[rtype(result = "()")]
pub struct Crash;

impl actix::Actor for Counter {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Supervised for Counter {}

impl Handler<Add> for Counter {
    type Result = u64;

    fn handle(&mut self, Add(key): Add, _: &mut Context<Self>) -> u64 {
        let count = self.counts.entry(key).or_default();
        *count += 1;
        *count
    }
}

impl Handler<Note> for Counter {
    type Result = ();

    fn handle(&mut self, Note(key): Note, _: &mut Context<Self>) {
        *self.counts.entry(key).or_default() += 1;
    }
}

impl Handler<Crash> for Counter {
    type Result = ();

    fn handle(&mut self, Crash: Crash, _: &mut Context<Self>) {
        panic!("asked to die");
    }
}

static ARBITER: LazyLock<ArbiterHandle> = LazyLock::new(|| {
    let (sender, arbiter) = mpsc::channel();
    thread::spawn(move || {
        let system = System::new();
        sender.send(system.block_on(async { Arbiter::current() })).unwrap();
        system.run().unwrap();
    });
    arbiter.recv().unwrap()
});

/// Carries it out on the arbiter's thread.
pub async fn run<R: Send + 'static>(work: impl Future<Output = R> + Send + 'static) -> R {
    let (sender, result) = oneshot::channel();
    ARBITER.spawn(async move { drop(sender.send(work.await)) });
    result.await.unwrap()
}

/// A lane, all of whose rounds are carried out there.
pub async fn at_home(lane: impl Future<Output = Lane> + Send + 'static) -> Lane {
    run(lane).await.by(run)
}

/// Whether its supervisor starts an actor again that has panicked. If it ever does, it is to take part.
pub async fn comes_back() -> bool {
    run(async {
        let tree = Actix::plant().await;
        let handle = Actix::start(&tree, 0..1).await.remove(0);
        let _ = handle.send(Crash).await;
        handle.send(Add(0)).await.is_ok()
    })
    .await
}

/// Those that are to be seen off.
pub struct Tree {
    alive: alive::Sender<()>,
    gone: Mutex<alive::Receiver<()>>,
}

impl Contender for Actix {
    const NAME: &'static str = "actix (one thread)";
    type Handle = Addr<Counter>;
    type Tree = Tree;

    async fn plant() -> Tree {
        let (alive, gone) = alive::channel(1);
        Tree { alive, gone: Mutex::new(gone) }
    }

    async fn start(tree: &Tree, keys: Range<usize>) -> Vec<Self::Handle> {
        let start = |_| {
            let alive = tree.alive.clone();
            actix::Supervisor::start(move |_| Counter { counts: HashMap::new(), _alive: alive })
        };
        keys.map(start).collect()
    }

    async fn stop_one(_: &Tree, _: usize, _: Self::Handle) {
        unimplemented!("an actor ends with its last address, and nobody is told");
    }

    /// An actor ends with its last address.
    async fn stop(tree: Tree, handles: Vec<Self::Handle>) {
        drop(handles);
        drop(tree.alive);
        let mut gone = tree.gone.into_inner().unwrap();
        while gone.recv().await.is_some() {}
    }

    async fn call(handle: &Self::Handle, key: u64) -> u64 {
        handle.send(Add(key)).await.unwrap()
    }

    async fn cast(handle: &Self::Handle, key: u64) {
        handle.do_send(Note(key));
    }
}
