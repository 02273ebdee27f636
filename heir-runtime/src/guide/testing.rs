//! Which tests a worker needs, on a worker that fails one of them.
//!
//! A worker is written as if it never crashed. So its tests ask two things: does a handler do what
//! it should, and does it leave everything in order when it dies in the middle? The module
//! [`testing`](crate::testing) has what both need; this page says when to use what.
//!
//! | the question | the test |
//! |---|---|
//! | does a handler do what it should? | call it: a handler is a method, and [`TestContext`](crate::testing::TestContext) is its context |
//! | what if it dies while it waits? | [`at_every_wait`](crate::testing::at_every_wait): the test runs once for each `.await`, and dies there |
//! | what if it dies at any time, for a long time? | a [`Storm`](crate::testing::Storm): random operations, random deaths, and a model that says what is right |
//! | does something happen in time? | tokio's paused clock: `#[tokio::test(start_paused = true)]` |
//!
//! # A handler with a gap
//! The session of the page [`service`](super::service) takes an item from the stock by a call, and
//! notes the price in its own table. If it dies between the two, an item is gone, and nobody has
//! bought it. A test that dies at every wait finds that:
//!
//! ```
//! use std::sync::Mutex;
//!
//! use heir_runtime::prelude::*;
//! use heir_runtime::testing;
//!
//! #[heir]
//! struct Stock {
//!     #[table(init = [("lamp".to_owned(), 2)])]
//!     left: Table<String, u32>,
//! }
//!
//! #[handlers]
//! impl Stock {
//!     fn take(&mut self, item: String) -> bool {
//!         let left = self.left.get(&item).unwrap_or(0);
//!         self.left.insert(item, left.saturating_sub(1));
//!         left > 0
//!     }
//! }
//!
//! #[heir]
//! struct Session {
//!     #[table]
//!     bought: Table<String, u32>,
//!     #[arg]
//!     stock: StockHandle,
//! }
//!
//! #[handlers]
//! impl Session {
//!     async fn buy(&mut self, item: String) -> Result<(), MessageError> {
//!         if self.stock.take(item.clone()).await? {
//!             self.bought.add(item, 1);
//!         }
//!         Ok(())
//!     }
//! }
//!
//! /// Buys a lamp, and returns how many lamps there are, in the stock and with the session.
//! async fn lamps_after_a_purchase(deaths: testing::Deaths) -> u32 {
//!     let mut tree = Supervisor::builder("test");
//!     let stock = tree.worker(Stock::spec());
//!     let session = tree.worker(deaths.befall(Session::spec(stock.clone())));
//!     let tree = tree.start().await.unwrap();
//!     let _ = session.buy("lamp".into()).await;
//!     stock.take("nothing".into()).await.unwrap(); // so the stock has served what came before
//!     tree.shutdown().await;
//!     stock.left().get("lamp").unwrap_or(0) + session.bought().get("lamp").unwrap_or(0)
//! }
//!
//! testing::quiet_panics();
//! let lamps = Mutex::new(Vec::new());
//! testing::at_every_wait(async |deaths| {
//!     let there = lamps_after_a_purchase(deaths).await;
//!     lamps.lock().unwrap().push(there); // in a real test: `assert_eq!(there, 2)`
//! });
//! // It died while it waited for the stock, and a lamp was gone; the last run is without a death.
//! assert_eq!(lamps.into_inner()?, [1, 2]);
//! # Ok::<_, heir_runtime::BoxError>(())
//! ```
//!
//! The remedy is to send the call with the commit, `cx.send(stock.take(item).answer_to(..))`, and to
//! write what was bought when the answer comes. Then there is no wait between the two.
//!
//! # Time
//! With a paused clock, tokio's time goes on only when all tasks wait, and then at once to the next
//! timer. So a test of an hour takes no time, and needs no tolerance:
//!
//! ```
//! use std::time::Duration;
//!
//! use heir_runtime::prelude::*;
//! use tokio::time::sleep;
//!
//! #[heir]
//! struct Clock {
//!     #[table]
//!     ticks: Table<(), u64>,
//! }
//!
//! #[handlers]
//! impl Clock {
//!     #[every("1m")]
//!     fn tick(&mut self) {
//!         self.ticks.add((), 1);
//!     }
//! }
//!
//! # /*
//! #[tokio::test(start_paused = true)]
//! async fn it_ticks_sixty_times_an_hour() {
//! # */
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//!     let mut tree = Supervisor::builder("test");
//!     let clock = tree.worker(Clock::spec());
//!     let tree = tree.start().await.unwrap();
//!     sleep(Duration::from_mins(30)).await;
//!     clock.kill(); // the beat is the worker's, not the incarnation's
//!     sleep(Duration::from_secs(1801)).await;
//!     assert_eq!(clock.ticks().get(&()), Some(60));
//!     tree.shutdown().await;
//! }
//! ```
//!
//! The heartbeat goes by the real clock: a blocked thread knows no other.
//!
//! # Waiting
//! A test waits for what happens, and not for a while:
//! [`wait_serving(n)`](crate::Handle::wait_serving) for an incarnation,
//! [`monitor()`](crate::Handle::monitor) for a death, [`wait_stopped()`](crate::Handle::wait_stopped)
//! for the end, an [observer](crate::SupervisorBuilder::observe) for any event. A call to the worker
//! is itself a wait: when it is answered, the messages before it have been served.
