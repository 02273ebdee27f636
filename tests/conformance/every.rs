//! Time that spans incarnations: `#[every(..)]`, the ticks that a worker's own clock sends it.
//!
//! Each test tells at which millisecond of the paused clock what was served.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heir_runtime::by_hand::{Call, Cast, Handlers, Message, ReplyGate, Tick, Worker};
use heir_runtime::table::Readers;
use heir_runtime::{
    Backoff, BoxError, Context, ExitReason, Handle, Missed, Spec, Status, SupervisorBuilder, WhileDown,
    handlers, heir,
};
use heir_tests::waits::in_time;
use heir_tests::{Log, Recorder};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

/// What workers tell, with the time since the diary was begun.
#[derive(Clone, Debug)]
struct Diary {
    log: Log,
    begun: Instant,
    /// What the next sweeps do; those after them do nothing.
    plan: Arc<Mutex<VecDeque<Sweep>>>,
}

#[derive(Clone, Copy, Debug)]
enum Sweep {
    Takes(u64),
    Panics,
}

use Sweep::{Panics, Takes};

impl Diary {
    fn begin() -> Self {
        Self { log: Log::default(), begun: Instant::now(), plan: Arc::default() }
    }

    fn plan(&self, sweeps: &[Sweep]) {
        self.plan.lock().unwrap().extend(sweeps);
    }

    fn tell(&self, what: &str) {
        self.log.tell(format!("{} {what}", self.begun.elapsed().as_millis()));
    }

    /// Lets time pass up to this millisecond, and whatever is due at it; what was told meanwhile.
    async fn until(&self, millis: u64) -> Vec<String> {
        let rest = Duration::from_millis(millis).checked_sub(self.begun.elapsed()).expect("a time to come");
        sleep(rest).await;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        self.log.take()
    }

    async fn sweep(&self, what: &str) {
        self.tell(what);
        let next = self.plan.lock().unwrap().pop_front();
        match next {
            None => {}
            Some(Takes(millis)) => pass(millis).await,
            Some(Panics) => panic!("in a sweep"),
        }
    }
}

async fn pass(millis: u64) {
    sleep(Duration::from_millis(millis)).await;
}

/// Sweeps ten times a second.
#[heir]
struct Sweeper {
    #[table(rollback)]
    swept: u32,
    #[arg]
    diary: Diary,
}

#[handlers]
impl Sweeper {
    #[every("100ms")]
    async fn sweep(&mut self) {
        self.swept += 1;
        self.diary.sweep("sweep").await;
    }

    fn swept(&mut self) -> u32 {
        self.swept
    }

    #[cast]
    async fn note(&mut self, n: u32) {
        self.diary.tell(&format!("note {n}"));
    }

    /// Any cast without arguments can be made a tick.
    #[cast]
    fn poke(&mut self) {
        self.diary.tell("poke");
    }

    #[cast]
    async fn hang(&mut self, millis: u64) {
        pass(millis).await;
    }
}

fn catch_up(diary: &Diary) -> Spec<Sweeper> {
    Sweeper::spec(diary.clone()).every(Duration::from_millis(100), Missed::CatchUp, SweeperMessage::Sweep)
}

fn tree() -> SupervisorBuilder {
    Recorder::tree().0
}

#[tokio::test(start_paused = true)]
async fn a_tick_comes_after_each_period() {
    let diary = Diary::begin();
    let mut tree = tree();
    let sweeper = tree.worker(Sweeper::spec(diary.clone()));
    let _tree = tree.start().await.unwrap();
    assert!(diary.until(99).await.is_empty());
    assert_eq!(diary.until(300).await, ["100 sweep", "200 sweep", "300 sweep"]);
    assert_eq!(sweeper.swept().await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_grid_begins_when_the_first_incarnation_serves_and_goes_on_from_there() {
    let diary = Diary::begin();
    let mut tree = tree();
    let slow = tree.worker(Late::spec(diary.clone()));
    let _tree = tree.start().await.unwrap();
    slow.kill();
    slow.wait_serving(2).await.unwrap();
    assert_eq!(diary.until(500).await, ["500 late", "500 late"], "those of 350 and 450");
    assert_eq!(diary.until(550).await, ["550 late"]);
}

/// Takes a quarter of a second to start.
#[heir]
struct Late {
    #[table(keep)]
    _nothing: (),
    #[arg]
    diary: Diary,
}

#[handlers]
impl Late {
    #[on(start)]
    async fn begin(&mut self) {
        pass(250).await;
    }

    #[every("100ms", missed = catch_up)]
    async fn late(&mut self) {
        self.diary.sweep("late").await;
    }
}

#[tokio::test(start_paused = true)]
async fn of_the_ticks_that_a_slow_handler_misses_one_comes_at_once_and_the_next_on_the_grid() {
    let diary = Diary::begin();
    let mut tree = tree();
    tree.worker(Sweeper::spec(diary.clone()));
    diary.plan(&[Takes(330)]);
    let _tree = tree.start().await.unwrap();
    assert_eq!(diary.until(600).await, ["100 sweep", "430 sweep", "500 sweep", "600 sweep"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_catches_up_serves_each_missed_tick_one_after_the_other() {
    let diary = Diary::begin();
    let mut tree = tree();
    tree.worker(catch_up(&diary));
    diary.plan(&[Takes(330), Takes(20)]);
    let _tree = tree.start().await.unwrap();
    let expected = ["100 sweep", "430 sweep", "450 sweep", "450 sweep", "500 sweep", "600 sweep"];
    assert_eq!(diary.until(600).await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_restart_keeps_the_grid() {
    let diary = Diary::begin();
    let mut tree = tree();
    let sweeper = tree.worker(Sweeper::spec(diary.clone()));
    let _tree = tree.start().await.unwrap();
    for millis in [130, 150, 170, 199] {
        diary.until(millis).await;
        sweeper.kill();
        sweeper.kill_manager();
    }
    assert_eq!(diary.until(400).await, ["200 sweep", "300 sweep", "400 sweep"]);
}

#[tokio::test(start_paused = true)]
async fn the_time_in_which_a_worker_is_down_counts_and_refuses_no_tick() {
    for (missed, at_once) in [(Missed::Skip, 1), (Missed::CatchUp, 10)] {
        let diary = Diary::begin();
        let mut tree = tree();
        let spec = catch_up(&diary).every(Duration::from_millis(100), missed, SweeperMessage::Sweep);
        let spec = spec.while_down(WhileDown::Fail).backoff(Backoff::Fixed(Duration::from_millis(900)));
        let sweeper = tree.worker(spec);
        let _tree = tree.start().await.unwrap();
        assert_eq!(diary.until(150).await, ["100 sweep"]);
        sweeper.kill();
        assert!(diary.until(1049).await.is_empty());
        assert_eq!(diary.until(1050).await, vec!["1050 sweep"; at_once - usize::from(at_once > 1)]);
        assert_eq!(diary.until(1200).await, ["1100 sweep", "1200 sweep"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_ticks_back_and_multiplies_none() {
    for (missed, at_once) in [(Missed::Skip, 1), (Missed::CatchUp, 5)] {
        let diary = Diary::begin();
        let mut tree = tree();
        let sweeper =
            tree.worker(catch_up(&diary).every(Duration::from_millis(100), missed, SweeperMessage::Sweep));
        let _tree = tree.start().await.unwrap();
        sweeper.pause().await.unwrap();
        assert!(diary.until(550).await.is_empty());
        sweeper.resume();
        assert_eq!(diary.until(599).await, vec!["550 sweep"; at_once]);
        assert_eq!(diary.until(700).await, ["600 sweep", "700 sweep"]);
    }
}

#[tokio::test(start_paused = true)]
async fn pausing_waits_for_the_tick_in_progress() {
    let diary = Diary::begin();
    let mut tree = tree();
    let sweeper = tree.worker(Sweeper::spec(diary.clone()));
    diary.plan(&[Takes(50)]);
    let _tree = tree.start().await.unwrap();
    diary.until(110).await;
    sweeper.pause().await.unwrap();
    assert_eq!(diary.begun.elapsed(), Duration::from_millis(150));
    // And for nothing if there is none.
    sweeper.resume();
    diary.until(210).await;
    sweeper.pause().await.unwrap();
    assert_eq!(diary.begun.elapsed(), Duration::from_millis(210));
}

#[tokio::test(start_paused = true)]
async fn a_tick_takes_no_permit_and_is_served_before_the_messages_that_fill_the_mailbox() {
    let diary = Diary::begin();
    let mut tree = tree();
    let sweeper = tree.worker(Sweeper::spec(diary.clone()).mailbox(2));
    let _tree = tree.start().await.unwrap();
    diary.until(50).await;
    sweeper.hang(100).await.unwrap();
    diary.until(60).await;
    sweeper.try_note(1).unwrap();
    sweeper.try_note(2).unwrap();
    assert!(sweeper.try_note(3).is_err());
    diary.until(140).await;
    assert_eq!(sweeper.queued(), 2, "the tick is not in the mailbox");
    assert_eq!(diary.until(150).await, ["150 sweep", "150 note 1", "150 note 2"]);
    diary.plan(&[Takes(50)]);
    diary.until(210).await;
    sweeper.try_note(4).unwrap();
    sweeper.try_note(5).expect("the tick in progress has no permit");
}

#[tokio::test(start_paused = true)]
async fn while_messages_wait_each_tick_is_followed_by_one_of_them() {
    let diary = Diary::begin();
    let mut tree = tree();
    let sweeper = tree.worker(catch_up(&diary));
    let _tree = tree.start().await.unwrap();
    sweeper.hang(450).await.unwrap();
    diary.until(10).await;
    for n in 1..=3 {
        sweeper.note(n).await.unwrap();
    }
    let expected =
        ["sweep", "note 1", "sweep", "note 2", "sweep", "note 3", "sweep"].map(|what| format!("450 {what}"));
    assert_eq!(diary.until(450).await, expected);
}

#[tokio::test(start_paused = true)]
async fn ticks_that_kill_their_worker_each_time_keep_no_message_waiting() {
    let diary = Diary::begin();
    let mut tree = tree();
    let sweeper = tree.worker(catch_up(&diary));
    diary.plan(&[Panics; 100]);
    let _tree = tree.start().await.unwrap();
    sweeper.hang(450).await.unwrap();
    diary.until(10).await;
    for n in 1..=2 {
        sweeper.note(n).await.unwrap();
    }
    let expected = ["sweep", "note 1", "sweep", "note 2", "sweep", "sweep"].map(|what| format!("450 {what}"));
    assert_eq!(diary.until(450).await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_tick_is_a_transaction_and_one_that_died_is_not_served_again() {
    let diary = Diary::begin();
    let lost = Log::default();
    let mut tree = tree();
    let spec = Sweeper::spec(diary.clone()).on_undelivered({
        let lost = lost.clone();
        move |undelivered| lost.tell(undelivered.to_string())
    });
    let sweeper = tree.worker(spec);
    diary.plan(&[Panics, Takes(10), Panics]);
    let _tree = tree.start().await.unwrap();
    assert_eq!(diary.until(399).await, ["100 sweep", "200 sweep", "300 sweep"]);
    assert_eq!(sweeper.swept().await.unwrap(), 1);
    assert_eq!(sweeper.incarnation(), 3);
    assert!(lost.take().is_empty(), "nobody has sent it");
}

/// Its ticks are served again.
#[heir]
struct Stubborn {
    #[table(rollback)]
    swept: u32,
    #[arg]
    diary: Diary,
}

#[handlers]
impl Stubborn {
    #[every("100ms", missed = catch_up)]
    #[redeliver(2)]
    async fn sweep(&mut self, cx: &mut Context<Self>) {
        self.swept += 1;
        self.diary.sweep(&format!("sweep by {}", cx.incarnation())).await;
    }

    fn swept(&mut self) -> u32 {
        self.swept
    }

    #[cast]
    async fn hang(&mut self, millis: u64) {
        pass(millis).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_tick_with_redeliver_is_served_again_and_first() {
    let diary = Diary::begin();
    let lost = Log::default();
    let mut tree = tree();
    let spec = Stubborn::spec(diary.clone()).on_undelivered({
        let lost = lost.clone();
        move |undelivered| lost.tell(undelivered.to_string())
    });
    let stubborn = tree.worker(spec);
    diary.plan(&[Panics, Takes(150), Panics, Panics, Panics]);
    let _tree = tree.start().await.unwrap();
    // The first dies once; that of 200, which is late, dies for good.
    let expected = [
        "100 sweep by 1",
        "100 sweep by 2",
        "250 sweep by 2",
        "250 sweep by 3",
        "250 sweep by 4",
        "300 sweep by 5",
    ];
    assert_eq!(diary.until(300).await, expected);
    assert_eq!(stubborn.swept().await.unwrap(), 2);
    assert!(lost.take().is_empty());
    // How often it is served again is a matter of the handler, also if the spec gives the period.
    let diary = Diary::begin();
    let mut tree = self::tree();
    let period = Duration::from_millis(70);
    tree.worker(Stubborn::spec(diary.clone()).every(period, Missed::Skip, StubbornMessage::Sweep));
    diary.plan(&[Panics]);
    let _tree = tree.start().await.unwrap();
    assert_eq!(diary.until(140).await, ["70 sweep by 1", "70 sweep by 2", "140 sweep by 2"]);
}

#[tokio::test(start_paused = true)]
async fn a_tick_that_is_to_be_served_again_when_the_worker_stops_is_nobodys() {
    let diary = Diary::begin();
    let lost = Log::default();
    let mut tree = tree();
    let spec =
        Stubborn::spec(diary.clone()).backoff(Backoff::Fixed(Duration::from_mins(1))).on_undelivered({
            let lost = lost.clone();
            move |undelivered| lost.tell(undelivered.to_string())
        });
    let stubborn = tree.worker(spec);
    diary.plan(&[Panics]);
    let tree = tree.start().await.unwrap();
    diary.until(150).await;
    assert_eq!(stubborn.status(), Status::Down);
    tree.shutdown().await;
    assert!(lost.take().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_grid_of_a_terminated_child_stands_still() {
    for missed in [Missed::Skip, Missed::CatchUp] {
        let diary = Diary::begin();
        let mut tree = tree();
        tree.worker(catch_up(&diary).every(Duration::from_millis(100), missed, SweeperMessage::Sweep));
        let tree = tree.start().await.unwrap();
        assert_eq!(diary.until(130).await, ["100 sweep"]);
        tree.terminate_child("Sweeper").await.unwrap();
        assert!(diary.until(1000).await.is_empty());
        tree.restart_child("Sweeper").await.unwrap();
        assert_eq!(diary.until(1200).await, ["1070 sweep", "1170 sweep"]);
    }
}

#[tokio::test(start_paused = true)]
async fn so_do_those_below_a_terminated_supervisor() {
    let diary = Diary::begin();
    let mut root = tree();
    let mut below = heir_runtime::Supervisor::builder("below");
    below.worker(catch_up(&diary));
    root.child(below);
    let tree = root.start().await.unwrap();
    assert_eq!(diary.until(130).await, ["100 sweep"]);
    tree.terminate_child("below").await.unwrap();
    assert!(diary.until(1000).await.is_empty());
    tree.restart_child("below").await.unwrap();
    assert_eq!(diary.until(1200).await, ["1070 sweep", "1170 sweep"]);
}

/// The sweeper's next version, with the same tables.
#[heir(tables = SweeperTables)]
struct Newer {
    #[table(rollback)]
    swept: u32,
    #[arg]
    diary: Diary,
}

#[handlers]
impl Newer {
    #[every("100ms")]
    async fn sweep(&mut self) {
        self.swept += 1;
        self.diary.sweep("newer sweep").await;
    }

    #[every("40ms")]
    async fn other(&mut self) {
        self.diary.tell("other");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_keeps_the_grids_of_ticks_with_the_same_name_and_period() {
    let diary = Diary::begin();
    let mut tree = tree();
    let sweeper = tree.worker(Sweeper::spec(diary.clone()));
    let tree = tree.start().await.unwrap();
    diary.until(130).await;
    let newer = tree.upgrade_child(&sweeper, Newer::spec(diary.clone())).await.unwrap();
    assert_eq!(diary.until(220).await, ["170 other", "200 newer sweep", "210 other"]);
    // Another period is another grid.
    let spec =
        Sweeper::spec(diary.clone()).every(Duration::from_millis(50), Missed::Skip, SweeperMessage::Sweep);
    tree.upgrade_child(&newer, spec).await.unwrap();
    assert_eq!(diary.until(330).await, ["270 sweep", "320 sweep"]);
}

#[tokio::test(start_paused = true)]
async fn the_upgrade_of_a_terminated_child_goes_on_where_the_child_stood() {
    let diary = Diary::begin();
    let mut tree = tree();
    let sweeper = tree.worker(Sweeper::spec(diary.clone()));
    let tree = tree.start().await.unwrap();
    diary.until(130).await;
    tree.terminate_child("Sweeper").await.unwrap();
    diary.until(1000).await;
    tree.upgrade_child(&sweeper, Sweeper::spec(diary.clone())).await.unwrap();
    assert_eq!(diary.until(1200).await, ["1070 sweep", "1170 sweep"]);
}

#[tokio::test(start_paused = true)]
async fn a_spec_gives_ticks_and_replaces_those_that_are_declared() {
    let diary = Diary::begin();
    let mut tree = tree();
    let spec = Sweeper::spec(diary.clone())
        .every(Duration::from_millis(70), Missed::Skip, SweeperMessage::Poke)
        .every(Duration::from_millis(1), Missed::Skip, SweeperMessage::Sweep)
        .every(Duration::from_millis(60), Missed::Skip, SweeperMessage::Sweep);
    let sweeper = tree.worker(spec);
    let _tree = tree.start().await.unwrap();
    sweeper.poke().await.unwrap();
    assert_eq!(diary.until(140).await, ["0 poke", "60 sweep", "70 poke", "120 sweep", "140 poke"]);
    let diary = Diary::begin();
    let mut tree = self::tree();
    tree.worker(Sweeper::spec(diary.clone()).every(Duration::MAX, Missed::Skip, SweeperMessage::Sweep));
    let _tree = tree.start().await.unwrap();
    assert!(diary.until(1_000_000).await.is_empty(), "never");
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "the period of a tick is not zero")]
async fn a_spec_takes_no_period_of_zero() {
    let _ = Sweeper::spec(Diary::begin()).every(Duration::ZERO, Missed::Skip, SweeperMessage::Sweep);
}

/// Three ticks, two of them at the same time.
#[heir]
struct Several {
    #[table(keep)]
    _nothing: (),
    #[arg]
    diary: Diary,
}

#[handlers]
impl Several {
    #[every("200ms")]
    fn second(&mut self) {
        self.diary.tell("second");
    }

    #[every("100ms")]
    async fn first(&mut self) {
        self.diary.sweep("first").await;
    }

    #[cfg(any())]
    #[every("1ms")]
    fn never(&mut self) {}

    #[every("1s")]
    #[cfg(not(any()))]
    fn third(&mut self) {
        self.diary.tell("third");
    }
}

#[tokio::test(start_paused = true)]
async fn the_tick_that_has_been_due_for_longest_comes_first() {
    let diary = Diary::begin();
    let mut tree = tree();
    tree.worker(Several::spec(diary.clone()));
    diary.plan(&[Takes(10), Takes(150)]);
    let _tree = tree.start().await.unwrap();
    // At one time the one that is declared first; 300 was due before 400.
    let expected = ["100 first", "200 second", "200 first", "350 first", "400 second", "400 first"];
    assert_eq!(diary.until(400).await, expected);
    // Of three at one time the one that was not served for longest.
    let last = diary.until(1000).await.split_off(7);
    assert_eq!(last, ["1000 third", "1000 second", "1000 first"]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_comes_before_any_number_of_missed_ticks() {
    let diary = Diary::begin();
    let mut tree = tree();
    tree.worker(catch_up(&diary).every(Duration::from_millis(1), Missed::CatchUp, SweeperMessage::Sweep));
    diary.plan(&[Takes(50); 1000]);
    let tree = tree.start().await.unwrap();
    diary.until(1000).await;
    let report = in_time(tree.shutdown()).await;
    assert!(report.aborted.is_empty() && report.unresponsive.is_empty(), "{report:?}");
    assert!(diary.begun.elapsed() <= Duration::from_millis(1051));
}

#[tokio::test(start_paused = true)]
async fn the_bound_on_a_handlers_time_holds_for_a_tick() {
    let diary = Diary::begin();
    let (mut tree, recorder) = Recorder::tree();
    tree.worker(Sweeper::spec(diary.clone()).handler_timeout(Duration::from_millis(30)));
    diary.plan(&[Takes(50)]);
    let _tree = tree.start().await.unwrap();
    assert_eq!(diary.until(300).await, ["100 sweep", "200 sweep", "300 sweep"]);
    let timed_out =
        heir_tests::event!(Restarting { reason: ExitReason::TimedOut { handler: "sweep", .. }, .. });
    assert_eq!(recorder.count(timed_out), 1);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_messages_delays_no_tick_and_ticks_delay_no_other_task() {
    let diary = Diary::begin();
    let mut tree = tree();
    let spec = Sweeper::spec(diary.clone()).mailbox(usize::MAX);
    let sweeper = tree.worker(spec.every(Duration::from_nanos(1), Missed::CatchUp, SweeperMessage::Poke));
    let _tree = tree.start().await.unwrap();
    for n in 0..2000 {
        sweeper.try_note(n).unwrap();
    }
    tokio::time::advance(Duration::from_millis(100)).await;
    // It has more ticks to catch up with than it ever can. It lets others go on all the same, and
    // none of its other ticks and messages waits for more than one of them.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    let told = diary.log.take();
    let count = |what: &str| told.iter().filter(|told| told.contains(what)).count();
    assert!((500..5_000).contains(&told.len()), "{}", told.len());
    assert!(told.iter().position(|told| told.contains("sweep")).unwrap() <= 3);
    assert!(count("note").abs_diff(count("poke")) <= 2);
}

/// A worker by hand with a tick.
struct ByHand {
    diary: Diary,
}

enum ByHandMessage {
    Sweep(Cast<()>),
    Ask(Call<(), u32>),
}

impl Message for ByHandMessage {
    fn gate(&mut self) -> &mut dyn ReplyGate {
        match self {
            Self::Sweep(cast) => cast,
            Self::Ask(call) => call,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Sweep(_) => "sweep",
            Self::Ask(_) => "ask",
        }
    }
}

impl Worker for ByHand {
    const NAME: &'static str = "ByHand";
    type Tables = ();
    type Args = Diary;
    type Saved = ();

    async fn create(_: Diary, _: Readers) -> Result<(), BoxError> {
        Ok(())
    }

    fn incarnate(diary: Diary) -> impl FnOnce(()) -> Self + Send + 'static {
        move |()| Self { diary }
    }

    fn dismantle(self) -> ((), impl Send + 'static) {
        ((), self.diary)
    }

    fn save(&self) {}

    fn restore(_: &mut (), _: &mut ()) {}
}

impl Handlers for ByHand {
    type Message = ByHandMessage;
    type Handle = ByHandHandle;

    const TICKS: &'static [Tick<ByHandMessage>] =
        &[Tick::every(Duration::from_millis(100), Missed::CatchUp, ByHandMessage::Sweep).redeliver(1)];

    async fn handle(&mut self, message: &mut ByHandMessage, _: &mut Context<Self>) {
        match message {
            ByHandMessage::Sweep(cast) => {
                cast.take_args();
                self.diary.sweep("sweep").await;
            }
            ByHandMessage::Ask(call) => {
                call.take_args();
                call.keep(7);
            }
        }
    }
}

#[derive(Clone)]
struct ByHandHandle(Handle<ByHand>);

impl From<Handle<ByHand>> for ByHandHandle {
    fn from(handle: Handle<ByHand>) -> Self {
        Self(handle)
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_by_hand_lists_its_ticks() {
    let diary = Diary::begin();
    let mut tree = tree();
    let by_hand = tree.worker(Spec::<ByHand>::new(diary.clone()));
    diary.plan(&[Panics]);
    let _tree = tree.start().await.unwrap();
    assert_eq!(diary.until(200).await, ["100 sweep", "100 sweep", "200 sweep"]);
    assert_eq!(by_hand.0.call((), ByHandMessage::Ask).await.unwrap(), 7);
    assert_eq!(format!("{:?}", ByHand::TICKS[0]), "Tick { period: 100ms, missed: CatchUp, .. }");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_waits_for_its_next_tick_waits_for_messages_too() {
    let diary = Diary::begin();
    let waiting = Arc::new(Notify::new());
    let mut tree = tree();
    let sweeper = tree.worker(Sweeper::spec(diary.clone()));
    let _tree = tree.start().await.unwrap();
    for n in [10, 20, 110] {
        diary.until(n).await;
        sweeper.note(u32::try_from(n).unwrap()).await.unwrap();
        waiting.notify_one();
    }
    assert_eq!(diary.until(200).await, ["110 note 110", "200 sweep"]);
}
