//! Each feature of Erlang's OTP, and where it is here.
//!
//! A worker is typed by its messages, and its tables and its mailbox stay while its incarnations
//! come and go. If a feature is left out, the reason stands beside it.
//!
//! # `supervisor`
//! | OTP | here |
//! |---|---|
//! | a supervisor module, `init/1` | a struct with [`#[supervisor]`](macro@crate::supervisor), or [`Supervisor::builder`](crate::Supervisor::builder) |
//! | `start_link/3` | [`SupervisorBuilder::start`](crate::SupervisorBuilder::start), or the generated `App::start`; dropping the [`Supervisor`](crate::Supervisor) is the link to its starter |
//! | `one_for_one`, `one_for_all`, `rest_for_one` | [`Strategy`](crate::Strategy) |
//! | `simple_one_for_one` | [`Dynamic`](crate::Dynamic), with a key for each worker |
//! | `intensity`, `period` | [`intensity`](crate::SupervisorBuilder::intensity), [`period`](crate::SupervisorBuilder::period); the default is 10 in 10 seconds |
//! | `auto_shutdown`, `significant` | [`AutoShutdown`](crate::supervision::AutoShutdown), [`Spec::significant`](crate::Spec::significant) |
//! | child `id` | [`Spec::name`](crate::Spec::name); in a declared tree the field's name |
//! | child `start` | the worker's `spec(..)`, whose arguments each incarnation gets a clone of |
//! | `permanent`, `transient`, `temporary` | [`Restart`](crate::Restart) |
//! | `shutdown`: a time, `brutal_kill`, `infinity` | [`Shutdown`](crate::Shutdown); `infinity` is a timeout of [`Duration::MAX`](std::time::Duration::MAX), and the default of a subtree is what its children have together |
//! | child `type` | by its type: a [`Spec`](crate::Spec) or a [`SupervisorBuilder`](crate::SupervisorBuilder) |
//! | child `modules` | none: code is not loaded at run time |
//! | `start_child/2` | [`start_child`](crate::SupervisorHandle::start_child), [`Dynamic::start`](crate::Dynamic::start) |
//! | `terminate_child/2`, `restart_child/2`, `delete_child/2` | [`terminate_child`](crate::SupervisorHandle::terminate_child), [`restart_child`](crate::SupervisorHandle::restart_child), [`delete_child`](crate::SupervisorHandle::delete_child) |
//! | `which_children/1`, `count_children/1`, `get_childspec/2` | [`which_children`](crate::SupervisorHandle::which_children), [`count_children`](crate::SupervisorHandle::count_children); a spec is the caller's own value |
//! | `check_childspecs/1` | the compiler; what it cannot see is a [`StartError`](crate::StartError) before anything starts |
//! | escalation | a supervisor that gives up ends as if shut down, and its own supervisor restarts it, with the same children and their tables |
//! | back-off between restarts | not in OTP: [`Backoff`](crate::Backoff) |
//! | the end of an application, `init:stop/0`, heart | [`Supervisor::run_until`](crate::Supervisor::run_until), and `run_until_shutdown` with the feature `signal`; the report is the [exit code](crate::supervision::ShutdownReport::exit_code) |
//! | probes of a release | not in OTP: [`SupervisorHandle::health`](crate::SupervisorHandle::health) |
//! | `observer`, `appmon` | [`tree`](crate::SupervisorHandle::tree) as data, as text and as a diagram, [`counts`](crate::SupervisorHandle::counts) and [`page`](crate::SupervisorHandle::page)s for very many workers |
//! | `ignore` from a start | none: a child that is not wanted is not in the tree, or started later |
//! | `supervisor_bridge` | none: a worker runs foreign code as a [task](crate::Context::spawn) linked to it |
//!
//! # `gen_server`
//! | OTP | here |
//! |---|---|
//! | `init/1`, `handle_continue/2` | `init` of a table for state that survives, `#[fresh]` for state that does not, and the hook `#[on(start)]` |
//! | the state | the struct's fields: its tables survive, the rest does not |
//! | `call/2`, `handle_call/3` | a method in [`#[handlers]`](macro@crate::handlers), and one of the handle |
//! | `call/3` with a timeout | [`Handle::with_timeout`](crate::Handle::with_timeout) |
//! | `cast/2`, `handle_cast/2` | `#[cast]` |
//! | `{noreply, ..}` and `reply/2` later | a [`Reply`](crate::Reply) as the last argument of a handler; it can lie in a table, and the next incarnation can send it |
//! | `send_request/2`, `receive_response/2` | a call is a future: join it with others, or spawn it; in a handler, [`cx.send(call.answer_to(..))`](crate::Context::send) has the answer come to another handler |
//! | a message that is sent, and then the sender crashes | sent by a handle, it has left; sent by [`Context::send`](crate::Context::send), it leaves with the commit or not at all |
//! | `multi_call/4`, `abcast/3` | none: one process |
//! | `handle_info/2` | none: every message has a type. [Attachments](crate::Context::attach_stream) turn streams, futures and timers into messages |
//! | `{stop, Reason, ..}` | [`Context::stop`](crate::Context::stop), [`stop_with`](crate::Context::stop_with), [`fail`](crate::Context::fail) |
//! | `terminate/2` | the hook `#[on(stop)]`; unlike there it need not save anything |
//! | `stop/1` | [`Handle::stop`](crate::Handle::stop) |
//! | `code_change/3` | [`upgrade_child`](crate::SupervisorHandle::upgrade_child): a worker of another type takes over the tables |
//! | `sys:suspend/1`, `sys:resume/1` | [`Handle::pause`](crate::Handle::pause), [`resume`](crate::Handle::resume) |
//! | `sys:get_state/1`, `format_status/1` | the [readers](crate::table) of its recorded tables, without asking it |
//! | the crash report of a process | [`events::report_panics`](crate::events::report_panics) |
//! | `sys:trace/2`, `sys:statistics/2` | [`Event`](crate::events::Event)s, to `tracing` and to observers |
//! | timeouts of a state, `hibernate` | [`send_after`](crate::Context::send_after); nothing to hibernate: an idle worker has no stack |
//! | a process that loops for ever is pre-empted | no worker can be pre-empted: [`Spec::heartbeat`](crate::Spec::heartbeat) reports it, and everything around it goes on |
//!
//! # Processes
//! | OTP | here |
//! |---|---|
//! | a pid | a [`Handle`](crate::Handle), good for every incarnation; [`Context::incarnation`](crate::Context::incarnation) tells them apart |
//! | `link/1`, `unlink/1` | [`Context::link`](crate::Context::link), [`unlink`](crate::Context::unlink) |
//! | `spawn_link/1` | [`Context::spawn`](crate::Context::spawn): a task that does not outlive its incarnation |
//! | `monitor/2`, `demonitor/1` | [`Context::monitor`](crate::Context::monitor), [`demonitor`](crate::Context::demonitor), the hook `#[on(down)]`; from outside [`Handle::monitor`](crate::Handle::monitor) |
//! | `process_flag(trap_exit, true)` | the hook `#[on(exit)]` |
//! | `exit(Pid, Reason)`, `exit(Pid, kill)` | [`Handle::exit`](crate::Handle::exit), [`Handle::kill`](crate::Handle::kill) |
//! | exit reasons | [`ExitReason`](crate::ExitReason); `normal`, `shutdown` and `{shutdown, _}` are normal ends |
//! | `register/2`, `whereis/1` | [`Spec::registered`](crate::Spec::registered), [`whereis`](crate::SupervisorHandle::whereis): typed, and of one tree |
//! | `global`, `pg`, distribution | none: one process, and nothing in it is global |
//! | `send_after/3`, `timer:send_interval/2`, `cancel_timer/1` | [`Context::send_after`](crate::Context::send_after), [`send_delayed`](crate::Context::send_delayed), [`send_every`](crate::Context::send_every), [`Attachment::cancel`](crate::Attachment::cancel) |
//! | a timer that outlives its process | none in OTP: [`#[every(..)]`](crate::handlers), [`Spec::every`](crate::Spec::every) |
//! | selective receive | none: a mailbox is served in order; [`pause`](crate::Handle::pause) holds it |
//! | priorities, `max_heap_size` | none: tokio's scheduler is fair, and memory is the process's |
//!
//! # `ets`
//! | OTP | here |
//! |---|---|
//! | `set`, `ordered_set`, `bag` | [`Table`](crate::Table), [`OrderedTable`](crate::OrderedTable), [`BagTable`](crate::BagTable): [each function](crate::table) |
//! | `private`, `protected`, `public` | `#[table(keep)]` on a collection; a recorded table and its readers; `#[table(keep)]` on a concurrent map |
//! | `heir`, `give_away/3`, `'ETS-TRANSFER'` | [`Estate`](crate::estate::Estate) and [`Lease`](crate::estate::Lease); in a worker the hook `#[on(transfer)]` |
