//! How a sender gets a permit of a worker's mailbox, and for how long it waits.

use std::future::Future;
use std::pin::{Pin, pin};

use crate::mailbox::Batch;
use crate::mailbox::NotSent;
use crate::mailbox::Permit;
use crate::process::status::Status;
use crate::util::meter;
use crate::util::race::{Either, race};
use crate::worker::Handlers;
use crate::worker::WhileDown;
use crate::worker::handle::Handle;
use crate::worker::send_deadline::{Late, SendDeadline};
use crate::worker::shared::Shared;

/// Whether a sender waits for a permit when the mailbox is full.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Full {
    Wait,
    Fail,
}

/// A permit, or why there is none, and the deadline by which the reply must come.
pub(super) type PermitInTime<'h, W> = Pin<
    Box<
        dyn Future<Output = (Result<Permit<'h, <W as Handlers>::Message>, NotSent>, SendDeadline<'h>)>
            + Send
            + 'h,
    >,
>;

impl<W: Handlers> Handle<W> {
    /// Queues a cast, or gives it back with the reason.
    pub(super) fn put_cast(&self, message: W::Message) -> Result<(), (W::Message, NotSent)> {
        let shared = self.shared.shared();
        match is_down(shared) {
            Some(why) => Err((message, why)),
            None => shared.mailbox.try_send(message),
        }
    }

    /// Queues the first casts of a batch, as many as there are free permits, and says how many.
    pub(super) fn put_casts(&self, batch: &mut Batch<W::Message>) -> Result<usize, NotSent> {
        let shared = self.shared.shared();
        match is_down(shared) {
            Some(why) => Err(why),
            None => shared.mailbox.try_send_all(batch),
        }
    }

    /// A message is not sent, for this reason, which is counted.
    #[cold]
    pub(super) fn refuses(why: NotSent) -> NotSent {
        meter::refused(W::NAME, why.word(), 1);
        why
    }

    /// Whether a sender may give up: after a time, or because no incarnation serves.
    pub(super) fn is_bounded(&self) -> bool {
        self.timeout.is_some() || self.shared.settings.while_down != WhileDown::Wait
    }

    /// The deadline of a sender that begins to wait now.
    pub(super) fn deadline(&self) -> SendDeadline<'_> {
        SendDeadline::new(&self.shared.lifecycle, self.shared.settings.while_down, self.timeout)
    }

    /// A permit, for a sender that may give up.
    pub(super) fn permit_in_time(&self, full: Full) -> PermitInTime<'_, W> {
        Box::pin(async move {
            let mut deadline = self.deadline();
            let permit = self.permit(full, &mut deadline).await;
            (permit, deadline)
        })
    }

    /// Takes a permit of the mailbox; waits for one up to the deadline, if it is to wait.
    pub(super) async fn permit<'h>(
        &'h self,
        full: Full,
        deadline: &mut SendDeadline<'h>,
    ) -> Result<Permit<'h, W::Message>, NotSent> {
        let mailbox = &self.shared.shared().mailbox;
        if mailbox.is_served_here() {
            return Err(NotSent::ToItself);
        }
        match self.try_reserve() {
            Err(NotSent::Full) if full == Full::Wait => self.reserve(deadline).await,
            permit => permit,
        }
    }

    /// Waits for a permit, up to the deadline.
    async fn reserve<'h>(
        &'h self,
        deadline: &mut SendDeadline<'h>,
    ) -> Result<Permit<'h, W::Message>, NotSent> {
        let shared = self.shared.shared();
        let permit = deadline.wait_for(shared.mailbox.reserve());
        let permit = match shared.settings.while_down {
            WhileDown::Wait | WhileDown::WaitFor(_) => permit.await,
            WhileDown::Fail => match race(pin!(shared.lifecycle.until_not_serving()), pin!(permit)).await {
                Either::Left(status) => return Err(down(shared, status)),
                Either::Right(permit) => permit,
            },
        };
        match permit {
            Ok(permit) => permit.map_err(NotSent::Stopped),
            Err(Late::TimedOut(bound)) => Err(NotSent::TimedOut(bound)),
            Err(Late::DownFor(bound)) => Err(NotSent::DownFor(bound)),
        }
    }

    /// Takes a permit of the mailbox, if one is free.
    fn try_reserve(&self) -> Result<Permit<'_, W::Message>, NotSent> {
        let shared = self.shared.shared();
        match is_down(shared) {
            Some(why) => Err(why),
            None => shared.mailbox.try_reserve(),
        }
    }
}

/// Why a message cannot be sent now, if no incarnation serves and the worker's spec says to fail
/// then.
fn is_down<W: Handlers>(shared: &Shared<W>) -> Option<NotSent> {
    match shared.settings.while_down {
        WhileDown::Fail => shared.lifecycle.not_serving().map(|status| down(shared, status)),
        WhileDown::Wait | WhileDown::WaitFor(_) => None,
    }
}

/// Why a message cannot be sent to a worker that does not serve.
fn down<W: Handlers>(shared: &Shared<W>, status: Status) -> NotSent {
    match shared.mailbox.closed() {
        Some(why) => NotSent::Stopped(why),
        None => NotSent::Down(status),
    }
}
