use quote::quote;

use super::{expand_heir, expand_supervisor, pretty};

/// Compares with the snapshot of this name.
macro_rules! assert_expansion {
    ($name:literal, $tokens:expr) => {{
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("../../../tests/expand");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!($name, pretty(&$tokens)));
    }};
}

#[test]
fn the_smallest_worker() {
    let item = quote! {
        pub struct Counter {
            #[table(keep)]
            counts: HashMap<String, u64>,
        }
    };
    assert_expansion!("heir-smallest", expand_heir(&quote!(), item));
}

#[test]
fn a_worker_with_every_kind_of_field_and_every_option() {
    let options = quote!(
        name = "counter",
        restart = transient,
        shutdown = brutal_kill,
        backoff = exponential("100ms", "10s"),
        mailbox = 128,
        start_timeout = "1500ms",
        handler_timeout = "2s",
        heartbeat = "500ms",
        crash_loop = 3,
        quarantine = fresh,
        max_quarantined = 2,
        while_down = "2s",
        on_undelivered = Self::lost,
        crate = crate::rt,
    );
    let item = quote! {
        /// Counts.
        pub(crate) struct Counter {
            /// How often each key was seen.
            #[table]
            pub counts: Table<String, u64>,
            #[table(init = limits.known())]
            known: OrderedTable<String, ()>,
            #[table(keep)]
            pub seen: HashSet<String>,
            #[table(rollback, init = vec![limits.first])]
            queue: Vec<u64>,
            #[arg]
            limits: Limits,
            #[fresh(Cache::new(limits.max))]
            cache: Cache,
            scratch: Vec<u8>,
            r#type: u8,
        }
    };
    assert_expansion!("heir-every-kind-and-option", expand_heir(&options, item));
}

#[test]
fn a_worker_whose_tables_are_stored() {
    let item = quote! {
        pub struct Counter {
            #[table(init = limits.known())]
            pub counts: heir_runtime::table::Table<Key, std::vec::Vec<Row>>,
            #[table(survives = task)]
            cached: Table<String, Arc<Row>>,
            #[table(keep, survives = task)]
            client: Client,
            #[table]
            by_day: OrderedTable<u32, u64>,
            #[arg]
            limits: Limits,
        }
    };
    assert_expansion!("heir-stored", expand_heir(&quote!(survives = process), item));
}

#[test]
fn a_worker_whose_values_are_stored() {
    let item = quote! {
        pub struct Account {
            #[table]
            entries: OrderedTable<u64, u64>,
            #[table(rollback)]
            total: u64,
            #[table(rollback, init = limits.load().await?)]
            state: State,
            #[table(rollback, survives = task)]
            served: u64,
            #[arg]
            limits: Limits,
        }
    };
    assert_expansion!("heir-stored-values", expand_heir(&quote!(survives = process), item));
}

#[test]
fn a_generic_worker() {
    let item = quote! {
        pub struct Registry<K: Key = String, V: ?Sized, const N: usize = 4>
        where
            K: Ord,
        {
            #[table(keep)]
            names: BTreeMap<K, [u8; N]>,
            #[table(rollback)]
            next: Option<Box<Self>>,
            #[table]
            pub rows: Table<K, u64>,
            #[arg]
            values: Arc<V>,
        }
    };
    assert_expansion!("heir-generic", expand_heir(&quote!(shutdown = "30s"), item));
}

#[test]
fn a_worker_with_the_tables_of_another() {
    let item = quote! {
        pub struct CounterV2 {
            #[table]
            counts: Table<String, u64>,
            #[table(keep)]
            seen: HashSet<String>,
        }
    };
    assert_expansion!("heir-shared", expand_heir(&quote!(tables = v1::CounterTables), item));
}

#[test]
fn a_mistaken_worker_keeps_its_public_items() {
    let item = quote! {
        pub struct Counter {
            #[table]
            counts: Table<String, u64>,
            #[arg]
            limits: Limits,
        }
    };
    assert_expansion!("heir-mistaken", expand_heir(&quote!(restart = allways), item));
}

#[test]
fn calls_casts_and_a_context() {
    let item = quote! {
        impl Counter {
            const LIMIT: u64 = { 7 };

            /// Adds, and returns the new count.
            pub async fn count(&mut self, cx: &mut Context<Self>, key: String, by: u64) -> u64 { todo!() }
            #[cast]
            pub fn die(&mut self) { panic!("asked to die") }
            #[redeliver(3)]
            pub async fn store(&mut self, row: Row) -> Result<(), Full> { todo!() }
            #[cast]
            #[redeliver(1)]
            fn touch(&mut self) {}
            #[reply(early)]
            fn peek(&mut self, key: String) -> Option<u64> { None }
            #[skip]
            pub fn len(&self) -> usize { 0 }
        }
    };
    assert_expansion!("handlers-call-and-cast", crate::handlers::attach(quote!(), item));
}

#[test]
fn the_hooks() {
    let item = quote! {
        impl super::Counter {
            #[on(transfer)]
            async fn arrived(&mut self, info: &TransferInfo) -> Result<(), Error> { Ok(()) }
            #[on(start)]
            fn begin(&mut self, cx: &mut heir_runtime::Context<Self>) {}
            #[on(stop)]
            async fn end(&mut self, _: &ExitReason) {}
            #[on(exit)]
            fn linked(&mut self, signal: &ExitSignal) -> Result<(), Error> { Ok(()) }
            #[on(down)]
            async fn monitored(&mut self, cx: &mut Context<Self>, down: &Down) {}
            #[on(verify)]
            fn check(tables: &mut super::CounterTables, exit: &Exit) -> Verdict { Verdict::Accept }
        }
    };
    assert_expansion!("handlers-hooks", crate::handlers::attach(quote!(crate = ::other), item));
}

#[test]
fn the_ticks() {
    let item = quote! {
        impl<K: Key> Registry<K> {
            #[every("100ms")]
            async fn sweep(&mut self, cx: &mut Context<Self>) {}
            /// Each hour.
            #[every("1h", missed = catch_up)]
            #[redeliver(3)]
            #[cfg(feature = "report")]
            fn report(&mut self) {}
        }
    };
    assert_expansion!("handlers-ticks", crate::handlers::attach(quote!(), item));
}

#[test]
fn handlers_of_a_generic_worker() {
    let item = quote! {
        impl<K: Key, const N: usize> Registry<K, [u8; N]>
        where
            Self: Sized,
            K: Ord,
        {
            /// Docs.
            #[cfg(feature = "merge")]
            #[deprecated = "use `put`"]
            pub(crate) fn merge(&mut self, other: Box<Self>, mut r#type: [u8; Self::WIDTH]) -> Option<Self::Item> { None }
        }
    };
    assert_expansion!("handlers-generic", crate::handlers::attach(quote!(), item));
}

#[test]
fn a_mistaken_handler_costs_only_itself() {
    let item = quote! {
        impl Counter {
            pub fn count(&mut self, key: &str) -> u64 { 0 }
            #[cast]
            pub fn die(&mut self) {}
        }
    };
    assert_expansion!("handlers-mistaken", crate::handlers::attach(quote!(), item));
}

#[test]
fn a_supervisor_with_every_option() {
    let options = quote!(
        name = "app",
        strategy = rest_for_one,
        intensity = 5,
        period = "30s",
        auto_shutdown = all_significant,
        crate = crate::rt,
    );
    let item = quote! {
        pub(crate) struct App {
            /// Counts.
            #[child(args(limits: Limits, path: PathBuf), name = "hits", backoff = exponential("100ms", "10s"))]
            counter: Counter,
            #[child(restart = transient, shutdown = brutal_kill, significant)]
            #[deprecated]
            pub io: Io,
            #[child(args(size: usize), shutdown = "1500ms")]
            pub(super) r#type: Counter,
            sessions: Dynamic<String, Session>,
        }
    };
    assert_expansion!("supervisor-every-option", expand_supervisor(&options, item));
}

#[test]
fn a_generic_supervisor() {
    let item = quote! {
        /// Two.
        pub struct Pair<K: Key = String, const N: usize = 4>
        where
            K: Ord,
        {
            #[child(args(of: Box<Self>))]
            registry: Registry<K, N>,
            other: Other,
        }
    };
    assert_expansion!("supervisor-generic", expand_supervisor(&quote!(), item));
}

#[test]
fn a_mistaken_supervisor_keeps_its_public_items() {
    let item = quote! {
        pub struct App {
            #[child(args(limits: Limits), restart = allways)]
            counter: Counter,
        }
    };
    assert_expansion!("supervisor-mistaken", expand_supervisor(&quote!(), item));
}
