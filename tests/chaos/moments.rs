//! The end, at every moment of a restart: nothing hangs, everybody is told, and every table is as it should be.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use heir_runtime::events::Event;
use heir_runtime::supervision::{ShutdownReport, TreeNode};
use heir_runtime::{
    Backoff, CallError, Dynamic, Spec, Status, Stopped, Strategy, Supervisor, SupervisorBuilder,
    SupervisorHandle,
};
use heir_tests::Log;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::member::{Member, MemberHandle};

/// What goes on when the end comes.
#[derive(Clone, Copy, Debug)]
enum Scene {
    /// All children of a subtree are restarted together.
    Cycle,
    /// The same, with a wait before the start.
    Backoff,
    /// A subtree gives up, and is started again.
    GivesUp,
    /// A subtree is killed, and is started again.
    Killed,
    /// A worker has another one take its place.
    Upgrade,
    /// A worker is restarted on request.
    Renewed,
    /// Worker and manager die together.
    BothDie,
    /// A child is terminated, and started again.
    Terminated,
    /// The supervisor of many is killed, and is started again.
    Many,
    /// The first start.
    Start,
}

const SCENES: [Scene; 10] = [
    Scene::Cycle,
    Scene::Backoff,
    Scene::GivesUp,
    Scene::Killed,
    Scene::Upgrade,
    Scene::Renewed,
    Scene::BothDie,
    Scene::Terminated,
    Scene::Many,
    Scene::Start,
];

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Shutdown,
    /// The supervisor is dropped.
    Dropped,
    /// The root's task is killed.
    RootKilled,
    /// The subtree is stopped through its handle; the rest goes on.
    SubtreeStopped,
    /// The subtree is killed: everything goes on.
    SubtreeKilled,
    /// The runtime is dropped, with everything in it.
    RuntimeDropped,
}

/// When it ends.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// As the event is told that comes after this many others.
    Event(usize),
    /// When everybody has had this many turns.
    Turn(usize),
}

/// Does something at one event.
#[derive(Clone, Default)]
struct Trap(Arc<Mutex<Option<Set>>>);

struct Set {
    /// How many events come before.
    before: usize,
    spring: Box<dyn FnOnce() + Send>,
}

impl Trap {
    async fn spring_at(&self, moment: Moment, spring: impl FnOnce() + Send + 'static) {
        match moment {
            Moment::Event(before) => *self.0.lock().unwrap() = Some(Set { before, spring: Box::new(spring) }),
            Moment::Turn(before) => {
                for _ in 0..before {
                    tokio::task::yield_now().await;
                }
                spring();
            }
        }
    }

    fn notice(&self) {
        let mut set = self.0.lock().unwrap();
        let sprung = set.take_if(|set| {
            let is_now = set.before == 0;
            set.before = set.before.saturating_sub(1);
            is_now
        });
        drop(set);
        if let Some(set) = sprung {
            (set.spring)();
        }
    }

    /// What has not happened by now does not.
    fn disarm(&self) {
        self.0.lock().unwrap().take();
    }
}

struct Called {
    handle: MemberHandle,
    answered: Arc<AtomicU64>,
}

/// `app` with `a`, the subtree `io` with `b`, `c` and `d`, and `e`.
struct Stage {
    tree: SupervisorBuilder,
    io: SupervisorHandle,
    workers: Vec<Called>,
    many: Option<Dynamic<u32, Member>>,
}

fn member(name: &str) -> Spec<Member> {
    Member::spec(name.into(), Log::default()).name(name)
}

impl Stage {
    fn new(scene: Scene, trap: &Trap) -> Self {
        let trap = trap.clone();
        let mut tree = Supervisor::builder("app").intensity(u32::MAX).observe(move |_: &Event| trap.notice());
        let mut handles = vec![tree.child(member("a"))];
        let mut many = None;
        let io = if let Scene::Many = scene {
            let dynamic = tree.child(Dynamic::<u32, Member>::spec().name("io").intensity(u32::MAX));
            many.insert(dynamic).supervisor().clone()
        } else {
            let strategy = match scene {
                Scene::Cycle | Scene::Backoff | Scene::GivesUp => Strategy::OneForAll,
                _ => Strategy::OneForOne,
            };
            let intensity = if let Scene::GivesUp = scene { 0 } else { u32::MAX };
            let backoff = match scene {
                Scene::Backoff => Backoff::Fixed(Duration::from_secs(1)),
                _ => Backoff::None,
            };
            let mut io = Supervisor::builder("io").strategy(strategy).intensity(intensity);
            for name in ["b", "c", "d"] {
                handles.push(io.child(member(name).backoff(backoff)));
            }
            tree.child(io)
        };
        handles.push(tree.child(member("e")));
        let workers = handles.into_iter().map(Called::new).collect();
        Self { tree, io, workers, many }
    }
}

impl Called {
    fn new(handle: MemberHandle) -> Self {
        Self { handle, answered: Arc::default() }
    }

    /// Calls, time and again, until it is told that this is over.
    fn keep_calling(&self, callers: &mut JoinSet<()>) {
        let (handle, answered) = (self.handle.clone(), Arc::clone(&self.answered));
        callers.spawn(async move {
            loop {
                match handle.count().await {
                    Ok(_) => drop(answered.fetch_add(1, Ordering::Relaxed)),
                    Err(CallError::Died { .. }) => {}
                    Err(CallError::NotSent { .. } | CallError::Stopped { .. }) => return,
                    Err(other) => panic!("neither answered, nor died, nor stopped: {other}"),
                }
                sleep(Duration::from_millis(20)).await;
            }
        });
    }

    /// Its table is as it should be.
    fn settle(&self, slack: u64, context: &str) {
        let tables = self.handle.estate().claim("test").unwrap_or_else(|error| panic!("{context}: {error}"));
        let answered = self.answered.load(Ordering::Relaxed);
        assert!(
            (answered..=answered + slack).contains(&tables.count),
            "{context}: {answered}, {}",
            tables.count
        );
        assert_eq!(tables.count, tables.mirror, "{context}");
    }
}

/// What begins a scene; it goes on by itself.
fn begin(scene: Scene, stage: &[Called], io: &SupervisorHandle) {
    let b = stage.get(1).map(|called| called.handle.clone());
    let io = io.clone();
    match (scene, b) {
        (Scene::Cycle | Scene::Backoff | Scene::GivesUp, Some(b)) => drop(b.kill()),
        (Scene::Killed | Scene::Many, _) => drop(io.kill()),
        (Scene::BothDie, Some(b)) => drop((b.kill_manager(), b.kill())),
        (Scene::Renewed, Some(b)) => drop(tokio::spawn(async move { b.restart().await })),
        (Scene::Upgrade, Some(b)) => {
            tokio::spawn(async move { io.upgrade_child(&b, member("b")).await });
        }
        (Scene::Terminated, Some(_)) => {
            tokio::spawn(async move {
                io.terminate_child("b").await?;
                io.restart_child("b").await
            });
        }
        (Scene::Start, _) | (_, None) => {}
    }
}

type Pending<T> = Arc<Mutex<Option<Pin<Box<dyn Future<Output = T> + Send>>>>>;

/// Makes the request now; it is waited for later.
fn begun<T>(what: impl Future<Output = T> + Send + 'static, pending: &Pending<T>) {
    let mut what: Pin<Box<dyn Future<Output = T> + Send>> = Box::pin(what);
    let is_pending = what.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending();
    assert!(is_pending, "it takes more than a request");
    *pending.lock().unwrap() = Some(what);
}

/// Everything but a wait for ever is over by then: the clock is paused, and moves on when nobody can.
async fn soon<R>(context: &str, what: impl Future<Output = R>) -> R {
    timeout(Duration::from_secs(3600), what).await.unwrap_or_else(|_| panic!("waited for ever: {context}"))
}

/// Plays the scene up to this moment, and ends it so; says whether there was such a moment.
fn play(scene: Scene, end: End, moment: Moment) -> bool {
    let context = &format!("{scene:?}, {end:?} at {moment:?}");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let trap = Trap::default();
    let Stage { tree, io, mut workers, many } = Stage::new(scene, &trap);
    let now = Arc::new(Notify::new());
    let holder: Arc<Mutex<Option<Supervisor>>> = Arc::default();
    let (reported, stopped): (Pending<ShutdownReport>, Pending<Stopped>) = Default::default();

    let spring = {
        let (holder, io, now) = (Arc::clone(&holder), io.clone(), Arc::clone(&now));
        let (reported, stopped) = (Arc::clone(&reported), Arc::clone(&stopped));
        move || {
            let mut tree = holder.lock().unwrap();
            match end {
                End::Shutdown => begun(tree.take().unwrap().shutdown(), &reported),
                End::Dropped => drop(tree.take()),
                End::RootKilled => assert!(tree.as_ref().unwrap().kill()),
                End::SubtreeStopped => begun(
                    {
                        let io = io.clone();
                        async move { io.stop().await }
                    },
                    &stopped,
                ),
                End::SubtreeKilled => drop(io.kill()),
                End::RuntimeDropped => {}
            }
            now.notify_one();
        }
    };
    let sprung = runtime.block_on(soon(context, async {
        let mut callers = JoinSet::new();
        if let Scene::Start = scene {
            // There is no supervisor yet: its start is given up.
            workers.iter().for_each(|called| called.keep_calling(&mut callers));
            let starting = tokio::spawn(tree.start());
            trap.spring_at(moment, {
                let now = Arc::clone(&now);
                move || now.notify_one()
            })
            .await;
            let sprung = timeout(Duration::from_secs(5), now.notified()).await.is_ok();
            if end == End::RuntimeDropped {
                return sprung;
            }
            starting.abort();
            drop(starting.await);
            callers.join_all().await;
            return sprung;
        }
        *holder.lock().unwrap() = Some(tree.start().await.unwrap());
        if let Some(many) = &many {
            for key in 0..4 {
                workers.push(Called::new(many.start(key, member("m")).await.unwrap()));
            }
        }
        workers.iter().for_each(|called| called.keep_calling(&mut callers));
        sleep(Duration::from_millis(10)).await;
        begin(scene, &workers, &io);
        trap.spring_at(moment, spring).await;
        let sprung = timeout(Duration::from_secs(5), now.notified()).await.is_ok();
        trap.disarm();
        if end == End::RuntimeDropped {
            return sprung;
        }
        let reported = reported.lock().unwrap().take();
        if let Some(reported) = reported {
            let report = reported.await;
            assert_eq!(
                (report.why, report.aborted, report.unresponsive),
                (Stopped::Shutdown, vec![], vec![])
            );
        }
        let stopped = stopped.lock().unwrap().take();
        if let Some(stopped) = stopped {
            assert_eq!(stopped.await, Stopped::Shutdown, "{context}");
        }
        if let End::SubtreeStopped | End::SubtreeKilled = end {
            sleep(Duration::from_secs(3)).await;
            for called in &workers {
                let below = !["a", "e"].contains(&called.handle.name());
                if sprung && end == End::SubtreeStopped && below {
                    called.settle(0, context);
                } else if !matches!(scene, Scene::Upgrade) || !below {
                    // Everybody else serves.
                    called.handle.wait_serving(1).await.unwrap();
                    called.handle.count().await.unwrap();
                    called.answered.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        if let End::SubtreeKilled = end {
            for child in io.which_children() {
                let serves =
                    matches!(&child, TreeNode::Worker(worker) if matches!(worker.status, Status::Serving { .. }));
                assert!(serves, "{context}: {child:?}");
            }
        }
        let tree = holder.lock().unwrap().take();
        if let Some(tree) = tree {
            let report = tree.shutdown().await;
            assert_eq!((report.aborted, report.unresponsive), (vec![], vec![]), "{context}");
        }
        callers.join_all().await;
        for called in &workers {
            called.handle.wait_stopped().await;
        }
        // Whoever was killed with the root lets go at its next await.
        sleep(Duration::from_millis(1)).await;
        sprung
    }));
    // A caller can be dropped with the runtime between its answer and its note of it.
    let slack = u64::from(end == End::RuntimeDropped);
    drop(runtime);
    drop(holder);
    for called in &workers {
        // Tables that were not created yet cannot be claimed.
        if called.handle.estate().info().founded {
            called.settle(slack, &format!("{context}, {}", called.handle.name()));
        }
        assert!(matches!(called.handle.status(), Status::Stopped(_)), "{context}");
    }
    if let Some(many) = &many {
        assert!(many.is_empty(), "{context}: its keys are free");
    }
    sprung
}

/// Ends every scene so, at each of its events, and after each of its first turns.
fn at_every_moment(end: End) {
    let mut moments = 0;
    for scene in SCENES {
        let events = (0..).take_while(|before| play(scene, end, Moment::Event(*before))).count();
        assert!(events > 3, "there is nothing to see of {scene:?}");
        let turns = (0..2 * events).filter(|before| play(scene, end, Moment::Turn(*before))).count();
        moments += events + turns;
    }
    println!("{end:?}: {moments} moments of {} scenes", SCENES.len());
}

#[test]
fn a_shutdown_at_every_moment_loses_nothing() {
    at_every_moment(End::Shutdown);
}

#[test]
fn a_supervisor_dropped_at_every_moment_loses_nothing() {
    at_every_moment(End::Dropped);
}

#[test]
fn a_root_killed_at_every_moment_loses_nothing() {
    at_every_moment(End::RootKilled);
}

#[test]
fn a_subtree_stopped_at_every_moment_loses_nothing() {
    at_every_moment(End::SubtreeStopped);
}

#[test]
fn a_subtree_killed_at_every_moment_loses_nothing() {
    at_every_moment(End::SubtreeKilled);
}

#[test]
fn a_runtime_dropped_at_every_moment_loses_nothing() {
    at_every_moment(End::RuntimeDropped);
}
