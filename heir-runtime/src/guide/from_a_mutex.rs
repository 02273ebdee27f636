//! From `Arc<Mutex<State>>` to a worker, step by step on one program.
//!
//! The program sells seats. Its state is two maps: how many seats of each show are free, and who has
//! booked which show. Every booking changes both.
//!
//! # What breaks today
//! The state is behind a lock. This program has one bug: customer 13 panics.
//!
//! ```
//! use std::collections::HashMap;
//! use std::sync::{Arc, Mutex};
//!
//! struct Bookings {
//!     free: HashMap<String, u32>,
//!     booked: HashMap<u64, String>,
//! }
//!
//! impl Bookings {
//!     /// Books a seat; returns how many are left, or `None` if there was none.
//!     fn book(&mut self, customer: u64, show: String) -> Option<u32> {
//!         let free = self.free.get_mut(&show)?;
//!         *free = free.checked_sub(1)?;
//!         let left = *free;
//!         check(customer);
//!         self.booked.insert(customer, show);
//!         Some(left)
//!     }
//! }
//!
//! fn check(customer: u64) {
//!     assert_ne!(customer, 13, "this customer has no address");
//! }
//!
//! #[tokio::main]
//! async fn main() {
//!     let free = HashMap::from([("Hamlet".to_owned(), 2)]);
//!     let bookings = Arc::new(Mutex::new(Bookings { free, booked: HashMap::new() }));
//!
//!     // One request panics, in a task of its own.
//!     let request = tokio::spawn({
//!         let bookings = Arc::clone(&bookings);
//!         async move { bookings.lock().unwrap().book(13, "Hamlet".into()) }
//!     });
//!     assert!(request.await.is_err());
//!
//!     // The lock is poisoned: every request from here on panics in its `unwrap`.
//!     assert!(bookings.lock().is_err());
//!
//!     // Code that ignores the poison finds the state half-written.
//!     let bookings = bookings.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
//!     assert_eq!((bookings.free["Hamlet"], bookings.booked.len()), (1, 0)); // a seat is gone
//! }
//! ```
//!
//! Three things are wrong here, and none of them is the bug itself:
//!
//! 1. **The poisoned lock.** One bad request ends the service for all. With a lock that does not
//!    poison (tokio's, `parking_lot`'s), only the next two remain.
//! 2. **The half-written state.** A seat has been taken, and nobody has booked it. No test for poison
//!    mends that: somebody has to know what the panic left undone.
//! 3. **The restart code.** A task that works on the state (an expiry, a loop that reads a channel)
//!    ends with its first panic. Then each such task needs a loop around it that spawns it again,
//!    waits a little longer each time, gives up at some point, and tells somebody.
//!
//! # The same program as a worker
//! The two maps become *tables*, and the method becomes a *handler*. There is no lock: one task owns
//! the struct, and requests come to it as messages.
//!
//! ```
//! use heir_runtime::prelude::*;
//!
//! #[heir]
//! struct Bookings {
//!     #[table(init = [("Hamlet".to_owned(), 2)])]
//!     free: Table<String, u32>,
//!     #[table]
//!     booked: Table<u64, String>,
//! }
//!
//! #[handlers]
//! impl Bookings {
//!     /// Books a seat; returns how many are left, or `None` if there was none.
//!     fn book(&mut self, customer: u64, show: String) -> Option<u32> {
//!         let left = self.free.get(&show)?.checked_sub(1)?;
//!         self.free.insert(show.clone(), left);
//!         check(customer);
//!         self.booked.insert(customer, show);
//!         Some(left)
//!     }
//! }
//!
//! fn check(customer: u64) {
//!     assert_ne!(customer, 13, "this customer has no address");
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), BoxError> {
//!     let mut tree = Supervisor::builder("theatre");
//!     let bookings = tree.worker(Bookings::spec());
//!     let tree = tree.start().await?;
//!
//!     // The same request panics. Its caller is told, and nobody else notices.
//!     let error = bookings.book(13, "Hamlet".into()).await.unwrap_err();
//!     assert!(matches!(error, CallError::Died { reason: ExitReason::Panic(_), .. }));
//!
//!     // The next request is served by the next incarnation. No seat is gone.
//!     assert_eq!(bookings.book(7, "Hamlet".into()).await?, Some(1));
//!     tree.shutdown().await;
//!     Ok(())
//! }
//! ```
//!
//! What happened at the panic: the task of the first incarnation ended. Its tables went to the
//! worker's *manager*, a part of the supervisor's tree, which dropped what the message had written.
//! The supervisor spawned the next incarnation, which got the tables. The messages that were queued
//! meanwhile waited for it, and the handle was as good as before.
//!
//! # Reads do not ask the worker
//! With a lock, a read waits for writers. With most actors, a read is a message, and waits in the
//! queue. A `#[table]` has *readers*: the handle has a method of the field's name, which returns
//! one. A reader can be used in any thread, also while the worker is busy or down.
//!
//! ```
//! # use heir_runtime::prelude::*;
//! # #[heir]
//! # struct Bookings {
//! #     #[table(init = [("Hamlet".to_owned(), 2)])]
//! #     free: Table<String, u32>,
//! #     #[table]
//! #     booked: Table<u64, String>,
//! # }
//! # #[handlers]
//! # impl Bookings {
//! #     fn book(&mut self, customer: u64, show: String) -> Option<u32> {
//! #         let left = self.free.get(&show)?.checked_sub(1)?;
//! #         self.free.insert(show.clone(), left);
//! #         self.booked.insert(customer, show);
//! #         Some(left)
//! #     }
//! # }
//! # #[tokio::main]
//! # async fn main() -> Result<(), BoxError> {
//! # let mut tree = Supervisor::builder("theatre");
//! # let bookings = tree.worker(Bookings::spec());
//! # let tree = tree.start().await?;
//! bookings.book(7, "Hamlet".into()).await?;
//! let free = bookings.free();
//! let elsewhere = std::thread::spawn(move || free.get("Hamlet"));
//! assert_eq!(elsewhere.join().unwrap(), Some(1));
//!
//! // Two reads of two tables may see two moments. A snapshot is of one: no booking is half in it.
//! let (free, booked) = bookings.snapshot().into_rows();
//! assert_eq!(free["Hamlet"] as usize + booked.len(), 2);
//! # tree.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! A reader sees what messages have committed, and never a part of a message. Reads give clones:
//! put large values into an `Arc`.
//!
//! # The task beside it
//! A task that expires bookings every minute becomes a handler, too. It needs no loop, no
//! `interval`, and no restart code; the worker's clock keeps its beat over restarts.
//!
//! ```
//! # use std::time::Duration;
//! # use heir_runtime::prelude::*;
//! # use tokio::time::{Instant, sleep};
//! #[heir]
//! struct Bookings {
//!     /// When each customer reserved a seat, and has not paid since.
//!     #[table]
//!     reserved: Table<u64, Instant>,
//! }
//!
//! #[handlers]
//! impl Bookings {
//!     fn reserve(&mut self, customer: u64) {
//!         self.reserved.insert(customer, Instant::now());
//!     }
//!
//!     /// Nobody calls this: the worker's own clock does.
//!     #[every("1m")]
//!     fn expire(&mut self) {
//!         self.reserved.remove_if(|_, since| since.elapsed() > Duration::from_mins(10));
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), BoxError> {
//! # let mut tree = Supervisor::builder("theatre");
//! # let bookings = tree.worker(Bookings::spec());
//! # let tree = tree.start().await?;
//! bookings.reserve(7).await?;
//! bookings.kill(); // the reservation stays, and so does the clock
//! sleep(Duration::from_mins(12)).await;
//! assert!(bookings.reserved().is_empty());
//! # tree.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # What each line buys
//!
//! | the line | what it replaces |
//! |---|---|
//! | `#[heir]` on the struct | `Arc<Mutex<..>>`, and the code that starts the state again |
//! | `#[table]` on a field | the code that finds out what a panic left half-written |
//! | `#[handlers]` on the impl block | an enum of requests, a channel, a `oneshot` for each reply |
//! | `tree.worker(Bookings::spec())` | a `tokio::spawn`, in a loop that restarts what it spawned |
//! | `bookings.book(..).await?` | `lock().unwrap()`; its error says whether the request had an effect |
//! | `bookings.free()` | a second lock, or an `ArcSwap` of a copy, for reads |
//! | `#[every("1m")]` | a task with an `interval` |
//! | `tree.shutdown().await` | a `CancellationToken`, and the wait for each task |
//!
//! # What it costs
//! The figures are from the README and `benches/RESULTS.md`, which say how they were measured.
//!
//! - **A call is a message to another task.** It takes 467 ns, against 463 ns over tokio's own
//!   channels on the same machine; 572 ns if it writes a row of a `#[table]`. A lock that nobody
//!   else holds is cheaper than either.
//! - **A handler has the state to itself until it returns**, also while it awaits. A handler that
//!   awaits a slow service holds the queue up, as a lock that is held across an `.await` does.
//!   [`Reply`](crate::Reply) and [`Context::attach_future`](crate::Context::attach_future) are the
//!   way around it.
//! - **A write to a `Table` costs more than a write to a map**: 1.2 to 4.3 times a write to an
//!   `RwLock<HashMap>` with the same hasher. A lookup takes 1.10 to 2.44 times the time of a lookup
//!   there when nobody writes, and 0.16 to 0.94 times beside a writer.
//! - **Memory**: an idle worker takes 2623 B, and 3144 B with a `#[table]`.
//! - **A restart** takes 1.10 to 1.13 times the time of a bare `loop { spawn(worker).await }`, which
//!   loses the state. It does not grow with the rows, up to ten million.
//!
//! # When the lock is right
//! Keep the `Mutex` if no code under it can panic or be cancelled half-way, if what is under it is
//! made anew without loss, or if many threads write all the time: a worker is one writer.
//!
//! # Where to go on
//! [`service`](super::service) makes a whole program of several workers.
//! [`what_survives`](super::what_survives) is about the choice between `#[table]`, `keep` and the
//! other kinds of field.
