//! A scenario, again and again: with a death at each wait.

use crate::testing::Deaths;
use crate::util::caught::{PanicMessage, caught};

/// Runs `scenario` once for each wait of a handler in it, with a death at that wait, and returns how
/// many waits there were.
///
/// The scenario gives its [`Deaths`] to the workers that are to die. The first run kills at the
/// first wait, the second at the second, until a run has come to no such wait. That last run has no
/// death. Each run is in a tokio runtime of its own: `current_thread`, its clock paused.
///
/// The scenario must end whoever dies: its calls may fail with
/// [`CallError::Died`](crate::CallError::Died). And it must have a last wait: a worker that waits
/// again and again, for as long as there are runs, is one for which this never ends.
///
/// ```
/// use std::time::Duration;
///
/// use heir_runtime::prelude::*;
/// use heir_runtime::testing;
///
/// #[heir]
/// struct Log { #[table] lines: OrderedTable<u64, String> }
///
/// #[handlers]
/// impl Log {
///     async fn note(&mut self, line: String) {
///         self.lines.insert(self.lines.len() as u64, format!("begin {line}"));
///         tokio::time::sleep(Duration::from_secs(1)).await;
///         self.lines.insert(self.lines.len() as u64, format!("end {line}"));
///         tokio::task::yield_now().await;
///     }
/// }
///
/// let waits = testing::at_every_wait(async |deaths| {
///     let mut tree = Supervisor::builder("test");
///     let log = tree.worker(deaths.befall(Log::spec()));
///     let tree = tree.start().await.unwrap();
///     let is_noted = log.note("a line".into()).await.is_ok();
///     assert_eq!(log.lines().len(), if is_noted { 2 } else { 0 });
///     tree.shutdown().await;
/// });
/// assert_eq!(waits, 2);
/// ```
///
/// # Panics
/// If a run of the scenario does, with the number of its wait: [`at_wait`] runs it alone. And if it
/// is called in a tokio runtime, which cannot wait for another.
#[track_caller]
pub fn at_every_wait(scenario: impl AsyncFn(Deaths)) -> u64 {
    let mut wait = 1;
    loop {
        match run(wait, &scenario) {
            Ok(true) => wait += 1,
            Ok(false) => return wait - 1,
            Err(words) => panic!(
                "with a death at wait {wait}, the scenario fails: {words}\n\
                 again, and alone: heir_runtime::testing::at_wait({wait}, scenario)"
            ),
        }
    }
}

/// Runs a scenario of [`at_every_wait`] once, with a death at this wait. Returns whether it has come
/// to that wait.
///
/// ```
/// use heir_runtime::testing;
///
/// let died = testing::at_wait(1, async |_deaths| {});
/// assert!(!died);
/// ```
///
/// # Panics
/// If the scenario does, or if `wait` is 0. And if it is called in a tokio runtime.
#[track_caller]
pub fn at_wait(wait: u64, scenario: impl AsyncFn(Deaths)) -> bool {
    run(wait, &scenario)
        .unwrap_or_else(|words| panic!("with a death at wait {wait}, the scenario fails: {words}"))
}

fn run(wait: u64, scenario: &impl AsyncFn(Deaths)) -> Result<bool, PanicMessage> {
    let deaths = Deaths::at_wait(wait);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap_or_else(|error| panic!("a scenario needs a tokio runtime: {error}"));
    caught(|| runtime.block_on(scenario(deaths.clone())))?;
    Ok(deaths.count() > 0)
}
