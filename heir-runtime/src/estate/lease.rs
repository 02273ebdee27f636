//! The lease: the one live right to use an estate's tables.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::pin::pin;
use std::sync::Arc;

use super::cell::{Cell, Unsettled};
use super::transfer::{GiveAwayError, Recipient};
use crate::process::exit::ExitReason;
use crate::util::caught::caught_async;

/// The one live right to use an estate's tables: it derefs to them, and is plain `&mut` access, without a lock.
///
/// However a lease ends, the tables are back in their [`Estate`](crate::Estate) at once, in a time that does not depend
/// on what they hold: dropped at the end of a function, by a panic, by an aborted task, unread in the mailbox of a
/// receiver that died, or with the whole runtime. Say why with [`end`](Self::end); a lease dropped without a word counts
/// as [`ExitReason::Killed`], or as a panic if the thread is panicking.
///
/// `mem::forget` on a lease keeps its tables away until the process ends, as it does with any value.
#[must_use = "dropping a lease returns its tables to the estate at once"]
pub struct Lease<T> {
    // `None` only after the tables have left through a method that consumes the lease.
    held: Option<(T, Seat<T>)>,
}

/// The right without the tables: what is needed to bring them back.
pub(crate) struct Seat<T> {
    cell: Arc<Cell<T>>,
    incarnation: u64,
    /// A heir holds the tables between two owners; its end is not an owner's.
    as_heir: bool,
    in_message: bool,
}

const HELD: &str = "a lease holds its tables until it is consumed";

impl<T> Lease<T> {
    pub(super) fn new(tables: T, seat: Seat<T>) -> Self {
        Self { held: Some((tables, seat)) }
    }

    /// The number of this ownership: higher than that of every owner before it.
    pub fn incarnation(&self) -> u64 {
        self.seat().incarnation
    }

    /// What stood in the way of undoing the message in which the last owner died: then its recorded tables are as that left
    /// them. `None`, as nearly always: they are as they were before it.
    ///
    /// It takes a value whose `Hash`, `Eq`, `Ord` or `Clone` panics. The estate remembers it until the tables are exchanged.
    pub fn torn(&self) -> Option<Arc<str>> {
        self.cell().torn()
    }

    /// Returns the tables, and says why. (What a heir holds between two owners returns without a word: its end is not an owner's.)
    ///
    /// ```
    /// # use heir_runtime::ExitReason;
    /// let (counts, lease) = heir_runtime::estate("counts", [0; 8]);
    /// lease.end(ExitReason::Normal);
    /// assert_eq!(counts.last_exit().unwrap().reason, ExitReason::Normal);
    /// ```
    pub fn end(self, reason: ExitReason) {
        let (tables, seat) = self.part();
        seat.give_back(tables, reason, None);
    }

    /// Marks the beginning of a message: until [`end_message`](Self::end_message), an [`Exit`](crate::Exit) of this owner
    /// says that it was in the middle of one.
    pub fn begin_message(&mut self) {
        self.seat_mut().in_message = true;
    }

    /// Marks the end of a message.
    pub fn end_message(&mut self) {
        self.seat_mut().in_message = false;
    }

    /// Works on the tables, and returns them with the reason for which the work ended: `Ok` is
    /// [`Normal`](ExitReason::Normal), `Err` an [`Error`](ExitReason::Error), a panic is caught and its words are kept.
    ///
    /// Dropping the future returns the tables as [`Killed`](ExitReason::Killed).
    ///
    /// # Errors
    /// The reason, unless the work was done.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use heir_runtime::ExitReason;
    ///
    /// let (jobs, lease) = heir_runtime::estate("jobs", vec![3, 0]);
    /// let ended = lease
    ///     .run(async |jobs| {
    ///         while let Some(job) = jobs.pop() {
    ///             assert!(job != 0, "a job of no size");
    ///         }
    ///         Ok::<_, std::io::Error>(())
    ///     })
    ///     .await;
    /// assert_eq!(ended, Err(ExitReason::Panic("a job of no size".into())));
    /// assert_eq!(*jobs.claim("me").unwrap(), [3]);
    /// # });
    /// ```
    pub async fn run<R, E: fmt::Display>(
        mut self,
        work: impl AsyncFnOnce(&mut T) -> Result<R, E>,
    ) -> Result<R, ExitReason> {
        let done = caught_async(pin!(async { work(&mut self).await })).await;
        let (reason, done) = match done {
            Ok(Ok(result)) => (ExitReason::Normal, Ok(result)),
            Ok(Err(error)) => {
                let reason = ExitReason::returned(error);
                (reason.clone(), Err(reason))
            }
            Err(message) => {
                let reason = ExitReason::Panic(message);
                (reason.clone(), Err(reason))
            }
        };
        self.end(reason);
        done
    }

    /// Gives the tables to `recipient`, who is the owner from now on, before it has read the transfer
    /// (`ets:give_away/3`).
    ///
    /// If the recipient dies before it has read the transfer, the tables return to the estate.
    ///
    /// # Errors
    /// [`GiveAwayError`], with the lease in it: the giver is still the owner.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let (counts, lease) = heir_runtime::estate("counts", vec![1]);
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
        recipient.give(self)
    }

    /// Takes the lease apart; whoever does is bound to bring the tables back through the seat.
    pub(crate) fn part(mut self) -> (T, Seat<T>) {
        self.held.take().expect(HELD)
    }

    /// Brings the tables back as they came, with what has not been settled.
    pub(super) fn return_unsettled(self, unsettled: Unsettled<T>) {
        let (tables, seat) = self.part();
        seat.give_back(tables, ExitReason::Killed, unsettled);
    }

    pub(crate) fn cell(&self) -> &Arc<Cell<T>> {
        &self.seat().cell
    }

    /// The lease under its new owner's number.
    pub(crate) fn for_owner(self, incarnation: u64) -> (Self, Seat<T>) {
        let (tables, before) = self.part();
        (Self::new(tables, Seat::owner(&before.cell, incarnation)), before)
    }

    /// The lease as it was before [`for_owner`](Self::for_owner).
    pub(crate) fn back_to(self, before: Seat<T>) -> Self {
        Self::new(self.part().0, before)
    }

    fn seat(&self) -> &Seat<T> {
        &self.held.as_ref().expect(HELD).1
    }

    fn seat_mut(&mut self) -> &mut Seat<T> {
        &mut self.held.as_mut().expect(HELD).1
    }
}

impl<T> Deref for Lease<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.held.as_ref().expect(HELD).0
    }
}

impl<T> DerefMut for Lease<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.held.as_mut().expect(HELD).0
    }
}

impl<T> Drop for Lease<T> {
    fn drop(&mut self) {
        let Some((tables, seat)) = self.held.take() else { return };
        let reason = if std::thread::panicking() {
            ExitReason::Panic("the thread that held the lease panicked".into())
        } else {
            ExitReason::Killed
        };
        seat.give_back(tables, reason, None);
    }
}

impl<T: fmt::Debug> fmt::Debug for Lease<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("incarnation", &self.incarnation()).field("tables", &**self).finish()
    }
}

impl<T> Seat<T> {
    pub(super) fn owner(cell: &Arc<Cell<T>>, incarnation: u64) -> Self {
        Self { cell: Arc::clone(cell), incarnation, as_heir: false, in_message: false }
    }

    pub(super) fn heir(cell: &Arc<Cell<T>>, incarnation: u64) -> Self {
        Self { as_heir: true, ..Self::owner(cell, incarnation) }
    }

    pub(crate) fn incarnation(&self) -> u64 {
        self.incarnation
    }

    pub(crate) fn is_heirs(&self) -> bool {
        self.as_heir
    }

    pub(crate) fn in_message(&self) -> bool {
        self.in_message
    }

    /// Whether the owner is in the middle of a message.
    pub(crate) fn set_in_message(&mut self, in_message: bool) {
        self.in_message = in_message;
    }

    /// Brings the tables home, with what is left to settle before the next owner.
    pub(crate) fn give_back(self, tables: T, reason: ExitReason, unsettled: Unsettled<T>) {
        let exit = (!self.as_heir).then_some((self.incarnation, reason, self.in_message));
        self.cell.give_back(tables, unsettled, exit);
    }
}
