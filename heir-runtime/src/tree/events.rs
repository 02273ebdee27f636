//! The events of a tree: what happens to tables, and what supervisors decide.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::process::exit::{Exit, ExitReason};
use crate::process::status::Stopped;
use crate::util::caught::CatchDrop;

/// One step in the life of a worker's tables, or one decision of a supervisor. Its `Display` is a
/// sentence.
///
/// Every event goes to [`tracing`] (target `heir`), to the observers of its tree
/// ([`SupervisorBuilder::observe`](crate::SupervisorBuilder::observe)), and to its subscribers
/// ([`SupervisorHandle::subscribe`](crate::SupervisorHandle::subscribe)).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Event {
    /// When it happened.
    pub at: SystemTime,
    /// The name of the worker or supervisor.
    pub child: Arc<str>,
    /// The name after those of all supervisors above: `app/shop/stock`.
    pub path: Arc<str>,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum EventKind {
    /// An incarnation has been started, and waits for its tables.
    #[non_exhaustive]
    WorkerStarted {
        /// Its number.
        incarnation: u64,
    },
    /// A manager has been started, and traps exits.
    ManagerStarted,
    /// The manager has linked to an incarnation that waits for its tables.
    #[non_exhaustive]
    Linked {
        /// Its number.
        incarnation: u64,
    },
    /// The manager has created the tables.
    TablesCreated,
    /// The manager has loaded the tables from the store (`survives = process`).
    TablesLoaded,
    /// The manager is the heir.
    BecameHeir,
    /// The manager gives the tables to an incarnation.
    #[non_exhaustive]
    GivesAway {
        /// Its number.
        incarnation: u64,
    },
    /// An incarnation has its tables.
    #[non_exhaustive]
    Received {
        /// Its number.
        incarnation: u64,
    },
    /// An incarnation serves: its hooks have succeeded.
    #[non_exhaustive]
    Serving {
        /// Its number.
        incarnation: u64,
    },
    /// A user's code has panicked in a task of this worker, and
    /// [`report_panics`](crate::events::report_panics) has been called. Events that follow from it, as
    /// [`Restarting`](Self::Restarting) does, come after it.
    #[non_exhaustive]
    Panicked {
        /// The worker, or its manager.
        role: Role,
        /// Which incarnation of a worker; `None` for a manager.
        incarnation: Option<u64>,
        /// The handler (`count`), the hook (`#[on(start)]`), or `init`, if that is known: a destructor
        /// may run in none of them.
        handler: Option<&'static str>,
        /// The name of the task, if it is one that the worker has [attached](crate::Context::spawn).
        task: Option<Arc<str>>,
        /// The file, line and column.
        place: Arc<str>,
        /// The message of the panic. The sentence has it on one line.
        message: Arc<str>,
        /// The backtrace, if `RUST_BACKTRACE` asks for one.
        backtrace: Option<Arc<str>>,
    },
    /// The manager has the tables back, and has undone what their owner left half-written.
    #[non_exhaustive]
    Regained {
        /// How their owner ended.
        exit: Exit,
    },
    /// A user's code panicked, mostly a destructor, while the remains of an incarnation were undone
    /// and dropped.
    #[non_exhaustive]
    CodePanicked {
        /// The message of the panic.
        message: Arc<str>,
    },
    /// The store of the worker has failed: the manager waits until it is known what the store has kept.
    #[non_exhaustive]
    StoreFailed {
        /// Why.
        error: Arc<str>,
    },
    /// The store of the worker has taken longer than its bound to keep a batch
    /// (`StoreOptions::slow`). It is told again when the store has been faster since.
    #[non_exhaustive]
    StoreSlow {
        /// How long it took.
        took: Duration,
    },
    /// The file system of the worker's store has less room left than its bound
    /// (`StoreOptions::nearly_full`). It is told again when there has been more since.
    #[non_exhaustive]
    StoreNearlyFull {
        /// How many bytes are left.
        left: u64,
    },
    /// The verify hook had the tables made anew.
    Reset,
    /// The tables are not to be trusted: they have been parked, or the worker stops and they wait
    /// in its estate.
    #[non_exhaustive]
    Quarantined {
        /// Why.
        reason: Arc<str>,
    },
    /// The tables are not to be trusted, but nobody has written to them since they were created:
    /// they have been made anew, and nothing is parked.
    #[non_exhaustive]
    Renewed {
        /// Why they are not to be trusted.
        reason: Arc<str>,
    },
    /// The manager waits for the next incarnation.
    Waiting,
    /// A child has ended and is started again.
    #[non_exhaustive]
    Restarting {
        /// The worker, its manager, or a supervisor.
        role: Role,
        /// Why it ended.
        reason: ExitReason,
    },
    /// A child that ended is started again after this time.
    #[non_exhaustive]
    Delayed {
        /// The worker, its manager, or a supervisor.
        role: Role,
        /// How long its back-off is.
        delay: Duration,
    },
    /// A message is put back, to be served again by the next incarnation: its handler is
    /// `#[redeliver]`.
    #[non_exhaustive]
    Redelivers {
        /// The handler.
        handler: &'static str,
        /// How often it has been served so far.
        tries: u32,
    },
    /// Ticks of an `#[every]` handler were skipped, because the one before them was late.
    #[non_exhaustive]
    TicksSkipped {
        /// The handler.
        handler: &'static str,
        /// How many.
        ticks: u64,
    },
    /// What was to be sent is dropped: the message that sent it ([`cx.send`](crate::Context::send),
    /// [`reply.send`](crate::Reply::send)) has died; or the worker has stopped for good before a
    /// [delayed](crate::Context::send_delayed) message was due.
    #[non_exhaustive]
    SendsDropped {
        /// The incarnation that served that message.
        incarnation: u64,
        /// How many messages and replies.
        sends: usize,
    },
    /// A child did not stop within its shutdown time, and is aborted.
    #[non_exhaustive]
    Aborted {
        /// The worker, its manager, or a supervisor.
        role: Role,
    },
    /// A supervisor starts its children.
    SupervisorStarted,
    /// All children of a supervisor are up.
    SupervisorRunning,
    /// A supervisor stops several children because of one that has ended, and starts them again.
    #[non_exhaustive]
    RestartingTogether {
        /// How many, with the one that has ended.
        children: usize,
    },
    /// A supervisor and its children are gone for good.
    #[non_exhaustive]
    SupervisorStopped {
        /// Why.
        why: Stopped,
    },
    /// A child was stopped on request, until it is asked for again.
    Terminated,
    /// A worker of another type gets the tables, and the id of this worker.
    Upgraded,
    /// A child is not started again. The tables stay in the estate.
    #[non_exhaustive]
    Retired {
        /// Why.
        why: Stopped,
        /// How many messages were queued and not served. Their callers were told; messages without
        /// a caller went to [`Spec::on_undelivered`](crate::Spec::on_undelivered).
        undelivered: usize,
    },
    /// A child went on after it was aborted: it does not yield to the runtime. Its tables stay with
    /// it until it does.
    #[non_exhaustive]
    Unresponsive {
        /// The worker, its manager, or a supervisor.
        role: Role,
        /// Which incarnation of a worker; `None` for the others.
        incarnation: Option<u64>,
    },
    /// The supervisor has given up on this child: more restarts than its intensity allows for each.
    /// The child is down, until somebody asks for it. The tables stay in the estate.
    #[non_exhaustive]
    GaveUpOn {
        /// Why the child's task ended whose restart was too many.
        reason: ExitReason,
    },
    /// The supervisor has given up: more restarts than its intensity allows.
    #[non_exhaustive]
    GaveUp {
        /// Why the child ended whose restart was too many.
        reason: ExitReason,
    },
}

/// What a child of a supervisor is. Every worker has two children: itself and its manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Role {
    /// A worker, which owns the tables.
    Worker,
    /// A manager, which inherits the tables.
    Manager,
    /// The root of a subtree.
    Supervisor,
}

impl Role {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Manager => "manager",
            Self::Supervisor => "supervisor",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.child, self.kind)
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WorkerStarted { incarnation } => {
                write!(f, "worker {incarnation} started, waits for its tables")
            }
            Self::ManagerStarted => f.write_str("manager started, traps exits"),
            Self::Linked { incarnation } => write!(f, "manager links to worker {incarnation}"),
            Self::TablesCreated => f.write_str("manager creates the tables"),
            Self::TablesLoaded => f.write_str("manager loads the tables from the store"),
            Self::BecameHeir => f.write_str("manager is the heir of the tables"),
            Self::GivesAway { incarnation } => {
                write!(f, "manager gives the tables to worker {incarnation}")
            }
            Self::Received { incarnation } => write!(f, "worker {incarnation} received the tables"),
            Self::Serving { incarnation } => write!(f, "worker {incarnation} serves"),
            Self::Panicked { role, incarnation, handler, task, place, message, .. } => {
                write!(f, "{role}")?;
                incarnation.map_or(Ok(()), |incarnation| write!(f, " {incarnation}"))?;
                f.write_str(" panicked")?;
                handler.map_or(Ok(()), |handler| write!(f, " in `{handler}`"))?;
                task.as_ref().map_or(Ok(()), |task| write!(f, " in task `{task}`"))?;
                write!(f, " at {place}: {}", OnOneLine(message))
            }
            Self::Regained { exit } => write!(
                f,
                "worker {} died{} ({}), manager regains the tables",
                exit.incarnation,
                if exit.in_message { " in the middle of a message" } else { "" },
                exit.reason
            ),
            Self::CodePanicked { message } => {
                write!(f, "a panic while the dead worker was cleared away: {message}")
            }
            Self::StoreFailed { error } => write!(f, "the store has failed: {error}"),
            Self::StoreSlow { took } => write!(f, "the store is slow: it took {took:.1?} to keep a batch"),
            Self::StoreNearlyFull { left } => {
                write!(f, "the store is nearly full: its file system has {} MiB left", left >> 20)
            }
            Self::Reset => f.write_str("the verify hook resets the tables"),
            Self::Quarantined { reason } => write!(f, "the tables are quarantined: {reason}"),
            Self::Renewed { reason } => {
                write!(f, "the tables, to which nobody has written, are made anew: {reason}")
            }
            Self::Waiting => f.write_str("manager waits for the next worker"),
            Self::Restarting { role, reason } => {
                write!(f, "{role} ended ({reason}), supervisor restarts it")
            }
            Self::Delayed { role, delay: Duration::MAX } => {
                write!(f, "{role} is not started again before it is asked for: its back-off never ends")
            }
            Self::Delayed { role, delay } => write!(f, "{role} is started again in {delay:?}"),
            Self::Redelivers { handler, tries: 1 } => {
                write!(f, "the message for `{handler}` was served once and is served again")
            }
            Self::Redelivers { handler, tries } => {
                write!(f, "the message for `{handler}` was served {tries} times and is served again")
            }
            Self::TicksSkipped { handler, ticks } => {
                write!(f, "{ticks} ticks for `{handler}` are skipped, the one before them was late")
            }
            Self::SendsDropped { incarnation, sends } => {
                write!(f, "{sends} messages of worker {incarnation} are not sent: it ended before they left")
            }
            Self::Aborted { role } => {
                write!(f, "{role} did not stop within its shutdown time, supervisor aborts it")
            }
            Self::SupervisorStarted => f.write_str("supervisor started, starts its children"),
            Self::SupervisorRunning => f.write_str("supervisor runs, all its children are up"),
            Self::RestartingTogether { children } => {
                write!(f, "supervisor restarts {children} children together")
            }
            Self::SupervisorStopped { why } => write!(f, "supervisor stopped for good: {why}"),
            Self::Terminated => f.write_str("stopped on request; it can be started again"),
            Self::Upgraded => f.write_str("a worker of another type takes its id, and its tables"),
            Self::Retired { why, undelivered: 0 } => {
                write!(f, "stopped for good: {why}; the tables stay in the estate")
            }
            Self::Retired { why, undelivered } => write!(
                f,
                "stopped for good: {why}; {undelivered} queued messages were not served; the tables stay in the estate"
            ),
            Self::Unresponsive { role, .. } => {
                write!(f, "{role} does not yield to the runtime; what it holds stays with it until it does")
            }
            Self::GaveUpOn { reason } => write!(
                f,
                "given up after too many restarts, the last because of {reason}; it can be started again"
            ),
            Self::GaveUp { reason } => {
                write!(f, "gives up: too many restarts, the last because of {reason}")
            }
        }
    }
}

/// Text on one line: control characters, line feeds among them, are escaped.
struct OnOneLine<'t>(&'t str);

impl fmt::Display for OnOneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|char| {
            if char.is_control() { write!(f, "{}", char.escape_default()) } else { write!(f, "{char}") }
        })
    }
}

/// A user's observer of a tree. Its panics are caught, and panics of its captures' destructors,
/// too.
pub(crate) type Observer = CatchDrop<Box<dyn Fn(&Event) + Send + Sync>>;

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// Compares each value with its sentence. A type's list has all its variants: the match, which is
    /// made of the list, does not compile without one.
    macro_rules! sentences {
        ($type:ident: $($variant:ident $fields:tt => $sentence:literal,)+) => {{
            #[allow(unreachable_patterns, reason = "a variant may have several sentences")]
            let _has_every_variant = |value: &$type| match value {
                $($type::$variant { .. } => {})+
            };
            $(assert_eq!(($type::$variant $fields).to_string(), $sentence);)+
        }};
    }

    #[test]
    fn each_event_is_a_sentence() {
        let words = || Arc::from("oh");
        let died =
            |in_message| Exit { incarnation: 7, reason: ExitReason::Killed, in_message, at: Instant::now() };
        let event = Event {
            at: SystemTime::now(),
            child: Arc::from("counter"),
            path: Arc::from("app/counter"),
            kind: EventKind::Waiting,
        };
        assert_eq!(event.to_string(), "counter: manager waits for the next worker");
        sentences! { EventKind:
            WorkerStarted { incarnation: 7 } => "worker 7 started, waits for its tables",
            ManagerStarted {} => "manager started, traps exits",
            Linked { incarnation: 7 } => "manager links to worker 7",
            TablesCreated {} => "manager creates the tables",
            TablesLoaded {} => "manager loads the tables from the store",
            BecameHeir {} => "manager is the heir of the tables",
            GivesAway { incarnation: 7 } => "manager gives the tables to worker 7",
            Received { incarnation: 7 } => "worker 7 received the tables",
            Serving { incarnation: 7 } => "worker 7 serves",
            Panicked {
                role: Role::Worker, incarnation: Some(7), handler: Some("count"), task: None,
                place: "src/main.rs:12:9".into(), message: "oh\n\u{1b}[1m: é".into(), backtrace: None
            } => r"worker 7 panicked in `count` at src/main.rs:12:9: oh\n\u{1b}[1m: é",
            Panicked {
                role: Role::Worker, incarnation: Some(7), handler: None, task: Some("reader".into()),
                place: "src/main.rs:12:9".into(), message: words(), backtrace: Some(words())
            } => "worker 7 panicked in task `reader` at src/main.rs:12:9: oh",
            Panicked {
                role: Role::Manager, incarnation: None, handler: None, task: None,
                place: "src/main.rs:12:9".into(), message: words(), backtrace: None
            } => "manager panicked at src/main.rs:12:9: oh",
            Regained { exit: died(false) } => "worker 7 died (killed), manager regains the tables",
            Regained { exit: died(true) } =>
                "worker 7 died in the middle of a message (killed), manager regains the tables",
            CodePanicked { message: words() } => "a panic while the dead worker was cleared away: oh",
            StoreFailed { error: words() } => "the store has failed: oh",
            StoreSlow { took: Duration::from_millis(1_250) } => "the store is slow: it took 1.2s to keep a batch",
            StoreNearlyFull { left: 90_000_000 } => "the store is nearly full: its file system has 85 MiB left",
            Reset {} => "the verify hook resets the tables",
            Quarantined { reason: words() } => "the tables are quarantined: oh",
            Renewed { reason: words() } => "the tables, to which nobody has written, are made anew: oh",
            Waiting {} => "manager waits for the next worker",
            Restarting { role: Role::Manager, reason: ExitReason::Killed } =>
                "manager ended (killed), supervisor restarts it",
            Delayed { role: Role::Worker, delay: Duration::from_millis(1_500) } =>
                "worker is started again in 1.5s",
            Delayed { role: Role::Worker, delay: Duration::MAX } =>
                "worker is not started again before it is asked for: its back-off never ends",
            Redelivers { handler: "count", tries: 1 } =>
                "the message for `count` was served once and is served again",
            Redelivers { handler: "count", tries: 2 } =>
                "the message for `count` was served 2 times and is served again",
            TicksSkipped { handler: "sweep", ticks: 3 } =>
                "3 ticks for `sweep` are skipped, the one before them was late",
            SendsDropped { incarnation: 7, sends: 2 } =>
                "2 messages of worker 7 are not sent: it ended before they left",
            Aborted { role: Role::Worker } =>
                "worker did not stop within its shutdown time, supervisor aborts it",
            SupervisorStarted {} => "supervisor started, starts its children",
            SupervisorRunning {} => "supervisor runs, all its children are up",
            RestartingTogether { children: 3 } => "supervisor restarts 3 children together",
            SupervisorStopped { why: Stopped::Shutdown } => "supervisor stopped for good: it was shut down",
            Terminated {} => "stopped on request; it can be started again",
            Upgraded {} => "a worker of another type takes its id, and its tables",
            Retired { why: Stopped::Shutdown, undelivered: 0 } =>
                "stopped for good: it was shut down; the tables stay in the estate",
            Retired { why: Stopped::Shutdown, undelivered: 3 } =>
                "stopped for good: it was shut down; 3 queued messages were not served; \
                 the tables stay in the estate",
            Unresponsive { role: Role::Worker, incarnation: Some(7) } =>
                "worker does not yield to the runtime; what it holds stays with it until it does",
            GaveUpOn { reason: ExitReason::Killed } =>
                "given up after too many restarts, the last because of killed; it can be started again",
            GaveUp { reason: ExitReason::Killed } =>
                "gives up: too many restarts, the last because of killed",
        }
    }

    #[test]
    fn so_are_roles_reasons_and_ends() {
        let words = || Arc::from("oh");
        sentences! { Role:
            Worker {} => "worker",
            Manager {} => "manager",
            Supervisor {} => "supervisor",
        }
        let limit = Duration::from_secs(5);
        sentences! { ExitReason:
            Normal {} => "normal",
            Shutdown {} => "shutdown",
            ShutdownWith(words()) => "shutdown: oh",
            Error(words()) => "error: oh",
            Panic(words()) => "panic: oh",
            Killed {} => "killed",
            TimedOut { handler: "count", limit } => "timed out: `count` took longer than 5s",
            Unresponsive { limit } => "unresponsive: it did not yield to the runtime for 5s",
            NoProc {} => "noproc: there was no living incarnation",
        }
        sentences! { Stopped:
            Shutdown {} => "it was shut down",
            Ended(ExitReason::Normal) => "it ended (normal) and is not to be restarted",
            GaveUp(ExitReason::Killed) =>
                "its supervisor gave up after too many restarts, the last because of killed",
            Quarantined(words()) => "its tables were quarantined: oh",
            QuarantineFull { reason: words(), parked: 3 } =>
                "its tables were quarantined (oh), and 3 before them are still parked: claim these from \
                 its estate, take those out with `Handle::take_quarantined`, and let \
                 `Spec::max_quarantined` allow more if that is too few",
            Upgraded {} => "another worker has taken its place, and its tables",
            NotStarted(words()) => "its supervisor did not start: oh",
            Significant(words()) => "its supervisor ended with its significant child `oh`",
            Dropped {} =>
                "its supervisor was dropped, alone or with its tokio runtime: keep what `start` returned \
                 until you call its `shutdown`",
        }
    }
}
