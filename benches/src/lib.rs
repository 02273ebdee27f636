//! What the measurements share: keys, row numbers, timing, and the table they print.

use std::hash::Hash;
use std::time::Instant;

/// A key that can be made in any number.
pub trait Key: Clone + Hash + Ord + Send + Sync + 'static {
    /// The nth key.
    fn nth(n: u64) -> Self;
}

impl Key for u64 {
    fn nth(n: u64) -> Self {
        n.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

impl Key for String {
    fn nth(n: u64) -> Self {
        format!("session-{:016x}", u64::nth(n))
    }
}

/// Pseudo-random row numbers: the same for every candidate.
pub struct Rows {
    state: u64,
    rows: u64,
}

impl Rows {
    /// Below `rows`, in an order that is the same for one seed.
    pub fn new(seed: u64, rows: u64) -> Self {
        Self { state: seed, rows }
    }

    /// The next one.
    pub fn draw(&mut self) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state % self.rows).unwrap()
    }
}

/// Nanoseconds an operation takes, over so many of them.
pub fn nanos(times: usize, mut operation: impl FnMut(usize)) -> f64 {
    let start = Instant::now();
    for n in 0..times {
        operation(n);
    }
    start.elapsed().as_secs_f64() * 1e9 / times as f64
}

/// Prints the median of each figure, and in brackets its ratio to the first candidate's.
pub fn print_medians<'a, const N: usize>(names: impl Iterator<Item = &'a str>, figures: Vec<[Vec<f64>; N]>) {
    let median = |mut one: Vec<f64>| {
        one.sort_by(f64::total_cmp);
        one[one.len() / 2]
    };
    let medians: Vec<[f64; N]> = figures.into_iter().map(|all| all.map(median)).collect();
    for (name, row) in names.zip(&medians) {
        print!("| {name} ");
        for (figure, first) in row.iter().zip(medians[0]) {
            print!("| {figure:.0} ({:.2}) ", figure / first);
        }
        println!("|");
    }
}
