//! The plan by which a test has workers die: which message, and where in it.

use fastrand::Rng;

use crate::util::sync::Lock;

/// How a worker dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// As by [`Handle::kill`](crate::Handle::kill).
    Kill,
    /// A panic in the place of its handler.
    Panic,
}

/// When workers die. All numbers count from 1.
#[derive(Clone, Debug)]
pub(crate) enum When {
    Never,
    Message(u64),
    Commit(u64),
    Wait(u64),
    /// Of all messages this share, from 0 to 1.
    Random(Rng, f64),
}

/// What has been counted, over all workers that share a plan.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) messages: u64,
    pub(crate) waits: u64,
    /// Handlers that were done, and were to commit.
    pub(crate) commits: u64,
    pub(crate) deaths: u64,
}

/// A plan of deaths, which several workers may share.
pub(crate) struct Plan(Lock<State>);

struct State {
    when: When,
    how: How,
    is_over: bool,
    counts: Counts,
}

/// Where a message dies if the plan is a random one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Moment {
    #[default]
    Nowhere,
    /// At this wait of its handler, or before its commit if there are less.
    Wait(u32),
    Commit,
}

impl Plan {
    pub(crate) fn new(when: When) -> Self {
        Self(Lock::new(State { when, how: How::Kill, is_over: false, counts: Counts::default() }))
    }

    pub(crate) fn set_how(&self, how: How) {
        self.0.with(|state| state.how = how);
    }

    /// From here on nobody dies any more.
    pub(crate) fn end(&self) {
        self.0.with(|state| state.is_over = true);
    }

    pub(crate) fn counts(&self) -> Counts {
        self.0.with(|state| state.counts)
    }

    /// A message is to be served: whether its worker dies before, or else where in it, at random.
    pub(crate) fn message(&self) -> Result<Moment, How> {
        self.0.with(|state| {
            state.counts.messages += 1;
            let number = state.counts.messages;
            let now = match &mut state.when {
                When::Message(at) => *at == number,
                When::Random(random, rate) => match Moment::random(random, *rate) {
                    Ok(later) => return Ok(later),
                    Err(()) => true,
                },
                When::Never | When::Commit(_) | When::Wait(_) => false,
            };
            state.dies_if(now).map_or(Ok(Moment::Nowhere), Err)
        })
    }

    /// The handler of a message waits: whether its worker dies here.
    pub(crate) fn wait(&self, moment: &mut Moment) -> Option<How> {
        self.0.with(|state| {
            state.counts.waits += 1;
            let is_planned = matches!(state.when, When::Wait(at) if at == state.counts.waits);
            let is_drawn = match moment {
                Moment::Wait(left) => {
                    *left = left.saturating_sub(1);
                    *left == 0
                }
                Moment::Nowhere | Moment::Commit => false,
            };
            state.dies_if(is_planned || is_drawn)
        })
    }

    /// The handler of a message is done: whether its worker dies before the commit.
    pub(crate) fn commit(&self, moment: Moment) -> Option<How> {
        self.0.with(|state| {
            state.counts.commits += 1;
            let is_planned = matches!(state.when, When::Commit(at) if at == state.counts.commits);
            state.dies_if(is_planned || moment != Moment::Nowhere)
        })
    }
}

impl State {
    fn dies_if(&mut self, now: bool) -> Option<How> {
        if !now || self.is_over {
            return None;
        }
        self.counts.deaths += 1;
        Some(self.how)
    }
}

impl Moment {
    /// Draws the moment of a message's death; the error is one before the handler.
    fn random(random: &mut Rng, rate: f64) -> Result<Self, ()> {
        if random.f64() >= rate {
            return Ok(Self::Nowhere);
        }
        match random.u8(..3) {
            0 => Err(()),
            1 => Ok(Self::Commit),
            _ => {
                let mut wait = 1;
                // A handler that waits often may die at any of its waits.
                while wait < 1_000 && random.u8(..4) > 0 {
                    wait += 1;
                }
                Ok(Self::Wait(wait))
            }
        }
    }
}
