//! The classic demonstration: a table is given away, its owner dies, and the table lives.
//!
//! `cargo run --example etsgive` opens a shell in which a worker counts in a table, and can be made to die in several ways;
//! the life of the table is told as it happens. Commands can be piped in, too; with neither a terminal nor input it plays a
//! session by itself.

mod command;
mod counter;
mod input;

use std::error::Error;
use std::sync::Arc;

use heir_runtime::events::EventKind;
use heir_runtime::prelude::*;
use heir_runtime::supervision::ShutdownReport;
use tokio::sync::Notify;

use self::command::{Command, HELP, parse};
use self::counter::{Counter, CounterHandle};
use self::input::Input;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ShutdownReport, Box<dyn Error>> {
    // The panics here are asked for, and told as events.
    heir_runtime::testing::quiet_panics();
    let new_heir = Arc::new(Notify::new());
    let told = Arc::clone(&new_heir);
    let mut tree = Supervisor::builder("etsgive").intensity(u32::MAX).observe(move |event| {
        // What the supervisor says of itself is not what this is about.
        if &*event.child != "etsgive" {
            println!("    {}", event.kind);
        }
        if event.kind == EventKind::BecameHeir {
            told.notify_one();
        }
    });
    let counter = tree.worker(Counter::spec());
    let tree = tree.start().await?;
    new_heir.notified().await;

    let mut input = Input::open()?;
    loop {
        // A thread of its own waits for the person; the tree goes on.
        let (next, line) = tokio::task::spawn_blocking(move || {
            let line = input.next();
            (input, line)
        })
        .await?;
        input = next;
        let Some(line) = line? else { break };
        match parse(&line) {
            Ok(Command::Quit) => break,
            Ok(Command::Tree) => println!("{}", tree.tree()),
            Ok(Command::KillManager) => {
                if counter.kill_manager() {
                    new_heir.notified().await;
                }
            }
            Ok(command) => obey(command, &counter).await?,
            Err(words) => println!("{words}"),
        }
    }
    Ok(tree.shutdown().await)
}

async fn obey(command: Command, counter: &CounterHandle) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Count(times) => {
            for _ in 0..times {
                println!("Counter: {}", counter.count().await?);
            }
        }
        Command::Check => {
            let owner = counter.estate().owner().map(|owner| format!("{} {}", owner.name, owner.incarnation));
            println!("{:?}, owned by {}", counter.rows().await?, owner.as_deref().unwrap_or("nobody"));
        }
        Command::Die => {
            let next = counter.incarnation() + 1;
            counter.die().await?;
            counter.wait_serving(next).await?;
        }
        Command::Kill(times) => {
            for _ in 0..times {
                if let Some(killed) = counter.kill() {
                    counter.wait_serving(killed + 1).await?;
                }
            }
        }
        Command::Help => println!("{HELP}"),
        Command::Nothing | Command::KillManager | Command::Tree | Command::Quit => {}
    }
    Ok(())
}
