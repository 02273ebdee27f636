//! Nothing that is generated is linted against where the user's own code is not: neither for a private tree, of which no value
//! is ever made, nor for a public one, nor for one that is deprecated.
#![deny(warnings, missing_docs, clippy::pedantic)]

use heir_runtime::{BoxError, handlers, heir, supervisor};

#[heir]
struct Private {
    #[table(keep)]
    count: u64,
    #[arg]
    by: u64,
}

#[handlers]
impl Private {
    fn count(&mut self) -> u64 {
        self.count += self.by;
        self.count
    }
}

#[supervisor]
struct Branch {
    #[child(args(by: u64))]
    counter: Private,
    #[child(args(by = other: u64))]
    other: Private,
}

#[supervisor(strategy = rest_for_one)]
struct Root {
    #[child(args(by: u64, other: u64))]
    branch: Branch,
}

/// A worker that all can see.
#[heir]
pub struct Public {
    #[table(keep)]
    count: u64,
}

#[handlers]
impl Public {
    /// Counts.
    pub fn count(&mut self) -> u64 {
        self.count += 1;
        self.count
    }
}

/// A tree that all can see.
#[supervisor]
pub struct Open {
    undocumented: Public,
    /// Documented.
    pub documented: Public,
}

/// A tree that none should use.
#[deprecated]
#[supervisor]
pub struct Old {
    #[deprecated]
    counter: Public,
    #[allow(missing_docs, reason = "the struct's are the user's to document")]
    pub other: Public,
}

/// What is allowed on a field, or expected there, is so in what comes from it.
#[supervisor]
pub struct Keeping {
    /// Not yet replaced.
    #[allow(deprecated)]
    pub old: Former,
    /// Nor this.
    #[expect(deprecated, reason = "it is not yet replaced")]
    #[child(name = "other", restart = transient)]
    pub other: Former,
}

/// A worker that none should use.
#[deprecated]
#[heir]
pub struct Former {
    #[table(keep)]
    count: u64,
}

#[handlers]
#[allow(deprecated)]
impl Former {
    /// Counts.
    pub fn count(&mut self) -> u64 {
        self.count += 1;
        self.count
    }
}

/// What is allowed on the struct is allowed in what comes from it.
#[allow(clippy::too_many_arguments, reason = "one for each child")]
#[supervisor]
struct Many {
    #[child(args(by = a: u64))]
    a: Private,
    #[child(args(by = b: u64))]
    b: Private,
    #[child(args(by = c: u64))]
    c: Private,
    #[child(args(by = d: u64))]
    d: Private,
    #[child(args(by = e: u64))]
    e: Private,
    #[child(args(by = f: u64))]
    f: Private,
    #[child(args(by = g: u64))]
    g: Private,
    #[child(args(by = h: u64))]
    h: Private,
}

#[tokio::test]
async fn what_is_generated_is_clean() -> Result<(), BoxError> {
    let root = Root::start(2, 3).await?;
    assert_eq!(root.branch.counter.count().await?, 2);
    let open = Open::start().await?;
    assert_eq!(open.undocumented.count().await?, 1);
    let keeping = Keeping::start().await?;
    assert_eq!(keeping.old.status(), keeping.other.status());
    let many = Many::start(1, 2, 3, 4, 5, 6, 7, 8).await?;
    assert_eq!(many.h.count().await?, 8);
    Ok(())
}

#[tokio::test]
#[expect(deprecated, reason = "its struct and one of its fields are")]
async fn what_is_deprecated_is_so_for_its_users_only() -> Result<(), BoxError> {
    let old = Old::start().await?;
    assert_eq!(old.counter.count().await? + old.other.count().await?, 2);
    Ok(())
}
