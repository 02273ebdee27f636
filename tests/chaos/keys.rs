//! A storm over the keys of a `Dynamic`: workers crash, are given up, restarted, taken, stopped and started again, and no visit that
//! was answered is lost or counted twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use heir_runtime::supervision::{ChildError, DynamicError, TakeError};
use heir_runtime::{Dynamic, Handle, Stopped, Supervisor, handlers, heir};
use heir_tests::{Random, Recorder, event};
use tokio::task::JoinSet;

#[heir(crash_loop = never)]
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

    fn fail(&mut self) {
        self.visits += 1_000_000;
        panic!("asked to fail");
    }
}

type Sessions = Dynamic<u32, Session>;

const KEYS: u32 = 30;
const HANDS: usize = 6;

/// Counts what is in the tables of a session that has ended, once, whoever else claims them.
fn collect(session: &Handle<Session>, collected: &AtomicU64) {
    if let Ok(mut tables) = session.estate().claim("the collector") {
        collected.fetch_add(std::mem::take(&mut tables.visits), Ordering::Relaxed);
    }
}

/// Starts a session again. If it is killed before it is up, it is terminated, and nobody else would start
/// it: so this tries again.
async fn restart(sessions: &Sessions, key: u32) -> Result<(), ChildError> {
    loop {
        match sessions.restart(&key).await {
            Err(ChildError::NotStarted(_)) => {}
            restarted => return restarted,
        }
    }
}

/// Does many things to the sessions; returns how many visits were answered.
async fn storm(sessions: Sessions, mut random: Random, collected: Arc<AtomicU64>) -> u64 {
    let mut answered = 0;
    for _ in 0..400 {
        let key = random.below(KEYS);
        match random.below(40) {
            0..14 => match sessions.get_or_start(key).await {
                Ok(session) => answered += u64::from(session.visit().await.is_ok()),
                Err(DynamicError::GaveUp { handle, .. }) => {
                    answered += u64::from(handle.visit().await.is_ok())
                }
                // The supervisor itself gives up, or was killed.
                Err(DynamicError::NotStarted(_)) => {}
                Err(other) => panic!("{other}, {random}"),
            },
            14..24 => {
                if let Some(session) = sessions.get(&key) {
                    assert!(session.fail().await.is_err());
                }
            }
            24..27 => drop(sessions.get(&key).map(|session| session.kill())),
            27..29 => drop(sessions.get(&key).map(|session| session.kill_manager())),
            29..34 => match restart(&sessions, key).await {
                Ok(()) | Err(ChildError::Running | ChildError::NotFound(_)) => {}
                Err(ChildError::Ended | ChildError::Ending) => {}
                Err(other) => panic!("{other}, {random}"),
            },
            34..36 => match sessions.take(&key).await {
                Ok(mut tables) => {
                    collected.fetch_add(std::mem::take(&mut tables.visits), Ordering::Relaxed);
                }
                Err(TakeError::Away { handle, .. }) => collect(&handle, &collected),
                Err(TakeError::NotFound | TakeError::Running(_)) => {}
                Err(other) => panic!("{other}, {random}"),
            },
            36 => {
                if let Some(session) = sessions.get(&key) {
                    session.stop().await;
                    collect(&session, &collected);
                }
            }
            37 => {
                for (key, _) in sessions.given_up().into_iter().take(3) {
                    let _ = restart(&sessions, key).await;
                }
            }
            38 => drop(sessions.start_all([key, (key + 1) % KEYS]).await),
            _ if random.below(4) == 0 => drop(sessions.supervisor().kill()),
            _ => drop(sessions.try_get_or_start(key)),
        }
    }
    answered
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_becomes_of_the_keys_each_answered_visit_is_counted_once() {
    for mut random in Random::each(8) {
        let recorder = Recorder::default();
        let mut tree = Supervisor::builder("app").intensity(u32::MAX).observe(recorder.observer());
        let most = *random.of_these(&[0, 2, 5, 100]);
        let sessions = Sessions::spec().name("sessions").intensity(2).period(Duration::from_millis(50));
        let sessions = tree.child(sessions.max_given_up(most).each(|_| Session::spec()));
        let tree = tree.start().await.unwrap();
        let collected = Arc::<AtomicU64>::default();
        let mut hands = JoinSet::new();
        for _ in 0..HANDS {
            hands.spawn(storm(sessions.clone(), random.another(), Arc::clone(&collected)));
        }
        let mut answered: u64 = hands.join_all().await.into_iter().sum();

        // Who was given up serves again, with what it had: also if that comes only now.
        for key in 0..KEYS {
            loop {
                match sessions.get_or_start(key).await {
                    Ok(session) if session.visit().await.is_ok() => break,
                    Ok(_) | Err(DynamicError::NotStarted(_)) => tokio::task::yield_now().await,
                    Err(DynamicError::GaveUp { .. }) => drop(restart(&sessions, key).await),
                    Err(other) => panic!("{other}, {random}"),
                }
            }
            answered += 1;
        }
        assert_eq!(sessions.len(), KEYS as usize, "{random}");
        assert!(recorder.count(event!(GaveUpOn { .. })) > 0 || most == 0, "{random}");
        let left: Vec<_> = sessions.iter().collect();
        let report = tree.shutdown().await;
        assert_eq!((report.why, report.unresponsive), (Stopped::Shutdown, vec![]), "{random}");
        left.iter().for_each(|(_, session)| collect(session, &collected));
        assert_eq!(collected.load(Ordering::Relaxed), answered, "{random}");
        assert!(sessions.is_empty(), "{random}");
    }
}
