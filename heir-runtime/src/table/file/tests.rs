//! Saves and loads, whole and broken off, beside a table that goes on.

use std::cell::{Cell, RefCell};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::rc::Rc;

use serde::{Deserialize, Deserializer, Serializer};

use super::format::{CHECKSUM, PAGE_HEADER};
use super::*;
use crate::table::rows::PAGE;

/// A folder for a test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn of(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("heir-{test}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn files(&self) -> usize {
        fs::read_dir(&self.0).unwrap().count()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_save_replaces_the_file_and_leaves_nothing_beside_it() {
    let folder = Folder::of("a-save");
    let path = folder.0.join("names");
    let mut names = BagTable::for_tests();
    names.extend([(1, "ada".to_owned()), (1, "grace".to_owned()), (2, "ada".to_owned())]);
    names.save(&path).unwrap();
    assert!(BagTable::<u8, String>::for_tests().load(&path).unwrap() == 0, "nothing was committed yet");
    names.commit();
    names.save(&path).unwrap();

    let mut loaded = BagTable::<i32, String>::for_tests();
    assert_eq!(loaded.load(&path).unwrap(), 3);
    assert_eq!(loaded.get(&1), ["ada", "grace"]);
    assert!(loaded.is_dirty());
    assert_eq!(folder.files(), 1);
    assert!(matches!(loaded.load(folder.0.join("none")), Err(FileError::Io(_))));
}

#[test]
fn a_save_goes_round_what_a_process_has_left_that_was_killed_in_one() {
    let folder = Folder::of("killed");
    let path = folder.0.join("values");
    let left = |number| folder.0.join(format!("values.{}-{number}.unfinished", std::process::id()));
    (0..500).for_each(|number| fs::write(left(number), "half").unwrap());
    let mut table = Table::for_tests();
    table.insert(1, 1);
    table.commit();
    table.save(&path).unwrap();
    assert_eq!(Table::<i32, i32>::for_tests().load(&path).unwrap(), 1);
    assert_eq!(folder.files(), 501);
}

#[cfg(unix)]
#[test]
fn a_save_keeps_the_link_and_the_permissions() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let folder = Folder::of("a-link");
    let (path, link) = (folder.0.join("names"), folder.0.join("link"));
    fs::write(&path, "before").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    symlink(&path, &link).unwrap();
    Table::<u8, u8>::for_tests().save(&link).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(Table::<u8, u8>::for_tests().load(&path).unwrap(), 0);
    assert_eq!(folder.files(), 2);
}

/// What the test does when so many more rows have been encoded.
type Then = Option<(usize, Box<dyn FnOnce()>)>;

thread_local! {
    static THEN: RefCell<Then> = const { RefCell::new(None) };

    /// How many values are alive, and how many were at most.
    static ALIVE: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

fn after_rows(rows: usize, then: impl FnOnce() + 'static) {
    THEN.set(Some((rows, Box::new(then))));
}

/// How many values were alive at most while `work` was done, but for those from before.
fn most_alive(work: impl FnOnce()) -> usize {
    let (before, _) = ALIVE.get();
    ALIVE.set((before, before));
    work();
    ALIVE.get().1 - before
}

/// A value that knows how many there are of its kind, and whose encoding tells the test.
#[derive(Debug, PartialEq)]
struct Value(u32);

impl Value {
    fn of(number: u32) -> Self {
        ALIVE.set((ALIVE.get().0 + 1, ALIVE.get().1.max(ALIVE.get().0 + 1)));
        Self(number)
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        Self::of(self.0)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        ALIVE.set((ALIVE.get().0 - 1, ALIVE.get().1));
    }
}

const NO_VALUE: u32 = 1_000_000;

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_next = |then: &mut (usize, _)| {
            then.0 -= 1;
            then.0 == 0
        };
        let then = THEN.with_borrow_mut(|then| then.take_if(is_next));
        if let Some((_, then)) = then {
            then();
        }
        if self.0 == NO_VALUE {
            return Err(serde::ser::Error::custom("no value"));
        }
        serializer.serialize_u32(self.0)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u32::deserialize(deserializer).map(Self::of)
    }
}

#[test]
fn a_save_that_fails_leaves_the_file_as_it_was_and_nothing_beside_it() {
    let folder = Folder::of("a-save-that-fails");
    let path = folder.0.join("values");
    let mut table = OrderedTable::for_tests();
    table.extend((0..900).map(|number| (number, Value::of(number))));
    table.commit();
    table.save(&path).unwrap();
    let before = fs::read(&path).unwrap();
    let holds = |files: usize| {
        assert_eq!(fs::read(&path).unwrap(), before);
        assert_eq!(folder.files(), files);
    };

    after_rows(500, || panic!("in the middle"));
    assert!(catch_unwind(AssertUnwindSafe(|| table.save(&path))).is_err());
    holds(1);

    table.insert(700, Value::of(NO_VALUE));
    table.commit();
    assert!(matches!(table.save(&path), Err(FileError::Row(_))));
    holds(1);
    table.insert(700, Value::of(700));
    table.commit();

    assert!(matches!(table.save(folder.0.join("none/values")), Err(FileError::Io(_))));
    assert!(matches!(table.save(folder.0.join("..")), Err(FileError::Io(_))));
    let taken = folder.0.join("taken");
    fs::create_dir(&taken).unwrap();
    assert!(matches!(table.save(&taken), Err(FileError::Io(_))));
    holds(2);
    table.save(&path).unwrap();
    holds(2);
    // The table has kept nothing for a save that is over.
    assert_eq!(most_alive(|| drop(table.insert(1, Value::of(1)))), 2);
    table.commit();
    assert_eq!(ALIVE.get().0, 900);
}

#[test]
fn a_load_that_fails_leaves_the_table_as_it_was() {
    let folder = Folder::of("a-load-that-fails");
    let path = folder.0.join("numbers");
    let mut table = Table::for_tests();
    table.extend((0..900_u32).map(|number| (number, number)));
    table.commit();
    table.save(&path).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - PAGE_HEADER - CHECKSUM - 1;
    bytes[last] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let mut loaded = Table::<u32, u32>::for_tests();
    loaded.insert(1, 7);
    assert!(matches!(loaded.load(&path), Err(FileError::Damaged)));
    assert_eq!(loaded.iter().collect::<Vec<_>>(), [(1, 7)]);
}

const ROWS: u32 = 5_000;

fn value(number: u32) -> (u32, Value) {
    (number, Value::of(number))
}

/// Twice: a page that is copied, and what commits meanwhile have put into it or taken out of it.
const FEW: usize = 2 * PAGE;

macro_rules! at_one_boundary {
    ($save_test:ident, $memory_test:ident, $table:ident) => {
        #[test]
        fn $save_test() {
            let folder = Folder::of(stringify!($save_test));
            let path = folder.0.join("values");
            for (at, is_cleared) in [(1, false), (300, false), (300, true), (2_000, true), (4_999, false)] {
                let mut table = $table::for_tests();
                table.extend((0..ROWS).map(value));
                table.commit();
                let (reader, table) = (table.reader(), Rc::new(RefCell::new(table)));
                let owner = Rc::clone(&table);
                after_rows(at, move || {
                    let mut table = owner.borrow_mut();
                    table.extend((0..ROWS).step_by(3).map(|number| (number, Value::of(0))));
                    table.commit();
                    (0..ROWS).step_by(5).for_each(|number| drop(table.remove(&number)));
                    table.extend((ROWS..3 * ROWS).map(value));
                    table.commit();
                    if is_cleared {
                        table.clear();
                        table.commit();
                    }
                    // Some that were removed, at their places, and some that were not there.
                    table.extend((0..ROWS).step_by(10).map(|number| (number, Value::of(1))));
                    table.commit();
                    table.clear();
                    table.insert(ROWS, Value::of(2));
                    table.commit();
                });
                reader.save(&path).unwrap();
                assert_eq!(table.borrow().len(), 1, "the owner has gone on meanwhile");

                let mut loaded = $table::<u32, Value>::for_tests();
                assert_eq!(loaded.load(&path).unwrap(), ROWS as usize);
                for number in 0..ROWS {
                    assert_eq!(loaded.get(&number), Some(Value::of(number)), "{at}");
                }
            }
        }

        #[test]
        fn $memory_test() {
            let folder = Folder::of(stringify!($memory_test));
            let path = folder.0.join("values");
            let mut table = $table::for_tests();
            table.extend((0..ROWS).map(value));
            table.commit();
            let most = most_alive(|| table.save(&path).unwrap());
            assert!((1..=FEW).contains(&most), "{most} copies");
            // Also when all rows have been replaced, which are then kept as they were.
            let table = Rc::new(RefCell::new(table));
            let (reader, owner) = (table.borrow().reader(), Rc::clone(&table));
            after_rows(1, move || {
                owner.borrow_mut().extend((0..ROWS).map(|number| (number, Value::of(0))));
                owner.borrow_mut().commit();
            });
            let most = most_alive(|| reader.save(&path).unwrap());
            assert!((1..=FEW + ROWS as usize).contains(&most), "{most} copies");
            let mut loaded = $table::<u32, Value>::for_tests();
            let most = most_alive(|| assert!(loaded.load(&path).is_ok()));
            assert_eq!(most, ROWS as usize, "each row once");
        }
    };
}

at_one_boundary!(a_save_of_a_table_is_of_one_boundary, a_save_of_a_table_copies_a_page_at_a_time, Table);
at_one_boundary!(
    a_save_of_an_ordered_table_is_of_one_boundary,
    a_save_of_an_ordered_table_copies_a_page_at_a_time,
    OrderedTable
);

#[test]
fn a_save_of_a_bag_is_of_one_boundary() {
    let folder = Folder::of("bag");
    let path = folder.0.join("values");
    for is_cleared in [false, true] {
        let mut bag = BagTable::for_tests();
        bag.extend((0..ROWS).map(|number| (number / 3, Value::of(number))));
        bag.commit();
        let (reader, bag) = (bag.reader(), Rc::new(RefCell::new(bag)));
        let owner = Rc::clone(&bag);
        after_rows(400, move || {
            let mut bag = owner.borrow_mut();
            for key in 0..ROWS {
                bag.insert(key, Value::of(0));
            }
            bag.commit();
            for key in (0..ROWS / 3).step_by(2) {
                bag.remove_value(&key, &Value::of(3 * key + 1));
            }
            bag.commit();
            if is_cleared {
                bag.clear();
                bag.insert(7, Value::of(0));
                bag.commit();
            }
            for key in (0..ROWS / 3).step_by(5) {
                bag.remove(&key);
            }
            bag.commit();
        });
        let most = most_alive(|| reader.save(&path).unwrap());
        assert!(most < 4 * ROWS as usize, "{most} copies");

        let mut loaded = BagTable::<u32, Value>::for_tests();
        assert_eq!(loaded.load(&path).unwrap(), ROWS as usize);
        for key in 0..ROWS / 3 {
            assert_eq!(loaded.get(&key), [0, 1, 2].map(|nth| Value::of(3 * key + nth)));
        }
    }
}

#[test]
fn a_save_whose_rows_are_exchanged_is_of_the_rows_that_are_there_then() {
    let folder = Folder::of("exchanged");
    let path = folder.0.join("values");
    let mut table = Table::for_tests();
    table.extend((0..ROWS).map(value));
    table.commit();
    let (reader, table) = (table.reader(), Rc::new(RefCell::new(table)));
    let owner = Rc::clone(&table);
    after_rows(600, move || {
        let mut table = owner.borrow_mut();
        let boundaries = table.owner().boundaries().clone();
        let mut other = Table::<u32, Value>::open(table.owner().core().anew(&boundaries));
        other.insert(1, Value::of(7));
        other.commit();
        let mut passing = boundaries.pass();
        table.owner_mut().exchange(other.owner_mut(), &mut passing);
        passing.finish();
    });
    reader.save(&path).unwrap();
    let mut loaded = Table::<u32, Value>::for_tests();
    assert_eq!(loaded.load(&path).unwrap(), 1);
    assert_eq!(loaded.get(&1), Some(Value::of(7)));
    assert_eq!(folder.files(), 1);
    assert_eq!(table.borrow().len(), 1);
}
