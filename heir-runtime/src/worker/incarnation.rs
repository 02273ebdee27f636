//! One incarnation of a worker, from its start to its end.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::Handlers;
use super::life::Life;
use crate::estate::{Incoming, Transfer};
use crate::events::EventKind;
use crate::exit::ExitReason;
use crate::post::Post;
use crate::race::{Either, race};

/// Asks a child to stop; so does dropping the other end.
pub(crate) type StopSignal = oneshot::Receiver<()>;

/// The task of one incarnation: waits for its tables, becomes their owner, serves until it ends.
pub(crate) async fn incarnation<W: Handlers>(
    post: Arc<Post<W>>,
    number: u64,
    incoming: Incoming<W::Tables>,
    args: Result<W::Args, ExitReason>,
    start_timeout: Duration,
    mut stop: StopSignal,
) -> ExitReason {
    let args = match args {
        Ok(args) => args,
        Err(reason) => return reason,
    };
    let Transfer { lease, info } = match race(&mut stop, tables(&post, number, incoming)).await {
        Either::Left(_) => return ExitReason::Shutdown,
        Either::Right(transfer) => transfer,
    };
    let mut life = match Life::begin(Arc::clone(&post), lease, args) {
        Ok(life) => life,
        Err(reason) => return reason,
    };
    post.emit(EventKind::Received { incarnation: number });
    let started = race(&mut stop, within(start_timeout, "its hooks", life.start(&info))).await;
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
        let message = match race(&mut stop, life.next()).await {
            Either::Left(_) | Either::Right(None) => return life.stop(ExitReason::Shutdown).await,
            Either::Right(Some(message)) => message,
        };
        if let Err(reason) = life.serve(message).await {
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
