//! How large the file becomes when rows are overwritten.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::report::{head, mib, row};
use crate::rows::{Bytes, Row};
use crate::worker::Tree;
use crate::{Options, runtime};

const ROWS: u64 = 10_000;
const WRITES: u64 = 1_000_000;
const CALLERS: u64 = 1_024;

pub fn ask(options: &Options) {
    head(
        "The file, after a million overwrites of 10,000 rows",
        &[
            "rows",
            "their bytes",
            "largest",
            "on the disk",
            "closed",
            "largest, of the rows",
            "on the disk, of the rows",
            "s",
        ],
    );
    ask_for::<Bytes<1024>>(options, 1024);
    ask_for::<Bytes<40>>(options, 40);
}

fn ask_for<R: Row>(options: &Options, of_row: u64) {
    let path = options.folder.join("size.heir");
    let _ = fs::remove_file(&path);
    let began = Instant::now();
    let (largest, on_disk) = runtime().block_on(overwrite::<R>(&path));
    let closed = len(&path);
    let bytes = ROWS * (8 + of_row);
    row(&[
        R::NAME.to_owned(),
        mib(bytes),
        mib(largest),
        mib(on_disk),
        mib(closed),
        format!("{:.2}", largest as f64 / bytes as f64),
        format!("{:.2}", on_disk as f64 / bytes as f64),
        format!("{:.0}", began.elapsed().as_secs_f64()),
    ]);
    let _ = fs::remove_file(&path);
}

async fn overwrite<R: Row>(path: &Path) -> (u64, u64) {
    let tree = Tree::<R>::start(path, 1).await;
    let (largest, on_disk) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let done = Arc::new(AtomicBool::new(false));
    let watch = std::thread::spawn({
        let (path, largest, on_disk) = (path.to_owned(), Arc::clone(&largest), Arc::clone(&on_disk));
        let done = Arc::clone(&done);
        move || {
            while !done.load(Relaxed) {
                largest.fetch_max(len(&path), Relaxed);
                on_disk.fetch_max(blocks(&path), Relaxed);
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    });
    let mut tasks = JoinSet::new();
    for caller in 0..CALLERS {
        let worker = tree.workers[0].clone();
        tasks.spawn(async move {
            for n in (caller..WRITES).step_by(CALLERS as usize) {
                worker.put(n % ROWS, R::nth(n)).await.expect("an answer");
            }
        });
    }
    tasks.join_all().await;
    done.store(true, Relaxed);
    watch.join().expect("the thread ends");
    tree.close().await;
    (largest.load(Relaxed), on_disk.load(Relaxed))
}

fn len(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}

/// The bytes that it takes on the disk: a file that has grown may have holes.
fn blocks(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.blocks() * 512)
}
