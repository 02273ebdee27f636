//! The feature `serde`: what heir tells of a tree can be written down.

use std::sync::{Arc, Mutex};

use heir_runtime::Exit;
use heir_runtime::prelude::*;
use serde_json::{Value, json, to_value};

#[heir(handler_timeout = "5s")]
struct Counter {
    #[table]
    counts: Table<String, u64>,
}

#[handlers]
impl Counter {
    fn count(&mut self, key: String) -> u64 {
        self.counts.add(key, 1)
    }

    async fn hang(&mut self) {
        std::future::pending().await
    }
}

/// Never done with its stop hook.
#[heir]
struct Lingering {
    #[table(keep)]
    unused: (),
}

#[handlers]
impl Lingering {
    #[on(stop)]
    async fn linger(&mut self) {
        std::future::pending().await
    }
}

/// It has the field `elapsed`, a length of time, which is taken out.
fn without_elapsed(mut value: Value) -> Value {
    let elapsed = value.as_object_mut().unwrap().remove("elapsed").expect("the time since");
    assert!(elapsed["secs"].is_u64() && elapsed["nanos"].is_u64(), "{elapsed}");
    value
}

#[tokio::test(start_paused = true)]
async fn a_tree_is_serialized_with_what_is_in_it() {
    let mut tree = Supervisor::builder("app");
    let counter = tree.worker(Counter::spec().name("counter"));
    let tree = tree.start().await.unwrap();
    counter.hang().await.unwrap_err();
    counter.wait_serving(2).await.unwrap();

    let mut drawn = to_value(tree.tree()).unwrap();
    let estate = &mut drawn["children"][0]["worker"]["estate"];
    for at in ["owner", "last_exit"] {
        estate[at] = without_elapsed(estate[at].take());
    }
    let reason = json!({"timed_out": {"handler": "hang", "limit": {"secs": 5, "nanos": 0}}});
    let worker = json!({
        "name": "counter",
        "path": "app/counter",
        "kind": "Counter",
        "status": {"serving": {"incarnation": 2}},
        "incarnation": 2,
        "age": {"secs": 0, "nanos": 0},
        "restarts": null,
        "estate": {
            "name": "counter",
            "founded": true,
            "owner": {"name": "counter", "incarnation": 2},
            "heir": "counter manager",
            "incarnation": 2,
            "last_exit": {"incarnation": 1, "reason": reason, "in_message": true},
        },
        "tables": [{"name": "counts", "rows": 0}],
        "parked": 0,
        "queued": 0,
        "open_replies": 0,
        "managed": true,
    });
    assert_eq!(
        drawn,
        json!({
            "name": "app",
            "path": "app",
            "kind": "app",
            "dynamic": false,
            "limits": "one_for_one, 10 restarts in 10s",
            "restarts": 1,
            "intensity": 10,
            "period": {"secs": 10, "nanos": 0},
            "for_each_key": false,
            "status": "running",
            "children": [{"worker": worker}],
            "left_out": null,
        })
    );
    let counts = json!({"specs": 1, "active": 1, "supervisors": 0, "workers": 1});
    assert_eq!(to_value(tree.count_children()).unwrap(), counts);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn pages_and_counts_of_a_tree_are_serialized() {
    let mut tree = Supervisor::builder("app");
    let counter = tree.worker(Counter::spec());
    tree.worker(Counter::spec().name("other"));
    let tree = tree.start().await.unwrap();
    counter.count("hits".into()).await.unwrap();
    tree.terminate_child("other").await.unwrap();

    let page = to_value(tree.page("app", 0, 1)).unwrap();
    assert_eq!((&page["children"][0]["worker"]["path"], &page["next"]), (&json!("app/Counter"), &json!(1)));
    let counters = json!({
        "kind": "Counter",
        "workers": 2,
        "statuses": {
            "down": 0,
            "starting": 0,
            "serving": 1,
            "unresponsive": 0,
            "terminated": 1,
            "gave_up": 0,
            "stopped": 0,
        },
        "rows": 1,
        "queued": 0,
        "open_replies": 0,
        "parked": 0,
    });
    let supervisors =
        |running| json!({"down": 0, "starting": 0, "running": running, "terminated": 0, "stopped": 0});
    let counts = json!({"supervisors": supervisors(1), "kinds": [counters]});
    assert_eq!(to_value(tree.counts()).unwrap(), counts);
    let below = json!({"supervisors": supervisors(0), "kinds": [counters]});
    let drawn = to_value(tree.tree_up_to(0)).unwrap();
    assert_eq!(drawn["left_out"], json!({"children": 2, "counts": below}));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn events_are_serialized_in_the_words_of_their_names() {
    let events = Arc::<Mutex<Vec<Value>>>::default();
    let mut tree = Supervisor::builder("app").observe({
        let events = Arc::clone(&events);
        move |event| events.lock().unwrap().push(to_value(event).unwrap())
    });
    let counter = tree.worker(Counter::spec());
    let tree = tree.start().await.unwrap();
    counter.count("hits".into()).await.unwrap();
    counter.kill().unwrap();
    counter.wait_serving(2).await.unwrap();
    tree.shutdown().await;

    let mut events = std::mem::take(&mut *events.lock().unwrap());
    for event in &mut events {
        let at = event.as_object_mut().unwrap().remove("at").unwrap();
        assert!(at["secs_since_epoch"].is_u64(), "{at}");
        if let Some(exit) = event["kind"].pointer_mut("/regained/exit") {
            *exit = without_elapsed(exit.take());
        }
    }
    for told in [
        json!({"child": "Counter", "path": "app/Counter", "kind": "manager_started"}),
        json!({"child": "Counter", "path": "app/Counter", "kind": {"serving": {"incarnation": 1}}}),
        json!({
            "child": "Counter",
            "path": "app/Counter",
            "kind": {"restarting": {"role": "worker", "reason": "killed"}}
        }),
        json!({
            "child": "Counter",
            "path": "app/Counter",
            "kind": {"retired": {"why": "shutdown", "undelivered": 0}}
        }),
        json!({"child": "app", "path": "app", "kind": {"supervisor_stopped": {"why": "shutdown"}}}),
    ] {
        assert!(events.contains(&told), "{told} is not in {events:#?}");
    }
    let regained = events.iter().find_map(|event| event["kind"].get("regained")).expect("the tables");
    let exit = json!({"incarnation": 1, "reason": "killed", "in_message": false});
    assert_eq!(regained, &json!({"exit": exit}));
}

#[tokio::test(start_paused = true)]
async fn a_report_of_a_shutdown_is_serialized_with_who_was_late() {
    let mut tree = Supervisor::builder("app");
    tree.worker(Lingering::spec());
    let tree = tree.start().await.unwrap();
    let report = to_value(tree.shutdown().await).unwrap();
    let late = json!([{"child": "Lingering", "role": "worker"}]);
    assert_eq!(report, json!({"why": "shutdown", "aborted": late, "unresponsive": []}));
}

#[tokio::test(start_paused = true)]
async fn the_health_of_a_tree_is_serialized_with_its_problems() {
    let mut tree = Supervisor::builder("app");
    tree.worker(Counter::spec().name("counter"));
    let tree = tree.start().await.unwrap();
    let well = json!({"ready": true, "alive": true, "problems": [], "more": 0});
    assert_eq!(to_value(tree.health()).unwrap(), well);
    tree.terminate_child("counter").await.unwrap();
    let problem = json!({"path": "app/counter", "ailment": "terminated"});
    let hindered = json!({"ready": false, "alive": true, "problems": [problem], "more": 0});
    assert_eq!(to_value(tree.health()).unwrap(), hindered);
    let handle = SupervisorHandle::clone(&tree);
    tree.shutdown().await;
    let problem = json!({"path": "app", "ailment": {"stopped": "shutdown"}});
    let over = json!({"ready": false, "alive": false, "problems": [problem], "more": 0});
    assert_eq!(to_value(handle.health()).unwrap(), over);
}

#[test]
fn what_a_table_knows_of_itself_is_serialized() {
    let mut counts = Table::for_tests();
    counts.insert("hits", 1);
    counts.commit();
    counts.insert("misses", 1);
    counts.commit();
    assert_eq!(to_value(counts.reader().info()).unwrap(), json!({"rows": 2, "boundary": 2}));
}

#[test]
fn reasons_with_words_are_serialized_under_their_names() {
    let reasons = [
        (to_value(ExitReason::Normal), json!("normal")),
        (to_value(ExitReason::ShutdownWith("done".into())), json!({"shutdown_with": "done"})),
        (to_value(ExitReason::Panic("no".into())), json!({"panic": "no"})),
        (to_value(Stopped::Ended(ExitReason::NoProc)), json!({"ended": "no_proc"})),
        (to_value(Status::Stopped(Stopped::Dropped)), json!({"stopped": "dropped"})),
        (to_value(Status::GaveUp(ExitReason::Killed)), json!({"gave_up": "killed"})),
        (to_value(None::<Exit>), json!(null)),
    ];
    for (serialized, expected) in reasons {
        assert_eq!(serialized.unwrap(), expected);
    }
}
