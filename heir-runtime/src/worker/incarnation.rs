//! One incarnation of a worker, from its start to its end.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::heartbeat::Pulse;
use super::life::Life;
use super::{Bounds, Handlers};
use crate::estate::{Incoming, Transfer};
use crate::events::EventKind;
use crate::exit::ExitReason;
use crate::post::Post;
use crate::process::Process;
use crate::race::{Either, race};

/// Asks a child to stop; so does dropping the other end.
pub(crate) type StopSignal = oneshot::Receiver<()>;

/// The task of one incarnation: waits for its tables, becomes their owner, serves until it ends.
///
/// Others know the incarnation from here on: when the task ends, or is dropped before it has begun, they are told.
pub(crate) fn incarnation<W: Handlers>(
    post: Arc<Post<W>>,
    number: u64,
    incoming: Incoming<W::Tables>,
    args: Result<W::Args, ExitReason>,
    bounds: Bounds,
    stop: StopSignal,
) -> impl Future<Output = ExitReason> + Send {
    let mut presence = Presence { process: post.begin(number), reason: None };
    let pulse = bounds.heartbeat.map(|heartbeat| watch(&post, &presence.process, heartbeat));
    async move {
        let process = Arc::clone(&presence.process);
        // Dropped before its presence: what that tells is true.
        let living = || live(post, process, incoming, args, bounds, stop);
        let reason = match pulse {
            None => living().await,
            Some(pulse) => pulse.beat(Box::pin(living())).await,
        };
        presence.reason.insert(reason).clone()
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
        // First: what it has under way is undone, also if it lets go as its caller is told.
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
    let Transfer { lease, info } = match race(&mut stop, tables(&post, number, incoming)).await {
        Either::Left(_) => return ExitReason::Shutdown,
        Either::Right(transfer) => transfer,
    };
    let mut life = match Life::begin(Arc::clone(&post), process, lease, args, bounds.handler) {
        Ok(life) => life,
        Err(reason) => return reason,
    };
    post.emit(EventKind::Received { incarnation: number });
    let started = race(&mut stop, within(bounds.start, "its hooks", life.start(&info))).await;
    match started {
        Either::Left(_) => return life.end(ExitReason::Shutdown),
        Either::Right(Err(reason)) => return life.end(reason),
        Either::Right(Ok(())) => {}
    }
    post.serving(number);
    loop {
        if let Some(reason) = life.asked_to_end() {
            return life.stop(reason).await;
        }
        let served = match race(&mut stop, life.next()).await {
            Either::Left(_) => return life.stop(ExitReason::Shutdown).await,
            Either::Right(Either::Right(message)) => life.serve(message).await,
            Either::Right(Either::Left(signal)) => life.heed(signal).await,
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
    step: impl Future<Output = Result<R, ExitReason>>,
) -> Result<R, ExitReason> {
    match tokio::time::timeout(bound, step).await {
        Ok(done) => done,
        Err(_elapsed) => Err(ExitReason::error(format_args!("{what} took longer than {bound:?}"))),
    }
}
