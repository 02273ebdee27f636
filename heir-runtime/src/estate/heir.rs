//! The heir: who gets an estate's tables when their owner ends.

use std::fmt;
use std::sync::Arc;
use std::task::Waker;

use crate::estate::cell::{Cell, Taken};
use crate::estate::info::HeirTaken;
use crate::estate::lease::Lease;
use crate::process::exit::Exit;

/// The heir of an estate (`ets:setopts/2`, option `heir`): made by
/// [`Estate::heir`](crate::estate::Estate::heir).
///
/// While it lives, the tables of an owner that ended pass to it and to nobody else. An owner's exit
/// reaches the heir as a value and never ends it: the heir traps exits. Dropping the heir gives up
/// the inheritance; the estate keeps the tables.
#[must_use = "dropping the heir gives up the inheritance"]
pub struct Heir<T> {
    cell: Arc<Cell<T>>,
    name: Arc<str>,
}

/// What a heir gets when an owner has ended.
#[non_exhaustive]
pub struct Inheritance<T> {
    /// The tables, as they were at the last message boundary.
    pub lease: Lease<T>,
    /// How the owner ended: `None` if the tables never had one.
    pub exit: Option<Exit>,
    /// The messages of the owner's destructors that panicked while the rest of the owner was
    /// dropped.
    pub panics: Vec<Arc<str>>,
}

impl<T> Heir<T> {
    pub(super) fn appoint(cell: &Arc<Cell<T>>, name: &str, as_manager: bool) -> Result<Self, HeirTaken> {
        let name: Arc<str> = Arc::from(name);
        cell.appoint(&name, as_manager)?;
        Ok(Self { cell: Arc::clone(cell), name })
    }

    /// Waits until nobody owns the tables, takes them, and undoes what their last owner left
    /// unfinished.
    ///
    /// It returns at once if the tables are in the estate already. Cancel safe: the tables are
    /// taken only by a poll that returns them.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use heir_runtime::estate::Estate;
    ///
    /// let (counts, owner) = Estate::new("counts", vec![1]);
    /// let mut heir = counts.heir("manager").unwrap();
    /// let owner = tokio::spawn(async move { assert!(owner.is_empty(), "there are counts") });
    ///
    /// let inherited = heir.inherit().await;
    /// assert_eq!(*inherited.lease, [1]);
    /// assert_eq!(inherited.exit.unwrap().incarnation, 1);
    /// # assert!(owner.await.is_err());
    /// # });
    /// ```
    pub async fn inherit(&mut self) -> Inheritance<T> {
        let (taken, exit) = self.cell.state.until(|state| state.inherit(&self.name)).await;
        self.inheritance(taken, exit)
    }

    /// Does what [`inherit`](Self::inherit) does if nobody owns the tables; else has `waker` woken
    /// when that is so.
    pub(crate) fn inherit_or_wake(&mut self, waker: Waker) -> Option<Inheritance<T>> {
        let (taken, exit) = self.cell.state.take_or_wake(waker, |state| state.inherit(&self.name))?;
        Some(self.inheritance(taken, exit))
    }

    fn inheritance(&self, taken: Taken<T>, exit: Option<Exit>) -> Inheritance<T> {
        let (mut lease, unsettled) = Lease::of_heir(&self.cell, taken);
        let panics = lease.settle(unsettled);
        Inheritance { lease, exit, panics }
    }
}

impl<T> Drop for Heir<T> {
    fn drop(&mut self) {
        self.cell.resign();
    }
}

impl<T> fmt::Debug for Heir<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heir").field("name", &self.name).finish_non_exhaustive()
    }
}
