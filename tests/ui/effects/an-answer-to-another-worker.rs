//! The answer comes to the worker that sends the call.

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

    #[cast]
    fn taken(&mut self, order: u64, taken: CallResult<bool>) {
        self.items.truncate(order as usize + usize::from(taken.is_ok()));
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
        cx.send(self.stock.take(item).answer_to(self.open, StockMessage::Taken)).await.is_ok()
    }
}

fn main() {}
