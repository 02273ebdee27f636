//! What is generated relies on no name that is in scope where it stands.

/// The runtime under another name.
mod reexported {
    pub(super) use heir_runtime as runtime;
}

#[no_implicit_prelude]
mod without_a_prelude {
    #![allow(non_camel_case_types, dead_code, reason = "they are there to be in the way")]

    // What generated code could mean by mistake.
    struct Result;
    struct Option;
    struct Some;
    struct Ok;
    struct Supervisor;
    struct SupervisorHandle;
    struct Child;
    struct Spec;
    struct Clone;
    struct Send;
    mod core {}
    mod std {}
    mod heir_runtime {}

    #[super::reexported::runtime::heir(crate = crate::declared::hygiene::reexported::runtime, backoff = "1ms")]
    pub(super) struct Counter {
        #[table(rollback)]
        count: u64,
        #[arg]
        by: u64,
    }

    #[super::reexported::runtime::handlers(crate = crate::declared::hygiene::reexported::runtime)]
    impl Counter {
        pub(super) fn count(&mut self) -> u64 {
            self.count += self.by;
            self.count
        }
    }

    #[super::reexported::runtime::supervisor(
        crate = crate::declared::hygiene::reexported::runtime,
        period = "1m",
        auto_shutdown = any_significant,
    )]
    pub(super) struct App {
        #[child(args(by = tree: u64), restart = transient, significant, backoff = exponential("1ms", "1s"))]
        pub(super) supervisor: Counter,
        #[child(args(by = supervisor: u64), shutdown = brutal_kill)]
        pub(super) r#tree: Counter,
        #[child(args(r#struct = r#fn: u64, this = spec: u64))]
        r#self_: Two,
    }

    #[super::reexported::runtime::supervisor(crate = crate::declared::hygiene::reexported::runtime)]
    pub(super) struct Two {
        #[child(args(by = r#struct: u64))]
        r#type: Counter,
        #[child(args(by = this: u64))]
        r#match: Counter,
    }
}

#[tokio::test]
async fn a_tree_needs_neither_a_prelude_nor_the_name_of_the_runtime() {
    let app = without_a_prelude::App::start(1, 2, 3, 4).await.unwrap();
    assert_eq!(app.supervisor.count().await.unwrap(), 1);
    assert_eq!(app.tree.count().await.unwrap(), 2);
    assert_eq!(app.self_.r#type.count().await.unwrap(), 3);
    assert_eq!(app.self_.r#match.count().await.unwrap(), 4);
    assert_eq!(app.which_children().len(), 3);
}
