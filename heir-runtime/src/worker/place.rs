//! The place in a mailbox of a message that is held back until a commit.

use crate::mailbox::{Message, NotSent, Permit, Refusal};
use crate::process::status::Stopped;
use crate::util::caught::{caught, drop_caught};
use crate::worker::Handlers;
use crate::worker::handle::{Handle, WeakHandle};
use crate::worker::permits::Full;
use crate::worker::shared::WeakTarget;

/// The place of a message that is held back: its target, and its permit, if it needs one. Dropped
/// without a message, the permit is given back.
pub(super) struct Place<W: Handlers> {
    target: WeakTarget<W>,
    has_permit: bool,
}

impl<W: Handlers> Place<W> {
    /// A place at a worker. A message of the worker to itself needs no permit, nor does one that may
    /// not wait: nobody would make room for them.
    pub(super) async fn take<S: Handlers>(
        handle: &Handle<W>,
        full: Full,
        sender: &WeakHandle<S>,
        may_wait: bool,
    ) -> Result<Self, NotSent> {
        let target = handle.downgrade();
        let permit = if sender.is_same(&target) {
            handle.shared.shared().mailbox.closed().map_or(Ok(None), |why| Err(NotSent::Stopped(why)))
        } else {
            let now = if may_wait { full } else { Full::Fail };
            match handle.permit(now, &mut handle.deadline()).await {
                // It would wait, and may not.
                Err(NotSent::Full) if full == Full::Wait => Ok(None),
                permit => permit.map(Some),
            }
        }?;
        let has_permit = permit.is_some();
        permit.into_iter().for_each(Permit::hold);
        Ok(Self { target: target.target(), has_permit })
    }

    /// A place at a worker, however long that takes. A mailbox that is closed meanwhile needs no
    /// permit, to refuse the message.
    pub(super) async fn take_some_time<S: Handlers>(handle: &WeakHandle<W>, sender: &WeakHandle<S>) -> Self {
        let mut place = Self::beyond(handle);
        if !sender.is_same(handle)
            && let Some(shared) = place.target.upgrade()
            && let Ok(permit) = shared.mailbox.reserve().await
        {
            permit.hold();
            place.has_permit = true;
        }
        place
    }

    /// A place beyond the capacity of the mailbox.
    pub(super) fn beyond(handle: &WeakHandle<W>) -> Self {
        Self { target: handle.target(), has_permit: false }
    }

    /// Gives the permit back, once.
    pub(super) fn give_back(&mut self) {
        if std::mem::take(&mut self.has_permit)
            && let Some(shared) = self.target.upgrade()
        {
            drop(shared.mailbox.held());
        }
    }

    /// Queues the message. If nothing is left of the worker, it is refused as by one that has
    /// stopped; the hook for undelivered messages has gone with the worker.
    pub(super) fn send(mut self, mut message: W::Message) {
        let has_permit = std::mem::take(&mut self.has_permit);
        match self.target.upgrade() {
            Some(shared) if has_permit => shared.mailbox.held().send(message),
            Some(shared) => shared.mailbox.send_beyond(message),
            None => {
                let stopped = Refusal::Stopped(Stopped::Dropped);
                let _ = caught(|| message.gate().refuse(stopped).map(|tell| tell()));
                drop(drop_caught(message));
            }
        }
    }
}

impl<W: Handlers> Drop for Place<W> {
    fn drop(&mut self) {
        self.give_back();
    }
}
