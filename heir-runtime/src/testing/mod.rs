//! Tests of your workers: deaths on demand, storms against a model, contexts without a tree.
//!
//! The design:
//! 1. A plan of deaths (`Deaths`) is given to specs; clones share one count. A life asks its plan before a handler,
//!    at each `Poll::Pending` of its future, and after it, before the commit.
//! 2. A death is a kill, as `Handle::kill` is, or a panic in the handler's place.
//! 3. Plans: at the n-th message, at the n-th commit, at the n-th wait, or at random by a seed.
//! 4. `at_every_wait` runs a scenario once for each wait, each in a paused `current_thread` runtime.
//! 5. `Storm` sends seeded operations one by one, and compares replies with the user's model.
//! 6. `TestContext` is a context without a tree: its `Deref` goes to `Context`, so a handler takes `&mut cx`.
//! 7. A worker's tasks are marked while they are polled or dropped; `quiet_panics` hushes marked threads only.
//! 8. The plan, the mark and the random numbers are in lower rooms; `testing/` knows all rooms.
//! 9. Without the feature, no field, no branch and no future more: the hook is one arm of a `match`.
