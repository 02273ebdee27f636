//! Nobody would hear the answer.

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
        self.open += 1;
        cx.send(self.stock.take(item)).await.is_ok()
    }
}

fn main() {}
