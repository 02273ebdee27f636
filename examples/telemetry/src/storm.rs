//! Many callers, a killer, and a model that counts what the callers hear.

use std::time::Duration;

use fastrand::Rng;
use heir_runtime::prelude::*;
use tokio::task::{JoinSet, yield_now};

const CALLERS: u64 = 16;
const CALLS: u64 = 500;

#[heir]
struct Stock {
    #[table]
    sold: Table<u64, u64>,
    /// How many tries have begun: as `keep`, it counts those that died, too.
    #[table(keep)]
    begun: u64,
    /// How many incarnations have had the tables.
    #[table(keep)]
    owners: u64,
}

#[handlers]
impl Stock {
    #[on(start)]
    fn count_me(&mut self) {
        self.owners += 1;
    }

    /// A call of which nothing stays if the worker dies over it. A poisoned one panics.
    async fn sell(&mut self, item: u64, is_poisoned: bool) {
        self.begun += 1;
        self.sold.add(item, 1);
        // Here the killer may come in between.
        yield_now().await;
        assert!(!is_poisoned, "poison");
    }

    /// The same, but it is served again if the worker dies over it.
    #[redeliver(2)]
    async fn sell_surely(&mut self, item: u64, is_poisoned: bool) {
        self.sell(item, is_poisoned).await;
    }

    /// How many tries have begun, with this one, and how many incarnations have had the tables.
    fn tally(&mut self) -> (u64, u64) {
        self.begun += 1;
        (self.begun, self.owners)
    }
}

/// What there is to know from outside: the callers' answers, and the worker's own tally.
#[derive(Default)]
pub(crate) struct Model {
    answered: u64,
    died: u64,
    refused: u64,
    begun: u64,
    owners: u64,
    incarnations: u64,
}

/// Lets the callers and the killer loose on a worker.
pub(crate) async fn rage() -> Result<Model, BoxError> {
    let mut tree = Supervisor::builder("shop").intensity(u32::MAX);
    // A call that comes while no incarnation serves is refused.
    let stock = tree.worker(Stock::spec().mailbox(8).while_down(heir_runtime::WhileDown::Fail));
    let tree = tree.start().await?;

    let killer = tokio::spawn({
        let (stock, mut dice) = (stock.clone(), Rng::with_seed(1));
        async move {
            loop {
                tokio::time::sleep(Duration::from_micros(dice.u64(..2000))).await;
                stock.kill();
            }
        }
    });
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        callers.spawn(call(stock.clone(), Rng::with_seed(caller)));
    }
    let mut model = Model::default();
    while let Some(heard) = callers.join_next().await {
        let heard = heard?;
        model.answered += heard.answered;
        model.died += heard.died;
        model.refused += heard.refused;
    }
    killer.abort();
    let _ = killer.await;

    stock.wait_serving(stock.incarnation()).await?;
    (model.begun, model.owners) = stock.tally().await?;
    model.answered += 1;
    model.incarnations = stock.incarnation();
    tree.shutdown().await;
    Ok(model)
}

/// One caller: it makes its calls, and counts what it hears.
async fn call(stock: StockHandle, mut dice: Rng) -> Model {
    let mut heard = Model::default();
    for _ in 0..CALLS {
        let (item, is_poisoned) = (dice.u64(..100), dice.u32(..50) == 0);
        let outcome = if dice.bool() {
            stock.sell(item, is_poisoned).await
        } else {
            stock.sell_surely(item, is_poisoned).await
        };
        match outcome {
            Ok(()) => heard.answered += 1,
            Err(CallError::NotSent { .. }) => {
                heard.refused += 1;
                yield_now().await;
            }
            Err(_) => heard.died += 1,
        }
    }
    heard
}

impl Model {
    /// Compares with what Prometheus would scrape. How often the killer hits is chance; that the
    /// numbers agree is not.
    ///
    /// # Panics
    /// If they do not, or the storm was none.
    pub(crate) fn compare(&self, scraped: &str) {
        let failed = self.begun - self.answered;
        let restarts = self.incarnations - 1;
        let lines = [
            ("heir_messages_served_total", self.answered, "calls that were answered"),
            ("heir_messages_failed_total", failed, "tries that had no answer"),
            ("heir_messages_redelivered_total", failed - self.died, "of these, what no caller heard of"),
            ("heir_messages_refused_total", self.refused, "calls that were not sent"),
            ("heir_handler_seconds_count", self.begun, "tries"),
            ("heir_mailbox_wait_seconds_count", self.begun, "tries"),
            ("heir_restarts_total", restarts, "incarnations but the first"),
            ("heir_handover_seconds_count", self.owners - 1, "owners of the tables but the first"),
        ];
        for (name, expected, words) in lines {
            let counted = total(scraped, name);
            assert_eq!(counted, expected, "{name}, as many as {words}, in\n{scraped}");
            assert!(counted > 0, "{name}: the storm was too small");
            println!("{name}: as many as {words}");
        }
    }
}

/// The sum of a metric of the worker `Stock`, over all its other labels.
fn total(scraped: &str, name: &str) -> u64 {
    let of_the_stock = scraped.lines().filter_map(|line| {
        let (labels, value) = line.strip_prefix(name)?.strip_prefix('{')?.rsplit_once("} ")?;
        labels.split(',').any(|label| label == r#"worker="Stock""#).then_some(value)
    });
    of_the_stock.map(|value| value.parse::<u64>().expect("counts are whole")).sum()
}
