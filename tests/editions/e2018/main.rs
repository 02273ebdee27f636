//! Workers in a crate of edition 2018.

#[path = "../gen.rs"]
mod generated;
#[path = "../waits.rs"]
mod waits;
