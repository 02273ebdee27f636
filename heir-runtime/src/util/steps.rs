//! Comparisons and moves, counted in tests: what a cost grows with is a number there, and no length of time.

#[cfg(test)]
std::thread_local! {
    static STEPS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// So many of them are made. Outside of tests nothing counts.
#[inline]
pub(crate) fn made(steps: usize) {
    #[cfg(test)]
    STEPS.set(STEPS.get() + steps as u64);
    #[cfg(not(test))]
    let _ = steps;
}

/// Asserts that what `work` does with eight times as many takes no more than n log n: n squared would be 64 times the steps.
#[cfg(test)]
pub(crate) fn assert_no_square(work: impl Fn(usize)) {
    let steps = |many| {
        let before = STEPS.get();
        work(many);
        STEPS.get() - before
    };
    let (few, many) = (steps(500), steps(4_000));
    assert!(few > 0, "nothing is counted");
    assert!(many <= 16 * few, "{few} steps for 500, {many} for 4000");
}
