//! `gen` is a name in every edition before 2024: of a table of each kind, of what is given and what is made anew, of handlers and
//! their arguments, of children, also raw. Without `async`, so that it holds in all of them.

use std::future::Future;

use heir_runtime::{handlers, heir, supervisor, Table};

/// Less visible than the workers it is given to.
#[derive(Clone, Debug, Default)]
struct Words {
    most: u64,
}

#[heir]
pub struct Recorded {
    #[table]
    pub gen: Table<u64, u64>,
    #[table(keep, init = args.most)]
    most: u64,
    #[arg]
    args: Words,
}

#[handlers]
impl Recorded {
    pub fn add(&mut self, gen: u64, _gen_: u64) -> u64 {
        self.gen.add(gen, self.most + self.args.most)
    }

    /// Nothing here looks at it, so that the handle's method has it by its name without the underscore.
    #[cast]
    pub fn forget(&mut self, _gen: u64) {
        self.gen.clear();
    }
}

#[heir]
pub struct Given {
    #[table(keep, init = vec![gen.most])]
    kept: Vec<u64>,
    #[arg]
    gen: Words,
    #[fresh(gen.most + 1)]
    next: u64,
}

#[handlers]
impl Given {
    #[redeliver(1)]
    pub fn gen(&mut self, gen: u64) -> u64 {
        self.kept[0] + self.gen.most + self.next + gen
    }
}

#[heir]
pub struct Kept {
    #[table(keep, init = 3)]
    r#gen: u64,
}

#[handlers]
impl Kept {
    pub fn r#gen(&mut self, r#gen: u64) -> u64 {
        self.gen += gen;
        self.gen
    }
}

#[heir]
pub struct Saved {
    #[table(rollback)]
    gen: Words,
}

#[handlers]
impl Saved {
    pub fn add(&mut self) -> u64 {
        self.gen.most += 1;
        self.gen.most
    }

    #[cast]
    pub fn die(&mut self) {
        self.gen.most = 100;
        panic!("asked to die");
    }
}

#[heir]
pub struct Fresh {
    #[table(keep)]
    kept: u64,
    #[fresh(7)]
    gen: u64,
}

#[handlers]
impl Fresh {
    #[cast]
    pub fn gen(&mut self) {
        self.kept += self.gen;
    }

    pub fn kept(&mut self) -> u64 {
        self.kept
    }
}

#[supervisor]
pub struct Branch {
    saved: Saved,
    #[child(name = "fresh")]
    gen: Fresh,
}

#[supervisor]
struct App {
    #[child(args(args = words: Words))]
    recorded: Recorded,
    #[child(args(gen: Words))]
    given: Given,
    r#gen: Kept,
    branch: Branch,
}

#[test]
fn a_word_that_became_a_keyword_is_a_name() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let words = Words { most: 2 };
    let app = runtime.block_on(App::start(words.clone(), words)).expect("a tree");
    let wait = Wait(&runtime);
    assert_eq!(wait.till(app.recorded.add(1, 1)).expect("an answer"), 4);
    assert_eq!(app.recorded.gen().get(&1), Some(4));
    wait.till(app.recorded.forget(1)).expect("a place");
    assert_eq!(wait.till(app.given.gen(10)).expect("an answer"), 17);
    assert_eq!(wait.till(app.given.try_gen(10)).expect("an answer"), 17);
    assert_eq!(wait.till(app.gen.gen(1)).expect("an answer"), 4);
    assert_eq!(wait.till(app.branch.saved.add()).expect("an answer"), 1);
    wait.till(app.branch.saved.die()).expect("a place");
    assert_eq!(wait.till(app.branch.saved.add()).expect("an answer"), 2);
    wait.till(app.branch.gen.gen()).expect("a place");
    assert_eq!(wait.till(app.branch.gen.kept()).expect("an answer"), 7);
    runtime.block_on(app.shutdown());
}

/// Any future's value: there is no `.await` before 2018.
struct Wait<'r>(&'r tokio::runtime::Runtime);

impl<'r> Wait<'r> {
    fn till<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }
}
