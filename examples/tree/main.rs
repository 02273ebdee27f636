//! A supervision tree is a struct: what starts in which order, what is restarted with what, and every handle, typed.
//!
//! `cargo run --example tree` starts a small shop, draws its tree, kills a worker, a supervisor and a subtree of it, and draws it
//! again: other incarnations, the same state.

use std::error::Error;

use heir_runtime::prelude::*;
use heir_runtime::supervision::ShutdownReport;

/// What is in stock.
#[heir]
struct Stock {
    #[table(init = [("apples".to_owned(), 10), ("pears".to_owned(), 10)])]
    items: Table<String, u32>,
}

#[handlers]
impl Stock {
    /// Takes one, and returns how many are left.
    fn take(&mut self, item: String) -> Option<u32> {
        let left = self.items.get(&item)?.checked_sub(1)?;
        self.items.insert(item, left);
        Some(left)
    }
}

/// One customer's basket.
#[heir]
struct Basket {
    #[table(rollback)]
    items: Vec<String>,
    /// How many there may be.
    #[arg]
    limit: usize,
}

#[handlers]
impl Basket {
    /// Puts one in, and returns how many there are.
    fn put(&mut self, item: String) -> usize {
        self.items.push(item);
        assert!(self.items.len() <= self.limit, "the basket is full");
        self.items.len()
    }
}

/// Counts the sales of each item.
#[heir]
struct Sales {
    #[table]
    sold: Table<String, u32>,
}

#[handlers]
impl Sales {
    fn sell(&mut self, item: String) -> u32 {
        self.sold.add(item, 1)
    }
}

/// Baskets lean on the stock: whoever restarts that, restarts them.
#[supervisor(strategy = rest_for_one)]
struct Shop {
    stock: Stock,
    baskets: Dynamic<u32, Basket>,
}

/// The whole program.
#[supervisor(intensity = 5, period = "10s")]
struct App {
    #[child(backoff = "10ms")]
    sales: Sales,
    shop: Shop,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ShutdownReport, Box<dyn Error>> {
    // The panic here is asked for.
    heir_runtime::testing::quiet_panics();
    let app = App::start().await?;
    let shop = &app.shop;
    for customer in [1, 2] {
        let basket = shop.baskets.start(customer, Basket::spec(3)).await?;
        for item in ["apples", "pears"] {
            shop.stock.take(item.into()).await?;
            basket.put(item.into()).await?;
            app.sales.sell(item.into()).await?;
        }
    }
    println!("{}\n", app.tree());

    app.sales.kill();
    shop.kill();
    let basket = shop.baskets.get(&2).ok_or("no basket 2")?;
    println!("apples left: {:?}", shop.stock.take("apples".into()).await?);
    println!("in basket 2: {}", basket.put("plums".into()).await?);
    println!("one too many: {}", basket.put("figs".into()).await.unwrap_err());
    println!("apples sold: {}\n", app.sales.sell("apples".into()).await?);
    basket.wait_serving(3).await?;
    println!("{}", app.tree());

    let report = app.shutdown().await;
    println!("\n{}", report.why);
    Ok(report)
}
