//! A job queue that loses no job: a worker that is killed a hundred times a second hands jobs to another, which is killed as often.
//!
//! `cargo run --example job_queue` puts in 500 jobs. Each is run until it succeeds, each result is written once, and the jobs that
//! crash their runner three times are dead letters. tokio's clock is paused, so the seconds of the program take no time.

use std::time::Duration;

use heir_runtime::prelude::*;
use heir_runtime::supervision::ShutdownReport;
use tokio::time::sleep;

const JOBS: u64 = 500;
/// How often a job may crash its runner.
const TRIES: u32 = 3;

/// Runs a job at a time. It has no state of its own.
#[heir]
struct Runner {
    #[table(keep)]
    runs: u64,
}

#[handlers]
impl Runner {
    /// Squares the number of the job, which takes a while. One of ten is poison.
    async fn run(&mut self, job: u64) -> u64 {
        self.runs += 1;
        sleep(Duration::from_millis(2)).await;
        assert!(!is_poison(job), "job {job} is poison");
        job * job
    }
}

fn is_poison(job: u64) -> bool {
    job.is_multiple_of(10)
}

/// Where the jobs are: each in one of the tables.
#[heir]
struct Queue {
    /// The jobs under way, and how often each has crashed its runner.
    #[table]
    open: Table<u64, u32>,
    /// The results.
    #[table]
    done: Table<u64, u64>,
    /// The jobs that were given up, and why.
    #[table]
    dead: OrderedTable<u64, String>,
    /// Who waits until no job is open.
    #[table(rollback)]
    waiting: Vec<Reply<()>>,
    #[arg]
    runner: RunnerHandle,
}

#[handlers]
impl Queue {
    /// Takes a job. Whoever does not get an answer puts the job in again: a job that is there already is not run twice.
    async fn put(&mut self, cx: &mut Context<Self>, job: u64) -> Result<(), MessageError> {
        if self.open.contains_key(&job) || self.done.contains_key(&job) || self.dead.contains_key(&job) {
            return Ok(());
        }
        self.open.insert(job, 0);
        // Leaves when the row is there to stay, or not at all.
        cx.send(self.runner.run(job).answer_to(job, QueueMessage::Ran).redeliver(100)).await?;
        Ok(())
    }

    /// The answer of the runner: served again if the queue dies over it.
    #[cast]
    fn ran(&mut self, cx: &mut Context<Self>, job: u64, outcome: CallResult<u64>) {
        let crashes = match outcome {
            Ok(result) => {
                self.done.insert(job, result);
                return self.close(cx, job);
            }
            // The runner was killed: that says nothing about the job.
            Err(CallError::Died { reason: ExitReason::Killed, .. }) => self.open.get(&job).unwrap_or(0),
            Err(why) => {
                let crashes = self.open.add(job, 1);
                if crashes == TRIES {
                    self.dead.insert(job, why.to_string());
                    return self.close(cx, job);
                }
                crashes
            }
        };
        let delay = Duration::from_millis(10) * (crashes + 1);
        cx.send_delayed(delay, self.runner.run(job).answer_to(job, QueueMessage::Ran).redeliver(100));
    }

    /// Is answered when no job is open.
    fn drained(&mut self, cx: &mut Context<Self>, reply: Reply<()>) {
        if self.open.is_empty() { reply.send(cx, ()) } else { self.waiting.push(reply) }
    }

    #[skip]
    fn close(&mut self, cx: &mut Context<Self>, job: u64) {
        self.open.remove(&job);
        if self.open.is_empty() {
            for reply in self.waiting.drain(..) {
                reply.send(cx, ());
            }
        }
    }
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<ShutdownReport, BoxError> {
    // The panics here are asked for.
    heir_runtime::testing::quiet_panics();
    let mut tree = Supervisor::builder("jobs").intensity(u32::MAX);
    let runner = tree.worker(Runner::spec());
    let queue = tree.worker(Queue::spec(runner.clone()));
    let tree = tree.start().await?;

    let storm = tokio::spawn({
        let (runner, queue) = (runner.clone(), queue.clone());
        async move {
            // Ten milliseconds on average, and never in step with a job that is tried again and again.
            for turn in 0.. {
                sleep(Duration::from_millis(8 + turn * 7 % 5)).await;
                runner.kill();
                sleep(Duration::from_micros(500)).await;
                queue.kill();
            }
        }
    });
    for job in 0..JOBS {
        // The only thing that a client needs to do: ask again when its call died.
        while queue.put(job).await.is_err() {}
        sleep(Duration::from_millis(1)).await;
    }
    while queue.drained().await.is_err() {}
    storm.abort();

    let expected: u64 = (0..JOBS).filter(|job| !is_poison(*job)).map(|job| job * job).sum();
    let sum: u64 = (0..JOBS).filter_map(|job| queue.done().get(&job)).sum();
    println!(
        "{} done, {} dead letters, {} still open",
        queue.done().len(),
        queue.dead().len(),
        queue.open().len()
    );
    println!("the results add up to {sum}, and should to {expected}");
    println!("the first dead letter: job 0, {}", queue.dead().get(&0).unwrap_or_default());
    println!(
        "more than a hundred incarnations of each: {}",
        runner.incarnation() > 100 && queue.incarnation() > 100
    );
    Ok(tree.shutdown().await)
}
