//! Who may open what.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use redb::{Database, TableDefinition};

use super::super::format::{FORMAT, seal};
use super::super::{File, SyncTo};
use crate::store::StoreError;
use crate::store::driver::{Driver, declared};
use crate::store::engine::{Engine as _, Entry};
use crate::table::TableKind;

/// A path in a folder that is removed.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("heir-store-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.join("store")
    }

    fn open(&self) -> Result<File, StoreError> {
        File::open(self.path(), SyncTo::Disk)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_file_is_open_once_and_again_after_it_is_closed_or_dropped() {
    let scratch = Scratch::new();
    let file = scratch.open().unwrap();
    assert!(matches!(scratch.open(), Err(StoreError::Open(path)) if path == scratch.path()));
    let mut driver = Driver::new(1);
    driver.start(&file).unwrap();
    (0..20).for_each(|_| driver.step(&file).unwrap());
    file.close().unwrap();
    assert!(matches!(file.close(), Err(StoreError::Closed)));
    assert!(matches!(file.claim(&declared(9)), Err(StoreError::Closed)));
    let file = scratch.open().unwrap();
    driver.start(&file).unwrap();
    drop(file);
    driver.start(&scratch.open().unwrap()).unwrap();
}

#[test]
fn a_new_file_is_in_its_place_when_it_is_whole_and_nothing_is_left_beside() {
    let scratch = Scratch::new();
    scratch.open().unwrap().close().unwrap();
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1);
    fs::write(scratch.path(), "").unwrap();
    let file = scratch.open().unwrap();
    assert!(matches!(scratch.open(), Err(StoreError::Open(_))));
    Driver::new(1).start(&file).unwrap();
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1);
}

#[test]
fn a_file_of_another_program_is_foreign_and_stays_as_it_is() {
    let scratch = Scratch::new();
    let text = b"something else, longer than the header of a file of redb ".repeat(200);
    for foreign in [&text[..], &text[..20]] {
        fs::write(scratch.path(), foreign).unwrap();
        assert!(matches!(scratch.open().map(drop), Err(StoreError::Foreign(_))), "{} bytes", foreign.len());
        assert_eq!(fs::read(scratch.path()).unwrap(), foreign);
    }
    fs::remove_file(scratch.path()).unwrap();
    let db = Database::create(scratch.path()).unwrap();
    let tx = db.begin_write().unwrap();
    tx.open_table(TableDefinition::<u64, u64>::new("theirs")).unwrap();
    tx.commit().unwrap();
    drop(db);
    assert!(matches!(scratch.open().map(drop), Err(StoreError::Foreign(_))));
    assert!(matches!(File::open(scratch.0.clone(), SyncTo::Disk).map(drop), Err(StoreError::Io(_))));
}

#[test]
fn a_file_of_a_later_version_is_told() {
    let scratch = Scratch::new();
    scratch.open().unwrap().close().unwrap();
    let db = Database::create(scratch.path()).unwrap();
    let tx = db.begin_write().unwrap();
    let later = seal("heir", (0, 0), 7_u32.to_le_bytes().to_vec());
    tx.open_table(FORMAT).unwrap().insert(0, &*later).unwrap();
    tx.commit().unwrap();
    drop(db);
    assert!(matches!(scratch.open().map(drop), Err(StoreError::Newer { found: 7, known: 1 })));
}

#[test]
fn a_claim_is_refused_if_the_tables_are_others_or_somebody_has_them() {
    let scratch = Scratch::new();
    let file = scratch.open().unwrap();
    let claimed = file.claim(&declared(1)).unwrap();
    let tables = claimed.tables.iter().map(|table| table.id).collect();
    file.append(&[Entry::Created { worker: claimed.worker, tables }]).unwrap();
    file.claim(&declared(2)).unwrap();
    assert!(matches!(file.claim(&declared(1)), Err(StoreError::Claimed(who)) if who == "app/worker-1"));
    file.close().unwrap();
    let file = scratch.open().unwrap();
    assert_eq!(file.orphans().len(), 2);
    let mut other = declared(1);
    other.tables[0].kind = TableKind::Bag;
    assert!(matches!(file.claim(&other), Err(StoreError::OtherKind { found: TableKind::Table, .. })));
    other = declared(1);
    other.tables[1].ty.push('2');
    assert!(matches!(file.claim(&other), Err(StoreError::OtherType { .. })));
    other = declared(1);
    other.tables[1].name.push('2');
    let tables = file.claim(&other).unwrap().tables;
    assert_eq!(tables.iter().map(|table| table.is_new).collect::<Vec<_>>(), [false, true, false]);
    let names = ["table_0", "table_1", "table_2"].map(str::to_owned);
    assert_eq!(file.orphans(), [("app/worker-2".to_owned(), names.to_vec())]);
}
