//! A store that is slow, or nearly full, says so before it fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use heir_runtime::events::{EventKind, EventStream};
use heir_runtime::store::{Store, StoreOptions};
use heir_runtime::{Supervisor, Table, handlers, heir};
use heir_tests::disk::Disk;

#[heir(survives = process)]
struct Writes {
    #[table]
    texts: Table<u64, String>,
}

#[handlers]
impl Writes {
    pub fn put(&mut self, row: u64, bytes: usize) {
        self.texts.insert(row, "x".repeat(bytes));
    }
}

/// Two workers whose records are in the same batches.
fn tree(kept: &Store) -> (heir_runtime::SupervisorBuilder, [WritesHandle; 2]) {
    let mut tree = Supervisor::builder("app").store(kept.clone());
    let both = ["first", "second"].map(|name| tree.worker(Writes::spec().name(name)));
    (tree, both)
}

/// Puts a row by each worker, at once.
async fn put(both: &[WritesHandle; 2], row: u64, bytes: usize) {
    let (first, second) = tokio::join!(both[0].put(row, bytes), both[1].put(row, bytes));
    first.unwrap();
    second.unwrap();
}

/// What was told of the store, when the tree has ended.
async fn told(mut events: EventStream) -> Vec<EventKind> {
    let mut told = Vec::new();
    while let Some(Ok(event)) = events.next().await {
        if matches!(event.kind, EventKind::StoreSlow { .. } | EventKind::StoreNearlyFull { .. }) {
            told.push(event.kind);
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_stays_slow_says_so_once_by_one_worker() {
    let kept = StoreOptions::default().slow(Duration::ZERO).open_on(Disk::default().backend()).unwrap();
    let (tree, both) = tree(&kept);
    let events = tree.subscribe(10_000);
    let tree = tree.start().await.unwrap();
    for row in 0..50 {
        put(&both, row, 1).await;
    }
    tree.shutdown().await;
    let told = told(events).await;
    assert!(matches!(&told[..], [EventKind::StoreSlow { .. }]), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_says_again_that_it_is_slow_when_it_has_been_well() {
    let bound = Duration::from_millis(300);
    let disk = Disk::default();
    let kept = StoreOptions::default().slow(bound).open_on(disk.backend()).unwrap();
    let (tree, both) = tree(&kept);
    let events = tree.subscribe(10_000);
    let tree = tree.start().await.unwrap();
    for row in 0..2 {
        disk.hold_syncs();
        let release = async {
            tokio::time::sleep(bound + Duration::from_millis(20)).await;
            disk.release();
        };
        tokio::join!(put(&both, row, 1), release);
        put(&both, row, 2).await;
    }
    tree.shutdown().await;
    let told = told(events).await;
    assert_eq!(told.len(), 2, "{told:?}");
    for told in told {
        assert!(matches!(told, EventKind::StoreSlow { took, .. } if took > bound), "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_whose_file_system_is_nearly_full_says_so_once_and_again_when_it_has_been_well() {
    let (left, looks) = (Arc::new(AtomicU64::new(100 << 20)), Arc::new(AtomicU64::new(0)));
    let room = {
        let (left, looks) = (Arc::clone(&left), Arc::clone(&looks));
        move || {
            looks.fetch_add(1, Ordering::SeqCst);
            Some(left.load(Ordering::SeqCst))
        }
    };
    let options = StoreOptions::default().nearly_full(50 << 20).slow(Duration::from_hours(1));
    let kept = options.open_with_room(Disk::default().backend(), room).unwrap();
    let (tree, both) = tree(&kept);
    let events = tree.subscribe(10_000);
    let tree = tree.start().await.unwrap();
    put(&both, 0, 1).await;
    let mut row = 0;
    // Nothing is looked at again before the file has grown.
    for now in [40_u64, 30, 100, 20] {
        left.store(now << 20, Ordering::SeqCst);
        let before = looks.load(Ordering::SeqCst);
        while looks.load(Ordering::SeqCst) == before {
            row += 1;
            put(&both, row, 1 << 20).await;
        }
    }
    let before = looks.load(Ordering::SeqCst);
    for _ in 0..100 {
        put(&both, 0, 1).await;
    }
    assert!(looks.load(Ordering::SeqCst) < before + 20, "it is not looked at with each batch");
    tree.shutdown().await;
    let told = told(events).await;
    let left: Vec<_> = told
        .iter()
        .map(|told| match told {
            EventKind::StoreNearlyFull { left, .. } => *left >> 20,
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(left, [40, 20]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_knows_how_much_room_there_is() {
    let folder = std::env::temp_dir().join(format!("heir-room-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let kept = StoreOptions::default().nearly_full(u64::MAX).open(folder.join("store")).unwrap();
    let (tree, both) = tree(&kept);
    let events = tree.subscribe(10_000);
    let tree = tree.start().await.unwrap();
    put(&both, 0, 1).await;
    tree.shutdown().await;
    kept.close().await.unwrap();
    let told = told(events).await;
    assert!(matches!(&told[..], [EventKind::StoreNearlyFull { left: 1.., .. }, ..]), "{told:?}");
    std::fs::remove_dir_all(&folder).unwrap();
}
