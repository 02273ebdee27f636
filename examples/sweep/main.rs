//! A sweep that runs on time in a worker that crashes all the time: the clock is the worker's, and not the incarnation's.
//!
//! `cargo run --example sweep` opens sessions for three seconds, and crashes their worker a hundred times a second. The sweep of
//! every 100 ms removes what has expired. tokio's clock is paused, so the seconds take no time, and the numbers are exact.

use std::time::Duration;

use heir_runtime::prelude::*;
use heir_runtime::supervision::ShutdownReport;
use tokio::time::{Instant, sleep};

/// How long a session lives.
const LIFE: Duration = Duration::from_millis(500);

#[heir]
struct Sessions {
    #[table]
    open: Table<u64, Instant>,
    #[table]
    swept: Table<&'static str, u64>,
}

#[handlers]
impl Sessions {
    #[cast]
    #[redeliver(3)]
    fn open_session(&mut self, id: u64) {
        self.open.insert(id, Instant::now() + LIFE);
    }

    /// A timer in a task of an incarnation would be made anew by each, and never come to 100 ms.
    #[every("100ms")]
    fn sweep(&mut self) {
        let now = Instant::now();
        let expired: Vec<u64> =
            self.open.iter().filter(|(_, expires)| *expires <= now).map(|(id, _)| id).collect();
        for id in &expired {
            self.open.remove(id);
        }
        self.swept.add("sessions", expired.len() as u64);
        self.swept.add("sweeps", 1);
    }
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<ShutdownReport, BoxError> {
    let mut tree = Supervisor::builder("sessions").intensity(u32::MAX);
    let sessions = tree.worker(Sessions::spec());
    let tree = tree.start().await?;
    sessions.wait_serving(1).await?;

    // The model: who should be there after the sweep at each 100 ms.
    let begin = Instant::now();
    let mut opened = Vec::new();
    for id in 0..300 {
        sessions.open_session(id).await?;
        opened.push(Instant::now() + LIFE);
        sleep(Duration::from_millis(5)).await;
        let next = sessions.incarnation() + 1;
        sessions.kill();
        sessions.wait_serving(next).await?;
        sleep(Duration::from_millis(5)).await;
    }
    // Past the sweep at 3 s.
    sleep(Duration::from_millis(50)).await;
    let last_sweep = begin + Duration::from_secs(3);
    let expired = opened.iter().filter(|expires| **expires <= last_sweep).count();

    println!("{} incarnations in {} ms", sessions.incarnation(), begin.elapsed().as_millis());
    println!("{} sweeps", sessions.swept().get("sweeps").unwrap_or(0));
    println!(
        "{} sessions have expired, and should: {expired}; {} are open, and should: {}",
        sessions.swept().get("sessions").unwrap_or(0),
        sessions.open().len(),
        opened.len() - expired
    );
    Ok(tree.shutdown().await)
}
