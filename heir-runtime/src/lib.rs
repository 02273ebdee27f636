//! Actors for tokio whose state outlives a crash: the table heirs of Erlang's `ets`.
//!
//! A **worker** is a task with a mailbox. Its important state, its **tables**, has an **heir**.
//! When the worker dies (panic, error, abort, hang), the tables pass to the heir, a **manager**,
//! which gives them to the restarted worker. You declare which fields survive, and write the worker
//! as if it never crashed.
//!
//! ```
//! use std::collections::HashMap;
//!
//! use heir_runtime::prelude::*;
//!
//! /// Hit counters that outlive the worker that keeps them.
//! #[heir]
//! struct Counter {
//!     #[table(keep)]
//!     counts: HashMap<String, u64>,
//! }
//!
//! #[handlers]
//! impl Counter {
//!     /// Adds one, and returns the new count.
//!     fn count(&mut self, key: String) -> u64 {
//!         let count = self.counts.entry(key).or_default();
//!         *count += 1;
//!         *count
//!     }
//!
//!     #[cast]
//!     fn die(&mut self) {
//!         panic!("asked to die");
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let mut tree = Supervisor::builder("app");
//! let counter = tree.worker(Counter::spec());
//! let tree = tree.start().await?;
//!
//! assert_eq!(counter.count("hits".into()).await?, 1);
//! counter.die().await?;
//! assert_eq!(counter.count("hits".into()).await?, 2); // served by incarnation 2
//! tree.shutdown().await;
//! # Ok::<_, BoxError>(())
//! # }).unwrap();
//! ```
//!
//! # Where to go on
//! The root has what every program may name, and [`prelude`] what nearly all do. Beside them:
//!
//! - [`#[heir]`](macro@heir) declares a worker: which fields are tables, and of which kind.
//! - [`#[handlers]`](macro@handlers) makes messages of its methods.
//! - [`table`] has the recorded tables: a message that crashes is undone in them, and every task
//!   can read them, also while the worker is down.
//! - [`#[supervisor]`](macro@supervisor) declares a tree of workers and other trees; [`Supervisor`]
//!   builds the same by hand.
//! - [`guide`] is to be read first: from an `Arc<Mutex<State>>` to a worker, a whole service, what each
//!   field survives, and where the limits are.
//! - [`otp`] lists each feature of Erlang's OTP, and where it is here.
//! - The module `testing`, behind a feature of this name (below), is for tests of your own workers.
//! - [`compile_fail`] is a recipe for your own tests of what must not compile.
//! - [`supervision`] has what a tree reports of itself, and [`events`] what it tells an observer.
//! - [`links`] has what a worker learns of the ends of others.
//! - [`estate`](mod@estate) is for tables without actors, in tasks of your own.
//! - [`by_hand`] is for workers that are written without the macros.
//!
//! # What survives what
//!
//! | | tables | queued messages | the call in progress |
//! |---|---|---|---|
//! | the worker panics, fails, is killed | survive; recorded and `rollback` ones as before the message | are served by the next incarnation | fails with [`CallError::Died`] and the reason |
//! | the manager dies, or both do | survive | are served | as above |
//! | the supervisor gives up, or is shut down | stay in the [`Estate`](estate::Estate), free to be claimed | their callers are told; casts go to [`on_undelivered`](Spec::on_undelivered) | is finished, or fails |
//! | the tokio runtime ends | stay in the [`Estate`](estate::Estate), free to be claimed | their callers are told | fails |
//! | the process ends | are lost | are lost | is lost |
//! | the process or the machine ends, with [`survives = process`](https://docs.rs/heir-runtime/latest/heir_runtime/store) | recorded and `rollback` ones are there at the next start, with every message that was answered; the others are lost | are lost | is there as a whole, or not at all, also if a handler with `#[reply(early)]` has answered it |
//!
//! What a handler sends by [`Context::send`] (and `send_delayed`, `after_commit`, [`Reply::send`])
//! leaves when its message commits; if the message dies, none of it does. What it sends by a handle, and what it
//! does otherwise, has happened. A [`Reply`] that comes later survives where it lies: in a table, with the table.
//!
//! Every queued message is served, or its caller is told, or [`Spec::on_undelivered`] gets it.
//! [`WhileDown`] decides whether senders wait while no incarnation serves.
//!
//! Nobody can pre-empt a worker that never yields to the runtime: it keeps its tables until it does
//! ([`Status::Unresponsive`]). The [`heartbeat`](Spec::heartbeat) notices it, its caller is told
//! ([`CallError::Unresponsive`]), and [`ShutdownReport`](supervision::ShutdownReport) names it. `panic = "abort"` ends the
//! process at the first panic: this crate refuses to be built with it, unless the feature
//! `panic-abort` is enabled.
//!
//! # Features
//! - `metrics`: messages, restarts and hand-overs are counted and timed, by the facade
//!   [`metrics`](https://docs.rs/metrics): the module
//!   [`metrics`](https://docs.rs/heir-runtime/latest/heir_runtime/metrics) has the table.
//! - `serde`: what heir tells of a tree implements serde's `Serialize`, for logs and pages about it:
//!   [`ExitReason`], [`Exit`], [`Status`], [`Stopped`], [`Event`](events::Event),
//!   [`Tree`](supervision::Tree), [`Page`](supervision::Page), [`TreeCounts`](supervision::TreeCounts),
//!   [`Health`](supervision::Health),
//!   [`ShutdownReport`](supervision::ShutdownReport),
//!   [`EstateInfo`](estate::EstateInfo), [`TableInfo`](table::TableInfo), and what is in them. Variants are named in `snake_case`. An
//!   [`Instant`](std::time::Instant) means nothing outside its process: it is given as the time
//!   since, under the name `elapsed`.
//! - `signal`: `Supervisor::run_until_shutdown`, which stops a tree in order when the process gets
//!   ctrl-c or SIGTERM.
//! - `store`: `#[heir(survives = process)]`: recorded and `rollback` tables are in a file, too, and are there again after
//!   `kill -9` and power loss: the module
//!   [`store`](https://docs.rs/heir-runtime/latest/heir_runtime/store).
//! - `table-files`: `save` and `load` of recorded tables, to and from a file.
//! - `testing`: the module [`testing`](https://docs.rs/heir-runtime/latest/heir_runtime/testing),
//!   with which you test your own workers: they die where you say, also at every await; a storm of
//!   operations holds them against a model; handlers are called without a tree. It is for
//!   `[dev-dependencies]`: without it, nothing of it is in a worker.
//! - `panic-abort`: allows building with `panic = "abort"`. Tables then survive errors, kills and
//!   hangs, but no panic.
//!
//! The tokio runtime of a tree needs its timer (`enable_time`, or `enable_all`). Events and spans go
//! to [`tracing`](https://docs.rs/tracing), with target `heir`: [`events`] has them in a table.
//! A panic of a worker prints what every panic prints, unless you call
//! [`report_panics`](events::report_panics): then it is one line there.
#![forbid(unsafe_code)]

#[cfg(all(panic = "abort", not(feature = "panic-abort")))]
compile_error!(
    "heir-runtime cannot hand tables on when a panic ends the process: remove `panic = \"abort\"` from the profile in \
     Cargo.toml, or enable heir-runtime's feature `panic-abort` to build with it all the same (errors, kills and hangs are \
     then survived, panics are not)"
);

#[doc(hidden)]
pub mod __private;
pub mod by_hand;
pub mod compile_fail;
pub mod estate;
pub mod events;
pub mod guide;
mod incarnation;
pub mod links;
mod mailbox;
mod manager;
#[cfg(feature = "metrics")]
pub mod metrics;
pub mod otp;
pub mod prelude;
mod process;
#[cfg(feature = "store")]
pub mod store;
pub mod supervision;
mod supervisor;
pub mod table;
#[cfg(feature = "testing")]
pub mod testing;
mod tree;
mod util;
mod worker;

// What every program may name. The modules have what only some need.
pub use heir_macros::{handlers, heir, supervisor};

pub use self::estate::quarantine::Verdict;
pub use self::mailbox::{
    CallError, CallResult, CastError, CastResult, MessageError, NotSent, Refusal, Reply, Undelivered,
};
pub use self::process::Attachment;
pub use self::process::exit::{BoxError, Exit, ExitReason};
pub use self::process::status::{Status, Stopped};
pub use self::supervisor::{Dynamic, StartError, Strategy, Supervisor, SupervisorBuilder, SupervisorHandle};
pub use self::table::{BagTable, OrderedTable, Table};
pub use self::worker::handle::{Handle, WeakHandle};
pub use self::worker::{AfterQuarantine, Backoff, Context, Missed, Restart, Shutdown, Spec, WhileDown};
