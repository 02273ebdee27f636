//! A message written by hand, each of whose methods may panic, on every path of a message that is not served.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex};

use heir_runtime::by_hand::{Call, Cast, Handlers, Message, MessageArgs, ReplyGate, Worker};
use heir_runtime::events::Role;
use heir_runtime::table::Readers;
use heir_runtime::{
    AfterQuarantine, BoxError, CallError, Context, ExitReason, Handle, Restart, Spec, Stopped, Undelivered,
};
use heir_tests::fuse::Fuse;
use heir_tests::waits::{in_time, wait_until};
use heir_tests::{Recorder, event};
use tokio::task::JoinHandle;

/// Which of its methods panic from now on.
#[derive(Default)]
struct Armed {
    gate: Fuse,
    name: Fuse,
    handle: Fuse,
    move_apart: Fuse,
    move_together: Fuse,
    restore: Fuse,
}

/// A worker whose messages, and whose own functions, panic when they are told to.
struct Handmade {
    tables: HandmadeTables,
    armed: Arc<Armed>,
}

struct HandmadeTables {
    notes: Vec<u32>,
}

impl Worker for Handmade {
    const NAME: &'static str = "Handmade";
    type Tables = HandmadeTables;
    type Args = Arc<Armed>;
    type Saved = Vec<u32>;

    async fn create(_: Arc<Armed>, _: Readers) -> Result<HandmadeTables, BoxError> {
        Ok(HandmadeTables { notes: Vec::new() })
    }

    fn incarnate(armed: Arc<Armed>) -> impl FnOnce(HandmadeTables) -> Self + Send + 'static {
        move |tables| {
            armed.move_together.pass("incarnate's closure");
            Self { tables, armed }
        }
    }

    fn dismantle(self) -> (HandmadeTables, impl Send + 'static) {
        self.armed.move_apart.pass("dismantle");
        (self.tables, ())
    }

    fn save(&self) -> Vec<u32> {
        self.tables.notes.clone()
    }

    fn restore(tables: &mut HandmadeTables, saved: &mut Vec<u32>) {
        armed().restore.pass("restore");
        std::mem::swap(&mut tables.notes, saved);
    }
}

enum HandmadeMessage {
    Note(Call<(u32,), usize>, Arc<Armed>),
    Again(Call<(u32,), usize>, Arc<Armed>),
    /// Opens its gate itself, and dies then.
    Hasty(Call<(u32,), usize>, Arc<Armed>),
    Quiet(Cast<(u32,)>, Arc<Armed>),
    Die(Call<(), ()>, Arc<Armed>),
}

impl Message for HandmadeMessage {
    fn gate(&mut self) -> &mut dyn ReplyGate {
        let (gate, armed): (&mut dyn ReplyGate, _) = match self {
            Self::Note(call, armed) | Self::Again(call, armed) | Self::Hasty(call, armed) => (call, armed),
            Self::Quiet(cast, armed) => (cast, armed),
            Self::Die(call, armed) => (call, armed),
        };
        armed.gate.pass("gate");
        gate
    }

    fn name(&self) -> &'static str {
        let (Self::Note(_, armed)
        | Self::Again(_, armed)
        | Self::Hasty(_, armed)
        | Self::Quiet(_, armed)
        | Self::Die(_, armed)) = self;
        armed.name.pass("name");
        "handmade"
    }
}

impl Handlers for Handmade {
    type Message = HandmadeMessage;
    type Handle = HandmadeHandle;

    fn handle(
        &mut self,
        message: &mut HandmadeMessage,
        _cx: &mut Context<Self>,
    ) -> impl Future<Output = ()> + Send {
        // Before there is a future.
        self.armed.handle.pass("handle");
        let notes = &mut self.tables.notes;
        async move {
            match message {
                HandmadeMessage::Note(call, _) | HandmadeMessage::Again(call, _) => {
                    notes.push(call.take_args().0);
                    call.keep(notes.len());
                }
                HandmadeMessage::Hasty(call, _) => {
                    notes.push(call.take_args().0);
                    call.keep(notes.len());
                    call.open();
                    panic!("behind its reply");
                }
                HandmadeMessage::Quiet(cast, _) => notes.push(cast.take_args().0),
                HandmadeMessage::Die(..) => {
                    notes.push(0);
                    panic!("asked to die");
                }
            }
        }
    }
}

#[derive(Clone)]
struct HandmadeHandle(Handle<Handmade>);

impl From<Handle<Handmade>> for HandmadeHandle {
    fn from(handle: Handle<Handmade>) -> Self {
        Self(handle)
    }
}

// The constructors are plain functions, and so each takes what it is armed with from its thread.
std::thread_local! {
    static ARMED: std::cell::RefCell<Arc<Armed>> = std::cell::RefCell::default();
}

fn armed() -> Arc<Armed> {
    ARMED.with_borrow(Arc::clone)
}

fn note(call: Call<(u32,), usize>) -> HandmadeMessage {
    HandmadeMessage::Note(call, armed())
}

fn again(call: Call<(u32,), usize>) -> HandmadeMessage {
    HandmadeMessage::Again(call, armed())
}

fn hasty(call: Call<(u32,), usize>) -> HandmadeMessage {
    HandmadeMessage::Hasty(call, armed())
}

fn quiet(cast: Cast<(u32,)>) -> HandmadeMessage {
    HandmadeMessage::Quiet(cast, armed())
}

fn die(call: Call<(), ()>) -> HandmadeMessage {
    HandmadeMessage::Die(call, armed())
}

/// One that runs, what it is armed with, and what is not delivered.
struct Started {
    handle: Handle<Handmade>,
    armed: Arc<Armed>,
    undelivered: Arc<Mutex<VecDeque<Undelivered>>>,
    tree: heir_runtime::Supervisor,
    recorder: Recorder,
}

async fn start(spec: impl FnOnce(Spec<Handmade>) -> Spec<Handmade>) -> Started {
    ARMED.take();
    let armed = armed();
    let undelivered = Arc::<Mutex<VecDeque<Undelivered>>>::default();
    let hook = Arc::clone(&undelivered);
    let (mut tree, recorder) = Recorder::tree();
    let to_undelivered = move |message| hook.lock().unwrap().push_back(message);
    let made = Spec::<Handmade>::new(Arc::clone(&armed)).on_undelivered(to_undelivered);
    let HandmadeHandle(handle) = tree.worker(spec(made));
    let tree = tree.start().await.unwrap();
    Started { handle, armed, undelivered, tree, recorder }
}

fn call(handle: &Handle<Handmade>, n: u32) -> JoinHandle<Result<usize, CallError<(u32,)>>> {
    let handle = handle.clone();
    tokio::spawn(async move { handle.call((n,), note).await })
}

/// While it is paused: then each that is sent stays.
async fn queued(handle: &Handle<Handmade>, messages: usize) {
    assert!(handle.is_paused());
    wait_until(|| handle.queued() >= messages).await;
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_panics_while_its_worker_dies_keeps_the_tables_from_nobody() {
    let Started { handle, armed, tree, .. } = start(|spec| spec).await;
    assert_eq!(in_time(handle.call((1,), note)).await.unwrap(), 1);
    in_time(handle.pause()).await.unwrap();
    let death = tokio::spawn({
        let handle = handle.clone();
        async move { handle.call((), die).await }
    });
    queued(&handle, 1).await;
    armed.gate.light();
    handle.resume();
    // It died: its caller is told, although its message cannot say who that is.
    let died = in_time(death).await.unwrap().unwrap_err();
    assert!(matches!(died, CallError::Died { incarnation: 1, reason: ExitReason::Panic(_), .. }), "{died}");
    in_time(handle.wait_serving(2)).await.unwrap();
    assert_eq!(in_time(tree.shutdown()).await.why, Stopped::Shutdown);
    assert_eq!(handle.estate().claim("test").unwrap().notes, [1]);
}

#[tokio::test(start_paused = true)]
async fn a_message_to_be_served_again_whose_gate_panics_is_not_and_its_caller_is_told() {
    let Started { handle, armed, tree, .. } = start(|spec| spec).await;
    in_time(handle.pause()).await.unwrap();
    let again = tokio::spawn({
        let handle = handle.clone();
        async move { handle.call(MessageArgs::redeliver((1,), 3), again).await }
    });
    queued(&handle, 1).await;
    armed.handle.light();
    armed.gate.light();
    handle.resume();
    let died = in_time(again).await.unwrap().unwrap_err();
    assert!(matches!(died, CallError::Died { incarnation: 1, .. }), "{died}");
    assert_eq!(in_time(tree.shutdown()).await.why, Stopped::Shutdown);
    assert_eq!(handle.estate().claim("test").unwrap().notes, Vec::<u32>::new());
}

#[tokio::test(start_paused = true)]
async fn a_message_whose_caller_has_been_answered_is_not_served_again() {
    let Started { handle, tree, .. } = start(|spec| spec).await;
    assert_eq!(in_time(handle.call(MessageArgs::redeliver((1,), 3), hasty)).await.unwrap(), 1);
    assert_eq!(in_time(handle.call((2,), note)).await.unwrap(), 1, "it is undone");
    assert_eq!(handle.incarnation(), 2, "it has died once");
    in_time(tree.shutdown()).await;
}

#[tokio::test(start_paused = true)]
async fn gates_and_names_that_panic_while_a_mailbox_is_drained_leave_no_caller_and_no_hook_untold() {
    let Started { handle, armed, undelivered, tree, .. } = start(|spec| spec).await;
    in_time(handle.pause()).await.unwrap();
    let call = call(&handle, 1);
    in_time(handle.cast((2,), quiet)).await.unwrap();
    queued(&handle, 2).await;
    armed.gate.light();
    armed.name.light();
    assert_eq!(in_time(tree.shutdown()).await.why, Stopped::Shutdown);
    let refused = in_time(call).await.unwrap().unwrap_err();
    assert!(matches!(refused, CallError::Stopped(Stopped::Shutdown)), "{refused}");
    let hooked = undelivered.lock().unwrap().pop_front().expect("the hook gets what has no caller");
    assert!(hooked.message.contains("panics") && hooked.args.is_none(), "{hooked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_panics_keeps_no_arguments_from_the_hook() {
    let Started { handle, armed, undelivered, tree, .. } = start(|spec| spec).await;
    in_time(handle.pause()).await.unwrap();
    in_time(handle.cast((2,), quiet)).await.unwrap();
    armed.name.light();
    in_time(tree.shutdown()).await;
    let hooked = undelivered.lock().unwrap().pop_front().expect("the hook gets what has no caller");
    assert_eq!(*hooked.args.unwrap().downcast::<(u32,)>().unwrap(), (2,));
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_panics_when_it_is_to_open_undoes_nothing_and_its_caller_is_told() {
    let Started { handle, armed, tree, .. } = start(|spec| spec).await;
    in_time(handle.pause()).await.unwrap();
    let call = call(&handle, 1);
    queued(&handle, 1).await;
    armed.gate.light();
    handle.resume();
    let unanswered = in_time(call).await.unwrap().unwrap_err();
    assert!(matches!(unanswered, CallError::Unanswered), "{unanswered}");
    in_time(handle.wait_serving(2)).await.unwrap();
    in_time(tree.shutdown()).await;
    assert_eq!(handle.estate().claim("test").unwrap().notes, [1]);
}

#[tokio::test(start_paused = true)]
async fn a_handle_function_that_panics_before_there_is_a_future_is_a_panic_of_its_message() {
    let Started { handle, armed, tree, recorder, .. } = start(|spec| spec).await;
    armed.handle.light();
    let died = in_time(handle.call((1,), note)).await.unwrap_err();
    assert!(matches!(died, CallError::Died { reason: ExitReason::Panic(_), .. }), "{died}");
    let in_handle = ExitReason::Panic("in handle".into());
    in_time(recorder.until(event!(Restarting { role: Role::Worker, reason, .. } if *reason == in_handle)))
        .await;
    in_time(tree.shutdown()).await;
    assert_eq!(handle.estate().claim("test").unwrap().notes, Vec::<u32>::new());
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_panics_where_it_may_only_move_has_lost_its_tables_and_everybody_is_told() {
    for apart in [true, false] {
        let Started { handle, armed, tree, recorder, .. } =
            start(|spec| spec.restart(Restart::Permanent)).await;
        let moves = if apart { &armed.move_apart } else { &armed.move_together };
        moves.light();
        handle.kill();
        let why = in_time(handle.wait_stopped()).await;
        assert!(matches!(&why, Stopped::Ended(ExitReason::Panic(_))), "{why}");
        let late = in_time(handle.call((1,), note)).await.unwrap_err();
        assert!(matches!(late, CallError::NotSent { .. }), "{late}");
        assert_ne!(recorder.count(event!(CodePanicked { .. })), 0);
        assert_eq!(in_time(tree.shutdown()).await.why, Stopped::Shutdown);
    }
}

#[tokio::test(start_paused = true)]
async fn a_restore_that_panics_has_the_tables_parked_as_torn_and_those_that_follow_are_not() {
    let Started { handle, armed, tree, recorder, .. } =
        start(|spec| spec.quarantine(AfterQuarantine::Fresh)).await;
    assert_eq!(in_time(handle.call((1,), note)).await.unwrap(), 1);
    armed.restore.light();
    in_time(handle.call((), die)).await.unwrap_err();
    in_time(handle.wait_serving(2)).await.unwrap();
    let parked = handle.take_quarantined().pop().expect("they are torn");
    assert_eq!(parked.reason.as_ref(), "its last message could not be undone: in restore");
    assert_eq!(parked.tables.notes, [1, 0], "as the message left them");
    in_time(recorder.until(event!(CodePanicked { message, .. } if &**message == "in restore"))).await;
    // Nothing is to be restored: the next tables are judged by themselves.
    handle.kill();
    in_time(handle.wait_serving(3)).await.unwrap();
    assert_eq!(handle.quarantined(), 0);
    assert_eq!(in_time(handle.call((2,), note)).await.unwrap(), 1);
    in_time(tree.shutdown()).await;
    assert_eq!(handle.estate().claim("test").unwrap().torn(), None);
}
