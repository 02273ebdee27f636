//! One worker of a `Dynamic` is restarted too often: the supervisor gives up on it alone.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use heir_runtime::supervision::{ChildError, DynamicError, SubtreeStatus, TakeError};
use heir_runtime::{
    Backoff, CallError, CastError, Dynamic, ExitReason, MessageError, NotSent, Reply, Restart, Spec, Status,
    Stopped, Supervisor, SupervisorBuilder, Undelivered, WhileDown, handlers, heir,
};
use heir_tests::waits::{in_time, is_pending, quiet, wait_until};
use heir_tests::{Log, Recorder, event};

use super::{Member, MemberHandle, MemberTables, failing, member};

type Many = Dynamic<u32, Member>;

/// A tree with these workers, which is recorded.
async fn start(many: SupervisorBuilder<Many>) -> (Supervisor, Many, Recorder) {
    let (mut tree, recorder) = Recorder::tree();
    let many = tree.child(many.name("many"));
    (tree.start().await.unwrap(), many, recorder)
}

async fn begin(many: &Many, key: u32) -> MemberHandle {
    many.start(key, member("m", &Log::default())).await.unwrap()
}

fn is_given_up(worker: &MemberHandle) -> bool {
    matches!(worker.status(), Status::GaveUp(_))
}

/// Has the supervisor, which allows no restart, give up on this worker.
async fn give_up(worker: &MemberHandle) {
    worker.die().await.unwrap();
    in_time(wait_until(|| is_given_up(worker))).await;
}

/// A worker that the supervisor, which allows no restart, has given up on.
async fn given_up() -> (Supervisor, Many, MemberHandle, Recorder) {
    let (tree, many, recorder) = start(Many::spec().intensity(0)).await;
    let worker = begin(&many, 1).await;
    assert_eq!(worker.count().await.unwrap(), 1);
    give_up(&worker).await;
    (tree, many, worker, recorder)
}

fn asked_to_die() -> ExitReason {
    ExitReason::Panic("asked to die".into())
}

#[tokio::test(start_paused = true)]
async fn of_a_hundred_sessions_one_crashes_again_and_again_and_the_others_serve_on() {
    let mut tree = Supervisor::builder("app");
    let many = tree.child(Many::spec());
    let tree = tree.start().await.unwrap();
    for key in 0..100 {
        begin(&many, key).await;
    }
    let bad = many.get(&0).unwrap();
    for _ in 0..11 {
        for _ in 0..10 {
            let next = bad.incarnation() + 1;
            bad.die().await.unwrap();
            bad.wait_serving(next).await.unwrap();
        }
        give_up(&bad).await;
        many.restart(&0).await.unwrap();
    }
    assert_eq!(bad.incarnation(), 122, "it has crashed 121 times");
    for key in 1..100 {
        let other = many.get(&key).unwrap();
        assert_eq!((other.count().await.unwrap(), other.incarnation()), (1, 1));
    }
    assert_eq!((tree.status(), many.supervisor().status()), (SubtreeStatus::Running, SubtreeStatus::Running));
    assert_eq!(tree.shutdown().await.why, Stopped::Shutdown);
}

#[tokio::test(start_paused = true)]
async fn restarts_are_counted_for_each_key_alone_and_those_of_its_manager_with_them() {
    let (_tree, many, recorder) = start(Many::spec().intensity(2)).await;
    let [one, other] = [begin(&many, 1).await, begin(&many, 2).await];
    for incarnation in 2..=3 {
        for worker in [&one, &other] {
            worker.die().await.unwrap();
            worker.wait_serving(incarnation).await.unwrap();
        }
    }
    assert!(one.kill_manager());
    in_time(wait_until(|| is_given_up(&one))).await;
    assert_eq!(many.given_up(), [(1, ExitReason::Killed)]);
    assert_eq!((other.count().await.unwrap(), recorder.count(event!(GaveUp { .. }))), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn restarts_that_are_longer_ago_than_the_period_do_not_count() {
    let (_tree, many, _) = start(Many::spec().intensity(1).period(Duration::from_secs(5))).await;
    let worker = begin(&many, 1).await;
    for incarnation in 2..10 {
        worker.die().await.unwrap();
        worker.wait_serving(incarnation).await.unwrap();
        tokio::time::sleep(Duration::from_secs(6)).await;
    }
    assert!(many.given_up().is_empty());
}

#[tokio::test(start_paused = true)]
async fn it_is_told_once_the_worker_is_down_and_its_tables_are_home_and_undone() {
    let (tree, many, worker, recorder) = given_up().await;
    let told = recorder.events().into_iter().rfind(|event| &*event.child == "m[1]").unwrap();
    assert_eq!(
        told.to_string(),
        "m[1]: given up after too many restarts, the last because of panic: asked to die; it can be started again"
    );
    assert_eq!(worker.status().to_string(), "given up: panic: asked to die");
    assert_eq!(
        tree.tree().to_string(),
        "\
app (one_for_one, any number of restarts)
└── many (one_for_one, 0 restarts in 10s for each key)
    ├── m[1] worker: given up: panic: asked to die, 0 queued
    └── m[1] manager: down; the tables are in the estate"
    );
    let counts = many.supervisor().count_children();
    assert_eq!((counts.specs, counts.active), (1, 0));
    assert_eq!(many.given_up(), [(1, asked_to_die())]);
    assert_eq!((many.keys(), many.len(), many.get(&1).is_some()), (vec![1], 1, true));
    assert!(worker.estate().claim("another").is_err(), "they are kept for its next incarnation");
}

#[tokio::test(start_paused = true)]
async fn messages_are_refused_with_the_reason_those_in_the_queue_and_those_that_come() {
    let undelivered = Arc::<Mutex<Vec<String>>>::default();
    let (_tree, many, _) = start(Many::spec().intensity(0)).await;
    let spec = member("m", &Log::default()).mailbox(3).on_undelivered({
        let undelivered = Arc::clone(&undelivered);
        move |message: Undelivered| undelivered.lock().unwrap().push(message.to_string())
    });
    let worker = many.start(1, spec).await.unwrap();
    worker.pause().await.unwrap();
    worker.die().await.unwrap();
    worker.finish().await.unwrap();
    let queued = tokio::spawn({
        let worker = worker.clone();
        async move { worker.count().await }
    });
    quiet().await;
    let waits = tokio::spawn({
        let worker = worker.clone();
        async move { worker.count().await }
    });
    quiet().await;
    worker.resume();
    let why = Stopped::GaveUp(asked_to_die());
    assert!(matches!(queued.await.unwrap(), Err(CallError::Stopped(told)) if told == why));
    let waited = MessageError::from(waits.await.unwrap().unwrap_err());
    assert!(
        [MessageError::Stopped(why.clone()), MessageError::NotSent(NotSent::Stopped(why.clone()))]
            .contains(&waited)
    );
    let late = MessageError::from(worker.count().await.unwrap_err());
    assert_eq!(late, MessageError::NotSent(NotSent::Stopped(why.clone())));
    let Err(CastError::NotSent { why: told, .. }) = worker.die().await else { panic!("it is refused") };
    assert_eq!(told, NotSent::Stopped(why));
    let told = undelivered.lock().unwrap().join("\n");
    assert!(told.contains("`finish` was not delivered: the worker stopped before it served it"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn senders_that_may_fail_or_give_up_while_it_is_down_are_told_the_reason_all_the_same() {
    for senders in [WhileDown::Fail, WhileDown::WaitFor(Duration::from_secs(1)), WhileDown::Wait] {
        let (_tree, many, _) = start(Many::spec().intensity(0)).await;
        let worker = many.start(1, member("m", &Log::default()).while_down(senders)).await.unwrap();
        give_up(&worker).await;
        let told = MessageError::from(worker.count().await.unwrap_err());
        assert_eq!(told, MessageError::NotSent(NotSent::Stopped(Stopped::GaveUp(asked_to_die()))));
        many.restart(&1).await.unwrap();
        assert_eq!(worker.count().await.unwrap(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_mailbox_that_is_opened_again_has_as_much_room_as_before() {
    let (_tree, many, _) = start(Many::spec().intensity(0)).await;
    let worker = many.start(1, member("m", &Log::default()).mailbox(2)).await.unwrap();
    for _ in 0..3 {
        worker.pause().await.unwrap();
        worker.die().await.unwrap();
        worker.finish().await.unwrap();
        let waits: Vec<_> = (0..5)
            .map(|_| {
                tokio::spawn({
                    let worker = worker.clone();
                    async move { worker.count().await }
                })
            })
            .collect();
        quiet().await;
        worker.resume();
        for waits in waits {
            assert!(waits.await.unwrap().is_err());
        }
        in_time(wait_until(|| is_given_up(&worker))).await;
        many.restart(&1).await.unwrap();
        worker.pause().await.unwrap();
        for _ in 0..2 {
            worker.try_die().unwrap();
        }
        let full = worker.try_die();
        assert!(matches!(full, Err(CastError::NotSent { why: NotSent::Full, .. })), "{full:?}");
        worker.resume();
        in_time(wait_until(|| is_given_up(&worker))).await;
        many.restart(&1).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_was_paused_is_paused_when_it_is_started_again() {
    let (_tree, many, _) = start(Many::spec().intensity(0)).await;
    let worker = begin(&many, 1).await;
    worker.pause().await.unwrap();
    worker.kill().unwrap();
    in_time(wait_until(|| is_given_up(&worker))).await;
    assert!(matches!(worker.pause().await, Err(Stopped::GaveUp(_))));
    many.restart(&1).await.unwrap();
    assert!(worker.is_paused());
    worker.resume();
    assert_eq!(worker.count().await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn waits_for_the_worker_go_on_until_it_serves_or_has_stopped() {
    let (_tree, many, worker, _) = given_up().await;
    let (serving, stopped) = (worker.wait_serving(2), worker.wait_stopped());
    let (mut serving, mut stopped) = (std::pin::pin!(serving), std::pin::pin!(stopped));
    assert!(is_pending(serving.as_mut()).await && is_pending(stopped.as_mut()).await);
    many.restart(&1).await.unwrap();
    assert_eq!(serving.await, Ok(2));
    assert!(is_pending(stopped.as_mut()).await);
    many.stop(&1).await;
    assert_eq!(stopped.await, Stopped::Shutdown);
}

#[tokio::test(start_paused = true)]
async fn it_is_started_again_with_its_handle_its_tables_and_all_its_restarts() {
    let (_tree, many, recorder) = start(Many::spec().intensity(1)).await;
    let worker = begin(&many, 1).await;
    worker.count().await.unwrap();
    for turn in 1..=3 {
        worker.die().await.unwrap();
        worker.wait_serving(2 * turn).await.unwrap();
        give_up(&worker).await;
        many.restart(&1).await.unwrap();
        assert_eq!(worker.count().await.unwrap(), turn + 1);
        assert!(many.given_up().is_empty());
    }
    assert_eq!(recorder.count(event!(GaveUpOn { .. })), 3);
    assert_eq!(many.restart(&1).await, Err(ChildError::Running));
    assert_eq!(many.restart(&2).await, Err(ChildError::NotFound("2".into())));
}

#[tokio::test(start_paused = true)]
async fn it_is_started_again_by_its_name_or_by_its_handle() {
    let (_tree, many, worker, _) = given_up().await;
    many.supervisor().restart_child("m[1]").await.unwrap();
    assert_eq!(worker.count().await.unwrap(), 2);
    give_up(&worker).await;
    assert_eq!(worker.restart().await, Ok(3));
    assert_eq!(worker.count().await.unwrap(), 3);
    assert!(many.given_up().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_does_not_come_up_again_is_terminated_and_its_messages_wait() {
    let (_tree, many, _) = start(Many::spec().intensity(0)).await;
    let failures = Arc::default();
    let worker = many.start(1, failing("m", &Log::default(), &failures)).await.unwrap();
    give_up(&worker).await;
    failures.store(1, std::sync::atomic::Ordering::Relaxed);
    let told = many.restart(&1).await;
    assert!(matches!(told, Err(ChildError::NotStarted(_))), "{told:?}");
    assert_eq!((worker.status(), many.given_up()), (Status::Terminated, vec![]));
    let mut waits = std::pin::pin!(worker.count());
    assert!(is_pending(waits.as_mut()).await);
    many.restart(&1).await.unwrap();
    assert_eq!(waits.await.unwrap(), 1);
}

/// A worker that hangs in a message, and whose manager was killed too often.
async fn being_given_up() -> (Supervisor, Many, MemberHandle) {
    let (tree, many, _) = start(Many::spec().intensity(0)).await;
    let worker = begin(&many, 1).await;
    worker.count().await.unwrap();
    tokio::spawn({
        let worker = worker.clone();
        async move { worker.hang().await }
    });
    quiet().await;
    assert!(worker.kill_manager());
    quiet().await;
    assert_eq!(worker.status(), Status::Serving { incarnation: 1 });
    assert_eq!(many.given_up(), [(1, ExitReason::Killed)]);
    assert!(matches!(worker.count().await, Err(CallError::NotSent { .. })));
    (tree, many, worker)
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_it_while_it_is_still_stopped_waits_until_it_is_down() {
    let (_tree, many, worker) = being_given_up().await;
    let mut first = std::pin::pin!(many.restart(&1));
    let mut second = std::pin::pin!(many.restart(&1));
    assert!(is_pending(first.as_mut()).await && is_pending(second.as_mut()).await);
    assert_eq!(in_time(first).await, Ok(()));
    assert_eq!(in_time(second).await, Err(ChildError::Running));
    assert_eq!((worker.count().await.unwrap(), worker.incarnation()), (2, 2));

    let (_tree, many, worker) = being_given_up().await;
    assert_eq!(in_time(many.take(&1)).await.unwrap().count, 1);
    assert!(matches!(worker.status(), Status::Stopped(_)));

    let (_tree, many, worker) = being_given_up().await;
    let mut restarts = std::pin::pin!(many.restart(&1));
    assert!(is_pending(restarts.as_mut()).await);
    assert_eq!(in_time(worker.stop()).await, Stopped::Shutdown);
    assert_eq!(in_time(restarts).await, Err(ChildError::Ended));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_while_one_is_being_given_up_ends_all() {
    let (tree, many, worker) = being_given_up().await;
    let mut restarts = std::pin::pin!(many.restart(&1));
    assert!(is_pending(restarts.as_mut()).await);
    assert_eq!(in_time(tree.shutdown()).await.why, Stopped::Shutdown);
    assert!(in_time(restarts).await.is_err());
    assert_eq!(worker.status(), Status::Stopped(Stopped::Shutdown));
    assert_eq!(worker.estate().claim("test").unwrap().count, 1);
    assert!(many.is_empty());
}

#[tokio::test(start_paused = true)]
async fn taking_it_ends_it_and_returns_its_tables_and_its_key_is_free() {
    let (_tree, many, worker, _) = given_up().await;
    let tables = many.take(&1).await.unwrap();
    assert_eq!(tables.count, 1);
    assert_eq!((worker.status(), many.len()), (Status::Stopped(Stopped::Shutdown), 0));
    assert_eq!(
        MessageError::from(worker.count().await.unwrap_err()),
        MessageError::NotSent(NotSent::Stopped(Stopped::Shutdown))
    );
    assert_eq!(begin(&many, 1).await.count().await.unwrap(), 1, "another worker, with tables of its own");
    let Err(TakeError::Running(running)) = many.take(&1).await else { panic!("it runs") };
    assert_eq!(running.count().await.unwrap(), 2);
    assert!(matches!(many.take(&2).await, Err(TakeError::NotFound)));
    many.supervisor().terminate_child("m[1]").await.unwrap();
    assert_eq!(many.take(&1).await.unwrap().count, 2);
}

#[tokio::test(start_paused = true)]
async fn tables_that_were_never_made_cannot_be_taken_and_the_key_is_free_all_the_same() {
    #[heir]
    struct Unmade {
        #[table(keep, init = never())]
        never: u64,
    }
    #[handlers]
    impl Unmade {}
    fn never() -> u64 {
        panic!("no table")
    }
    let many = Dynamic::<u32, Unmade>::spec().intensity(0).each(|_| Unmade::spec()).start().await.unwrap();
    let worker = many.try_get_or_start(1).unwrap();
    in_time(wait_until(|| matches!(worker.status(), Status::GaveUp(_)))).await;
    let Err(TakeError::Away { handle, .. }) = many.take(&1).await else { panic!("there are none") };
    assert!(*handle == *worker && many.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_is_gone_gives_nothing_and_its_tables_can_be_claimed() {
    let many = Many::spec().intensity(0).start().await.unwrap();
    let worker = begin(&many, 1).await;
    give_up(&worker).await;
    let mut takes = std::pin::pin!(many.take(&1));
    assert!(is_pending(takes.as_mut()).await);
    assert!(many.supervisor().kill());
    let Err(TakeError::Gone(handle)) = in_time(takes).await else { panic!("it is gone") };
    assert_eq!(handle.status(), Status::Stopped(Stopped::Dropped));
    assert_eq!(handle.estate().claim("test").unwrap().count, 0);
}

#[tokio::test(start_paused = true)]
async fn it_can_be_stopped_or_deleted_and_is_terminated_already() {
    let (_tree, many, worker, recorder) = given_up().await;
    many.supervisor().terminate_child("m[1]").await.unwrap();
    assert_eq!(many.given_up().len(), 1, "it stays given up");
    assert_eq!(recorder.count(event!(Terminated)), 0);
    assert_eq!(many.stop(&1).await, Some(Stopped::Shutdown));
    assert_eq!(worker.status(), Status::Stopped(Stopped::Shutdown));
    assert_eq!((many.len(), worker.estate().claim("test").unwrap().count), (0, 1));

    let (_tree, many, worker, _) = given_up().await;
    many.supervisor().delete_child("m[1]").await.unwrap();
    assert_eq!((many.len(), worker.estate().claim("test").unwrap().count), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn its_key_is_taken_and_the_error_has_its_handle_and_the_reason() {
    let (_tree, many, worker, _) = given_up().await;
    for told in [many.start(1, member("m", &Log::default())).await, many.get_or_start(1).await] {
        let Err(DynamicError::GaveUp { handle, reason, .. }) = told else { panic!("{told:?}") };
        assert_eq!((*handle == *worker, reason), (true, asked_to_die()));
    }
    let Err(DynamicError::GaveUp { .. }) = many.try_get_or_start(1) else { panic!("it is given up") };
}

#[tokio::test(start_paused = true)]
async fn with_more_of_them_than_are_kept_the_supervisor_gives_up_and_all_start_again() {
    let (_tree, many, recorder) = start(Many::spec().intensity(0).max_given_up(2)).await;
    let mut workers = Vec::new();
    for key in 0..5 {
        workers.push(begin(&many, key).await);
        workers[key as usize].count().await.unwrap();
    }
    give_up(&workers[0]).await;
    give_up(&workers[1]).await;
    assert_eq!((many.given_up().len(), recorder.count(event!(GaveUp { .. }))), (2, 0));
    workers[2].die().await.unwrap();
    recorder.until(event!("many": GaveUp { .. })).await;
    for worker in &workers {
        in_time(worker.wait_serving(2)).await.unwrap();
        assert_eq!(worker.count().await.unwrap(), 2);
    }
    assert!(many.given_up().is_empty());
    // Their windows are fresh, and so is the number of those that are kept.
    for worker in &workers[..2] {
        give_up(worker).await;
    }
    assert_eq!((many.given_up().len(), recorder.count(event!(GaveUp { .. }))), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn one_that_was_restarted_taken_stopped_or_replaced_does_not_count_any_more() {
    let (_tree, many, recorder) = start(Many::spec().intensity(0).max_given_up(1)).await;
    let log = Log::default();
    let worker = begin(&many, 1).await;
    for _ in 0..3 {
        give_up(&worker).await;
        many.restart(&1).await.unwrap();
    }
    for _ in 0..2 {
        give_up(&begin(&many, 2).await).await;
        drop(many.take(&2).await.unwrap());
        give_up(&begin(&many, 2).await).await;
        many.stop(&2).await;
        let replaced = begin(&many, 2).await;
        give_up(&replaced).await;
        many.supervisor().upgrade_child(&replaced, member("m", &log)).await.unwrap();
        many.supervisor().terminate_child("m[2]").await.unwrap();
        drop(many.take(&2).await.unwrap());
    }
    assert_eq!(recorder.count(event!(GaveUp { .. })), 0);
    assert_eq!(recorder.count(event!(GaveUpOn { .. })), 9);
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_keeps_none_gives_up_itself_with_the_first() {
    let (_tree, many, recorder) = start(Many::spec().intensity(0).max_given_up(0)).await;
    let worker = begin(&many, 1).await;
    worker.die().await.unwrap();
    recorder.until(event!("many": GaveUp { .. })).await;
    assert_eq!((worker.wait_serving(2).await, recorder.count(event!(GaveUpOn { .. }))), (Ok(2), 0));
}

#[tokio::test(start_paused = true)]
async fn restarts_of_all_keys_count_together_if_the_supervisor_is_to_escalate() {
    let many = Many::spec().intensity(1).escalate().start().await.unwrap();
    assert_eq!(many.supervisor().tree().limits, "one_for_one, 1 restarts in 10s");
    let [one, other] = [begin(&many, 1).await, begin(&many, 2).await];
    one.die().await.unwrap();
    one.wait_serving(2).await.unwrap();
    other.die().await.unwrap();
    let why = Stopped::GaveUp(asked_to_die());
    assert_eq!([one.wait_stopped().await, other.wait_stopped().await], [why.clone(), why]);
    assert!(many.is_empty());
}

#[tokio::test(start_paused = true)]
async fn any_number_of_restarts_is_no_limit_for_a_key_either() {
    let (_tree, many, _) = start(Many::spec().intensity(u32::MAX)).await;
    assert_eq!(many.supervisor().tree().limits, "one_for_one, any number of restarts");
    let worker = begin(&many, 1).await;
    for incarnation in 2..50 {
        worker.die().await.unwrap();
        worker.wait_serving(incarnation).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn when_the_root_ends_it_is_retired_as_all_and_its_tables_can_be_claimed() {
    let (tree, many, worker, _) = given_up().await;
    assert_eq!(tree.shutdown().await.why, Stopped::Shutdown);
    assert_eq!(worker.wait_stopped().await, Stopped::Shutdown);
    assert_eq!((many.len(), many.given_up().len()), (0, 0));
    assert_eq!(worker.estate().claim("test").unwrap().count, 1);
    let told = MessageError::from(worker.count().await.unwrap_err());
    assert_eq!(told, MessageError::NotSent(NotSent::Stopped(Stopped::Shutdown)));
}

#[tokio::test(start_paused = true)]
async fn it_starts_with_all_others_when_its_supervisor_is_restarted() {
    let (_tree, many, worker, _) = given_up().await;
    let other = begin(&many, 2).await;
    assert!(many.supervisor().kill());
    assert_eq!(in_time(worker.wait_serving(2)).await, Ok(2));
    assert_eq!((worker.count().await.unwrap(), other.count().await.unwrap()), (2, 1));
    assert!(many.given_up().is_empty());

    let (_tree, many, worker) = being_given_up().await;
    assert!(many.supervisor().kill());
    assert_eq!(in_time(worker.wait_serving(2)).await, Ok(2));
    assert_eq!((worker.count().await.unwrap(), many.given_up().len()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn its_back_off_is_over_and_it_is_started_again_at_once() {
    let (_tree, many, recorder) = start(Many::spec().intensity(1)).await;
    let hour = Duration::from_secs(3600);
    let spec = member("m", &Log::default()).backoff(Backoff::Fixed(hour));
    let worker = many.start(1, spec).await.unwrap();
    worker.die().await.unwrap();
    recorder.until(event!(Delayed { .. })).await;
    worker.kill_manager();
    in_time(wait_until(|| is_given_up(&worker))).await;
    let before = tokio::time::Instant::now();
    tokio::time::timeout(hour / 2, many.restart(&1)).await.unwrap().unwrap();
    assert!(before.elapsed() < Duration::from_secs(1));
    assert_eq!(worker.count().await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_temporary_worker_whose_manager_is_restarted_too_often_has_ended() {
    let (_tree, many, recorder) = start(Many::spec().intensity(0)).await;
    let worker = many.start(1, member("m", &Log::default()).restart(Restart::Temporary)).await.unwrap();
    worker.kill_manager();
    assert_eq!(in_time(worker.wait_stopped()).await, Stopped::GaveUp(ExitReason::Killed));
    assert_eq!((many.len(), recorder.count(event!(GaveUpOn { .. }))), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_transient_worker_is_given_up_for_crashes_and_ends_with_a_normal_end() {
    let (_tree, many, _) = start(Many::spec().intensity(0)).await;
    let worker = many.start(1, member("m", &Log::default()).restart(Restart::Transient)).await.unwrap();
    give_up(&worker).await;
    many.restart(&1).await.unwrap();
    worker.finish().await.unwrap();
    assert!(matches!(in_time(worker.wait_stopped()).await, Stopped::Ended(_)));
    assert!(many.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_takes_its_tables_and_starts() {
    #[heir(tables = MemberTables)]
    struct Calm {
        #[table(rollback)]
        count: u64,
    }
    #[handlers]
    impl Calm {
        fn count(&mut self) -> u64 {
            self.count
        }
    }
    let (_tree, many, worker, _) = given_up().await;
    let calm = many.supervisor().upgrade_child(&worker, Calm::spec()).await.unwrap();
    assert_eq!(in_time(calm.count()).await.unwrap(), 1);
    assert_eq!(worker.status(), Status::Stopped(Stopped::Upgraded));
    assert!(matches!(in_time(many.get_or_start(1)).await, Err(DynamicError::AlreadyStarted(_))));
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_was_added_by_hand_counts_for_all() {
    let (_tree, many, recorder) = start(Many::spec().intensity(0)).await;
    let other = begin(&many, 1).await;
    let mut inner = Supervisor::builder("inner").intensity(0);
    let bad = inner.child(member("bad", &Log::default()));
    many.supervisor().start_child(inner).await.unwrap();
    bad.die().await.unwrap();
    recorder.until(event!("many": GaveUp { .. })).await;
    assert_eq!((in_time(bad.wait_serving(2)).await, in_time(other.wait_serving(2)).await), (Ok(2), Ok(2)));
}

#[tokio::test(start_paused = true)]
async fn a_start_that_nobody_waits_for_and_that_never_succeeds_is_given_up() {
    let failures = Arc::new(u32::MAX.into());
    let spec = {
        let failures = Arc::clone(&failures);
        move |_: &u32| -> Spec<Member> { failing("m", &Log::default(), &failures).crash_loop(None) }
    };
    let (_tree, many, recorder) = start(Many::spec().each(spec)).await;
    let worker = many.try_get_or_start(1).unwrap();
    let mut waits = std::pin::pin!(worker.count());
    let told = MessageError::from(in_time(&mut waits).await.unwrap_err());
    assert!(matches!(told, MessageError::Stopped(Stopped::GaveUp(_))), "{told}");
    in_time(wait_until(|| is_given_up(&worker))).await;
    assert_eq!(recorder.count(event!("m[1]": Restarting { .. })), 10);
}

/// Keeps the reply to each call in a table; ticks each second.
#[heir]
struct Clerk {
    #[table(keep)]
    owed: Vec<Reply<u64>>,
    #[table(keep)]
    ticks: u64,
}

#[handlers]
impl Clerk {
    #[cast]
    fn ask_and_die(&mut self) {
        panic!("asked to die");
    }

    fn later(&mut self, reply: Reply<u64>) {
        self.owed.push(reply);
    }

    fn ticks(&mut self) -> u64 {
        self.ticks
    }

    #[cast]
    fn pay(&mut self) {
        for (n, reply) in (1..).zip(self.owed.drain(..)) {
            let _ = reply.send_now(n);
        }
    }

    #[every("10s")]
    fn tick(&mut self) {
        self.ticks += 1;
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_reply_is_told_and_there_are_new_ones_when_it_serves_again() {
    let many = Dynamic::<u32, Clerk>::spec().intensity(0).start().await.unwrap();
    let clerk = many.start(1, Clerk::spec()).await.unwrap();
    let mut waits = std::pin::pin!(clerk.later());
    assert!(is_pending(waits.as_mut()).await);
    quiet().await;
    clerk.ask_and_die().await.unwrap();
    let told = in_time(waits).await;
    assert!(matches!(&told, Err(CallError::Stopped(Stopped::GaveUp(_)))), "{told:?}");
    in_time(wait_until(|| matches!(clerk.status(), Status::GaveUp(_)))).await;
    many.restart(&1).await.unwrap();
    let mut waits = std::pin::pin!(clerk.later());
    assert!(is_pending(waits.as_mut()).await);
    quiet().await;
    clerk.pay().await.unwrap();
    assert_eq!(in_time(waits).await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn its_time_stands_still_until_it_serves_again() {
    let many = Dynamic::<u32, Clerk>::spec().intensity(0).start().await.unwrap();
    let clerk = many.start(1, Clerk::spec()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!(clerk.ticks().await.unwrap(), 1);
    clerk.ask_and_die().await.unwrap();
    in_time(wait_until(|| matches!(clerk.status(), Status::GaveUp(_)))).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    many.restart(&1).await.unwrap();
    assert_eq!(clerk.ticks().await.unwrap(), 1, "none was missed");
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(clerk.ticks().await.unwrap(), 1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(clerk.ticks().await.unwrap(), 2, "5 s were left of its period");
}

/// Takes the place of a clerk.
#[heir(tables = ClerkTables)]
struct Heiress {
    #[table(keep)]
    owed: Vec<Reply<u64>>,
    #[table(keep)]
    ticks: u64,
}

#[handlers]
impl Heiress {
    fn later(&mut self, reply: Reply<u64>) {
        self.owed.push(reply);
    }

    fn pay(&mut self) -> u64 {
        self.owed.drain(..).map(|reply| u64::from(reply.send_now(7).is_ok())).sum::<u64>() + self.ticks
    }
}

#[tokio::test(start_paused = true)]
async fn a_successor_can_reply_later() {
    let many = Dynamic::<u32, Clerk>::spec().intensity(0).start().await.unwrap();
    let clerk = many.start(1, Clerk::spec()).await.unwrap();
    let mut waits = std::pin::pin!(clerk.later());
    assert!(is_pending(waits.as_mut()).await);
    clerk.ask_and_die().await.unwrap();
    assert!(in_time(waits).await.is_err());
    in_time(wait_until(|| matches!(clerk.status(), Status::GaveUp(_)))).await;
    let heiress = many.supervisor().upgrade_child(&clerk, Heiress::spec()).await.unwrap();
    let mut waits = std::pin::pin!(heiress.later());
    assert!(is_pending(waits.as_mut()).await);
    quiet().await;
    assert_eq!(heiress.pay().await.unwrap(), 1);
    assert_eq!(in_time(waits).await.unwrap(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_successor_and_all_in_a_next_life_begin_with_a_fresh_window() {
    let (_tree, many, _) = start(Many::spec().intensity(1)).await;
    let worker = begin(&many, 1).await;
    worker.die().await.unwrap();
    worker.wait_serving(2).await.unwrap();
    let next = many.supervisor().upgrade_child(&worker, member("m", &Log::default())).await.unwrap();
    next.wait_serving(3).await.unwrap();
    next.die().await.unwrap();
    assert_eq!(in_time(next.wait_serving(4)).await, Ok(4));
    assert!(many.supervisor().kill());
    next.wait_serving(5).await.unwrap();
    next.die().await.unwrap();
    assert_eq!(in_time(next.wait_serving(6)).await, Ok(6));
}

/// Hangs with what it has been given.
#[heir(shutdown = "1s")]
struct Holder {
    #[table(rollback)]
    count: u64,
    #[arg]
    holds: Arc<()>,
}

#[handlers]
impl Holder {
    async fn hang(&mut self) {
        self.count += 1;
        let _holds = Arc::clone(&self.holds);
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_incarnation_has_left_is_gone_when_it_is_told() {
    let many = Dynamic::<u32, Holder>::spec().intensity(0).start().await.unwrap();
    let held = Arc::new(());
    let holder = many.start(1, Holder::spec(Arc::clone(&held))).await.unwrap();
    tokio::spawn({
        let holder = holder.clone();
        async move { holder.hang().await }
    });
    quiet().await;
    assert!(holder.kill_manager());
    in_time(wait_until(|| !many.given_up().is_empty())).await;
    while !matches!(holder.status(), Status::GaveUp(_)) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(Arc::strong_count(&held), 2, "the test's, and that of the argument");
    assert_eq!(many.take(&1).await.unwrap().count, 0);
}

#[tokio::test(start_paused = true)]
async fn a_restart_by_its_handle_while_it_is_still_stopped_starts_it_when_it_is_down() {
    let (_tree, many, worker) = being_given_up().await;
    assert_eq!(in_time(worker.restart()).await, Ok(2));
    assert_eq!((worker.count().await.unwrap(), many.given_up().len()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn who_terminates_it_while_it_is_still_stopped_waits_and_it_stays_given_up() {
    let (_tree, many, worker) = being_given_up().await;
    in_time(many.supervisor().terminate_child("m[1]")).await.unwrap();
    assert_eq!(worker.status(), Status::GaveUp(ExitReason::Killed));
    assert_eq!(many.given_up().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_while_it_is_still_stopped_starts_the_successor_and_a_restart_is_told() {
    let (_tree, many, worker) = being_given_up().await;
    let mut restarts = std::pin::pin!(many.restart(&1));
    assert!(is_pending(restarts.as_mut()).await);
    let upgrade = many.supervisor().upgrade_child(&worker, member("m", &Log::default()));
    let next = in_time(upgrade).await.unwrap();
    assert_eq!(in_time(restarts).await, Err(ChildError::Running));
    assert_eq!(next.count().await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_restart_that_an_upgrade_has_fulfilled_starts_no_successor_that_is_terminated_later() {
    let (_tree, many, worker) = being_given_up().await;
    let mut restarts = std::pin::pin!(worker.restart());
    assert!(is_pending(restarts.as_mut()).await);
    quiet().await;
    let upgrade = many.supervisor().upgrade_child(&worker, member("m", &Log::default()));
    let next = in_time(upgrade).await.unwrap();
    assert_eq!(next.count().await.unwrap(), 2);
    in_time(many.supervisor().terminate_child("m[1]")).await.unwrap();
    quiet().await;
    assert_eq!(next.status(), Status::Terminated);
}
