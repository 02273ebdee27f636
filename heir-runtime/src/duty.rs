//! When a worker's manager is a task, and when it is not.
//!
//! It is one while there are tables to be created, settled or given away. While its worker owns them it is *on call*: the heir, kept in
//! the post, whom the estate calls when the tables come home.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::runtime;
use tokio::task::AbortHandle;

use crate::caught::{DropCaught, drop_caught};
use crate::estate::Heir;
use crate::worker::Worker;

/// What a worker's manager does.
pub(crate) struct Duty<W: Worker>(Mutex<State<W>>);

struct State<W: Worker> {
    /// The newest task of the newest manager.
    number: Number,
    stage: Stage<W>,
}

enum Stage<W: Worker> {
    /// There is no manager.
    Vacant,
    OnCall(Charge<W>, runtime::Handle),
    AtWork {
        /// Known only after it has been started.
        task: Option<AbortHandle>,
        /// Whether the tables have come home since it last looked.
        called: bool,
    },
    /// It has been dismissed: its task ends at its next await.
    Leaving,
}

/// What a manager keeps while it is no task.
pub(crate) struct Charge<W: Worker> {
    pub(crate) heir: Heir<W::Tables>,
    pub(crate) args: DropCaught<W::Args>,
    /// When a worker died last.
    pub(crate) died: Option<Instant>,
}

/// Which task of which manager.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Number {
    /// Whoever follows a manager that has ended is another.
    pub(crate) life: u64,
    /// Each time it is called, it is another task.
    turn: u64,
}

/// How a manager has taken its dismissal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dismissal {
    /// There was none, or it had been dismissed before.
    Nobody,
    /// The one with this number is gone.
    Gone(u64),
    /// It is at work, and its supervisor is told when it is gone.
    Leaves,
}

impl<W: Worker> Default for Duty<W> {
    fn default() -> Self {
        Self(Mutex::new(State { number: Number::default(), stage: Stage::Vacant }))
    }
}

impl<W: Worker> State<W> {
    /// Its next task is about to be started.
    fn begin(&mut self) -> (Number, Stage<W>) {
        self.number.turn += 1;
        let before = std::mem::replace(&mut self.stage, Stage::AtWork { task: None, called: false });
        (self.number, before)
    }
}

impl<W: Worker> Duty<W> {
    /// A new manager is about to be started.
    pub(crate) fn begin(&self) -> Number {
        let mut state = self.lock();
        state.number.life += 1;
        let (number, before) = state.begin();
        drop(state);
        drop(before);
        number
    }

    /// The tables have come home: the manager that is on call goes on with this, in another task.
    pub(crate) fn call(&self) -> Option<(Number, Charge<W>, runtime::Handle)> {
        let mut state = self.lock();
        match &mut state.stage {
            Stage::OnCall(..) => {}
            Stage::AtWork { called, .. } => {
                *called = true;
                return None;
            }
            Stage::Vacant | Stage::Leaving => return None,
        }
        match state.begin() {
            (number, Stage::OnCall(charge, runtime)) => Some((number, charge, runtime)),
            _ => None,
        }
    }

    /// The task with this number has been started. It may be done, and have been called again.
    pub(crate) fn works_as(&self, number: Number, task: AbortHandle) {
        let mut state = self.lock();
        if state.number != number {
            return;
        }
        match &mut state.stage {
            Stage::AtWork { task: known, .. } => *known = Some(task),
            Stage::Leaving => {
                drop(state);
                task.abort();
            }
            Stage::OnCall(..) | Stage::Vacant => {}
        }
    }

    /// The manager at work is on call from here on. If it has been called already, it gets back what it goes on with.
    pub(crate) fn rest(&self, charge: Charge<W>) -> Option<Charge<W>> {
        let mut state = self.lock();
        match &mut state.stage {
            Stage::AtWork { called, .. } if *called => {
                *called = false;
                Some(charge)
            }
            Stage::AtWork { .. } => {
                let on_call = Stage::OnCall(charge, runtime::Handle::current());
                let before = std::mem::replace(&mut state.stage, on_call);
                drop(state);
                // A handle on the very task this runs in.
                drop(before);
                None
            }
            // Dismissed meanwhile: what it has is dropped, and then it is told.
            Stage::Leaving | Stage::OnCall(..) | Stage::Vacant => {
                drop(state);
                let _ = drop_caught(charge);
                None
            }
        }
    }

    /// The task with this number has ended; says whether the manager has with it.
    pub(crate) fn ends(&self, number: Number) -> bool {
        let mut state = self.lock();
        let ends = state.number == number && matches!(state.stage, Stage::AtWork { .. } | Stage::Leaving);
        if ends {
            let before = std::mem::replace(&mut state.stage, Stage::Vacant);
            drop(state);
            drop(before);
        }
        ends
    }

    /// Ends the manager that lives, once.
    pub(crate) fn dismiss(&self) -> Dismissal {
        let mut state = self.lock();
        match std::mem::replace(&mut state.stage, Stage::Leaving) {
            Stage::AtWork { task, .. } => {
                drop(state);
                task.as_ref().inspect(|task| task.abort());
                Dismissal::Leaves
            }
            Stage::OnCall(charge, _) => {
                state.stage = Stage::Vacant;
                let life = state.number.life;
                drop(state);
                let _ = drop_caught(charge);
                Dismissal::Gone(life)
            }
            before => {
                state.stage = before;
                Dismissal::Nobody
            }
        }
    }

    /// Whether there is a manager.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.lock().stage, Stage::AtWork { .. } | Stage::OnCall(..))
    }

    fn lock(&self) -> MutexGuard<'_, State<W>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
