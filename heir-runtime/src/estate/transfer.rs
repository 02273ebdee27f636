//! The transfer: tables on their way from one owner to a named receiver.

use std::fmt;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::estate::cell::Cell;
use crate::estate::info::Origin;
use crate::estate::lease::Lease;
use crate::process::exit::Exit;
use crate::util::caught::caught;

pub(super) fn pair<T>(cell: Arc<Cell<T>>, name: Arc<str>, incarnation: u64) -> (Recipient<T>, Incoming<T>) {
    let (sender, receiver) = oneshot::channel();
    (Recipient { sender, cell, name, incarnation }, Incoming { receiver })
}

/// The named receiver that tables are given to: made by
/// [`Estate::recipient`](crate::estate::Estate::recipient), named in [`Lease::give_away`].
#[must_use = "a recipient that nobody names never gets its tables"]
pub struct Recipient<T> {
    sender: oneshot::Sender<Transfer<T>>,
    cell: Arc<Cell<T>>,
    name: Arc<str>,
    incarnation: u64,
}

/// Where a recipient's tables arrive. Dropping it refuses them: they return to their estate.
#[must_use = "tables given to a dropped receiver return to their estate"]
pub struct Incoming<T> {
    receiver: oneshot::Receiver<Transfer<T>>,
}

/// The message that brings tables to their new owner (`'ETS-TRANSFER'`).
///
/// Dropping it unread returns the tables to their estate.
#[must_use = "dropping a transfer returns its tables to the estate"]
#[derive(Debug)]
#[non_exhaustive]
pub struct Transfer<T> {
    /// The tables.
    pub lease: Lease<T>,
    /// What the new owner is told of the hand-over.
    pub info: TransferInfo,
}

/// What the new owner of tables is told of the hand-over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct TransferInfo {
    /// The number of the new owner.
    pub incarnation: u64,
    /// Who gave the tables away.
    pub from: Arc<str>,
    /// How the owner before ended: `None` if there was none, or if it gave the tables away alive.
    pub previous: Option<Exit>,
    /// Where the tables come from.
    pub origin: Origin,
}

impl<T> Lease<T> {
    /// Gives the tables to `recipient` (`ets:give_away/3`), which is the owner from now on, before
    /// it has read the transfer.
    ///
    /// If the recipient dies before it has read the transfer, the tables return to the estate.
    ///
    /// # Errors
    /// [`GiveAwayError`], with the lease in it: the giver is still the owner.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use heir_runtime::estate::Estate;
    ///
    /// let (counts, lease) = Estate::new("counts", vec![1]);
    /// let (recipient, incoming) = counts.recipient("second");
    /// drop(incoming);
    /// let lease = lease.give_away(recipient).unwrap_err().into_lease();
    ///
    /// let (recipient, incoming) = counts.recipient("third");
    /// lease.give_away(recipient).unwrap();
    /// assert_eq!(*incoming.receive().await.unwrap().lease, [1]);
    /// # });
    /// ```
    pub fn give_away(self, recipient: Recipient<T>) -> Result<(), GiveAwayError<T>> {
        let Recipient { sender, cell, name, incarnation } = recipient;
        let refused = |lease, why| Err(GiveAwayError { lease, why });
        if !Arc::ptr_eq(self.cell(), &cell) {
            return refused(self, GiveAwayErrorKind::OtherEstate);
        }
        let Some(before) = cell.succeed(name, incarnation) else {
            return refused(self, GiveAwayErrorKind::Outlived);
        };
        let (lease, giver) = self.for_owner(incarnation);
        let previous = before.last_exit.clone().filter(|_| giver.is_of_heir());
        let (from, origin) = (Arc::clone(&before.owner.name), before.origin);
        let info = TransferInfo { incarnation, from, previous, origin };
        // The receiver is woken after the tables have been sent: they have been sent even if its
        // waker panics.
        match caught(|| sender.send(Transfer { lease, info })) {
            Ok(Ok(())) | Err(_) => Ok(()),
            Ok(Err(unread)) => {
                cell.undo_succession(before);
                refused(unread.lease.back_to(giver), GiveAwayErrorKind::Gone)
            }
        }
    }
}

impl<T> Recipient<T> {
    /// The number under which it will own the tables.
    pub fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// Whether its receiving end is gone: giving to it would fail.
    pub fn is_gone(&self) -> bool {
        self.sender.is_closed()
    }
}

impl<T> Incoming<T> {
    /// Waits for the tables.
    ///
    /// Cancel safe: dropping the future before it is done refuses the tables, and they return to
    /// their estate.
    ///
    /// # Errors
    /// [`NotGiven`] if the recipient was dropped: nobody can give to it any more.
    pub async fn receive(self) -> Result<Transfer<T>, NotGiven> {
        self.receiver.await.map_err(|_| NotGiven(()))
    }
}

impl<T> fmt::Debug for Recipient<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recipient")
            .field("name", &self.name)
            .field("incarnation", &self.incarnation)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Incoming<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").finish_non_exhaustive()
    }
}

/// A give-away that failed. The giver is still the owner: its lease is in here.
#[derive(thiserror::Error)]
#[error("the tables were not given away: {why}")]
pub struct GiveAwayError<T> {
    lease: Lease<T>,
    why: GiveAwayErrorKind,
}

impl<T> GiveAwayError<T> {
    /// The lease, unharmed.
    pub fn into_lease(self) -> Lease<T> {
        self.lease
    }

    /// Why the tables were not given away.
    pub fn kind(&self) -> GiveAwayErrorKind {
        self.why
    }
}

impl<T> fmt::Debug for GiveAwayError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GiveAwayError").field("why", &self.why).finish_non_exhaustive()
    }
}

/// Why tables were not given away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GiveAwayErrorKind {
    /// The recipient has died, or does not want the tables.
    #[error("the recipient is gone")]
    Gone,
    /// A newer incarnation than the recipient has already owned the tables.
    #[error("a newer incarnation than the recipient has already owned the tables")]
    Outlived,
    /// The recipient waits for the tables of another estate.
    #[error("the recipient belongs to another estate")]
    OtherEstate,
}

/// Nobody can give tables to this receiver any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the recipient was dropped: nobody can give tables to it any more")]
pub struct NotGiven(());
