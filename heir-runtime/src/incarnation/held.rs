//! Messages that have committed, and wait for the store to keep their changes.

use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::incarnation::life::{Life, Next, open_in_span};
use crate::mailbox::Message as _;
use crate::process::exit::ExitReason;
use crate::tree::events::EventKind;
use crate::util::caught::{PanicMessage, caught};
use crate::worker::Handlers;
use crate::worker::gates::{Gates, Held, OwnerMay};

impl<W: Handlers> Life<W> {
    /// Whether what has just committed is not durable yet, or something before it is not.
    pub(super) fn waits_for_the_store(&self) -> bool {
        self.shared.gates.as_ref().is_some_and(|gates| !gates.are_even())
    }

    /// Holds back what a message or hook has to do that has committed: its reply, what it sends, what
    /// runs after its commit. A reply that is early leaves.
    pub(super) fn hold_back(&mut self, saved: Option<W::Saved>) -> Result<(), ExitReason> {
        // Its caller is not told any more of what becomes of the incarnation.
        self.shared.mailbox.answered();
        let replied = self.reply_early();
        self.is_served();
        let outbox = mem::take(&mut self.cx.outbox);
        let held = Held { incarnation: self.cx.incarnation(), message: self.message.take(), outbox, saved };
        if let Some(gates) = &self.shared.gates {
            gates.hold(held);
        }
        if self.suspicious {
            self.cleared();
        }
        let finished = self.finish_durable();
        replied.map_err(ExitReason::Panic).and(finished)
    }

    /// Lets replies leave that wait for no store. A panic in that ends the incarnation, and undoes
    /// nothing.
    fn reply_early(&mut self) -> Result<(), PanicMessage> {
        let replies_early = |message: &W::Message| caught(|| message.replies_early());
        let is_early = self.message.as_ref().map_or(Ok(false), replies_early)?;
        if !is_early && self.cx.outbox.held() == 0 {
            return Ok(());
        }
        // If it has failed already, the caller is told so.
        let has_failed = |gates: &Arc<Gates<W>>| gates.ledger().failed().is_some();
        if self.shared.gates.as_ref().is_none_or(has_failed) {
            return Ok(());
        }
        self.cx.outbox.depart_early();
        match self.message.as_mut().filter(|_| is_early) {
            Some(message) => open_in_span(&self.cx.outbox, || message.gate().open()),
            None => Ok(()),
        }
    }

    /// What the store asks for before the next message, if it asks for something.
    pub(super) fn poll_the_store(&mut self, cx: &mut Context<'_>) -> Option<Poll<Next>> {
        match self.shared.gates.as_ref()?.poll_owner(cx) {
            OwnerMay::Serve => None,
            OwnerMay::Finish => Some(Poll::Ready(Next::Durable)),
            OwnerMay::Wait => {
                self.cx.process.listen(cx);
                self.sweep(cx);
                Some(Poll::Pending)
            }
        }
    }

    /// Finishes the messages that have become durable. A panic of what this incarnation left to be
    /// done ends it, and undoes nothing.
    pub(crate) fn finish_durable(&mut self) -> Result<(), ExitReason> {
        let Some(gates) = &self.shared.gates else { return Ok(()) };
        let mut outcome = Ok(());
        for (incarnation, message) in gates.finish_returned(|told| self.shared.emit(told)) {
            if incarnation == self.cx.incarnation() {
                outcome = outcome.and(Err(ExitReason::Panic(message)));
            } else {
                self.shared.emit(EventKind::CodePanicked { message });
            }
        }
        outcome
    }

    /// Waits until all that the incarnation has committed is durable, or the store has failed.
    pub(super) async fn until_durable(&mut self) -> Result<(), ExitReason> {
        if let Some(gates) = &self.shared.gates {
            gates.ledger().until_even().await;
        }
        self.finish_durable()
    }
}
