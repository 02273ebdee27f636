//! What the suites share: an observer that remembers, random numbers that can be had again, user code that panics where it is
//! told to, and the README, whose programs run as tests.
#![cfg_attr(doctest, doc = include_str!("../../README.md"))]

pub mod fuse;
mod recorder;

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};

/// As another crate re-exports it.
pub use heir_runtime as runtime;
use heir_runtime::events::Role;
use heir_runtime::supervision::OverdueChild;

pub use crate::recorder::Recorder;

/// Which children did not stop in time, as tuples, to be compared.
pub fn overdue(children: &[OverdueChild]) -> Vec<(&str, Role)> {
    children.iter().map(|OverdueChild { child, role, .. }| (&**child, *role)).collect()
}

/// Random numbers that can be had again: of the seed in `HEIR_SEED`, or of a new one. Its `Display` names the seed.
#[derive(Clone, Debug)]
pub struct Random {
    seed: u64,
    state: u64,
}

impl Random {
    /// Of the seed in the environment, or a new one.
    pub fn new() -> Self {
        let seed = match std::env::var("HEIR_SEED") {
            Ok(seed) => seed.parse().expect("HEIR_SEED is a number"),
            Err(_) => RandomState::new().build_hasher().finish(),
        };
        Self::of(seed)
    }

    /// Of this seed.
    pub fn of(seed: u64) -> Self {
        Self { seed, state: seed }
    }

    /// One of `0..bound`.
    pub fn below(&mut self, bound: u32) -> u32 {
        // SplitMix64: any state is a good one.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((mixed ^ (mixed >> 31)) >> 32) as u32) % bound
    }

    /// One of these.
    pub fn of_these<T: Copy>(&mut self, these: &[T]) -> T {
        these[self.below(these.len() as u32) as usize]
    }
}

impl Default for Random {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "again with HEIR_SEED={}", self.seed)
    }
}
