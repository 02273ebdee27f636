//! Whether a worker's manager is a task at the moment.
//!
//! The manager is a task while there are tables to create, to settle or to give away. While its
//! worker owns them the manager is *on call*: no task, only its heir and its arguments, kept in the
//! worker's shared state. The estate calls it when the tables come home, and another task goes on
//! as the same manager.
//!
//! ```text
//! Vacant  -- begin ---> Working
//! Working -- rest ----> OnCall   (if it was called meanwhile, it stays Working and goes on)
//! Working -- dismiss -> Leaving
//! Working -- ends ----> Vacant
//! OnCall  -- call ----> Working  (the manager's next task)
//! OnCall  -- dismiss -> Vacant
//! Leaving -- ends ----> Vacant
//! ```

use std::time::Instant;

use tokio::runtime;
use tokio::task::AbortHandle;

use crate::estate::Heir;
use crate::util::caught::{CatchDrop, drop_caught};
use crate::util::sync::Lock;
use crate::worker::Worker;

/// The manager of a worker: a task, on call, or none.
pub(crate) struct OnCall<W: Worker>(Lock<State<W>>);

struct State<W: Worker> {
    /// The newest task of the newest manager.
    id: ManagerId,
    stage: Stage<W>,
}

enum Stage<W: Worker> {
    /// There is no manager.
    Vacant,
    /// The manager is no task: it waits to be called, and goes on in this runtime.
    OnCall(Resting<W>, runtime::Handle),
    /// The manager is a task.
    Working {
        /// `None` until the task has been spawned.
        task: Option<AbortHandle>,
        /// Whether the estate has called meanwhile: then the manager goes on, and does not rest.
        called: bool,
    },
    /// The manager has been dismissed: its task ends at its next await.
    Leaving,
}

/// The part of a manager that stays while it is no task.
pub(crate) struct Resting<W: Worker> {
    pub(crate) heir: Heir<W::Tables>,
    pub(crate) args: CatchDrop<W::Args>,
    /// When a worker died last.
    pub(crate) died: Option<Instant>,
}

/// A number for each task of each manager.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ManagerId {
    /// The manager: the supervisor starts another when one has ended.
    pub(crate) life: u64,
    /// The task: a manager that is called goes on in another.
    turn: u64,
}

/// What a dismissal does to the manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dismissal {
    /// There was no manager, or it had been dismissed before.
    Nobody,
    /// The manager with this number was on call, and is gone.
    Gone(u64),
    /// The manager is a task, and tells its supervisor when it has ended.
    Leaves,
}

impl<W: Worker> Default for OnCall<W> {
    fn default() -> Self {
        Self(Lock::new(State { id: ManagerId::default(), stage: Stage::Vacant }))
    }
}

impl<W: Worker> State<W> {
    /// Numbers the manager's next task, which is about to be spawned. Returns the stage before.
    fn begin(&mut self) -> (ManagerId, Stage<W>) {
        self.id.turn += 1;
        let before = std::mem::replace(&mut self.stage, Stage::Working { task: None, called: false });
        (self.id, before)
    }
}

impl<W: Worker> OnCall<W> {
    /// Numbers a new manager, whose task is about to be spawned.
    pub(crate) fn begin(&self) -> ManagerId {
        let (id, _before) = self.0.with(|state| {
            state.id.life += 1;
            state.begin()
        });
        id
    }

    /// Calls the manager, because the tables have come home. A manager that is on call goes on in
    /// another task, which the caller spawns with the returned parts.
    pub(crate) fn call(&self) -> Option<(ManagerId, Resting<W>, runtime::Handle)> {
        let mut state = self.0.lock();
        match &mut state.stage {
            Stage::OnCall(..) => {}
            Stage::Working { called, .. } => {
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

    /// The task with this number has been spawned. It may have ended already, and another task may
    /// have been called since.
    pub(crate) fn runs_as(&self, id: ManagerId, task: AbortHandle) {
        let mut state = self.0.lock();
        if state.id != id {
            return;
        }
        match &mut state.stage {
            Stage::Working { task: known, .. } => *known = Some(task),
            Stage::Leaving => {
                drop(state);
                task.abort();
            }
            Stage::OnCall(..) | Stage::Vacant => {}
        }
    }

    /// Puts the manager on call, from its own task. If the tables have come home meanwhile, it gets
    /// `resting` back and goes on.
    pub(crate) fn rest(&self, resting: Resting<W>) -> Option<Resting<W>> {
        let mut state = self.0.lock();
        match &mut state.stage {
            Stage::Working { called, .. } if *called => {
                *called = false;
                Some(resting)
            }
            Stage::Working { .. } => {
                let on_call = Stage::OnCall(resting, runtime::Handle::current());
                let before = std::mem::replace(&mut state.stage, on_call);
                drop(state);
                // The abort handle of the task that runs here.
                drop(before);
                None
            }
            // The manager has been dismissed meanwhile. Its task drops this before it tells that it
            // ends.
            Stage::Leaving | Stage::OnCall(..) | Stage::Vacant => {
                drop(state);
                let _ = drop_caught(resting);
                None
            }
        }
    }

    /// The task with this number has ended. Says whether its manager has ended with it.
    pub(crate) fn ends(&self, id: ManagerId) -> bool {
        let mut state = self.0.lock();
        let ends = state.id == id && matches!(state.stage, Stage::Working { .. } | Stage::Leaving);
        if ends {
            let before = std::mem::replace(&mut state.stage, Stage::Vacant);
            drop(state);
            drop(before);
        }
        ends
    }

    /// Ends the living manager, once.
    pub(crate) fn dismiss(&self) -> Dismissal {
        let mut state = self.0.lock();
        match std::mem::replace(&mut state.stage, Stage::Leaving) {
            Stage::Working { task, .. } => {
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

    /// Whether there is no manager, not even one that has been dismissed and is still a task.
    pub(crate) fn is_vacant(&self) -> bool {
        matches!(self.0.lock().stage, Stage::Vacant)
    }

    /// Whether there is a manager that has not been dismissed.
    pub(crate) fn has_manager(&self) -> bool {
        matches!(self.0.lock().stage, Stage::Working { .. } | Stage::OnCall(..))
    }
}
