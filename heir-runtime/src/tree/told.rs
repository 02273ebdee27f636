//! The events as `tracing` gets them: their names, levels and fields, in one table.

use tracing::Level;
use tracing::field::display as shown;
use tracing::level_filters::LevelFilter;

use crate::tree::events::{Event, EventKind};

/// Each kind of event: its level, its name, and its fields beside `path`. The sentence comes last.
macro_rules! kinds {
    ($($kind:pat $(if $guard:expr)? => $level:ident $name:literal { $($field:ident: $value:expr),* })+) => {
        #[allow(unused_variables, reason = "the fields are for `trace`")]
        impl EventKind {
            /// The name of the kind, as `tracing` and `serde` have it.
            pub fn name(&self) -> &'static str {
                match self {
                    $($kind $(if $guard)? => $name,)+
                }
            }

            /// The level at which `tracing` is told.
            pub(super) fn level(&self) -> Level {
                match self {
                    $($kind $(if $guard)? => Level::$level,)+
                }
            }
        }

        /// Tells `tracing`.
        pub(super) fn trace(event: &Event) {
            let path = &*event.path;
            match &event.kind {
                $($kind $(if $guard)? => {
                    tracing::event!(
                        name: $name, target: "heir", Level::$level, path, $($field = $value,)* "{event}"
                    );
                })+
            }
        }
    };
}

kinds! {
    EventKind::WorkerStarted { incarnation } => DEBUG "worker_started" { incarnation: incarnation }
    EventKind::ManagerStarted => DEBUG "manager_started" {}
    EventKind::Linked { incarnation } => DEBUG "linked" { incarnation: incarnation }
    EventKind::TablesCreated => DEBUG "tables_created" {}
    EventKind::BecameHeir => DEBUG "became_heir" {}
    EventKind::GivesAway { incarnation } => DEBUG "gives_away" { incarnation: incarnation }
    EventKind::Received { incarnation } => DEBUG "received" { incarnation: incarnation }
    EventKind::Serving { incarnation } => DEBUG "serving" { incarnation: incarnation }
    EventKind::Regained { exit } if exit.reason.is_normal() => DEBUG "regained" {
        incarnation: exit.incarnation, reason: shown(&exit.reason), in_message: exit.in_message
    }
    EventKind::Regained { exit } => WARN "regained" {
        incarnation: exit.incarnation, reason: shown(&exit.reason), in_message: exit.in_message
    }
    EventKind::CodePanicked { message } => WARN "code_panicked" { panic: &**message }
    EventKind::Reset => WARN "reset" {}
    EventKind::Quarantined { reason } => ERROR "quarantined" { reason: &**reason }
    EventKind::Renewed { reason } => WARN "renewed" { reason: &**reason }
    EventKind::Waiting => DEBUG "waiting" {}
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
    LevelFilter::current() >= LevelFilter::ERROR && LevelFilter::current() >= kind.level()
}

/// Whether a subscriber of `tracing` listens.
pub(crate) fn is_traced(kind: &EventKind) -> bool {
    match kind.level() {
        Level::ERROR => tracing::enabled!(target: "heir", Level::ERROR),
        Level::WARN => tracing::enabled!(target: "heir", Level::WARN),
        Level::INFO => tracing::enabled!(target: "heir", Level::INFO),
        _ => tracing::enabled!(target: "heir", Level::DEBUG),
    }
}
