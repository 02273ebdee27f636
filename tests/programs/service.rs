//! The services that `main.rs` starts as processes, and sends signals to: the argument says which.

use std::env;
use std::future::pending;
use std::time::Duration;

use heir_runtime::prelude::*;
use heir_runtime::supervision::ShutdownReport;
use heir_runtime::{Shutdown, SupervisorBuilder};
use tokio::join;
use tokio::sync::Notify;

/// Tells when it is stopped.
#[heir]
struct Clerk {
    #[table(keep)]
    unused: (),
    #[arg]
    name: &'static str,
    #[arg]
    at_stop: AtStop,
}

/// Told when a stop hook hangs.
static HANGS: Notify = Notify::const_new();

#[derive(Clone, Copy, PartialEq, Eq)]
enum AtStop {
    Leaves,
    Hangs,
}

#[handlers]
impl Clerk {
    #[on(stop)]
    async fn end(&mut self) {
        println!("{} stops", self.name);
        if self.at_stop == AtStop::Hangs {
            HANGS.notify_one();
            pending().await
        }
    }

    #[cast]
    fn die(&mut self) {
        panic!("asked to die");
    }

    /// Blocks its thread for ever, and tells of each SIGTERM and SIGINT.
    #[cast]
    fn block(&mut self) {
        blocked::tell_of_signals();
    }
}

#[cfg(unix)]
mod blocked {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::Duration;

    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::flag;

    pub(super) fn tell_of_signals() {
        let has_come = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // Registered after the runtime's own: when this one has run, those have.
            flag::register(signal, Arc::clone(&has_come)).expect("a flag");
        }
        println!("blocked");
        loop {
            if has_come.swap(false, Ordering::SeqCst) {
                println!("a signal has come");
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

#[cfg(not(unix))]
mod blocked {
    pub(super) fn tell_of_signals() {}
}

fn clerk(name: &'static str, at_stop: AtStop) -> Spec<Clerk> {
    Clerk::spec(name, at_stop).name(name).shutdown(Shutdown::Timeout(Duration::MAX))
}

/// Three clerks, one of them in a subtree, and the last one's handle.
fn tree(at_stop: AtStop) -> (SupervisorBuilder, ClerkHandle) {
    let (mut tree, mut below) = (Supervisor::builder("app").intensity(0), Supervisor::builder("below"));
    tree.worker(clerk("first", AtStop::Leaves));
    below.worker(clerk("inside", AtStop::Leaves));
    tree.child(below);
    let last = tree.worker(clerk("last", at_stop));
    (tree, last)
}

/// Tells it when the task that spawns this waits: then it listens for signals.
fn tell_when_it_waits() {
    tokio::spawn(async { println!("up") });
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ShutdownReport, BoxError> {
    let which = env::args().nth(1).ok_or("which service?")?;
    let at_stop = if which.starts_with("hangs") { AtStop::Hangs } else { AtStop::Leaves };
    let (mut tree, last) = tree(at_stop);
    if which == "hangs and is late" {
        tree = tree.shutdown(Shutdown::Timeout(Duration::from_millis(10)));
    }
    let tree = tree.start().await?;
    match &*which {
        "serves" | "hangs" | "hangs and is late" => tell_when_it_waits(),
        "gives up" => last.die().await?,
        "blocks" => last.block().await?,
        "is one of two" => {
            let other = Supervisor::builder("other").start().await?;
            tell_when_it_waits();
            let (report, other) = join!(tree.run_until_shutdown(), other.run_until_shutdown());
            println!("the other: {other}");
            return Ok(report);
        }
        "hangs, and another begins" => {
            let hangs = tokio::spawn(tree.run_until_shutdown());
            tell_when_it_waits();
            HANGS.notified().await;
            let other = Supervisor::builder("other").start().await?;
            println!("the other: {}", other.run_until_shutdown().await);
            return Ok(hangs.await?);
        }
        "outlives another" => {
            let other = Supervisor::builder("other").start().await?;
            let runs = tokio::spawn(tree.run_until_shutdown());
            other.stop().await;
            println!("the other: {}", other.run_until_shutdown().await);
            tell_when_it_waits();
            return Ok(runs.await?);
        }
        "goes on" => {
            tree.stop().await;
            println!("over: {}", tree.run_until_shutdown().await);
            return pending().await;
        }
        "starts another" => {
            tree.stop().await;
            println!("over: {}", tree.run_until_shutdown().await);
            let other = Supervisor::builder("other").start().await?;
            tell_when_it_waits();
            return Ok(other.run_until_shutdown().await);
        }
        _ => return Err("there is no such service".into()),
    }
    Ok(tree.run_until_shutdown().await)
}
