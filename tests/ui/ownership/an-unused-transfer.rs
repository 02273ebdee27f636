//! Dropping it returns the tables.

#![deny(unused_must_use)]

use heir_runtime::estate::{Incoming, NotGiven};

pub async fn received(incoming: Incoming<Vec<u64>>) -> Result<(), NotGiven> {
    incoming.receive().await?;
    Ok(())
}

fn main() {}
