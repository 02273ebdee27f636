//! The manager: the heir of one worker's tables, and the steps of the pattern in their order.
//!
//! ```text
//! start_manager -> take_up -> serve: give the tables away -> on call: no task, or one that waits
//!                                      ^                         |    if it `stays_a_task`
//!                                      |                         |
//!                                      |                         | the owner dies: the estate calls
//!                    exchange <- judge <- regain <---------------+
//! ```

mod creation;
#[cfg(feature = "store")]
mod stored;

use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use tokio::runtime;

use self::creation::create;
#[cfg(not(feature = "store"))]
use self::creation::found;
#[cfg(feature = "store")]
use self::stored::found;
#[cfg(feature = "store")]
pub(crate) use self::stored::load_beside;
use crate::estate::quarantine::Verdict;
use crate::estate::{Examined, GiveAwayError, Inheritance, Lease, Origin, Quarantined, Recipient};
use crate::process::exit::{Exit, ExitReason};
use crate::process::status::Stopped;
use crate::tree::events::EventKind;
use crate::tree::panics::{Who, tell_panic_in};
use crate::tree::parent::ParentRequest;
use crate::util::caught::{CatchDrop, caught, drop_caught};
use crate::util::ours::{are_noted, ours, tell_noted};
use crate::worker::AfterQuarantine;
use crate::worker::Handlers;
use crate::worker::Worker;
use crate::worker::on_call::{ManagerId, Resting};
use crate::worker::shared::Shared;
use crate::worker::tables;

/// The heir of the tables of one worker `W`. It is a task while it has something to do, and on call
/// while the worker owns the tables.
///
/// It creates the tables and gives them to the worker. When the worker dies, it regains them,
/// undoes the half-written message, waits for the supervisor to start the next incarnation, and
/// gives them to it. The manager itself may die at any moment: its supervisor starts another, which
/// becomes the heir and goes on from where the tables are.
///
/// A supervisor starts it; `CounterManager` (generated) is its type. The pattern is Steve Vinoski's
/// table manager ("Don't Lose Your ets Tables", 2011), on the `heir` option and `give_away` of
/// OTP's `ets`.
pub struct Manager<W: Handlers> {
    shared: Arc<Shared<W>>,
    resting: Resting<W>,
}

/// A manager whose worker has died twice in this time stays a task, and waits for the next death.
const OFTEN: Duration = Duration::from_secs(1);

/// How a task of a manager begins.
enum Begin<W: Worker> {
    /// As a new manager.
    New(Result<CatchDrop<W::Args>, ExitReason>),
    /// As the manager that was on call.
    Called(Resting<W>),
}

/// One task of a manager: from its start, or from the moment when the tables have come home, until
/// its worker has them. When the manager ends with the task, its supervisor is told.
struct Turn<W: Handlers> {
    shared: Arc<Shared<W>>,
    id: ManagerId,
    /// What it begins with, until its first poll. With it goes the heir, so it is dropped before the end
    /// is told: the next manager becomes the heir then, or the tables are claimed.
    begin: Option<Begin<W>>,
    /// Why the manager ended; `None` if its task was aborted, or dropped with its runtime.
    reason: Option<ExitReason>,
}

/// Starts a manager, and returns its number.
pub(crate) fn start_manager<W: Handlers>(
    shared: &Arc<Shared<W>>,
    args: Result<CatchDrop<W::Args>, ExitReason>,
) -> u64 {
    let id = shared.on_call.begin();
    start(shared, id, &runtime::Handle::current(), Begin::New(args));
    id.life
}

/// The estate wakes the shared state when the tables have come home.
impl<W: Handlers> Wake for Shared<W> {
    fn wake(self: Arc<Self>) {
        call_manager(&self);
    }
}

/// Calls the manager: if it is on call, it goes on in a new task.
fn call_manager<W: Handlers>(shared: &Arc<Shared<W>>) {
    if let Some((id, resting, runtime)) = shared.on_call.call() {
        start(shared, id, &runtime, Begin::Called(resting));
    }
}

/// Spawns a task of a manager.
fn start<W: Handlers>(shared: &Arc<Shared<W>>, id: ManagerId, runtime: &runtime::Handle, begin: Begin<W>) {
    let turn = Turn { shared: Arc::clone(shared), id, begin: Some(begin), reason: None };
    let who = are_noted().then(|| Who::manager(&shared.name, shared.registry()));
    let task = ours(Box::pin(turn.run()), who);
    shared.on_call.runs_as(id, runtime.spawn(task).abort_handle());
}

impl<W: Handlers> Turn<W> {
    async fn run(mut self) {
        let begin = self.begin.take().expect("it begins once");
        self.reason = manage(&self.shared, begin).await.err();
    }
}

impl<W: Handlers> Drop for Turn<W> {
    fn drop(&mut self) {
        drop(self.begin.take());
        if !self.shared.on_call.ends(self.id) {
            return;
        }
        let reason = match self.reason.take() {
            Some(said) => said,
            None if std::thread::panicking() => ExitReason::Panic("in the manager".into()),
            None => ExitReason::Killed,
        };
        tell_noted();
        self.shared.manager_ended(self.id.life, reason);
    }
}

/// Manages until the worker has the tables and the manager is on call.
async fn manage<W: Handlers>(shared: &Arc<Shared<W>>, begin: Begin<W>) -> Result<(), ExitReason> {
    let (resting, mut linked) = match begin {
        Begin::Called(resting) => (resting, None),
        Begin::New(args) => Box::pin(take_up(shared, args)).await?,
    };
    let mut manager = Manager { shared: Arc::clone(shared), resting };
    loop {
        manager.serve(linked.take()).await?;
        let Some(resting) = manager.shared.on_call.rest(manager.resting) else { return Ok(()) };
        manager.resting = resting;
    }
}

/// Becomes the heir. The first manager of a worker links to it and creates its tables before.
async fn take_up<W: Handlers>(
    shared: &Shared<W>,
    args: Result<CatchDrop<W::Args>, ExitReason>,
) -> Result<(Resting<W>, Option<Recipient<W::Tables>>), ExitReason> {
    shared.emit(EventKind::ManagerStarted);
    let (mut args, mut linked) = (args?, None);
    if !shared.estate.is_founded() {
        linked = Some(link(shared).await);
        let (tables, made);
        (args, tables, made) = found(shared, args).await?;
        shared.estate.found(tables);
        if made == EventKind::TablesCreated {
            shared.tables_are_new();
        }
        #[cfg(feature = "store")]
        if made == EventKind::TablesLoaded {
            shared.estate.is_loaded();
            shared.tables_are_loaded();
        }
        shared.emit(made);
    }
    let heir = shared.estate.manage(&[&*shared.name, " manager"].concat()).map_err(ExitReason::error)?;
    shared.emit(EventKind::BecameHeir);
    Ok((Resting { heir, args, died: None }, linked))
}

impl<W: Handlers> Manager<W> {
    /// Regains the tables and gives them away, until a worker has them. The death of a worker is a
    /// value here, an [`Inheritance`] (the manager traps exits).
    async fn serve(&mut self, mut linked: Option<Recipient<W::Tables>>) -> Result<(), ExitReason> {
        let mut stays_a_task = false;
        loop {
            let inherited = if stays_a_task {
                self.resting.heir.inherit().await
            } else {
                let calls = Waker::from(Arc::clone(&self.shared));
                let Some(inherited) = self.resting.heir.inherit_or_wake(calls) else { return Ok(()) };
                inherited
            };
            let (mut lease, exit) = self.regain(inherited);
            if let Some(exit) = &exit {
                let before = self.resting.died.replace(exit.at);
                stays_a_task = before.is_some_and(|before| exit.at.saturating_duration_since(before) < OFTEN);
            }
            let mut next = match linked.take() {
                Some(linked) => linked,
                None => self.wait_for_next().await,
            };
            loop {
                // Also for one that follows another which has died of a failure of the store, before it received
                // them.
                #[cfg(feature = "store")]
                if W::IS_STORED {
                    // In a box: a rare step takes no memory before it begins.
                    Box::pin(stored::keep_number(&self.shared, next.incarnation())).await?;
                    // If the store fails after this, the incarnation is asked to end, whether it has the
                    // tables then or not.
                    Box::pin(stored::settle(&self.shared, &mut lease)).await?;
                }
                // Only now, when the next incarnation waits for them: tables without a next owner stay
                // as they are.
                if let Some(examined) = self.shared.to_examine(exit.clone()) {
                    let verdict = self.judge(&mut lease, &examined);
                    if verdict != Verdict::Accept {
                        // In a box: a rare step takes no memory before it begins.
                        lease = Box::pin(self.exchange(lease, &examined, verdict)).await?;
                    }
                    self.shared.examined(&examined);
                }
                // An incarnation that has died before it received them is followed by another.
                match self.give_away(lease, next) {
                    Ok(()) => break,
                    Err(returned) => lease = returned,
                }
                next = link(&self.shared).await;
            }
        }
    }

    /// Takes the tables over as they were at the last message boundary, and tells it.
    fn regain(&self, inherited: Inheritance<W::Tables>) -> (Lease<W::Tables>, Option<Exit>) {
        let Inheritance { lease, exit, panics } = inherited;
        if let Some(exit) = &exit {
            self.shared.emit(EventKind::Regained { exit: exit.clone() });
        }
        for message in panics {
            self.shared.emit(EventKind::CodePanicked { message });
        }
        (lease, exit)
    }

    /// Exchanges tables that are not accepted for new ones, if the worker goes on.
    async fn exchange(
        &mut self,
        #[cfg_attr(not(feature = "store"), expect(unused_mut, reason = "a store settles it"))]
        mut lease: Lease<W::Tables>,
        examined: &Examined,
        verdict: Verdict,
    ) -> Result<Lease<W::Tables>, ExitReason> {
        #[cfg(feature = "store")]
        if W::IS_STORED {
            stored::until_even(&self.shared, &mut lease).await?;
        }
        match verdict {
            Verdict::Accept => Ok(lease),
            Verdict::Reset => self.reset(lease, examined, EventKind::Reset).await,
            Verdict::Quarantine(reason) => {
                let renews = self.shared.settings.quarantine == AfterQuarantine::Fresh;
                // Unwritten tables hold nothing that would be missed.
                if renews && self.shared.are_unwritten() {
                    self.reset(lease, examined, EventKind::Renewed { reason }).await
                } else {
                    self.quarantine(lease, examined, reason).await
                }
            }
        }
    }

    /// Decides whether the next incarnation can have the tables. Writes of the verify hook stay if
    /// it accepts them.
    fn judge(&self, lease: &mut Lease<W::Tables>, examined: &Examined) -> Verdict {
        if let Some(torn) = lease.torn() {
            return Verdict::quarantine(format_args!("its last message could not be undone: {torn}"));
        }
        let suspicions = self.shared.suspicions();
        if let Some(exit) = examined.exit()
            && self.shared.settings.crash_loop.is_some_and(|limit| suspicions >= limit)
        {
            let reason = &exit.reason;
            return Verdict::quarantine(format_args!(
                "{suspicions} starts in a row died, the last of {reason}"
            ));
        }
        let verdict = caught(|| W::verify(lease, examined)).unwrap_or_else(|message| {
            tell_panic_in("#[on(verify)]", &message);
            Verdict::quarantine(format_args!("the verify hook panicked: {message}"))
        });
        // The list of tables is a user's code, too, if the worker is written by hand.
        let verdict = match verdict {
            Verdict::Accept => caught(|| tables::commit::<W>(&self.shared.readers(), lease)).map_or_else(
                |message| Verdict::quarantine(format_args!("what was verified could not be kept: {message}")),
                |()| Verdict::Accept,
            ),
            refused => refused,
        };
        if verdict != Verdict::Accept {
            self.undo(lease);
        }
        verdict
    }

    /// Undoes writes to the tables that are not to stay.
    fn undo(&self, lease: &mut Lease<W::Tables>) {
        let undone = tables::discard::<W>(&self.shared.readers(), lease);
        lease.cell().set_torn(undone.as_ref().err().cloned());
        if let Err(message) = undone {
            self.shared.emit(EventKind::CodePanicked { message });
        }
    }

    /// Makes the tables anew, under the same readers, and emits `told`. The old tables stay until
    /// the new ones exist.
    async fn reset(
        &mut self,
        mut lease: Lease<W::Tables>,
        examined: &Examined,
        told: EventKind,
    ) -> Result<Lease<W::Tables>, ExitReason> {
        let readers = self.shared.readers();
        readers.until_all_shown().await;
        let anew = readers.anew();
        let mut new = create(&self.shared, &self.resting.args, &anew).await?;
        #[cfg(feature = "store")]
        stored::keep_exchange(&self.shared, &anew).await?;
        if let Err(message) = caught(|| tables::exchange::<W>(&readers, &anew, &mut lease, &mut new)) {
            let _ = drop_caught(new);
            let reason = Arc::from(format!("they could not be reset: {message}"));
            return self.quarantine(lease, examined, reason).await;
        }
        self.shared.tables_are_new();
        lease.cell().set_origin(Origin::Reset);
        self.shared.tables_cleared();
        self.shared.emit(told);
        if let Err(message) = drop_caught(new) {
            self.shared.emit(EventKind::CodePanicked { message });
        }
        Ok(lease)
    }

    /// Parks the tables and goes on with new ones, or stops the worker: if its spec says so, or if
    /// no more tables may be parked.
    async fn quarantine(
        &mut self,
        mut lease: Lease<W::Tables>,
        examined: &Examined,
        reason: Arc<str>,
    ) -> Result<Lease<W::Tables>, ExitReason> {
        let parked = self.shared.quarantined();
        let why = match self.shared.settings.quarantine {
            AfterQuarantine::Fresh if parked < self.shared.settings.max_quarantined => {
                let readers = self.shared.readers();
                readers.until_all_shown().await;
                let anew = readers.anew();
                let mut new = create(&self.shared, &self.resting.args, &anew).await?;
                #[cfg(feature = "store")]
                if W::IS_STORED {
                    stored::keep_parked(&self.shared).await?;
                }
                #[cfg(feature = "store")]
                stored::keep_exchange(&self.shared, &anew).await?;
                let exchanged = caught(|| tables::exchange::<W>(&readers, &anew, &mut lease, &mut new));
                exchanged.map_err(ExitReason::Panic)?;
                self.shared.tables_are_new();
                lease.cell().set_torn(None);
                lease.cell().set_origin(Origin::Reset);
                let parked = Quarantined {
                    tables: new,
                    reason: Arc::clone(&reason),
                    exit: examined.exit().cloned(),
                    at: Instant::now(),
                };
                self.shared.park(parked);
                self.shared.tables_cleared();
                self.shared.emit(EventKind::Quarantined { reason });
                return Ok(lease);
            }
            AfterQuarantine::Fresh => Stopped::QuarantineFull { reason: Arc::clone(&reason), parked },
            AfterQuarantine::Stop => Stopped::Quarantined(Arc::clone(&reason)),
        };
        self.shared.emit(EventKind::Quarantined { reason });
        self.shared.ask(ParentRequest::Stop(why));
        // The supervisor stops this manager, and the tables return to the estate.
        pending().await
    }

    /// Waits for the supervisor to start the next incarnation, and links to it.
    async fn wait_for_next(&mut self) -> Recipient<W::Tables> {
        self.shared.emit(EventKind::Waiting);
        link(&self.shared).await
    }

    /// Gives the tables to the incarnation that waits for them. If it has died, they come back.
    fn give_away(&self, lease: Lease<W::Tables>, next: Recipient<W::Tables>) -> Result<(), Lease<W::Tables>> {
        // Emitted before the move, so that it comes before the events of the new owner.
        self.shared.emit(EventKind::GivesAway { incarnation: next.incarnation() });
        lease.give_away(next).map_err(GiveAwayError::into_lease)
    }
}

/// Waits for an incarnation that waits for its tables, and links to it. Until the transfer each
/// learns of the other's death: the incarnation, because its recipient is dropped; the manager,
/// because its give-away fails. After the transfer the heir's inheritance is the link.
async fn link<W: Handlers>(shared: &Shared<W>) -> Recipient<W::Tables> {
    let recipient = shared.next_recipient().await;
    shared.emit(EventKind::Linked { incarnation: recipient.incarnation() });
    recipient
}

impl<W: Handlers> fmt::Debug for Manager<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manager").field("worker", &self.shared.name).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(heir_loom)))]
mod tests {
    use std::future::ready;
    use std::sync::OnceLock;

    use super::*;
    use crate::estate::Estate;
    use crate::mailbox::{Message, ReplyGate};
    use crate::process::exit::BoxError;
    use crate::table::Readers;
    use crate::tree::parent::{ChildId, ParentLink, ParentRef};
    use crate::tree::registry::Registry;
    use crate::util::sync::Lock;
    use crate::worker::Context;
    use crate::worker::Spec;
    use crate::worker::handle::Handle;
    use crate::worker::on_call::Dismissal;

    /// A worker that is told nothing.
    struct Silent(u32);

    enum Nothing {}

    impl Message for Nothing {
        fn gate(&mut self) -> &mut dyn ReplyGate {
            match *self {}
        }

        fn name(&self) -> &'static str {
            match *self {}
        }
    }

    impl Worker for Silent {
        const NAME: &'static str = "silent";
        type Tables = u32;
        type Args = ();
        type Saved = ();

        fn create(_args: (), _readers: Readers) -> impl Future<Output = Result<u32, BoxError>> + Send {
            ready(Ok(0))
        }

        fn incarnate(_args: ()) -> impl FnOnce(u32) -> Self + Send + 'static {
            Self
        }

        fn dismantle(self) -> (u32, impl Send + 'static) {
            (self.0, ())
        }

        fn save(&self) {}

        fn restore(_tables: &mut u32, _saved: &mut ()) {}
    }

    impl Handlers for Silent {
        type Message = Nothing;
        type Handle = Handle<Self>;

        async fn handle(&mut self, message: &mut Nothing, _cx: &mut Context<Self>) {
            match *message {}
        }
    }

    /// Notes who is the heir when it is told of a manager's end.
    #[derive(Default)]
    struct Told {
        estate: OnceLock<Estate<u32>>,
        heirs: Lock<Vec<Option<Arc<str>>>>,
    }

    impl ParentLink for Told {
        fn ask(&self, _id: ChildId, _what: ParentRequest) {}

        fn manager_ended(&self, _id: ChildId, _life: u64, _reason: ExitReason) {
            let heir = self.estate.get().unwrap().info().heir;
            self.heirs.with(|heirs| heirs.push(heir));
        }
    }

    #[tokio::test]
    async fn a_manager_that_is_dismissed_before_its_first_poll_is_the_heir_no_more_when_its_end_is_told() {
        let told = Arc::new(Told::default());
        let spec = Spec::<Silent>::new(());
        let parent = ParentRef { id: 0, parent: Arc::<Told>::clone(&told) };
        let settings = Arc::new(spec.settings);
        let shared = Arc::new(Shared::new(&spec, settings, None, parent, Registry::new(Arc::from("tree"))));
        assert!(told.estate.set(shared.estate.clone()).is_ok());
        shared.estate.found(1);
        let heir = shared.estate.manage("the manager").unwrap();
        let resting = Resting { heir, args: CatchDrop::new(()), died: None };
        let id = shared.on_call.begin();
        start(&shared, id, &runtime::Handle::current(), Begin::Called(resting));
        assert_eq!(shared.on_call.dismiss(), Dismissal::Leaves);
        tokio::task::yield_now().await;
        assert_eq!(told.heirs.with(|heirs| heirs.clone()), [None]);
    }
}
