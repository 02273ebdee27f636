//! The estate: a worker's tables together, and the cell they come back to.

mod cell;
mod heir;
mod lease;
pub(crate) mod quarantine;
mod transfer;

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use self::cell::Cell;
use self::cell::{Place, State};
pub(crate) use self::cell::{Settle, Settled, Unsettled};
pub use self::heir::{Heir, HeirTaken, Inheritance};
pub use self::lease::Lease;
pub(crate) use self::lease::Seat;
pub use self::transfer::{
    GiveAwayError, GiveAwayErrorKind, Incoming, NotGiven, Recipient, Transfer, TransferInfo,
};
use crate::process::exit::Exit;
use crate::util::caught::{PanicMessage, caught};

/// Puts `tables` into a new estate called `name`, and returns the estate with the lease of its first owner.
///
/// Like the two ends of a channel: the [`Lease`] is the one live right to use the tables, the [`Estate`] is where they
/// come back to, however the lease ends.
///
/// ```
/// # fn main() -> Result<(), heir_runtime::ClaimError> {
/// let (sessions, mut lease) = heir_runtime::estate("sessions", vec!["ada"]);
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
pub fn estate<T>(name: &str, tables: T) -> (Estate<T>, Lease<T>) {
    let estate = Estate { cell: Arc::new(Cell::new(Arc::from(name), false)) };
    estate.found(tables);
    let Ok(lease) = estate.claim(name) else { unreachable!("a new estate has neither owner nor heir") };
    (estate, lease)
}

/// The cell a worker's tables come back to: it knows who owns them, and has them while nobody does.
///
/// At every instant the tables are in exactly one place: in the [`Lease`] of one owner, or here. A clone is another
/// handle on the same estate; the last one, together with the last lease, frees the tables.
///
/// The idea is the heir of an ETS table (OTP, `ets:new/2`, option `heir`).
pub struct Estate<T> {
    cell: Arc<Cell<T>>,
}

impl<T> Estate<T> {
    /// The estate of a worker, whose tables do not exist yet. Until it is [released](Self::release), only the worker's managers
    /// are let in.
    pub(crate) fn managed(name: Arc<str>) -> Self {
        Self { cell: Arc::new(Cell::new(name, true)) }
    }

    /// No manager will follow: the tables are free to be claimed.
    pub(crate) fn release(&self) {
        self.cell.state.with(|state| state.managed = false);
    }

    /// Becomes the heir, as the worker's manager.
    pub(crate) fn manage(&self, name: &str) -> Result<Heir<T>, HeirTaken> {
        Heir::appoint(&self.cell, name, true)
    }

    /// Whether its tables have been created.
    pub(crate) fn is_founded(&self) -> bool {
        self.cell.state.with(|state| !matches!(state.place, Place::Unfounded))
    }

    /// Looks at the tables, if they are at home: caught, and under no lock, because a worker written by hand lists its tables
    /// itself. Nobody settles or claims them meanwhile.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&mut T) -> R) -> Option<Result<R, PanicMessage>> {
        let (mut lease, unsettled) = self.cell.hold()?;
        let seen = caught(|| look(&mut lease));
        lease.return_unsettled(unsettled);
        Some(seen)
    }

    /// Puts its first tables into it. They stay for whoever is their heir, or claims them.
    pub(crate) fn found(&self, tables: T) {
        self.cell.state.update(|state| {
            debug_assert!(matches!(state.place, Place::Unfounded), "an estate is founded once");
            state.place = Place::Home { tables, unsettled: None };
        });
    }

    /// Becomes the heir: whoever owns the tables, they pass to this heir when that owner ends.
    ///
    /// # Errors
    /// [`HeirTaken`] while there is another heir: a worker's estate always has one, its manager, until the worker has stopped for
    /// good.
    pub fn heir(&self, name: &str) -> Result<Heir<T>, HeirTaken> {
        Heir::appoint(&self.cell, name, false)
    }

    /// Takes the tables, if nobody owns them and no heir waits for them: a worker's, once it has stopped for good.
    ///
    /// What a crash left unfinished is undone first, here.
    ///
    /// # Errors
    /// [`ClaimError`] says who has the tables, or who is to have them.
    pub fn claim(&self, name: &str) -> Result<Lease<T>, ClaimError> {
        self.cell.claim(name)
    }

    /// A new receiver of the tables, to be named in [`Lease::give_away`], and the end at which they arrive.
    ///
    /// Its number is higher than every one before it, and tables are never given to a number lower than one that has
    /// already owned them: a token to fence late writers with.
    pub fn recipient(&self, name: &str) -> (Recipient<T>, Incoming<T>) {
        let incarnation = self.issue();
        self.recipient_for(&Arc::from(name), incarnation)
    }

    /// The number of the next incarnation.
    pub(crate) fn issue(&self) -> u64 {
        self.cell.issue()
    }

    /// The receiving ends of an incarnation that already has its number.
    pub(crate) fn recipient_for(&self, name: &Arc<str>, incarnation: u64) -> (Recipient<T>, Incoming<T>) {
        self::transfer::pair(Arc::clone(&self.cell), Arc::clone(name), incarnation)
    }

    /// Undoes what the last owner left unfinished, if the tables are at home.
    pub(crate) fn settle(&self) {
        let is_settled = |state: &mut State<T>| matches!(state.place, Place::Home { unsettled: None, .. });
        if !self.cell.state.with(is_settled) {
            // A hold that only settles: its end is not an owner's.
            drop(self.cell.hold_for_settling());
        }
    }

    /// Who owns the tables, who inherits them, and how the last owner ended.
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

/// Who owns the tables of an estate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Owner {
    /// The name it claimed or was given the tables under.
    pub name: Arc<str>,
    /// Its number, higher than that of every owner before it. A heir holds the tables under the number of the owner
    /// whose end brought them to it.
    pub incarnation: u64,
    /// When it became the owner.
    pub since: Instant,
}

/// What an estate knows of itself, at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EstateInfo {
    /// The name of the estate.
    pub name: Arc<str>,
    /// Whether its tables have been created.
    pub founded: bool,
    /// Who owns the tables: `None` while they are in the estate.
    pub owner: Option<Owner>,
    /// Who gets the tables when their owner ends.
    pub heir: Option<Arc<str>>,
    /// The number of the newest incarnation that has owned the tables; 0 before the first.
    pub incarnation: u64,
    /// How and why the last owner ended.
    pub last_exit: Option<Exit>,
}

/// Why tables could not be claimed. Nothing has changed, and the tables are where they were.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// The tables have not been created yet.
    #[error("the tables have not been created yet")]
    NotFounded,
    /// Somebody owns the tables.
    #[error("the tables are owned by {} (incarnation {})", .0.name, .0.incarnation)]
    Owned(Owner),
    /// Nobody owns the tables at the moment, but they are on their way to their heir.
    #[error("the tables pass to their heir, {0}")]
    Promised(Arc<str>),
}
