//! The file under redb: when it is synced, and what of it has failed.

use std::fs::{self, OpenOptions};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::{io, process};

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

use crate::store::StoreError;
use crate::util::sync::Lock;

/// What a store waits for until a message counts as kept, and is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyncTo {
    /// For the disk (`fdatasync`; `F_FULLFSYNC` on macOS). What was answered survives the death of the
    /// process, of the system, and the loss of power, as far as the disk keeps what it says that it has
    /// written.
    #[default]
    Disk,
    /// For the operating system. What was answered survives the death of the process, `kill -9`
    /// included. When the system dies, or power is lost, the last messages may be lost, and the file
    /// may be damaged, because the system writes in an order of its own: a damaged file is told as
    /// [`StoreError::Damaged`].
    Os,
}

/// Where the bytes of a store are: a path, or a simulated disk.
pub(super) trait Place: Send + Sync + 'static {
    /// Opens what is there, or, if there is nothing and it `may_create`, something new. That is not in
    /// its place before it is [`made`](Opened::made): a new file of redb 4.6 is none until it is whole.
    fn open(&self, may_create: bool) -> Result<Opened, StoreError>;

    /// For errors.
    fn path(&self) -> PathBuf;

    /// For how many more bytes there is room, if that is known.
    fn room(&self) -> Option<u64> {
        None
    }
}

/// An opened place.
pub(super) struct Opened {
    pub(super) backend: Box<dyn StorageBackend>,
    /// Puts what is new in its place, when it is whole.
    pub(super) made: Option<Box<dyn FnOnce() -> io::Result<()>>>,
}

impl Place for PathBuf {
    fn open(&self, may_create: bool) -> Result<Opened, StoreError> {
        let (file, made) = open(self, may_create).map_err(|error| failure(Arc::new(error)))?;
        let backend = FileBackend::new(file);
        let backend = backend.map_err(|error| StoreError::Io(Arc::new(io::Error::other(error))))?;
        Ok(Opened { backend: Box::new(backend), made: made.map(|new| Box::new(|| new.made()) as _) })
    }

    fn path(&self) -> PathBuf {
        self.clone()
    }

    #[cfg(any(unix, windows))]
    fn room(&self) -> Option<u64> {
        fs4::available_space(self).ok()
    }
}

/// A place that a test has made, and for how many more bytes it has room. It is opened again by a clone.
pub(super) struct Given<B>(pub(super) B, pub(super) Box<dyn Fn() -> Option<u64> + Send + Sync>);

impl<B: StorageBackend + Clone> Place for Given<B> {
    fn open(&self, may_create: bool) -> Result<Opened, StoreError> {
        let is_new = may_create && self.0.len().is_ok_and(|len| len == 0);
        let made = is_new.then(|| Box::new(|| Ok(())) as _);
        Ok(Opened { backend: Box::new(self.0.clone()), made })
    }

    fn path(&self) -> PathBuf {
        PathBuf::from("of a test")
    }

    fn room(&self) -> Option<u64> {
        self.1()
    }
}

fn open(path: &Path, may_create: bool) -> io::Result<(fs::File, Option<NewFile>)> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    match options.open(path) {
        Ok(file) if may_create && file.metadata()?.len() == 0 => {}
        Err(error) if may_create && error.kind() == io::ErrorKind::NotFound => {}
        opened => return Ok((opened?, None)),
    }
    let new = NewFile::beside(path);
    let file = options.create(true).truncate(true).open(&new.new)?;
    Ok((file, Some(new)))
}

/// A file that is being made, under a name of its own. It is removed if it is not made.
struct NewFile {
    new: PathBuf,
    path: PathBuf,
}

impl NewFile {
    fn beside(path: &Path) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut new = path.as_os_str().to_owned();
        new.push(format!(".new-{}-{number}", process::id()));
        Self { new: new.into(), path: path.to_owned() }
    }

    /// Gives it its name. What another process has made meanwhile stays.
    fn made(self) -> io::Result<()> {
        let is_empty = fs::metadata(&self.path).is_ok_and(|file| file.len() == 0);
        match fs::hard_link(&self.new, &self.path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && !is_empty => return Err(error),
            // It is empty, or the file system has no links.
            Err(_) => fs::rename(&self.new, &self.path)?,
        }
        sync_folder(&self.path)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // After a rename it is not there.
        let _ = fs::remove_file(&self.new);
    }
}

/// A new file is on the disk when its folder is.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// What has failed, in the order of the failures; and how large the file is.
#[derive(Clone, Debug, Default)]
pub(super) struct Health(Arc<Lock<Failed>>, Arc<AtomicU64>);

#[derive(Debug, Default)]
struct Failed {
    /// The first failure since the file was opened.
    first: Option<Arc<io::Error>>,
    /// The sync that failed: for as long as the process lives, because the system may count pages as
    /// written that are not.
    sync: Option<Arc<io::Error>>,
}

impl Health {
    /// An error, if a sync has failed.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        self.0.with(|failed| failed.sync.clone()).map_or(Ok(()), |error| Err(StoreError::Sync(error)))
    }

    /// What the first failure says, if there was one.
    pub(super) fn first(&self) -> Option<StoreError> {
        self.check().err().or_else(|| self.0.with(|failed| failed.first.clone()).map(failure))
    }

    /// Forgets what may be forgotten when the file is opened again.
    pub(super) fn begin(&self) {
        let _before = self.0.with(|failed| failed.first.take());
    }

    /// How many bytes the file has.
    pub(super) fn size(&self) -> u64 {
        self.1.load(Ordering::Relaxed)
    }

    fn note(&self, error: io::Error, is_sync: bool) -> io::Error {
        let copy = copy(&error);
        let error = Arc::new(error);
        self.0.with(|failed| {
            if is_sync {
                failed.sync.get_or_insert_with(|| Arc::clone(&error));
            }
            failed.first.get_or_insert(error);
        });
        copy
    }
}

fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

/// What an error of the file system means, unless it is one of a sync.
pub(super) fn failure(error: Arc<io::Error>) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            StoreError::Full(error)
        }
        _ => StoreError::Io(error),
    }
}

/// What redb reads and writes: a place whose failures are noted, and whose syncs may be left out.
#[derive(Debug)]
pub(super) struct Disk {
    inner: Box<dyn StorageBackend>,
    sync: SyncTo,
    health: Health,
}

impl Disk {
    pub(super) fn new(inner: Box<dyn StorageBackend>, sync: SyncTo, health: Health) -> Self {
        Self { inner, sync, health }
    }

    /// Runs `work`, unless a sync has failed before.
    fn run<R>(&self, is_sync: bool, work: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        if let Some(error) = self.health.0.with(|failed| failed.sync.clone()) {
            return Err(copy(&error));
        }
        work().map_err(|error| self.health.note(error, is_sync))
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.run(false, || self.inner.len()).inspect(|len| self.health.1.store(*len, Ordering::Relaxed))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.run(false, || self.inner.read(offset, out))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.run(false, || self.inner.set_len(len)).inspect(|()| self.health.1.store(len, Ordering::Relaxed))
    }

    fn sync_data(&self) -> io::Result<()> {
        match self.sync {
            SyncTo::Disk => self.run(true, || self.inner.sync_data()),
            SyncTo::Os => Ok(()),
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.run(false, || self.inner.write(offset, data))
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }

    // redb 4.6 takes a backend without these for one that nobody else can have open.
    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.query_lock_range(start, end)
    }
}
