//! Subscribers that panic in each of their methods, that call back, and that hear many threads at once.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use heir_runtime::prelude::*;
use tokio::time::{sleep, timeout};
use tracing::Instrument;
use tracing::level_filters::LevelFilter;

use crate::collector::Collector;

thread_local! {
    /// Whether handlers log: if the subscriber panics then, the panic is theirs.
    static LOGS: Cell<bool> = const { Cell::new(false) };
}

#[heir]
struct Clerk {
    #[table]
    sums: Table<u64, u64>,
    #[table(keep)]
    tries: u64,
    #[table(keep)]
    owed: Vec<Reply<u64>>,
}

#[handlers]
impl Clerk {
    /// Crashes each third time.
    #[redeliver(9)]
    async fn add(&mut self, n: u64) -> u64 {
        if LOGS.get() {
            tracing::info!(n, "before");
        }
        self.tries += 1;
        self.sums.add(n, 1);
        tokio::task::yield_now().await;
        if LOGS.get() {
            tracing::info!(n, "after");
        }
        assert_ne!(self.tries % 3, 0, "a bug");
        n
    }

    #[cast]
    fn note(&mut self, n: u64) {
        self.sums.add(n, 1);
    }

    fn ask(&mut self, reply: Reply<u64>) {
        self.owed.push(reply);
    }

    async fn pass_on(&mut self, cx: &mut Context<Self>) -> Result<(), BoxError> {
        let own = cx.own_handle();
        cx.send(own.note(100)).await?;
        cx.after_commit(|| ());
        for reply in self.owed.drain(..) {
            reply.send(cx, 8);
        }
        Ok(())
    }

    fn sum(&mut self, n: u64) -> u64 {
        self.sums.get(&n).unwrap_or_default()
    }
}

/// What a program does, and what comes of it.
async fn program() -> Vec<u64> {
    let mut tree = Supervisor::builder("app").intensity(10_000);
    let clerk = tree.worker(Clerk::spec().name("clerk").mailbox(4));
    let tree = tree.start().await.unwrap();
    for n in 0..20 {
        assert_eq!(clerk.add(n).await.unwrap(), n);
    }
    clerk.kill();
    let asked = tokio::spawn({
        let clerk = clerk.clone();
        async move { clerk.ask().await.unwrap() }
    });
    clerk.cast_all((0..20).map(|n: u64| (n,)), ClerkMessage::Note).await.unwrap();
    clerk.pass_on().await.unwrap().unwrap();
    let mut sums = vec![asked.await.unwrap(), clerk.sum(100).await.unwrap()];
    for n in 0..20 {
        sums.push(clerk.sum(n).await.unwrap());
    }
    tree.shutdown().await;
    assert_eq!(clerk.estate().claim("test").unwrap().sums.len() as u64, 21);
    sums
}

const METHODS: [&str; 7] = ["enabled", "new_span", "record", "event", "enter", "exit", "try_close"];

#[tokio::test(start_paused = true)]
async fn a_subscriber_may_panic_in_each_of_its_methods_and_a_program_does_the_same() {
    let expected: Vec<u64> = [8, 1].into_iter().chain([2; 20]).collect();
    assert_eq!(program().await, expected);
    for method in METHODS {
        let (seen, _guard) = Collector::new(LevelFilter::DEBUG);
        let panics = Rc::<Cell<u32>>::default();
        seen.hook({
            let panics = Rc::clone(&panics);
            move |called| {
                if called == method {
                    panics.set(panics.get() + 1);
                    panic!("in `{called}` of a subscriber");
                }
            }
        });
        let done = timeout(Duration::from_secs(1_000), program()).await;
        assert_eq!(done.unwrap(), expected, "{method}");
        assert!(panics.get() > 10, "{method}: {}", panics.get());
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_may_call_back_into_the_tree_from_each_of_its_methods() {
    for method in METHODS {
        let mut tree = Supervisor::builder("app").intensity(10_000);
        let clerk = tree.worker(Clerk::spec().name("clerk").mailbox(64));
        let tree = tree.start().await.unwrap();
        let (seen, guard) = Collector::new(LevelFilter::DEBUG);
        let (calls, is_within) = (Rc::<Cell<u32>>::default(), Cell::new(false));
        seen.hook({
            let (clerk, tree, calls) = (clerk.clone(), SupervisorHandle::clone(&tree), Rc::clone(&calls));
            move |called| {
                if called != method || is_within.replace(true) {
                    return;
                }
                calls.set(calls.get() + 1);
                // What is sent and killed is told, too: that is not to go on for ever.
                let few = calls.get() < 200;
                if few {
                    let _ = clerk.try_note(1);
                }
                assert!(tree.tree().to_string().contains("clerk"));
                drop(tree.subscribe(10));
                let _ = (tree.counts(), clerk.status(), clerk.queued(), clerk.sums().get(&1));
                if few && calls.get() % 10 == 0 {
                    clerk.kill();
                }
                is_within.set(false);
            }
        });
        for n in 10..30 {
            assert_eq!(clerk.add(n).await.unwrap(), n);
        }
        sleep(Duration::from_secs(1)).await;
        assert!(calls.get() > 10, "{method}");
        drop(guard);
        tree.shutdown().await;
    }
}

#[test]
fn of_many_threads_each_message_is_beneath_its_own_call() {
    let (seen, _guard) = Collector::new(LevelFilter::DEBUG);
    let of_threads = seen.clone();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime
        .worker_threads(4)
        .enable_time()
        .on_thread_start(move || {
            of_threads.share();
            LOGS.set(true);
        })
        .build();
    let runtime = runtime.unwrap();
    runtime.block_on(async {
        let mut tree = Supervisor::builder("app").intensity(1_000_000);
        let clerks: Vec<_> =
            (0..2).map(|n| tree.worker(Clerk::spec().name(n.to_string()).mailbox(3))).collect();
        let tree = tree.start().await.unwrap();
        let callers: Vec<_> = (0..8_u64)
            .map(|caller| {
                let clerk = clerks[caller as usize % 2].clone();
                tokio::spawn(async move {
                    for n in (0..50).map(|n| caller * 1_000 + n) {
                        let _ = clerk.add(n).instrument(tracing::info_span!("request", n)).await;
                    }
                })
            })
            .collect();
        for _ in 0..30 {
            for clerk in &clerks {
                clerk.kill();
            }
            sleep(Duration::from_millis(1)).await;
        }
        for caller in callers {
            caller.await.unwrap();
        }
        tree.shutdown().await;
    });
    drop(runtime);
    let spans = seen.spans();
    let mut told = 0;
    for event in seen.events() {
        let Some(n) = event.fields.get("n") else { continue };
        let above = |span: usize| spans[span].parent;
        let serve = event.span.unwrap();
        let call = above(serve).unwrap();
        let request = above(call).unwrap();
        let names = [serve, call, request].map(|span| spans[span].name);
        assert_eq!(names, ["serve", "call", "request"]);
        assert_eq!(spans[request].fields["n"], *n);
        told += 1;
    }
    assert!(told >= 800, "{told}");
    assert_eq!(seen.open(), Vec::<&str>::new());
    assert!(spans.iter().all(|span| span.entered == span.exited));
}
