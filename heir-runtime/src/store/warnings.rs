//! What a store says before it fails: that it is slow, or that the file system has little room left.
//!
//! The writer looks after a batch, and a worker whose records were in it is told. Each is told when it
//! becomes so, and again when it has been well since.

use std::mem;
use std::time::{Duration, Instant};

use super::engine::Engine;
use crate::util::sync::Lock;

/// How long the room that is left is not looked at, unless the place has grown.
const PAUSE: Duration = Duration::from_secs(5);
/// The least room that should be left, unless the options say otherwise.
const LEAST: u64 = 256 << 20;

/// What is told of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Warning {
    /// A batch took this long.
    Slow(Duration),
    /// So many bytes are left.
    NearlyFull(u64),
}

/// Beyond what a store is slow, and nearly full.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) slow: Duration,
    /// `None`: 256 MiB, or the size of what is there, if that is more: it may have to be written anew.
    pub(crate) room: Option<u64>,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { slow: Duration::from_secs(1), room: None }
    }
}

/// How a store has been, and what is to be told of that.
#[derive(Debug)]
pub(crate) struct Warnings {
    bounds: Bounds,
    state: Lock<State>,
}

#[derive(Debug, Default)]
struct State {
    is_slow: bool,
    is_nearly_full: bool,
    /// How large the place was when its room was looked at last, and when that was.
    looked: Option<(u64, Instant)>,
    told: Vec<Warning>,
}

impl Warnings {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, state: Lock::default() }
    }

    /// Looks how the store is, after a batch that took so long.
    pub(crate) fn look(&self, took: Duration, engine: &dyn Engine) {
        let left = self.is_due(engine.size()).then(|| engine.room()).flatten();
        self.state.with(|state| {
            let is_slow = took > self.bounds.slow;
            if is_slow && !state.is_slow {
                state.told.push(Warning::Slow(took));
            }
            state.is_slow = is_slow;
            if let Some(left) = left {
                let size = state.looked.map_or(0, |(size, _)| size);
                let is_nearly_full = left < self.bounds.room.unwrap_or(LEAST.max(size));
                if is_nearly_full && !state.is_nearly_full {
                    state.told.push(Warning::NearlyFull(left));
                }
                state.is_nearly_full = is_nearly_full;
            }
        });
    }

    /// Whether to look at the room that is left, for a place of this size.
    fn is_due(&self, size: u64) -> bool {
        self.state.with(|state| {
            let is_due = state.looked.is_none_or(|(before, at)| size > before || at.elapsed() >= PAUSE);
            if is_due {
                state.looked = Some((size, Instant::now()));
            }
            is_due
        })
    }

    /// Takes what is to be told.
    pub(crate) fn take(&self) -> Vec<Warning> {
        self.state.with(|state| mem::take(&mut state.told))
    }
}
