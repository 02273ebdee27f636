//! What a thread does with messages: all of them get them from the same callers, by the same hand-over.

use std::fs::File;
use std::io::Write as _;
use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::thread::JoinHandle;

use fjall::{Keyspace, KeyspaceCreateOptions, PersistMode};
use redb::TableDefinition;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::rates::ENDS;
use crate::rows::{Row, encode, record};
use crate::worker::MAILBOX;

/// A row to be made durable.
pub struct Message<R> {
    worker: usize,
    key: u64,
    row: R,
    bytes: Vec<u8>,
    reply: oneshot::Sender<()>,
}

/// Where rows are made durable.
pub trait Sink<R>: Send + 'static {
    fn open(there: &Path, workers: usize) -> Self;

    /// Called by the caller's task.
    fn encode(key: u64, row: &R) -> Vec<u8>;

    /// All of them are durable when it returns.
    fn append(&mut self, batch: &[Message<R>]);
}

/// Starts the thread, which takes up to so many messages at once.
pub fn hand_over<R: Row, S: Sink<R>>(
    mut sink: S,
    at_once: usize,
    phase: Arc<AtomicU8>,
) -> (JoinHandle<()>, mpsc::Sender<Message<R>>) {
    let (sender, mut messages) = mpsc::channel::<Message<R>>(MAILBOX);
    let thread = std::thread::spawn(move || {
        let mut batch = Vec::new();
        while messages.blocking_recv_many(&mut batch, at_once) > 0 {
            // Nobody counts the rest, which can take seconds.
            if phase.load(Relaxed) != ENDS {
                sink.append(&batch);
            }
            for message in batch.drain(..) {
                let _ = message.reply.send(());
            }
        }
    });
    (thread, sender)
}

/// What a caller does: whether the row is durable.
pub async fn put<R: Row, S: Sink<R>>(
    messages: &mpsc::Sender<Message<R>>,
    worker: usize,
    key: u64,
    row: R,
) -> bool {
    let (reply, answer) = oneshot::channel();
    let bytes = S::encode(key, &row);
    messages.send(Message { worker, key, row, bytes, reply }).await.is_ok() && answer.await.is_ok()
}

/// A file that only grows.
pub struct Floor {
    file: File,
    buffer: Vec<u8>,
}

/// A table of redb with one value for a batch.
pub struct Journal {
    database: redb::Database,
    next: u64,
    buffer: Vec<u8>,
}

/// Tables of redb.
pub struct Redb {
    database: redb::Database,
    names: Vec<String>,
}

/// Keyspaces of fjall.
pub struct Fjall {
    database: fjall::Database,
    tables: Vec<Keyspace>,
}

/// Tables of SQLite, with its columns.
pub struct Sqlite<R> {
    connection: Connection,
    statements: Vec<String>,
    of: PhantomData<R>,
}

impl<R: Row> Sink<R> for Floor {
    fn open(there: &Path, _: usize) -> Self {
        Self { file: File::create(there.join("floor")).expect("a file"), buffer: Vec::new() }
    }

    fn encode(key: u64, row: &R) -> Vec<u8> {
        record(key, row)
    }

    fn append(&mut self, batch: &[Message<R>]) {
        join(batch, &mut self.buffer);
        self.file.write_all(&self.buffer).expect("the file can be written");
        self.file.sync_data().expect("the file can be synced");
    }
}

impl<R: Row> Sink<R> for Journal {
    fn open(there: &Path, _: usize) -> Self {
        let database = redb::Database::create(there.join("journal")).expect("a database");
        Self { database, next: 0, buffer: Vec::new() }
    }

    fn encode(key: u64, row: &R) -> Vec<u8> {
        record(key, row)
    }

    fn append(&mut self, batch: &[Message<R>]) {
        const JOURNAL: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("journal");
        join(batch, &mut self.buffer);
        let transaction = self.database.begin_write().expect("a transaction");
        let mut table = transaction.open_table(JOURNAL).expect("a table");
        table.insert(self.next, &*self.buffer).expect("a value can be written");
        drop(table);
        transaction.commit().expect("it can be synced");
        self.next += 1;
    }
}

impl<R: Row> Sink<R> for Redb {
    fn open(there: &Path, workers: usize) -> Self {
        let database = redb::Database::create(there.join("redb")).expect("a database");
        Self { database, names: (0..workers).map(|n| format!("rows-{n}")).collect() }
    }

    fn encode(_: u64, row: &R) -> Vec<u8> {
        value(row)
    }

    fn append(&mut self, batch: &[Message<R>]) {
        let transaction = self.database.begin_write().expect("a transaction");
        let mut open: Vec<_> = self.names.iter().map(|_| None).collect();
        for message in batch {
            let table = open[message.worker].get_or_insert_with(|| {
                let definition = TableDefinition::<u64, &[u8]>::new(&self.names[message.worker]);
                transaction.open_table(definition).expect("a table")
            });
            table.insert(message.key, &*message.bytes).expect("a row can be written");
        }
        drop(open);
        transaction.commit().expect("it can be synced");
    }
}

impl<R: Row> Sink<R> for Fjall {
    fn open(there: &Path, workers: usize) -> Self {
        let database = fjall::Database::builder(there.join("fjall")).open().expect("a database");
        let tables = (0..workers)
            .map(|n| {
                database.keyspace(&format!("rows-{n}"), KeyspaceCreateOptions::default).expect("a keyspace")
            })
            .collect();
        Self { database, tables }
    }

    fn encode(_: u64, row: &R) -> Vec<u8> {
        value(row)
    }

    fn append(&mut self, batch: &[Message<R>]) {
        let mut written = self.database.batch().durability(Some(PersistMode::SyncData));
        for message in batch {
            written.insert(&self.tables[message.worker], message.key.to_be_bytes(), &*message.bytes);
        }
        written.commit().expect("it can be synced");
    }
}

impl<R: Row> Sink<R> for Sqlite<R> {
    fn open(there: &Path, workers: usize) -> Self {
        let connection = Connection::open(there.join("sqlite")).expect("a database");
        let mode: String = connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
            .expect("a journal");
        assert_eq!(mode, "wal");
        connection.pragma_update(None, "synchronous", "FULL").expect("a mode");
        connection.set_prepared_statement_cache_capacity(2 * workers);
        let (columns, values) = R::COLUMNS;
        let mut statements = Vec::new();
        connection.execute_batch("BEGIN").expect("a transaction");
        for n in 0..workers {
            let table = format!("CREATE TABLE rows_{n} (key INTEGER PRIMARY KEY, {columns})");
            connection.execute(&table, []).expect("a table");
            statements.push(format!("INSERT INTO rows_{n} VALUES (?, {values})"));
        }
        connection.execute_batch("COMMIT").expect("it can be synced");
        Self { connection, statements, of: PhantomData }
    }

    fn encode(_: u64, _: &R) -> Vec<u8> {
        Vec::new()
    }

    fn append(&mut self, batch: &[Message<R>]) {
        let transaction = self.connection.transaction().expect("a transaction");
        for message in batch {
            let mut statement =
                transaction.prepare_cached(&self.statements[message.worker]).expect("a statement");
            let key = message.key as i64;
            let inserted = message.row.with_columns(|columns| {
                let all: Vec<&dyn rusqlite::ToSql> =
                    std::iter::once(&key as &dyn rusqlite::ToSql).chain(columns.iter().copied()).collect();
                statement.execute(&*all)
            });
            inserted.expect("a row can be written");
        }
        transaction.commit().expect("it can be synced");
    }
}

/// The bytes of the batch, one behind the other.
fn join<R>(batch: &[Message<R>], buffer: &mut Vec<u8>) {
    buffer.clear();
    for message in batch {
        buffer.extend_from_slice(&message.bytes);
    }
}

/// The bytes of a row in a map of bytes.
fn value(row: &impl Row) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(row, &mut bytes);
    bytes
}
