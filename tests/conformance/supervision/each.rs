//! Workers that are made from their keys, and found or started in one step.

use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heir_runtime::supervision::DynamicError;
use heir_runtime::{Dynamic, StartError, Status, Stopped, Supervisor, handlers, heir};
use heir_tests::Log;
use heir_tests::waits::{in_time, is_pending, quiet, wait_until};
use tokio::sync::Semaphore;

use super::{Member, failing, member};

/// Starts when it is let in; fails as often as it is told to.
#[heir]
struct Guest {
    #[table(keep)]
    visits: u64,
    #[arg]
    door: Arc<Door>,
}

struct Door {
    lets_in: Semaphore,
    refuses: AtomicU32,
    made: AtomicU32,
}

#[handlers]
impl Guest {
    #[on(start)]
    async fn start(&mut self) -> Result<(), &'static str> {
        self.door.lets_in.acquire().await.unwrap().forget();
        let refuses = &self.door.refuses;
        let is_refused =
            refuses.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if is_refused.is_ok() { Err("refused") } else { Ok(()) }
    }

    fn visit(&mut self) -> u64 {
        self.visits += 1;
        self.visits
    }

    #[cast]
    fn die(&mut self) {
        panic!("asked to die");
    }
}

type Guests = Dynamic<u32, Guest>;

/// A supervisor of guests that are let in by so many of these permits.
async fn guests(permits: usize) -> (Supervisor<Guests>, Guests, Arc<Door>) {
    let door = Arc::new(Door {
        lets_in: Semaphore::new(permits),
        refuses: AtomicU32::new(0),
        made: AtomicU32::new(0),
    });
    let inside = Arc::clone(&door);
    let each = move |_: &u32| {
        inside.made.fetch_add(1, Ordering::Relaxed);
        Guest::spec(Arc::clone(&inside)).crash_loop(None)
    };
    let tree = Guests::spec().each(each).start().await.unwrap();
    let guests = Guests::clone(&tree);
    (tree, guests, door)
}

async fn members() -> Supervisor<Dynamic<u32, Member>> {
    Dynamic::<u32, Member>::spec().each(|_| member("m", &Log::default())).start().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn of_many_who_ask_for_one_key_one_starts_the_worker_and_all_have_its_handle() {
    let (_tree, guests, door) = guests(0).await;
    let asks: Vec<_> = (0..10)
        .map(|_| {
            let guests = guests.clone();
            tokio::spawn(async move { guests.get_or_start(1).await.unwrap() })
        })
        .collect();
    quiet().await;
    assert!(asks.iter().all(|asks| !asks.is_finished()), "it is not up yet");
    door.lets_in.add_permits(1);
    let mut visits = Vec::new();
    for asks in asks {
        visits.push(asks.await.unwrap().visit().await.unwrap());
    }
    assert_eq!(visits, (1..=10).collect::<Vec<_>>());
    assert_eq!((guests.len(), door.made.load(Ordering::Relaxed)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn if_the_start_of_another_fails_who_waits_tries_its_own() {
    let (_tree, guests, door) = guests(0).await;
    door.refuses.store(1, Ordering::Relaxed);
    let mut first = std::pin::pin!(guests.get_or_start(1));
    let mut second = std::pin::pin!(guests.get_or_start(1));
    assert!(is_pending(first.as_mut()).await && is_pending(second.as_mut()).await);
    door.lets_in.add_permits(2);
    let (first, second) = in_time(async { tokio::join!(first, second) }).await;
    assert!(matches!(first, Err(DynamicError::NotStarted(StartError::Child { .. }))), "{first:?}");
    assert_eq!(second.unwrap().visit().await.unwrap(), 1);
    assert_eq!(door.made.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_about_to_be_restarted_or_was_terminated_is_waited_for() {
    let (_tree, guests, door) = guests(1).await;
    let guest = guests.get_or_start(1).await.unwrap();
    guest.die().await.unwrap();
    quiet().await;
    let mut asks = std::pin::pin!(guests.get_or_start(1));
    assert!(is_pending(asks.as_mut()).await);
    door.lets_in.add_permits(1);
    assert!(*in_time(asks).await.unwrap() == *guest);
    guests.supervisor().terminate_child("Guest[1]").await.unwrap();
    let mut asks = std::pin::pin!(guests.get_or_start(1));
    assert!(is_pending(asks.as_mut()).await);
    door.lets_in.add_permits(1);
    guests.restart(&1).await.unwrap();
    assert!(*in_time(asks).await.unwrap() == *guest);
    assert_eq!(door.made.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_worker_that_is_stopped_starts_another() {
    let (_tree, guests, door) = guests(0).await;
    let first = guests.try_get_or_start(1).unwrap();
    let mut asks = std::pin::pin!(guests.get_or_start(1));
    assert!(is_pending(asks.as_mut()).await);
    guests.stop(&1).await;
    door.lets_in.add_permits(1);
    let second = in_time(asks).await.unwrap();
    assert!(*first != *second && *guests.get(&1).unwrap() == *second);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_worker_that_is_given_up_is_told() {
    let (_tree, guests, door) = guests(0).await;
    guests.try_get_or_start(1).unwrap();
    door.refuses.store(u32::MAX, Ordering::Relaxed);
    let mut asks = std::pin::pin!(guests.get_or_start(1));
    assert!(is_pending(asks.as_mut()).await);
    door.lets_in.add_permits(100);
    let told = in_time(asks).await;
    assert!(matches!(&told, Err(DynamicError::GaveUp { .. })), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_start_goes_on_when_nobody_waits_for_it_any_more() {
    let (_tree, guests, door) = guests(0).await;
    {
        let mut asks = std::pin::pin!(guests.get_or_start(1));
        assert!(is_pending(asks.as_mut()).await);
    }
    let late = guests.get_or_start_timeout(2, Duration::from_secs(1)).await;
    assert!(matches!(&late, Err(DynamicError::TimedOut(limit)) if limit.as_secs() == 1), "{late:?}");
    let late = guests.get_or_start_timeout(1, Duration::from_secs(1)).await;
    assert!(matches!(&late, Err(DynamicError::TimedOut(_))), "{late:?}");
    door.lets_in.add_permits(2);
    for key in [1, 2] {
        assert_eq!(guests.get(&key).unwrap().visit().await.unwrap(), 1);
    }
    assert!(guests.get_or_start_timeout(1, Duration::ZERO).await.is_ok(), "it is up");
}

#[tokio::test(start_paused = true)]
async fn who_does_not_wait_has_the_handle_at_once_and_its_messages_wait() {
    let (_tree, guests, door) = guests(0).await;
    let guest = guests.try_get_or_start(1).unwrap();
    assert!(*guests.try_get_or_start(1).unwrap() == *guest);
    let mut visits = std::pin::pin!(guest.visit());
    assert!(is_pending(visits.as_mut()).await);
    door.lets_in.add_permits(1);
    assert_eq!(in_time(visits).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_each_the_error_says_what_to_write_and_a_closure_serves_as_well() {
    let many = Dynamic::<u32, Member>::spec().start().await.unwrap();
    let told = many.get_or_start(1).await.unwrap_err();
    assert!(matches!(told, DynamicError::NoSpec));
    assert_eq!(
        told.to_string(),
        "there is no worker of this key, and the supervisor does not know how to make one: give `Dynamic::spec()` an \
         `each(|key| ..)`, or call `get_or_start_with`"
    );
    assert!(matches!(many.try_get_or_start(1), Err(DynamicError::NoSpec)));
    assert!(matches!(many.start_all([1]).await[..], [Err(DynamicError::NoSpec)]));
    assert!(many.is_empty());
    let log = Log::default();
    let first = many.get_or_start_with(1, |_| member("m", &log)).await.unwrap();
    let again = many.get_or_start_with(1, |_| panic!("there is one")).await.unwrap();
    assert!(*first == *again && first.name() == "m[1]");
    assert!(*many.get_or_start(1).await.unwrap() == *first, "it is there: no spec is needed");
}

#[tokio::test(start_paused = true)]
async fn a_closure_that_panics_is_told_of_and_its_key_is_free() {
    let calm = Arc::new(AtomicU32::new(0));
    let many = Dynamic::<u32, Member>::spec().each({
        let calm = Arc::clone(&calm);
        move |key| {
            assert!(calm.load(Ordering::Relaxed) > 0 || *key == 0, "no spec for {key}");
            member("m", &Log::default())
        }
    });
    let many = many.start().await.unwrap();
    let told = [many.get_or_start(1).await, many.try_get_or_start(1)];
    for told in told {
        assert!(
            matches!(&told, Err(DynamicError::SpecPanicked(message)) if &**message == "no spec for 1"),
            "{told:?}"
        );
    }
    let all = many.start_all([1, 0, 2]).await;
    assert!(matches!(
        all[..],
        [Err(DynamicError::SpecPanicked(_)), Ok(_), Err(DynamicError::SpecPanicked(_))]
    ));
    assert_eq!(many.keys(), [0]);
    calm.store(1, Ordering::Relaxed);
    assert!(many.get_or_start(1).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_closure_may_ask_the_supervisor_for_other_workers() {
    let known = Arc::<Mutex<Option<Dynamic<u32, Member>>>>::default();
    let many = Dynamic::<u32, Member>::spec().each({
        let known = Arc::clone(&known);
        move |key| {
            let many = known.lock().unwrap().clone().unwrap();
            if *key > 0 {
                many.try_get_or_start(key - 1).unwrap();
            }
            member("m", &Log::default())
        }
    });
    let many = many.start().await.unwrap();
    *known.lock().unwrap() = Some(Dynamic::clone(&many));
    in_time(many.get_or_start(5)).await.unwrap();
    assert_eq!(many.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn the_closure_is_dropped_when_the_supervisor_has_ended_for_good() {
    let kept = Arc::new(());
    let each = {
        let kept = Arc::clone(&kept);
        move |_: &u32| {
            let _kept = &kept;
            member("m", &Log::default())
        }
    };
    let mut tree = Supervisor::builder("app");
    let many = tree.child(Dynamic::<u32, Member>::spec().each(each));
    let tree = tree.start().await.unwrap();
    many.get_or_start(1).await.unwrap();
    assert!(many.supervisor().kill());
    many.get_or_start(2).await.unwrap();
    assert_eq!(Arc::strong_count(&kept), 2, "a restart keeps it");
    tree.shutdown().await;
    assert_eq!(Arc::strong_count(&kept), 1);
    for told in [many.get_or_start(1).await, many.try_get_or_start(1)] {
        let is_told = matches!(&told, Err(DynamicError::NotStarted(StartError::Stopped(Stopped::Shutdown))));
        assert!(is_told, "{told:?}");
    }
    assert!(many.is_empty());

    let never = Dynamic::<u32, Member>::spec().each({
        let kept = Arc::clone(&kept);
        move |_| {
            let _kept = &kept;
            member("m", &Log::default())
        }
    });
    drop(never);
    assert_eq!(Arc::strong_count(&kept), 1);
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_is_gone_starts_nobody_and_no_key_stays_taken() {
    let tree = members().await;
    let many = Dynamic::clone(&tree);
    tree.shutdown().await;
    let told = many.get_or_start_with(1, |_| member("m", &Log::default())).await;
    assert!(matches!(told, Err(DynamicError::NotStarted(StartError::Stopped(_)))), "{told:?}");
    let told = many.start(1, member("m", &Log::default())).await;
    assert!(matches!(told, Err(DynamicError::NotStarted(StartError::Stopped(_)))), "{told:?}");
    assert!(many.is_empty());
}

#[tokio::test(start_paused = true)]
async fn all_pairs_of_a_moment_are_walked_over() {
    let many = members().await;
    let started = many.start_all(0..5).await;
    let mut pairs = Vec::new();
    for (key, worker) in many.iter() {
        // The walk is over what was there when it began.
        many.stop(&key).await;
        pairs.push((key, worker));
    }
    assert!(many.is_empty());
    pairs.sort_by_key(|(key, _)| *key);
    assert_eq!(pairs.len(), 5);
    for (started, (_, worker)) in started.into_iter().zip(pairs) {
        assert!(*started.unwrap() == *worker);
    }
}

#[tokio::test(start_paused = true)]
async fn all_of_many_are_started_and_each_has_its_result_in_order() {
    let many = Dynamic::<u32, Member>::spec().each(|key| {
        let failures = Arc::new(AtomicU32::new(u32::from(*key == 3)));
        failing("m", &Log::default(), &failures)
    });
    let many = many.start().await.unwrap();
    let there = many.get_or_start(2).await.unwrap();
    let results = many.start_all([1, 2, 3, 4, 1]).await;
    assert!(
        matches!(&results[..], [
        Ok(one),
        Err(DynamicError::AlreadyStarted(two)),
        Err(DynamicError::NotStarted(StartError::Child { .. })),
        Ok(four),
        Err(DynamicError::AlreadyStarted(again)),
    ] if one.name() == "m[1]" && **two == *there && four.name() == "m[4]" && **again == **one),
        "{results:?}"
    );
    assert_eq!(many.len(), 3, "the key of the one that did not start is free");
    assert!(many.start_all([]).await.is_empty());
    assert_eq!(many.start_all(100..1_100).await.into_iter().filter(Result::is_ok).count(), 1_000);
}

/// Stops the last of many workers before their supervisor has heard of it: the supervisor adds some at
/// a time, and looks what else is asked for in between.
async fn stop_before_the_start(stop: impl AsyncFnOnce(Dynamic<u32, Member>) -> Stopped) {
    let members = members().await;
    let mut starts = pin!(members.start_all(0..200));
    assert!(is_pending(starts.as_mut()).await);
    let last = members.get(&199).unwrap();
    let mut stops = pin!(stop(Dynamic::clone(&members)));
    assert!(is_pending(stops.as_mut()).await);
    let started = in_time(starts).await;
    let refused = started[199].as_ref().unwrap_err();
    assert!(matches!(refused, DynamicError::NotStarted(StartError::Stopped(Stopped::Shutdown))), "{refused}");
    assert!(started[..199].iter().all(Result::is_ok));
    assert_eq!(in_time(stops).await, Stopped::Shutdown);
    assert_eq!((last.incarnation(), members.get(&199).is_none(), members.len()), (0, true, 199));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_stopped_before_its_supervisor_has_heard_of_it_is_never_started() {
    stop_before_the_start(async |members| members.get(&199).unwrap().stop().await).await;
    stop_before_the_start(async |members| members.stop(&199).await.unwrap()).await;
}

#[tokio::test(start_paused = true)]
async fn a_start_of_all_goes_on_when_nobody_waits_for_it() {
    let (_tree, guests, door) = guests(0).await;
    {
        let mut starts = std::pin::pin!(guests.start_all(0..200));
        assert!(is_pending(starts.as_mut()).await);
    }
    assert_eq!(guests.len(), 200);
    door.lets_in.add_permits(200);
    for (_, guest) in guests.iter() {
        assert_eq!(in_time(guest.visit()).await.unwrap(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn many_starts_that_the_supervisor_never_heard_of_leave_their_keys_free() {
    let many = members().await;
    let mut starts = std::pin::pin!(many.start_all(0..200));
    assert!(is_pending(starts.as_mut()).await);
    assert_eq!(many.len(), 200);
    assert!(many.supervisor().kill());
    let results = in_time(starts).await;
    assert!(results.iter().all(|told| matches!(told, Err(DynamicError::NotStarted(_)))), "{results:?}");
    assert!(many.is_empty());

    let mut tree = Supervisor::builder("app");
    let many = tree.child(Dynamic::<u32, Member>::spec().each(|_| member("m", &Log::default())));
    let tree = tree.start().await.unwrap();
    let starts = tokio::spawn({
        let many = many.clone();
        async move { many.start_all(0..200).await }
    });
    tokio::task::yield_now().await;
    tree.shutdown().await;
    let results = in_time(starts).await.unwrap();
    assert!(results.len() == 200 && many.is_empty());
}

/// A key whose `Debug` panics.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Shy(u32);

impl std::fmt::Debug for Shy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        assert!(self.0 != 2, "it does not say");
        write!(f, "{}", self.0)
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_panics_leaves_those_before_it_started_and_itself_free() {
    let many = Dynamic::<Shy, Member>::spec().each(|_| member("m", &Log::default())).start().await.unwrap();
    let all = tokio::spawn({
        let many = Dynamic::clone(&many);
        async move { many.start_all((0..4).map(Shy)).await.len() }
    });
    assert!(all.await.unwrap_err().is_panic());
    assert_eq!(many.len(), 2);
    for key in [0, 1] {
        let worker = many.get(&Shy(key)).unwrap();
        in_time(wait_until(|| matches!(worker.status(), Status::Serving { .. }))).await;
    }
    let one = tokio::spawn({
        let many = Dynamic::clone(&many);
        async move { many.get_or_start(Shy(2)).await.is_ok() }
    });
    assert!(one.await.unwrap_err().is_panic());
    assert_eq!(many.len(), 2);
}
