//! A handler whose worker dies by a plan: before it, where it waits, or before its commit.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use crate::process::Process;
use crate::process::exit::ExitReason;
use crate::util::plan::{How, Plan};

/// What a panic says that a test has asked for.
pub(super) const WORDS: &str = "a death that the test has asked for";

/// Drives a handler, and asks the plan at each moment whether its worker dies.
pub(super) async fn doomed<F: Future>(plan: &Plan, process: Arc<Process>, handler: F) -> F::Output {
    let mut moment = match plan.message() {
        Ok(moment) => moment,
        Err(how) => {
            die(how, &process);
            // The abort is on its way.
            pending().await
        }
    };
    let mut handler = pin!(handler);
    let output = poll_fn(|cx| {
        let poll = handler.as_mut().poll(cx);
        if poll.is_pending()
            && let Some(how) = plan.wait(&mut moment)
        {
            die(how, &process);
            // Its task is dropped as it stands, when this poll is over.
            return Poll::Pending;
        }
        poll
    })
    .await;
    if let Some(how) = plan.commit(moment) {
        die(how, &process);
    }
    output
}

/// Kills the incarnation, whose task ends at its next await; or panics.
fn die(how: How, process: &Process) {
    match how {
        How::Kill => _ = process.kill(ExitReason::Killed),
        How::Panic => panic!("{WORDS}"),
    }
}
