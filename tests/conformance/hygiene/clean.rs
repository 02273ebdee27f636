//! Nothing that is generated is linted against where the user's own code is not.
#![deny(warnings, missing_docs, missing_debug_implementations, clippy::pedantic, clippy::nursery)]

use std::collections::HashMap;

use heir_runtime::estate::TransferInfo;
use heir_runtime::links::{Down, ExitSignal};
use heir_runtime::{BoxError, Context, Exit, ExitReason, Supervisor, Table, Verdict, handlers, heir};

/// A type less visible than the worker it is in.
#[derive(Clone, Debug, Default)]
struct Limits {
    most: u64,
}

/// A worker that all can see, with all there is.
#[heir(restart = transient, backoff = exponential("1ms", "1s"), handler_timeout = "1m", while_down = "1m")]
#[derive(Debug)]
pub struct Open {
    #[table]
    undocumented: Table<String, u64>,
    /// Documented.
    #[table]
    pub documented: Table<u64, String>,
    #[table(keep)]
    kept: HashMap<String, u64>,
    #[table(rollback)]
    saved: Limits,
    #[arg]
    limits: Limits,
    #[fresh(Vec::with_capacity(usize::try_from(limits.most).unwrap_or_default()))]
    cache: Vec<u64>,
    scratch: String,
}

#[handlers]
impl Open {
    /// Counts.
    pub async fn count(&mut self, key: String, by: u64) -> u64 {
        tokio::task::yield_now().await;
        self.documented.insert(by, key.clone());
        self.kept.insert(key.clone(), by);
        self.saved.most += self.limits.most;
        self.cache.push(by);
        self.scratch.push('.');
        self.undocumented.add(key, by)
    }

    /// Goes again.
    ///
    /// # Errors
    /// If there is no such key.
    #[redeliver(2)]
    pub fn again(&mut self, cx: &mut Context<Self>, key: String) -> Result<u64, String> {
        cx.commit(self);
        self.kept.remove(&key).ok_or(key)
    }

    #[cast]
    fn forget(&mut self) {
        self.kept.clear();
    }

    #[every("1h")]
    fn forget_now_and_then(&mut self) {
        self.kept.clear();
    }

    #[on(transfer)]
    fn received(&mut self, _info: &TransferInfo) {
        self.scratch.clear();
    }

    #[on(start)]
    async fn begin(&mut self) -> Result<(), String> {
        tokio::task::yield_now().await;
        self.scratch.clear();
        if self.limits.most == 0 { Err("nothing is allowed".into()) } else { Ok(()) }
    }

    #[on(stop)]
    fn end(&mut self, _reason: &ExitReason) {
        self.scratch.clear();
    }

    #[on(exit)]
    fn linked(&mut self, _signal: &ExitSignal) {
        self.scratch.clear();
    }

    #[on(down)]
    fn monitored(&mut self, _down: &Down) {
        self.scratch.clear();
    }

    #[on(verify)]
    fn check(tables: &mut OpenTables, _: &Exit) -> Verdict {
        tables.kept.clear();
        Verdict::Accept
    }
}

/// A worker that none should use.
#[deprecated]
#[heir]
pub struct Old {
    #[table]
    counts: Table<String, u64>,
}

#[handlers]
#[expect(deprecated, reason = "it is a user, too")]
impl Old {
    /// None should call it.
    #[deprecated]
    pub fn count(&mut self, key: String) -> u64 {
        self.counts.add(key, 1)
    }
}

/// A worker with a parameter.
#[heir]
#[derive(Debug)]
pub struct Last<T: Clone + Default + Send + 'static> {
    #[table(rollback)]
    last: T,
}

#[handlers]
impl<T: Clone + Default + Send + 'static> Last<T> {
    /// Nobody sends it.
    #[every("1h", missed = catch_up)]
    fn now_and_then(&mut self, cx: &mut Context<Self>) {
        self.last = T::default();
        cx.stop();
    }

    /// Puts one, and returns the one before.
    pub fn put(&mut self, value: T) -> T {
        let last = self.last.clone();
        self.last = value;
        last
    }
}

/// A worker of which nothing is async that is there.
#[heir]
pub struct Settled {
    #[table(keep)]
    counts: HashMap<String, u64>,
}

#[handlers]
impl Settled {
    /// Counts.
    #[cfg(not(test))]
    pub async fn count(&mut self, key: String) -> usize {
        self.counts.len() + key.len()
    }

    /// Counts.
    #[cfg(test)]
    pub fn count(&mut self, key: String) -> usize {
        self.counts.insert(key, 1);
        self.counts.len()
    }
}

mod former {
    //! What is used where it is allowed only.

    /// An amount, as it was counted.
    #[deprecated = "count in `u64`"]
    #[derive(Clone, Debug, Default)]
    pub struct Amount(u64);

    #[expect(deprecated, reason = "it is itself")]
    impl Amount {
        /// One.
        pub const fn of(count: u64) -> Self {
            Self(count)
        }

        /// How much it is.
        pub const fn count(&self) -> u64 {
            self.0
        }
    }
}

/// A worker in which each field, handler and hook says for itself what it is allowed, or expects.
#[heir]
pub struct Allowing {
    #[table(rollback)]
    #[allow(deprecated)]
    amount: former::Amount,
    #[table(keep)]
    #[expect(deprecated, reason = "until they are counted in `u64`")]
    amounts: Vec<former::Amount>,
    #[arg]
    #[allow(deprecated)]
    by: former::Amount,
    #[allow(deprecated)]
    #[warn(unused)]
    fresh: former::Amount,
}

#[handlers]
impl Allowing {
    /// Puts it first.
    #[allow(deprecated)]
    pub fn put(&mut self, amount: former::Amount) -> former::Amount {
        self.amounts.clear();
        std::mem::replace(&mut self.amount, amount)
    }

    /// Puts it last.
    #[cast]
    #[expect(deprecated, reason = "until they are counted in `u64`")]
    #[redeliver(1)]
    pub fn push(&mut self, amount: former::Amount) {
        self.amounts.push(amount);
    }

    /// How many there are.
    #[allow(deprecated)]
    #[deny(unused)]
    pub fn count(&mut self) -> u64 {
        self.amounts.shrink_to_fit();
        let others: u64 = self.amounts.iter().map(former::Amount::count).sum();
        self.amount.count() + self.by.count() + self.fresh.count() + others
    }

    /// Takes many arguments.
    #[allow(clippy::too_many_arguments)]
    pub fn many(&mut self, one: u8, two: u8, three: u8, four: u8, five: u8, six: u8, seven: u8) -> u8 {
        self.amounts.shrink_to_fit();
        one + two + three + four + five + six + seven + u8::from(self.amounts.is_empty())
    }

    /// Takes as many.
    #[cast]
    #[expect(clippy::too_many_arguments, reason = "they are needed")]
    pub fn tell(&mut self, one: u8, two: u8, three: u8, four: u8, five: u8, six: u8, seven: u8) {
        self.many(one, two, three, four, five, six, seven);
    }

    #[on(start)]
    #[allow(deprecated)]
    fn begin(&mut self) {
        self.amounts.clear();
        self.fresh = former::Amount::of(4);
    }
}

#[tokio::test]
#[expect(deprecated, reason = "the arguments are")]
async fn what_a_handler_is_allowed_holds_for_what_comes_from_it() -> Result<(), BoxError> {
    let mut tree = Supervisor::builder("app");
    let allowing = tree.worker(Allowing::spec(former::Amount::of(2)));
    let tree = tree.start().await?;
    assert_eq!(allowing.put(former::Amount::of(1)).await?.count(), 0);
    allowing.push(former::Amount::of(1)).await?;
    assert_eq!(allowing.count().await?, 8);
    assert_eq!(allowing.many(1, 1, 1, 1, 1, 1, 1).await?, 7);
    allowing.tell(1, 1, 1, 1, 1, 1, 1).await?;
    tree.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn what_is_generated_is_clean() -> Result<(), BoxError> {
    let mut tree = Supervisor::builder("app");
    let open = tree.worker(Open::spec(Limits { most: 3 }));
    let last = tree.worker(Last::<u64>::spec());
    let settled = tree.worker(Settled::spec());
    let _tree = tree.start().await?;
    assert_eq!(settled.count("hits".into()).await?, 1);
    assert_eq!(open.count("hits".into(), 2).await?, 2);
    assert_eq!(open.again("hits".into()).await?, Ok(2));
    open.forget().await?;
    assert_eq!((open.undocumented().len(), open.documented().len()), (1, 1));
    assert_eq!((last.put(7).await?, last.put(8).await?), (0, 7));
    Ok(())
}

#[tokio::test]
#[expect(deprecated, reason = "its struct and its handler are")]
async fn what_is_deprecated_is_so_for_its_users_only() -> Result<(), BoxError> {
    let mut tree = Supervisor::builder("app");
    let old: OldHandle = tree.worker(Old::spec());
    let _tree = tree.start().await?;
    assert_eq!(old.count("hits".into()).await?, 1);
    Ok(())
}
