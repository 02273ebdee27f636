//! Handlers that wait, in the editions from 2018 on.

use heir_runtime::{handlers, heir, BoxError, Supervisor};

#[heir]
pub struct Waits {
    #[table(keep, init = load(gen).await?)]
    kept: u64,
    #[arg]
    gen: u64,
}

async fn load(gen: u64) -> Result<u64, BoxError> {
    tokio::task::yield_now().await;
    Ok(gen)
}

#[handlers]
impl Waits {
    pub async fn gen(&mut self, gen: u64) -> u64 {
        tokio::task::yield_now().await;
        self.kept + gen
    }
}

#[tokio::test]
async fn a_handler_that_waits_may_have_the_name() {
    let mut tree = Supervisor::builder("app");
    let waits = tree.worker(Waits::spec(1));
    let tree = tree.start().await.expect("a tree");
    assert_eq!(waits.gen(2).await.expect("an answer"), 3);
    tree.shutdown().await;
}
