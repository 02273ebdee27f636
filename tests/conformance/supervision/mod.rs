//! The supervisor chapter of OTP, rule by rule, under tokio's paused clock.

mod actor;
mod backoff;
mod bounds;
mod closing;
mod delays;
mod dynamic;
mod each;
mod ends;
mod given_up;
mod health;
mod late;
mod management;
mod meanwhile;
mod names;
mod overlaps;
mod refusals;
mod restarts;
mod significant;
mod starts;
mod strategies;
mod subtrees;
mod tree_as_data;
mod upgrade;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use heir_runtime::{Context, ExitReason, Spec, SupervisorBuilder, handlers, heir};
use heir_tests::Log;

/// A member of a tree: counts, says when it starts and stops, and fails as often as it is told to.
#[heir]
struct Member {
    #[table(rollback)]
    count: u64,
    #[arg]
    name: &'static str,
    #[arg]
    log: Log,
    /// How many starts are still to fail.
    #[arg]
    failures: Arc<AtomicU32>,
}

#[handlers]
impl Member {
    #[on(start)]
    fn start(&mut self) -> Result<(), String> {
        if self.failures.load(Ordering::Relaxed) > 0 {
            self.failures.fetch_sub(1, Ordering::Relaxed);
            self.log.tell(format!("{} fails", self.name));
            return Err("not yet".into());
        }
        self.log.tell(format!("{} starts", self.name));
        Ok(())
    }

    #[on(stop)]
    fn end(&mut self, reason: &ExitReason) {
        self.log.tell(format!("{} stops: {reason}", self.name));
    }

    fn count(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    #[cast]
    fn die(&mut self) {
        panic!("asked to die");
    }

    #[cast]
    fn finish(&mut self, cx: &mut Context<Self>) {
        cx.stop();
    }

    async fn hang(&mut self) {
        std::future::pending().await
    }
}

/// A member that starts as it should.
fn member(name: &'static str, log: &Log) -> Spec<Member> {
    failing(name, log, &Arc::default())
}

/// A member whose next starts fail, as many as `failures` says.
fn failing(name: &'static str, log: &Log, failures: &Arc<AtomicU32>) -> Spec<Member> {
    Member::spec(name, log.clone(), Arc::clone(failures)).name(name)
}

/// Adds these members.
fn members<const N: usize>(
    tree: &mut SupervisorBuilder,
    log: &Log,
    names: [&'static str; N],
) -> [MemberHandle; N] {
    names.map(|name| tree.child(member(name, log)))
}
