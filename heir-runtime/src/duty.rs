//! When a worker's manager is a task, and when it is not.
//!
//! It is one while there are tables to be created, settled or given away. While its worker owns them it is *on call*: the heir, kept in
//! the post, whom the estate calls when the tables come home.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use tokio::runtime;
use tokio::task::AbortHandle;

use crate::caught::drop_caught;
use crate::exit::ExitReason;
use crate::manager::{Charge, manager};
use crate::post::Post;
use crate::worker::{Handlers, Worker};

/// What a worker's manager does.
pub(crate) struct Duty<W: Worker> {
    /// Which manager it is: whoever follows one that has ended is another.
    life: u64,
    /// Which task it is: each time it is called, it is another.
    turn: u64,
    state: State<W>,
}

enum State<W: Worker> {
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

/// What a manager's task begins with.
pub(crate) enum Begin<W: Worker> {
    /// It is a new manager.
    New(Result<W::Args, ExitReason>),
    Called(Charge<W>),
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
        Self { life: 0, turn: 0, state: State::Vacant }
    }
}

impl<W: Worker> Duty<W> {
    /// Its task is about to be started.
    fn begin(&mut self) -> Number {
        self.turn += 1;
        self.state = State::AtWork { task: None, called: false };
        Number { life: self.life, turn: self.turn }
    }
}

/// Which task of which manager.
#[derive(Clone, Copy)]
struct Number {
    life: u64,
    turn: u64,
}

impl<W: Handlers> Post<W> {
    /// Starts a manager, and returns its number.
    pub(crate) fn start_manager(self: &Arc<Self>, args: Result<W::Args, ExitReason>) -> u64 {
        let number = {
            let mut duty = self.duty();
            duty.life += 1;
            duty.begin()
        };
        self.work(number, &runtime::Handle::current(), Begin::New(args));
        number.life
    }

    fn work(self: &Arc<Self>, number: Number, runtime: &runtime::Handle, begin: Begin<W>) {
        let turn = Turn { post: Arc::clone(self), number, reason: None };
        let task = runtime.spawn(Box::pin(manager(turn, begin))).abort_handle();
        let mut duty = self.duty();
        // It may be done, and have been called again.
        let is_this = duty.turn == number.turn;
        match &mut duty.state {
            State::AtWork { task: known, .. } if is_this => *known = Some(task),
            State::Leaving if is_this => {
                drop(duty);
                task.abort();
            }
            _ => {}
        }
    }

    /// Ends the manager that lives, once.
    pub(crate) fn dismiss_manager(&self) -> Dismissal {
        let mut duty = self.duty();
        match std::mem::replace(&mut duty.state, State::Leaving) {
            State::AtWork { task, .. } => {
                drop(duty);
                task.as_ref().inspect(|task| task.abort());
                Dismissal::Leaves
            }
            State::OnCall(charge, _) => {
                duty.state = State::Vacant;
                let life = duty.life;
                drop(duty);
                let _ = drop_caught(charge);
                Dismissal::Gone(life)
            }
            before => {
                duty.state = before;
                Dismissal::Nobody
            }
        }
    }

    /// Kills the manager that lives, once.
    pub(crate) fn kill_manager(&self) -> bool {
        let dismissal = self.dismiss_manager();
        if let Dismissal::Gone(life) = dismissal {
            self.manager_ended(life, ExitReason::Killed);
        }
        dismissal != Dismissal::Nobody
    }

    /// Whether there is a manager.
    pub(crate) fn is_managed(&self) -> bool {
        matches!(self.duty().state, State::AtWork { .. } | State::OnCall(..))
    }

    fn duty(&self) -> MutexGuard<'_, Duty<W>> {
        self.duty.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Called when the tables have come home.
impl<W: Handlers> Wake for Post<W> {
    fn wake(self: Arc<Self>) {
        let mut duty = self.duty();
        if let State::AtWork { called, .. } = &mut duty.state {
            *called = true;
        }
        if !matches!(duty.state, State::OnCall(..)) {
            return;
        }
        let before = std::mem::replace(&mut duty.state, State::Vacant);
        let number = duty.begin();
        drop(duty);
        if let State::OnCall(charge, runtime) = before {
            self.work(number, &runtime, Begin::Called(charge));
        }
    }
}

/// One task of a manager. When it ends and the manager with it, its supervisor is told.
pub(crate) struct Turn<W: Handlers> {
    pub(crate) post: Arc<Post<W>>,
    number: Number,
    /// Unless the task was aborted, or dropped with its runtime.
    pub(crate) reason: Option<ExitReason>,
}

impl<W: Handlers> Turn<W> {
    /// Whom the estate is to call when the tables come home.
    pub(crate) fn waker(&self) -> Waker {
        Waker::from(Arc::clone(&self.post))
    }

    /// Is on call from here on. If it has been called already, it gets back what it goes on with.
    pub(crate) fn rest(&self, charge: Charge<W>) -> Option<Charge<W>> {
        let mut duty = self.post.duty();
        match &mut duty.state {
            State::AtWork { called, .. } if *called => {
                *called = false;
                Some(charge)
            }
            State::AtWork { .. } => {
                let before =
                    std::mem::replace(&mut duty.state, State::OnCall(charge, runtime::Handle::current()));
                drop(duty);
                // A handle on this very task.
                drop(before);
                None
            }
            // Dismissed meanwhile: what it has is dropped, and then it is told.
            State::Leaving | State::OnCall(..) | State::Vacant => {
                drop(duty);
                let _ = drop_caught(charge);
                None
            }
        }
    }
}

impl<W: Handlers> Drop for Turn<W> {
    fn drop(&mut self) {
        let Number { life, turn } = self.number;
        let mut duty = self.post.duty();
        let ends = duty.turn == turn && matches!(duty.state, State::AtWork { .. } | State::Leaving);
        if !ends {
            return;
        }
        let before = std::mem::replace(&mut duty.state, State::Vacant);
        drop(duty);
        drop(before);
        let reason = match self.reason.take() {
            Some(said) => said,
            None if std::thread::panicking() => ExitReason::Panic("in the manager".into()),
            None => ExitReason::Killed,
        };
        self.post.manager_ended(life, reason);
    }
}
