//! Links under fire: no deadlock, no signal for the wrong incarnation, no worker left alone.

use std::time::Duration;

use heir_runtime::links::{Down, ExitSignal};
use heir_runtime::{Context, ExitReason, Supervisor, handlers, heir};
use heir_tests::Recorder;

/// Links and monitors whom it is told to, and does not trap exits.
#[heir]
struct Member {
    #[table(rollback)]
    served: u64,
    #[table(keep)]
    downs: u64,
}

#[handlers]
impl Member {
    #[on(down)]
    fn down(&mut self, _down: &Down) {
        self.downs += 1;
    }

    async fn tie(&mut self, cx: &mut Context<Self>, other: MemberHandle) {
        cx.link(&other);
        cx.monitor(&other);
        tokio::task::yield_now().await;
        if self.served.is_multiple_of(3) {
            cx.unlink(&other);
        }
        self.served += 1;
    }

    fn served(&mut self) -> u64 {
        self.served
    }
}

/// Traps exits.
#[heir]
struct Witness {
    #[table(rollback)]
    signals: u64,
}

#[handlers]
impl Witness {
    #[on(exit)]
    fn exited(&mut self, _signal: &ExitSignal) {
        self.signals += 1;
    }

    fn link(&mut self, cx: &mut Context<Self>, other: MemberHandle) {
        cx.link(&other);
    }

    fn signals(&mut self) -> u64 {
        self.signals
    }
}

async fn ring(members: usize) -> (Vec<MemberHandle>, WitnessHandle, Supervisor) {
    let (mut tree, _) = Recorder::tree();
    let ring = (0..members).map(|n| tree.worker(Member::spec().name(format!("member {n}")))).collect();
    let witness = tree.worker(Witness::spec());
    (ring, witness, tree.start().await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rings_of_links_live_through_exits_of_any_member_at_any_moment() {
    let (ring, _witness, tree) = ring(6).await;
    let mut served = 0;
    let mut tasks = Vec::new();
    for n in 0..ring.len() {
        let (this, next) = (ring[n].clone(), ring[(n + 1) % ring.len()].clone());
        tasks.push(tokio::spawn(async move {
            let mut served = 0;
            for turn in 0..2000_u32 {
                match turn % 5 {
                    0 => drop(this.exit(ExitReason::error("struck"))),
                    1 => drop(next.kill()),
                    _ => served += u64::from(this.tie(next.clone()).await.is_ok()),
                }
            }
            served
        }));
    }
    for task in tasks {
        served += task.await.unwrap();
    }
    let mut counted = 0;
    for member in &ring {
        // The last signals may still be on their way.
        counted += loop {
            if let Ok(served) = member.served().await {
                break served;
            }
        };
    }
    assert_eq!(counted, served, "what was answered was committed, and nothing else");
    tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_linked_hears_of_every_death_once() {
    let (ring, witness, tree) = ring(4).await;
    let mut deaths = 0;
    for turn in 0..2000 {
        let member = &ring[turn % ring.len()];
        // Serving, so that it is alive: else the signal would be another one.
        let incarnation = member.wait_serving(member.incarnation()).await.unwrap();
        witness.link(member.clone()).await.unwrap();
        let down = member.monitor();
        deaths += u64::from(member.kill() == Some(incarnation));
        down.await;
        member.wait_serving(incarnation + 1).await.unwrap();
    }
    assert_eq!(witness.signals().await.unwrap(), deaths);
    assert_eq!(deaths, 2000);
    tokio::time::timeout(Duration::from_secs(30), tree.shutdown()).await.unwrap();
}
