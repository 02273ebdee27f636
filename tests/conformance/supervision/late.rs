//! A supervisor that is late itself: nobody who has ended is reported for that.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use heir_runtime::{Backoff, Dynamic, Shutdown, Supervisor};
use heir_tests::Log;
use heir_tests::waits::quiet;
use tokio::time::advance;

use super::{Member, MemberHandle, member};

/// More ends than a task of tokio's may hear of before it yields.
const MANY: u32 = 300;

const SECOND: Duration = Duration::from_secs(1);

/// How the children are stopped, and how late their supervisor is: by a standstill that it notices
/// itself, or by so little that it does not.
const LATE: [(Shutdown, Duration); 3] = [
    (Shutdown::BrutalKill, Duration::from_mins(1)),
    (Shutdown::Timeout(SECOND), Duration::from_mins(1)),
    (Shutdown::Timeout(SECOND), Duration::from_millis(1050)),
];

/// Wakes nobody: the clock jumps so far, the first time.
struct Jumps(AtomicU32, Duration);

impl Jumps {
    fn by(far: Duration) -> Arc<Self> {
        Arc::new(Self(AtomicU32::new(0), far))
    }
}

impl Wake for Jumps {
    fn wake(self: Arc<Self>) {
        if self.0.fetch_add(1, Ordering::Relaxed) == 0 {
            assert!(pin!(advance(self.1)).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
    }
}

/// Waits that look at the status of each worker, and have the clock jump when the first of them is
/// down: a task of its supervisor says so.
fn jump_at_the_first_end(
    workers: &[MemberHandle],
    jumps: &Arc<Jumps>,
) -> Vec<Pin<Box<dyn Future<Output = ()>>>> {
    let waker = Waker::from(Arc::clone(jumps));
    let waits = workers.iter().map(|worker| {
        let worker = worker.clone();
        let wait = async move { drop(worker.wait_serving(u64::MAX).await) };
        let mut wait: Pin<Box<dyn Future<Output = ()>>> = Box::pin(wait);
        assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        wait
    });
    waits.collect()
}

async fn many(
    dynamic: &Dynamic<u32, Member>,
    spec: impl Fn() -> heir_runtime::Spec<Member>,
    keys: std::ops::Range<u32>,
) -> Vec<MemberHandle> {
    let mut workers = Vec::new();
    for key in keys {
        workers.push(dynamic.start(key, spec()).await.unwrap());
    }
    workers
}

#[tokio::test(start_paused = true)]
async fn workers_that_have_ended_are_not_reported_however_late_their_supervisor_hears_of_it() {
    for (shutdown, late) in LATE {
        let log = Log::default();
        let mut tree = Supervisor::builder("app");
        let dynamic = tree.child(Dynamic::<u32, Member>::spec());
        let tree = tree.start().await.unwrap();
        let workers = many(&dynamic, || member("m", &log).shutdown(shutdown), 0..MANY).await;
        let jumps = Jumps::by(late);
        let _waits = jump_at_the_first_end(&workers, &jumps);
        let report = tree.shutdown().await;
        assert!(jumps.0.load(Ordering::Relaxed) > 0, "{shutdown:?}: the supervisor was {late:?} late");
        assert_eq!((report.aborted, report.unresponsive), (vec![], vec![]), "{shutdown:?}, {late:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn managers_that_have_ended_are_not_reported_however_late_their_supervisor_hears_of_it() {
    for (shutdown, late) in LATE {
        let log = Log::default();
        let mut tree = Supervisor::builder("app");
        let dynamic = tree.child(Dynamic::<u32, Member>::spec().intensity(u32::MAX));
        let tree = tree.start().await.unwrap();
        let spec = || member("m", &log).shutdown(shutdown).backoff(Backoff::Fixed(Duration::from_hours(1)));
        let alive = many(&dynamic, spec, 0..1).await;
        // Their managers are tasks, and wait for the workers that are to come.
        for dead in many(&dynamic, spec, 1..MANY).await {
            dead.kill();
        }
        quiet().await;
        let jumps = Jumps::by(late);
        let _waits = jump_at_the_first_end(&alive, &jumps);
        let report = tree.shutdown().await;
        assert!(jumps.0.load(Ordering::Relaxed) > 0, "{shutdown:?}: the supervisor was {late:?} late");
        assert_eq!((report.aborted, report.unresponsive), (vec![], vec![]), "{shutdown:?}, {late:?}");
    }
}
