//! Comparisons and moves, counted in tests: there a cost is a number of steps, and not a length of
//! time.

#[cfg(test)]
std::thread_local! {
    static STEPS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Counts so many steps, in tests only.
#[inline]
pub(crate) fn made(steps: usize) {
    #[cfg(test)]
    STEPS.set(STEPS.get() + steps as u64);
    #[cfg(not(test))]
    let _ = steps;
}

/// How many steps `work` makes.
#[cfg(test)]
pub(crate) fn steps(work: impl FnOnce()) -> u64 {
    let before = STEPS.get();
    work();
    STEPS.get() - before
}

/// Asserts that the steps of `work` grow with n log n at most: for eight times as many, n squared
/// would be 64 times the steps.
#[cfg(test)]
pub(crate) fn assert_no_square(work: impl Fn(usize)) {
    let (few, many) = (steps(|| work(500)), steps(|| work(4_000)));
    assert!(few > 0, "nothing is counted");
    assert!(many <= 16 * few, "{few} steps for 500, {many} for 4000");
}
