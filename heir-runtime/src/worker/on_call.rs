//! When a worker's manager is a task, and when it is not.
//!
//! It is one while there are tables to be created, settled or given away. While its worker owns them it is *on call*: the heir, kept in
//! the post, whom the estate calls when the tables come home.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::runtime;
use tokio::task::AbortHandle;

use crate::estate::Heir;
use crate::util::caught::{CatchDrop, drop_caught};
use crate::worker::Worker;

/// What a worker's manager does.
pub(crate) struct OnCall<W: Worker>(Mutex<State<W>>);

struct State<W: Worker> {
    /// The newest task of the newest manager.
    id: ManagerId,
    stage: Stage<W>,
}

enum Stage<W: Worker> {
    /// There is no manager.
    Vacant,
    OnCall(Resting<W>, runtime::Handle),
    LifecycleState {
        /// Known only after it has been started.
        task: Option<AbortHandle>,
        /// Whether the tables have come home since it last looked.
        called: bool,
    },
    /// It has been dismissed: its task ends at its next await.
    Leaving,
}

/// What a manager keeps while it is no task.
pub(crate) struct Resting<W: Worker> {
    pub(crate) heir: Heir<W::Tables>,
    pub(crate) args: CatchDrop<W::Args>,
    /// When a worker died last.
    pub(crate) died: Option<Instant>,
}

/// Which task of which manager.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ManagerId {
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

impl<W: Worker> Default for OnCall<W> {
    fn default() -> Self {
        Self(Mutex::new(State { id: ManagerId::default(), stage: Stage::Vacant }))
    }
}

impl<W: Worker> State<W> {
    /// Its next task is about to be started.
    fn begin(&mut self) -> (ManagerId, Stage<W>) {
        self.id.turn += 1;
        let before = std::mem::replace(&mut self.stage, Stage::LifecycleState { task: None, called: false });
        (self.id, before)
    }
}

impl<W: Worker> OnCall<W> {
    /// A new manager is about to be started.
    pub(crate) fn begin(&self) -> ManagerId {
        let mut state = self.lock();
        state.id.life += 1;
        let (id, before) = state.begin();
        drop(state);
        drop(before);
        id
    }

    /// The tables have come home: the manager that is on call goes on with this, in another task.
    pub(crate) fn call(&self) -> Option<(ManagerId, Resting<W>, runtime::Handle)> {
        let mut state = self.lock();
        match &mut state.stage {
            Stage::OnCall(..) => {}
            Stage::LifecycleState { called, .. } => {
                *called = true;
                return None;
            }
            Stage::Vacant | Stage::Leaving => return None,
        }
        match state.begin() {
            (id, Stage::OnCall(resting, runtime)) => Some((id, resting, runtime)),
            _ => None,
        }
    }

    /// The task with this number has been started. It may be done, and have been called again.
    pub(crate) fn works_as(&self, id: ManagerId, task: AbortHandle) {
        let mut state = self.lock();
        if state.id != id {
            return;
        }
        match &mut state.stage {
            Stage::LifecycleState { task: known, .. } => *known = Some(task),
            Stage::Leaving => {
                drop(state);
                task.abort();
            }
            Stage::OnCall(..) | Stage::Vacant => {}
        }
    }

    /// The manager at work is on call from here on. If it has been called already, it gets back what it goes on with.
    pub(crate) fn rest(&self, resting: Resting<W>) -> Option<Resting<W>> {
        let mut state = self.lock();
        match &mut state.stage {
            Stage::LifecycleState { called, .. } if *called => {
                *called = false;
                Some(resting)
            }
            Stage::LifecycleState { .. } => {
                let on_call = Stage::OnCall(resting, runtime::Handle::current());
                let before = std::mem::replace(&mut state.stage, on_call);
                drop(state);
                // A handle on the very task this runs in.
                drop(before);
                None
            }
            // Dismissed meanwhile: what it has is dropped, and then it is told.
            Stage::Leaving | Stage::OnCall(..) | Stage::Vacant => {
                drop(state);
                let _ = drop_caught(resting);
                None
            }
        }
    }

    /// The task with this number has ended; says whether the manager has with it.
    pub(crate) fn ends(&self, id: ManagerId) -> bool {
        let mut state = self.lock();
        let ends = state.id == id && matches!(state.stage, Stage::LifecycleState { .. } | Stage::Leaving);
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
            Stage::LifecycleState { task, .. } => {
                drop(state);
                task.as_ref().inspect(|task| task.abort());
                Dismissal::Leaves
            }
            Stage::OnCall(resting, _) => {
                state.stage = Stage::Vacant;
                let life = state.id.life;
                drop(state);
                let _ = drop_caught(resting);
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
        matches!(self.lock().stage, Stage::LifecycleState { .. } | Stage::OnCall(..))
    }

    fn lock(&self) -> MutexGuard<'_, State<W>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
