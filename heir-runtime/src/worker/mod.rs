//! The worker: the traits that the macros implement for an annotated struct, and the parts of a
//! worker that stay while its incarnations come and go.

mod alarm;
mod attachments;
mod backoff;
pub(crate) mod clock;
mod context;
#[cfg(feature = "store")]
pub(crate) mod gates;
pub(crate) mod handle;
pub(crate) mod lifecycle;
pub(crate) mod links;
pub(crate) mod on_call;
pub(crate) mod outbox;
mod outgoing;
mod permits;
mod place;
mod reply;
mod request;
mod schedule;
pub(crate) mod send;
mod send_all;
pub(crate) mod send_deadline;
pub(crate) mod shared;
mod spec;
pub(crate) mod start_step;
pub(crate) mod tables;
mod tick;
pub(crate) mod watched;

use std::future::{Future, ready};

pub use self::backoff::Backoff;
pub(crate) use self::backoff::BackoffState;
pub use self::context::Context;
pub use self::outgoing::{AnsweredCall, Outgoing};
#[cfg(feature = "testing")]
pub(crate) use self::request::heard;
pub use self::request::{CallRequest, CastRequest};
pub(crate) use self::spec::Settings;
pub use self::spec::{AfterQuarantine, Later, Restart, Shutdown, Spec, WhileDown};
pub use self::tick::{Missed, Tick};
use crate::estate::quarantine::Verdict;
use crate::estate::{Examined, TransferInfo};
use crate::mailbox::Message;
use crate::process::Down;
use crate::process::ExitSignal;
use crate::process::exit::{BoxError, ExitReason};
#[cfg(feature = "store")]
use crate::store::{StoredTable, Value};
use crate::table::{AnyTables, Commit, Readers};
use crate::worker::handle::Handle;

/// An actor whose tables outlive it: a struct that can be taken apart into its tables and the rest,
/// and put together again.
///
/// [`#[heir]`](crate::heir) implements this trait. This is a worker that is written by hand:
///
/// ```
/// use heir_runtime::table::Readers;
/// use heir_runtime::by_hand::{Call, ReplyGate, Handlers, Message, Worker};
/// use heir_runtime::{BoxError, Context, Handle, Spec, Supervisor};
///
/// /// The worker: one `rollback` table, one argument.
/// struct Log { lines: Vec<String>, limit: usize }
///
/// struct LogTables { lines: Vec<String> }
///
/// impl Worker for Log {
///     const NAME: &'static str = "Log";
///     type Tables = LogTables;
///     type Args = usize;
///     type Saved = Vec<String>;
///
///     async fn create(_limit: usize, _readers: Readers) -> Result<LogTables, BoxError> {
///         Ok(LogTables { lines: Vec::new() })
///     }
///     fn incarnate(limit: usize) -> impl FnOnce(LogTables) -> Self + Send + 'static {
///         move |tables| Self { lines: tables.lines, limit }
///     }
///     fn dismantle(self) -> (LogTables, impl Send + 'static) {
///         (LogTables { lines: self.lines }, self.limit)
///     }
///     fn save(&self) -> Vec<String> {
///         self.lines.clone()
///     }
///     fn restore(tables: &mut LogTables, saved: &mut Vec<String>) {
///         std::mem::swap(&mut tables.lines, saved);
///     }
/// }
///
/// enum LogMessage { Append(Call<(String,), usize>) }
///
/// impl Message for LogMessage {
///     fn gate(&mut self) -> &mut dyn ReplyGate {
///         match self { Self::Append(call) => call }
///     }
///     fn name(&self) -> &'static str {
///         match self { Self::Append(_) => "append" }
///     }
/// }
///
/// impl Handlers for Log {
///     type Message = LogMessage;
///     type Handle = LogHandle;
///
///     async fn handle(&mut self, message: &mut LogMessage, _cx: &mut Context<Self>) {
///         match message {
///             LogMessage::Append(call) => {
///                 let (line,) = call.take_args();
///                 self.lines.push(line);
///                 assert!(self.lines.len() <= self.limit, "the log is full");
///                 call.keep(self.lines.len());
///             }
///         }
///     }
/// }
///
/// #[derive(Clone)]
/// struct LogHandle(Handle<Log>);
///
/// impl From<Handle<Log>> for LogHandle {
///     fn from(handle: Handle<Log>) -> Self { Self(handle) }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let mut tree = Supervisor::builder("app");
/// let log = tree.worker(Spec::<Log>::new(1));
/// let tree = tree.start().await?;
///
/// let append = async |line: &str| log.0.call((line.to_owned(),), LogMessage::Append).await;
/// assert_eq!(append("first").await?, 1);
/// assert_eq!(append("second").await.unwrap_err().to_string(),
///     "incarnation 1 of the worker died while it served this call: panic: the log is full");
/// assert_eq!(log.0.wait_serving(2).await?, 2);
///
/// tree.shutdown().await;
/// assert_eq!(log.0.estate().claim("reader")?.lines, ["first"]);
/// # Ok::<_, BoxError>(())
/// # }).unwrap();
/// ```
///
/// The tables survive because of the shape of these functions. User code (`Default`, `fresh`,
/// `init`, `Clone`) runs only in [`create`](Self::create), [`incarnate`](Self::incarnate) and
/// [`save`](Self::save), before tables are touched; the other functions only move.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a worker",
    label = "not a worker",
    note = "annotate the struct with `#[heir]`"
)]
pub trait Worker: Sized + Send + 'static {
    /// The name by which a supervisor knows the worker, unless its [`Spec`] has another.
    const NAME: &'static str;

    /// The name under which its tree registers the worker, unless its [`Spec`] has another.
    const REGISTERED: Option<&'static str> = None;

    /// All tables of the worker.
    type Tables: Send + 'static;

    /// The arguments that the caller of `spec` gives; each incarnation gets a clone.
    type Args: Clone + Send + 'static;

    /// The `rollback` tables as they were before a message.
    type Saved: Send + 'static;

    /// Whether all tables are recorded. Only then does the runtime know when nobody has written to
    /// them.
    const ALL_RECORDED: bool = false;

    /// The names of the recorded tables, in the order of [`readers`](Self::readers): for who looks at
    /// the [tree](crate::supervision::TableNode).
    const TABLE_NAMES: &'static [&'static str] = &[];

    /// Makes readers of the recorded tables, before the tables exist.
    fn readers() -> Readers {
        Readers::default()
    }

    /// The recorded tables among `tables`, in the order of [`readers`](Self::readers).
    fn recorded(_tables: &mut Self::Tables) -> AnyTables<'_> {
        AnyTables::new()
    }

    /// Whether tables of the worker outlive the process: those that [`stored`](Self::stored) lists, in the
    /// store of its tree.
    #[cfg(feature = "store")]
    const IS_STORED: bool = false;

    /// The tables that are stored, each with its place in [`readers`](Self::readers), the name of its
    /// field, and its type as it is written: a store knows a table by its name, and refuses it under
    /// another type.
    #[cfg(feature = "store")]
    fn stored() -> Vec<StoredTable> {
        Vec::new()
    }

    /// The `rollback` fields whose values are stored: those that [`stored`](Self::stored) lists as such. A
    /// [`commit`](Self::commit) hands over the same.
    #[cfg(feature = "store")]
    fn values(_tables: &mut Self::Tables) -> Vec<Value<'_>> {
        Vec::new()
    }

    /// Creates the tables that `readers` read: once in the life of the estate, and again if its
    /// tables are quarantined or reset. The first rows of a table that may have been loaded are for a
    /// table that is new: `readers.is_new(place)`, with the feature `store`.
    ///
    /// # Errors
    /// The error of an `init` expression that ends with `?`. The manager ends with it as its
    /// reason, and the supervisor decides what follows.
    fn create(
        args: Self::Args,
        readers: Readers,
    ) -> impl Future<Output = Result<Self::Tables, BoxError>> + Send;

    /// Makes the rest of a new incarnation. The closure that it returns puts the rest and the
    /// tables together.
    fn incarnate(args: Self::Args) -> impl FnOnce(Self::Tables) -> Self + Send + 'static;

    /// Takes an incarnation apart: its tables and the rest.
    fn dismantle(self) -> (Self::Tables, impl Send + 'static);

    /// Clones the `rollback` tables, before a message.
    fn save(&self) -> Self::Saved;

    /// Ends a message: hands all recorded tables to `commit`, in the order of
    /// [`readers`](Self::readers).
    fn commit(&mut self, _commit: Commit<'_>) {}

    /// Swaps the `rollback` tables for the saved ones. The tables before are then in `saved`, for
    /// the caller to drop.
    fn restore(tables: &mut Self::Tables, saved: &mut Self::Saved);

    /// Puts the settings of `#[heir(..)]` in the place of the defaults. [`Spec::later`] calls it.
    fn configure(spec: Spec<Self, Later>) -> Spec<Self, Later> {
        spec
    }
}

/// A worker that can take over the tables of another, because its [`Worker::Tables`] are the same
/// type (`code_change`).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot take over from `{Other}`, because its tables are others",
    label = "does not have the tables of `{Other}`",
    note = "write `#[heir(tables = {Other}Tables)]` on `{Self}`, and give it the same tables"
)]
pub trait TakesOver<Other: Worker>: Worker<Tables = Other::Tables> {}

#[diagnostic::do_not_recommend]
impl<Other: Worker, W: Worker<Tables = Other::Tables>> TakesOver<Other> for W {}

/// The message handlers and hooks of a worker (the callbacks of a `gen_server`).
///
/// [`#[handlers]`](crate::handlers) implements this trait; [`Worker`] has an example of one that is
/// written by hand.
#[diagnostic::on_unimplemented(
    message = "the worker `{Self}` has no handlers",
    label = "no `#[handlers]` block for this worker",
    note = "write `#[handlers] impl {Self} {{ .. }}`: every method with `&mut self` in it becomes a message"
)]
pub trait Handlers: Worker {
    /// All messages that the worker serves.
    type Message: Message;

    /// The typed handle on the worker.
    type Handle: From<Handle<Self>> + Clone + Send + Sync + 'static;

    /// Whether an exit signal runs [`on_exit`](Self::on_exit) and does not end the incarnation
    /// (`process_flag(trap_exit, true)`).
    const TRAPS_EXITS: bool = false;

    /// The messages that the worker's own clock sends it (`#[every(..)]`), unless its
    /// [`Spec`](Spec::every) has others.
    const TICKS: &'static [Tick<Self::Message>] = &[];

    /// Serves one message: takes its arguments, runs its handler, keeps its reply.
    fn handle(
        &mut self,
        message: &mut Self::Message,
        cx: &mut Context<Self>,
    ) -> impl Future<Output = ()> + Send;

    /// Verifies tables when an incarnation waits for them (`#[on(verify)]`): those of an incarnation that
    /// has ended, and those that were loaded from a store. It runs in the manager's task; a panic in it
    /// is a [`Verdict::Quarantine`].
    fn verify(_tables: &mut Self::Tables, _examined: &Examined) -> Verdict {
        Verdict::Accept
    }

    /// Runs when an incarnation has received its tables (`#[on(transfer)]`).
    fn on_transfer(
        &mut self,
        _info: &TransferInfo,
        _cx: &mut Context<Self>,
    ) -> impl Future<Output = Result<(), BoxError>> + Send {
        ready(Ok(()))
    }

    /// Runs before the first message of an incarnation (`#[on(start)]`).
    fn on_start(&mut self, _cx: &mut Context<Self>) -> impl Future<Output = Result<(), BoxError>> + Send {
        ready(Ok(()))
    }

    /// Runs after the last message of an incarnation that ends in order (`#[on(stop)]`). The
    /// reference of [`#[handlers]`](macro@crate::handlers) says what it may wait for.
    fn on_stop(&mut self, _reason: &ExitReason, _cx: &mut Context<Self>) -> impl Future<Output = ()> + Send {
        ready(())
    }

    /// Serves an exit signal, between two messages and as a transaction like theirs
    /// (`#[on(exit)]`). Only a worker that [traps exits](Self::TRAPS_EXITS) gets it. An error ends
    /// the incarnation.
    fn on_exit(
        &mut self,
        _signal: &ExitSignal,
        _cx: &mut Context<Self>,
    ) -> impl Future<Output = Result<(), BoxError>> + Send {
        ready(Ok(()))
    }

    /// Runs when an incarnation that this one monitors has ended, between two messages and as a
    /// transaction like theirs (`#[on(down)]`). An error ends the incarnation.
    fn on_down(
        &mut self,
        _down: &Down,
        _cx: &mut Context<Self>,
    ) -> impl Future<Output = Result<(), BoxError>> + Send {
        ready(Ok(()))
    }
}
