//! Only the owner writes.

use heir_runtime::Table;

pub fn write(table: &Table<String, u64>) {
    table.insert(String::from("hits"), 1);
}

fn main() {}
