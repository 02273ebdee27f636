//! For who keeps tables without actors, in tasks of their own: the estate, and the lease of its
//! owner.
//!
//! An [`Estate`] is the place that tables come back to; a [`Lease`] is the one live right to use
//! them; a [`Heir`] gets them when their owner ends. [`Estate::new`] makes the first two.
//!
//! Each worker's tables are in an estate, too: [`Handle::estate`](crate::Handle::estate) has it.

mod cell;
mod heir;
mod info;
mod lease;
#[cfg(all(test, heir_loom))]
mod loom;
pub(crate) mod quarantine;
mod settle;
mod transfer;

use std::fmt;
use std::sync::Arc;

use self::cell::Cell;
pub use self::heir::{Heir, Inheritance};
pub use self::info::{ClaimError, EstateInfo, HeirTaken, Origin, Owner};
pub use self::lease::Lease;
pub(crate) use self::lease::Seat;
pub use self::quarantine::{Examined, Quarantined};
pub(crate) use self::settle::{Settle, Settled, Unsettled};
pub use self::transfer::{
    GiveAwayError, GiveAwayErrorKind, Incoming, NotGiven, Recipient, Transfer, TransferInfo,
};
use crate::process::exit::Exit;
use crate::util::caught::{PanicMessage, caught};

/// Where a worker's tables come back to: an estate knows who owns them, and has them while nobody
/// does.
///
/// At every instant the tables are in exactly one place: in the [`Lease`] of one owner, or in the
/// estate. A clone is another handle on the same estate; the last handle, together with the last
/// lease, frees the tables.
///
/// The idea is the heir of an ETS table (OTP, `ets:new/2`, option `heir`).
pub struct Estate<T> {
    cell: Arc<Cell<T>>,
}

impl<T> Estate<T> {
    /// Puts `tables` into a new estate called `name`, and returns the estate with the lease of its
    /// first owner.
    ///
    /// The two are like the two ends of a channel: the [`Lease`] is the one live right to use the
    /// tables, and they come back to the estate, however the lease ends.
    ///
    /// ```
    /// # fn main() -> Result<(), heir_runtime::estate::ClaimError> {
    /// use heir_runtime::estate::Estate;
    ///
    /// let (sessions, mut lease) = Estate::new("sessions", vec!["ada"]);
    /// let crash = std::thread::spawn(move || {
    ///     lease.push("grace");
    ///     panic!("while it owns the sessions");
    /// });
    /// assert!(crash.join().is_err());
    ///
    /// let lease = sessions.claim("the next owner")?;
    /// assert_eq!(*lease, ["ada", "grace"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(name: &str, tables: T) -> (Self, Lease<T>) {
        let estate = Self { cell: Arc::new(Cell::new(Arc::from(name), false)) };
        estate.found(tables);
        let Ok(lease) = estate.claim(name) else { unreachable!("a new estate has neither owner nor heir") };
        (estate, lease)
    }

    /// The estate of a worker, whose tables do not exist yet. Until it is
    /// [released](Self::release), only the worker's managers can become its heir.
    pub(crate) fn managed(name: Arc<str>) -> Self {
        Self { cell: Arc::new(Cell::new(name, true)) }
    }

    /// No manager will follow: the tables are free to be claimed.
    pub(crate) fn release(&self) {
        self.cell.release();
    }

    /// Appoints the worker's manager as the heir.
    pub(crate) fn manage(&self, name: &str) -> Result<Heir<T>, HeirTaken> {
        Heir::appoint(&self.cell, name, true)
    }

    /// Whether its tables have been created.
    pub(crate) fn is_founded(&self) -> bool {
        self.cell.is_founded()
    }

    /// Runs `look` on the tables, if they are at home. Its panics are caught, and no lock is held,
    /// because a worker written by hand lists its tables itself. Nobody settles or claims the
    /// tables meanwhile.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&mut T) -> R) -> Option<Result<R, PanicMessage>> {
        let (mut lease, unsettled) = Lease::of_heir(&self.cell, self.cell.hold()?);
        let seen = caught(|| look(&mut lease));
        lease.return_unsettled(unsettled);
        Some(seen)
    }

    /// The first tables have been loaded from a store.
    #[cfg(feature = "store")]
    pub(crate) fn is_loaded(&self) {
        self.cell.set_origin(Origin::Loaded);
    }

    /// Puts the first tables into the estate, for the heir, or for the next owner that claims them.
    pub(crate) fn found(&self, tables: T) {
        self.cell.found(tables);
    }

    /// Appoints an heir: the tables pass to it when their owner ends.
    ///
    /// [`Heir::inherit`] has an example.
    ///
    /// # Errors
    /// [`HeirTaken`] while there is another heir. A worker's estate always has one, the worker's
    /// manager, until the worker has stopped for good.
    pub fn heir(&self, name: &str) -> Result<Heir<T>, HeirTaken> {
        Heir::appoint(&self.cell, name, false)
    }

    /// Takes the tables, if nobody owns them and no heir waits for them. The tables of a worker can
    /// be claimed once the worker has stopped for good.
    ///
    /// This call first undoes what a crash left unfinished.
    ///
    /// ```
    /// use heir_runtime::estate::{ClaimError, Estate};
    ///
    /// let (counts, lease) = Estate::new("counts", vec![1]);
    /// assert!(matches!(counts.claim("second"), Err(ClaimError::Owned(owner)) if &*owner.name == "counts"));
    /// drop(lease);
    /// let mut lease = counts.claim("second").unwrap();
    /// lease.push(2);
    /// assert_eq!(lease.incarnation(), 2);
    /// ```
    ///
    /// # Errors
    /// - [`ClaimError::NotFounded`]: the tables have not been created yet.
    /// - [`ClaimError::Owned`]: somebody owns them.
    /// - [`ClaimError::Promised`]: they pass to their heir; a worker's are its manager's until the
    ///   worker has stopped for good.
    pub fn claim(&self, name: &str) -> Result<Lease<T>, ClaimError> {
        Ok(Lease::of_owner(&self.cell, self.cell.claim(name)?))
    }

    /// Makes a new receiver of the tables, to be named in [`Lease::give_away`], and the end at
    /// which the tables arrive.
    ///
    /// The recipient's number is higher than every number before it, and tables are never given to
    /// a lower number than the number of an earlier owner: it is a token to fence late writers
    /// with. [`Lease::give_away`] has an example.
    pub fn recipient(&self, name: &str) -> (Recipient<T>, Incoming<T>) {
        let incarnation = self.issue();
        self.recipient_for(&Arc::from(name), incarnation)
    }

    /// The number of the next incarnation.
    pub(crate) fn issue(&self) -> u64 {
        self.cell.issue()
    }

    /// Numbers go on above this one.
    #[cfg(feature = "store")]
    pub(crate) fn issue_after(&self, incarnation: u64) {
        self.cell.issue_after(incarnation);
    }

    /// The receiving ends of an incarnation that already has its number.
    pub(crate) fn recipient_for(&self, name: &Arc<str>, incarnation: u64) -> (Recipient<T>, Incoming<T>) {
        transfer::pair(Arc::clone(&self.cell), Arc::clone(name), incarnation)
    }

    /// Undoes what the last owner left unfinished, if the tables are at home.
    pub(crate) fn settle(&self) {
        if !self.cell.is_settled()
            && let Some(taken) = self.cell.hold()
        {
            let (mut lease, unsettled) = Lease::of_heir(&self.cell, taken);
            let _panics = lease.settle(unsettled);
        }
    }

    /// Who owns the tables, who inherits them, and how the last owner ended.
    ///
    /// ```
    /// use heir_runtime::ExitReason;
    /// use heir_runtime::estate::Estate;
    ///
    /// let (counts, mut lease) = Estate::new("counts", vec![1]);
    /// assert_eq!(&*counts.owner().unwrap().name, "counts");
    /// lease.begin_message();
    /// drop(lease);
    /// let info = counts.info();
    /// assert_eq!((info.owner, info.incarnation), (None, 1));
    /// let exit = info.last_exit.unwrap();
    /// assert_eq!((exit.reason, exit.in_message), (ExitReason::Killed, true));
    /// ```
    pub fn info(&self) -> EstateInfo {
        self.cell.info()
    }

    /// Who owns the tables now: `None` while they are in the estate.
    pub fn owner(&self) -> Option<Owner> {
        self.info().owner
    }

    /// How and why the last owner ended: `None` if none has.
    pub fn last_exit(&self) -> Option<Exit> {
        self.info().last_exit
    }
}

impl<T> Clone for Estate<T> {
    fn clone(&self) -> Self {
        Self { cell: Arc::clone(&self.cell) }
    }
}

impl<T> fmt::Debug for Estate<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Estate").field("info", &self.info()).finish_non_exhaustive()
    }
}
