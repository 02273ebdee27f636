//! Slow look-ups side by side: a worker that owes many replies at once, and its successors pay them.
//!
//! `cargo run --example slow_lookups` makes ten look-ups of 20 ms in 20 ms. Then 400 callers ask for 40 names while the worker is
//! killed a hundred times a second: who has been promised an answer gets it, from whichever incarnation serves. tokio's clock is
//! paused, so the waiting takes no time.

use std::time::Duration;

use heir_runtime::prelude::*;
use heir_runtime::supervision::ShutdownReport;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// What a slow service elsewhere knows.
async fn look_up(id: u64) -> String {
    sleep(Duration::from_millis(20)).await;
    format!("user {id}")
}

#[heir]
struct Names {
    #[table]
    known: Table<u64, String>,
    /// Who waits for which name. The replies outlive the worker, with the table.
    #[table]
    asked: Table<u64, Vec<Reply<String>>>,
    /// How many look-ups have been begun.
    #[table]
    begun: Table<u64, u32>,
}

#[handlers]
impl Names {
    /// Answers at once, or when the name is known. All who ask for a name meanwhile share one look-up.
    fn name_of(&mut self, cx: &mut Context<Self>, id: u64, reply: Reply<String>) {
        if let Some(name) = self.known.get(&id) {
            return reply.send(cx, name);
        }
        let mut asked = self.asked.get(&id).unwrap_or_default();
        asked.push(reply);
        if asked.len() == 1 {
            self.begun.add(id, 1);
            cx.attach_future(look_up(id), move |names, name| async move { names.learnt(id, name).await })
                .outlives_incarnation();
        }
        self.asked.insert(id, asked);
    }

    #[cast]
    #[redeliver(100)]
    fn learnt(&mut self, cx: &mut Context<Self>, id: u64, name: String) {
        for reply in self.asked.remove(&id).unwrap_or_default() {
            // Leaves when the name is there to stay.
            reply.send(cx, name.clone());
        }
        self.known.insert(id, name);
    }
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<ShutdownReport, BoxError> {
    // The panics here are asked for.
    heir_runtime::testing::quiet_panics();
    let mut tree = Supervisor::builder("names").intensity(u32::MAX);
    let names = tree.worker(Names::spec());
    let tree = tree.start().await?;

    let begin = Instant::now();
    let mut asking = JoinSet::new();
    for id in 0..10 {
        let names = names.clone();
        asking.spawn(async move { names.name_of(id).await });
    }
    while let Some(answer) = asking.join_next().await {
        answer??;
    }
    println!("10 look-ups of 20 ms took {} ms", begin.elapsed().as_millis());

    let storm = tokio::spawn({
        let names = names.clone();
        async move {
            loop {
                sleep(Duration::from_millis(10)).await;
                names.kill();
            }
        }
    });
    let mut asking = JoinSet::new();
    for caller in 0..400_u64 {
        let names = names.clone();
        asking.spawn(async move {
            sleep(Duration::from_millis(caller)).await;
            let id = 10 + caller % 40;
            loop {
                match names.name_of(id).await {
                    Ok(name) => return name == format!("user {id}"),
                    // The question itself died with its worker, and has had no effect.
                    Err(CallError::Died { .. }) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        });
    }
    let (mut right, mut wrong) = (0, 0);
    while let Some(is_right) = asking.join_next().await {
        if is_right? {
            right += 1;
        } else {
            wrong += 1;
        }
    }
    storm.abort();
    println!("{right} callers were told the right name, {wrong} another");
    println!("{} names known, {} callers still wait", names.known().len(), names.asked().len());
    println!("no name was looked up twice: {}", (0..50).all(|id| names.begun().get(&id) == Some(1)));
    println!("more than 30 incarnations: {}", names.incarnation() > 30);
    Ok(tree.shutdown().await)
}
