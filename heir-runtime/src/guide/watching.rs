//! Watching a service: its log, its traces, its metrics, and what it looks like inside.
//!
//! Nothing here has to be switched on in the tree, and nothing costs anything while nobody listens.
//!
//! # The log
//! A tree tells [`tracing`](https://docs.rs/tracing) what happens to it, with the target `heir`. With
//! a subscriber at INFO, a service that is well is silent. A crash is two warnings: the tables came
//! home, and the worker is started again. What needs a person is an error: a supervisor gave up,
//! tables were quarantined, a worker does not yield.
//!
//! Rust prints a report of its own for each panic.
//! [`report_panics`](crate::events::report_panics), called first thing in `main`, has one line in the
//! place of the report and the warnings:
//!
//! ```text
//! ERROR heir: counter: worker 1 panicked in `count` at src/counter.rs:12:9: asked to die
//! ```
//!
//! Each event has a name and fields, and among them the `path` of the child in its tree, as
//! `app/shop/stock`: [`events`](crate::events) has the table. An alert matches names, and not
//! sentences.
//!
//! # The traces
//! At DEBUG each message is a span, in the trace of its caller; so is each handler, and each hand-over
//! of tables. A crash is then one trace, from the request over which the worker died to the
//! incarnation that answered. For all workers, and nothing else at DEBUG, the directive of
//! `tracing-subscriber`'s filter is:
//!
//! ```text
//! info,heir=debug
//! ```
//!
//! Two spans for each message are not free: [`events`](crate::events) has what they are, and they are
//! made whether or not the exporter samples the request.
//!
//! # The metrics
//! With the feature `metrics`, the tree counts and times for the facade of that name. The module
//! [`metrics`](https://docs.rs/heir-runtime/latest/heir_runtime/metrics) has the names. Three lines are
//! needed beside the exporter's own: `describe` once, `Gauges::of` once, and `record` before each scrape.
//!
//! # What it looks like inside
//! A page for operators asks the tree. None of these asks a task, so they answer also when workers
//! block all threads of the runtime:
//!
//! | to see | ask |
//! |---|---|
//! | is it ready, is it alive, who has which trouble | [`health`](crate::SupervisorHandle::health) |
//! | how many workers of each type do what, and have what | [`counts`](crate::SupervisorHandle::counts) |
//! | all of a small tree | [`tree`](crate::SupervisorHandle::tree), also as a Mermaid or DOT diagram |
//! | a large tree, in part | [`tree_up_to`](crate::SupervisorHandle::tree_up_to), [`page`](crate::SupervisorHandle::page) |
//! | what happens from now on | [`subscribe`](crate::SupervisorHandle::subscribe) |
//!
//! This program counts what its tree does, and looks at it:
//!
//! ```
//! use heir_runtime::events::{self, EventKind};
//! use heir_runtime::prelude::*;
//!
//! #[heir]
//! struct Stock {
//!     #[table]
//!     items: Table<String, u64>,
//! }
//!
//! #[handlers]
//! impl Stock {
//!     fn deliver(&mut self, item: String) -> u64 {
//!         assert_ne!(item, "bug");
//!         self.items.add(item, 1)
//!     }
//! }
//!
//! #[supervisor]
//! struct Shop {
//!     stock: Stock,
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! events::report_panics();
//! let shop = Shop::start().await?;
//! let mut events = shop.subscribe(1_000);
//! let restarts = tokio::spawn(async move {
//!     let mut restarts = 0;
//!     while let Some(event) = events.next().await {
//!         match event {
//!             Ok(event) if matches!(event.kind, EventKind::Restarting { .. }) => restarts += 1,
//!             Ok(_) => {}
//!             Err(missed) => eprintln!("this page is too slow: {missed}"),
//!         }
//!     }
//!     restarts // the shop has stopped
//! });
//!
//! shop.stock.deliver("lamp".into()).await?;
//! assert!(shop.stock.deliver("bug".into()).await.is_err());
//! shop.stock.deliver("lamp".into()).await?;
//!
//! let counts = shop.counts();
//! let stock = counts.kind("Stock").ok_or("there is a stock")?;
//! assert_eq!((stock.workers, stock.rows, stock.queued), (1, 1, 0));
//! println!("{}", shop.tree()); // or its `to_mermaid()`
//!
//! shop.shutdown().await;
//! assert_eq!(restarts.await?, 1);
//! # Ok(())
//! # }
//! ```
