//! The attribute macros of [`heir-runtime`](https://docs.rs/heir-runtime), which re-exports them: use them from there.
//! This page is their reference; examples that run are in the documentation of `heir-runtime`.
//!
//! - [`macro@heir`] goes on a struct and makes it a worker whose tables outlive it.
//! - [`macro@handlers`] goes on its impl block and makes its methods messages.
//! - [`macro@supervisor`] goes on a struct whose fields are workers, and makes it the tree that starts and restarts them.
//!
//! What is held wrong does not compile, and says what to write. For tests of your own that pin such words there is a recipe:
//! [`heir_runtime::compile_fail`](https://docs.rs/heir-runtime/latest/heir_runtime/compile_fail/).
//!
//! What they write is thin glue around generic functions of `heir-runtime`, and can be written by hand.

mod attached;
mod diagnostics;
mod editions;
mod fragments;
mod handlers;
mod heir;
mod options;
mod reserved;
mod settings;
mod supervisor;
#[cfg(test)]
mod tests;
mod tokens;

use proc_macro::TokenStream;

/// Makes a struct a worker: says of each field whether it outlives a crash, and where a new incarnation has it from.
///
/// # Anatomy
/// Every position there is; all options are left out in the smallest use.
/// ```text
/// #[heir(
///     name = "counter",               // under which its supervisor knows it
///     restart = transient,            // permanent | transient | temporary
///     shutdown = "10s",               // or brutal_kill
///     backoff = exponential("100ms", "10s"),  // or none, or one length of time
///     mailbox = 128,                  // capacity in messages
///     start_timeout = "30s",          // for creating the tables, and for the hooks
///     handler_timeout = "5s",         // for each handler
///     heartbeat = "1s",               // for how long it may block its thread
///     crash_loop = 3,                 // or never
///     quarantine = fresh,             // fresh | stop
///     max_quarantined = 8,            // how many of those are parked
///     tables = OldCounterTables,      // those of another worker, instead of its own
///     while_down = fail,              // wait | fail | "5s"
///     on_undelivered = dead_letter,   // the path of a function
///     crate = ::heir_runtime,         // where the runtime is
/// )]
/// pub struct Counter<K: Key> {        // type and const parameters, bounds, defaults; no lifetimes
///     /// Docs go along to `CounterTables`, and here to the reader's method of the handle.
///     #[table]                        // recorded: crash-consistent, and readable from elsewhere
///     pub counts: Table<K, u64>,
///     #[table(keep)]                  // handed over as the crash left it
///     seen: HashSet<K>,
///     #[table(rollback, init = Queue::with_capacity(limits.queue))]
///     queue: Queue,                   // restored to its value before the message that crashed
///     #[arg]                          // given by the caller of `Counter::spec(limits)`
///     limits: Limits,
///     #[fresh(Cache::new(limits.cache))]
///     cache: Cache,                   // made by the expression for every incarnation
///     scratch: Vec<u8>,               // made by its `Default` for every incarnation
/// }
/// ```
///
/// # The options of `#[heir]`
/// | key | where | value | default | since |
/// |---|---|---|---|---|
/// | `name` | `#[heir(..)]` | a text, not empty | the name of the struct | 0.1 |
/// | `restart` | `#[heir(..)]` | `permanent`, `transient` or `temporary` | `permanent` | 0.1 |
/// | `shutdown` | `#[heir(..)]` | a length of time, or `brutal_kill` | `"5s"` | 0.1 |
/// | `backoff` | `#[heir(..)]` | `none`, a length of time, or `exponential(first, longest)` | `none` | 0.1 |
/// | `mailbox` | `#[heir(..)]` | a number from 1 to 65535 | `64` | 0.1 |
/// | `start_timeout` | `#[heir(..)]` | a length of time | `"60s"` | 0.1 |
/// | `handler_timeout` | `#[heir(..)]` | a length of time | none | 0.1 |
/// | `heartbeat` | `#[heir(..)]` | a length of time | none | 0.1 |
/// | `crash_loop` | `#[heir(..)]` | a number from 1, or `never` | `5` | 0.1 |
/// | `quarantine` | `#[heir(..)]` | `fresh` or `stop` | `stop` | 0.1 |
/// | `max_quarantined` | `#[heir(..)]` | a number from 0, with `quarantine = fresh` | `8` | 0.1 |
/// | `tables` | `#[heir(..)]` | the path of another worker's tables | tables of its own | 0.1 |
/// | `while_down` | `#[heir(..)]` | `wait`, `fail`, or a length of time | `wait` | 0.1 |
/// | `on_undelivered` | `#[heir(..)]` | the path of a function | no hook | 0.1 |
/// | `crate` | `#[heir(..)]` | a path that starts with `::` or `crate` | `::heir_runtime` | 0.1 |
///
/// Each is given at most once, in any order. All but `tables` and `crate` can be overridden for one child on the spec.
///
/// ## `name`
/// The name a supervisor knows the worker by, in its logs, events and tree.
/// ```text
/// #[heir(name = "hit counter")]
/// ```
///
/// ## `restart`
/// When the supervisor starts a new incarnation: `permanent` always, `transient` unless the last one ended normally,
/// `temporary` never. The tables stay in the estate either way.
/// ```text
/// #[heir(restart = transient)]
/// ```
///
/// ## `shutdown`
/// How the supervisor ends the worker: it asks, waits this long, and then kills it; or it kills it at once.
/// ```text
/// #[heir(shutdown = "30s")]
/// #[heir(shutdown = brutal_kill)]
/// ```
///
/// ## `backoff`
/// How long the supervisor waits before it starts the worker again: not at all, always the same time, or a time that doubles
/// with every restart, from the first up to the longest, with jitter.
/// ```text
/// #[heir(backoff = "100ms")]
/// #[heir(backoff = exponential("100ms", "10s"))]
/// ```
///
/// ## `mailbox`
/// How many messages may wait. When it is full, the methods of the handle wait for a place, and their `try_` twins fail.
/// ```text
/// #[heir(mailbox = 1024)]
/// ```
///
/// ## `start_timeout`
/// How long creating the tables may take, and how long the hooks `#[on(transfer)]` and `#[on(start)]` together.
/// ```text
/// #[heir(start_timeout = "5m")]
/// ```
///
/// ## `handler_timeout`
/// How long a handler may take, and each hook after the start. When it takes longer, the incarnation ends with the reason
/// `TimedOut`, at the await where it stands: its message is undone, and its caller told.
/// ```text
/// #[heir(handler_timeout = "5s")]
/// ```
///
/// ## `heartbeat`
/// How long the worker may go without yielding to the runtime. When it does longer, it is reported as unresponsive, and aborted:
/// it ends when it yields, with the reason `Unresponsive`. Until then nobody can take its tables from it.
/// ```text
/// #[heir(heartbeat = "1s")]
/// ```
///
/// ## `crash_loop`
/// After how many starts in a row that die in their hooks, or over the same redelivered message, the tables are put under
/// quarantine: what kills every owner may be in them. With `never` the supervisor's intensity is the only limit.
/// ```text
/// #[heir(crash_loop = 3)]
/// #[heir(crash_loop = never)]
/// ```
///
/// ## `quarantine`
/// What follows a quarantine, of `crash_loop` or of the hook `#[on(verify)]`: with `fresh` the worker goes on with new
/// tables, with `stop` it stops. With `fresh` the tables under
/// quarantine are parked on the handle, to be taken out; with `stop` they are in the estate, to be claimed.
/// ```text
/// #[heir(quarantine = fresh)]
/// ```
///
/// ## `max_quarantined`
/// How many bundles of tables are parked at a time with `quarantine = fresh`, until the program
/// takes them out. The next one stops the worker, and waits in the estate, to be claimed: nothing
/// is dropped to make room. With 0 none is parked, so the worker goes on only if nobody has written
/// to its tables since they were created. (The runtime knows that if all of them are recorded: then
/// they are made anew, and never parked. `keep` and `rollback` tables always are, because nobody
/// knows.)
/// ```text
/// #[heir(quarantine = fresh, max_quarantined = 2)]
/// ```
///
/// ## `tables`
/// The worker has the tables of another one, and can take them over from it: a live upgrade. No `CounterV2Tables` is made,
/// but an alias of that name for the tables given.
/// ```text
/// #[heir(tables = CounterTables)]
/// struct CounterV2 { .. }
/// ```
/// What must hold, and does not compile otherwise:
/// - its tables are those, all of them, under the same names and with the same types; the order does not matter, nor does
///   `keep` or `rollback`, nor what the fields are that are no tables;
/// - they can be seen from here: in another module, the fields of the first worker need a visibility;
/// - a path without parameters gets those of the struct, `CounterTables<K>`; one that has its own is taken as it is, and its
///   tables mention all of them.
///
/// The `init` of a table counts when this worker creates it anew.
///
/// ## `while_down`
/// What becomes of calls and casts while no incarnation serves: between two of them, before the first, and while one does not
/// yield to the runtime. With `wait` they are queued and wait; with a length of time they wait no longer than that, counted over
/// the time in which nobody serves; with `fail` they are refused at once, and their arguments come back.
/// ```text
/// #[heir(while_down = fail)]
/// #[heir(while_down = "5s")]
/// ```
///
/// ## `on_undelivered`
/// Gets every accepted message that is not served and whose sender cannot be told: casts above all. A `fn(Undelivered)`; the path
/// is looked up where the struct stands, and may start with `Self`.
/// ```text
/// #[heir(on_undelivered = dead_letter)]
/// fn dead_letter(lost: Undelivered) { eprintln!("{lost}") }
/// ```
///
/// ## `crate`
/// Where `heir-runtime` is when it is renamed or re-exported. The path must hold wherever the generated code stands.
/// ```text
/// #[heir(crate = crate::reexports::heir_runtime)]
/// ```
///
/// ## Lengths of time
/// A whole number and one of the units `ms`, `s`, `m`, `h`, in quotes: `"250ms"`, `"10s"`, `"5m"`, `"1h"`. Not zero.
///
/// # Fields
/// A field has one kind, and a worker at least one table.
///
/// - `#[table]`: a recorded table: a `Table`, an `OrderedTable` or a `BagTable`. What a message writes becomes visible when
///   it has committed, in all recorded tables together; if the worker dies in the middle of it, nobody has seen it. The
///   handle has a method of the field's name and visibility, which gives a reader that goes on answering while nobody owns
///   the table, and `snapshot`, which copies all recorded tables, in the order of the fields, at one message boundary.
/// - `#[table(keep)]`: a table of any `Send + 'static` type. It passes on as the crash left it: right for a collection
///   that one operation cannot leave half-written, a socket, a handle on a store.
/// - `#[table(rollback)]`: a table of a `Clone + Send + 'static` type. It is cloned before every message, and restored
///   from that clone when the worker dies in the middle of it.
/// - `#[arg]`: a `Clone + Send + 'static` value from the caller of `spec`, whose parameters are these fields in their
///   order. Each incarnation gets a clone.
/// - `#[fresh(expr)]`: a `Send + 'static` value, made by the expression for every incarnation.
/// - unmarked: a `Default + Send + 'static` value, made anew for every incarnation.
///
/// ## The words of `#[table]`
/// | word | where | value | default | since |
/// |---|---|---|---|---|
/// | `keep` | `#[table(..)]` | none | | 0.1 |
/// | `rollback` | `#[table(..)]` | none | | 0.1 |
/// | `init` | `#[table(..)]`, beside the others too | an expression | the `Default` of the type, or no rows | 0.1 |
///
/// For a recorded table `init` gives its first rows: anything that iterates over pairs of key and value.
///
/// ## `init` and `fresh`
/// In both expressions the `#[arg]` fields are in scope under their names: in `init` as this creation's own clone, in
/// `fresh` as the value that goes into the field afterwards, so clone what the expression keeps. `init` runs when the
/// tables are created (and again if they are reset or quarantined), in an async function: it may `.await`, and `?` fails the start. `fresh` runs before every
/// incarnation receives its tables.
/// ```text
/// #[table(keep, init = Store::open(&path).await?)]
/// #[table(init = [(String::from("hits"), 0)])]
/// #[fresh(Client::new(path.clone()))]
/// ```
///
/// # What is generated
/// For `pub struct Counter`, with its visibility and generics (a test compares this with what is written):
/// ```text
/// pub struct CounterTables { .. }             // the tables together, each with its visibility and docs
/// pub type CounterManager = Manager<Counter>; // the heir
/// #[derive(Clone, Debug)]
/// pub struct CounterHandle { .. }             // the handle; its methods come from `#[handlers]`
/// impl From<Handle<Counter>> for CounterHandle { .. }
/// impl Deref for CounterHandle { type Target = Handle<Counter>; .. }
/// impl Counter {
///     pub fn spec(limits: Limits) -> Spec<Self> { .. }
/// }
/// impl CounterHandle {                        // for each recorded table: it returns a `TableReader`
///     pub fn counts(&self) -> <Table<String, u64> as Recorded>::Reader { .. }
///     pub fn snapshot(&self) -> Snapshot<(<Table<String, u64> as Recorded>::Rows,)> { .. } // of all
/// }
/// impl Worker for Counter {
///     fn readers() -> Readers { .. }          // these three only with recorded tables
///     fn recorded(tables: &mut Self::Tables) -> AnyTables<'_> { .. }
///     fn commit(&mut self, commit: Commit<'_>) { .. }
///     fn create(_: Self::Args, readers: Readers) -> .. // an `async fn` if a table has an `init`
///     fn incarnate(args: Self::Args) -> impl FnOnce(Self::Tables) -> Self + Send + 'static { .. }
///     fn dismantle(self) -> (Self::Tables, impl Send + 'static) { .. }
///     fn save(&self) -> Self::Saved { .. }
///     fn restore(_: &mut Self::Tables, _: &mut Self::Saved) { .. }
///     fn configure(spec: Spec<Self>) -> Spec<Self> { .. } // only with options
/// }
/// ```
/// The struct itself stays as it is, other attributes and derives included. `#[allow(..)]` on it or on a field also holds for
/// what is generated, `#[expect(..)]` does as an `#[allow]`, and `#[deprecated]` holds for the three companions.
///
/// # Limits
/// - Named fields, and no lifetime parameters: the tables outlive every task.
/// - No `Drop` on the struct: it is taken apart when an incarnation ends. Put what is to be dropped into a field.
/// - A recorded table cannot have the name of a method every handle has, see the limits of [`macro@handlers`].
/// - `#[heir]` needs a `#[handlers]` block for the type; an empty one will do.
#[proc_macro_attribute]
pub fn heir(options: TokenStream, item: TokenStream) -> TokenStream {
    heir::attach(&options.into(), item.into()).into()
}

/// Makes the methods of an impl block messages: one enum of them, and a typed method of the handle for each.
///
/// # Anatomy
/// Every position there is.
/// ```text
/// #[handlers(crate = ::heir_runtime)]         // where the runtime is
/// impl<K: Key> Counter<K> {
///     /// Docs go along to the handle's method.
///     pub async fn count(&mut self, key: K, by: u64) -> u64 { .. }             // a call: the caller gets the reply
///     pub fn reset(&mut self, cx: &mut Context<Self>, key: K) { .. }           // its context is no part of the message
///     #[cast]
///     pub fn forget(&mut self, key: K) { .. }                                  // a cast: no reply
///     #[redeliver(3)]                                                          // served again when the worker dies over it
///     pub async fn store(&mut self, key: K) -> Result<(), Full> { .. }
///     #[on(transfer)]
///     async fn received(&mut self, info: &TransferInfo) -> Result<(), Error> { .. }
///     #[on(start)]
///     async fn begin(&mut self, cx: &mut Context<Self>) { .. }
///     #[on(stop)]
///     async fn end(&mut self, reason: &ExitReason) { .. }
///     #[on(exit)]
///     async fn linked_ended(&mut self, signal: &ExitSignal) { .. }             // it traps exits
///     #[on(down)]
///     async fn monitored_ended(&mut self, down: &Down) { .. }
///     #[on(verify)]
///     fn check(tables: &mut CounterTables<K>, exit: &Exit) -> Verdict { .. }
///     #[skip]
///     fn total(&self) -> u64 { .. }                                            // an ordinary method
///     const LIMIT: u64 = 7;                                                    // anything else that impl blocks hold
/// }
/// ```
///
/// # The options of `#[handlers]`
/// | key | where | value | default | since |
/// |---|---|---|---|---|
/// | `crate` | `#[handlers(..)]` | a path that starts with `::` or `crate` | `::heir_runtime` | 0.1 |
///
/// # Methods
/// Every method takes `&mut self`, is sync or async, and is one of these; what has another shape needs `#[skip]`. Only
/// `#[on(verify)]` goes on a function without `self`.
///
/// ## Calls
/// A method without a mark. The caller waits for the reply: what the method returns, sent once the message has committed.
/// ```text
/// pub async fn count(&mut self, key: String) -> u64
/// // the handle:
/// pub fn count(&self, key: String) -> impl Future<Output = CallResult<u64, (String,)>>
/// pub fn try_count(&self, key: String) -> impl Future<Output = CallResult<u64, (String,)>>
/// ```
///
/// ## `#[cast]`
/// A message without a reply. The caller waits for a place in the mailbox only; `try_` does not wait at all.
/// ```text
/// #[cast]
/// pub fn forget(&mut self, key: String)
/// // the handle:
/// pub fn forget(&self, key: String) -> impl Future<Output = CastResult<(String,)>>
/// pub fn try_forget(&self, key: String) -> CastResult<(String,)>
/// ```
///
/// ## `#[redeliver(..)]`
/// On a call or a cast: when the worker dies while it serves this message, the next incarnation serves it again, up to this
/// many times (from 1). Then its caller is told of the last death. What it did to recorded and
/// `rollback` tables is undone before; anything else it did is done again: at least once. Right for a handler that may run twice, or whose tables are all
/// recorded or `rollback`. Its arguments are `Clone`.
/// ```text
/// #[redeliver(3)]
/// pub async fn store(&mut self, key: String) -> Result<(), Full>
/// ```
///
/// ## Arguments
/// Each has a name and an owned, `Send + 'static` type; so has the reply. An argument that is a reference to a type
/// called `Context` is the context of the incarnation, which no caller gives.
///
/// ## `#[on(..)]`
/// A hook, which runs at a turn of an incarnation's life, or between two; at most one for each event. Every hook but
/// `verify` takes `&mut self`, is sync or async, and can take `&mut Context<Self>`.
///
/// | event | when | can also take | returns |
/// |---|---|---|---|
/// | `transfer` | the tables have been received | `&TransferInfo` | nothing, or `Result<(), E>` |
/// | `start` | before the first message | | nothing, or `Result<(), E>` |
/// | `stop` | the incarnation ends in order | `&ExitReason` | nothing |
/// | `exit` | an exit signal has come | `&ExitSignal` | nothing, or `Result<(), E>` |
/// | `down` | what it monitors has ended | `&Down` | nothing, or `Result<(), E>` |
/// | `verify` | an incarnation has died | `&Exit` | `Verdict` |
///
/// An error ends the incarnation, with it as the reason; from `transfer` and `start` it fails the start.
///
/// `exit` and `down` run between two messages, before those that wait, and each is a transaction as a message is. A worker with
/// an `exit` hook traps exits: exit signals, from what it is linked to, from its own tasks and from `Handle::exit`, do not end it,
/// unless the hook has it end (`cx.stop_with(..)`, or an error).
///
/// `stop` runs when the incarnation was asked to stop, its tables still in its hands; its mailbox is closed by then if the end is
/// for good, and stays open if it is to be started again. It has what is left of the shutdown timeout. A tree stops its children in
/// reverse order, so the hook can call and wait for:
/// - a sibling that was started before this worker, and workers in a branch that was: they serve until it is their turn;
/// - anything outside of the tree.
///
/// It waits in vain, until the timeout ends it, for a call to itself or to a sibling that is stopped together with it (two stop hooks
/// that call each other, of one `Dynamic`), and for a sibling that is started again only after
/// it (`rest_for_one`, `one_for_all`). A call to a worker that has stopped for good is refused at once.
///
/// `verify` is a sync function without `self`, because there is none: it takes `&mut CounterTables`, and its verdict says
/// whether they pass on as they are.
/// ```text
/// #[on(verify)]
/// fn check(tables: &mut CounterTables, exit: &Exit) -> Verdict
/// ```
///
/// ## `#[skip]`
/// An ordinary method, associated function or handler's helper. Constants and types need no mark.
///
/// # What is generated
/// The impl block stays as it is, without the marks. After it, in a `const _` (a test compares this with what is written):
/// ```text
/// pub enum __Message { .. }                   // Count(Call<(String,), u64>), Forget(Cast<(String,)>), ..
/// impl Message for __Message { .. }
/// impl Handlers for Counter {
///     type Message = __Message;
///     type Handle = CounterHandle;
///     async fn handle(&mut self, message: &mut Self::Message, _cx: &mut Context<Self>) { .. }
/// }                                           // and the hooks
/// impl CounterHandle { .. }                   // two methods for each, with the handler's visibility and docs
/// ```
/// `#[cfg]` on a method holds for all that comes from it. `#[deprecated]` moves to the handle's methods. `#[allow(..)]` on
/// the block or on a method also holds for what is generated, and so does `#[expect(..)]`, as an `#[allow]`.
///
/// # Limits
/// - One `#[handlers]` block for a type; further methods go into ordinary impl blocks.
/// - No generics, `unsafe`, `const` or `extern` on a handler, and no patterns as arguments.
/// - A message cannot have the name of a method every handle has: `name`, `with_timeout`, `call`, `call_again`, `try_call`,
///   `try_call_again`, `cast`, `cast_again`, `try_cast`, `try_cast_again`, `incarnation`, `status`, `queued`, `estate`,
///   `readers`, `snapshot`, `quarantined`, `take_quarantined`, `exit`, `monitor`, `kill`, `kill_manager`, `restart`, `pause`, `resume`,
///   `is_paused`, `stop`, `wait_stopped`, `wait_serving`, `downgrade`, `clone`; nor can there be a handler `try_count` beside
///   `count`.
/// - Markers behind `#[cfg_attr(..)]` are not seen, nor are methods that a macro writes within the block: a call of one is an error.
///   A macro may write the block as a whole.
#[proc_macro_attribute]
pub fn handlers(options: TokenStream, item: TokenStream) -> TokenStream {
    handlers::attach(options.into(), item.into()).into()
}

/// What `#[heir]` attaches to its struct. Not for use by hand.
#[doc(hidden)]
#[proc_macro_derive(Heir, attributes(__heir, table, arg, fresh, child))]
pub fn derive_heir(item: TokenStream) -> TokenStream {
    heir::derive(item.into()).into()
}

/// Makes a struct a supervisor: its fields are its children, in the order in which they are started.
///
/// # Anatomy
/// Every position there is; all options are left out in the smallest use.
/// ```text
/// #[supervisor(
///     name = "app",                   // what it is called
///     strategy = rest_for_one,        // one_for_one | one_for_all | rest_for_one
///     intensity = 5,                  // so many restarts are allowed
///     period = "10s",                 // in so much time
///     auto_shutdown = any_significant, // never | any_significant | all_significant
///     crate = ::heir_runtime,         // where the runtime is
/// )]
/// pub struct App<K: Key> {            // type and const parameters, bounds, defaults; no lifetimes
///     /// Docs go along to the field of `AppHandle`.
///     #[child(
///         args(limits: Limits),       // what its spec takes: they become arguments of `App::start`
///         name = "hits",              // under which its supervisor knows it
///         restart = transient,        // permanent | transient | temporary
///         shutdown = "1s",            // or brutal_kill
///         significant,                // the supervisor may end when it has
///         backoff = "100ms",          // or none, or exponential("100ms", "10s")
///     )]
///     counter: Counter,               // a worker: a struct with `#[heir]`
///     pub io: Io,                     // a branch: another struct with `#[supervisor]`
///     sessions: Dynamic<K, Session>,  // many workers of one type, started and found by key
/// }
/// ```
///
/// # The options of `#[supervisor]`
/// | key | where | value | default | since |
/// |---|---|---|---|---|
/// | `name` | `#[supervisor(..)]` | a text, not empty | the name of the struct | 0.1 |
/// | `strategy` | `#[supervisor(..)]` | `one_for_one`, `one_for_all` or `rest_for_one` | `one_for_one` | 0.1 |
/// | `intensity` | `#[supervisor(..)]` | a number from 0 | `10` | 0.1 |
/// | `period` | `#[supervisor(..)]` | a length of time | `"10s"` | 0.1 |
/// | `auto_shutdown` | `#[supervisor(..)]` | `never`, `any_significant` or `all_significant` | `never` | 0.1 |
/// | `crate` | `#[supervisor(..)]` | a path that starts with `::` or `crate` | `::heir_runtime` | 0.1 |
///
/// Each is given at most once, in any order. `name`, `intensity` and `period` can be overridden on what `App::spec` returns.
/// Lengths of time are written as in [`macro@heir`].
///
/// ## `name`
/// What the supervisor is called in logs, events and pictures of the tree. As a branch of another one it is called as that
/// says.
/// ```text
/// #[supervisor(name = "front end")]
/// ```
///
/// ## `strategy`
/// Who is restarted when a child ends: with `one_for_one` that child, with `one_for_all` all of them, with `rest_for_one` that
/// child and those declared after it.
/// ```text
/// #[supervisor(strategy = rest_for_one)]
/// ```
///
/// ## `intensity`
/// How many restarts are allowed in one `period`, of all children together; one more, and the supervisor gives up, for its own
/// supervisor to restart it with all of its children and their tables. With 0 it gives up at the first.
/// ```text
/// #[supervisor(intensity = 5, period = "30s")]
/// ```
///
/// ## `period`
/// The time over which restarts are counted: it slides.
/// ```text
/// #[supervisor(period = "1m")]
/// ```
///
/// ## `auto_shutdown`
/// Whether the supervisor ends by itself when children have ended that are `significant`: with `any_significant` when one of
/// them has, with `all_significant` when the last of them has.
/// ```text
/// #[supervisor(auto_shutdown = all_significant)]
/// ```
///
/// ## `crate`
/// Where `heir-runtime` is when it is renamed or re-exported. The path must hold wherever the generated code stands.
/// ```text
/// #[supervisor(crate = crate::reexports::heir_runtime)]
/// ```
///
/// # Fields
/// A field is a child, and a supervisor has at least one. Its type is
///
/// - a worker: a struct with [`macro@heir`] and [`macro@handlers`];
/// - a branch: another struct with `#[supervisor]`;
/// - `Dynamic<K, W>`: a branch of any number of workers of one type, each started and found by its key.
///
/// The tree starts them in the order of the fields, and stops them in reverse.
///
/// ## The options of `#[child]`
/// | key | where | value | default | since |
/// |---|---|---|---|---|
/// | `args` | `#[child(..)]` | names with their types, in parentheses | no arguments | 0.1 |
/// | `name` | `#[child(..)]` | a text, not empty | the name of the field | 0.1 |
/// | `restart` | `#[child(..)]` | `permanent`, `transient` or `temporary` | what the child says itself | 0.1 |
/// | `shutdown` | `#[child(..)]` | a length of time, or `brutal_kill` | what the child says itself | 0.1 |
/// | `significant` | `#[child(..)]` | none | | 0.1 |
/// | `backoff` | `#[child(..)]` | `none`, a length of time, or `exponential(first, longest)` | what the child says itself | 0.1 |
///
/// All but `args` override, for this one child, what the options of its own `#[heir(..)]` say; a branch says nothing of itself
/// but the defaults.
///
/// ### `args`
/// What the child's `spec` takes: the `#[arg]` fields of a worker, the arguments of a branch. They become arguments of
/// `App::spec` and `App::start`, in the order of the fields, so their names differ.
/// ```text
/// #[child(args(limits: Limits, path: PathBuf))]
/// ```
///
/// ### `significant`
/// The supervisor may end when this child has ended and is not to be restarted, as its `auto_shutdown` says. A permanent child
/// is always restarted, so it cannot be significant.
/// ```text
/// #[child(restart = transient, significant)]
/// ```
///
/// # What is generated
/// For `pub struct App`, with its visibility and generics (a test compares this with what is written):
/// ```text
/// pub struct AppHandle {
///     pub counter: <Counter as Child>::Handle, // `CounterHandle`: a private field becomes as visible as the struct
///     pub io: <Io as Child>::Handle,          // `IoHandle`
///     pub sessions: <Dynamic<u64, Session> as Child>::Handle, // `Dynamic<u64, Session>` itself
/// }
/// impl Clone for AppHandle { .. }
/// impl Debug for AppHandle { .. }
/// impl Deref for AppHandle { type Target = SupervisorHandle; .. }
/// impl App {
///     pub fn spec(limits: Limits) -> SupervisorBuilder<AppHandle> { .. }
///     pub async fn start(limits: Limits) -> Result<Supervisor<AppHandle>, StartError> { .. }
/// }
/// impl Child for App { .. }                   // it can be a field of another `#[supervisor]`
/// impl NoArgs for App { .. }                 // if it takes no arguments
/// ```
/// `Supervisor<AppHandle>` derefs to `AppHandle`, and that to `SupervisorHandle`: `app.counter.count(..)`, `app.io.reader`,
/// `app.tree()`. `spec` is what one would write by hand:
/// ```text
/// let mut tree = Supervisor::builder("app").strategy(Strategy::RestForOne);
/// let counter = tree.child(Counter::spec(limits).name("hits").restart(Restart::Transient));
/// let io = tree.child(Io::spec().name("io"));
/// let sessions = tree.child(Dynamic::<K, Session>::spec().name("sessions"));
/// tree.declared(|supervisor| AppHandle { counter, io, sessions, .. })
/// ```
/// The struct itself stays as it is, other attributes and derives included; no value of it is ever made. `#[allow(..)]` on it
/// or on a field also holds for what is generated, `#[expect(..)]` does as an `#[allow]`, and `#[deprecated]` holds for the handle. `#[cfg(..)]` on a field holds for all that comes from
/// it; an argument of the child goes with it.
///
/// # Limits
/// - Named fields, and no lifetime parameters: children run in tasks of their own.
/// - A field that is a type parameter is bound to be a worker: `W: Handlers + Worker<Args = ()>`.
/// - More than seven arguments are for clippy's lint `too_many_arguments`, which can be allowed on the struct.
#[proc_macro_attribute]
pub fn supervisor(options: TokenStream, item: TokenStream) -> TokenStream {
    supervisor::attach(&options.into(), item.into()).into()
}

/// What `#[supervisor]` attaches to its struct. Not for use by hand.
#[doc(hidden)]
#[proc_macro_derive(Supervisor, attributes(__supervisor, child, table, arg, fresh))]
pub fn derive_supervisor(item: TokenStream) -> TokenStream {
    supervisor::derive(item.into()).into()
}
