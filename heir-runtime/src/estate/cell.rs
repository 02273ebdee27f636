//! The state of one estate, and the moves of its tables: every one is a single step under the lock, whatever the tables
//! hold.

use std::sync::Arc;
use std::time::Instant;

use super::{ClaimError, EstateInfo, Lease, Owner, Seat};
use crate::process::exit::{Exit, ExitReason};
use crate::util::caught::{PanicMessage, caught, drop_caught};
use crate::util::sync::WatchOne;

pub(crate) struct Cell<T> {
    name: Arc<str>,
    pub(super) state: WatchOne<State<T>>,
}

pub(super) struct State<T> {
    pub(super) place: Place<T>,
    pub(super) heir: Option<Arc<str>>,
    /// Whether a worker's managers come and go as its heirs: nobody else is let in between two of them.
    pub(super) managed: bool,
    /// What stood in the way when the tables were last settled.
    torn: Option<Arc<str>>,
    /// In a box: most have none.
    last_exit: Option<Box<Exit>>,
    /// The highest incarnation number handed out.
    issued: u64,
    /// The highest incarnation number that has owned the tables.
    reached: u64,
}

/// Where the tables are: in exactly one place.
pub(super) enum Place<T> {
    Unfounded,
    Home { tables: T, unsettled: Unsettled<T> },
    Out(Owner),
}

/// What comes home with tables, to be settled before they have another owner.
pub(crate) type Unsettled<T> = Option<Box<dyn Settle<T>>>;

/// What an owner that ended left behind beside its tables: to be undone and dropped before the next owner.
///
/// It runs a user's destructors, so it runs in the task of the next holder, caught, and never under the lock.
pub(crate) trait Settle<T>: Send {
    /// Restores `tables` to the last message boundary and drops the rest of the owner.
    fn settle(self: Box<Self>, tables: &mut T) -> Settled;
}

/// How the settling went.
#[derive(Default)]
pub(crate) struct Settled {
    /// What a user's code said that panicked, mostly destructors.
    pub(crate) panics: Vec<PanicMessage>,
    /// What stood in the way, if the tables could not be restored.
    pub(crate) torn: Option<PanicMessage>,
}

impl<T> Cell<T> {
    pub(super) fn new(name: Arc<str>, managed: bool) -> Self {
        let state = State {
            place: Place::Unfounded,
            heir: None,
            managed,
            torn: None,
            last_exit: None,
            issued: 0,
            reached: 0,
        };
        Self { name, state: WatchOne::new(state) }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn issue(&self) -> u64 {
        self.state.with(State::issue)
    }

    pub(super) fn claim(self: &Arc<Self>, name: &str) -> Result<Lease<T>, ClaimError> {
        let (tables, unsettled, incarnation) = self.state.with(|state| {
            if matches!(state.place, Place::Home { .. })
                && let Some(heir) = state.promised_to(&self.name)
            {
                return Err(ClaimError::Promised(heir));
            }
            let incarnation = state.issued + 1;
            let (tables, unsettled) = state.leave(Arc::from(name), incarnation)?;
            state.issued = incarnation;
            state.reached = incarnation;
            Ok((tables, unsettled, incarnation))
        })?;
        let mut lease = Lease::new(tables, Seat::owner(self, incarnation));
        settle(unsettled, &mut lease);
        Ok(lease)
    }

    /// Takes the tables home for the heir: its number is the one of the owner that ended.
    pub(super) fn inherit(
        self: &Arc<Self>,
        state: &mut State<T>,
        heir: &Arc<str>,
    ) -> Option<(Lease<T>, Unsettled<T>, Option<Exit>)> {
        let incarnation = state.reached;
        let (tables, unsettled) = state.leave(Arc::clone(heir), incarnation).ok()?;
        Some((Lease::new(tables, Seat::heir(self, incarnation)), unsettled, state.last_exit()))
    }

    /// Takes the tables for a moment, as they came home.
    pub(super) fn hold(self: &Arc<Self>) -> Option<(Lease<T>, Unsettled<T>)> {
        let name = Arc::clone(&self.name);
        let (lease, unsettled, _) = self.state.with(|state| self.inherit(state, &name))?;
        Some((lease, unsettled))
    }

    /// Takes the tables for a moment, only to settle them.
    pub(super) fn hold_for_settling(self: &Arc<Self>) -> Option<Lease<T>> {
        let (mut lease, unsettled) = self.hold()?;
        settle(unsettled, &mut lease);
        Some(lease)
    }

    /// Makes the recipient the owner, before its tables are sent to it: it may act on them at once.
    ///
    /// `None` if a newer incarnation has already owned them.
    pub(crate) fn succeed(&self, name: Arc<str>, incarnation: u64) -> Option<Succession> {
        self.state.with(|state| {
            if incarnation <= state.reached {
                return None;
            }
            let Place::Out(owner) = &mut state.place else {
                unreachable!("only the holder of a lease gives tables away, and while it does they are out")
            };
            let next = Owner { name, incarnation, since: Instant::now() };
            let owner = std::mem::replace(owner, next);
            let before = Succession { owner, reached: state.reached, last_exit: state.last_exit() };
            state.reached = incarnation;
            Some(before)
        })
    }

    /// The recipient was gone: the giver is the owner it was.
    pub(crate) fn undo_succession(&self, before: Succession) {
        self.state.with(|state| {
            state.place = Place::Out(before.owner);
            state.reached = before.reached;
        });
    }

    /// The tables come home. The only way back, for every owner, whatever ended it.
    pub(super) fn give_back(
        &self,
        tables: T,
        unsettled: Unsettled<T>,
        exit: Option<(u64, ExitReason, bool)>,
    ) {
        let at = Instant::now();
        self.state.update(|state| {
            state.place = Place::Home { tables, unsettled };
            if let Some((incarnation, reason, in_message)) = exit {
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
        // Whoever lets go of the estate last, a supervisor or the user, is no place for a panic of what is in it.
        let place = self.state.with(|state| std::mem::replace(&mut state.place, Place::Unfounded));
        if let Place::Home { mut tables, unsettled } = place {
            if let Some(unsettled) = unsettled {
                let _ = caught(|| unsettled.settle(&mut tables));
            }
            if let Err(message) = drop_caught(tables) {
                let _ = caught(
                    || tracing::error!(target: "heir", panic = %message, "a destructor in an estate panicked"),
                );
            }
        }
    }
}

impl<T> State<T> {
    /// Who is to have the tables when they are home.
    pub(super) fn promised_to(&self, estate: &str) -> Option<Arc<str>> {
        self.heir.clone().or_else(|| self.managed.then(|| Arc::from(format!("the manager of {estate}"))))
    }

    fn last_exit(&self) -> Option<Exit> {
        self.last_exit.as_deref().cloned()
    }

    fn issue(&mut self) -> u64 {
        self.issued += 1;
        self.issued
    }

    /// Takes the tables out of the estate, for an owner with this name and number.
    fn leave(&mut self, name: Arc<str>, incarnation: u64) -> Result<(T, Unsettled<T>), ClaimError> {
        match &self.place {
            Place::Unfounded => return Err(ClaimError::NotFounded),
            Place::Out(owner) => return Err(ClaimError::Owned(owner.clone())),
            Place::Home { .. } => {}
        }
        let owner = Owner { name, incarnation, since: Instant::now() };
        match std::mem::replace(&mut self.place, Place::Out(owner)) {
            Place::Home { tables, unsettled } => Ok((tables, unsettled)),
            Place::Unfounded | Place::Out(_) => unreachable!("looked at just above, under the same lock"),
        }
    }
}

/// The owner before a hand-over, in case it fails.
pub(crate) struct Succession {
    pub(crate) owner: Owner,
    /// How the owner before the giver ended.
    pub(crate) last_exit: Option<Exit>,
    reached: u64,
}

/// Finishes what the last owner left unfinished; returns what a user's code said that panicked in it.
pub(super) fn settle<T>(unsettled: Unsettled<T>, lease: &mut Lease<T>) -> Vec<PanicMessage> {
    let Some(unsettled) = unsettled else { return Vec::new() };
    let settled = caught(|| unsettled.settle(lease))
        .unwrap_or_else(|message| Settled { panics: vec![message.clone()], torn: Some(message) });
    lease.cell().set_torn(settled.torn);
    settled.panics
}
