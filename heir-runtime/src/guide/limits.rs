//! Where this crate does not help, and what to do there.
//!
//! # One process
//! Tables are memory of one process. When the process ends, they are lost, with the queues and the
//! replies; but for the recorded and `rollback` tables of workers with `survives = process`, which are in a
//! [store](https://docs.rs/heir-runtime/latest/heir_runtime/store), too, and are loaded at the next start. A store
//! belongs to one process at a time. Names are known in one tree, and messages reach one process.
//!
//! State that does not fit into memory, or that is queried, belongs into a database. A worker in front of
//! it is still of use: it has the connection as a `keep` table, and writes what its messages committed.
//!
//! # `panic = "abort"`
//! Built so, a program ends at its first panic, and there is nobody to restart anything. This crate
//! refuses to be built with it. With the feature `panic-abort` it can be built; tables then survive
//! errors, kills and hangs, and no panic. A panic while another panic unwinds (in a destructor),
//! a stack overflow, and `process::exit` end the process in any build.
//!
//! # A worker that blocks its thread
//! A worker is a tokio task. Nobody can interrupt a task that does not reach an `.await`: a loop, a
//! blocking read, `thread::sleep`, a lock of `std` that somebody else holds. Until it does, it has its
//! tables, and the supervisor cannot give them to anybody.
//!
//! A heartbeat notices it. Then the caller is told, `health().alive` is false, and everything around
//! the worker goes on. When the worker yields at last, its message is undone, and the next
//! incarnation gets the tables.
//!
//! ```
//! use std::thread;
//! use std::time::Duration;
//!
//! use heir_runtime::prelude::*;
//!
//! #[heir(heartbeat = "100ms")]
//! struct Blocks {
//!     #[table(rollback)]
//!     count: u64,
//! }
//!
//! #[handlers]
//! impl Blocks {
//!     fn block(&mut self) {
//!         self.count += 1;
//!         thread::sleep(Duration::from_secs(1)); // wrong
//!     }
//!
//!     fn count(&mut self) -> u64 {
//!         self.count
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), BoxError> {
//! # let mut tree = Supervisor::builder("app");
//! # let blocks = tree.worker(Blocks::spec());
//! # let tree = tree.start().await?;
//! let error = blocks.block().await.unwrap_err();
//! assert!(matches!(error, CallError::Unresponsive { incarnation: 1, .. }));
//! assert_eq!(blocks.count().await?, 0); // after the second: its message was undone
//! assert_eq!(blocks.incarnation(), 2);
//! # tree.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! ## It may hold others up
//! A runtime of several threads does not always help. When a task wakes another one, tokio puts the
//! woken task into a slot of the same thread, to be run next (the LIFO slot). From tokio 1.52.2 on
//! (as in 1.54.1, where it was measured) no other thread takes it from there. So a worker that sends
//! a message, and blocks before its next `.await`, holds up the worker that it has sent to, although
//! other threads are idle. The same holds for the caller whose reply it has just sent.
//!
//! ## Keep it off the worker
//! Blocking work belongs on a thread for it: `tokio::task::spawn_blocking`. A handler that awaits it
//! keeps the queue waiting, and nobody else. An [attachment](crate::Context::attach_future) keeps not
//! even the queue waiting:
//!
//! ```
//! use std::thread;
//! use std::time::Duration;
//!
//! use heir_runtime::prelude::*;
//! use tokio::task::spawn_blocking;
//!
//! #[heir(heartbeat = "1s")]
//! struct Hashes {
//!     #[table]
//!     known: Table<String, usize>,
//! }
//!
//! /// Blocks its thread for a while.
//! fn hash(text: &str) -> usize {
//!     thread::sleep(Duration::from_millis(10));
//!     text.len()
//! }
//!
//! #[handlers]
//! impl Hashes {
//!     /// The queue waits until it is done.
//!     async fn one_at_a_time(&mut self, text: String) -> Result<usize, BoxError> {
//!         Ok(spawn_blocking(move || hash(&text)).await?)
//!     }
//!
//!     /// The worker serves others meanwhile, and answers later.
//!     fn side_by_side(&mut self, cx: &mut Context<Self>, text: String, reply: Reply<usize>) {
//!         let hashed = spawn_blocking(move || (hash(&text), text));
//!         cx.attach_future(hashed, |hashes, hashed| async move {
//!             if let Ok((hash, text)) = hashed {
//!                 let _ = hashes.hashed(text, hash, reply).await;
//!             }
//!         });
//!     }
//!
//!     #[cast]
//!     fn hashed(&mut self, cx: &mut Context<Self>, text: String, hash: usize, reply: Reply<usize>) {
//!         self.known.insert(text, hash);
//!         reply.send(cx, hash);
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), BoxError> {
//! # let mut tree = Supervisor::builder("app");
//! # let hashes = tree.worker(Hashes::spec());
//! # let tree = tree.start().await?;
//! assert_eq!(hashes.one_at_a_time("one".into()).await??, 3);
//! let (a, b) = tokio::join!(hashes.side_by_side("three".into()), hashes.side_by_side("four".into()));
//! assert_eq!((a?, b?), (5, 4));
//! # tree.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! Work that was begun by `spawn_blocking` goes on when its incarnation ends: nobody can interrupt
//! it, either. [`Context::incarnation`](crate::Context::incarnation) tells a late result from a
//! timely one.
//!
//! # A caller's deadline is the caller's
//! [`with_timeout`](crate::Handle::with_timeout) ends the wait of the caller, and not the work. The
//! message stays in the queue, and is served; its reply is dropped. A caller that sends it again may
//! have it served twice, so such a handler must bear that: let the caller give each request a number,
//! and keep the numbers in a table. [`handler_timeout`](crate::Spec::handler_timeout) is the other
//! half: it ends the work, and undoes the message.
//!
//! Without a deadline a call waits as long as its worker lives. Two workers that await calls to each
//! other wait for ever, unless one of them has a deadline. A worker that awaits a call to itself in
//! its own handler is refused at once:
//!
//! ```
//! use heir_runtime::NotSent;
//! use heir_runtime::prelude::*;
//!
//! #[heir]
//! struct Own {
//!     #[table(keep)]
//!     count: u64,
//! }
//!
//! #[handlers]
//! impl Own {
//!     fn count(&mut self) -> u64 {
//!         self.count
//!     }
//!
//!     async fn ask_itself(&mut self, cx: &mut Context<Self>) -> Result<u64, MessageError> {
//!         Ok(cx.own_handle().count().await?)
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), BoxError> {
//! # let mut tree = Supervisor::builder("app");
//! # let own = tree.worker(Own::spec());
//! # let tree = tree.start().await?;
//! assert_eq!(own.ask_itself().await?, Err(MessageError::NotSent(NotSent::ToItself)));
//! # tree.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # What a `Reply` cannot do
//! A [`Reply`](crate::Reply) answers one call, once, of one process. It cannot:
//!
//! - answer after the worker has stopped for good, wherever it lies: its caller has been told;
//! - hold the caller past its deadline;
//! - be a stream: for several answers, let the caller give a channel;
//! - be known to arrive: it leaves with the commit, and is dropped if the caller has gone. A caller
//!   that must be known to have it sends a message when it has.
//!
//! A reply in a table outlives the worker's crashes, and holds its caller as long: a reply that nobody
//! takes out again is a caller that waits for ever, if it has no deadline.
//!
//! # Tables that hold handles
//! A [`Handle`](crate::Handle) keeps the tables of its worker in memory. Two tables that hold each
//! other's handles keep each other when the tree has ended, as two `Arc`s do: their memory is not
//! freed. What is in an `#[arg]` field is dropped with the tree, so the handles that a declared tree
//! gives its children make no such circle. In a table, keep a [`WeakHandle`](crate::WeakHandle), or
//! a key by which a `Dynamic` finds the worker:
//!
//! ```
//! use heir_runtime::prelude::*;
//!
//! #[heir]
//! struct Peer {
//!     #[table]
//!     friends: Table<String, WeakHandle<Peer>>,
//! }
//!
//! #[handlers]
//! impl Peer {
//!     fn befriend(&mut self, name: String, friend: PeerHandle) {
//!         self.friends.insert(name, friend.downgrade());
//!     }
//!
//!     fn is_there(&mut self, name: String) -> bool {
//!         self.friends.get(&name).is_some_and(|friend| friend.upgrade().is_some())
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), BoxError> {
//! # let mut tree = Supervisor::builder("app");
//! # let ada = tree.worker(Peer::spec().name("ada"));
//! # let grace = tree.worker(Peer::spec().name("grace"));
//! # let tree = tree.start().await?;
//! ada.befriend("grace".into(), grace.clone()).await?;
//! grace.befriend("ada".into(), ada.clone()).await?;
//! assert!(ada.is_there("grace".into()).await?);
//! # tree.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Memory
//! All tables must fit in memory, and so must what waits: a mailbox holds 64 messages unless its
//! [`mailbox`](crate::Spec::mailbox) says otherwise, and answers, ticks and open replies come beside
//! them. An idle worker takes 2623 B, and 3144 B with a `#[table]` (the README says how it was
//! measured): a million idle workers are about 3 GB.
//!
//! A large table is freed by the task or thread that drops the last handle, reader or lease of it.
//! That takes as long as freeing its rows does, and the thread does nothing else meanwhile; so does a
//! worker that clears a large table, after its commit. If that matters, claim the tables of a worker
//! that has stopped, and drop them on a thread for it:
//!
//! ```
//! use heir_runtime::prelude::*;
//! use tokio::task::spawn_blocking;
//!
//! #[heir]
//! struct Index {
//!     #[table(init = (0..1000).map(|n| (n, n)))]
//!     rows: Table<u64, u64>,
//! }
//!
//! #[handlers]
//! impl Index {}
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), BoxError> {
//! # let mut tree = Supervisor::builder("app");
//! # let index = tree.worker(Index::spec());
//! # let tree = tree.start().await?;
//! tree.shutdown().await;
//! let tables = index.estate().claim("main")?;
//! drop(index);
//! spawn_blocking(move || drop(tables)).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # One writer
//! A worker serves one message at a time. That is why its handlers need no lock, and it is a limit:
//! a worker is as fast as one thread. Split the state by key into the workers of a
//! [`Dynamic`](crate::Dynamic), read through readers, or use a concurrent map if many threads write
//! the same rows.
//!
//! # Effects outside
//! A crash undoes tables, and what waits for the commit. It does not undo an e-mail, a row in a
//! database, or a message that was sent by a handle. With `#[redeliver]` such an effect may happen
//! again: delivery is at least once.
