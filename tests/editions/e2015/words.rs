//! Four more words are names here: they became keywords with the edition of 2018. Traits are types without `dyn`, but
//! for those with parentheses (`Fn(u64)`), which syn does not read.

use std::any::Any;

use heir_runtime::{handlers, heir, supervisor};

mod async {
    #[derive(Clone, Debug, Default)]
    pub struct Limits {
        pub most: u64,
    }
}

#[heir]
pub struct Words {
    #[table(keep, init = 1)]
    dyn: u64,
    #[table(rollback, init = async.most)]
    await: u64,
    #[table(rollback)]
    last: self::async::Limits,
    #[arg]
    async: self::async::Limits,
    #[fresh(Box::new(1_u64))]
    try: Box<Any + Send>,
}

#[handlers]
impl Words {
    pub fn try(&mut self, async: u64, mut dyn: u64) -> u64 {
        dyn += self.try.downcast_ref::<u64>().map_or(0, |one| one + async);
        dyn + self.dyn + self.await + self.async.most
    }

    #[cast]
    pub fn async(&mut self, await: self::async::Limits) {
        self.await += await.most;
    }
}

#[supervisor]
struct App {
    #[child(args(async: self::async::Limits))]
    await: Words,
}

#[test]
fn four_more_words_are_names() {
    let runtime = ::tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let app = runtime.block_on(App::start(self::async::Limits { most: 1 })).expect("a tree");
    assert_eq!(runtime.block_on(app.await.try(1, 1)).expect("an answer"), 6);
    runtime.block_on(app.await.async(self::async::Limits { most: 1 })).expect("a place");
    assert_eq!(runtime.block_on(app.await.try(1, 1)).expect("an answer"), 7);
    runtime.block_on(app.shutdown());
}
