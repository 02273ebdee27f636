//! How a worker is to be started, restarted and stopped: OTP's child specification.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::mailbox::OnUndelivered;
use crate::mailbox::Undelivered;
use crate::worker::Backoff;
use crate::worker::Worker;

/// How a worker is to be started, restarted and stopped: made by `Counter::spec(..)`, given to
/// [`SupervisorBuilder::worker`](crate::SupervisorBuilder::worker).
///
/// Its methods override what the worker's `#[heir(..)]` says, for this one child.
#[must_use = "a spec does nothing until a supervisor gets it"]
pub struct Spec<W: Worker> {
    pub(crate) name: Arc<str>,
    pub(crate) args: W::Args,
    pub(crate) registered: Option<Arc<str>>,
    pub(crate) on_undelivered: Option<OnUndelivered>,
    pub(crate) settings: Settings,
}

/// What is said of a worker in numbers and choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) restart: Restart,
    pub(crate) shutdown: Shutdown,
    pub(crate) mailbox: usize,
    pub(crate) start_timeout: Duration,
    pub(crate) crash_loop: Option<u32>,
    pub(crate) quarantine: AfterQuarantine,
    pub(crate) max_quarantined: usize,
    pub(crate) backoff: Backoff,
    pub(crate) significant: bool,
    pub(crate) while_down: WhileDown,
    pub(crate) handler_timeout: Option<Duration>,
    pub(crate) heartbeat: Option<Duration>,
}

/// When a child that ended is started again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Restart {
    /// Always.
    #[default]
    Permanent,
    /// Unless it ended [normally](crate::ExitReason::is_normal).
    Transient,
    /// Never.
    Temporary,
}

/// How a child is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shutdown {
    /// It is asked, finishes the message it serves and its stop hook, and is aborted if that takes longer than this.
    Timeout(Duration),
    /// It is aborted at once.
    BrutalKill,
}

/// What follows when the tables of a worker are quarantined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AfterQuarantine {
    /// The worker stops for good, with its tables in the estate, free to be claimed.
    #[default]
    Stop,
    /// The tables are parked on the handle, and the next incarnation starts with new ones; until as
    /// many are parked as [`Spec::max_quarantined`] allows. Tables that are all recorded ones, and
    /// to which nobody has written since they were created, are only made anew.
    Fresh,
}

/// What becomes of calls and casts while no incarnation serves: between two of them, before the first, and while one does not
/// yield to the runtime. (A slow handler serves; a [paused](crate::Handle::pause) worker does.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhileDown {
    /// They are queued, and wait. So does a sender whose mailbox is full.
    #[default]
    Wait,
    /// They are queued, and wait, but no longer than this, counted over the time in which nobody serves: then a call fails with
    /// [`CallError::DownFor`](crate::CallError::DownFor), and whoever waits for a place in the mailbox with
    /// [`NotSent::DownFor`](crate::NotSent::DownFor). The caller's tokio runtime needs its timer.
    WaitFor(Duration),
    /// They are refused at once, with [`NotSent::Down`](crate::NotSent::Down), and so is whoever waits for a place in the mailbox at
    /// that moment. What has been queued before stays queued. (This holds for a worker that sends to itself in its start hooks
    /// too: it does not serve yet.)
    Fail,
}

impl Default for Shutdown {
    /// Five seconds, as in OTP.
    fn default() -> Self {
        Self::Timeout(Duration::from_secs(5))
    }
}

impl<W: Worker> Spec<W> {
    /// How many messages a mailbox holds, unless the worker says otherwise.
    pub const MAILBOX: usize = 64;

    /// How long a start may take, unless the worker says otherwise.
    pub const START_TIMEOUT: Duration = Duration::from_mins(1);

    /// How many starts in a row may die over their tables, unless the worker says otherwise.
    pub const CRASH_LOOP: u32 = 5;

    /// How many quarantined bundles of tables stay parked, unless the worker says otherwise.
    pub const MAX_QUARANTINED: usize = 8;

    /// The worker's own [settings](Worker::configure), and the defaults of the others, with these arguments.
    pub fn new(args: W::Args) -> Self {
        W::configure(Self {
            name: Arc::from(W::NAME),
            args,
            registered: None,
            on_undelivered: None,
            settings: Settings {
                restart: Restart::default(),
                shutdown: Shutdown::default(),
                mailbox: Self::MAILBOX,
                start_timeout: Self::START_TIMEOUT,
                crash_loop: Some(Self::CRASH_LOOP),
                quarantine: AfterQuarantine::default(),
                max_quarantined: Self::MAX_QUARANTINED,
                backoff: Backoff::default(),
                significant: false,
                while_down: WhileDown::default(),
                handler_timeout: None,
                heartbeat: None,
            },
        })
    }

    /// The name its supervisor knows it by; two children of one supervisor have different ones. Default: the struct's.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
    }

    /// When it is started again. Default: [`Restart::Permanent`].
    pub fn restart(mut self, restart: Restart) -> Self {
        self.settings.restart = restart;
        self
    }

    /// How it is stopped. Default: asked, and aborted after five seconds.
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.settings.shutdown = shutdown;
        self
    }

    /// How many messages its mailbox holds before a sender waits. With `usize::MAX` none ever does. Default:
    /// [`MAILBOX`](Self::MAILBOX).
    ///
    /// # Panics
    /// If it is 0.
    pub fn mailbox(mut self, messages: usize) -> Self {
        assert!(messages > 0, "a mailbox holds at least one message");
        self.settings.mailbox = messages;
        self
    }

    /// How long creating the tables may take, and how long the hooks of a start may take. Default:
    /// [`START_TIMEOUT`](Self::START_TIMEOUT).
    pub fn start_timeout(mut self, timeout: Duration) -> Self {
        self.settings.start_timeout = timeout;
        self
    }

    /// After how many incarnations in a row that panic or fail in their start hooks, or over the same message served first
    /// again, the tables are taken for the cause and quarantined; `None` never. Default: [`CRASH_LOOP`](Self::CRASH_LOOP). The
    /// [intensity](crate::SupervisorBuilder::intensity) of the supervisor must leave room for as many restarts.
    ///
    /// # Panics
    /// If it is `Some(0)`.
    pub fn crash_loop(mut self, starts: Option<u32>) -> Self {
        assert!(
            starts != Some(0),
            "a crash loop takes at least one start; `None` switches its recognition off"
        );
        self.settings.crash_loop = starts;
        self
    }

    /// How long it waits before it is started again, and its manager too. Default: [`Backoff::None`].
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.settings.backoff = backoff;
        self
    }

    /// Whether its supervisor may end when it has: see [`AutoShutdown`](crate::AutoShutdown). Default: no.
    pub fn significant(mut self, significant: bool) -> Self {
        self.settings.significant = significant;
        self
    }

    /// Registers it in its tree, under a name by which [`SupervisorHandle::whereis`](crate::SupervisorHandle::whereis) finds it
    /// from anywhere in that tree, whichever incarnation serves (`register/2`, but there is no name outside a tree). The name is
    /// free again when the worker has stopped for good. Default: not registered.
    pub fn registered(mut self, name: impl Into<Arc<str>>) -> Self {
        self.registered = Some(name.into());
        self
    }

    /// What follows when the tables are quarantined. Default: [`AfterQuarantine::Stop`].
    pub fn quarantine(mut self, after: AfterQuarantine) -> Self {
        self.settings.quarantine = after;
        self
    }

    /// How many bundles of quarantined tables are parked on the handle at a time, with
    /// [`AfterQuarantine::Fresh`]: until they are [taken out](crate::Handle::take_quarantined). The
    /// next one stops the worker ([`Stopped::QuarantineFull`](crate::Stopped::QuarantineFull)), and
    /// is in the estate, free to be claimed: nothing is ever dropped to make room. With 0 none is
    /// parked, so the worker goes on only if nobody had written to its tables; with `usize::MAX`
    /// there is no bound. Default: [`MAX_QUARANTINED`](Self::MAX_QUARANTINED).
    pub fn max_quarantined(mut self, bundles: usize) -> Self {
        self.settings.max_quarantined = bundles;
        self
    }

    /// What becomes of calls and casts while no incarnation serves. Default: [`WhileDown::Wait`].
    pub fn while_down(mut self, senders: WhileDown) -> Self {
        self.settings.while_down = senders;
        self
    }

    /// Gives `hook` every accepted message that is not served and whose sender cannot be told: the casts that are queued when the
    /// worker stops for good; a cast its worker died over, unless it is served again; and a call of either kind whose caller has
    /// gone. So no accepted message vanishes: it is served, or its caller is told, or the hook gets it. Default: they are
    /// dropped.
    ///
    /// The hook runs in the task in which that turns out, a sender's or one of the tree's: it must not block. A panic in it is
    /// caught and ignored. One that captures a strong handle keeps the worker's tables alive: capture a
    /// [weak](crate::Handle::downgrade) one.
    pub fn on_undelivered(mut self, hook: impl Fn(Undelivered) + Send + Sync + 'static) -> Self {
        self.on_undelivered = Some(OnUndelivered::new(hook));
        self
    }

    /// How long a handler may take, and each hook after the start: when it takes longer, the incarnation ends with
    /// [`ExitReason::TimedOut`](crate::ExitReason::TimedOut), its message is undone and its caller told. Without it, and
    /// with [`Duration::MAX`], there is no limit.
    ///
    /// It ends at its next await: a handler that blocks its thread goes on until it returns, see [`heartbeat`](Self::heartbeat).
    pub fn handler_timeout(mut self, timeout: Duration) -> Self {
        self.settings.handler_timeout = (timeout < Duration::MAX).then_some(timeout);
        self
    }

    /// How long the worker may go without yielding to the runtime: when it does longer, it is reported as unresponsive
    /// ([`Status::Unresponsive`](crate::Status::Unresponsive), [`EventKind::Unresponsive`](crate::EventKind::Unresponsive)),
    /// and aborted. Without it, and with [`Duration::MAX`], there is no limit.
    ///
    /// Nobody can take its tables from it before it yields, returns or panics: then it ends with
    /// [`ExitReason::Unresponsive`](crate::ExitReason::Unresponsive), the message it serves is
    /// undone, and the tables move on. One thread watches all workers with a heartbeat, by the
    /// clock on the wall: tokio's paused one does not move it. After a standstill of the whole
    /// process (stopped, frozen, or asleep with its machine) what is under way has one fresh
    /// heartbeat.
    ///
    /// # Panics
    /// If it is zero.
    pub fn heartbeat(mut self, heartbeat: Duration) -> Self {
        assert!(!heartbeat.is_zero(), "no worker yields at once: a heartbeat is not zero");
        self.settings.heartbeat = (heartbeat < Duration::MAX).then_some(heartbeat);
        self
    }
}

// By hand: derives would ask for a worker that is `Clone` and `Debug`.
impl<W: Worker> Clone for Spec<W> {
    fn clone(&self) -> Self {
        Self {
            name: Arc::clone(&self.name),
            args: self.args.clone(),
            registered: self.registered.clone(),
            on_undelivered: self.on_undelivered.clone(),
            ..*self
        }
    }
}

impl<W: Worker> fmt::Debug for Spec<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spec")
            .field("name", &self.name)
            .field("restart", &self.settings.restart)
            .field("shutdown", &self.settings.shutdown)
            .field("mailbox", &self.settings.mailbox)
            .field("start_timeout", &self.settings.start_timeout)
            .finish_non_exhaustive()
    }
}
