//! What the file relies on in redb 4.6, and what it works around.

use redb::backends::InMemoryBackend;
use redb::{Database, DatabaseError, StorageBackend as _, StorageError, TableDefinition};

use super::simulated::{Failing, Simulated};

const TABLE: TableDefinition<'_, u64, u64> = TableDefinition::new("table");

fn put(db: &Database, value: u64) -> Result<(), redb::Error> {
    let tx = db.begin_write()?;
    tx.open_table(TABLE)?.insert(1, value)?;
    Ok(tx.commit()?)
}

#[test]
fn a_commit_is_one_sync() {
    let disk = Simulated::default();
    let db = Database::builder().create_with_backend(disk.clone()).unwrap();
    put(&db, 1).unwrap();
    disk.fail_at(u64::MAX, Failing::Sync);
    (2..12).for_each(|value| put(&db, value).unwrap());
    assert_eq!(disk.operations(), 10);
}

#[test]
fn after_a_write_that_failed_all_fails_until_it_is_opened_again() {
    let disk = Simulated::default();
    let db = Database::builder().create_with_backend(disk.clone()).unwrap();
    put(&db, 1).unwrap();
    disk.fail_at(0, Failing::Write);
    assert!(put(&db, 2).is_err());
    assert!(matches!(put(&db, 3), Err(redb::Error::PreviousIo)));
    assert!(db.close().is_err());
    put(&Database::builder().create_with_backend(disk).unwrap(), 4).unwrap();
}

#[test]
fn a_file_that_was_begun_and_not_finished_is_not_one_of_redb() {
    let disk = Simulated::default();
    // The first sync is over, and the second is not.
    disk.fail_at(1, Failing::PowerAtSync);
    assert!(Database::builder().create_with_backend(disk.clone()).is_err());
    let begun = InMemoryBackend::new();
    begun.set_len(disk.bytes().len() as u64).unwrap();
    let opened = Database::builder().create_with_backend(begun);
    let Err(DatabaseError::Storage(StorageError::Io(error))) = opened else { panic!("{opened:?}") };
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
}
