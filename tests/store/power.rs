//! The power is cut at any moment, again and again, while a service is busy: no answered message is lost, none is torn, and
//! nobody has seen what is not there.
//!
//! `HEIR_LOSSES=10000` asks for a campaign of so many.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heir_runtime::store::{StoreOptions, SyncTo};
use heir_tests::disk::Disk;
use heir_tests::{Random, waits};
use tokio::runtime::Builder;
use tokio::select;
use tokio::time::timeout;

use crate::bank::{Bank, BankHandle, seen, store};

const CLIENTS: u64 = 8;
/// Some 100 ms is what a process takes.
const LONGEST: Duration = Duration::from_secs(120);

/// What is known of each account.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    /// The last number that was answered, or seen.
    answered: u64,
    seen: u64,
    /// The last number that was sent.
    sent: u64,
}

type Accounts = Arc<Mutex<BTreeMap<u64, Account>>>;

/// What a campaign has found.
#[derive(Debug, Default)]
struct Found {
    losses: u32,
    answered: i64,
    lost: u64,
    seen_and_lost: u64,
    torn: u64,
    /// How often the value was looked at.
    values: u32,
}

fn losses() -> u32 {
    std::env::var("HEIR_LOSSES").map_or(200, |losses| losses.parse().expect("a number of power losses"))
}

fn answers(accounts: &Accounts) -> i64 {
    accounts.lock().unwrap().values().map(|account| account.answered.cast_signed()).sum()
}

/// Sends numbers to one account, one after the other, until the store fails.
async fn client(bank: BankHandle, account: u64, accounts: Accounts) {
    loop {
        let number = {
            let mut accounts = accounts.lock().unwrap();
            let account = accounts.entry(account).or_default();
            account.sent += 1;
            account.sent
        };
        if bank.put(account, number).await.is_err() {
            return;
        }
        accounts.lock().unwrap().entry(account).or_default().answered = number;
        let seen = bank.sums().get(&account).unwrap_or(0);
        let mut accounts = accounts.lock().unwrap();
        let account = accounts.entry(account).or_default();
        account.seen = account.seen.max(seen);
    }
}

/// Compares what is there with what is known, and goes on from there.
fn check(there: &BTreeMap<u64, u64>, accounts: &Accounts, found: &mut Found, random: &Random) {
    for (number, account) in accounts.lock().unwrap().iter_mut() {
        let there = there.get(number).copied().unwrap_or(0);
        found.lost += u64::from(there < account.answered);
        found.seen_and_lost += u64::from(there < account.seen);
        found.torn += u64::from(there > account.sent);
        assert!(
            (account.answered.max(account.seen)..=account.sent).contains(&there),
            "{account:?}, {there}: {random}"
        );
        *account = Account { answered: there, seen: there, sent: there };
    }
}

/// A process: it finds what is there, and serves until the power is cut. Whether it has opened the store.
fn process(disk: &Disk, accounts: &Accounts, found: &mut Found, random: &Random) -> bool {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let work = async {
        let kept = match store(disk) {
            Ok(kept) => kept,
            Err(error) => {
                assert!(disk.is_cut(), "the store cannot be opened: {error}: {random}");
                return false;
            }
        };
        let (tree, bank, _) = Bank::in_store(&kept);
        // A start waits for a disk that fails.
        let started = select! {
            started = tree.start() => started.ok(),
            () = waits::wait_until(|| disk.is_cut()) => None,
        };
        let Some(_tree) = started else {
            assert!(disk.is_cut(), "the tree did not start: {random}");
            return true;
        };
        let there = seen(&bank);
        check(&there, accounts, found, random);
        // The value beside the tables agrees with them, if it can still be asked for.
        let last = select! {
            last = bank.last() => last.ok(),
            () = waits::wait_until(|| disk.is_cut()) => None,
        };
        assert!(last.as_ref().is_none_or(|last| *last == there), "{last:?}, {there:?}: {random}");
        found.values += u32::from(last.is_some());
        found.answered -= answers(accounts);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|account| tokio::spawn(client(bank.clone(), account, Arc::clone(accounts))))
            .collect();
        waits::wait_until(|| disk.is_cut()).await;
        // Some wait for a worker that waits for the disk.
        for client in clients {
            client.abort();
            let _ = client.await;
        }
        found.answered += answers(accounts);
        // A reader sees no more than what is on the disk.
        let last = seen(&bank);
        for (number, account) in accounts.lock().unwrap().iter_mut() {
            account.seen = account.seen.max(last.get(number).copied().unwrap_or(0));
        }
        true
    };
    // The runtime has a clock only within.
    let is_opened = runtime.block_on(async { timeout(LONGEST, work).await });
    runtime.shutdown_timeout(Duration::from_secs(10));
    is_opened.unwrap_or_else(|_elapsed| panic!("somebody is left waiting: {random}"))
}

#[test]
fn no_power_loss_loses_or_tears_what_was_answered_or_seen() {
    let mut random = Random::new();
    let (accounts, mut found) = (Accounts::default(), Found::default());
    let mut image = Vec::new();
    for loss in 0..losses() {
        // Now and then a new disk, so that first starts are cut off, too.
        if loss % 50 == 0 {
            image.clear();
            accounts.lock().unwrap().clear();
        }
        let is_new = image.is_empty();
        let disk = Disk::with(image);
        let soon = random.below(4) == 0;
        disk.cut_after(if soon { random.below(40) } else { 40 + random.below(600) }.into());
        let is_opened = process(&disk, &accounts, &mut found, &random);
        // A new file is in its place when it is whole.
        image = if is_new && !is_opened { Vec::new() } else { disk.survivors(&mut random) };
        found.losses += 1;
    }
    println!("{found:?}");
    assert!(found.values > found.losses / 4, "hardly a value was looked at: {found:?}");
    assert!(found.answered > i64::from(found.losses), "hardly anything was answered: {found:?}");
    assert_eq!((found.lost, found.seen_and_lost, found.torn), (0, 0, 0), "{random}");
}

/// What would be found if the store answered before the disk has what was written.
#[test]
fn without_syncs_answered_messages_are_lost_so_these_tests_can_fail() {
    let mut random = Random::new();
    let found = (0..20).any(|_| {
        let (disk, accounts) = (Disk::default(), Accounts::default());
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let kept = StoreOptions::default().sync(SyncTo::Os).open_on(disk.backend()).unwrap();
            let (tree, bank, _) = Bank::in_store(&kept);
            let _tree = tree.start().await.unwrap();
            disk.cut_after(300);
            let client = tokio::spawn(client(bank.clone(), 0, Arc::clone(&accounts)));
            waits::wait_until(|| disk.is_cut()).await;
            client.abort();
        });
        runtime.shutdown_timeout(Duration::from_secs(10));
        let answered = accounts.lock().unwrap()[&0].answered;
        let after = Builder::new_current_thread().enable_all().build().unwrap();
        after.block_on(async {
            let Ok(kept) = store(&Disk::with(disk.survivors(&mut random))) else { return true };
            let (tree, bank, _) = Bank::in_store(&kept);
            let Ok(_tree) = tree.start().await else { return true };
            bank.sums().get(&0).unwrap_or(0) < answered
        })
    });
    assert!(found, "{random}");
}
