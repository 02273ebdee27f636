//! Maps whose keys are numbers: of tokio's tasks, of a supervisor's children.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map by numbers that we or tokio give out one after the other. No attacker chooses them, so a
/// simple hash is enough.
pub(crate) type ByNumber<N, V> = HashMap<N, V, BuildHasherDefault<Spread>>;

/// A hasher that spreads a number over the bits that a map looks at.
#[derive(Default)]
pub(crate) struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        // Multiplied by the golden ratio; its upper half is then as good as any.
        let spread = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = spread ^ spread >> 32;
    }
}
