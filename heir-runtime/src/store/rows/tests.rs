//! Random changes, encoded and loaded; what is refused; bases.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use fastrand::Rng;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::codec::{DEPTH, Parts, decode, put};
use super::{BasePage, StoredTable, Stores, base, stored};
use crate::table::{BagTable, Encoded, Journal, OrderedTable, Readers, Table, Written, rows_first};

/// Keeps the records of one table.
struct Records {
    table: StoredTable,
    kept: Mutex<Vec<(u64, Vec<u8>)>>,
}

impl Journal for Records {
    fn encode(&self, commit: &Written<'_>) -> Encoded {
        let mut bytes = Vec::new();
        self.table.encode(commit, &mut bytes).unwrap_or_else(|error| panic!("{error}"));
        Box::new(bytes)
    }

    fn append(&self, commit: u64, encoded: Encoded) {
        self.kept.lock().unwrap().push((commit, *encoded.downcast().unwrap()));
    }
}

impl Records {
    fn of<T: Stores>() -> (Arc<Self>, Readers) {
        let records = Arc::new(Self { table: stored::<T>(0, "rows", "T"), kept: Mutex::default() });
        let readers = Readers::from([rows_first::<T>()]).kept_by(Arc::<Self>::clone(&records));
        (records, readers)
    }

    /// All records after this one, one behind the other.
    fn after(&self, number: u64) -> Vec<u8> {
        let kept = self.kept.lock().unwrap();
        kept.iter().filter(|(commit, _)| *commit > number).flat_map(|(_, bytes)| bytes.clone()).collect()
    }
}

type Rows = BTreeMap<u8, Vec<u16>>;

trait Subject: Stores<Key = u8, Value = u16> {
    fn step(&mut self, model: &mut Rows, random: &mut Rng);
    fn rows(reader: &Self::Reader) -> Rows;
    fn commit_all(&mut self);
}

macro_rules! keyed {
    ($($table:ident)+) => {$(
        impl Subject for $table<u8, u16> {
            fn step(&mut self, model: &mut Rows, random: &mut Rng) {
                let (key, value) = (random.u8(..20), random.u16(..));
                match random.u8(..20) {
                    0 => {
                        self.clear();
                        model.clear();
                    }
                    1..6 => {
                        self.remove(&key);
                        model.remove(&key);
                    }
                    _ => {
                        self.insert(key, value);
                        model.insert(key, vec![value]);
                    }
                }
            }

            fn rows(reader: &Self::Reader) -> Rows {
                reader.iter().map(|(key, value)| (key, vec![value])).collect()
            }

            fn commit_all(&mut self) {
                self.commit();
            }
        }
    )+};
}

keyed!(Table OrderedTable);

impl Subject for BagTable<u8, u16> {
    fn step(&mut self, model: &mut Rows, random: &mut Rng) {
        let (key, value) = (random.u8(..6), random.u16(..9));
        match random.u8(..24) {
            0 => {
                self.clear();
                model.clear();
            }
            1..3 => {
                self.remove(&key);
                model.remove(&key);
            }
            3..9 => {
                self.remove_value(&key, &value);
                if let Some(values) = model.get_mut(&key) {
                    values.retain(|other| *other != value);
                }
                model.retain(|_, values| !values.is_empty());
            }
            _ => {
                self.insert_duplicate(key, value);
                model.entry(key).or_default().push(value);
            }
        }
    }

    fn rows(reader: &Self::Reader) -> Rows {
        let mut rows = Rows::new();
        reader.iter().for_each(|(key, value)| rows.entry(key).or_default().push(value));
        rows
    }

    fn commit_all(&mut self) {
        self.commit();
    }
}

/// The rows that these changes make.
fn load<T: Subject>(readers: &Readers, table: &StoredTable, changes: &[&[u8]]) -> Readers {
    let loaded = readers.anew();
    let mut rows = table.loader(&loaded);
    for changes in changes {
        rows.changes(changes).unwrap();
    }
    rows.finish();
    loaded
}

fn base_of(table: &StoredTable, readers: &Readers) -> (u64, Vec<Vec<u8>>) {
    let (mut boundary, mut pages) = (0, Vec::new());
    let walked = table.base(readers, &mut |page| {
        match page {
            BasePage::Begins(of) => (boundary, pages) = (of, Vec::new()),
            BasePage::Rows(page) => pages.push(page),
        }
        ControlFlow::Continue(())
    });
    assert!(walked.unwrap().is_continue());
    (boundary, pages)
}

fn check<T: Subject>() {
    let seed = fastrand::u64(..);
    let mut random = Rng::with_seed(seed);
    for _ in 0..60 {
        let (records, readers) = Records::of::<T>();
        let (mut table, mut model) = (readers.open::<T>(0), Rows::new());
        let (mut base, mut shown) = ((0, Vec::new()), 0);
        for _ in 0..random.u8(1..12) {
            for _ in 0..random.u8(..9) {
                table.step(&mut model, &mut random);
            }
            table.commit_all();
            if random.bool() {
                shown = readers.last_commit();
                readers.show_up_to(shown);
            }
            if random.u8(..4) == 0 {
                base = base_of(&records.table, &readers);
                assert_eq!(base.0, shown, "a base is of what is shown; seed {seed}");
            }
        }
        let (last, after) = (readers.last_commit(), records.after(base.0));
        let parts: Vec<&[u8]> = base.1.iter().chain([&after]).map(|part| &part[..]).collect();
        for changes in [&[&records.after(0)[..]][..], &parts] {
            let loaded = load::<T>(&readers, &records.table, changes);
            assert_eq!(T::rows(&loaded.get::<T>(0)), model, "seed {seed}");

            // The rows go on in another process, as if it were this one.
            let (later, again) = Records::of::<T>();
            let loaded = load::<T>(&again, &records.table, changes);
            again.take_over(&loaded, last);
            let (mut table, mut model) = (again.open::<T>(0), model.clone());
            assert_eq!(T::rows(&again.get::<T>(0)), model, "seed {seed}");
            for _ in 0..6 {
                table.step(&mut model, &mut random);
            }
            let is_dirty = table.is_dirty();
            table.commit_all();
            again.show_up_to(u64::MAX);
            assert_eq!(again.last_commit(), last + u64::from(is_dirty), "seed {seed}");
            assert_eq!(T::rows(&again.get::<T>(0)), model, "seed {seed}");
            let since = later.after(0);
            let all: Vec<&[u8]> = changes.iter().copied().chain([&since[..]]).collect();
            let loaded = load::<T>(&again, &records.table, &all);
            assert_eq!(T::rows(&loaded.get::<T>(0)), model, "seed {seed}");
        }
    }
}

#[test]
fn the_changes_of_a_table_make_its_rows_again() {
    check::<Table<u8, u16>>();
}

#[test]
fn the_changes_of_an_ordered_table_make_its_rows_again() {
    check::<OrderedTable<u8, u16>>();
}

#[test]
fn the_changes_of_a_bag_table_make_its_rows_again() {
    check::<BagTable<u8, u16>>();
}

#[test]
fn rows_that_are_taken_over_are_seen_all_at_once_and_by_the_readers_from_before() {
    let (records, readers) = Records::of::<Table<u32, u32>>();
    let reader = readers.get::<Table<u32, u32>>(0);
    let other = Readers::from([rows_first::<Table<u32, u32>>()]);
    let mut table = other.open::<Table<u32, u32>>(0);
    table.extend((0..20_000).map(|key| (key, key)));
    table.commit();
    let (_, pages) = base_of(&records.table, &other);
    let loaded = readers.anew();
    let mut rows = records.table.loader(&loaded);
    for page in &pages {
        rows.changes(page).unwrap();
    }
    rows.finish();
    assert_eq!(reader.len(), 0);
    readers.take_over(&loaded, 70);
    assert_eq!((reader.len(), reader.info().boundary), (20_000, 70));
    assert_eq!(loaded.get::<Table<u32, u32>>(0).len(), 0);
    assert!((0..20_000).all(|key| reader.get(&key) == Some(key)));
    let mut table = readers.open::<Table<u32, u32>>(0);
    table.insert(20_000, 0);
    table.commit();
    assert_eq!(records.kept.lock().unwrap()[0].0, 71);
}

#[test]
fn a_base_has_pages_of_a_bound_but_for_rows_that_are_larger_and_begins_anew_when_rows_are_exchanged() {
    type Texts = OrderedTable<u32, String>;
    let readers = Readers::from([rows_first::<Texts>()]);
    let mut table = readers.open::<Texts>(0);
    table.extend((0..3_000).map(|key| (key, "x".repeat(40))));
    table.insert(1_500, "y".repeat(100_000));
    table.commit();
    let stored = stored::<Texts>(0, "texts", "Texts");
    let (boundary, pages) = base_of(&stored, &readers);
    assert_eq!((boundary, pages.len()), (1, 5));
    assert_eq!(pages.iter().filter(|page| page.len() > base::PAGE).count(), 1);
    let (mut begun, mut shown) = (Vec::new(), 0);
    let walked = stored.base(&readers, &mut |page| {
        match page {
            BasePage::Begins(boundary) => (begun.push(boundary), shown = 0).1,
            BasePage::Rows(_) if begun.len() == 1 => {
                readers.take_over(&readers.anew(), 8);
                shown += 1;
            }
            BasePage::Rows(_) => shown += 1,
        }
        ControlFlow::Continue(())
    });
    assert!(walked.unwrap().is_continue());
    assert_eq!((&begun[..], shown), (&[1, 8][..], 0));
    let walked = stored.base(&readers, &mut |_| ControlFlow::Break(()));
    assert!(walked.unwrap().is_break());
}

/// What a message dies of that puts this row.
fn refusal<K, V>(key: K, value: V) -> Option<String>
where
    K: Clone + Eq + Hash + Serialize + DeserializeOwned + Send + Sync + 'static,
    V: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    let (records, readers) = Records::of::<Table<K, V>>();
    let mut table = readers.open::<Table<K, V>>(0);
    table.insert(key, value);
    let died = catch_unwind(AssertUnwindSafe(|| table.commit())).err()?;
    assert!(records.kept.lock().unwrap().is_empty());
    Some(died.downcast_ref::<String>().unwrap().clone())
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    Large { number: u128 },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Nested {
    Leaf,
    Within(Box<Nested>),
}

fn nested(levels: usize) -> Nested {
    (0..levels).fold(Nested::Leaf, |nested, _| Nested::Within(Box::new(nested)))
}

#[test]
fn a_message_dies_at_its_commit_of_a_row_that_could_not_be_read_back() {
    assert_eq!(refusal(1_u8, Some(Some(1_u8))), None);
    let refused = refusal(1_u8, Tagged::Large { number: 1 << 70 }).unwrap();
    assert!(refused.starts_with("a row of `rows` cannot be stored, because it could not be read back: "));
    let refused = refusal(Some(None::<u8>), 1_u8).unwrap();
    assert!(refused.contains("its key would be read back as another one"), "{refused}");
    let refused = refusal(1_u8, nested(DEPTH + 1)).unwrap();
    assert!(refused.contains("more than 256 lists, maps and enums"), "{refused}");
    assert_eq!(refusal(1_u8, nested(DEPTH)), None);
}

#[test]
fn bytes_that_nest_without_end_are_an_error_before_they_are_on_the_stack() {
    let level = [0x81, 0xA6, b'W', b'i', b't', b'h', b'i', b'n'];
    let error = decode::<Nested>(&level.repeat(500_000)).unwrap_err();
    assert!(error.to_string().contains("more than 256"), "{error}");
    let error = decode::<Vec<u8>>(&[0x91].repeat(500_000)).unwrap_err();
    assert!(error.to_string().contains("more than 256"), "{error}");
}

fn is_refused<T: DeserializeOwned + Debug>(encoded: &[u8]) {
    decode::<T>(encoded).expect_err("the length is longer than the bytes");
}

#[test]
fn a_length_that_is_longer_than_the_bytes_is_an_error() {
    let lists = [0xDD, 0xFF, 0xFF, 0xFF, 0xFF, 1];
    is_refused::<Vec<u64>>(&lists);
    is_refused::<(u64, u64)>(&lists);
    is_refused::<BTreeMap<u64, u64>>(&[0xDF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2]);
    is_refused::<String>(&[0xDB, 0xFF, 0xFF, 0xFF, 0xFF, b'a']);
    is_refused::<Vec<u8>>(&[0xC6, 0xFF, 0xFF, 0xFF, 0xFF, 1]);
    is_refused::<u8>(&[1, 1]);
    let long = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 1];
    assert!(Parts(&long).value::<u8>().is_err());
    assert!(Parts(&[0xFF; 11]).number().is_err());
    assert_eq!(Parts(&long).number().unwrap(), u64::MAX);
}

#[test]
fn what_is_cut_short_or_changed_or_arbitrary_is_loaded_or_an_error_and_never_a_panic() {
    type Words = BagTable<String, Vec<Option<Tagged>>>;
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = Rng::with_seed(seed);
    let (records, readers) = Records::of::<Words>();
    let mut table = readers.open::<Words>(0);
    for word in ["one", "two", "three", "two"] {
        table.insert_duplicate(word.to_owned(), vec![None; word.len()]);
        table.commit();
    }
    table.remove("two");
    table.commit();
    let good = records.after(0);
    let loads = |bytes: &[u8]| records.table.loader(&readers.anew()).changes(bytes);
    let ends: Vec<usize> = records.kept.lock().unwrap().iter().map(|(_, bytes)| bytes.len()).collect();
    let ends: Vec<usize> = ends.iter().scan(0, |end, len| Some(std::mem::replace(end, *end + len))).collect();
    for end in 0..good.len() {
        assert_eq!(loads(&good[..end]).is_ok(), ends.contains(&end), "{end} bytes");
    }
    for _ in 0..20_000 {
        let mut bad = good.clone();
        for _ in 0..random.u8(1..4) {
            let at = random.usize(..bad.len());
            bad[at] = random.u8(..);
        }
        let _ = loads(&bad);
        let arbitrary: Vec<u8> = (0..random.u8(..40)).map(|_| random.u8(..)).collect();
        let _ = loads(&arbitrary);
    }
}

#[test]
fn changes_that_were_not_made_to_these_rows_are_an_error() {
    let (records, readers) = Records::of::<BagTable<u8, u8>>();
    let mut table = readers.open::<BagTable<u8, u8>>(0);
    table.insert(1, 1);
    table.commit();
    let added = records.after(0);
    table.insert(1, 2);
    table.remove_value(&1, &1);
    table.commit();
    let taken = records.after(1);
    let loads = |changes: &[&[u8]]| records.table.loader(&readers.anew()).changes(&changes.concat());
    assert!(loads(&[&added, &taken]).is_ok());
    assert!(loads(&[&taken]).unwrap_err().to_string().contains("a value was taken that is not there"));
    assert!(loads(&[&added, &added]).unwrap_err().to_string().contains("not above the one before it"));
    let other = stored::<Table<u8, u8>>(0, "rows", "T");
    let of_a_table = Readers::from([rows_first::<Table<u8, u8>>()]);
    assert!(other.loader(&of_a_table).changes(&added).unwrap_err().to_string().contains("of this kind"));
}

#[test]
fn values_one_behind_the_other_are_read_one_by_one() {
    let mut encoded = Vec::new();
    put(&"text", &mut encoded).unwrap();
    put(&[1_u8; 200].to_vec(), &mut encoded).unwrap();
    let mut parts = Parts(&encoded);
    assert_eq!(parts.value::<String>().unwrap(), "text");
    assert_eq!(parts.value::<Vec<u8>>().unwrap(), [1; 200]);
    assert!(parts.0.is_empty());
}
