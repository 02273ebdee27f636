//! What stays of a verdict, and of what was written, when the next start fails or is killed.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use heir_runtime::{Context, Exit, Stopped, Supervisor, Table, Verdict, handlers, heir};
use heir_tests::Recorder;

/// What the next starts die of, the first first.
type Script = Arc<Mutex<VecDeque<&'static str>>>;

/// Judged by its exit alone: the rows say nothing of what has been done to them.
#[heir(crash_loop = 3, quarantine = fresh)]
struct Scripted {
    #[table(init = [(0, 0)])]
    rows: Table<u32, u32>,
    #[table(rollback)]
    total: u32,
    #[table(keep)]
    kept: u32,
    #[arg]
    script: Script,
}

#[handlers]
impl Scripted {
    /// Writes, and then dies of what the script says.
    #[on(start)]
    fn start(&mut self) -> Result<(), &'static str> {
        let Some(words) = self.script.lock().unwrap().pop_front() else { return Ok(()) };
        self.rows.clear();
        self.total = 100;
        Err(words)
    }

    #[on(verify)]
    fn verify(tables: &mut ScriptedTables, exit: &Exit) -> Verdict {
        match exit.reason.to_string().split_once(": ").map(|(_, words)| words) {
            Some("repair") => {
                tables.rows.insert(7, 7);
                tables.rows.remove(&0);
                tables.total = 7;
                Verdict::Accept
            }
            Some("reset") => Verdict::Reset,
            Some("quarantine") => Verdict::quarantine("asked to"),
            _ => Verdict::Accept,
        }
    }

    fn put(&mut self, n: u32) {
        self.rows.insert(n, n);
        self.total += 1;
        self.kept += 1;
    }

    #[cast]
    fn die(&mut self, words: String) {
        panic!("{words}");
    }

    fn read(&mut self) -> (Vec<u32>, u32, u32) {
        let mut keys: Vec<_> = self.rows.reader().snapshot().keys().copied().collect();
        keys.sort_unstable();
        (keys, self.total, self.kept)
    }
}

/// With two rows, of which the first has been there from the beginning.
async fn scripted() -> (ScriptedHandle, Supervisor, Script) {
    let (mut tree, _) = Recorder::tree();
    let script = Script::default();
    let worker = tree.worker(Scripted::spec(Arc::clone(&script)));
    let tree = tree.start().await.unwrap();
    worker.put(1).await.unwrap();
    (worker, tree, script)
}

/// It dies with these words, and its next starts of those.
async fn dies(worker: &ScriptedHandle, script: &Script, words: &str, starts: &[&'static str]) {
    let next = worker.incarnation() + 1 + starts.len() as u64;
    script.lock().unwrap().extend(starts);
    worker.die(words.to_owned()).await.unwrap();
    worker.wait_serving(next).await.unwrap();
    assert_eq!(worker.incarnation(), next);
}

#[tokio::test]
async fn a_repair_by_the_verify_hook_survives_a_next_start_that_fails() {
    let (worker, _tree, script) = scripted().await;
    dies(&worker, &script, "repair", &["no port"]).await;
    assert_eq!(worker.read().await.unwrap(), (vec![1, 7], 7, 1));
}

#[tokio::test]
async fn a_reset_survives_a_next_start_that_fails() {
    let (worker, _tree, script) = scripted().await;
    let reader = worker.rows();
    dies(&worker, &script, "reset", &["no port"]).await;
    assert_eq!(worker.read().await.unwrap(), (vec![0], 0, 0));
    assert_eq!((reader.len(), reader.snapshot().len()), (1, 1));
}

#[tokio::test]
async fn a_quarantine_and_the_first_rows_of_the_fresh_tables_survive_a_next_start_that_fails() {
    let (worker, _tree, script) = scripted().await;
    dies(&worker, &script, "quarantine", &["no port"]).await;
    assert_eq!(worker.read().await.unwrap(), (vec![0], 0, 0));
    let parked = worker.take_quarantined();
    assert_eq!(parked.len(), 1);
    let parked = &parked[0];
    assert_eq!((parked.tables.rows.len(), parked.tables.total, parked.tables.kept), (2, 1, 1));
}

#[tokio::test]
async fn the_first_rows_of_a_table_survive_a_first_start_that_fails() {
    let (mut tree, _) = Recorder::tree();
    let script = Script::default();
    script.lock().unwrap().push_back("no port");
    let worker = tree.worker(Scripted::spec(script));
    tree.start().await.unwrap_err();
    assert!(matches!(worker.wait_stopped().await, Stopped::Ended(_)));
    let tables = worker.estate().claim("test").unwrap();
    assert_eq!((tables.rows.get(&0), tables.rows.len(), tables.total), (Some(0), 1, 0));
}

#[tokio::test]
async fn after_a_quarantine_starts_that_fail_are_counted_anew() {
    let (worker, _tree, script) = scripted().await;
    // The third death in a row is the last for the tables; two more speak against the fresh ones.
    dies(&worker, &script, "at first", &["no port"; 5]).await;
    assert_eq!(worker.quarantined(), 1);
    assert_eq!(worker.read().await.unwrap(), (vec![0], 0, 0));
}

#[tokio::test]
async fn after_a_reset_starts_that_fail_are_counted_anew() {
    let (worker, _tree, script) = scripted().await;
    dies(&worker, &script, "at first", &["no port", "reset", "no port", "no port"]).await;
    assert_eq!(worker.quarantined(), 0);
    assert_eq!(worker.read().await.unwrap(), (vec![0], 0, 0));
}

/// Writes when it starts, and may be killed in that.
#[heir(crash_loop = 3, quarantine = fresh)]
struct Opening {
    #[table]
    opened: Table<u64, ()>,
    #[table(rollback)]
    openings: u32,
    /// How many starts are still to be killed.
    #[arg]
    kills: Arc<AtomicU32>,
}

#[handlers]
impl Opening {
    #[on(start)]
    fn open(&mut self, cx: &mut Context<Self>) {
        self.opened.insert(cx.incarnation(), ());
        self.openings += 1;
        let left = self.kills.load(Ordering::Relaxed);
        self.kills.store(left.saturating_sub(1), Ordering::Relaxed);
        if left > 0 {
            cx.handle().upgrade().unwrap().kill();
        }
    }

    #[cast]
    fn die(&mut self) {
        panic!("asked to die");
    }

    fn read(&mut self) -> (usize, u32) {
        (self.opened.len(), self.openings)
    }
}

async fn opening(kills: u32) -> (OpeningHandle, Supervisor) {
    let (mut tree, _) = Recorder::tree();
    let worker = tree.worker(Opening::spec(Arc::new(AtomicU32::new(kills))));
    (worker, tree.start().await.unwrap())
}

#[tokio::test]
async fn what_a_start_hook_has_written_stays_if_the_first_message_crashes() {
    let (worker, tree) = opening(0).await;
    worker.die().await.unwrap();
    assert_eq!(worker.read().await.unwrap(), (2, 2));
    tree.shutdown().await;
}

#[tokio::test]
async fn a_worker_that_is_killed_while_it_starts_is_in_no_crash_loop_however_often() {
    let (worker, tree) = opening(10).await;
    assert_eq!(worker.wait_serving(11).await.unwrap(), 11);
    assert_eq!(worker.quarantined(), 0);
    assert_eq!(worker.read().await.unwrap(), (1, 1), "the killed starts are undone");
    tree.shutdown().await;
}
