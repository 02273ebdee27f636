//! For every program: what nearly all of them name, for one `use heir_runtime::prelude::*;`.
//!
//! ```
//! use heir_runtime::prelude::*;
//!
//! #[heir]
//! struct Counter {
//!     #[table]
//!     counts: Table<String, u64>,
//! }
//!
//! #[handlers]
//! impl Counter {
//!     fn count(&mut self, key: String) -> u64 {
//!         self.counts.add(key, 1)
//!     }
//! }
//!
//! #[supervisor]
//! struct App {
//!     counter: Counter,
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let app = App::start().await?;
//! assert_eq!(app.counter.count("hits".into()).await?, 1);
//! app.shutdown().await;
//! # Ok::<_, BoxError>(())
//! # }).unwrap();
//! ```

pub use heir_macros::{handlers, heir, supervisor};

pub use crate::{
    BagTable, BoxError, CallError, CallResult, Context, Dynamic, ExitReason, Handle, MessageError,
    OrderedTable, Reply, Restart, Spec, Status, Stopped, Strategy, Supervisor, SupervisorHandle, Table,
    WeakHandle,
};
