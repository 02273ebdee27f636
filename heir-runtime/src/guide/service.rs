//! A service from its first request to its shutdown, as one declared tree.
//!
//! The service is a shop. The page builds it in five steps: the workers, the tree, a request, the
//! probes, the end. The steps are one program.
//!
//! # The workers
//! Each piece of state that has one writer is a worker. The shop has three kinds: a ledger, a stock,
//! and a session for each user who is there.
//!
//! ```
//! use std::time::Duration;
//!
//! use heir_runtime::prelude::*;
//!
//! /// What each user has spent.
//! #[heir]
//! struct Ledger {
//!     #[table]
//!     spent: Table<String, u64>,
//!     /// Sums that the accountant has not seen yet.
//!     #[table]
//!     open: Table<String, u64>,
//! }
//!
//! #[handlers]
//! impl Ledger {
//!     /// If the ledger dies over it, the next incarnation serves it again.
//!     #[cast]
//!     #[redeliver(3)]
//!     fn note(&mut self, user: String, price: u64) {
//!         self.spent.add(user.clone(), price);
//!         self.open.add(user, price);
//!     }
//!
//!     /// The worker's own clock sends this.
//!     #[every("10s")]
//!     fn report(&mut self) {
//!         // .. writes the open sums somewhere
//!         self.open.clear();
//!     }
//! }
//!
//! /// What there is to buy: the price of each item, and how many are left.
//! #[heir]
//! struct Stock {
//!     #[table(init = [("lamp".to_owned(), (30, 2))])]
//!     items: Table<String, (u64, u32)>,
//! }
//!
//! #[handlers]
//! impl Stock {
//!     /// Takes one, and returns its price.
//!     fn take(&mut self, item: String) -> Option<u64> {
//!         let (price, left) = self.items.get(&item)?;
//!         self.items.insert(item, (price, left.checked_sub(1)?));
//!         Some(price)
//!     }
//! }
//!
//! /// A user who is there.
//! #[heir(handler_timeout = "5s")]
//! struct Session {
//!     #[table]
//!     bought: OrderedTable<u64, String>,
//!     #[arg]
//!     user: String,
//!     #[arg]
//!     ledger: LedgerHandle,
//!     #[arg]
//!     stock: StockHandle,
//! }
//!
//! /// Why a purchase was refused.
//! #[derive(Debug)]
//! enum Refused {
//!     SoldOut,
//!     /// Another worker did not answer.
//!     NotNow(MessageError),
//! }
//!
//! impl<A> From<CallError<A>> for Refused {
//!     fn from(error: CallError<A>) -> Self {
//!         Self::NotNow(error.into())
//!     }
//! }
//!
//! impl<A> From<CastError<A>> for Refused {
//!     fn from(error: CastError<A>) -> Self {
//!         Self::NotNow(error.into())
//!     }
//! }
//! # use heir_runtime::CastError;
//!
//! #[handlers]
//! impl Session {
//!     async fn buy(&mut self, cx: &mut Context<Self>, item: String) -> Result<u64, Refused> {
//!         // A call with a deadline: the stock answers within a second, or the purchase is refused.
//!         let stock = self.stock.with_timeout(Duration::from_secs(1));
//!         let price = stock.take(item.clone()).await?.ok_or(Refused::SoldOut)?;
//!         let number = self.bought.len() as u64;
//!         self.bought.insert(number, item);
//!         // Leaves when this message has committed, or not at all.
//!         cx.send(self.ledger.note(self.user.clone(), price)).await?;
//!         Ok(price)
//!     }
//! }
//! ```
//!
//! The three ways to reach another worker differ in what a crash leaves behind:
//!
//! | in a handler | the handler dies afterwards |
//! |---|---|
//! | `self.stock.take(item).await?` | the stock has taken the item: a call by a handle is an effect that stays |
//! | `cx.send(self.ledger.note(..)).await?` | nothing was sent: it leaves with the commit |
//! | `cx.send(self.stock.take(item).answer_to(..)).await?` | as above; the answer comes to another handler, of whichever incarnation serves then |
//!
//! So `buy` has one gap: if the session dies between the second and the last line, an item has left
//! the stock, and nobody has paid. If that matters, the third way closes it;
//! [`Context::send`](crate::Context::send) has the program.
//!
//! A handler that returns an `Err` commits, as any handler that returns: its error is a reply. Only a
//! panic, a timeout or a kill undoes a message.
//!
//! # The tree
//! The tree is a struct, too. Each field is a child. `args(..)` gives a child its `#[arg]` fields by
//! name; a value that is the name of another field is that child's handle. So a child can know
//! any other child of the tree, in whatever order they stand.
//!
//! ```
//! # use std::time::Duration;
//! # use heir_runtime::CastError;
//! # use heir_runtime::prelude::*;
//! # use tokio::time::{Instant, sleep};
//! # #[heir]
//! # struct Ledger { #[table] spent: Table<String, u64> }
//! # #[handlers]
//! # impl Ledger {
//! #     #[cast]
//! #     fn note(&mut self, user: String, price: u64) { self.spent.add(user, price); }
//! # }
//! # #[heir]
//! # struct Stock {
//! #     #[table(init = [("lamp".to_owned(), (30, 2))])]
//! #     items: Table<String, (u64, u32)>,
//! # }
//! # #[handlers]
//! # impl Stock {
//! #     fn take(&mut self, item: String) -> Option<u64> {
//! #         let (price, left) = self.items.get(&item)?;
//! #         self.items.insert(item, (price, left.checked_sub(1)?));
//! #         Some(price)
//! #     }
//! # }
//! # #[heir]
//! # struct Session {
//! #     #[table] bought: OrderedTable<u64, String>,
//! #     #[arg] user: String,
//! #     #[arg] ledger: LedgerHandle,
//! #     #[arg] stock: StockHandle,
//! # }
//! # #[handlers]
//! # impl Session {
//! #     async fn buy(&mut self, cx: &mut Context<Self>, item: String) -> Result<Option<u64>, MessageError> {
//! #         let price = self.stock.take(item).await?;
//! #         cx.send(self.ledger.note(self.user.clone(), price.unwrap_or(0))).await?;
//! #         Ok(price)
//! #     }
//! # }
//! /// Lets users in, and out again when they have not been seen for an hour.
//! #[heir]
//! struct Door {
//!     #[table]
//!     seen: Table<String, Instant>,
//!     #[arg]
//!     sessions: Dynamic<String, Session>,
//! }
//!
//! #[handlers]
//! impl Door {
//!     /// The user's session, which is started if there is none.
//!     async fn enter(&mut self, user: String) -> Result<SessionHandle, BoxError> {
//!         self.seen.insert(user.clone(), Instant::now());
//!         Ok(self.sessions.get_or_start(user).await?)
//!     }
//!
//!     #[every("1m")]
//!     async fn close(&mut self) {
//!         for (user, _) in self.seen.select(|_, seen| seen.elapsed() > Duration::from_hours(1)) {
//!             self.sessions.stop(&user).await;
//!             self.seen.remove(&user);
//!         }
//!     }
//! }
//!
//! /// Makes the session of a user.
//! fn session(user: &String, ledger: LedgerHandle, stock: StockHandle) -> Spec<Session> {
//!     Session::spec(user.clone(), ledger, stock)
//! }
//!
//! /// The part that fails most: if it gives up, `App` restarts it as a whole, with its tables.
//! #[supervisor(intensity = 3, period = "10s")]
//! struct Shop {
//!     stock: Stock,
//! }
//!
//! #[supervisor]
//! struct App {
//!     #[child(backoff = "100ms")]
//!     ledger: Ledger,
//!     shop: Shop,
//!     /// A worker for each user, started and found by key.
//!     #[child(args(ledger = ledger, stock = shop.stock), each = session)]
//!     sessions: Dynamic<String, Session>,
//!     #[child(args(sessions = sessions))]
//!     door: Door,
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), BoxError> {
//! let app = App::start().await?; // all children are up, in the order of the fields
//! let ada = app.door.enter("ada".into()).await??;
//! assert_eq!(ada.buy("lamp".into()).await??, Some(30));
//!
//! // `app` has a field for each child: here a reader of the ledger's table.
//! assert_eq!(app.ledger.spent().get("ada"), Some(30));
//!
//! // One user's session crashes. It is restarted, and nobody else notices.
//! ada.kill();
//! assert_eq!(ada.buy("lamp".into()).await??, Some(30));
//!
//! sleep(Duration::from_mins(62)).await;
//! assert!(app.sessions.get("ada").is_none());
//! app.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! A `Dynamic` is a supervisor of many workers of one type. `get_or_start(key)` makes a worker by the
//! function that `each` names, unless there is one; `start(key, spec)` takes the spec of this one
//! worker, `get(key)` finds it, `stop(key)` ends it. A session keeps its key and its tables when it is
//! restarted. When it is stopped, its key is free, and its tables go with its last handle.
//!
//! A session that is restarted more often than `intensity` allows is given up alone: it keeps its
//! key and its tables, refuses its callers, and stands in `app.health()`, until somebody calls
//! [`restart`](crate::Dynamic::restart), [`take`](crate::Dynamic::take) or `stop` with its key.
//!
//! If the children of any other supervisor, all together, are restarted more often than its `intensity`
//! allows (10 times in 10 seconds, unless you say otherwise), the supervisor gives up: it stops all
//! its children and ends. Then the supervisor above restarts it, with the same children and their
//! tables. So put what is likely to fail together into a struct of its own, as `Shop` is.
//!
//! # A request
//! Requests come from outside of the tree: from an HTTP framework, a socket, a queue. Such a task
//! has a clone of the handle (`AppHandle`), which keeps nothing running. What it has to decide is
//! what its own caller is told. This is the whole of it:
//!
//! ```
//! use std::time::Duration;
//!
//! use heir_runtime::NotSent;
//! use heir_runtime::prelude::*;
//! # #[heir]
//! # struct Stock { #[table] items: Table<String, u64> }
//! # #[handlers]
//! # impl Stock {
//! #     fn take(&mut self, item: String) -> Option<u64> {
//! #         assert_ne!(item, "bomb");
//! #         self.items.get(&item)
//! #     }
//! # }
//! # #[supervisor] struct App { stock: Stock }
//!
//! /// What an HTTP service answers: a status, and words.
//! async fn buy(app: &AppHandle, item: &str) -> (u16, String) {
//!     // The deadline of the request is the timeout of the handle.
//!     let stock = app.stock.with_timeout(Duration::from_secs(2));
//!     match stock.take(item.to_owned()).await {
//!         Ok(Some(price)) => (200, price.to_string()),
//!         Ok(None) => (404, "there is none".to_owned()),
//!         Err(error) => refused(error.into()),
//!     }
//! }
//!
//! /// A `MessageError` is the error of any call or cast, without the arguments.
//! fn refused(error: MessageError) -> (u16, String) {
//!     let status = match error {
//!         // It was not queued: it has had no effect, and can be sent again.
//!         MessageError::NotSent(NotSent::Stopped(_)) => 503,
//!         MessageError::NotSent(_) => 429,
//!         // It was being served: the recorded tables are as if it had never been sent.
//!         MessageError::Died { .. } => 500,
//!         // It was queued, and never served.
//!         MessageError::Stopped(_) => 503,
//!         // It may still be served: what asks again must bear that.
//!         MessageError::TimedOut(_) | MessageError::DownFor(_) | MessageError::Unresponsive { .. } => 504,
//!         _ => 500,
//!     };
//!     (status, error.to_string())
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), BoxError> {
//! let app = App::start().await?;
//! assert_eq!(buy(&app, "lamp").await.0, 404);
//! assert_eq!(buy(&app, "bomb").await.0, 500);
//! assert_eq!(buy(&app, "lamp").await.0, 404); // the next incarnation
//! let handle = app.clone();
//! app.shutdown().await;
//! assert_eq!(buy(&handle, "lamp").await.0, 503);
//! # Ok(())
//! # }
//! ```
//!
//! A caller that goes away, because its client has closed the connection, drops the future of its
//! call. Dropped before the message is queued, the message is not sent. Dropped later, the message
//! is served all the same, and the reply is dropped.
//!
//! # The probes
//! [`app.health()`](crate::SupervisorHandle::health) answers what a load balancer, Kubernetes or
//! systemd ask: is the tree ready, is it alive, and which child is not well? It asks no task, so it
//! answers while workers are busy. Its documentation has an HTTP endpoint for both probes.
//!
//! ```
//! # use heir_runtime::prelude::*;
//! # #[heir] struct Stock { #[table] items: Table<String, u64> }
//! # #[handlers] impl Stock {}
//! # #[supervisor] struct App { stock: Stock }
//! # #[tokio::main]
//! # async fn main() -> Result<(), BoxError> {
//! let app = App::start().await?;
//! assert!(app.health().ready);
//!
//! app.terminate_child("stock").await?;
//! let health = app.health();
//! assert!(health.alive && !health.ready);
//! assert_eq!(health.to_string(), "alive, and not ready: App/stock was terminated, and has not been restarted");
//! # app.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! `ready` is false until each worker has come to serve, and while one cannot be restarted; a worker
//! between two incarnations is well, because its queue takes messages. `alive` is false only if a new process
//! would serve better: the root has stopped for good, or a worker blocks a thread. The end of the
//! process loses all tables, so a liveness probe must not ask for more.
//!
//! # The end
//! The last line of `main` waits for ctrl-c or SIGTERM, and stops the tree: the children in reverse
//! order, each after the message that it serves and its `#[on(stop)]` hook. The feature `signal` has
//! the method.
//!
#![cfg_attr(feature = "signal", doc = "```no_run")]
#![cfg_attr(not(feature = "signal"), doc = "```text")]
//! # // `no_run`: it waits for a signal.
//! use std::time::Duration;
//!
//! use heir_runtime::Shutdown;
//! use heir_runtime::prelude::*;
//! use heir_runtime::supervision::ShutdownReport;
//! # #[heir] struct Stock { #[table] items: Table<String, u64> }
//! # #[handlers] impl Stock {}
//! # #[supervisor] struct App { stock: Stock }
//!
//! #[tokio::main]
//! async fn main() -> Result<ShutdownReport, BoxError> {
//!     // Kubernetes kills after 30 seconds: what has not stopped before is aborted, and named.
//!     let patience = Shutdown::Timeout(Duration::from_secs(25));
//!     let app = App::spec().shutdown(patience).start().await?;
//!     // .. spawn the HTTP service with `app.clone()`
//!     Ok(app.run_until_shutdown().await)
//! }
//! ```
//!
//! The report is the exit code: 0 if the tree was asked to stop and all children stopped in time;
//! otherwise 1, and `main` prints the report. A second signal ends the process at once.
//!
//! The HTTP service stops first, if it is told before the tree is: `run_until(future)` stops the
//! tree when any future is done, such as the one of a server's graceful shutdown.
//!
//! # When the root gives up
//! Nobody restarts a root. If it gives up, it stops all workers, and stays down; `run_until_shutdown`
//! returns.
//!
//! ```
//! use heir_runtime::prelude::*;
//! use heir_runtime::supervision::ShutdownReport;
//!
//! #[heir]
//! struct Stock {
//!     #[table(init = [("lamp".to_owned(), 30)])]
//!     items: Table<String, u64>,
//! }
//!
//! #[handlers]
//! impl Stock {
//!     fn break_down(&mut self) {
//!         panic!("for no reason");
//!     }
//! }
//!
//! #[supervisor(intensity = 1)]
//! struct App {
//!     stock: Stock,
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), BoxError> {
//! let app = App::start().await?;
//! let stock = app.stock.clone();
//! assert!(stock.break_down().await.is_err()); // is restarted
//! assert!(stock.break_down().await.is_err()); // is one too many
//!
//! let report: ShutdownReport = app.run_until(std::future::pending()).await;
//! assert!(matches!(report.why, Stopped::GaveUp(ExitReason::Panic(_)))); // exit code 1
//!
//! // The tables are still there, as long as somebody has a handle.
//! let tables = stock.estate().claim("main")?;
//! assert_eq!(tables.items.get("lamp"), Some(30));
//! # Ok(())
//! # }
//! ```
//!
//! Then you have three choices, and can combine them:
//!
//! 1. Let `main` return. What started the program starts it again, with empty tables.
//! 2. Make the part that fails a subtree, with an `intensity` of its own and a `backoff`. A subtree
//!    that gave up is restarted with its tables, and that counts as one restart of the root.
//! 3. Claim the tables, as above, to write them somewhere, or to start another tree with them.
//!
//! # Where to go on
//! The example `service` of the repository is a whole program of this kind.
//! [`what_survives`](super::what_survives) is about the fields of a worker, and what becomes of
//! messages. [`limits`](super::limits) says what this cannot do. The attributes have references:
//! [`#[heir]`](macro@crate::heir), [`#[handlers]`](macro@crate::handlers),
//! [`#[supervisor]`](macro@crate::supervisor).
