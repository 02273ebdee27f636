//! The attribute macros of [`heir-runtime`](https://docs.rs/heir-runtime), which re-exports them:
//! use them from there. This page is their reference; the documentation of `heir-runtime` has
//! examples that run.
//!
//! - [`macro@heir`] goes on a struct, and makes it a worker whose tables outlive its crashes.
//! - [`macro@handlers`] goes on the struct's impl block, and makes its methods messages.
//! - [`macro@supervisor`] goes on a struct whose fields are workers, and makes it a tree that
//!   starts and restarts them.
//!
//! A mistake in their use does not compile, and the error says what to write.
//! [`heir_runtime::compile_fail`](https://docs.rs/heir-runtime/latest/heir_runtime/compile_fail/)
//! shows how your own tests can pin such errors.
//!
//! The macros write thin glue around generic functions of `heir-runtime`, which can be written by
//! hand.

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

/// Makes a struct a worker: says of each field whether it outlives a crash, and how a new
/// incarnation gets it.
///
/// # Anatomy
/// The longest use, with every option; the shortest has none.
/// ```text
/// #[heir(
///     name = "counter",               // the worker's name in its supervisor
///     restart = transient,            // permanent | transient | temporary
///     shutdown = "10s",               // or brutal_kill
///     backoff = exponential("100ms", "10s"),  // or none, or one length of time
///     mailbox = 128,                  // capacity in messages
///     start_timeout = "30s",          // for creating the tables, and for the start hooks
///     handler_timeout = "5s",         // for each handler
///     heartbeat = "1s",               // how long the worker may block its thread
///     crash_loop = 3,                 // or never
///     quarantine = fresh,             // fresh | stop
///     max_quarantined = 8,            // how many bundles of tables are parked
///     tables = OldCounterTables,      // another worker's bundle, instead of its own
///     while_down = fail,              // wait | fail | "5s"
///     on_undelivered = dead_letter,   // the path of a function
///     crate = ::heir_runtime,         // the path of the runtime
/// )]
/// pub struct Counter<K: Key> {        // type and const parameters, bounds, defaults; no lifetimes
///     /// Docs are copied to `CounterTables`, and here to the handle's reader method.
///     #[table]                        // recorded: crash-consistent, and readable from elsewhere
///     pub counts: Table<K, u64>,
///     #[table(keep)]                  // passed on as the crash left it
///     seen: HashSet<K>,
///     #[table(rollback, init = Queue::with_capacity(limits.queue))]
///     queue: Queue,                   // restored to its value before the message that crashed
///     #[arg]                          // given by the caller of `Counter::spec(limits)`
///     limits: Limits,
///     #[fresh(Cache::new(limits.cache))]
///     cache: Cache,                   // made by the expression for each incarnation
///     scratch: Vec<u8>,               // made by its `Default` for each incarnation
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
/// Each option is given at most once, in any order. All but `tables` and `crate` can be overridden
/// for one child on its spec.
///
/// ## `name`
/// The worker's name in its supervisor, in logs, in events and in pictures of the tree.
/// ```text
/// #[heir(name = "hit counter")]
/// ```
///
/// ## `restart`
/// When the supervisor starts a new incarnation: `permanent` always, `transient` unless the last
/// incarnation ended normally, `temporary` never. The tables stay in the estate in any case.
/// ```text
/// #[heir(restart = transient)]
/// ```
///
/// ## `shutdown`
/// How the supervisor stops the worker: it asks, waits this long, and then kills it; or it kills it
/// at once.
/// ```text
/// #[heir(shutdown = "30s")]
/// #[heir(shutdown = brutal_kill)]
/// ```
///
/// ## `backoff`
/// How long the supervisor waits before it restarts the worker: not at all, always the same time,
/// or a time that doubles with every restart, from the first to the longest, with jitter.
/// ```text
/// #[heir(backoff = "100ms")]
/// #[heir(backoff = exponential("100ms", "10s"))]
/// ```
///
/// ## `mailbox`
/// How many messages the mailbox holds. When it is full, the methods of the handle wait for a
/// permit, and their `try_` twins fail.
/// ```text
/// #[heir(mailbox = 1024)]
/// ```
///
/// ## `start_timeout`
/// How long the worker may take to create its tables, and then again for the hooks
/// `#[on(transfer)]` and `#[on(start)]` together.
/// ```text
/// #[heir(start_timeout = "5m")]
/// ```
///
/// ## `handler_timeout`
/// How long each handler may take, and each hook after the start. If one takes longer, the
/// incarnation ends with the reason `TimedOut`, at the await that it has reached: its message is
/// undone, and its caller is told.
/// ```text
/// #[heir(handler_timeout = "5s")]
/// ```
///
/// ## `heartbeat`
/// How long the worker may go without yielding to the runtime. If it goes longer, it is reported as
/// unresponsive, and aborted: it ends with the reason `Unresponsive` when it yields. Until then
/// nobody can take its tables from it.
/// ```text
/// #[heir(heartbeat = "1s")]
/// ```
///
/// ## `crash_loop`
/// The tables are quarantined after this many starts in a row that die in their hooks, or over the
/// same redelivered message: the tables may hold a value that kills every owner. With `never`, only
/// the supervisor's intensity is a limit.
/// ```text
/// #[heir(crash_loop = 3)]
/// #[heir(crash_loop = never)]
/// ```
///
/// ## `quarantine`
/// What follows when the tables are quarantined, by `crash_loop` or by the hook `#[on(verify)]`.
/// With `fresh` the worker goes on with new tables, and the quarantined tables are parked on the
/// handle, to be taken out. With `stop` the worker stops, and the tables are in the estate, to be
/// claimed.
/// ```text
/// #[heir(quarantine = fresh)]
/// ```
///
/// ## `max_quarantined`
/// How many bundles of tables are parked at a time with `quarantine = fresh`, until the program
/// takes them out. The next bundle stops the worker, and waits in the estate to be claimed: no
/// bundle is dropped to make room.
///
/// With 0 no bundle is parked, so the worker goes on only if nobody has written to its tables since
/// they were created. The runtime knows this if all tables are recorded; they are then created
/// anew, and not parked. It cannot know it of `keep` and `rollback` tables, which are always
/// parked.
/// ```text
/// #[heir(quarantine = fresh, max_quarantined = 2)]
/// ```
///
/// ## `tables`
/// The worker has the tables of another worker, and can take them over from it: a live upgrade.
/// `CounterV2Tables` is then an alias of the bundle given, and no struct.
/// ```text
/// #[heir(tables = CounterTables)]
/// struct CounterV2 { .. }
/// ```
/// The code compiles only if
/// - the worker has all tables of the bundle and no others, under the same names and with the same
///   types; their order, `keep` or `rollback`, and the other fields may differ;
/// - it sees the bundle's fields: in another module, the first worker's tables need a visibility;
/// - the path's parameters fit. A path without parameters gets the parameters of the struct, as in
///   `CounterTables<K>`. A path with parameters is left as it is, and the tables must mention all
///   of the struct's parameters.
///
/// The `init` of a table is used when this worker creates the table anew.
///
/// ## `while_down`
/// What happens to calls and casts while no incarnation serves: before the first incarnation,
/// between two, and while one does not yield to the runtime. With `wait` they are queued. With a
/// length of time they are queued for no longer than that, counted only while no incarnation
/// serves. With `fail` they are refused at once, and their arguments come back.
/// ```text
/// #[heir(while_down = fail)]
/// #[heir(while_down = "5s")]
/// ```
///
/// ## `on_undelivered`
/// A `fn(Undelivered)`, called with every accepted message that is not served, and whose sender
/// cannot be told: above all, casts. The path is looked up where the struct stands, and may start
/// with `Self`.
/// ```text
/// #[heir(on_undelivered = dead_letter)]
/// fn dead_letter(lost: Undelivered) { eprintln!("{lost}") }
/// ```
///
/// ## `crate`
/// The path of `heir-runtime`, if it is renamed or re-exported. The path must hold wherever the
/// generated code stands.
/// ```text
/// #[heir(crate = crate::reexports::heir_runtime)]
/// ```
///
/// ## Lengths of time
/// A whole number, not zero, and a unit, `ms`, `s`, `m` or `h`, in quotes: `"250ms"`, `"10s"`,
/// `"5m"`, `"1h"`.
///
/// # Fields
/// Each field has one kind. A worker has at least one table.
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
/// For a recorded table, `init` gives the first rows: anything that iterates over pairs of key and
/// value.
///
/// ## `init` and `fresh`
/// Both expressions see the `#[arg]` fields under their names. In `init` these are clones of its
/// own. In `fresh` they are the values that then go into the fields, so clone the parts that the
/// expression keeps.
///
/// `init` runs when the tables are created, also after a reset or a quarantine. It runs in an async
/// function: it may `.await`, and `?` fails the start. `fresh` runs before each incarnation
/// receives its tables.
/// ```text
/// #[table(keep, init = Store::open(&path).await?)]
/// #[table(init = [(String::from("hits"), 0)])]
/// #[fresh(Client::new(path.clone()))]
/// ```
///
/// # What is generated
/// For `pub struct Counter`, with its visibility and generics (a test compares this with the
/// generated code):
/// ```text
/// pub struct CounterTables { .. }             // all tables, each with its visibility and docs
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
/// The struct itself stays as it is, with its other attributes and derives. `#[allow(..)]` and
/// `#[expect(..)]` on the struct or on a field become `#[allow(..)]` of the generated code;
/// `#[deprecated]` is copied to the three companions.
///
/// # Limits
/// - The fields have names, and the struct no lifetime parameters: the tables outlive every task.
/// - The struct does not implement `Drop`, because it is taken apart when an incarnation ends. A
///   field may.
/// - A recorded table cannot have the name of a method of every handle: see the limits of
///   [`macro@handlers`].
/// - The type needs a `#[handlers]` block, which may be empty.
#[proc_macro_attribute]
pub fn heir(options: TokenStream, item: TokenStream) -> TokenStream {
    heir::attach(&options.into(), item.into()).into()
}

/// Makes the methods of an impl block messages: an enum with a variant for each, and typed methods
/// of the handle.
///
/// # Anatomy
/// Every kind of method there is.
/// ```text
/// #[handlers(crate = ::heir_runtime)]         // the path of the runtime
/// impl<K: Key> Counter<K> {
///     /// A call: the caller gets the reply. Docs are copied to the handle's method.
///     pub async fn count(&mut self, key: K, by: u64) -> u64 { .. }
///     // The context is no part of the message.
///     pub fn reset(&mut self, cx: &mut Context<Self>, key: K) { .. }
///     #[cast]                                 // no reply
///     pub fn forget(&mut self, key: K) { .. }
///     #[redeliver(3)]                         // served again if the worker dies over it
///     pub async fn store(&mut self, key: K) -> Result<(), Full> { .. }
///     #[on(transfer)]
///     async fn received(&mut self, info: &TransferInfo) -> Result<(), Error> { .. }
///     #[on(start)]
///     async fn begin(&mut self, cx: &mut Context<Self>) { .. }
///     #[on(stop)]
///     async fn end(&mut self, reason: &ExitReason) { .. }
///     #[on(exit)]                             // the worker traps exits
///     async fn linked_ended(&mut self, signal: &ExitSignal) { .. }
///     #[on(down)]
///     async fn monitored_ended(&mut self, down: &Down) { .. }
///     #[on(verify)]
///     fn check(tables: &mut CounterTables<K>, exit: &Exit) -> Verdict { .. }
///     #[skip]                                 // an ordinary method
///     fn total(&self) -> u64 { .. }
///     const LIMIT: u64 = 7;                   // anything else that an impl block can have
/// }
/// ```
///
/// # The options of `#[handlers]`
/// | key | where | value | default | since |
/// |---|---|---|---|---|
/// | `crate` | `#[handlers(..)]` | a path that starts with `::` or `crate` | `::heir_runtime` | 0.1 |
///
/// # Methods
/// Every method takes `&mut self`, is sync or async, and is of one of these kinds; any other method
/// needs `#[skip]`. Only the function with `#[on(verify)]` has no `self`.
///
/// ## Calls
/// A method without an attribute. The caller waits for the reply: the value that the method
/// returns, sent once the message has committed.
/// ```text
/// pub async fn count(&mut self, key: String) -> u64
/// // the handle:
/// pub fn count(&self, key: String) -> impl Future<Output = CallResult<u64, (String,)>>
/// pub fn try_count(&self, key: String) -> impl Future<Output = CallResult<u64, (String,)>>
/// ```
///
/// ## `#[cast]`
/// A message without a reply. The caller waits only for a permit of the mailbox; `try_` does not
/// wait at all.
/// ```text
/// #[cast]
/// pub fn forget(&mut self, key: String)
/// // the handle:
/// pub fn forget(&self, key: String) -> impl Future<Output = CastResult<(String,)>>
/// pub fn try_forget(&self, key: String) -> CastResult<(String,)>
/// ```
///
/// ## `#[redeliver(..)]`
/// On a call or a cast: if the worker dies while it serves the message, the next incarnation serves
/// it again, up to this many times (from 1). After that, the caller is told of the last death.
///
/// Before the message is served again, its changes to recorded and `rollback` tables are undone.
/// Any other effect may happen again: delivery is at least once. So the handler must be able to run
/// twice, or change only recorded and `rollback` tables. Its arguments are `Clone`.
/// ```text
/// #[redeliver(3)]
/// pub async fn store(&mut self, key: String) -> Result<(), Full>
/// ```
///
/// ## Arguments
/// Each argument has a name and an owned, `Send + 'static` type, and so is the reply's type. An
/// argument that is a reference to a type called `Context` is the incarnation's context, which no
/// caller gives.
///
/// ## `#[on(..)]`
/// A hook, which runs at an event of an incarnation's life, or between two lives. There is at most
/// one for each event. Every hook but `verify` takes `&mut self`, is sync or async, and can take
/// `&mut Context<Self>`.
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
/// A hook's error ends the incarnation, and is the reason. In `transfer` and `start` it fails the
/// start.
///
/// `exit` and `down` run between two messages, before the messages in the mailbox, and each is a
/// transaction as a message is. A worker with an `exit` hook traps exits: exit signals from its
/// links, from its own tasks and from `Handle::exit` do not end it, unless the hook does (by
/// `cx.stop_with(..)`, or an error).
///
/// `stop` runs when the incarnation was asked to stop, while it still owns its tables. The mailbox
/// is closed by then if the end is for good, and stays open if the worker is to be restarted. The
/// hook may take the rest of the shutdown timeout. A tree stops its children in reverse order, so
/// the hook can call, and wait for,
/// - a sibling that was started before this worker, and the workers in a subtree that was: they
///   serve until it is their turn to stop;
/// - anything outside of the tree.
///
/// The hook waits in vain, until the timeout ends it, for a call to its own worker, for a call to a
/// sibling that is stopped together with it (as when the stop hooks of two workers of one `Dynamic`
/// call each other), and for a sibling that is restarted only after it (`rest_for_one`,
/// `one_for_all`). A call to a worker that has stopped for good is refused at once.
///
/// `verify` is a sync function without `self`, because no incarnation lives when it runs. It takes
/// `&mut CounterTables`, and its verdict says whether the next incarnation gets them as they are.
/// ```text
/// #[on(verify)]
/// fn check(tables: &mut CounterTables, exit: &Exit) -> Verdict
/// ```
///
/// ## `#[skip]`
/// An ordinary method or associated function. Constants and types need no attribute.
///
/// # What is generated
/// The impl block stays as it is, without these attributes. After it, in a `const _`, stands (a
/// test compares this with the generated code):
/// ```text
/// pub enum __Message { .. }                   // Count(Call<(String,), u64>), ..
/// impl Message for __Message { .. }
/// impl Handlers for Counter {
///     type Message = __Message;
///     type Handle = CounterHandle;
///     async fn handle(&mut self, message: &mut Self::Message, _cx: &mut Context<Self>) { .. }
/// }                                           // and the hooks
/// impl CounterHandle { .. }                   // for each handler two methods, with its docs
/// ```
/// `#[cfg]` on a method is copied to all code that is generated from it. `#[deprecated]` moves to
/// the handle's methods. `#[allow(..)]` and `#[expect(..)]` on the block or on a method become
/// `#[allow(..)]` of the generated code.
///
/// # Limits
/// - One `#[handlers]` block for a type; further methods go into ordinary impl blocks.
/// - No generics, `unsafe`, `const` or `extern` on a handler, and no patterns as arguments.
/// - A message cannot have the name of a method every handle has: `name`, `with_timeout`, `call`, `try_call`,
///   `cast`, `try_cast`, `incarnation`, `status`, `queued`, `estate`,
///   `readers`, `snapshot`, `quarantined`, `take_quarantined`, `exit`, `monitor`, `kill`, `kill_manager`, `restart`, `pause`, `resume`,
///   `is_paused`, `stop`, `wait_stopped`, `wait_serving`, `downgrade`, `clone`; nor can there be a handler `try_count` beside
///   `count`.
/// - Markers behind `#[cfg_attr(..)]` are not seen, nor are methods that a macro writes within the block: a call of one is an error.
///   A macro may write the block as a whole.
#[proc_macro_attribute]
pub fn handlers(options: TokenStream, item: TokenStream) -> TokenStream {
    handlers::attach(options.into(), item.into()).into()
}

/// The derive that `#[heir]` attaches to its struct. Not for use by hand.
#[doc(hidden)]
#[proc_macro_derive(Heir, attributes(__heir, table, arg, fresh, child))]
pub fn derive_heir(item: TokenStream) -> TokenStream {
    heir::derive(item.into()).into()
}

/// Makes a struct a supervisor: its fields are the children, in the order in which they are
/// started.
///
/// # Anatomy
/// The longest use, with every option; the shortest has none.
/// ```text
/// #[supervisor(
///     name = "app",                   // the supervisor's name
///     strategy = rest_for_one,        // one_for_one | one_for_all | rest_for_one
///     intensity = 5,                  // so many restarts are allowed
///     period = "10s",                 // in this time
///     auto_shutdown = any_significant, // never | any_significant | all_significant
///     crate = ::heir_runtime,         // the path of the runtime
/// )]
/// pub struct App<K: Key> {            // type and const parameters, bounds, defaults; no lifetimes
///     /// Docs are copied to the field of `AppHandle`.
///     #[child(
///         args(limits: Limits),       // arguments of its spec, and of `App::start`
///         name = "hits",              // the child's name in its supervisor
///         restart = transient,        // permanent | transient | temporary
///         shutdown = "1s",            // or brutal_kill
///         significant,                // the supervisor may end when the child has ended
///         backoff = "100ms",          // or none, or exponential("100ms", "10s")
///     )]
///     counter: Counter,               // a worker: a struct with `#[heir]`
///     pub io: Io,                     // a subtree: another struct with `#[supervisor]`
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
/// Each option is given at most once, in any order. `name`, `intensity` and `period` can be
/// overridden on the builder that `App::spec` returns. Lengths of time are written as in
/// [`macro@heir`].
///
/// ## `name`
/// The supervisor's name in logs, in events and in pictures of the tree. A subtree gets the name of
/// its field, or of `#[child(name = ..)]`, instead.
/// ```text
/// #[supervisor(name = "front end")]
/// ```
///
/// ## `strategy`
/// Which children are restarted when a child ends: with `one_for_one` that child, with
/// `one_for_all` all children, with `rest_for_one` that child and those declared after it.
/// ```text
/// #[supervisor(strategy = rest_for_one)]
/// ```
///
/// ## `intensity`
/// How many restarts, of all children together, are allowed in one `period`. With one more the
/// supervisor gives up; its own supervisor then restarts it, with all of its children and their
/// tables. With 0 it gives up at the first.
/// ```text
/// #[supervisor(intensity = 5, period = "30s")]
/// ```
///
/// ## `period`
/// The length of the sliding window in which restarts are counted.
/// ```text
/// #[supervisor(period = "1m")]
/// ```
///
/// ## `auto_shutdown`
/// Whether the supervisor ends by itself when `significant` children have ended: with
/// `any_significant` when the first of them has, with `all_significant` when the last of them has.
/// ```text
/// #[supervisor(auto_shutdown = all_significant)]
/// ```
///
/// ## `crate`
/// The path of `heir-runtime`, if it is renamed or re-exported. The path must hold wherever the
/// generated code stands.
/// ```text
/// #[supervisor(crate = crate::reexports::heir_runtime)]
/// ```
///
/// # Fields
/// Each field is a child. A supervisor has at least one. The field's type is
///
/// - a worker: a struct with [`macro@heir`] and [`macro@handlers`];
/// - a subtree: another struct with `#[supervisor]`;
/// - `Dynamic<K, W>`: a subtree of any number of workers of one type, started and found by key.
///
/// The tree starts the children in the order of the fields, and stops them in reverse.
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
/// All options but `args` override, for this one child, the options of its own `#[heir(..)]`. A
/// subtree has no such options, so without these it has the defaults.
///
/// ### `args`
/// The arguments of the child's `spec`: the `#[arg]` fields of a worker, the arguments of a
/// subtree. They become arguments of `App::spec` and `App::start`, in the order of the fields, so
/// their names must differ.
/// ```text
/// #[child(args(limits: Limits, path: PathBuf))]
/// ```
///
/// ### `significant`
/// The supervisor may end when this child has ended and is not restarted, as `auto_shutdown` says.
/// A permanent child is always restarted, so it cannot be significant.
/// ```text
/// #[child(restart = transient, significant)]
/// ```
///
/// # What is generated
/// For `pub struct App`, with its visibility and generics (a test compares this with the generated
/// code):
/// ```text
/// pub struct AppHandle {
///     pub counter: <Counter as Child>::Handle, // `CounterHandle`; if private, as visible as `App`
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
/// impl NoArgs for App { .. }                  // if it takes no arguments
/// ```
/// `Supervisor<AppHandle>` derefs to `AppHandle`, which derefs to `SupervisorHandle`:
/// `app.counter.count(..)`, `app.io.reader`, `app.tree()`. `spec` is written as by hand:
/// ```text
/// let mut tree = Supervisor::builder("app").strategy(Strategy::RestForOne);
/// let counter = tree.child(Counter::spec(limits).name("hits").restart(Restart::Transient));
/// let io = tree.child(Io::spec().name("io"));
/// let sessions = tree.child(Dynamic::<K, Session>::spec().name("sessions"));
/// tree.declared(|supervisor| AppHandle { counter, io, sessions, .. })
/// ```
/// The struct itself stays as it is, with its other attributes and derives. No value of it is ever
/// made. `#[allow(..)]` and `#[expect(..)]` on the struct or on a field become `#[allow(..)]` of
/// the generated code; `#[deprecated]` is copied to the handle. `#[cfg(..)]` on a field is copied
/// to all code that is generated from it, the arguments of the child included.
///
/// # Limits
/// - The fields have names, and the struct no lifetime parameters: children run in their own tasks.
/// - A field whose type is a type parameter must be a worker without arguments: the generated code
///   has the bound `W: Handlers + Worker<Args = ()>`.
/// - With more than seven arguments clippy reports `too_many_arguments`, which can be allowed on
///   the struct.
#[proc_macro_attribute]
pub fn supervisor(options: TokenStream, item: TokenStream) -> TokenStream {
    supervisor::attach(&options.into(), item.into()).into()
}

/// The derive that `#[supervisor]` attaches to its struct. Not for use by hand.
#[doc(hidden)]
#[proc_macro_derive(Supervisor, attributes(__supervisor, child, table, arg, fresh))]
pub fn derive_supervisor(item: TokenStream) -> TokenStream {
    supervisor::derive(item.into()).into()
}
