//! The state of one estate, and the moves of its tables: every move is one step under the lock,
//! whatever the tables hold.
//!
//! The tables are in exactly one place:
//!
//! ```text
//!             found             claim, inherit, hold
//!  Unfounded ───────▶  Home  ────────────────────────▶  Out(owner) ──┐ succeed: the tables are
//!                       ▲                                │   ▲       │ given to the next owner
//!                       └────────────────────────────────┘   └───────┘ (undo_succession: they
//!                         give_back: the lease has ended               never arrived)
//! ```

use std::sync::Arc;
use std::time::Instant;

use crate::estate::info::{ClaimError, EstateInfo, HeirTaken, Origin, Owner};
use crate::estate::settle::Unsettled;
use crate::process::exit::{Exit, ExitReason};
use crate::util::caught::{caught, drop_caught};
use crate::util::ours::is_noted;
use crate::util::sync::WatchOne;

/// Where an estate's tables come back to. Its estates, its heir and its leases share it.
pub(crate) struct Cell<T> {
    name: Arc<str>,
    pub(super) state: WatchOne<State<T>>,
}

pub(super) struct State<T> {
    place: Place<T>,
    heir: Option<Arc<str>>,
    /// Whether the managers of a worker come and go as heirs: then nobody claims the tables
    /// between two managers.
    managed: bool,
    /// Why the tables could not be restored when they were last settled.
    torn: Option<Arc<str>>,
    /// Where the tables come from, for the next owner.
    origin: Origin,
    /// In a box: most estates have none.
    last_exit: Option<Box<Exit>>,
    /// The last number that was handed out, to an incarnation that may never own the tables.
    issued: u64,
    /// The highest number of an owner so far: an incarnation with a lower one comes too late.
    reached: u64,
}

enum Place<T> {
    /// The tables have not been created.
    Unfounded,
    /// Nobody owns the tables.
    Home { tables: T, unsettled: Unsettled<T> },
    /// The owner has the tables, in its lease.
    Out(Owner),
}

/// Tables that have left the estate, for the holder of this number.
pub(super) struct Taken<T> {
    pub(super) tables: T,
    pub(super) unsettled: Unsettled<T>,
    pub(super) incarnation: u64,
}

/// How an ownership ended.
pub(super) struct Ended {
    pub(super) incarnation: u64,
    pub(super) reason: ExitReason,
    pub(super) in_message: bool,
}

/// The owner before a hand-over, in case the hand-over fails.
pub(crate) struct Succession {
    pub(crate) owner: Owner,
    /// How the owner before the giver ended.
    pub(crate) last_exit: Option<Exit>,
    reached: u64,
    /// Where the tables came from.
    pub(crate) origin: Origin,
}

impl<T> Cell<T> {
    pub(super) fn new(name: Arc<str>, managed: bool) -> Self {
        let state = State {
            place: Place::Unfounded,
            heir: None,
            managed,
            torn: None,
            origin: Origin::New,
            last_exit: None,
            issued: 0,
            reached: 0,
        };
        Self { name, state: WatchOne::new(state) }
    }

    pub(super) fn is_founded(&self) -> bool {
        self.state.with(|state| !matches!(state.place, Place::Unfounded))
    }

    /// Whether the tables are at home, and nothing of their last owner is left to be settled.
    pub(super) fn is_settled(&self) -> bool {
        self.state.with(|state| matches!(state.place, Place::Home { unsettled: None, .. }))
    }

    /// Puts the first tables into the estate.
    pub(super) fn found(&self, tables: T) {
        self.state.update(|state| {
            debug_assert!(matches!(state.place, Place::Unfounded), "an estate is founded once");
            state.place = Place::Home { tables, unsettled: None };
        });
    }

    /// From here on the tables are free to be claimed while there is no heir.
    pub(super) fn release(&self) {
        self.state.with(|state| state.managed = false);
    }

    /// Hands out the next incarnation number.
    pub(super) fn issue(&self) -> u64 {
        self.state.with(|state| {
            state.issued += 1;
            state.issued
        })
    }

    /// Numbers go on above this one.
    #[cfg(feature = "store")]
    pub(super) fn issue_after(&self, incarnation: u64) {
        self.state.with(|state| state.issued = state.issued.max(incarnation));
    }

    /// Makes `name` the heir.
    pub(super) fn appoint(&self, name: &Arc<str>, as_manager: bool) -> Result<(), HeirTaken> {
        self.state.with(|state| {
            let taken = if as_manager { state.heir.clone() } else { state.promised_to(&self.name) };
            if let Some(heir) = taken {
                return Err(HeirTaken { heir });
            }
            state.heir = Some(Arc::clone(name));
            Ok(())
        })
    }

    /// The heir gives up the inheritance.
    pub(super) fn resign(&self) {
        self.state.update_unwatched(|state| state.heir = None);
    }

    /// Takes the tables for a new owner, under a new number.
    pub(super) fn claim(&self, name: &str) -> Result<Taken<T>, ClaimError> {
        self.state.with(|state| {
            if matches!(state.place, Place::Home { .. })
                && let Some(heir) = state.promised_to(&self.name)
            {
                return Err(ClaimError::Promised(heir));
            }
            let incarnation = state.issued + 1;
            let taken = state.take_out(Arc::from(name), incarnation)?;
            state.origin = Origin::Regained;
            state.issued = incarnation;
            state.reached = incarnation;
            Ok(taken)
        })
    }

    /// Takes the tables as they came home, under the number of the owner that ended.
    pub(super) fn hold(&self) -> Option<Taken<T>> {
        let name = Arc::clone(&self.name);
        self.state.with(|state| Some(state.inherit(&name)?.0))
    }

    /// Makes the recipient the owner, before its tables are sent to it: it may act on them at once.
    ///
    /// `None` if a newer incarnation has already owned the tables.
    pub(super) fn succeed(&self, name: Arc<str>, incarnation: u64) -> Option<Succession> {
        self.state.with(|state| {
            if incarnation <= state.reached {
                return None;
            }
            let Place::Out(owner) = &mut state.place else {
                unreachable!("only the holder of a lease gives tables away, and while it does they are out")
            };
            let next = Owner { name, incarnation, since: Instant::now() };
            let owner = std::mem::replace(owner, next);
            let origin = std::mem::replace(&mut state.origin, Origin::Regained);
            let before = Succession { owner, reached: state.reached, last_exit: state.last_exit(), origin };
            state.reached = incarnation;
            Some(before)
        })
    }

    /// The recipient was gone: the giver is the owner again.
    pub(super) fn undo_succession(&self, before: Succession) {
        self.state.with(|state| {
            state.place = Place::Out(before.owner);
            state.reached = before.reached;
            state.origin = before.origin;
        });
    }

    /// The tables come home. Every ownership ends here, whatever ended it; `ended` is `None` if a
    /// heir held the tables between two owners.
    pub(super) fn give_back(&self, tables: T, unsettled: Unsettled<T>, ended: Option<Ended>) {
        let at = Instant::now();
        self.state.update(|state| {
            state.place = Place::Home { tables, unsettled };
            if let Some(Ended { incarnation, reason, in_message }) = ended {
                let exit = Exit { incarnation, reason, in_message, at };
                match &mut state.last_exit {
                    Some(last) => **last = exit,
                    none => *none = Some(Box::new(exit)),
                }
            }
        });
    }

    /// The tables were settled, or exchanged.
    pub(crate) fn set_torn(&self, torn: Option<Arc<str>>) {
        self.state.with(|state| state.torn = torn);
    }

    /// The tables come from there: they were loaded, or made anew.
    pub(crate) fn set_origin(&self, origin: Origin) {
        self.state.with(|state| state.origin = origin);
    }

    pub(super) fn torn(&self) -> Option<Arc<str>> {
        self.state.with(|state| state.torn.clone())
    }

    pub(super) fn info(&self) -> EstateInfo {
        self.state.with(|state| EstateInfo {
            name: Arc::clone(&self.name),
            founded: !matches!(state.place, Place::Unfounded),
            owner: match &state.place {
                Place::Out(owner) => Some(owner.clone()),
                Place::Unfounded | Place::Home { .. } => None,
            },
            heir: state.heir.clone(),
            incarnation: state.reached,
            last_exit: state.last_exit(),
        })
    }
}

impl<T> Drop for Cell<T> {
    fn drop(&mut self) {
        // A supervisor or a user drops the last handle, and expects no panic of the tables there.
        let place = self.state.with(|state| std::mem::replace(&mut state.place, Place::Unfounded));
        if let Place::Home { mut tables, unsettled } = place {
            if let Some(unsettled) = unsettled {
                let _ = caught(|| unsettled.settle(&mut tables));
            }
            if let Err(message) = drop_caught(tables)
                && !is_noted(&message)
            {
                let _ = caught(
                    || tracing::error!(target: "heir", panic = %message, "a destructor in an estate panicked"),
                );
            }
        }
    }
}

impl<T> State<T> {
    /// Takes the tables for the heir, under the number of the owner that ended: `None` while they
    /// are not at home.
    pub(super) fn inherit(&mut self, heir: &Arc<str>) -> Option<(Taken<T>, Option<Exit>)> {
        let taken = self.take_out(Arc::clone(heir), self.reached).ok()?;
        Some((taken, self.last_exit()))
    }

    /// Who is to have the tables when they are home.
    fn promised_to(&self, estate: &str) -> Option<Arc<str>> {
        self.heir.clone().or_else(|| self.managed.then(|| Arc::from(format!("the manager of {estate}"))))
    }

    fn last_exit(&self) -> Option<Exit> {
        self.last_exit.as_deref().cloned()
    }

    /// Takes the tables out of the estate, for an owner with this name and number.
    fn take_out(&mut self, name: Arc<str>, incarnation: u64) -> Result<Taken<T>, ClaimError> {
        match &self.place {
            Place::Unfounded => return Err(ClaimError::NotFounded),
            Place::Out(owner) => return Err(ClaimError::Owned(owner.clone())),
            Place::Home { .. } => {}
        }
        let owner = Owner { name, incarnation, since: Instant::now() };
        match std::mem::replace(&mut self.place, Place::Out(owner)) {
            Place::Home { tables, unsettled } => Ok(Taken { tables, unsettled, incarnation }),
            Place::Unfounded | Place::Out(_) => unreachable!("looked at just above, under the same lock"),
        }
    }
}
