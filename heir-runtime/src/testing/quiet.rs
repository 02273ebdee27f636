//! Panics of workers, kept off the terminal.

use std::panic::{set_hook, take_hook};
use std::sync::Once;

use crate::util::ours::{is_in_a_task_of_ours, note, quiet};

/// Has the panics of workers print nothing, in the whole process and for good.
///
/// A test that kills its worker a thousand times would print a thousand panics, and nobody would
/// see the one that matters. From here on, a panic in a task of a worker prints nothing: in a
/// handler or hook, in a manager's `#[on(verify)]`, in an attached task, in a destructor that runs
/// there. Every other panic goes to the panic hook that was there before, so a failed assertion of
/// the test itself is shown. What a worker panics with is still the reason of its end, which callers
/// and observers are told.
///
/// With [`report_panics`](crate::events::report_panics), before or after it, observers and `tracing` are
/// told of those panics, and still nothing is printed.
///
/// The tests of a binary share one process, and run side by side: so there is no way back, and any
/// number of tests may call it. A hook that is set after it takes its place.
///
/// ```
/// use heir_runtime::prelude::*;
///
/// #[heir]
/// struct Counter { #[table(keep)] count: u64 }
///
/// #[handlers]
/// impl Counter {
///     fn die(&mut self) {
///         panic!("nobody sees this");
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// heir_runtime::testing::quiet_panics();
/// let mut tree = Supervisor::builder("test");
/// let counter = tree.worker(Counter::spec());
/// let tree = tree.start().await?;
/// let died = counter.die().await.unwrap_err();
/// assert!(died.to_string().ends_with("panic: nobody sees this"));
/// tree.shutdown().await;
/// # Ok::<_, BoxError>(())
/// # }).unwrap();
/// ```
///
/// # Panics
/// If it is called while its thread panics.
pub fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let loud = take_hook();
        set_hook(Box::new(move |panic| {
            if is_in_a_task_of_ours() {
                // Observers are told, if they are to be.
                note(panic);
            } else {
                loud(panic);
            }
        }));
        quiet();
    });
}
