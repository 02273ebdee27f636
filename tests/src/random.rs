//! Random numbers that can be had again.

use std::fmt;

use fastrand::Rng;
use heir_runtime::testing;

/// Random numbers of the seed in `HEIR_SEED`, or of a new one. Its `Display` names the seed.
#[derive(Clone, Debug)]
pub struct Random {
    seed: u64,
    numbers: Rng,
}

impl Random {
    /// Of the seed in the environment, or of a new one.
    pub fn new() -> Self {
        Self::of(testing::seed())
    }

    /// So many, each of a seed of its own: only the one that is asked for, if there is a seed in the environment.
    pub fn each(times: u32) -> impl Iterator<Item = Self> {
        let is_asked_for = std::env::var("HEIR_SEED").is_ok();
        let times = if is_asked_for { 1 } else { times };
        (0..times).map(|_| Self::new())
    }

    /// One of a seed that this one gives.
    pub fn another(&mut self) -> Self {
        Self::of(self.numbers.u64(..))
    }

    fn of(seed: u64) -> Self {
        Self { seed, numbers: Rng::with_seed(seed) }
    }

    /// One of `0..bound`.
    pub fn below(&mut self, bound: u32) -> u32 {
        self.numbers.u32(..bound)
    }

    /// One of these.
    pub fn of_these<'a, T>(&mut self, these: &'a [T]) -> &'a T {
        &these[self.numbers.usize(..these.len())]
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
