//! The spans of messages, hooks and hand-overs.

use std::collections::BTreeSet;
use std::time::Duration;

use heir_runtime::Dynamic;
use heir_runtime::prelude::*;
use tracing::Instrument;
use tracing::level_filters::LevelFilter;

use crate::collector::Collector;

#[heir]
struct Counter {
    #[table]
    counts: Table<String, u64>,
    #[table(keep)]
    tries: u32,
}

#[handlers]
impl Counter {
    /// Crashes the first time.
    #[redeliver(1)]
    fn count(&mut self, key: String) -> u64 {
        self.tries += 1;
        let count = self.counts.add(key, 1);
        assert!(self.tries > 1, "a bug");
        count
    }

    async fn look(&mut self, key: String) -> Option<u64> {
        tracing::info!("before");
        tokio::time::sleep(Duration::from_millis(5)).await;
        tracing::info!("after");
        self.counts.get(&key)
    }

    #[cast]
    fn note(&mut self, key: String) {
        self.counts.insert(key, 0);
    }

    fn fail(&mut self) {
        panic!("asked to");
    }

    /// Has another worker note something, when this message has committed.
    async fn pass_on(&mut self, cx: &mut Context<Self>) -> Result<(), BoxError> {
        cx.send(cx.own_handle().note("passed on".into())).await?;
        cx.send(cx.own_handle().look("passed on".into()).answer_to((), CounterMessage::Answered)).await?;
        cx.after_commit(|| tracing::info!("committed"));
        Ok(())
    }

    #[cast]
    fn answered(&mut self, _nothing: (), _found: CallResult<Option<u64>>) {}

    /// Commits in the middle.
    fn in_two(&mut self, cx: &mut Context<Self>) {
        self.counts.insert("one".into(), 1);
        cx.commit(self);
        tracing::info!("between");
        self.counts.insert("two".into(), 2);
    }
}

#[heir]
struct Hooked {
    #[table]
    ticks: Table<u8, u64>,
}

#[handlers]
impl Hooked {
    #[on(start)]
    fn start(&mut self) {
        tracing::info!("hello");
    }

    #[on(stop)]
    fn stop(&mut self) {
        tracing::info!("good bye");
        self.ticks.insert(1, 1);
    }

    #[on(down)]
    fn down(&mut self) {
        tracing::info!("somebody is down");
    }

    fn watch(&mut self, cx: &mut Context<Self>, whom: CounterHandle) {
        cx.monitor(&whom);
    }

    #[every("1s")]
    fn tick(&mut self) {
        self.ticks.add(0, 1);
    }
}

async fn tree() -> (Supervisor, CounterHandle) {
    let mut tree = Supervisor::builder("app");
    let counter = tree.worker(Counter::spec().name("counter"));
    (tree.start().await.unwrap(), counter)
}

const ALL: &[&str] = &["handler", "incarnation", "boundary", "refused", "died"];

#[tokio::test(start_paused = true)]
async fn a_crash_is_one_trace_from_the_caller_through_both_incarnations() {
    let (seen, _guard) = Collector::new(LevelFilter::DEBUG);
    let (tree, counter) = tree().await;
    let before = seen.spans().len();
    let request = tracing::info_span!("request");
    assert_eq!(counter.count("hits".into()).instrument(request).await.unwrap(), 1);
    let trees = seen.trees(ALL);
    let trace = &trees[trees.find("request").unwrap()..];
    assert_eq!(
        trace,
        "request
  call handler=count
    serve handler=count incarnation=1 died=panic: a bug
      handover incarnation=1 {redelivers regained waiting restarting worker_started linked gives_away received serving}
        serve handler=#[on(start)] incarnation=2
    serve handler=count incarnation=2 boundary=1
"
    );
    assert_eq!(seen.open(), Vec::<&str>::new());
    let spans = &seen.spans()[before..];
    assert!(spans.iter().all(|span| span.entered == span.exited));
    let of_the_worker = spans.iter().filter(|span| ["serve", "handover"].contains(&span.name));
    for span in of_the_worker {
        assert_eq!((&*span.fields["worker"], &*span.fields["path"]), ("counter", "app/counter"));
    }
    tree.shutdown().await;
    assert_eq!(seen.open(), Vec::<&str>::new());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_dies_says_so_and_the_next_one_is_in_the_callers_trace_too() {
    let (seen, _guard) = Collector::new(LevelFilter::DEBUG);
    let (tree, counter) = tree().await;
    async {
        counter.fail().await.unwrap_err();
        counter.look("hits".into()).await.unwrap();
    }
    .instrument(tracing::info_span!("request"))
    .await;
    tree.shutdown().await;
    let trees = seen.trees(ALL);
    let trace = &trees[trees.find("request").unwrap()..];
    assert_eq!(
        trace,
        "request
  call handler=fail refused=incarnation 1 of the worker died while it served it: panic: asked to
    serve handler=fail incarnation=1 died=panic: asked to
      handover incarnation=1 {regained waiting restarting worker_started linked gives_away received serving}
        serve handler=#[on(start)] incarnation=2
  call handler=look
    serve handler=look incarnation=2 {before after}
serve handler=#[on(stop)] incarnation=2
"
    );
    assert_eq!(seen.open(), Vec::<&str>::new());
}

/// Fails to start in its second and third incarnation.
#[heir]
struct Reluctant {
    #[table(keep)]
    starts: u32,
}

#[handlers]
impl Reluctant {
    #[on(start)]
    fn start(&mut self) -> Result<(), BoxError> {
        self.starts += 1;
        if [2, 3].contains(&self.starts) { Err("not today".into()) } else { Ok(()) }
    }

    fn fail(&mut self) {
        panic!("asked to");
    }
}

#[tokio::test(start_paused = true)]
async fn incarnations_that_do_not_come_to_serve_are_one_hand_over() {
    let mut tree = Supervisor::builder("app");
    let reluctant = tree.worker(Reluctant::spec());
    let tree = tree.start().await.unwrap();
    let (seen, _guard) = Collector::new(LevelFilter::DEBUG);
    reluctant.fail().await.unwrap_err();
    reluctant.wait_serving(4).await.unwrap();
    let spans = seen.spans();
    assert_eq!(spans.iter().filter(|span| span.name == "handover").count(), 1);
    let handover = spans.iter().position(|span| span.name == "handover");
    let starts = spans.iter().filter(|span| span.parent == handover);
    let starts: Vec<_> = starts.map(|span| (&*span.fields["incarnation"], span.fields.get("died"))).collect();
    let failed = Some(&"error: not today".to_owned());
    assert_eq!(starts, [("2", failed), ("3", failed), ("4", None)]);
    assert_eq!(seen.open(), Vec::<&str>::new());
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn the_docs_have_each_span_with_its_fields() {
    let (tree, counter) = tree().await;
    let (seen, _guard) = Collector::new(LevelFilter::DEBUG);
    counter.note("a".into()).await.unwrap();
    counter.fail().await.unwrap_err();
    counter.look("a".into()).await.unwrap();
    tree.shutdown().await;
    let told: BTreeSet<_> = seen
        .spans()
        .iter()
        .map(|span| (span.name, BTreeSet::from_iter(span.declared.iter().copied())))
        .collect();
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../heir-runtime/src/events.rs");
    let page = std::fs::read_to_string(page).unwrap();
    let table = page.split_once("//! | span | from | to | fields |").unwrap().1;
    let rows = table.lines().skip(2).map_while(|line| line.strip_prefix("//! | "));
    let in_ticks = |cell: &'static str| cell.split('`').skip(1).step_by(2);
    let mut docs = BTreeSet::new();
    for row in rows.map(|row| &*row.to_owned().leak()) {
        let [spans, _, _, fields, ..] = row.split(" | ").collect::<Vec<_>>()[..] else { panic!("{row}") };
        let fields: BTreeSet<_> = in_ticks(fields).filter(|word| *word != "ERROR").collect();
        docs.extend(in_ticks(spans).map(|span| (span, fields.clone())));
    }
    assert_eq!(told, docs);
}

#[tokio::test(start_paused = true)]
async fn what_has_failed_has_the_status_that_opentelemetry_looks_for() {
    let (tree, counter) = tree().await;
    let (seen, _guard) = Collector::new(LevelFilter::DEBUG);
    counter.fail().await.unwrap_err();
    counter.look("a".into()).await.unwrap();
    let failed: Vec<_> = seen
        .spans()
        .iter()
        .filter_map(|span| Some((span.name, span.fields.get("otel.status_code")?.clone())))
        .collect();
    assert_eq!(failed, [("call", "ERROR".to_owned()), ("serve", "ERROR".to_owned())]);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_killed_at_rest_is_handed_over_in_a_trace_of_its_own() {
    let (tree, counter) = tree().await;
    let (seen, _guard) = Collector::new(LevelFilter::DEBUG);
    counter.kill().unwrap();
    counter.wait_serving(2).await.unwrap();
    let trees = seen.trees(ALL);
    assert_eq!(
        trees,
        "handover incarnation=1 {regained waiting restarting worker_started linked gives_away received serving}
  serve handler=#[on(start)] incarnation=2
"
    );
    assert_eq!(seen.open(), Vec::<&str>::new());
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn no_span_is_open_while_a_worker_has_nothing_to_serve() {
    let (tree, counter) = tree().await;
    let (seen, _guard) = Collector::new(LevelFilter::DEBUG);
    counter.note("a".into()).await.unwrap();
    assert_eq!(seen.open(), ["cast"]);
    counter.look("a".into()).await.unwrap();
    tokio::task::yield_now().await;
    assert_eq!(seen.open(), Vec::<&str>::new());
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn the_boundary_is_told_of_a_message_that_wrote() {
    let (tree, counter) = tree().await;
    let (seen, _guard) = Collector::new(LevelFilter::DEBUG);
    counter.note("a".into()).await.unwrap();
    counter.look("a".into()).await.unwrap();
    counter.in_two().await.unwrap();
    assert_eq!(counter.snapshot().boundary(), 3);
    let boundaries: Vec<_> = seen
        .spans()
        .iter()
        .filter(|span| span.name == "serve")
        .map(|span| (span.fields["handler"].clone(), span.fields.get("boundary").cloned()))
        .collect();
    let expected = [("note", Some("1")), ("look", None), ("in_two", Some("3"))];
    assert_eq!(boundaries, expected.map(|(handler, boundary)| (handler.into(), boundary.map(Into::into))));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_that_other_tasks_log_comes_into_a_handlers_span() {
    let (tree, counter) = tree().await;
    let (seen, _guard) = Collector::new(LevelFilter::DEBUG);
    let looks = counter.look("a".into());
    let logs = async {
        for _ in 0..10 {
            tracing::info!("elsewhere");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let (looked, ()) = tokio::join!(looks, logs);
    looked.unwrap();
    let of = |message: &str| -> Vec<_> {
        let events = seen.events();
        let these = events.iter().filter(|event| event.fields["message"] == message);
        these.map(|event| event.span.map(|span| seen.spans()[span].name)).collect()
    };
    assert_eq!(of("elsewhere"), [None; 10]);
    assert_eq!((of("before"), of("after")), (vec![Some("serve")], vec![Some("serve")]));
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_message_sends_is_beneath_it_and_so_is_what_follows_its_commit() {
    let (tree, counter) = tree().await;
    let (seen, _guard) = Collector::new(LevelFilter::DEBUG);
    counter.pass_on().await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(
        seen.trees(ALL),
        "call handler=pass_on
  serve handler=pass_on incarnation=1 {committed}
    cast handler=note
      serve handler=note incarnation=1 boundary=1
    call handler=look
      serve handler=look incarnation=1 {before after}
        cast handler=answered
          serve handler=answered incarnation=1
"
    );
    assert_eq!(seen.open(), Vec::<&str>::new());
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn hooks_and_ticks_have_spans() {
    let (seen, _guard) = Collector::new(LevelFilter::DEBUG);
    let mut tree = Supervisor::builder("app").intensity(0);
    let hooked = tree.worker(Hooked::spec().name("hooked"));
    let sessions = Dynamic::<u8, Counter>::spec().intensity(0);
    let sessions = tree.child(sessions.name("sessions"));
    let tree = tree.start().await.unwrap();
    let session = sessions.start(7, Counter::spec()).await.unwrap();
    hooked.watch(session.clone()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    session.fail().await.unwrap_err();
    tokio::time::sleep(Duration::from_millis(1)).await;
    tree.shutdown().await;
    let spans = seen.spans();
    let of_hooked: Vec<_> = spans
        .iter()
        .filter(|span| span.name == "serve" && span.fields["worker"] == "hooked")
        .map(|span| (&*span.fields["handler"], span.fields.get("boundary").map(|text| &**text)))
        .collect();
    let hooks = [
        ("#[on(start)]", None),
        ("watch", None),
        ("tick", Some("1")),
        ("#[on(down)]", None),
        ("#[on(stop)]", Some("2")),
    ];
    assert_eq!(of_hooked, hooks);
    let given_up = spans.iter().find(|span| span.name == "handover" && span.parent.is_some()).unwrap();
    assert_eq!(given_up.fields["path"], "app/sessions/Counter[7]");
    assert_eq!(given_up.events.last().unwrap(), "gave_up_on");
    assert_eq!(seen.open(), Vec::<&str>::new());
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_for_info_gets_warnings_and_no_spans() {
    let (seen, _guard) = Collector::new(LevelFilter::INFO);
    let (tree, counter) = tree().await;
    counter.count("hits".into()).await.unwrap();
    tree.shutdown().await;
    assert_eq!(seen.trees(ALL), "");
    let names: Vec<_> = seen.events().iter().map(|event| event.name).collect();
    assert_eq!(names, ["regained", "restarting", "retired", "supervisor_stopped"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_refused_says_why() {
    let mut tree = Supervisor::builder("app");
    let counter = tree.worker(Counter::spec().name("counter").mailbox(4));
    let tree = tree.start().await.unwrap();
    let (seen, _guard) = Collector::new(LevelFilter::DEBUG);
    let waits = tokio::spawn({
        let counter = counter.clone();
        async move { counter.look("a".into()).await }
    });
    counter.pause().await.unwrap();
    let casts: Vec<_> = (0..4).map(|n| counter.try_note(n.to_string()).is_ok()).collect();
    assert_eq!(casts, [true; 4]);
    counter.try_note("one too many".into()).unwrap_err();
    assert_eq!(seen.open().iter().filter(|name| **name == "cast").count(), 4, "it was never queued");
    drop(tree);
    counter.wait_stopped().await;
    let _ = waits.await;
    let refused = seen.spans().iter().filter(|span| span.fields.contains_key("refused")).count();
    assert_eq!((refused, seen.open()), (4, vec![]));
}

#[tokio::test(start_paused = true)]
async fn casts_that_are_sent_together_have_a_span_each() {
    let (tree, counter) = tree().await;
    let (seen, _guard) = Collector::new(LevelFilter::DEBUG);
    counter.cast_all((0..100).map(|n: u32| (n.to_string(),)), CounterMessage::Note).await.unwrap();
    counter.look("a".into()).await.unwrap();
    let spans = seen.spans();
    assert_eq!(spans.iter().filter(|span| span.name == "cast").count(), 100);
    assert_eq!(seen.open(), Vec::<&str>::new());
    tree.shutdown().await;
}
