//! What a worker has running beside it: tasks that end with it, and sources whose messages are messages like any other.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use heir_runtime::links::ExitSource;
use heir_runtime::{Attachment, Context, ExitReason, Supervisor, handlers, heir};
use heir_tests::Recorder;
use heir_tests::fuse::Bomb;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::relatives::{Family, family};

/// Told when it is dropped.
struct Dropped(mpsc::UnboundedSender<&'static str>, &'static str);

impl Drop for Dropped {
    fn drop(&mut self) {
        let _ = self.0.send(self.1);
    }
}

type Dropping = mpsc::UnboundedSender<&'static str>;

/// Has things running.
#[heir(mailbox = 1)]
struct Busy {
    #[table(rollback)]
    got: Vec<u64>,
    #[arg]
    dropped: Dropping,
    attached: Vec<Attachment>,
}

#[handlers]
impl Busy {
    fn spawn(&mut self, cx: &mut Context<Self>, name: &'static str) {
        let dropped = Dropped(self.dropped.clone(), name);
        self.attached.push(cx.spawn(name, async move {
            let _dropped = dropped;
            std::future::pending().await
        }));
    }

    fn panic_in(&mut self, cx: &mut Context<Self>, name: String) {
        cx.spawn(name, async { panic!("burnt") });
    }

    fn panic_in_a_destructor(&mut self, cx: &mut Context<Self>) {
        cx.spawn("bomb", async { drop(Bomb) });
    }

    fn after(&mut self, cx: &mut Context<Self>, delay: Duration, n: u64) {
        self.attached.push(cx.send_after(delay, move |busy| async move { busy.get(n).await }));
    }

    fn every(&mut self, cx: &mut Context<Self>, period: Duration) {
        self.attached.push(cx.send_every(period, |busy| async move { busy.get(0).await }));
    }

    fn always(&mut self, cx: &mut Context<Self>, period: Duration) {
        let _dropped = Dropped(self.dropped.clone(), "always");
        let ticking = cx.send_every(period, move |busy| {
            let _captured = &_dropped;
            async move { busy.get(0).await }
        });
        ticking.outlives_incarnation();
        self.attached.push(ticking);
    }

    fn future(&mut self, cx: &mut Context<Self>) {
        cx.attach_future(async { 7 }, |busy, n| async move { busy.get(n).await });
    }

    fn stream(&mut self, cx: &mut Context<Self>, items: Items) {
        self.attached.push(cx.attach_stream(items, |busy, n| async move { busy.get(n).await }));
    }

    fn cancel(&mut self) {
        for attachment in self.attached.drain(..) {
            attachment.cancel();
        }
    }

    /// A call: the source waits for its reply.
    fn get(&mut self, n: u64) {
        self.got.push(n);
        assert!(n != 13, "unlucky");
    }

    async fn rest(&mut self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    fn got(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.got)
    }

    #[cast]
    fn die(&mut self) {
        panic!("asked to die");
    }
}

/// A stream of what is sent to it.
struct Items(mpsc::UnboundedReceiver<u64>);

impl futures_core::Stream for Items {
    type Item = u64;

    fn poll_next(mut self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Option<u64>> {
        self.0.poll_recv(cx)
    }
}

async fn busy() -> (BusyHandle, mpsc::UnboundedReceiver<&'static str>, Supervisor) {
    let (mut tree, _) = Recorder::tree();
    let (dropping, dropped) = mpsc::unbounded_channel();
    let busy = tree.worker(Busy::spec(dropping));
    (busy, dropped, tree.start().await.unwrap())
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_task_does_not_outlive_its_incarnation_whatever_ends_that() {
    let (busy, mut dropped, tree) = busy().await;
    type End = fn(&BusyHandle);
    let ends: [(&str, End); 3] = [
        ("a kill", |busy| assert!(busy.kill().is_some())),
        ("an exit", |busy| assert!(busy.exit(ExitReason::Shutdown).is_some())),
        ("a panic", |busy| busy.try_die().unwrap()),
    ];
    for (incarnation, (name, end)) in (2..).zip(ends) {
        busy.spawn(name).await.unwrap();
        end(&busy);
        assert_eq!(dropped.recv().await, Some(name));
        busy.wait_serving(incarnation).await.unwrap();
    }
    busy.spawn("a shutdown").await.unwrap();
    tree.shutdown().await;
    assert_eq!(dropped.recv().await, Some("a shutdown"));
}

#[tokio::test]
async fn a_task_can_be_cancelled() {
    let (busy, mut dropped, tree) = busy().await;
    busy.spawn("task").await.unwrap();
    busy.cancel().await.unwrap();
    assert_eq!(dropped.recv().await, Some("task"));
    assert_eq!(busy.incarnation(), 1);
    tree.shutdown().await;
}

#[tokio::test]
async fn a_panic_in_a_task_ends_its_incarnation_and_names_the_task() {
    let (busy, _dropped, tree) = busy().await;
    busy.panic_in("fuse".into()).await.unwrap();
    busy.wait_serving(2).await.unwrap();
    let reason = busy.estate().last_exit().unwrap().reason;
    assert_eq!(reason, ExitReason::Panic("in task `fuse`: burnt".into()));
    busy.panic_in_a_destructor().await.unwrap();
    busy.wait_serving(3).await.unwrap();
    let reason = busy.estate().last_exit().unwrap().reason;
    assert_eq!(reason, ExitReason::Panic("in task `bomb`: in a destructor".into()));
    tree.shutdown().await;
}

#[tokio::test]
async fn a_panic_in_a_task_is_an_exit_signal_for_one_that_traps_exits() {
    let Family { trapping, tree, .. } = family().await;
    trapping.spawn_a_panic().await.unwrap();
    let signal = loop {
        if let Some(signal) = trapping.signals().await.unwrap().pop() {
            break signal;
        }
    };
    assert_eq!(signal.from, ExitSource::Task("fuse".into()));
    assert_eq!(trapping.incarnation(), 1);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_delayed_message_is_a_message() {
    let (busy, _dropped, tree) = busy().await;
    busy.after(SECOND, 1).await.unwrap();
    busy.after(2 * SECOND, 13).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(busy.got().await.unwrap(), [1]);
    busy.wait_serving(2).await.unwrap();
    assert_eq!(busy.got().await.unwrap(), [0; 0], "a transaction: what it wrote is undone");
    assert_eq!(busy.estate().last_exit().unwrap().reason, ExitReason::Panic("unlucky".into()));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_delayed_message_ends_with_its_incarnation() {
    let (busy, _dropped, tree) = busy().await;
    busy.after(SECOND, 1).await.unwrap();
    busy.kill();
    busy.wait_serving(2).await.unwrap();
    tokio::time::sleep(10 * SECOND).await;
    assert_eq!(busy.got().await.unwrap(), [0; 0]);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn an_interval_sends_after_each_period_until_it_is_cancelled() {
    let (busy, _dropped, tree) = busy().await;
    busy.every(SECOND).await.unwrap();
    tokio::time::sleep(Duration::from_millis(3500)).await;
    assert_eq!(busy.got().await.unwrap(), [0; 3]);
    busy.cancel().await.unwrap();
    tokio::time::sleep(10 * SECOND).await;
    assert_eq!(busy.got().await.unwrap(), [0; 0]);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_tick_that_is_late_delays_those_after_it_and_none_is_made_up_for() {
    let (busy, _dropped, tree) = busy().await;
    busy.every(SECOND).await.unwrap();
    let begin = Instant::now();
    busy.rest(Duration::from_millis(5500)).await.unwrap();
    assert_eq!(begin.elapsed(), Duration::from_millis(5500));
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(busy.got().await.unwrap(), [0; 2], "the one that waited, and the one that was due meanwhile");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(busy.got().await.unwrap(), [0]);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn an_interval_that_outlives_its_incarnation_ends_when_the_worker_stops() {
    let (busy, mut dropped, tree) = busy().await;
    busy.always(SECOND).await.unwrap();
    busy.kill();
    busy.wait_serving(2).await.unwrap();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(busy.got().await.unwrap(), [0; 2]);
    busy.stop().await;
    assert_eq!(dropped.recv().await, Some("always"));
    tree.shutdown().await;
}

#[tokio::test]
async fn the_output_of_a_future_is_a_message() {
    let (busy, _dropped, tree) = busy().await;
    busy.future().await.unwrap();
    let got = loop {
        let got = busy.got().await.unwrap();
        if !got.is_empty() {
            break got;
        }
    };
    assert_eq!(got, [7]);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn the_items_of_a_stream_are_messages_in_their_order_at_the_workers_pace() {
    let (busy, _dropped, tree) = busy().await;
    let (items, stream) = mpsc::unbounded_channel();
    busy.stream(Items(stream)).await.unwrap();
    for item in 0..5 {
        items.send(item).unwrap();
    }
    tokio::time::sleep(SECOND).await;
    assert_eq!(busy.got().await.unwrap(), [0, 1, 2, 3, 4]);
    busy.kill();
    items.closed().await;
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_keeps_no_tables_alive() {
    let (busy, mut dropped, tree) = busy().await;
    busy.always(100 * SECOND).await.unwrap();
    busy.after(100 * SECOND, 1).await.unwrap();
    let weak = busy.downgrade();
    drop((busy, tree));
    // The interval is the last that could hold a handle.
    assert_eq!(dropped.recv().await, Some("always"));
    assert!(weak.upgrade().is_none());
}

#[tokio::test]
#[should_panic(expected = "the period of `send_every` is not zero")]
async fn an_interval_has_a_period() {
    let (busy, _dropped, _tree) = busy().await;
    let error = busy.every(Duration::ZERO).await.unwrap_err();
    panic!("{error}");
}

#[tokio::test]
async fn a_handle_is_shared_by_whatever_is_attached() {
    fn assert_shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    let (busy, _dropped, tree) = busy().await;
    assert_shared(&busy);
    assert_shared(&Arc::new(busy));
    tree.shutdown().await;
}

/// Hears of ends and failures.
#[heir]
struct Listener {
    #[table(rollback)]
    heard: Vec<String>,
}

#[handlers]
impl Listener {
    fn listen(&mut self, cx: &mut Context<Self>, items: mpsc::UnboundedReceiver<u64>) {
        let mut items = items;
        let items = futures_stream(move |cx| items.poll_recv(cx));
        cx.attach_stream_to_end(
            items,
            |listener, item| async move { listener.hear(format!("{item:?}")).await },
        );
    }

    fn look_up(&mut self, cx: &mut Context<Self>, works: bool) {
        let work = async move {
            assert!(works, "burnt");
            7
        };
        cx.attach_future_outcome(work, |listener, outcome: Result<u64, ExitReason>| async move {
            let told = outcome.map_or_else(|reason| reason.to_string(), |n| n.to_string());
            listener.hear(told).await
        });
    }

    fn wait_for_ever(&mut self, cx: &mut Context<Self>) {
        cx.attach_future_outcome(std::future::pending::<u64>(), |listener, outcome| async move {
            listener.hear(format!("{outcome:?}")).await
        });
    }

    #[cast]
    fn hear(&mut self, what: String) {
        self.heard.push(what);
    }

    #[cast]
    fn die(&mut self) {
        panic!("asked to die");
    }

    fn heard(&mut self) -> Vec<String> {
        self.heard.clone()
    }
}

/// A stream that is polled by this function.
fn futures_stream<T>(
    poll: impl FnMut(&mut std::task::Context<'_>) -> Poll<Option<T>> + Unpin,
) -> impl futures_core::Stream<Item = T> {
    struct Polled<F>(F);
    impl<T, F: FnMut(&mut std::task::Context<'_>) -> Poll<Option<T>> + Unpin> futures_core::Stream for Polled<F> {
        type Item = T;

        fn poll_next(mut self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Option<T>> {
            self.0(cx)
        }
    }
    Polled(poll)
}

async fn listener() -> (ListenerHandle, Supervisor) {
    let (mut tree, _) = Recorder::tree();
    let listener = tree.worker(Listener::spec());
    (listener, tree.start().await.unwrap())
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_stream_is_a_message_after_its_last_item() {
    let (listener, _tree) = listener().await;
    let (items, received) = mpsc::unbounded_channel();
    listener.listen(received).await.unwrap();
    items.send(1).unwrap();
    items.send(2).unwrap();
    drop(items);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(listener.heard().await.unwrap(), ["Some(1)", "Some(2)", "None"]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_with_its_incarnation_does_not_say_that_it_ended() {
    let (listener, _tree) = listener().await;
    let (items, received) = mpsc::unbounded_channel();
    listener.listen(received).await.unwrap();
    items.send(1).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    listener.die().await.unwrap();
    listener.wait_serving(2).await.unwrap();
    drop(items);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(listener.heard().await.unwrap(), ["Some(1)"]);
}

#[tokio::test(start_paused = true)]
async fn the_failure_of_a_future_is_a_message_and_no_exit_signal() {
    let (listener, _tree) = listener().await;
    listener.look_up(true).await.unwrap();
    listener.look_up(false).await.unwrap();
    listener.wait_for_ever().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(listener.heard().await.unwrap(), ["7", "panic: burnt"]);
    assert_eq!(listener.incarnation(), 1);
}
