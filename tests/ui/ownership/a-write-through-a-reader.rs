//! There is one writer.

use heir_runtime::Table;

fn main() {
    let table = Table::<String, u64>::for_tests();
    let reader = table.reader();
    reader.insert(String::from("hits"), 1);
}
