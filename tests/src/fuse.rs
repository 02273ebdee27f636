//! User code that panics where it is told to: always, while a fuse is lit, or at the n-th call of it, counted over one thread.

use std::cell::Cell;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::ops::AddAssign;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind, set_hook, take_hook};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Once};

thread_local! {
    static FUSE: Cell<Option<Counted>> = const { Cell::new(None) };
    static BURNT: Cell<bool> = const { Cell::new(false) };
}

const WORDS: &str = "the fuse has burnt down";

const ASKED: &str = "asked to die";

/// A death that is meant, told to nobody.
pub fn die() -> ! {
    panic!("{ASKED}");
}

/// Its destructor panics, and that of each clone, also on the way of another panic: two at once end the process.
#[derive(Clone, Debug, Default)]
pub struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("in a destructor");
    }
}

/// User code panics while it is lit.
#[derive(Debug, Default)]
pub struct Fuse(AtomicBool);

impl Fuse {
    /// One that is not lit.
    pub const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// From here on, user code panics.
    pub fn light(&self) {
        self.0.store(true, Relaxed);
    }

    /// From here on, it does not.
    pub fn put_out(&self) {
        self.0.store(false, Relaxed);
    }

    /// Whether it is lit.
    pub fn is_lit(&self) -> bool {
        self.0.load(Relaxed)
    }

    /// User code at this place.
    pub fn pass(&self, place: &str) {
        assert!(!self.is_lit(), "in {place}");
    }
}

/// Its destructor panics while the fuse is lit.
#[derive(Clone, Debug, Default)]
pub struct Mine(pub Arc<Fuse>);

impl Drop for Mine {
    fn drop(&mut self) {
        self.0.pass("a destructor");
    }
}

/// After how many calls of user code the next ones panic, and how many.
#[derive(Clone, Copy)]
struct Counted {
    left: u32,
    panics: u32,
}

/// One call of user code. It panics if it is its turn, but not on the way of another panic: two at once end the process.
pub fn tick() {
    let Some(Counted { left, panics }) = FUSE.get().filter(|_| !std::thread::panicking()) else { return };
    if let Some(left) = left.checked_sub(1) {
        return FUSE.set(Some(Counted { left, panics }));
    }
    FUSE.set((panics > 1).then_some(Counted { left, panics: panics - 1 }));
    BURNT.set(true);
    panic!("{WORDS}");
}

/// From here on, user code panics after `left` calls of it, this many times in a row.
pub fn light(left: u32, panics: u32) {
    // There are very many of them, each with its backtrace.
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let loud = take_hook();
        set_hook(Box::new(move |panic| {
            if !matches!(panic.payload_as_str(), Some(WORDS | ASKED)) {
                loud(panic);
            }
        }));
    });
    BURNT.set(false);
    FUSE.set(Some(Counted { left, panics }));
}

/// Puts the fuse out; whether it had burnt down.
pub fn put_out() -> bool {
    FUSE.set(None);
    BURNT.replace(false)
}

/// Runs `work`, the test's own, in which no user code panics and none is counted.
pub fn without<R>(work: impl FnOnce() -> R) -> R {
    let fuse = FUSE.take();
    let done = work();
    FUSE.set(fuse);
    done
}

/// Runs `work` with a fuse of this length, for one panic. Whether it burnt down.
pub fn burns(left: u32, work: impl FnOnce()) -> bool {
    light(left, 1);
    let done = catch_unwind(AssertUnwindSafe(work));
    let burnt = put_out();
    match done {
        Err(other) if !burnt => resume_unwind(other),
        // A destructor's panic is caught inside the runtime.
        _ => burnt,
    }
}

/// Tries one fuse after the other, each longer, until one does not burn down. How many did.
pub fn burn_all(mut burns_down: impl FnMut(u32) -> bool) -> u32 {
    let mut fuse = 0;
    while burns_down(fuse) {
        fuse += 1;
    }
    fuse
}

/// A value whose every trait counts down.
#[derive(Debug)]
pub struct Touchy(pub u8);

impl Clone for Touchy {
    fn clone(&self) -> Self {
        tick();
        Self(self.0)
    }
}
impl Default for Touchy {
    fn default() -> Self {
        tick();
        Self(0)
    }
}
impl AddAssign for Touchy {
    fn add_assign(&mut self, other: Self) {
        tick();
        self.0 += other.0;
    }
}
impl Drop for Touchy {
    fn drop(&mut self) {
        tick();
    }
}
impl Hash for Touchy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        tick();
        // Collisions, so that a map has to ask `Eq`; not many, for they make it grow.
        (self.0 / 2).hash(state);
    }
}
impl PartialEq for Touchy {
    fn eq(&self, other: &Self) -> bool {
        tick();
        self.0 == other.0
    }
}
impl Eq for Touchy {}
impl PartialOrd for Touchy {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Touchy {
    fn cmp(&self, other: &Self) -> Ordering {
        tick();
        self.0.cmp(&other.0)
    }
}
impl std::fmt::Display for Touchy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        tick();
        self.0.fmt(f)
    }
}
impl std::error::Error for Touchy {}
