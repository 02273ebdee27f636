//! What is counted and timed.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heir_runtime::metrics::Gauges;
use heir_runtime::prelude::*;
use heir_runtime::{Dynamic, SupervisorBuilder};
use heir_tests::{Recorder as Events, event};
use metrics::{
    Counter as Count, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use tokio::time::sleep;

/// Remembers the sums of counters, and the values of histograms.
#[derive(Clone, Default)]
struct Meters(Arc<Mutex<BTreeMap<String, Vec<f64>>>>);

struct One(Meters, String);

impl CounterFn for One {
    fn increment(&self, value: u64) {
        self.0.0.lock().unwrap().entry(self.1.clone()).or_default().push(value as f64);
    }

    fn absolute(&self, _value: u64) {
        unreachable!("nothing is set");
    }
}

impl HistogramFn for One {
    fn record(&self, value: f64) {
        self.0.0.lock().unwrap().entry(self.1.clone()).or_default().push(value);
    }
}

impl GaugeFn for One {
    fn increment(&self, _value: f64) {
        unreachable!("gauges are set");
    }

    fn decrement(&self, _value: f64) {
        unreachable!("gauges are set");
    }

    fn set(&self, value: f64) {
        self.0.0.lock().unwrap().insert(self.1.clone(), vec![value]);
    }
}

impl Meters {
    fn one(&self, key: &Key) -> Arc<One> {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        Arc::new(One(self.clone(), format!("{}{{{}}}", key.name(), labels.join(","))))
    }

    /// The sum of a counter, or of a histogram.
    fn sum(&self, name: &str) -> f64 {
        self.values(name).iter().sum()
    }

    fn values(&self, name: &str) -> Vec<f64> {
        self.0.lock().unwrap().get(name).cloned().unwrap_or_default()
    }

    fn names(&self) -> Vec<String> {
        self.0.lock().unwrap().keys().cloned().collect()
    }
}

impl Recorder for Meters {
    fn describe_counter(&self, _key: KeyName, _unit: Option<Unit>, _words: SharedString) {}
    fn describe_gauge(&self, _key: KeyName, _unit: Option<Unit>, _words: SharedString) {}
    fn describe_histogram(&self, _key: KeyName, _unit: Option<Unit>, _words: SharedString) {}

    fn register_counter(&self, key: &Key, _metadata: &Metadata<'_>) -> Count {
        Count::from_arc(self.one(key))
    }

    fn register_gauge(&self, key: &Key, _metadata: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.one(key))
    }

    fn register_histogram(&self, key: &Key, _metadata: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.one(key))
    }
}

#[heir]
struct Till {
    #[table]
    sums: Table<u8, u64>,
}

#[handlers]
impl Till {
    fn add(&mut self, n: u64) -> u64 {
        assert_ne!(n % 7, 0, "a bug");
        self.sums.add(0, n)
    }

    #[redeliver(1)]
    fn again(&mut self, n: u64) -> u64 {
        assert_ne!(n % 5, 0, "another bug");
        self.sums.add(0, n)
    }

    /// Commits, and panics then.
    fn after(&mut self, cx: &mut Context<Self>) {
        cx.after_commit(|| panic!("after the commit"));
    }

    /// Stops the worker, in order.
    fn last(&mut self, cx: &mut Context<Self>) {
        cx.stop();
    }

    fn fails(&mut self, cx: &mut Context<Self>) {
        cx.fail("no more");
    }

    #[cast]
    async fn slow(&mut self) {
        sleep(Duration::from_millis(100)).await;
    }
}

fn tree() -> (SupervisorBuilder, Events, TillHandle) {
    let (mut tree, events) = Events::tree();
    let till = tree.worker(Till::spec().name("the till of shop 7").mailbox(4));
    (tree, events, till)
}

const SERVED: &str = "heir_messages_served_total";
const FAILED: &str = "heir_messages_failed_total";

fn of(name: &str, handler: &str) -> String {
    format!("{name}{{worker=Till,handler={handler}}}")
}

#[tokio::test(start_paused = true)]
async fn after_a_storm_the_counters_add_up_to_what_was_seen() {
    let meters = Meters::default();
    let _guard = metrics::set_default_local_recorder(&meters);
    let (tree, events, till) = tree();
    let tree = tree.start().await.unwrap();
    let mut random = heir_tests::Random::new();
    let (mut answered, mut died) = ([0_u32; 2], [0_u32; 2]);
    for _ in 0..2_000 {
        let (which, n) = (random.below(2) as usize, u64::from(random.below(100)));
        let outcome = if which == 0 { till.add(n).await } else { till.again(n).await };
        *(if outcome.is_ok() { &mut answered[which] } else { &mut died[which] }) += 1;
        if random.below(20) == 0 {
            till.kill();
        }
    }
    tree.shutdown().await;
    let sum = |name: &str| meters.sum(name);
    assert_eq!([sum(&of(SERVED, "add")), sum(&of(SERVED, "again"))], answered.map(f64::from));
    // A call that is served again fails twice before its caller is told.
    assert_eq!(sum(&of(FAILED, "add")), f64::from(died[0]));
    assert_eq!(sum(&of(FAILED, "again")), f64::from(2 * died[1]));
    assert_eq!(sum(&of("heir_messages_redelivered_total", "again")), f64::from(died[1]));
    let restarts = events.count(event!(Restarting { .. })) as f64;
    assert_eq!(sum("heir_restarts_total{worker=Till,role=worker}"), restarts);
    let handled = meters.values(&of("heir_handler_seconds", "add")).len();
    assert_eq!(handled as u32, answered[0] + died[0]);
    let waits = meters.values("heir_mailbox_wait_seconds{worker=Till}").len() as f64;
    let tries = [SERVED, FAILED].map(|name| ["add", "again"].map(|handler| sum(&of(name, handler))));
    assert_eq!(waits, tries.as_flattened().iter().sum::<f64>());
    let handovers = meters.values("heir_handover_seconds{worker=Till}").len() as f64;
    assert_eq!(handovers, restarts);
    assert!(meters.names().iter().all(|name| !name.contains("shop 7")), "per type, and not per worker");
}

#[tokio::test(start_paused = true)]
async fn a_wait_and_a_handler_are_timed_in_seconds() {
    let meters = Meters::default();
    let _guard = metrics::set_default_local_recorder(&meters);
    let (tree, _, till) = tree();
    let tree = tree.start().await.unwrap();
    till.slow().await.unwrap();
    till.add(1).await.unwrap();
    tree.shutdown().await;
    let waits = meters.values("heir_mailbox_wait_seconds{worker=Till}");
    assert_eq!((waits.len(), waits[0].round(), (waits[1] * 1_000.0).round()), (2, 0.0, 100.0));
    let slow = meters.values(&of("heir_handler_seconds", "slow"));
    assert_eq!((slow.len(), (slow[0] * 1_000.0).round()), (1, 100.0));
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_counted_by_its_reason() {
    let meters = Meters::default();
    let _guard = metrics::set_default_local_recorder(&meters);
    let (tree, _, till) = tree();
    let tree = tree.start().await.unwrap();
    till.pause().await.unwrap();
    for _ in 0..4 {
        till.try_slow().unwrap();
    }
    for _ in 0..3 {
        till.try_slow().unwrap_err();
    }
    let all = (0..5).map(|_| ());
    till.try_cast_all(all, TillMessage::Slow).unwrap_err();
    tree.shutdown().await;
    till.add(1).await.unwrap_err();
    till.slow().await.unwrap_err();
    let refused =
        |reason: &str| meters.sum(&format!("heir_messages_refused_total{{worker=Till,reason={reason}}}"));
    assert_eq!([refused("full"), refused("unserved"), refused("stopped")], [8.0, 4.0, 2.0]);
}

#[tokio::test(start_paused = true)]
async fn a_recorder_that_is_installed_late_is_found_at_the_next_message() {
    let (tree, _, till) = tree();
    let tree = tree.start().await.unwrap();
    till.add(1).await.unwrap();
    let meters = Meters::default();
    let guard = metrics::set_default_local_recorder(&meters);
    till.add(1).await.unwrap();
    drop(guard);
    till.add(1).await.unwrap();
    tree.shutdown().await;
    assert_eq!(meters.sum(&of(SERVED, "add")), 1.0);
}

#[tokio::test(start_paused = true)]
async fn gauges_are_sums_over_the_workers_of_a_type_and_zero_when_they_are_gone() {
    let meters = Meters::default();
    let _guard = metrics::set_default_local_recorder(&meters);
    let (mut tree, _) = Events::tree();
    let tills = tree.child(Dynamic::<u32, Till>::spec());
    let tree = tree.start().await.unwrap();
    let mut gauges = Gauges::of(&tree);
    for key in 1..=3 {
        let till = tills.start(key, Till::spec()).await.unwrap();
        till.add(1).await.unwrap();
        till.pause().await.unwrap();
        for _ in 0..key {
            till.try_slow().unwrap();
        }
    }
    gauges.record();
    let read = |name: &str| meters.sum(&format!("heir_{name}"));
    assert_eq!(read("workers{worker=Till,status=serving}"), 3.0);
    assert_eq!(read("workers{worker=Till,status=down}"), 0.0);
    assert_eq!([read("table_rows{worker=Till}"), read("mailbox_depth{worker=Till}")], [3.0, 6.0]);
    assert_eq!([read("open_replies{worker=Till}"), read("quarantined_bundles{worker=Till}")], [0.0, 0.0]);
    for key in 1..=3 {
        tills.stop(&key).await.unwrap();
    }
    gauges.record();
    assert_eq!([read("workers{worker=Till,status=serving}"), read("table_rows{worker=Till}")], [0.0, 0.0]);
    tree.shutdown().await;
}

thread_local! {
    static PANICS: Cell<u32> = const { Cell::new(0) };
}

/// A recorder that panics.
struct Hostile(#[expect(dead_code, reason = "a recorder without fields stands for none")] u8);

impl Recorder for Hostile {
    fn describe_counter(&self, _key: KeyName, _unit: Option<Unit>, _words: SharedString) {}
    fn describe_gauge(&self, _key: KeyName, _unit: Option<Unit>, _words: SharedString) {}
    fn describe_histogram(&self, _key: KeyName, _unit: Option<Unit>, _words: SharedString) {}

    fn register_counter(&self, _key: &Key, _metadata: &Metadata<'_>) -> Count {
        PANICS.set(PANICS.get() + 1);
        panic!("in a recorder")
    }

    fn register_gauge(&self, _key: &Key, _metadata: &Metadata<'_>) -> Gauge {
        unreachable!("there are no gauges")
    }

    fn register_histogram(&self, _key: &Key, _metadata: &Metadata<'_>) -> Histogram {
        PANICS.set(PANICS.get() + 1);
        panic!("in a recorder")
    }
}

#[tokio::test(start_paused = true)]
async fn a_recorder_that_panics_harms_nobody() {
    let hostile = Hostile(0);
    let _guard = metrics::set_default_local_recorder(&hostile);
    let (tree, _, till) = tree();
    let tree = tree.start().await.unwrap();
    assert_eq!(till.add(1).await.unwrap(), 1);
    till.add(7).await.unwrap_err();
    till.again(5).await.unwrap_err();
    assert_eq!(till.add(2).await.unwrap(), 3);
    tree.shutdown().await;
    till.add(1).await.unwrap_err();
    assert!(PANICS.get() > 10);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_has_committed_is_served_whatever_becomes_of_its_worker() {
    let meters = Meters::default();
    let _guard = metrics::set_default_local_recorder(&meters);
    let (tree, _, till) = tree();
    let tree = tree.start().await.unwrap();
    till.after().await.unwrap();
    till.wait_serving(2).await.unwrap();
    till.fails().await.unwrap();
    till.wait_serving(3).await.unwrap();
    till.last().await.unwrap();
    till.wait_serving(4).await.unwrap();
    tree.shutdown().await;
    for handler in ["after", "fails", "last"] {
        assert_eq!(
            [meters.sum(&of(SERVED, handler)), meters.sum(&of(FAILED, handler))],
            [1.0, 0.0],
            "{handler}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_hand_over_is_counted_when_the_tables_have_an_owner_again_whoever_dies_meanwhile() {
    for polls in 0..40 {
        let meters = Meters::default();
        let _guard = metrics::set_default_local_recorder(&meters);
        let (tree, events, till) = tree();
        let tree = tree.start().await.unwrap();
        till.kill();
        for poll in 0..polls {
            tokio::task::yield_now().await;
            if poll % 3 == 0 {
                till.kill();
            } else if poll % 3 == 1 {
                till.kill_manager();
            }
        }
        till.add(1).await.unwrap();
        tree.shutdown().await;
        let received = events.count(event!(Received { .. })) - 1;
        assert_eq!(meters.values("heir_handover_seconds{worker=Till}").len(), received, "{polls}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_children_that_are_restarted_together_the_one_that_has_ended_is_counted() {
    let meters = Meters::default();
    let _guard = metrics::set_default_local_recorder(&meters);
    let (tree, _) = Events::tree();
    let mut tree = tree.strategy(heir_runtime::Strategy::OneForAll);
    let tills = ["first", "second", "third"].map(|name| tree.worker(Till::spec().name(name)));
    let tree = tree.start().await.unwrap();
    tills[1].kill();
    for till in &tills {
        till.wait_serving(2).await.unwrap();
    }
    tree.shutdown().await;
    assert_eq!(meters.sum("heir_restarts_total{worker=Till,role=worker}"), 1.0);
    assert_eq!(meters.values("heir_handover_seconds{worker=Till}").len(), 3);
}
