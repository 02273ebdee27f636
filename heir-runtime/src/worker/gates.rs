//! What waits for the records of a worker to be durable: replies, messages to others, closures.
//!
//! ```text
//!  the message commits ──▶ held ──(its record is durable)──▶ its gate opens ──▶ returned ──▶ finished
//!                           │                                 on the writer's thread      on the worker's
//!                           │                                 (in a task, if it sends)    task, or the manager's
//!                           └──(its record is unknown)──▶ its caller is told ──▶ known: as above, or dropped
//! ```

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Waker};

use tokio::runtime;

use crate::mailbox::{Message as _, Refusal};
use crate::store::StoreError;
use crate::store::claim::LoadingBeside;
use crate::store::ledger::{Ledger, NotRewritten, OpensGates};
use crate::store::warnings::Warning;
use crate::table::Readers;
use crate::tree::events::EventKind;
use crate::util::caught::{PanicMessage, caught, drop_caught};
use crate::util::sync::Lock;
use crate::worker::Handlers;
use crate::worker::outbox::Outbox;

/// The worker behind its gates.
pub(crate) trait Gated: Send + Sync {
    /// Readers of its tables.
    fn readers(&self) -> Readers;

    /// Asks its supervisor to restart it.
    fn ask_for_restart(&self);

    /// Tells that the store has failed it.
    fn tell_failure(&self, error: &StoreError);

    /// Tells a panic of its code.
    fn tell_panic(&self, message: PanicMessage);

    /// Gives up this reference. It may be the last: the tables are then dropped in a thread in which a
    /// user's code may run.
    fn give_up(self: Arc<Self>);
}

/// The gates of one worker. They stay while incarnations come and go.
pub(crate) struct Gates<W: Handlers> {
    me: Weak<Self>,
    worker: OnceLock<Weak<dyn Gated>>,
    /// When the worker takes over from another, that one's.
    ledger: Arc<Ledger>,
    /// The readers of the worker before it, from which it takes over.
    before: Lock<Option<Readers>>,
    /// Where tasks run that open gates.
    runtime: OnceLock<runtime::Handle>,
    state: Lock<State<W>>,
    /// The tables, while they are loaded before the worker starts.
    loading: Lock<Option<LoadingBeside>>,
}

struct State<W: Handlers> {
    /// What waits, each with the last record when it committed, in their order.
    held: VecDeque<(u64, Held<W>)>,
    /// Records up to this number are durable.
    durable: u64,
    /// Whether those beyond are unknown.
    is_unknown: bool,
    /// Whether somebody opens a gate.
    is_opening: bool,
    /// What is to be finished, or dropped, where a user's code may run.
    returned: Vec<Returned<W>>,
    /// What the owner tells of the store.
    warnings: Vec<Warning>,
    /// The task of the owner, while it waits: a task of ours.
    owner: Option<Waker>,
}

/// A message that has committed, and what waits for its record.
pub(crate) struct Held<W: Handlers> {
    pub(crate) incarnation: u64,
    /// `None`: a hook, or a part of a message.
    pub(crate) message: Option<W::Message>,
    pub(crate) outbox: Outbox,
    /// The `rollback` tables before it.
    pub(crate) saved: Option<W::Saved>,
}

/// What is left of a message.
enum Returned<W: Handlers> {
    /// Its gate has opened.
    Opened(Held<W>),
    /// Its record is not there.
    Dropped(Held<W>),
}

/// What the owner of the tables does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnerMay {
    Serve,
    /// Finish what has been opened.
    Finish,
    /// Serve no message, until less waits for the disk.
    Wait,
}

impl<W: Handlers> Gates<W> {
    /// Gates that wait for the records of this ledger: that of the worker `before` it, if there is one.
    pub(crate) fn new(ledger: Arc<Ledger>, before: Option<Readers>) -> Arc<Self> {
        let state = State {
            held: VecDeque::new(),
            durable: 0,
            is_unknown: false,
            is_opening: false,
            returned: Vec::new(),
            warnings: Vec::new(),
            owner: None,
        };
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            worker: OnceLock::new(),
            ledger,
            before: Lock::new(before),
            runtime: OnceLock::new(),
            state: Lock::new(state),
            loading: Lock::default(),
        })
    }

    /// The worker whose gates these are.
    pub(crate) fn belong_to(&self, worker: Weak<dyn Gated>) {
        let _ = self.worker.set(worker);
    }

    /// The worker has the tables from here on, or is the first that has them.
    pub(crate) fn wait_for_records(&self) {
        let _ = self.runtime.set(runtime::Handle::current());
        let me: Weak<dyn OpensGates> = Weak::<Self>::clone(&self.me);
        self.ledger.open_at(me);
        // What is appended and not durable may be unknown later, and its numbers are given again then.
        let durable = self.ledger.durable_up_to();
        self.state.with(|state| state.durable = durable.max(state.durable));
    }

    /// The tables are being loaded.
    pub(crate) fn loads(&self, loading: LoadingBeside) {
        self.loading.set(Some(loading));
    }

    /// What is being loaded, if that has begun.
    pub(crate) fn take_loading(&self) -> Option<LoadingBeside> {
        self.loading.take()
    }

    /// Takes the readers of the worker before it.
    pub(crate) fn before(&self) -> Option<Readers> {
        self.before.take()
    }

    pub(crate) fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// Whether everything is durable, and nothing waits: then a message that has just committed waits for
    /// nothing.
    pub(crate) fn are_even(&self) -> bool {
        let is_idle = |state: &mut State<W>| {
            // What has been opened and is not finished comes before what that message has to do.
            state.is_empty() && state.returned.is_empty() && !state.is_unknown
        };
        self.state.with(is_idle) && self.ledger.is_even()
    }

    /// Holds back what a message that has committed has to do, until the last record is durable.
    pub(crate) fn hold(&self, held: Held<W>) {
        let last = self.ledger.last();
        let unknown = self.state.with(|state| {
            if state.is_unknown {
                return Some(held);
            }
            state.held.push_back((last, held));
            None
        });
        if let Some(mut held) = unknown {
            refuse(&mut held, None);
            self.state.with(|state| state.held.push_back((last, held)));
        }
        // Its record may have become durable meanwhile, or be known to be there.
        self.open(true);
    }

    /// Opens the gates of what is durable, in order, unless another does. A user's code runs in this
    /// thread only if it `may`.
    fn open(&self, may: bool) {
        while let Some(mut next) = self.next_to_open() {
            let mut opened = Vec::with_capacity(next.len());
            while let Some((_, mut held)) = next.pop_front() {
                if !may && held.runs_code() {
                    self.state.with(|state| {
                        next.extend(state.held.drain(..));
                        state.held = next;
                        state.returned.extend(opened);
                    });
                    // If the runtime has ended, the task is dropped, and with it what would leave.
                    let opening = Opening { gates: self.me.upgrade(), held: Some(held) };
                    if let Some(runtime) = self.runtime.get() {
                        runtime.spawn(opening.run());
                    }
                    return;
                }
                open_gate(&mut held);
                opened.push(Returned::Opened(held));
            }
            self.opened(opened);
        }
    }

    /// Takes out what is to be opened next, unless another opens something.
    fn next_to_open(&self) -> Option<VecDeque<(u64, Held<W>)>> {
        self.state.with(|state| {
            let is_durable = state.held.front().is_some_and(|(number, _)| *number <= state.durable);
            if state.is_opening || !is_durable {
                return None;
            }
            let later = state.take_unknown();
            let next = mem::replace(&mut state.held, later);
            state.is_opening = true;
            Some(next)
        })
    }

    /// Gates have been opened: what is left is for the owner.
    fn opened(&self, opened: Vec<Returned<W>>) {
        let owner = self.state.with(|state| {
            state.is_opening = false;
            state.returned.extend(opened);
            state.owner.take()
        });
        if let Some(owner) = owner {
            owner.wake();
        }
        self.ledger.has_opened();
    }

    /// What the owner does next. It is woken when that changes.
    pub(crate) fn poll_owner(&self, cx: &Context<'_>) -> OwnerMay {
        let (has_returned, before) = self.state.with(|state| {
            let has_returned = !state.returned.is_empty() || !state.warnings.is_empty();
            let is_known = state.owner.as_ref().is_some_and(|owner| owner.will_wake(cx.waker()));
            // A clone of a waker of ours runs no user's code.
            let before = (!has_returned && !is_known).then(|| state.owner.replace(cx.waker().clone()));
            (has_returned, before)
        });
        drop(before);
        match () {
            () if has_returned => OwnerMay::Finish,
            () if self.ledger.is_full(cx) => OwnerMay::Wait,
            () => OwnerMay::Serve,
        }
    }

    /// Finishes what has been opened, and drops what is not there: what was to run after a commit runs.
    /// Returns the panics, each with the number of the incarnation that it is a panic of. What is to be
    /// told of the store is told by `tell`.
    pub(crate) fn finish_returned(&self, tell: impl Fn(EventKind)) -> Vec<(u64, PanicMessage)> {
        let mut panics = Vec::new();
        let take = |state: &mut State<W>| (mem::take(&mut state.returned), mem::take(&mut state.warnings));
        let (returned, warnings) = self.state.with(take);
        for warning in warnings {
            tell(match warning {
                Warning::Slow(took) => EventKind::StoreSlow { took },
                Warning::NearlyFull(left) => EventKind::StoreNearlyFull { left },
            });
        }
        for returned in returned {
            let is_opened = matches!(returned, Returned::Opened(_));
            let (Returned::Opened(held) | Returned::Dropped(held)) = returned;
            let Held { incarnation, message, mut outbox, saved } = held;
            let outcomes = [
                drop_caught(message),
                drop_caught(saved),
                if is_opened { outbox.finish() } else { outbox.discard() },
            ];
            panics.extend(outcomes.into_iter().filter_map(Result::err).map(|message| (incarnation, message)));
        }
        panics
    }

    /// What is unknown is not there: it is dropped when the rest [is finished](Self::finish_returned).
    /// Returns the `rollback` tables as they were before the first message that is not there.
    pub(crate) fn drop_unknown(&self) -> Option<W::Saved> {
        self.state.with(|state| {
            let mut unknown = state.take_unknown();
            let saved = unknown.iter_mut().find_map(|(_, held)| held.saved.take());
            state.drop_these(unknown);
            saved
        })
    }

    /// Drops what is left, one by one: two destructors that panic at once end the process.
    fn drop_all(&self) {
        let (held, returned) =
            self.state.with(|state| (mem::take(&mut state.held), mem::take(&mut state.returned)));
        let returned = returned.into_iter().map(|(Returned::Opened(held) | Returned::Dropped(held))| held);
        for Held { message, outbox, saved, .. } in held.into_iter().map(|(_, held)| held).chain(returned) {
            let _ = (drop_caught(message), drop_caught(saved), outbox.discard());
        }
    }

    fn worker(&self) -> Option<Arc<dyn Gated>> {
        self.worker.get()?.upgrade()
    }

    fn wake_owner(&self) {
        if let Some(owner) = self.state.with(|state| state.owner.take()) {
            owner.wake();
        }
    }
}

impl<W: Handlers> State<W> {
    fn is_empty(&self) -> bool {
        self.held.is_empty() && !self.is_opening
    }

    /// What is unknown is not there. Those before are, and somebody opens their gates.
    fn drop_these(&mut self, unknown: VecDeque<(u64, Held<W>)>) {
        self.is_unknown = false;
        self.returned.extend(unknown.into_iter().map(|(_, held)| Returned::Dropped(held)));
    }

    /// Takes out what waits for a record that is unknown.
    fn take_unknown(&mut self) -> VecDeque<(u64, Held<W>)> {
        let at = self.held.partition_point(|(number, _)| *number <= self.durable);
        self.held.split_off(at)
    }
}

impl<W: Handlers> OpensGates for Gates<W> {
    fn durable(&self, number: u64) {
        if let Some(worker) = self.worker() {
            worker.readers().show_up_to(number);
            worker.give_up();
        }
        self.state.with(|state| state.durable = number);
        self.open(false);
        self.wake_owner();
    }

    fn unknown(&self, restart: bool) {
        let mut unknown = self.state.with(|state| {
            state.is_unknown = true;
            state.take_unknown()
        });
        // What else they hold stays, for when it is known whether they are there.
        for (_, held) in &mut unknown {
            refuse(held, self.runtime.get());
        }
        self.state.with(|state| {
            let newer = state.take_unknown();
            state.held.extend(unknown.into_iter().chain(newer));
        });
        self.wake_owner();
        if restart && let Some(worker) = self.worker() {
            worker.ask_for_restart();
            worker.give_up();
        }
    }

    fn known(&self) {
        self.wake_owner();
    }

    fn rewrite(&self, write: &mut dyn FnMut(&Readers) -> Result<u64, NotRewritten>) {
        let Some(worker) = self.worker() else { return };
        match write(&worker.readers()) {
            Ok(_) | Err(NotRewritten::Failed(StoreError::Closed)) => {}
            Err(NotRewritten::Failed(error)) => worker.tell_failure(&error),
            Err(NotRewritten::Panicked(message)) => worker.tell_panic(message),
        }
        worker.give_up();
    }

    fn warn(&self, warnings: Vec<Warning>) {
        self.state.with(|state| state.warnings.extend(warnings));
        self.wake_owner();
    }

    fn is_empty(&self) -> bool {
        self.state.with(|state| state.is_empty())
    }

    fn give_up_unknown(&self) {
        self.state.with(|state| {
            let unknown = state.take_unknown();
            state.drop_these(unknown);
        });
    }

    fn finish(&self) -> Vec<PanicMessage> {
        // A warning is for the worker that has the tables.
        self.finish_returned(|_warning| {}).into_iter().map(|(_, message)| message).collect()
    }

    fn give_up(self: Arc<Self>) {
        if let Some(gates) = Arc::into_inner(self) {
            let _ = std::thread::Builder::new().spawn(move || drop(gates));
        }
    }
}

impl<W: Handlers> Drop for Gates<W> {
    fn drop(&mut self) {
        self.drop_all();
    }
}

/// Opens the gate of one message, and lets leave what it sends.
fn open_gate<W: Handlers>(held: &mut Held<W>) {
    held.outbox.depart();
    if let Some(message) = &mut held.message {
        let _ = caught(|| message.gate().open_and_keep());
    }
}

/// Tells the caller of a message that it is not known whether its changes are there: in a task of this
/// runtime, if that may run a user's code.
fn refuse<W: Handlers>(held: &mut Held<W>, elsewhere: Option<&runtime::Handle>) {
    let elsewhere = elsewhere.filter(|_| held.is_for_a_worker());
    if let Some(message) = &mut held.message
        && let Ok(Some(tell)) = caught(|| message.gate().refuse(Refusal::Unknown))
    {
        let tell = || drop(caught(tell));
        match elsewhere {
            Some(runtime) => drop(runtime.spawn(async move { tell() })),
            None => tell(),
        }
    }
}

impl<W: Handlers> Held<W> {
    /// Whether a user's code may run when its gate opens.
    fn runs_code(&mut self) -> bool {
        self.outbox.held() > 0 || self.is_for_a_worker()
    }

    fn is_for_a_worker(&mut self) -> bool {
        self.message.as_mut().is_some_and(|message| caught(|| message.gate().is_for_a_worker()) == Ok(true))
    }
}

/// A task that opens gates, because what leaves may run a user's code.
struct Opening<W: Handlers> {
    gates: Option<Arc<Gates<W>>>,
    held: Option<Held<W>>,
}

impl<W: Handlers> Opening<W> {
    #[expect(clippy::unused_async, reason = "it is a task of its own")]
    async fn run(mut self) {
        let Some(mut held) = self.held.take() else { return };
        open_gate(&mut held);
        if let Some(gates) = self.gates.take() {
            gates.opened(vec![Returned::Opened(held)]);
            gates.open(true);
        }
    }
}

impl<W: Handlers> Drop for Opening<W> {
    fn drop(&mut self) {
        // The runtime has ended: what was held is dropped by whoever has the tables next.
        if let (Some(gates), Some(held)) = (self.gates.take(), self.held.take()) {
            gates.opened(vec![Returned::Opened(held)]);
            gates.give_up();
        }
    }
}
