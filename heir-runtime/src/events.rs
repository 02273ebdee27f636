//! For who watches a tree: its events, as values, as a stream, and as `tracing` has them.
//!
//! An event is one step in the life of a worker's tables, or one decision of a supervisor. Who wants
//! to know has three ways to be told, and what nobody wants to know is not even made:
//!
//! - [`SupervisorBuilder::observe`](crate::SupervisorBuilder::observe) calls a function with each
//!   event, at once, in the task in which it happens.
//! - [`subscribe`](crate::SupervisorHandle::subscribe) returns a stream, for who wants to await them,
//!   or may be slower than they come: it never keeps the tree waiting, and says what it has dropped.
//! - [`tracing`](https://docs.rs/tracing) gets each as an event with fields, and messages as spans.
//!
//! ```
//! use heir_runtime::events::EventKind;
//! use heir_runtime::prelude::*;
//!
//! let tree = Supervisor::builder("app").observe(|event| {
//!     if let EventKind::Restarting { role, reason, .. } = &event.kind {
//!         eprintln!("{}: its {role} is started again: {reason}", event.path);
//!     }
//! });
//! ```
//!
//! [`report_panics`] has each panic of a worker told as one event, in the place of Rust's own report.
//!
//! # The events that `tracing` gets
//!
//! Their target is `heir`, and their names and fields are these. Each has two more: `event`, its name
//! once again, because many exporters know only fields; and `path`, the name of the child after those
//! of all supervisors above it, `app/shop/stock`. The sentence comes last: it begins with the name of
//! the child, and is for people. [`EventKind`] says what each is.
//!
//! | name | level | fields |
//! |---|---|---|
//! | `worker_started` | DEBUG | `incarnation` |
//! | `manager_started` | DEBUG | |
//! | `linked` | DEBUG | `incarnation` |
//! | `tables_created` | DEBUG | |
//! | `tables_loaded` | DEBUG | |
//! | `became_heir` | DEBUG | |
//! | `gives_away` | DEBUG | `incarnation` |
//! | `received` | DEBUG | `incarnation` |
//! | `serving` | DEBUG | `incarnation` |
//! | `panicked` | ERROR | `role`, `incarnation`, `handler`, `task`, `place`, `panic`, `backtrace` (those that are known) |
//! | `regained` | WARN; DEBUG after an orderly end, or after `panicked` | `incarnation`, `reason`, `in_message` |
//! | `code_panicked` | WARN; DEBUG after `panicked` | `panic` |
//! | `store_failed` | ERROR | `error` |
//! | `store_slow` | WARN | `took_seconds` |
//! | `store_nearly_full` | WARN | `left_bytes` |
//! | `reset` | WARN | |
//! | `quarantined` | ERROR | `reason` |
//! | `renewed` | WARN | `reason` |
//! | `waiting` | DEBUG | |
//! | `restarting` | WARN; DEBUG after `panicked` | `role`, `reason` |
//! | `delayed` | DEBUG | `role`, `delay_seconds` |
//! | `redelivers` | DEBUG | `handler`, `tries` |
//! | `ticks_skipped` | INFO | `handler`, `ticks` |
//! | `sends_dropped` | WARN | `incarnation`, `sends` |
//! | `aborted` | WARN | `role` |
//! | `supervisor_started` | DEBUG | |
//! | `supervisor_running` | DEBUG | |
//! | `restarting_together` | INFO | `children` |
//! | `supervisor_stopped` | INFO | `why` |
//! | `terminated` | DEBUG | |
//! | `upgraded` | DEBUG | |
//! | `retired` | INFO | `why`, `undelivered` |
//! | `unresponsive` | ERROR | `role`, `incarnation` (of a worker) |
//! | `gave_up_on` | ERROR | `reason` |
//! | `gave_up` | ERROR | `reason` |
//!
//! # The spans
//!
//! They are at the level DEBUG, also with the target `heir`. So a program that logs at INFO pays
//! nothing for them.
//!
//! | span | from | to | fields |
//! |---|---|---|---|
//! | `call`, `cast` | the message is queued | it is answered, or refused | `worker`, `handler`; `refused`: why, if it was; `otel.status_code`: `ERROR` then |
//! | `serve` | the handler or hook begins | it has committed, and its reply has left; or it has died | `worker`, `path`, `incarnation`, `handler`; `boundary`: the number of the commit, if it wrote to a recorded table; `died`: why, if it did; `otel.status_code`: `ERROR` then |
//! | `handover` | an owner of the tables dies | the next one serves, or none will | `worker`, `path`, `incarnation`: which has ended |
//!
//! A `call` is a child of the span in which the caller makes it, the `serve` is a child of the `call`,
//! and the `handover` a child of the `serve` in which the worker has died. So one trace has it all:
//!
//! ```text
//! request
//! └─ call    worker=counter handler=count
//!    ├─ serve    incarnation=1              panics
//!    │  └─ handover   incarnation=1         regained, restarting, gives_away, received, serving
//!    │     └─ serve   incarnation=2 handler=#[on(start)]
//!    └─ serve    incarnation=2 boundary=8   if the handler is `#[redeliver]`
//! ```
//!
//! A call whose handler has taken its [`Reply`](crate::Reply) lasts until that is sent, or dropped; its
//! `serve` ends before.
//!
//! What a handler logs is in its `serve`, also after an await, and also what it logs in a destructor
//! when its worker is killed. What it sends with [`cx.send`](crate::Context::send) is a child of it. A
//! message of the worker's own clock (`#[every(..)]`) begins a trace, and so does what an attached
//! task or timer sends.
//!
//! If several incarnations die before one serves, it is one hand-over. It keeps the spans above it open
//! in the registry of `tracing-subscriber`: the request over which a worker has died is exported when
//! the worker serves again.
//!
//! If a worker does not yield, `refused` says so, and the call lasts until it does. Casts that are sent
//! together are queued one by one while they are spans.
//!
//! A span is in use only while a handler is polled: nothing that other tasks log comes into it.

pub use crate::tree::events::{Event, EventKind, Role};
pub use crate::tree::panics::report_panics;
pub use crate::tree::subscription::{EventStream, MissedEvents};
