//! What a message sends, and late replies, where mailboxes are full, callers hurry, and workers or
//! runtimes are left behind.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heir_runtime::prelude::*;
use heir_runtime::{NotSent, Shutdown};
use heir_tests::Recorder;
use heir_tests::waits::{in_time, quiet, wait_until};
use tokio::sync::Notify;

/// Panics when it is dropped.
#[derive(Debug)]
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("in drop");
    }
}

/// Is sent to.
#[heir]
struct Shop {
    #[table]
    owed: Table<u64, Reply<u64>>,
}

#[handlers]
impl Shop {
    #[cast]
    fn note(&mut self, _line: u64) {}

    fn take(&mut self, id: u64) -> u64 {
        id
    }

    /// Answered by `pay`. Keeps its thread when it has committed.
    fn order_and_block(
        &mut self,
        cx: &mut Context<Self>,
        id: u64,
        blocks: Arc<Notify>,
        released: Arc<Mutex<Receiver<()>>>,
        reply: Reply<u64>,
    ) {
        self.owed.insert(id, reply);
        cx.after_commit(move || {
            blocks.notify_one();
            let _ = released.lock().unwrap().recv();
        });
    }

    /// Answered by `pay`.
    fn order(&mut self, id: u64, reply: Reply<u64>) {
        self.owed.insert(id, reply);
    }

    #[cast]
    fn pay(&mut self, cx: &mut Context<Self>, id: u64) {
        let reply = self.owed.remove(&id).unwrap();
        reply.send(cx, id);
    }

    fn arm(&mut self, _bomb: Bomb) -> u64 {
        0
    }

    #[cast]
    fn lose_argument(&mut self, _reply: Reply<u64>, _id: u64) {
        panic!("asked to die");
    }

    /// Keeps its thread.
    fn give_out_and_block(
        &mut self,
        out: Arc<Mutex<Vec<Reply<u64>>>>,
        released: Arc<Mutex<Receiver<()>>>,
        reply: Reply<u64>,
    ) {
        out.lock().unwrap().push(reply);
        let _ = released.lock().unwrap().recv();
    }

    fn give_out(&mut self, out: Arc<Mutex<Vec<Reply<u64>>>>, reply: Reply<u64>) {
        out.lock().unwrap().push(reply);
    }
}

/// Sends.
#[heir]
struct Client {
    #[table]
    answers: OrderedTable<u64, String>,
    #[arg]
    shops: Vec<ShopHandle>,
    #[arg]
    released: Arc<Mutex<Receiver<()>>>,
    #[arg]
    blocks: Arc<Notify>,
}

#[handlers]
impl Client {
    fn ping(&mut self) {}

    async fn broadcast(&mut self, cx: &mut Context<Self>, many: u64) -> Result<(), NotSent> {
        for n in 0..many {
            let shop = self.shops[0].clone();
            cx.send(shop.note(n)).await.map_err(|_| NotSent::Full)?;
        }
        Ok(())
    }

    /// To one shop, and, once somebody waits at the other, to the other.
    async fn both(&mut self, cx: &mut Context<Self>, first: usize, met: Arc<tokio::sync::Barrier>) {
        let (one, other) = (self.shops[first].clone(), self.shops[1 - first].clone());
        cx.send(one.note(1)).await.unwrap();
        met.wait().await;
        cx.send(other.note(2)).await.unwrap();
    }

    async fn order(&mut self, cx: &mut Context<Self>, id: u64) -> Result<(), BoxError> {
        let shop = self.shops[0].clone();
        cx.send(shop.order(id).answer_to(id, ClientMessage::Heard)).await?;
        Ok(())
    }

    async fn order_in_time(&mut self, cx: &mut Context<Self>, id: u64) -> Result<(), BoxError> {
        let shop = self.shops[0].with_timeout(Duration::from_secs(1));
        cx.send(shop.order(id).answer_to(id, ClientMessage::Heard)).await?;
        Ok(())
    }

    fn take_delayed(&mut self, cx: &mut Context<Self>, shop: ShopHandle, id: u64) {
        cx.send_delayed(Duration::from_secs(1), shop.take(id).answer_to(id, ClientMessage::Heard));
    }

    async fn arm_and_die(&mut self, cx: &mut Context<Self>) -> Result<(), BoxError> {
        let shop = self.shops[0].clone();
        let call = shop.arm(Bomb).answer_to(Bomb, ClientMessage::Armed);
        assert!(cx.send(call).await.is_ok());
        panic!("asked to die");
    }

    fn arm_delayed_and_cancel(&mut self, cx: &mut Context<Self>) {
        let call = self.shops[0].arm(Bomb).answer_to(Bomb, ClientMessage::Armed);
        cx.send_delayed(Duration::from_secs(1), call).cancel();
    }

    #[cast]
    fn armed(&mut self, _bomb: Bomb, _armed: CallResult<u64>) {}

    /// With a permit of the shop's, it keeps its thread.
    async fn block(&mut self, cx: &mut Context<Self>) {
        let shop = self.shops[0].clone();
        cx.send(shop.note(1)).await.unwrap();
        self.blocks.notify_one();
        let _ = self.released.lock().unwrap().recv();
        tokio::task::yield_now().await;
    }

    /// With a permit of the shop's.
    async fn wait_for_ever(&mut self, cx: &mut Context<Self>) {
        let shop = self.shops[0].clone();
        cx.send(shop.note(1)).await.unwrap();
        self.blocks.notify_one();
        std::future::pending::<()>().await;
    }

    #[cast]
    fn heard(&mut self, id: u64, answer: CallResult<u64>) {
        let told = match answer {
            Ok(n) => n.to_string(),
            Err(error) => format!("{error:?}"),
        };
        self.answers.insert(id, told);
    }

    fn told(&mut self) -> Vec<String> {
        self.answers.iter().map(|(_, told)| told).collect()
    }
}

struct World {
    shops: Vec<ShopHandle>,
    client: ClientHandle,
    other: ClientHandle,
    tree: Supervisor,
}

/// Two shops, and two clients of both.
async fn world(shop: usize, client: usize) -> World {
    let (mut tree, _) = Recorder::tree();
    let shops: Vec<_> = ["one", "two"].map(|name| tree.worker(Shop::spec().name(name).mailbox(shop))).into();
    let released = Arc::new(Mutex::new(channel().1));
    let [client, other] = ["client", "other"].map(|name| {
        let spec = Client::spec(shops.clone(), Arc::clone(&released), Arc::default());
        tree.worker(spec.name(name).mailbox(client))
    });
    World { shops, client, other, tree: tree.start().await.unwrap() }
}

#[tokio::test(start_paused = true)]
async fn a_message_can_send_more_than_its_target_holds() {
    let World { client, tree: _tree, .. } = world(2, 64).await;
    let _told = in_time(client.broadcast(3)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn two_that_send_to_two_idle_workers_do_not_wait_for_each_other() {
    let World { client, other, tree: _tree, .. } = world(1, 64).await;
    let met = Arc::new(tokio::sync::Barrier::new(2));
    let (one, two) =
        in_time(async { tokio::join!(client.both(0, Arc::clone(&met)), other.both(1, Arc::clone(&met))) })
            .await;
    one.unwrap();
    two.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_waits_for_answers_serves_others_meanwhile() {
    let World { shops, client, tree: _tree, .. } = world(64, 2).await;
    for id in 0..3 {
        in_time(client.order(id)).await.unwrap().unwrap();
    }
    quiet().await;
    assert_eq!((client.queued(), shops[0].queued()), (0, 0), "nothing is to be served");
    in_time(client.ping()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_to_a_worker_of_which_nothing_is_left_is_answered_so() {
    let World { client, tree: _tree, .. } = world(64, 64).await;
    let (mut tree, _) = Recorder::tree();
    let shop = tree.worker(Shop::spec());
    let tree = tree.start().await.unwrap();
    client.take_delayed(shop, 7).await.unwrap();
    tree.shutdown().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let told = client.told().await.unwrap();
    assert!(told.len() == 1 && told[0].contains("the worker stopped before it served"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_comes_in_the_time_of_the_handle() {
    let World { client, tree: _tree, .. } = world(64, 64).await;
    client.order_in_time(1).await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let told = client.told().await.unwrap();
    assert!(told.len() == 1 && told[0].contains("not answered within 1s"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn two_destructors_of_one_call_that_is_not_made_do_not_end_the_process() {
    let World { client, tree: _tree, .. } = world(64, 64).await;
    assert!(matches!(client.arm_and_die().await, Err(CallError::Died { .. })));
    client.arm_delayed_and_cancel().await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    client.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_was_left_behind_gives_its_permits_back_when_it_dies() {
    let (mut tree, _) = Recorder::tree();
    let shop = tree.worker(Shop::spec().mailbox(1));
    let tree = tree.start().await.unwrap();
    let (mut doomed, _) = Recorder::tree();
    let (release, released) = channel();
    let blocks = Arc::new(Notify::new());
    let spec = Client::spec(vec![shop.clone()], Arc::new(Mutex::new(released)), Arc::clone(&blocks));
    let client = doomed.worker(spec.shutdown(Shutdown::Timeout(Duration::from_millis(10))));
    let doomed = doomed.start().await.unwrap();
    let call = tokio::spawn({
        let client = client.clone();
        async move { client.block().await }
    });
    blocks.notified().await;
    doomed.shutdown().await;
    assert!(matches!(call.await.unwrap(), Err(CallError::Unresponsive { .. })));
    assert!(shop.try_note(1).is_err(), "it holds the only permit");
    release.send(()).unwrap();
    wait_until(|| client.estate().owner().is_none()).await;
    shop.try_note(1).unwrap();
    tree.shutdown().await;
}

#[test]
fn a_runtime_that_is_shut_down_gives_the_permits_of_others_back() {
    let outer = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let inner = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (shop, _tree) = outer.block_on(async {
        let (mut tree, _) = Recorder::tree();
        let shop = tree.worker(Shop::spec().mailbox(1));
        (shop, tree.start().await.unwrap())
    });
    let blocks = Arc::new(Notify::new());
    let (client, doomed) = inner.block_on(async {
        let (mut tree, _) = Recorder::tree();
        let released = Arc::new(Mutex::new(channel().1));
        let client = tree.worker(Client::spec(vec![shop.clone()], released, Arc::clone(&blocks)));
        (client, tree.start().await.unwrap())
    });
    inner.spawn({
        let client = client.clone();
        async move { client.wait_for_ever().await }
    });
    outer.block_on(blocks.notified());
    assert!(shop.try_note(1).is_err(), "the client holds the only permit");
    drop(inner);
    outer
        .block_on(async { tokio::time::timeout(Duration::from_secs(5), shop.note(2)).await })
        .expect("the permit of a worker that is gone comes back")
        .unwrap();
    drop((client, doomed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_whose_caller_was_told_that_the_worker_hangs_is_closed() {
    let (mut tree, _) = Recorder::tree();
    let shop = tree.worker(Shop::spec().heartbeat(Duration::from_millis(20)));
    let tree = tree.start().await.unwrap();
    let (out, (release, released)) = (Arc::<Mutex<Vec<_>>>::default(), channel());
    let told = shop.give_out_and_block(Arc::clone(&out), Arc::new(Mutex::new(released))).await;
    assert!(matches!(told, Err(CallError::Unresponsive { .. })), "{told:?}");
    let reply = out.lock().unwrap().pop().unwrap();
    let (is_closed, sent) = (reply.is_closed(), reply.send_now(7));
    release.send(()).unwrap();
    tree.shutdown().await;
    assert_eq!((is_closed, sent), (true, Err(7)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_whose_message_has_committed_is_not_told_that_what_follows_hangs() {
    let (mut tree, recorder) = Recorder::tree();
    let shop = tree.worker(Shop::spec().heartbeat(Duration::from_millis(20)));
    let tree = tree.start().await.unwrap();
    let (blocks, (release, released)) = (Arc::new(Notify::new()), channel());
    let call = tokio::spawn({
        let (shop, blocks, released) = (shop.clone(), Arc::clone(&blocks), Arc::new(Mutex::new(released)));
        async move { shop.order_and_block(1, blocks, released).await }
    });
    blocks.notified().await;
    recorder.until(heir_tests::event!(Unresponsive { .. })).await;
    release.send(()).unwrap();
    shop.pay(1).await.unwrap();
    assert_eq!(call.await.unwrap().unwrap(), 1);
    tree.shutdown().await;
}
