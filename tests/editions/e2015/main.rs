//! Workers in a crate of edition 2015, which has neither `async` nor paths from outside.

#![allow(bare_trait_objects)]

extern crate heir_runtime;
extern crate tokio;

#[path = "../gen.rs"]
mod generated;
mod words;
