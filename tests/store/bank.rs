//! The worker of these tests: what it is told goes into three tables and a value, which agree at each boundary.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use heir_runtime::store::{Store, StoreError, StoreOptions};
use heir_runtime::{BagTable, Context, OrderedTable, Supervisor, Table, handlers, heir};
use heir_tests::disk::Disk;

/// What [`Bank`] does beside its tables, in order.
pub type Done = Arc<Mutex<Vec<String>>>;

#[heir(survives = process)]
pub struct Bank {
    #[table]
    pub sums: Table<u64, u64>,
    #[table]
    ordered: OrderedTable<u64, u64>,
    #[table]
    entries: BagTable<u64, u64>,
    /// The same beside the tables.
    #[table(rollback)]
    last: BTreeMap<u64, u64>,
    #[arg]
    done: Done,
}

#[handlers]
impl Bank {
    /// Puts the next number of an account into each table.
    pub fn put(&mut self, account: u64, number: u64) -> u64 {
        self.sums.insert(account, number);
        self.ordered.insert(account, number);
        self.entries.insert_duplicate(account, number);
        self.last.insert(account, number);
        number
    }

    #[cast]
    pub fn put_cast(&mut self, account: u64, number: u64) {
        self.put(account, number);
    }

    /// The same, and notes it when it has been kept.
    pub fn put_and_note(&mut self, cx: &mut Context<Self>, account: u64, number: u64) {
        self.put(account, number);
        let done = Arc::clone(&self.done);
        cx.after_commit(move || done.lock().unwrap().push(format!("{account} is {number}")));
    }

    /// The same, and dies.
    pub fn put_and_die(&mut self, account: u64, number: u64) {
        self.put(account, number);
        panic!("asked to die");
    }

    pub fn remove(&mut self, account: u64) {
        self.sums.remove(&account);
        self.ordered.remove(&account);
        self.entries.remove(&account);
        self.last.remove(&account);
    }

    pub fn clear(&mut self) {
        self.sums.clear();
        self.ordered.clear();
        self.entries.clear();
        self.last.clear();
    }

    /// What it has beside its tables. It writes nothing.
    pub fn last(&mut self) -> BTreeMap<u64, u64> {
        self.last.clone()
    }

    /// What the owner sees. It writes nothing.
    pub fn sum(&mut self, account: u64) -> Option<u64> {
        self.sums.get(&account)
    }

    pub fn served_by(&mut self, cx: &mut Context<Self>) -> u64 {
        cx.incarnation()
    }
}

impl Bank {
    pub fn in_store(store: &Store) -> (heir_runtime::SupervisorBuilder, BankHandle, Done) {
        let mut tree = Supervisor::builder("app").store(store.clone());
        let done = Done::default();
        let bank = tree.worker(Self::spec(Arc::clone(&done)));
        (tree, bank, done)
    }
}

/// A store on this disk.
pub fn store(disk: &Disk) -> Result<Store, StoreError> {
    StoreOptions::default().open_on(disk.backend())
}

/// What everybody sees at one boundary: the last number of each account. All tables agree.
pub fn seen(bank: &BankHandle) -> BTreeMap<u64, u64> {
    let snapshot = bank.snapshot();
    let (sums, ordered, entries) = &*snapshot;
    let seen: BTreeMap<u64, u64> = sums.iter().map(|(account, number)| (*account, *number)).collect();
    assert!(ordered.iter().eq(&seen), "the tables do not agree");
    assert_eq!(entries.len(), seen.len(), "the tables do not agree");
    for (account, numbers) in entries.iter() {
        assert_eq!(numbers.last(), seen.get(account), "the tables do not agree");
        assert!(numbers.is_sorted(), "in the order in which they were put");
    }
    seen
}
