//! An answer needs no reply: its handler is a cast.

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

    fn taken(&mut self, order: u64, taken: CallResult<bool>) {
        self.open = order + u64::from(taken.is_ok());
    }
}

fn main() {}
