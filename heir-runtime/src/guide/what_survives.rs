//! What each field of a worker survives, what messages survive, and how to choose.
//!
//! # The question for each field
//! When a worker's task panics, somebody has to say what each of its fields is worth now. You say it
//! once, where you declare the field:
//!
//! | the field is | then it is | the next incarnation gets |
//! |---|---|---|
//! | rows by key, and others read them or a crash must not show in them | `#[table]` with a `Table`, `OrderedTable` or `BagTable` | the rows as the last message that committed left them |
//! | a small value that a crash must not leave half-written | `#[table(rollback)]` with any `Clone` type | its clone from before the message that crashed |
//! | something that exists once (a socket, a file, a store), or a value that is written in one step | `#[table(keep)]` with any `Send` type | the value itself, as the crash left it |
//! | what the worker is told from outside: a limit, a path, another worker's handle | `#[arg]` with a `Clone` type | a clone of what the caller of `spec` gave |
//! | what can be made again: a cache, a buffer, a client | unmarked, or `#[fresh(expression)]` | a new value |
//!
//! If you are not sure: `#[table]` for a map, `#[table(rollback)]` for anything else that is small,
//! and no mark for what you can do without. `keep` is for a reason.
//!
//! # A map: `keep` goes wrong, `#[table]` goes right
//! A transfer between two accounts writes two rows. A crash between the two leaves a `keep` map
//! half-written; heir passes it on as it is.
//!
//! ```
//! use std::collections::HashMap;
//!
//! use heir_runtime::prelude::*;
//!
//! #[heir]
//! struct Bank {
//!     #[table(keep, init = HashMap::from([("ada".to_owned(), 10)]))]
//!     wrong: HashMap<String, u64>,
//!     #[table(init = [("ada".to_owned(), 10)])]
//!     right: Table<String, u64>,
//! }
//!
//! #[handlers]
//! impl Bank {
//!     fn transfer(&mut self, to: String, sum: u64) {
//!         *self.wrong.get_mut("ada").unwrap() -= sum;
//!         self.right.update("ada", |balance| *balance -= sum);
//!         assert_ne!(to, "nobody", "there is no such account");
//!         *self.wrong.entry(to.clone()).or_default() += sum;
//!         self.right.add(to, sum);
//!     }
//!
//!     fn sums(&mut self) -> (u64, u64) {
//!         (self.wrong.values().sum(), self.right.values().sum())
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), BoxError> {
//! # let mut tree = Supervisor::builder("app");
//! # let bank = tree.worker(Bank::spec());
//! # let tree = tree.start().await?;
//! bank.transfer("grace".into(), 3).await?;
//! assert_eq!(bank.sums().await?, (10, 10));
//!
//! assert!(bank.transfer("nobody".into(), 3).await.is_err());
//! assert_eq!(bank.sums().await?, (7, 10)); // in the `keep` map 3 are gone
//! # tree.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! A `keep` map is right if every message changes one row in one step, as a counter does: then no
//! crash can come between two steps. It costs nothing beside the map.
//!
//! # A small value: `rollback`
//! A `rollback` table is cloned before *every* message, also before those that only read it. That is
//! right for a number, an enum, a short list, a value behind an `Arc`. It is wrong for a list of a
//! million rows: each message would copy it.
//!
//! ```
//! use std::sync::Arc;
//!
//! use heir_runtime::prelude::*;
//!
//! #[derive(Clone, Debug, Default, PartialEq)]
//! enum Phase {
//!     #[default]
//!     Idle,
//!     Loading,
//!     Ready(Arc<Vec<String>>), // its clone is a count, however long the list is
//! }
//!
//! #[heir]
//! struct Import {
//!     #[table(rollback)]
//!     phase: Phase,
//! }
//!
//! #[handlers]
//! impl Import {
//!     fn load(&mut self, lines: String) -> usize {
//!         self.phase = Phase::Loading;
//!         assert!(!lines.is_empty(), "an empty file");
//!         let lines: Vec<_> = lines.lines().map(str::to_owned).collect();
//!         let length = lines.len();
//!         self.phase = Phase::Ready(Arc::new(lines));
//!         length
//!     }
//!
//!     fn phase(&mut self) -> Phase {
//!         self.phase.clone()
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), BoxError> {
//! # let mut tree = Supervisor::builder("app");
//! # let import = tree.worker(Import::spec());
//! # let tree = tree.start().await?;
//! assert!(import.load(String::new()).await.is_err());
//! assert_eq!(import.phase().await?, Phase::Idle); // with `keep` it would be `Loading`, for ever
//! assert_eq!(import.load("one\ntwo".into()).await?, 2);
//! # tree.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # A socket: `#[fresh]` goes wrong, `keep` goes right
//! A listener that is made for each incarnation has another port after a crash, or fails, because the
//! address is still in use; connections that wait in its backlog are refused. A socket has no clone,
//! so it cannot be `rollback`. It is one thing, which exists once: `keep`.
//!
//! ```
//! use std::io;
//! use std::net::TcpListener;
//!
//! use heir_runtime::prelude::*;
//!
//! #[heir]
//! struct Server {
//!     #[fresh(TcpListener::bind("127.0.0.1:0").expect("a free port"))]
//!     wrong: TcpListener,
//!     #[table(keep, init = TcpListener::bind("127.0.0.1:0")?)]
//!     right: TcpListener,
//! }
//!
//! #[handlers]
//! impl Server {
//!     fn ports(&mut self) -> io::Result<(u16, u16)> {
//!         Ok((self.wrong.local_addr()?.port(), self.right.local_addr()?.port()))
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), BoxError> {
//! # let mut tree = Supervisor::builder("app");
//! # let server = tree.worker(Server::spec());
//! # let tree = tree.start().await?;
//! let before = server.ports().await??;
//! server.kill();
//! let after = server.ports().await??;
//! assert_ne!(before.0, after.0);
//! assert_eq!(before.1, after.1); // the same socket, whose backlog is still there
//! # tree.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! `init` runs once, when the table is created; it may `.await`, and `?` fails the start. What a
//! `keep` value *means* is yours to check: a connection whose protocol was interrupted in the middle
//! of a frame is a socket that still works, and a stream that makes no sense. `#[on(start)]` is the
//! place to look at it, and `#[on(verify)]` can refuse it before anybody owns it.
//!
//! # A cache: `keep` goes wrong, unmarked goes right
//! A value that crashes the worker, and survives the crash, crashes it again. What can be made again
//! should not survive: then the restart heals the worker.
//!
//! ```
//! use std::collections::HashMap;
//!
//! use heir_runtime::prelude::*;
//!
//! #[heir]
//! struct Pages {
//!     #[table(keep)]
//!     wrong: HashMap<String, u32>,
//!     right: HashMap<String, u32>, // unmarked: `HashMap::default()` for each incarnation
//! }
//!
//! #[handlers]
//! impl Pages {
//!     /// A parser with a bug has put a length of 0 into both caches.
//!     #[cast]
//!     fn poison(&mut self) {
//!         self.wrong.insert("index".into(), 0);
//!         self.right.insert("index".into(), 0);
//!     }
//!
//!     fn columns(&mut self, keeps: bool) -> u32 {
//!         let cache = if keeps { &mut self.wrong } else { &mut self.right };
//!         80 / *cache.entry("index".into()).or_insert(20) // a division by zero panics
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), BoxError> {
//! # let mut tree = Supervisor::builder("app");
//! # let pages = tree.worker(Pages::spec());
//! # let tree = tree.start().await?;
//! pages.poison().await?;
//! assert!(pages.columns(false).await.is_err());
//! assert_eq!(pages.columns(false).await?, 4); // healed
//!
//! for _ in 0..3 {
//!     assert!(pages.columns(true).await.is_err()); // crashes at every request
//! }
//! # tree.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! Tables that kill every incarnation *at its start*, or over a message that is served again, are
//! noticed: after [`crash_loop`](crate::Spec::crash_loop) such deaths in a row they are quarantined.
//! Tables that kill a request now and then are not, because then the request may be at fault.
//!
//! # What the worker is told: `#[arg]`
//! Each incarnation gets a clone of the argument that `spec` was given. So a handler that changes an
//! `#[arg]` field changes it for one life. A setting that changes is a table, which begins with the
//! argument:
//!
//! ```
//! use heir_runtime::prelude::*;
//!
//! #[heir]
//! struct Gate {
//!     #[arg]
//!     limit: u32,
//!     #[table(rollback, init = limit)]
//!     limit_now: u32,
//! }
//!
//! #[handlers]
//! impl Gate {
//!     fn set_limit(&mut self, limit: u32) {
//!         self.limit = limit; // wrong: for one life
//!         self.limit_now = limit;
//!     }
//!
//!     fn limits(&mut self) -> (u32, u32) {
//!         (self.limit, self.limit_now)
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), BoxError> {
//! # let mut tree = Supervisor::builder("app");
//! # let gate = tree.worker(Gate::spec(5));
//! # let tree = tree.start().await?;
//! gate.set_limit(9).await?;
//! gate.kill();
//! assert_eq!(gate.limits().await?, (5, 9));
//! # tree.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Several tables
//! All `#[table]` and `rollback` fields of one worker are undone together, and the `#[table]`s become
//! visible together: one message is one transaction. `keep` fields take no part in it. So a worker
//! with a `keep` map and a `#[table]` that must agree has the fault of the first example of this
//! page.
//!
//! # What messages survive
//!
//! | | the worker dies | the worker stops for good |
//! |---|---|---|
//! | a queued message | waits, and the next incarnation serves it | its caller gets [`CallError::Stopped`](crate::CallError::Stopped); a cast goes to [`on_undelivered`](crate::Spec::on_undelivered) |
//! | the call that is being served | fails with [`CallError::Died`](crate::CallError::Died) and the reason | is finished first, within the shutdown timeout |
//! | the same with `#[redeliver(3)]` | is served again, up to three times | is finished first |
//! | the cast that is being served | goes to `on_undelivered`, or is served again | is finished first |
//! | what its handler sent by `cx.send`, `send_delayed`, `after_commit`, `reply.send` | is dropped: it would have left with the commit | leaves with the commit |
//! | what its handler sent by a handle (`log.note(..).await`) | has been sent | has been sent |
//! | a [`Reply`](crate::Reply) that lies in a table | is there; the next incarnation can send it | its caller gets `CallError::Stopped` |
//! | a `Reply` that lies in an unmarked field | its caller gets `CallError::Died` | its caller gets `CallError::Stopped` |
//! | a tick of `#[every(..)]` | the next one comes on the grid | no more come |
//! | a task of `cx.spawn`, a timer, a stream | ends with the incarnation: start it in `#[on(start)]` | ends |
//!
//! The first lines, as a program:
//!
//! ```
//! use heir_runtime::prelude::*;
//!
//! #[heir]
//! struct Log {
//!     #[table]
//!     lines: OrderedTable<u64, String>,
//! }
//!
//! #[handlers]
//! impl Log {
//!     #[cast]
//!     fn note(&mut self, line: String) {
//!         self.lines.insert(self.lines.len() as u64, line);
//!     }
//! }
//!
//! #[heir]
//! struct Jobs {
//!     #[table]
//!     done: Table<u64, ()>,
//!     /// How often a job was begun: as `keep`, it counts the tries that died, too.
//!     #[table(keep)]
//!     tries: u32,
//!     #[arg]
//!     log: LogHandle,
//! }
//!
//! #[handlers]
//! impl Jobs {
//!     /// Dies twice, and is served a third time.
//!     #[redeliver(3)]
//!     async fn run(&mut self, cx: &mut Context<Self>, job: u64) -> Result<u32, MessageError> {
//!         self.tries += 1;
//!         self.done.insert(job, ());
//!         self.log.note(format!("try {}", self.tries)).await?; // has been sent
//!         cx.send(self.log.note(format!("done {job}"))).await?; // leaves with the commit
//!         assert!(self.tries == 3, "not yet");
//!         Ok(self.tries)
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), BoxError> {
//! # let mut tree = Supervisor::builder("app");
//! # let log = tree.worker(Log::spec());
//! # let jobs = tree.worker(Jobs::spec(log.clone()));
//! # let tree = tree.start().await?;
//! assert_eq!(jobs.run(7).await??, 3); // the caller does not notice the two deaths
//! # log.note("last".into()).await?;
//! # while log.lines().len() < 5 {
//! #     tokio::task::yield_now().await;
//! # }
//! let lines: Vec<_> = log.lines().values().take(4).collect();
//! assert_eq!(lines, ["try 1", "try 2", "try 3", "done 7"]);
//! # tree.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # The end of the process
//! It takes everything with it that is in memory: tables, queues, replies. Recorded tables and `rollback`
//! fields of a worker
//! with `#[heir(survives = process)]` are in a [store](https://docs.rs/heir-runtime/latest/heir_runtime/store), too
//! (feature `store`): they are there again when the program starts again, with every message that was
//! answered. A `rollback` field is encoded after each message, as a whole, and stored if its bytes differ.
//! `save` and `load` (feature `table-files`) write a `#[table]` to a file when you call them, and
//! not on their own. What does not fit into memory belongs into a database. See [`limits`](super::limits).
