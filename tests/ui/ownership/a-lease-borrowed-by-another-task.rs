//! A task outlives the borrow.

use heir_runtime::estate::Estate;

/// As `tokio::spawn` asks of a task.
fn spawn(_task: impl Future<Output = ()> + Send + 'static) {}

fn main() {
    let (_estate, mut lease) = Estate::new("counts", vec![1]);
    let counts = &mut lease;
    spawn(async move { counts.push(2) });
}
