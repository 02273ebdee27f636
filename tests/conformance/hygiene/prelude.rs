//! Without a prelude, the runtime under another name and in another crate, and in the way every name that generated code could mean by
//! mistake.

#[no_implicit_prelude]
mod without_a_prelude {
    #![allow(non_camel_case_types, dead_code, reason = "they are there to be in the way")]

    struct Result;
    struct Option;
    struct Some;
    struct None;
    struct Ok;
    struct Vec;
    struct Box;
    struct Handle;
    struct Handlers;
    struct Worker;
    struct Spec;
    struct Clone;
    struct Debug;
    struct Default;
    struct Deref;
    struct From;
    struct Future;
    struct Send;
    struct str;
    mod core {}
    mod std {}
    mod heir_runtime {}

    #[::heir_tests::runtime::heir(
        crate = ::heir_tests::runtime,
        restart = transient,
        shutdown = "1s",
        backoff = "1ms",
        while_down = wait,
        crash_loop = 3,
        on_undelivered = Self::lost,
    )]
    pub(super) struct Counter {
        #[table]
        pub(super) counts: ::heir_tests::runtime::Table<u64, u64>,
        #[table(init = [(first, 0)])]
        r#where: ::heir_tests::runtime::OrderedTable<u64, u64>,
        #[table(keep)]
        kept: u64,
        #[table(rollback, init = first)]
        saved: u64,
        #[arg]
        first: u64,
        #[fresh(first)]
        fresh: u64,
        unmarked: bool,
    }

    impl Counter {
        fn lost(_: ::heir_tests::runtime::Undelivered) {}
    }

    #[::heir_tests::runtime::handlers(crate = ::heir_tests::runtime)]
    impl Counter {
        pub(super) async fn count(&mut self, r#type: u64, message: u64, args: u64) -> u64 {
            self.counts.insert(r#type, message);
            self.r#where.insert(r#type, args);
            self.kept += 1;
            self.saved += self.fresh;
            self.unmarked = true;
            self.saved
        }

        #[every("1h", missed = catch_up)]
        #[redeliver(2)]
        fn r#try(&mut self) {
            self.kept = 0;
        }

        #[cast]
        #[redeliver(2)]
        pub(super) fn touch(&mut self, r#self_: u64) {
            self.kept += r#self_;
        }

        #[on(start)]
        fn begin(&mut self) -> ::core::result::Result<(), ::core::fmt::Error> {
            ::core::result::Result::Ok(())
        }

        #[on(verify)]
        fn check(_: &mut CounterTables) -> ::heir_tests::runtime::Verdict {
            ::heir_tests::runtime::Verdict::Accept
        }
    }

    #[::heir_tests::runtime::heir(crate = ::heir_tests::runtime, survives = process)]
    pub(super) struct Stored {
        #[table(init = [(1, [2; 4])])]
        r#type: ::heir_tests::runtime::Table<u64, [u8; 4]>,
        #[table]
        known: ::heir_tests::runtime::BagTable<u64, (u64,)>,
    }

    #[::heir_tests::runtime::handlers(crate = ::heir_tests::runtime)]
    impl Stored {}
}

#[tokio::test]
async fn a_worker_needs_neither_a_prelude_nor_the_name_of_the_runtime() {
    let mut tree = heir_runtime::Supervisor::builder("app");
    let counter = tree.worker(without_a_prelude::Counter::spec(7));
    let tree = tree.start().await.unwrap();
    assert_eq!(counter.count(1, 2, 3).await.unwrap(), 14);
    counter.touch(1).await.unwrap();
    assert_eq!(counter.counts().get(&1), Some(2));
    tree.shutdown().await;
}
