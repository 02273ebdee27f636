//! The heir: who gets an estate's tables when their owner ends.

use std::fmt;
use std::sync::Arc;
use std::task::Waker;

use super::Lease;
use super::cell::{Cell, State, settle};
use crate::process::exit::Exit;

/// The heir of an estate (`ets:setopts/2`, option `heir`): made by [`Estate::heir`](crate::Estate::heir).
///
/// While it lives, the tables of an owner that ended pass to it and to nobody else. An owner's exit reaches the heir as a
/// value and never ends it: it traps exits. Dropping the heir gives up the inheritance; the estate keeps the tables.
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
    /// What the owner's destructors said that panicked while the rest of it was dropped.
    pub panics: Vec<Arc<str>>,
}

impl<T> Heir<T> {
    pub(super) fn appoint(cell: &Arc<Cell<T>>, name: &str, as_manager: bool) -> Result<Self, HeirTaken> {
        let name: Arc<str> = Arc::from(name);
        cell.state.with(|state| {
            let taken = if as_manager { state.heir.clone() } else { state.promised_to(cell.name()) };
            if let Some(heir) = taken {
                return Err(HeirTaken(heir));
            }
            state.heir = Some(Arc::clone(&name));
            Ok(())
        })?;
        Ok(Self { cell: Arc::clone(cell), name })
    }

    /// Waits until nobody owns the tables, takes them, and undoes what their last owner left unfinished.
    ///
    /// It returns at once if they are in the estate already. Cancel safe: the tables are taken only by a poll that returns
    /// them.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let (counts, owner) = heir_runtime::estate("counts", vec![1]);
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
        let (mut lease, unsettled, exit) =
            self.cell.state.until(|state| self.cell.inherit(state, &self.name)).await;
        let panics = settle(unsettled, &mut lease);
        Inheritance { lease, exit, panics }
    }

    /// As [`inherit`](Self::inherit), if nobody owns the tables. Else wakes `called` when that is so.
    pub(crate) fn inherit_or_call(&mut self, called: Waker) -> Option<Inheritance<T>> {
        let inherit = |state: &mut State<T>| self.cell.inherit(state, &self.name);
        let (mut lease, unsettled, exit) = self.cell.state.take_or_wake(called, inherit)?;
        let panics = settle(unsettled, &mut lease);
        Some(Inheritance { lease, exit, panics })
    }
}

impl<T> Drop for Heir<T> {
    fn drop(&mut self) {
        self.cell.state.leave(|state| state.heir = None);
    }
}

impl<T> fmt::Debug for Heir<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heir").field("name", &self.name).finish_non_exhaustive()
    }
}

/// An estate has one heir at a time, and this one has another.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the estate has an heir already: {0}")]
pub struct HeirTaken(pub Arc<str>);
