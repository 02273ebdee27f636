//! The workers the suite is about.

use std::sync::Arc;

use heir_runtime::estate::TransferInfo;
use heir_runtime::{Context, Exit, ExitReason, Verdict, handlers, heir};
use heir_tests::Log;
use tokio::sync::Notify;

/// Counts, and dies in every way there is.
#[heir]
pub(crate) struct Counter {
    /// Handed over as it is, half-written if its worker dies in the middle.
    #[table(keep)]
    pub(crate) kept: u64,
    /// Restored to its value before the message that crashed.
    #[table(rollback)]
    pub(crate) count: u64,
    /// Told when a handler hangs.
    #[arg]
    hanging: Arc<Notify>,
}

#[handlers]
impl Counter {
    pub(crate) async fn count(&mut self) -> u64 {
        self.kept += 1;
        self.count += 1;
        self.count
    }

    pub(crate) fn check(&mut self) -> (u64, u64) {
        (self.kept, self.count)
    }

    /// Answers with its argument and the incarnation that serves.
    pub(crate) fn echo(&mut self, cx: &mut Context<Self>, n: u64) -> (u64, u64) {
        (n, cx.incarnation())
    }

    /// Writes to both tables, and panics before it is done.
    pub(crate) fn count_and_panic(&mut self, words: String) -> u64 {
        self.kept += 1;
        self.count += 1;
        panic!("{words}");
    }

    /// Writes to both tables, and waits for ever.
    pub(crate) async fn count_and_hang(&mut self) {
        self.kept += 1;
        self.count += 1;
        self.hanging.notify_one();
        std::future::pending().await
    }

    pub(crate) fn refuse(&mut self) -> Result<u64, String> {
        self.count += 1;
        Err("refused".into())
    }

    #[cast]
    pub(crate) fn die(&mut self) {
        self.count += 1;
        panic!("asked to die");
    }

    #[cast]
    pub(crate) fn finish(&mut self, cx: &mut Context<Self>) {
        self.count += 1;
        cx.stop();
    }

    #[cast]
    pub(crate) fn fail(&mut self, cx: &mut Context<Self>, words: String) {
        self.count += 1;
        cx.fail(words);
    }
}

/// Its tables are there when somebody says so.
#[heir]
pub(crate) struct Late {
    #[table(keep, init = { begun.notify_one(); go_on.notified().await; 7 })]
    value: u64,
    /// How often its tables have been judged.
    #[table(keep)]
    judged: u32,
    #[arg]
    begun: Arc<Notify>,
    #[arg]
    go_on: Arc<Notify>,
}

#[handlers]
impl Late {
    #[on(verify)]
    fn verify(tables: &mut LateTables, _: &Exit) -> Verdict {
        tables.judged += 1;
        Verdict::Accept
    }

    pub(crate) fn value(&mut self) -> u64 {
        self.value
    }

    pub(crate) fn judged(&mut self) -> u32 {
        self.judged
    }
}

/// Says what happens to it, and fails where it is told to.
#[heir]
pub(crate) struct Hooked {
    #[table(rollback, init = first(&fault, &log)?)]
    pub(crate) starts: u32,
    #[arg]
    log: Log,
    #[arg]
    fault: Fault,
    #[fresh(Rest::new(&log, &fault))]
    _rest: Rest,
}

/// Where a [`Hooked`] worker fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Nowhere,
    InitFails,
    InitPanics,
    FreshPanics,
    TransferFails,
    StartFails,
    StartPanics,
    StartHangs,
    StopPanics,
    RestPanicsWhenDropped,
}

fn first(fault: &Fault, log: &Log) -> Result<u32, String> {
    log.tell("init");
    assert!(*fault != Fault::InitPanics, "in init");
    if *fault == Fault::InitFails { Err("no such table".into()) } else { Ok(0) }
}

/// Not a table: made anew, and dropped before the next one is made.
pub(crate) struct Rest {
    log: Log,
    fault: Fault,
}

impl Rest {
    fn new(log: &Log, fault: &Fault) -> Self {
        assert!(*fault != Fault::FreshPanics, "in fresh");
        log.tell("fresh");
        Self { log: log.clone(), fault: *fault }
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        self.log.tell("rest dropped");
        assert!(self.fault != Fault::RestPanicsWhenDropped, "in a destructor");
    }
}

#[handlers]
impl Hooked {
    #[on(transfer)]
    fn received(&mut self, info: &TransferInfo) -> Result<(), String> {
        let previous = info.previous.as_ref().map(|exit| exit.reason.to_string());
        self.log.tell(format!("transfer {} after {previous:?}", info.incarnation));
        if self.fault == Fault::TransferFails { Err("not this one".into()) } else { Ok(()) }
    }

    #[on(start)]
    async fn started(&mut self) -> Result<(), String> {
        self.starts += 1;
        self.log.tell(format!("start {}", self.starts));
        match self.fault {
            Fault::StartFails => Err("no port".into()),
            Fault::StartPanics => panic!("in start"),
            Fault::StartHangs => std::future::pending().await,
            _ => Ok(()),
        }
    }

    #[on(stop)]
    fn stopped(&mut self, reason: &ExitReason) {
        self.log.tell(format!("stop: {reason}"));
        assert!(self.fault != Fault::StopPanics, "in stop");
    }

    pub(crate) fn starts(&mut self) -> u32 {
        self.starts
    }

    #[cast]
    pub(crate) fn die(&mut self) {
        panic!("asked to die");
    }

    #[cast]
    pub(crate) fn finish(&mut self, cx: &mut Context<Self>) {
        cx.stop();
    }
}
