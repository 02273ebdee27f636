//! A hundred thousand workers of one type.

use std::time::Instant;

use heir_runtime::links::{Down, ExitSignal};
use heir_runtime::{Context, Dynamic, Stopped, Supervisor, handlers, heir};
use heir_tests::Random;
use heir_tests::waits::wait_until;
use tokio::task::JoinSet;

/// One of many. They are stopped together: the last of them waits for a hundred thousand others, on whatever machine this is.
#[heir(shutdown = "60s")]
struct Session {
    #[table(rollback)]
    visits: u64,
}

#[handlers]
impl Session {
    fn visit(&mut self) -> u64 {
        self.visits += 1;
        self.visits
    }
}

type Sessions = Dynamic<u32, Session>;

const MANY: u32 = 100_000;
/// How many tasks share the work.
const HANDS: u32 = 8;

/// Does this for every key, in a few tasks at once; returns the sum.
async fn for_each<F>(keys: u32, act: impl Fn(u32) -> F + Clone + Send + 'static) -> u64
where
    F: Future<Output = u64> + Send,
{
    let mut hands = JoinSet::new();
    for hand in 0..HANDS {
        let act = act.clone();
        hands.spawn(async move {
            let mut sum = 0;
            for key in (hand..keys).step_by(HANDS as usize) {
                sum += act(key).await;
            }
            sum
        });
    }
    hands.join_all().await.into_iter().sum()
}

async fn start(sessions: &Sessions, keys: u32) -> u64 {
    let sessions = sessions.clone();
    for_each(keys, move |key| {
        let sessions = sessions.clone();
        async move {
            sessions.start(key, Session::spec()).await.unwrap();
            1
        }
    })
    .await
}

/// Every worker counts one more visit: the sum of what they answer.
async fn visit(sessions: &Sessions, keys: u32) -> u64 {
    let sessions = sessions.clone();
    for_each(keys, move |key| {
        let session = sessions.get(&key).unwrap();
        async move { session.visit().await.unwrap() }
    })
    .await
}

/// How long each step took.
struct Watch(Instant);

impl Watch {
    fn lap(&mut self, what: &str) {
        let now = Instant::now();
        println!("{what}: {:?}", now - std::mem::replace(&mut self.0, now));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_workers_come_go_and_count_exactly() {
    let mut watch = Watch(Instant::now());
    let mut tree = Supervisor::builder("app");
    let sessions = tree.child(Sessions::spec().name("sessions").intensity(u32::MAX));
    let tree = tree.start().await.unwrap();
    let many = u64::from(MANY);

    assert_eq!(start(&sessions, MANY).await, many);
    watch.lap("started");
    assert_eq!(visit(&sessions, MANY).await, many);
    watch.lap("counted in");

    let mut random = Random::new();
    let struck: Vec<_> = (0..MANY / 10).map(|_| random.below(MANY)).collect();
    for key in struck {
        let session = sessions.get(&key).unwrap();
        match random.below(10) {
            0 => drop(session.kill_manager()),
            1 => drop((session.kill_manager(), session.kill())),
            _ => drop(session.kill()),
        }
    }
    watch.lap("a tenth killed");
    assert_eq!(visit(&sessions, MANY).await, 2 * many, "{random}");
    watch.lap("counted in again");

    let estates: Vec<_> = (0..MANY).map(|key| sessions.get(&key).unwrap().estate()).collect();
    let report = tree.shutdown().await;
    watch.lap("stopped");
    assert_eq!((report.why, report.aborted, report.unresponsive), (Stopped::Shutdown, vec![], vec![]));
    assert_eq!(sessions.len(), 0, "every key is free");
    let left: u64 = estates.iter().map(|estate| estate.claim("test").unwrap().visits).sum();
    assert_eq!(left, 2 * many, "{random}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_workers_come_back_together_when_their_supervisor_is_killed() {
    const SOME: u32 = 20_000;
    let mut watch = Watch(Instant::now());
    let mut tree = Supervisor::builder("app");
    let sessions = tree.child(Sessions::spec().name("sessions"));
    let tree = tree.start().await.unwrap();
    start(&sessions, SOME).await;
    watch.lap("started");
    for turn in 1..=3 {
        assert_eq!(visit(&sessions, SOME).await, turn * u64::from(SOME));
        assert!(sessions.supervisor().kill());
        watch.lap("counted in, and supervisor killed");
    }
    assert_eq!(visit(&sessions, SOME).await, 4 * u64::from(SOME));
    watch.lap("counted in after that");
    tree.shutdown().await;
    watch.lap("stopped");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_that_come_and_go_leave_nothing_behind() {
    let sessions = Sessions::spec().start().await.unwrap();
    for turn in 0..10_000 {
        let session = sessions.start(turn % 3, Session::spec()).await.unwrap();
        assert_eq!(session.visit().await.unwrap(), 1);
        let (gone, estate) = (session.downgrade(), session.estate());
        drop(session);
        assert_eq!(sessions.stop(&(turn % 3)).await, Some(Stopped::Shutdown));
        assert_eq!(estate.claim("test").unwrap().visits, 1);
        // Its supervisor's task lets go of it at its next await.
        wait_until(|| gone.upgrade().is_none()).await;
    }
    assert_eq!((sessions.len(), sessions.supervisor().count_children().specs), (0, 0));
    sessions.shutdown().await;
}

/// Monitors and links whom it is given, and counts their ends.
#[heir]
struct Guardian {
    #[table(rollback)]
    downs: u32,
    #[table(rollback)]
    exits: u32,
}

#[handlers]
impl Guardian {
    #[on(down)]
    fn down(&mut self, _down: &Down) {
        self.downs += 1;
    }

    #[on(exit)]
    fn exited(&mut self, _signal: &ExitSignal) {
        self.exits += 1;
    }

    fn guard(&mut self, cx: &mut Context<Self>, sessions: Vec<SessionHandle>) {
        for session in &sessions {
            cx.monitor(session);
            cx.link(session);
        }
    }

    fn ends(&mut self) -> (u32, u32) {
        (self.downs, self.exits)
    }
}

/// A search through all links for each that ends would be a thousand million steps, under the lock of who is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_very_many_who_are_monitored_and_linked_is_told_once_each_and_meets_its_deadline() {
    const GUARDED: u32 = 20_000;
    let mut tree = Supervisor::builder("app");
    let guardian = tree.child(Guardian::spec());
    let sessions = tree.child(Sessions::spec().name("sessions"));
    let tree = tree.start().await.unwrap();
    assert_eq!(start(&sessions, GUARDED).await, u64::from(GUARDED));
    let guarded = sessions.keys().iter().filter_map(|key| sessions.get(key)).collect();
    guardian.guard(guarded).await.unwrap();
    tree.terminate_child("sessions").await.unwrap();
    // Behind all the signals: they are served before messages.
    assert_eq!(guardian.ends().await.unwrap(), (GUARDED, GUARDED));
    let report = tree.shutdown().await;
    assert_eq!((report.why, report.aborted, report.unresponsive), (Stopped::Shutdown, vec![], vec![]));
}
