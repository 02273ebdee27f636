//! The handler takes another answer than the call has.

use heir_runtime::prelude::*;

#[heir]
struct Stock {
    #[table(keep)]
    items: Vec<String>,
}

#[handlers]
impl Stock {
    fn take(&mut self, item: String) -> bool {
        self.items.contains(&item)
    }
}

#[heir]
struct Orders {
    #[table(keep)]
    open: u64,
    #[arg]
    stock: StockHandle,
}

#[handlers]
impl Orders {
    async fn place(&mut self, cx: &mut Context<Self>, item: String) -> bool {
        cx.send(self.stock.take(item).answer_to(self.open, OrdersMessage::Taken)).await.is_ok()
    }

    #[cast]
    fn taken(&mut self, order: u64, taken: CallResult<String>) {
        self.open = order + taken.map_or(0, |taken| taken.len() as u64);
    }
}

fn main() {}
