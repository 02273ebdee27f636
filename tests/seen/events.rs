//! Events that tell of what used to be silent, and the fields that `tracing` gets.

use std::time::Duration;

use heir_runtime::events::{EventKind, Role};
use heir_runtime::prelude::*;
use heir_runtime::{Shutdown, Stopped, Strategy};
use heir_tests::{Recorder, event};
use tokio::time::sleep;
use tracing::level_filters::LevelFilter;

use crate::collector::Collector;

#[heir]
struct Busy {
    #[table]
    swept: Table<u8, u64>,
}

#[handlers]
impl Busy {
    #[every("1s")]
    fn sweep(&mut self) {
        self.swept.add(0, 1);
    }

    async fn rest(&mut self, time: Duration) {
        sleep(time).await;
    }

    /// Sends to itself, and dies if it is asked to.
    async fn send(&mut self, cx: &mut Context<Self>, dies: bool) -> Result<(), BoxError> {
        cx.send(cx.own_handle().nothing()).await?;
        cx.send(cx.own_handle().nothing()).await?;
        assert!(!dies, "asked to");
        Ok(())
    }

    #[cast]
    fn nothing(&mut self) {}

    fn later(&mut self, cx: &mut Context<Self>, delay: Duration) {
        cx.send_delayed(delay, cx.own_handle().nothing());
    }

    fn later_but_not(&mut self, cx: &mut Context<Self>, delay: Duration) {
        cx.send_delayed(delay, cx.own_handle().nothing()).cancel();
    }

    #[redeliver(2)]
    fn fail(&mut self) {
        panic!("asked to");
    }
}

async fn busy() -> (Supervisor, BusyHandle, Recorder) {
    let (mut tree, recorder) = Recorder::tree();
    let busy = tree.worker(Busy::spec().name("busy"));
    (tree.start().await.unwrap(), busy, recorder)
}

#[tokio::test(start_paused = true)]
async fn ticks_that_are_skipped_are_told_with_their_number() {
    let (tree, busy, recorder) = busy().await;
    busy.rest(Duration::from_millis(4_500)).await.unwrap();
    sleep(Duration::from_secs(3)).await;
    tree.shutdown().await;
    let skipped: Vec<_> = recorder.events().into_iter().filter(event!(TicksSkipped { .. })).collect();
    let [skipped] = &skipped[..] else { panic!("{skipped:?}") };
    assert_eq!(skipped.to_string(), "busy: 3 ticks for `sweep` are skipped, the one before them was late");
    assert_eq!(busy.swept().get(&0), Some(1 + 3), "at 4.5, 5, 6 and 7 s");
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_message_would_have_sent_is_told_and_what_a_living_one_sends_is_not() {
    let (tree, busy, recorder) = busy().await;
    busy.send(false).await.unwrap().unwrap();
    assert_eq!(recorder.count(event!(SendsDropped { .. })), 0);
    busy.send(true).await.unwrap_err();
    assert_eq!(recorder.count(event!("busy": SendsDropped { incarnation: 1, sends: 2, .. })), 1);
    tree.shutdown().await;
    assert_eq!(recorder.count(event!(SendsDropped { .. })), 1);
}

#[tokio::test(start_paused = true)]
async fn a_delayed_message_that_its_sender_does_not_live_to_send_is_told() {
    let (tree, busy, recorder) = busy().await;
    busy.later(Duration::from_millis(1)).await.unwrap();
    busy.later_but_not(Duration::from_mins(1)).await.unwrap();
    sleep(Duration::from_millis(10)).await;
    busy.later(Duration::from_mins(1)).await.unwrap();
    busy.kill();
    busy.wait_serving(2).await.unwrap();
    assert_eq!(recorder.count(event!(SendsDropped { .. })), 0, "it outlives its incarnation");
    tree.shutdown().await;
    recorder.until(event!("busy": SendsDropped { incarnation: 1, sends: 1, .. })).await;
    sleep(Duration::from_mins(2)).await;
    assert_eq!(recorder.count(event!(SendsDropped { .. })), 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_served_again_is_told_each_time() {
    let (tree, busy, recorder) = busy().await;
    busy.fail().await.unwrap_err();
    for tries in 1..3 {
        let told = recorder.count(|event| {
            matches!(event.kind, EventKind::Redelivers { handler: "fail", tries: told, .. } if told == tries)
        });
        assert_eq!(told, 1, "after {tries}");
    }
    assert_eq!(recorder.count(event!(Redelivers { .. })), 2);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_task_that_does_not_stop_in_time_is_told_to_be_aborted() {
    let (mut tree, recorder) = Recorder::tree();
    let spec = Busy::spec().name("busy").shutdown(Shutdown::Timeout(Duration::from_millis(10)));
    let busy = tree.worker(spec);
    let tree = tree.start().await.unwrap();
    let call = tokio::spawn(async move { busy.rest(Duration::from_mins(1)).await });
    sleep(Duration::from_millis(1)).await;
    tree.shutdown().await;
    call.await.unwrap().unwrap_err();
    assert_eq!(recorder.count(event!("busy": Aborted { role: Role::Worker, .. })), 1);
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_tells_of_its_start_its_common_restarts_and_its_end() {
    let (tree, recorder) = Recorder::tree();
    let mut tree = tree.strategy(Strategy::RestForOne);
    let workers = ["a", "b", "c"].map(|name| tree.worker(Busy::spec().name(name)));
    let tree = tree.start().await.unwrap();
    workers[1].kill();
    workers[2].wait_serving(2).await.unwrap();
    tree.shutdown().await;
    let own: Vec<_> = recorder.events().into_iter().filter(|event| &*event.child == "app").collect();
    let kinds: Vec<_> = own.iter().map(|event| event.kind.name()).collect();
    let expected = ["supervisor_started", "supervisor_running", "restarting_together", "supervisor_stopped"];
    assert_eq!(kinds, expected);
    assert!(matches!(own[2].kind, EventKind::RestartingTogether { children: 2, .. }));
    assert!(matches!(own[3].kind, EventKind::SupervisorStopped { why: Stopped::Shutdown, .. }));
}

#[tokio::test(start_paused = true)]
async fn tracing_gets_the_path_and_the_fields_as_values() {
    let (seen, _guard) = Collector::new(LevelFilter::WARN);
    let mut tree = Supervisor::builder("app");
    let mut shop = Supervisor::builder("shop");
    let busy = shop.worker(Busy::spec().name("busy"));
    tree.child(shop);
    let tree = tree.start().await.unwrap();
    busy.send(true).await.unwrap_err();
    busy.wait_serving(2).await.unwrap();
    tree.shutdown().await;
    let told: Vec<_> = seen
        .events()
        .into_iter()
        .map(|event| {
            let fields = event.fields.iter().map(|(name, value)| format!("{name}={value}"));
            format!("{} {}", event.name, fields.collect::<Vec<_>>().join(" "))
        })
        .collect();
    let expected = [
        "sends_dropped event=sends_dropped incarnation=1 message=busy: 2 messages of worker 1 are not sent: it ended before they left \
         path=app/shop/busy sends=2",
        "regained event=regained in_message=true incarnation=1 message=busy: worker 1 died in the middle of a message \
         (panic: asked to), manager regains the tables path=app/shop/busy reason=panic: asked to",
        "restarting event=restarting message=busy: worker ended (panic: asked to), supervisor restarts it path=app/shop/busy \
         reason=panic: asked to role=worker",
    ];
    assert_eq!(told, expected);
}

#[tokio::test(start_paused = true)]
async fn serde_has_the_same_names_as_tracing() {
    let (tree, busy, recorder) = busy().await;
    busy.send(true).await.unwrap_err();
    busy.fail().await.unwrap_err();
    tree.shutdown().await;
    for event in recorder.events() {
        let json = serde_json::to_value(&event).unwrap();
        let kind = &json["kind"];
        let name = kind.as_str().unwrap_or_else(|| kind.as_object().unwrap().keys().next().unwrap());
        assert_eq!(name, event.kind.name());
        assert_eq!(json["path"], *event.path);
    }
}
