//! Nothing that is generated is linted against where the user's own code is not.
#![deny(warnings, missing_docs, missing_debug_implementations, clippy::pedantic, clippy::nursery)]

use std::collections::HashMap;

use heir_runtime::{
    BoxError, Context, Down, Exit, ExitReason, ExitSignal, Supervisor, Table, TransferInfo, Verdict,
    handlers, heir,
};

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
