//! There is one writer.

use heir_runtime::Table;

fn main() {
    let table = Table::<String, u64>::for_tests();
    let _second: Table<String, u64> = table.clone();
}
