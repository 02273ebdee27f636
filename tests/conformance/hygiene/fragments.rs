//! Workers and trees that a `macro_rules` macro writes: what it was given means the same here as anywhere else.

use std::collections::HashMap;

use heir_runtime::{Context, Table, Undelivered, handlers, heir, supervisor};

trait Describe: Send {
    fn describe(&self) -> String;
}

impl Describe for u64 {
    fn describe(&self) -> String {
        format!("number {self}")
    }
}

/// One of each fragment, in each place that can have it.
macro_rules! worker {
    (
        $(#[$meta:meta])*
        $vis:vis $name:ident, $arg:ident;
        $e:expr, $size:expr, $negative:literal, $flag:expr, $closure:expr, $literal:literal;
        $map:ty, $bounds:ty, $small:ty, $limits:path, $lifetime:lifetime;
        $pattern:pat, $parameter:pat_param, $given:ident,
        $mark:meta, $kept:meta;
        $block:block, $unit:block, $statement:stmt, $extra:ident, $capacity:literal, $event:ident
    ) => {
        $(#[$meta])*
        #[heir(mailbox = $capacity, name = $literal)]
        $vis struct $name {
            #[$kept]
            $vis rows: $map,
            #[table(keep, init = $e * 3)]
            tripled: $small,
            #[table(init = $e * 3, rollback)]
            again: u64,
            #[table(keep, init = $negative.abs())]
            positive: i64,
            #[table(keep, init = [0; $size * 2])]
            array: [u8; $size * 2],
            #[table(keep, init = <$map>::new())]
            other: $map,
            #[table(keep, init = $map::new())]
            shorter: $map,
            #[table]
            recorded: Table<$small, Option<$small>>,
            #[arg]
            $arg: $limits,
            #[fresh($e * 3)]
            fresh: u64,
            #[fresh(Box::new($e * 3))]
            shown: Box<$bounds>,
            #[fresh($literal)]
            words: &$lifetime str,
        }

        #[handlers]
        impl $name {
            const TRIPLED: u64 = $e * 3;
            const NEGATED: i64 = -$negative;

            $vis fn block(&mut self) -> u64 $block

            #[cast]
            fn done(&mut self) $unit

            #[skip]
            fn skipped(&self) -> u64 $block

            #[$mark]
            fn marked(&mut self, $parameter: $small) {
                self.tripled = $given + self.skipped() - 42;
            }

            #[on($event)]
            fn started(&mut self) {
                self.fresh *= $e;
            }

            async fn body(&mut self, _cx: &mut Context<Self>, given: Option<$small>) -> Vec<u64> {
                $statement;
                let described = { let shown: &$bounds = &*self.shown; shown.describe() };
                assert_eq!(described, "number 9");
                assert!(!$flag);
                let matched = match given { Some($pattern) => 1, _ => 0 };
                vec![
                    $e * 3,
                    3 - $e + $e,
                    $e.pow(2),
                    $e as u64 * 2,
                    Self::TRIPLED,
                    matched,
                    $closure(1) + $extra,
                    if $e == 3 { 1 } else { 0 },
                    $map::new().len() as u64,
                    ($negative.abs() - Self::NEGATED) as u64,
                ]
            }

            fn tables(&mut self) -> (u64, u64, i64, usize, u64, usize) {
                (self.tripled, self.again, self.positive, self.array.len(), self.fresh, self.$arg.len())
            }
        }
    };
}

worker! {
    /// Docs.
    #[derive()]
    pub(crate) Written, limits;
    1 + 2_u64, 1 + 2, -4_i64, 1 < 2 && 3 < 2, |x: u64| x + 1, "written";
    HashMap<String, Vec<u8>>, dyn Describe + Send, u64, std::string::String, 'static;
    1 | 2, given, given,
    cast, table(keep);
    { 40 + 2 }, {}, let extra = 1 + 2, extra, 16, start
}

/// Whole items, and a method.
macro_rules! items {
    ($worker:item $handlers:item $tree:item) => {
        #[heir]
        $worker
        #[handlers]
        $handlers
        #[supervisor]
        $tree
    };
}

items! {
    pub(crate) struct Small {
        #[table(keep, init = 3)]
        kept: u64,
    }

    impl Small {
        fn kept(&mut self) -> u64 {
            self.kept
        }
        #[cast]
        fn keep(&mut self, kept: u64) {
            self.kept = kept;
        }
    }

    pub(crate) struct Branch {
        #[child(restart = transient)]
        small: Small,
    }
}

macro_rules! methods {
    ($worker:ident, $ty:ty, $($method:item)*) => {
        #[heir]
        struct $worker {
            #[table(keep)]
            kept: u64,
        }

        #[handlers]
        impl $ty {
            $($method)*
        }
    };
}

methods! {
    Several, Several,
    #[cast]
    fn keep(&mut self, kept: u64) {
        self.kept = kept;
    }
    fn kept(&mut self) -> u64 {
        self.kept
    }
    #[skip]
    fn skipped() {}
}

/// Every option's value.
#[rustfmt::skip] // It would indent the options further each time.
macro_rules! options {
    (
        $name:ident, $root:path, $tables:ty, $hook:path, $word:ident, $backoff:expr, $length:literal, $count:literal,
        $bound:expr, $times:expr
    ) => {
        #[heir(
            crate = $root,
            tables = $tables,
            on_undelivered = $hook,
            restart = $word,
            backoff = $backoff,
            shutdown = $length,
            crash_loop = $count,
            start_timeout = $bound,
            while_down = $bound,
        )]
        struct $name {
            #[table(keep, init = $times * 2)]
            kept: u64,
        }

        #[handlers(crate = $root)]
        impl $name {
            #[redeliver($times)]
            fn kept(&mut self) -> u64 {
                self.kept
            }
        }
    };
}

options! {
    Optioned, ::heir_runtime, SmallTables, self::lost, transient, exponential("1ms", "1s"), "1s", 3, "5s", 2
}

fn lost(_: Undelivered) {}

macro_rules! tree {
    ($vis:vis $name:ident, $worker:ty, $args:ty, $child:meta, $strategy:ident, $intensity:expr, $text:literal) => {
        #[supervisor(strategy = $strategy, intensity = $intensity, period = $text)]
        $vis struct $name {
            #[child(args(limits: $args))]
            $vis written: $worker,
            #[$child]
            $vis branch: Branch,
            several: Several,
            optioned: Optioned,
        }
    };
}

tree! { pub(crate) App, self::Written, std::string::String, child(name = "other"), rest_for_one, 7, "5s" }

#[tokio::test]
async fn what_a_macro_was_given_means_the_same_in_a_worker_and_in_a_tree() {
    let app = App::start("four".into()).await.expect("a tree");
    let written = &app.written;
    assert_eq!(written.tables().await.expect("an answer"), (9, 9, 4, 6, 27, 4));
    assert_eq!(written.body(Some(2)).await.expect("an answer"), [9, 3, 9, 6, 9, 1, 5, 1, 0, 0]);
    assert_eq!(written.block().await.expect("an answer"), 42);
    written.done().await.expect("a place");
    written.marked(7).await.expect("a place");
    assert_eq!(written.tables().await.expect("an answer").0, 7);
    assert_eq!(app.branch.small.kept().await.expect("an answer"), 3);
    app.several.keep(5).await.expect("a place");
    assert_eq!(app.optioned.kept().await.expect("an answer"), 4);
    Several::skipped();
    assert_eq!(app.several.kept().await.expect("an answer"), 5);
    app.shutdown().await;
}
