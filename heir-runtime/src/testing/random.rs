//! Random numbers that follow from a seed.

use fastrand::Rng;

/// Random numbers that follow from a seed: what makes the operations of a
/// [`Storm`](crate::testing::Storm).
///
/// ```
/// use heir_runtime::testing::Random;
///
/// let mut random = Random::new(7);
/// let dice: Vec<u64> = (0..3).map(|_| 1 + random.below(6)).collect();
/// let mut again = Random::new(7);
/// assert_eq!(dice, [(); 3].map(|()| 1 + again.below(6)));
/// ```
#[derive(Clone, Debug)]
pub struct Random(Rng);

impl Random {
    /// Those of this seed.
    pub fn new(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0.u64(..)
    }

    /// A number from 0 up to `bound`, which is excluded.
    ///
    /// # Panics
    /// If `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0.u64(..bound)
    }

    /// Yes or no, as often the one as the other.
    pub fn bool(&mut self) -> bool {
        self.0.bool()
    }

    /// One of these.
    ///
    /// # Panics
    /// If there are none.
    pub fn one_of<'t, T>(&mut self, these: &'t [T]) -> &'t T {
        &these[self.0.usize(..these.len())]
    }

    /// The numbers themselves, for what is not the user's.
    pub(super) fn rng(&mut self) -> Rng {
        self.0.fork()
    }
}

/// The seed in the environment variable `HEIR_SEED`, or a new one each time.
///
/// A test that begins with it is another one each time that it runs, and can be run again:
/// `HEIR_SEED=1234 cargo test ...` has the seed that a failure has named.
///
/// ```
/// use heir_runtime::testing::{self, Storm};
///
/// let storm = Storm::new(testing::seed()).steps(1_000);
/// ```
///
/// # Panics
/// If `HEIR_SEED` is set, and not a number.
pub fn seed() -> u64 {
    match std::env::var("HEIR_SEED") {
        Err(_) => fastrand::u64(..),
        Ok(seed) => seed.parse().unwrap_or_else(|_| panic!("HEIR_SEED is a number, and not `{seed}`")),
    }
}
