//! Random operations on a worker that dies meanwhile, held against a model.

use std::fmt::Debug;
use std::pin::pin;

use crate::mailbox::MessageError;
use crate::testing::{Deaths, Random};
use crate::util::caught::{PanicMessage, caught, caught_async};

/// Random operations on a worker that dies meanwhile: nothing is lost, and nothing is done by
/// halves, or the storm fails.
///
/// You give a model of the worker, which may be as slow and simple as you like, and never dies. For
/// each operation
///
/// - the reply of the worker must be the reply of the model;
/// - a call that [died](crate::CallError::Died) must have left no trace: the model is not told of
///   it, and what later replies and your check see says whether that is true;
/// - any other error is a failure.
///
/// The operations come one by one: a call is made when the one before is answered. The storm has no
/// timers. [The module](crate::testing) has an example.
///
/// A worker that marks a boundary ([`Context::commit`](crate::Context::commit)) may leave the part
/// before it when it dies: its model is another one. So is that of a worker whose messages are
/// served again (`#[redeliver]`) only if they do something outside of its tables.
#[derive(Clone, Debug)]
#[must_use = "a storm that is not `run` tests nothing"]
pub struct Storm {
    seed: u64,
    steps: u64,
    deaths: Deaths,
}

impl Storm {
    /// How many operations there are by default.
    pub const STEPS: u64 = 1_000;

    /// The share of the messages that die by default.
    pub const RATE: f64 = 0.1;

    /// The storm of this seed, with the defaults of all else. [`seed`](crate::testing::seed) gives
    /// another one each time.
    pub fn new(seed: u64) -> Self {
        let deaths = Self::deaths_of(seed, Self::RATE);
        Self { seed, steps: Self::STEPS, deaths }
    }

    fn deaths_of(seed: u64, rate: f64) -> Deaths {
        Deaths::random(Random::new(seed).rng(), rate)
    }

    /// How many operations there are. Default: [`STEPS`](Self::STEPS).
    pub fn steps(mut self, steps: u64) -> Self {
        self.steps = steps;
        self
    }

    /// Which share of the messages die, from 0 to 1. Default: [`RATE`](Self::RATE). It makes new
    /// [`deaths`](Self::deaths).
    ///
    /// # Panics
    /// If `rate` is not between 0 and 1.
    pub fn rate(mut self, rate: f64) -> Self {
        self.deaths = Self::deaths_of(self.seed, rate);
        self
    }

    /// The deaths of this storm, [by its seed](Deaths::by_seed): give them to the workers that are to
    /// die. The storm ends them after its last step.
    pub fn deaths(&self) -> Deaths {
        self.deaths.clone()
    }

    /// Runs the storm, with a `model` and three closures:
    ///
    /// - `make` makes the next operation, which may depend on the model;
    /// - `serve` applies it to the worker: mostly one call, whose outcome it returns;
    /// - `expect` applies it to the model, and returns what the worker must have replied.
    ///
    /// ```
    /// use heir_runtime::prelude::*;
    /// use heir_runtime::testing::Storm;
    ///
    /// #[heir]
    /// struct Counter { #[table] counts: Table<u64, u64> }
    ///
    /// #[handlers]
    /// impl Counter {
    ///     fn count(&mut self, key: u64) -> u64 {
    ///         self.counts.add(key, 1)
    ///     }
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let storm = Storm::new(7).steps(500).rate(0.3);
    /// let mut tree = Supervisor::builder("test").intensity(u32::MAX);
    /// let counter = tree.worker(storm.deaths().befall(Counter::spec()));
    /// let tree = tree.start().await?;
    /// let survived = storm
    ///     .run(
    ///         vec![0; 10],
    ///         |random, _| random.below(10),
    ///         async |key| counter.count(key).await,
    ///         |model, key| {
    ///             model[key as usize] += 1;
    ///             model[key as usize]
    ///         },
    ///     )
    ///     .await;
    /// assert!(survived.died > 100);
    /// let total: u64 = survived.model.iter().sum();
    /// assert_eq!(total, survived.answered);
    /// tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Panics
    /// If the worker and the model differ, if a call has another error than that it died, or if a
    /// closure panics. The message has the seed, the step, the operation, and how to run it again.
    ///
    /// # Cancellation
    /// Dropped, the storm is over, and its deaths go on.
    pub async fn run<M, Op, R, E>(
        self,
        mut model: M,
        mut make: impl FnMut(&mut Random, &M) -> Op,
        mut serve: impl AsyncFnMut(Op) -> Result<R, E>,
        mut expect: impl FnMut(&mut M, Op) -> R,
    ) -> Survived<M>
    where
        Op: Clone + Debug,
        R: PartialEq + Debug,
        E: Into<MessageError>,
    {
        let mut random = Random::new(self.seed);
        let (mut answered, mut died) = (0, 0);
        for step in 1..=self.steps {
            let op = caught(|| make(&mut random, &model)).unwrap_or_else(|words| {
                self.fails(&format!("at step {step}, no operation was made: {words}"));
            });
            let here = format!("at step {step}, {op:?}");
            let served = caught_async(pin!(serve(op.clone()))).await;
            match self.or_fails(served, &here).map_err(Into::into) {
                Ok(reply) => {
                    let expected = self.or_fails(caught(|| expect(&mut model, op)), &here);
                    if reply != expected {
                        self.fails(&format!(
                            "{here}: the worker replied {reply:?}, and the model {expected:?}"
                        ));
                    }
                    answered += 1;
                }
                Err(MessageError::Died { .. }) => died += 1,
                Err(other) => self.fails(&format!("{here}: {other}")),
            }
        }
        self.deaths.end();
        Survived { model, answered, died, storm: self }
    }

    fn or_fails<R>(&self, outcome: Result<R, PanicMessage>, here: &str) -> R {
        outcome.unwrap_or_else(|words| self.fails(&format!("{here}: {words}")))
    }

    fn fails(&self, what: &str) -> ! {
        let Self { seed, .. } = self;
        panic!(
            "in the storm of seed {seed}, {what}\n\
             again: Storm::new({seed}), or HEIR_SEED={seed} if its seed is that of heir_runtime::testing::seed"
        );
    }
}

/// A storm that is over, and what it has left.
#[derive(Clone, Debug)]
#[must_use = "its model says what the worker must have: see `check`"]
#[non_exhaustive]
pub struct Survived<M> {
    /// The model, as it is now.
    pub model: M,
    /// How many operations have been answered.
    pub answered: u64,
    /// How many have died.
    pub died: u64,
    storm: Storm,
}

impl<M> Survived<M> {
    /// Compares the worker with the model, in a closure that panics if they differ; then the failure
    /// names the seed. Nobody dies of the storm any more.
    ///
    /// ```
    /// # use heir_runtime::prelude::*;
    /// # use heir_runtime::testing::Storm;
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let survived = Storm::new(7)
    ///     .run(0, |random, _| random.below(3), async |_| Ok::<_, MessageError>(()), |model, n| *model += n)
    ///     .await;
    /// survived.check(async |model| assert!(*model > 0)).await;
    /// # });
    /// ```
    ///
    /// # Panics
    /// If the closure does.
    pub async fn check(&self, compare: impl AsyncFnOnce(&M)) {
        let compared = caught_async(pin!(compare(&self.model))).await;
        self.storm.or_fails(compared, "at the end");
    }
}
