//! Tests of your own workers: deaths on demand, storms against a model, handlers without a tree.
//!
//! It is behind the feature `testing`, which is for tests: enable it in `[dev-dependencies]`.
//!
//! ```toml
//! [dev-dependencies]
//! heir-runtime = { version = "0.1", features = ["testing"] }
//! ```
//!
//! A worker is written as if it never crashed. Whether that is true of yours, three tests say:
//!
//! ```
//! use std::collections::BTreeMap;
//!
//! use heir_runtime::prelude::*;
//! use heir_runtime::testing::{self, Storm, TestContext};
//!
//! /// Accounts, and money that is moved between them.
//! #[heir]
//! struct Bank {
//!     #[table(init = [(1, 100), (2, 100)])]
//!     accounts: Table<u32, u64>,
//! }
//!
//! #[handlers]
//! impl Bank {
//!     /// Moves money, and returns what is left; `None` if there is not enough.
//!     async fn pay(&mut self, from: u32, to: u32, amount: u64) -> Option<u64> {
//!         let left = self.accounts.get(&from)?.checked_sub(amount)?;
//!         self.accounts.insert(from, left);
//!         tokio::task::yield_now().await; // asks somebody, say
//!         let there = self.accounts.get(&to).unwrap_or(0);
//!         self.accounts.insert(to, there + amount);
//!         self.accounts.get(&from)
//!     }
//! }
//!
//! // 1. A handler is a method: it is called without a tree.
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let mut cx = TestContext::new(Bank::spec());
//! let mut bank = cx.worker().await?;
//! assert_eq!(bank.pay(1, 2, 30).await, Some(70));
//! cx.commit(&mut bank);
//! assert_eq!(bank.pay(1, 2, 20).await, Some(50));
//! let bank = cx.abandon(bank); // as if it died over the second message
//! assert_eq!(bank.accounts.get(&1), Some(70));
//! # Ok::<_, BoxError>(())
//! # }).unwrap();
//!
//! // 2. It dies at every place where a handler waits, one after the other.
//! testing::quiet_panics();
//! let waits = testing::at_every_wait(async |deaths| {
//!     let mut tree = Supervisor::builder("test");
//!     let bank = tree.worker(deaths.befall(Bank::spec()));
//!     let tree = tree.start().await.unwrap();
//!     let told = bank.pay(1, 2, 30).await;
//!     let both = (bank.accounts().get(&1), bank.accounts().get(&2));
//!     match told {
//!         Ok(left) => assert_eq!((left, both), (Some(70), (Some(70), Some(130)))),
//!         Err(CallError::Died { .. }) => assert_eq!(both, (Some(100), Some(100))),
//!         Err(other) => panic!("{other}"),
//!     }
//!     tree.shutdown().await;
//! });
//! assert_eq!(waits, 1);
//!
//! // 3. A thousand operations, while it dies at random: each reply is that of the model.
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let storm = Storm::new(testing::seed());
//! let mut tree = Supervisor::builder("test").intensity(u32::MAX);
//! let bank = tree.worker(storm.deaths().befall(Bank::spec()));
//! let tree = tree.start().await?;
//! let survived = storm
//!     .run(
//!         BTreeMap::from([(1, 100_u64), (2, 100)]),
//!         |random, _model| match random.bool() {
//!             true => (1, 2, random.below(10)),
//!             false => (2, 1, random.below(10)),
//!         },
//!         async |(from, to, amount)| bank.pay(from, to, amount).await,
//!         |model, (from, to, amount)| {
//!             let left = model[&from].checked_sub(amount)?;
//!             model.insert(from, left);
//!             *model.get_mut(&to)? += amount;
//!             Some(left)
//!         },
//!     )
//!     .await;
//! survived
//!     .check(async |model| {
//!         for (account, amount) in model {
//!             assert_eq!(bank.accounts().get(account), Some(*amount));
//!         }
//!     })
//!     .await;
//! tree.shutdown().await;
//! # Ok::<_, BoxError>(())
//! # }).unwrap();
//! ```
//!
//! # How a worker dies
//! A death is what [`Handle::kill`](crate::Handle::kill) does, at a moment that nobody else can
//! choose: the task of the incarnation is dropped as it stands. With
//! [`by_panic`](Deaths::by_panic) it is a panic in the place of the handler. Either way the message
//! is undone, its caller is told [`CallError::Died`](crate::CallError::Died), unless it is served
//! again, and the supervisor counts a restart. A tree of a test allows many:
//! [`intensity(u32::MAX)`](crate::SupervisorBuilder::intensity).
//!
//! The moments are those of a message, a tick of the worker's clock included: before its handler, at
//! each await at which its handler waits, and after it, before the commit. Hooks and tasks
//! (`#[on(start)]`, [`Context::spawn`](crate::Context::spawn)) are no messages: nobody dies there.
//!
//! # The same again
//! All that is random here follows from a seed, which each failure names. On tokio's
//! `current_thread` runtime with a paused clock the same seed gives the same run, if your code has
//! no other source of chance (`HashMap`'s order, `tokio::select!`, real time). With several threads
//! the deaths fall on whichever messages come first.

mod context;
mod deaths;
mod quiet;
mod random;
mod storm;
mod waits;

pub use self::context::{Answer, TestContext};
pub use self::deaths::Deaths;
pub use self::quiet::quiet_panics;
pub use self::random::{Random, seed};
pub use self::storm::{Storm, Survived};
pub use self::waits::{at_every_wait, at_wait};
