//! One incarnation of a worker, from its start to its end.
//!
//! ```text
//! wait for tables -> start hooks -> serve messages and signals -> stop hook -> tables go home
//!       |                 |                    |                                    ^
//!       | stop            | stop, error, panic | error, panic, kill                 |
//!       v                 +--------------------+------------------------------------+
//!   end without tables
//! ```

mod beat;
#[cfg(feature = "testing")]
mod doom;
pub(crate) mod heartbeat;
#[cfg(feature = "store")]
mod held;
pub(crate) mod life;
mod unfinished;
mod watched;

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use crate::estate::{Incoming, Transfer};
use crate::incarnation::heartbeat::Pulse;
use crate::incarnation::life::{Life, Next};
use crate::process::Process;
use crate::process::exit::ExitReason;
use crate::tree::events::EventKind;
use crate::tree::panics::Who;
use crate::util::caught::CatchDrop;
use crate::util::meter;
use crate::util::ours::{BoxedTask, are_noted, ours};
use crate::util::race::{Either, race};
use crate::util::stop::StopSignal;
use crate::worker::Handlers;
use crate::worker::shared::Shared;
use crate::worker::start_step::within;

/// The task of one incarnation: it waits for its tables, becomes their owner, and serves until it
/// ends.
///
/// Links and monitors may hold the incarnation from here on: when the task ends, or is dropped
/// before its first poll, they are told.
pub(crate) fn incarnation<W: Handlers>(
    shared: Arc<Shared<W>>,
    process: Arc<Process>,
    incoming: Incoming<W::Tables>,
    args: Result<CatchDrop<W::Args>, ExitReason>,
    stop: StopSignal,
) -> Pin<Box<dyn Future<Output = ExitReason> + Send>> {
    let presence = Presence(Some(Arc::clone(&process)));
    let who = are_noted().then(|| Who::worker(&shared.name, shared.registry(), process.incarnation()));
    let pulse = shared.settings.heartbeat.map(|heartbeat| watch(&shared, &process, heartbeat));
    // In boxes, because the memory of the start is free when the incarnation serves, and because
    // tokio moves the future of a task some ten times.
    let life = Box::pin(live(presence, Box::pin(start(shared, process, incoming, args, stop))));
    let life: BoxedTask<_> = match pulse {
        None => life,
        Some(pulse) => Box::pin(async move { pulse.beat(life).await }),
    };
    ours(life, who)
}

/// Tells links and monitors that the incarnation has ended: when this is dropped, if not before.
struct Presence(Option<Arc<Process>>);

impl Presence {
    /// Tells that the incarnation has ended for this reason, and returns the reason.
    fn end(&mut self, reason: ExitReason) -> ExitReason {
        if let Some(process) = self.0.take() {
            process.ended(Some(reason.clone()));
        }
        reason
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        // The task was aborted, or dropped with its runtime.
        if let Some(process) = self.0.take() {
            process.ended(None);
        }
    }
}

/// Watches the polls of an incarnation: when one lasts for longer than a heartbeat, the incarnation
/// is aborted and reported.
fn watch<W: Handlers>(shared: &Arc<Shared<W>>, process: &Arc<Process>, heartbeat: Duration) -> Arc<Pulse> {
    let (shared, process) = (Arc::downgrade(shared), Arc::clone(process));
    Pulse::watch(heartbeat, move || {
        // Before the report: who hears it can rely on the message in progress being undone.
        process.kill(ExitReason::Unresponsive { limit: heartbeat });
        if let Some(shared) = shared.upgrade() {
            shared.unresponsive(process.incarnation());
        }
    })
}

/// Starts the incarnation, and serves until it ends.
#[expect(clippy::manual_async_fn, reason = "that has room for its arguments twice")]
fn live<W: Handlers>(
    mut presence: Presence,
    start: Pin<Box<impl Future<Output = Result<(Life<W>, StopSignal), ExitReason>>>>,
) -> impl Future<Output = ExitReason> {
    async move {
        let (mut life, mut stop) = match start.await {
            Ok(started) => started,
            Err(reason) => return presence.end(reason),
        };
        let reason = loop {
            if let Some(reason) = life.asked_to_end() {
                break Box::pin(life.stop(reason)).await;
            }
            let served = match poll_fn(|cx| life.poll_next(&mut stop, cx)).await {
                Next::Stop => break Box::pin(life.stop(ExitReason::Shutdown)).await,
                Next::Signal(signal) => Box::pin(life.on_signal(*signal)).await,
                Next::Message => life.serve().await,
                #[cfg(feature = "store")]
                Next::Durable => life.finish_durable(),
            };
            if let Err(reason) = served {
                break life.end(reason);
            }
        };
        presence.end(reason)
    }
}

/// Waits for the tables, and runs the hooks of a start.
#[expect(clippy::manual_async_fn, reason = "that has room for its arguments twice")]
fn start<W: Handlers>(
    shared: Arc<Shared<W>>,
    process: Arc<Process>,
    incoming: Incoming<W::Tables>,
    args: Result<CatchDrop<W::Args>, ExitReason>,
    mut stop: StopSignal,
) -> impl Future<Output = Result<(Life<W>, StopSignal), ExitReason>> {
    async move {
        let args = args?;
        let number = process.incarnation();
        let Transfer { lease, info } = match race(&mut stop, pin!(tables(&shared, number, incoming))).await {
            Either::Left(()) => return Err(ExitReason::Shutdown),
            Either::Right(transfer) => transfer,
        };
        let mut life = Life::begin(Arc::clone(&shared), process, lease, args)?;
        shared.emit(EventKind::Received { incarnation: number });
        meter::handed_over(W::NAME, || Some(info.previous.as_ref()?.at.elapsed()));
        let bound = shared.settings.start_timeout;
        let started = race(&mut stop, pin!(within(bound, "its hooks", pin!(life.start(&info))))).await;
        match started {
            Either::Left(()) => Err(life.end(ExitReason::Shutdown)),
            Either::Right(Err(reason)) => Err(life.end(reason)),
            Either::Right(Ok(())) => {
                shared.serving(number);
                Ok((life, stop))
            }
        }
    }
}

/// Waits for the tables. If the manager dies between linking and giving, the incarnation waits for
/// the next manager.
async fn tables<W: Handlers>(
    shared: &Shared<W>,
    number: u64,
    mut incoming: Incoming<W::Tables>,
) -> Transfer<W::Tables> {
    loop {
        match incoming.receive().await {
            Ok(transfer) => return transfer,
            Err(_manager_gone) => incoming = shared.wait_for_tables(number),
        }
    }
}
