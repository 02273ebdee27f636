//! The one timer of a worker that has ticks.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;

use tokio::time::{Instant, Sleep, sleep_until};

/// Wakes the incarnation when the next tick is due. The timer is made once the worker waits, and
/// stays while incarnations come and go.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    /// What it was for which the last poll for a tick has found none.
    pub(crate) reason: Reason,
    timer: Option<Pin<Box<Sleep>>>,
}

/// Why there is no tick to serve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reason {
    /// None was due.
    #[default]
    NotDue,
    /// The task is to yield, and has been woken for that.
    Yields,
    /// The mailbox did not give it its turn.
    NotItsTurn,
}

impl Alarm {
    /// Has the task of this poll woken at `due`.
    pub(crate) fn set(&mut self, due: Instant, cx: &mut Context<'_>) {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if timer.deadline() != due {
            timer.as_mut().reset(due);
        }
        if timer.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }
}
