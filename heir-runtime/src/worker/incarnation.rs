//! One incarnation of a worker, from its start to its end.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use super::heartbeat::Pulse;
use super::life::{Life, Next};
use super::{Bounds, Handlers};
use crate::estate::{Incoming, Transfer};
use crate::events::EventKind;
use crate::exit::ExitReason;
use crate::post::Post;
use crate::process::Process;
use crate::race::{Either, finished_in, race};
use crate::stop::StopSignal;

/// The task of one incarnation: waits for its tables, becomes their owner, serves until it ends.
///
/// Others know the incarnation from here on: when the task ends, or is dropped before it has begun, they are told.
pub(crate) fn incarnation<W: Handlers>(
    post: Arc<Post<W>>,
    process: Arc<Process>,
    incoming: Incoming<W::Tables>,
    args: Result<W::Args, ExitReason>,
    bounds: Bounds,
    stop: StopSignal,
) -> Pin<Box<dyn Future<Output = ExitReason> + Send>> {
    let mut presence = Presence { process, reason: None };
    let pulse = bounds.heartbeat.map(|heartbeat| watch(&post, &presence.process, heartbeat));
    // In a box: tokio moves the future of a task some ten times.
    let life = Box::pin(async move {
        let process = Arc::clone(&presence.process);
        // Dropped before its presence: what that tells is true.
        let reason = live(post, process, incoming, args, bounds, stop).await;
        presence.reason.insert(reason).clone()
    });
    match pulse {
        None => life,
        Some(pulse) => Box::pin(async move { pulse.beat(life).await }),
    }
}

/// Tells everybody, when it is dropped, that the incarnation has ended.
struct Presence {
    process: Arc<Process>,
    /// Unless its task was aborted, or dropped with its runtime.
    reason: Option<ExitReason>,
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.process.ended(self.reason.take());
    }
}

/// From here on, an incarnation that does not yield for this long is reported, and aborted.
fn watch<W: Handlers>(post: &Arc<Post<W>>, process: &Arc<Process>, heartbeat: Duration) -> Arc<Pulse> {
    let (post, process) = (Arc::downgrade(post), Arc::clone(process));
    Pulse::watch(heartbeat, move || {
        // Before it is told: whoever hears of it knows that what is under way will be undone.
        process.kill(ExitReason::Unresponsive(heartbeat));
        if let Some(post) = post.upgrade() {
            post.unresponsive(process.incarnation());
        }
    })
}

async fn live<W: Handlers>(
    post: Arc<Post<W>>,
    process: Arc<Process>,
    incoming: Incoming<W::Tables>,
    args: Result<W::Args, ExitReason>,
    bounds: Bounds,
    mut stop: StopSignal,
) -> ExitReason {
    let number = process.incarnation();
    let args = match args {
        Ok(args) => args,
        Err(reason) => return reason,
    };
    let Transfer { lease, info } = match race(&mut stop, pin!(tables(&post, number, incoming))).await {
        Either::Left(()) => return ExitReason::Shutdown,
        Either::Right(transfer) => transfer,
    };
    let mut life = match Life::begin(Arc::clone(&post), process, lease, args, bounds.handler) {
        Ok(life) => life,
        Err(reason) => return reason,
    };
    post.emit(EventKind::Received { incarnation: number });
    let started = race(&mut stop, pin!(within(bounds.start, "its hooks", pin!(life.start(&info))))).await;
    match started {
        Either::Left(()) => return life.end(ExitReason::Shutdown),
        Either::Right(Err(reason)) => return life.end(reason),
        Either::Right(Ok(())) => {}
    }
    post.serving(number);
    loop {
        if let Some(reason) = life.asked_to_end() {
            return Box::pin(life.stop(reason)).await;
        }
        let served = match poll_fn(|cx| life.poll_next(&mut stop, cx)).await {
            Next::Stop => return Box::pin(life.stop(ExitReason::Shutdown)).await,
            Next::Signal(signal) => Box::pin(life.heed(signal)).await,
            Next::Message => life.serve().await,
        };
        if let Err(reason) = served {
            return life.end(reason);
        }
    }
}

/// Waits for the tables. A manager that dies between linking and giving leaves its worker waiting for the next one.
async fn tables<W: Handlers>(
    post: &Post<W>,
    number: u64,
    mut incoming: Incoming<W::Tables>,
) -> Transfer<W::Tables> {
    loop {
        match incoming.receive().await {
            Ok(transfer) => return transfer,
            Err(_manager_gone) => incoming = post.wait_for_tables(number),
        }
    }
}

/// Bounds a step of a start.
pub(crate) async fn within<R>(
    bound: Duration,
    what: &str,
    step: Pin<&mut impl Future<Output = Result<R, ExitReason>>>,
) -> Result<R, ExitReason> {
    let late = || ExitReason::error(format_args!("{what} took longer than {bound:?}"));
    finished_in(bound, step).await.ok_or_else(late)?
}
