//! The lease: the one live right to use an estate's tables.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::pin::pin;
use std::sync::Arc;

use crate::estate::cell::{Cell, Ended, Taken};
use crate::estate::settle::{Settled, Unsettled};
use crate::process::exit::ExitReason;
use crate::util::caught::{PanicMessage, caught, caught_async};

/// The one live right to use an estate's tables: it derefs to them, and is plain `&mut` access,
/// without a lock.
///
/// However a lease ends, the tables are back in their [`Estate`](crate::estate::Estate) at once, in
/// a time that does not depend on what they hold. A lease may be dropped at the end of a function,
/// by a panic, by an aborted task, unread in the mailbox of a receiver that died, or with the whole
/// runtime. [`end`](Self::end) says why it ends; a lease dropped without a word counts as
/// [`ExitReason::Killed`], or as a panic if the thread is panicking.
///
/// `mem::forget` on a lease keeps its tables away until the process ends, as it does with any
/// value.
#[must_use = "dropping a lease returns its tables to the estate at once"]
pub struct Lease<T> {
    /// `None` only after the tables have left through a method that consumes the lease.
    held: Option<(T, Seat<T>)>,
}

/// The right without the tables: the cell that the tables come back to, and the number of their
/// owner.
pub(crate) struct Seat<T> {
    cell: Arc<Cell<T>>,
    incarnation: u64,
    /// Whether this is the seat of a heir, which has the tables between two owners. When the heir
    /// gives them back, no owner has ended, and the estate notes no exit.
    as_heir: bool,
    in_message: bool,
}

const HELD: &str = "a lease holds its tables until it is consumed";

impl<T> Lease<T> {
    /// The lease of an owner that has claimed the tables, settled.
    pub(super) fn of_owner(cell: &Arc<Cell<T>>, taken: Taken<T>) -> Self {
        let Taken { tables, unsettled, incarnation } = taken;
        let mut lease = Self::new(tables, Seat::of_owner(cell, incarnation));
        lease.settle(unsettled);
        lease
    }

    /// The lease of a heir, and what is left to be settled.
    pub(super) fn of_heir(cell: &Arc<Cell<T>>, taken: Taken<T>) -> (Self, Unsettled<T>) {
        let Taken { tables, unsettled, incarnation } = taken;
        (Self::new(tables, Seat::of_heir(cell, incarnation)), unsettled)
    }

    fn new(tables: T, seat: Seat<T>) -> Self {
        Self { held: Some((tables, seat)) }
    }

    /// Finishes what the last owner left unfinished. Returns the messages of the panics in that.
    pub(super) fn settle(&mut self, unsettled: Unsettled<T>) -> Vec<PanicMessage> {
        let Some(unsettled) = unsettled else { return Vec::new() };
        let settled = caught(|| unsettled.settle(self))
            .unwrap_or_else(|message| Settled { panics: vec![message.clone()], torn: Some(message) });
        self.cell().set_torn(settled.torn);
        settled.panics
    }

    /// The number of this ownership: higher than the number of every owner before.
    pub fn incarnation(&self) -> u64 {
        self.seat().incarnation
    }

    /// Why the message in which the last owner died could not be undone: then the recorded tables
    /// are as the message left them. `None`, as nearly always: they are as they were before it.
    ///
    /// Only a value whose `Hash`, `Eq`, `Ord` or `Clone` panics stands in the way. The estate
    /// remembers it until the tables are exchanged.
    pub fn torn(&self) -> Option<Arc<str>> {
        self.cell().torn()
    }

    /// Returns the tables, and says why.
    ///
    /// If a heir holds them between two owners, the estate does not note the reason: no owner
    /// ended.
    ///
    /// ```
    /// use heir_runtime::ExitReason;
    /// use heir_runtime::estate::Estate;
    ///
    /// let (counts, lease) = Estate::new("counts", [0; 8]);
    /// lease.end(ExitReason::Normal);
    /// assert_eq!(counts.last_exit().unwrap().reason, ExitReason::Normal);
    /// ```
    pub fn end(self, reason: ExitReason) {
        let (tables, seat) = self.part();
        seat.give_back(tables, reason, None);
    }

    /// Marks the beginning of a message: until [`end_message`](Self::end_message), an
    /// [`Exit`](crate::Exit) of this owner says that it was in the middle of a message.
    pub fn begin_message(&mut self) {
        self.seat_mut().in_message = true;
    }

    /// Marks the end of a message.
    pub fn end_message(&mut self) {
        self.seat_mut().in_message = false;
    }

    /// Works on the tables, and returns them with the reason for which the work ended: `Ok` is
    /// [`Normal`](ExitReason::Normal), `Err` an [`Error`](ExitReason::Error), a panic is caught and
    /// its words are kept.
    ///
    /// Dropping the future returns the tables as [`Killed`](ExitReason::Killed).
    ///
    /// # Errors
    /// The reason, unless the work was done.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use heir_runtime::ExitReason;
    /// use heir_runtime::estate::Estate;
    ///
    /// let (jobs, lease) = Estate::new("jobs", vec![3, 0]);
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

    /// Takes the lease apart. The caller must bring the tables back through the seat.
    pub(crate) fn part(mut self) -> (T, Seat<T>) {
        self.held.take().expect(HELD)
    }

    /// Brings the tables back as they came, with what is left to be settled.
    pub(super) fn return_unsettled(self, unsettled: Unsettled<T>) {
        let (tables, seat) = self.part();
        seat.give_back(tables, ExitReason::Killed, unsettled);
    }

    pub(crate) fn cell(&self) -> &Arc<Cell<T>> {
        &self.seat().cell
    }

    /// The lease under its new owner's number.
    pub(super) fn for_owner(self, incarnation: u64) -> (Self, Seat<T>) {
        let (tables, before) = self.part();
        (Self::new(tables, Seat::of_owner(&before.cell, incarnation)), before)
    }

    /// The lease as it was before [`for_owner`](Self::for_owner).
    pub(super) fn back_to(self, before: Seat<T>) -> Self {
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
    fn of_owner(cell: &Arc<Cell<T>>, incarnation: u64) -> Self {
        Self { cell: Arc::clone(cell), incarnation, as_heir: false, in_message: false }
    }

    fn of_heir(cell: &Arc<Cell<T>>, incarnation: u64) -> Self {
        Self { as_heir: true, ..Self::of_owner(cell, incarnation) }
    }

    pub(crate) fn incarnation(&self) -> u64 {
        self.incarnation
    }

    pub(crate) fn is_of_heir(&self) -> bool {
        self.as_heir
    }

    pub(crate) fn in_message(&self) -> bool {
        self.in_message
    }

    /// Whether the owner is in the middle of a message.
    pub(crate) fn set_in_message(&mut self, in_message: bool) {
        self.in_message = in_message;
    }

    /// Brings the tables home, with what is left to be settled before the next owner.
    pub(crate) fn give_back(self, tables: T, reason: ExitReason, unsettled: Unsettled<T>) {
        let Self { cell, incarnation, as_heir, in_message } = self;
        let ended = (!as_heir).then_some(Ended { incarnation, reason, in_message });
        cell.give_back(tables, unsettled, ended);
    }
}

#[cfg(all(test, not(heir_loom)))]
mod tests {
    use crate::estate::Estate;
    use crate::estate::settle::{Settle, Settled};
    use crate::process::exit::ExitReason;

    struct Panics;

    impl Settle<Vec<u32>> for Panics {
        fn settle(self: Box<Self>, tables: &mut Vec<u32>) -> Settled {
            tables.push(2);
            panic!("in the middle of it");
        }
    }

    /// Tables that came home with something to be settled that cannot be.
    fn unsettled() -> Estate<Vec<u32>> {
        let (estate, lease) = Estate::new("t", vec![1]);
        let (tables, seat) = lease.part();
        seat.give_back(tables, ExitReason::Killed, Some(Box::new(Panics)));
        estate
    }

    #[test]
    fn tables_whose_settling_panics_are_at_hand_and_count_as_torn() {
        let lease = unsettled().claim("test").unwrap();
        assert_eq!((&**lease, lease.torn().as_deref()), (&[1, 2][..], Some("in the middle of it")));
    }

    #[tokio::test]
    async fn a_heir_is_told_of_the_panic_in_settling() {
        let inherited = unsettled().heir("manager").unwrap().inherit().await;
        assert_eq!(inherited.panics, ["in the middle of it".into()]);
        assert!(inherited.lease.torn().is_some());
    }
}
