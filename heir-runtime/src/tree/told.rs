//! The events as `tracing` gets them: their names, levels and fields, in one table.

use tracing::field::display as shown;
use tracing::level_filters::LevelFilter;
use tracing::{Level, event};

use crate::tree::events::{Event, EventKind};

/// Each kind of event: its level, its name, and its fields beside `event` and `path`. The sentence comes
/// last.
///
/// `told` says, in conditions, whether the event follows from a panic that has been told: then it is no
/// warning.
macro_rules! kinds {
    ($told:ident: $($kind:pat $(if $guard:expr)? => $level:ident $name:literal { $($field:ident: $value:expr),* })+) => {
        #[allow(unused_variables, reason = "the fields are for `trace`")]
        impl EventKind {
            /// The name of the kind, as `tracing` and `serde` have it.
            pub fn name(&self) -> &'static str {
                let $told = false;
                match self {
                    $($kind $(if $guard)? => $name,)+
                }
            }

            /// The level at which `tracing` is told.
            pub(super) fn level(&self, $told: bool) -> Level {
                match self {
                    $($kind $(if $guard)? => Level::$level,)+
                }
            }
        }

        /// Tells `tracing`.
        pub(super) fn trace(event: &Event, $told: bool) {
            let path = &*event.path;
            match &event.kind {
                $($kind $(if $guard)? => {
                    event!(
                        name: $name, target: "heir", Level::$level, event = $name, path, $($field = $value,)* "{event}"
                    );
                })+
            }
        }
    };
}

kinds! { told:
    EventKind::WorkerStarted { incarnation } => DEBUG "worker_started" { incarnation: incarnation }
    EventKind::ManagerStarted => DEBUG "manager_started" {}
    EventKind::Linked { incarnation } => DEBUG "linked" { incarnation: incarnation }
    EventKind::TablesCreated => DEBUG "tables_created" {}
    EventKind::TablesLoaded => DEBUG "tables_loaded" {}
    EventKind::BecameHeir => DEBUG "became_heir" {}
    EventKind::GivesAway { incarnation } => DEBUG "gives_away" { incarnation: incarnation }
    EventKind::Received { incarnation } => DEBUG "received" { incarnation: incarnation }
    EventKind::Serving { incarnation } => DEBUG "serving" { incarnation: incarnation }
    EventKind::Panicked { role, incarnation, handler, task, place, message, backtrace } => ERROR "panicked" {
        role: shown(role), incarnation: incarnation, handler: handler, task: task.as_deref(),
        place: &**place, panic: &**message, backtrace: backtrace.as_deref()
    }
    EventKind::Regained { exit } if told || exit.reason.is_normal() => DEBUG "regained" {
        incarnation: exit.incarnation, reason: shown(&exit.reason), in_message: exit.in_message
    }
    EventKind::Regained { exit } => WARN "regained" {
        incarnation: exit.incarnation, reason: shown(&exit.reason), in_message: exit.in_message
    }
    EventKind::CodePanicked { message } if told => DEBUG "code_panicked" { panic: &**message }
    EventKind::CodePanicked { message } => WARN "code_panicked" { panic: &**message }
    EventKind::StoreFailed { error } => ERROR "store_failed" { error: &**error }
    EventKind::StoreSlow { took } => WARN "store_slow" { took_seconds: took.as_secs_f64() }
    EventKind::StoreNearlyFull { left } => WARN "store_nearly_full" { left_bytes: left }
    EventKind::Reset => WARN "reset" {}
    EventKind::Quarantined { reason } => ERROR "quarantined" { reason: &**reason }
    EventKind::Renewed { reason } => WARN "renewed" { reason: &**reason }
    EventKind::Waiting => DEBUG "waiting" {}
    EventKind::Restarting { role, reason } if told => DEBUG "restarting" {
        role: shown(role), reason: shown(reason)
    }
    EventKind::Restarting { role, reason } => WARN "restarting" { role: shown(role), reason: shown(reason) }
    EventKind::Delayed { role, delay } => DEBUG "delayed" { role: shown(role), delay_seconds: delay.as_secs_f64() }
    EventKind::Redelivers { handler, tries } => DEBUG "redelivers" { handler: handler, tries: tries }
    EventKind::TicksSkipped { handler, ticks } => INFO "ticks_skipped" { handler: handler, ticks: ticks }
    EventKind::SendsDropped { incarnation, sends } => WARN "sends_dropped" {
        incarnation: incarnation, sends: sends
    }
    EventKind::Aborted { role } => WARN "aborted" { role: shown(role) }
    EventKind::SupervisorStarted => DEBUG "supervisor_started" {}
    EventKind::SupervisorRunning => DEBUG "supervisor_running" {}
    EventKind::RestartingTogether { children } => INFO "restarting_together" { children: children }
    EventKind::SupervisorStopped { why } => INFO "supervisor_stopped" { why: shown(why) }
    EventKind::Terminated => DEBUG "terminated" {}
    EventKind::Upgraded => DEBUG "upgraded" {}
    EventKind::Retired { why, undelivered } => INFO "retired" { why: shown(why), undelivered: undelivered }
    EventKind::Unresponsive { role, incarnation } => ERROR "unresponsive" {
        role: shown(role), incarnation: incarnation
    }
    EventKind::GaveUpOn { reason } => ERROR "gave_up_on" { reason: shown(reason) }
    EventKind::GaveUp { reason } => ERROR "gave_up" { reason: shown(reason) }
}

/// Whether there is a subscriber of `tracing` that may listen. No subscriber is asked.
#[inline]
pub(crate) fn may_be_traced(kind: &EventKind) -> bool {
    // Mostly there is none at all: then the kind is not looked at.
    LevelFilter::current() >= LevelFilter::ERROR && LevelFilter::current() >= kind.level(false)
}

/// Whether a subscriber of `tracing` listens.
pub(crate) fn is_traced(kind: &EventKind, told: bool) -> bool {
    match kind.level(told) {
        Level::ERROR => tracing::enabled!(target: "heir", Level::ERROR),
        Level::WARN => tracing::enabled!(target: "heir", Level::WARN),
        Level::INFO => tracing::enabled!(target: "heir", Level::INFO),
        _ => tracing::enabled!(target: "heir", Level::DEBUG),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::{Debug, Write};
    use std::sync::Arc;
    use std::time::{Duration, SystemTime};

    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Metadata, Subscriber};

    use super::*;
    use crate::process::exit::{Exit, ExitReason};
    use crate::process::status::Stopped;
    use crate::tree::events::Role;
    use crate::util::fixtures::with_subscriber;
    use crate::util::sync::Lock;

    /// Keeps each event as a row of the table in the docs, and its sentence.
    #[derive(Clone, Default)]
    struct Rows(Arc<Lock<Vec<[String; 4]>>>);

    #[derive(Default)]
    struct Fields {
        names: Vec<&'static str>,
        sentence: String,
    }

    impl Visit for Fields {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            if field.name() == "message" {
                write!(self.sentence, "{value:?}").unwrap();
            } else {
                self.names.push(field.name());
            }
        }
    }

    impl Subscriber for Rows {
        fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _span: &Attributes<'_>) -> Id {
            unreachable!("an event is no span")
        }

        fn record(&self, _span: &Id, _values: &Record<'_>) {}

        fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

        fn event(&self, event: &tracing::Event<'_>) {
            let mut fields = Fields::default();
            event.record(&mut fields);
            let metadata = event.metadata();
            assert_eq!(metadata.target(), "heir");
            assert_eq!(fields.names.drain(..2).collect::<Vec<_>>(), ["event", "path"]);
            let names: Vec<_> = fields.names.iter().map(|name| format!("`{name}`")).collect();
            let name = format!("`{}`", metadata.name());
            let row = [name, metadata.level().to_string(), names.join(", "), fields.sentence];
            self.0.with(|rows| rows.push(row));
        }

        fn enter(&self, _span: &Id) {}

        fn exit(&self, _span: &Id) {}
    }

    /// One event of each kind: the match, which is made of the list, does not compile without one.
    macro_rules! one_of_each {
        ($($variant:ident $fields:tt,)+) => {{
            let _has_every_variant = |kind: &EventKind| match kind {
                $(EventKind::$variant { .. } => {})+
            };
            vec![$(EventKind::$variant $fields),+]
        }};
    }

    fn one_of_each() -> Vec<EventKind> {
        let reason = || Arc::<str>::from("oh");
        let role = Role::Worker;
        let exit = |reason| Exit { incarnation: 1, reason, in_message: true, at: std::time::Instant::now() };
        one_of_each! {
            WorkerStarted { incarnation: 1 },
            ManagerStarted {},
            Linked { incarnation: 1 },
            TablesCreated {},
            TablesLoaded {},
            BecameHeir {},
            GivesAway { incarnation: 1 },
            Received { incarnation: 1 },
            Serving { incarnation: 1 },
            Panicked {
                role,
                incarnation: Some(1),
                handler: Some("count"),
                task: Some("task".into()),
                place: "src/main.rs:1:1".into(),
                message: "oh".into(),
                backtrace: Some("0: main".into())
            },
            Regained { exit: exit(ExitReason::Killed) },
            CodePanicked { message: reason() },
            StoreFailed { error: reason() },
            StoreSlow { took: Duration::from_secs(1) },
            StoreNearlyFull { left: 1 },
            Reset {},
            Quarantined { reason: reason() },
            Renewed { reason: reason() },
            Waiting {},
            Restarting { role, reason: ExitReason::Killed },
            Delayed { role, delay: Duration::from_secs(1) },
            Redelivers { handler: "count", tries: 1 },
            TicksSkipped { handler: "sweep", ticks: 1 },
            SendsDropped { incarnation: 1, sends: 1 },
            Aborted { role },
            SupervisorStarted {},
            SupervisorRunning {},
            RestartingTogether { children: 2 },
            SupervisorStopped { why: Stopped::Shutdown },
            Terminated {},
            Upgraded {},
            Retired { why: Stopped::Shutdown, undelivered: 0 },
            Unresponsive { role, incarnation: Some(1) },
            GaveUpOn { reason: ExitReason::Killed },
            GaveUp { reason: ExitReason::Killed },
        }
    }

    fn event(kind: EventKind) -> Event {
        Event { at: SystemTime::now(), child: Arc::from("counter"), path: Arc::from("app/counter"), kind }
    }

    #[test]
    fn the_docs_have_the_name_the_level_and_the_fields_of_each_event() {
        let rows = Rows::default();
        let kinds = one_of_each();
        let names: Vec<_> = kinds.iter().map(|kind| format!("`{}`", kind.name())).collect();
        with_subscriber(rows.clone(), || {
            for kind in kinds {
                assert!(may_be_traced(&kind) && is_traced(&kind, false));
                let event = event(kind);
                trace(&event, false);
                let sentence = rows.0.with(|rows| rows.last().unwrap()[3].clone());
                assert_eq!(sentence, event.to_string());
            }
        });
        let told: Vec<_> =
            rows.0.take().into_iter().map(|[name, level, fields, _]| [name, level, fields]).collect();
        assert_eq!(told.iter().map(|row| row[0].clone()).collect::<Vec<_>>(), names);
        let docs = include_str!("../events.rs").lines().filter_map(|line| {
            let mut cells = line.strip_prefix("//! | `")?.split('|').map(str::trim);
            let name = format!("`{}", cells.next()?);
            let level = cells.next()?.split(';').next()?.to_owned();
            let fields = cells.next()?.replace(" (of a worker)", "").replace(" (those that are known)", "");
            ["ERROR", "WARN", "INFO", "DEBUG"].contains(&&*level).then_some([name, level, fields])
        });
        assert_eq!(told, docs.collect::<Vec<_>>());
    }

    #[test]
    fn an_owner_that_ended_in_order_is_no_warning() {
        let ended = |reason| EventKind::Regained {
            exit: Exit { incarnation: 1, reason, in_message: false, at: std::time::Instant::now() },
        };
        assert_eq!(ended(ExitReason::Shutdown).level(false), Level::DEBUG);
        assert_eq!(ended(ExitReason::Killed).level(false), Level::WARN);
        assert_eq!(ended(ExitReason::Killed).level(true), Level::DEBUG, "its panic has been told");
    }
}
