//! Hung workers: handlers that take too long, and those that do not even yield to the runtime.

use std::sync::mpsc as blocking;
use std::time::Duration;

use heir_runtime::events::Role;
use heir_runtime::{CallError, ExitReason, Status, handlers, heir};
use heir_tests::fuse::Bomb;
use heir_tests::{Recorder, event};

type Release = std::sync::Arc<std::sync::Mutex<blocking::Receiver<()>>>;

/// Takes its time, in every way there is.
#[heir(handler_timeout = "5s")]
struct Hung {
    #[table(rollback)]
    count: u64,
    #[arg]
    release: Release,
}

#[handlers]
impl Hung {
    fn count(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    async fn take(&mut self, time: Duration) -> u64 {
        self.count += 1;
        tokio::time::sleep(time).await;
        self.count
    }

    async fn hang_with_a_destructor_that_panics(&mut self) {
        let _bomb = Bomb;
        std::future::pending().await
    }

    /// Blocks its thread until it is released.
    fn block(&mut self) {
        self.count += 1;
        self.release.lock().unwrap().recv().unwrap();
    }

    /// Blocks its thread until there is a line, and a little longer.
    fn read_a_line(&mut self) {
        println!("{POLLED}");
        std::io::stdin().read_line(&mut String::new()).unwrap();
        std::thread::sleep(HEARTBEAT / 10);
    }

    #[on(down)]
    async fn hook(&mut self) {
        std::future::pending().await
    }

    fn watch_nobody(&mut self, cx: &mut heir_runtime::Context<Self>) {
        cx.monitor(&crate::relatives::nobody());
    }
}

fn release() -> (blocking::Sender<()>, Release) {
    let (sender, receiver) = blocking::channel();
    (sender, std::sync::Arc::new(std::sync::Mutex::new(receiver)))
}

const FIVE_SECONDS: Duration = Duration::from_secs(5);

#[tokio::test(start_paused = true)]
async fn a_handler_over_its_time_ends_the_incarnation_and_its_caller_is_told() {
    let (mut tree, recorder) = Recorder::tree();
    let hung = tree.worker(Hung::spec(release().1));
    let tree = tree.start().await.unwrap();
    assert_eq!(hung.take(FIVE_SECONDS - Duration::from_millis(1)).await.unwrap(), 1);
    let begin = tokio::time::Instant::now();
    match hung.take(Duration::from_secs(60)).await.unwrap_err() {
        CallError::Died { incarnation, reason, .. } => {
            assert_eq!(incarnation, 1);
            assert_eq!(reason.to_string(), "timed out: `take` took longer than 5s");
        }
        other => panic!("{other}"),
    }
    assert_eq!(begin.elapsed(), FIVE_SECONDS);
    assert_eq!(hung.count().await.unwrap(), 2, "its message is undone");
    let timed_out = event!(Restarting {
        role: Role::Worker,
        reason: ExitReason::TimedOut { handler: "take", limit: FIVE_SECONDS, .. },
        ..
    });
    recorder.until(timed_out).await;
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_hook_over_its_time_ends_the_incarnation() {
    let (mut tree, _) = Recorder::tree();
    let hung = tree.worker(Hung::spec(release().1).handler_timeout(Duration::from_secs(1)));
    let tree = tree.start().await.unwrap();
    hung.watch_nobody().await.unwrap();
    hung.wait_serving(2).await.unwrap();
    let reason = hung.estate().last_exit().unwrap().reason;
    assert_eq!(reason.to_string(), "timed out: `#[on(down)]` took longer than 1s");
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_without_a_bound_takes_its_time() {
    let (mut tree, _) = Recorder::tree();
    let hung = tree.worker(Hung::spec(release().1).handler_timeout(Duration::MAX));
    let tree = tree.start().await.unwrap();
    assert_eq!(hung.take(Duration::from_hours(24)).await.unwrap(), 1);
    tree.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_a_handler_over_its_time_is_dropped_is_the_reason() {
    let (mut tree, _) = Recorder::tree();
    let hung = tree.worker(Hung::spec(release().1));
    let tree = tree.start().await.unwrap();
    match hung.hang_with_a_destructor_that_panics().await.unwrap_err() {
        CallError::Died { reason, .. } => assert_eq!(reason, ExitReason::Panic("in a destructor".into())),
        other => panic!("{other}"),
    }
    hung.wait_serving(2).await.unwrap();
    tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_blocks_its_thread_is_reported_and_ends_when_it_lets_go() {
    let heartbeat = Duration::from_millis(20);
    let (mut tree, recorder) = Recorder::tree();
    let (release, released) = release();
    let hung = tree.worker(Hung::spec(released).heartbeat(heartbeat));
    let other = tree.worker(Hung::spec(self::release().1).name("other"));
    let tree = tree.start().await.unwrap();
    assert_eq!(hung.count().await.unwrap(), 1);
    let blocked = tokio::spawn({
        let hung = hung.clone();
        async move { hung.block().await }
    });
    recorder.until(event!("Hung": Unresponsive { role: Role::Worker, .. })).await;
    assert_eq!(hung.status(), Status::Unresponsive { incarnation: 1 });
    let drawn = tree.tree().to_string();
    assert!(drawn.contains("incarnation 1 unresponsive: it holds the tables until it yields"), "{drawn}");
    assert!(drawn.contains("owner: Hung 1"), "{drawn}");
    assert!(hung.estate().claim("test").is_err());
    assert_eq!(other.count().await.unwrap(), 1, "everything around it goes on");
    release.send(()).unwrap();
    hung.wait_serving(2).await.unwrap();
    assert!(blocked.await.unwrap().is_err());
    let reason = hung.estate().last_exit().unwrap().reason;
    assert!(matches!(reason, ExitReason::Unresponsive { limit, .. } if limit == heartbeat), "{reason}");
    assert_eq!(hung.count().await.unwrap(), 2, "its message is undone, though it was done when it let go");
    tree.shutdown().await;
}

#[test]
fn a_worker_that_blocks_the_only_thread_of_its_runtime_is_reported() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let outside = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (mut tree, recorder) = Recorder::tree();
    let (release, released) = release();
    let hung = tree.worker(Hung::spec(released).heartbeat(Duration::from_millis(20)));
    std::thread::scope(|scope| {
        let running = scope.spawn(|| {
            runtime.block_on(async {
                let tree = tree.start().await.unwrap();
                let _ = hung.block().await;
                hung.wait_serving(2).await.unwrap();
                tree.shutdown().await
            })
        });
        outside.block_on(recorder.until(event!(Unresponsive { role: Role::Worker, .. })));
        assert_eq!(hung.status(), Status::Unresponsive { incarnation: 1 });
        release.send(()).unwrap();
        assert_eq!(running.join().unwrap().unresponsive, []);
    });
    assert_eq!(hung.estate().claim("test").unwrap().count, 0);
}

#[tokio::test(start_paused = true)]
async fn the_paused_clock_makes_no_worker_unresponsive() {
    let (mut tree, recorder) = Recorder::tree();
    let spec = Hung::spec(release().1).heartbeat(Duration::from_secs(10)).handler_timeout(Duration::MAX);
    let hung = tree.worker(spec);
    let tree = tree.start().await.unwrap();
    assert_eq!(hung.take(Duration::from_hours(1)).await.unwrap(), 1);
    tokio::time::sleep(Duration::from_hours(1)).await;
    assert_eq!(hung.count().await.unwrap(), 2);
    assert_eq!(recorder.count(event!(Unresponsive { .. })), 0);
    tree.shutdown().await;
}

/// Stops this very test, run in a process of its own, while its worker is in the middle of a poll.
#[cfg(unix)]
#[test]
fn a_standstill_of_the_whole_process_makes_no_worker_unresponsive() {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::process::{Command, Stdio};

    const IS_THE_OTHER: &str = "HEIR_STOPPED_BY_ITS_TEST";
    if std::env::var_os(IS_THE_OTHER).is_some() {
        return stopped();
    }
    let this = std::thread::current().name().unwrap().to_owned();
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &this, "--nocapture", "--test-threads=1"])
        .env(IS_THE_OTHER, "")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(other.stdout.take().unwrap()).lines().map(Result::unwrap);
    let id = other.id();
    let signal = |which: &str| {
        let sent = Command::new("sh").args(["-c", &format!("kill -{which} {id}")]).status().unwrap();
        assert!(sent.success());
    };
    assert!(said.any(|line| line.ends_with(POLLED)));
    signal("STOP");
    // What its worker waits for is there when it goes on.
    other.stdin.take().unwrap().write_all(b"go on\n").unwrap();
    std::thread::sleep(STANDSTILL);
    signal("CONT");
    let said: Vec<_> = said.collect();
    assert!(other.wait().unwrap().success(), "{said:#?}");
    assert!(said.iter().any(|line| line == SERVED), "{said:#?}");
}

const POLLED: &str = "the worker is polled";
const SERVED: &str = "incarnation 1 goes on";
const HEARTBEAT: Duration = Duration::from_secs(2);
const STANDSTILL: Duration = Duration::from_secs(3);

/// Serves one message.
fn stopped() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let (mut tree, _) = Recorder::tree();
        let hung = tree.worker(Hung::spec(release().1).heartbeat(HEARTBEAT).handler_timeout(Duration::MAX));
        let tree = tree.start().await.unwrap();
        hung.read_a_line().await.unwrap();
        println!("incarnation {} goes on", hung.incarnation());
        tree.shutdown().await;
    });
}
