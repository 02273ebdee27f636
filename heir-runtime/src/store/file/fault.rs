//! redb's errors and panics, as errors of a store.

use std::io;
use std::sync::Arc;

use redb::{CommitError, DatabaseError, Error, StorageError, TableError, TransactionError};

use super::disk::{Health, failure};
use crate::store::StoreError;
use crate::util::caught::caught;

/// What ends a piece of work with the file.
#[derive(Debug)]
pub(super) enum Fault {
    /// It is known what it is.
    Known(StoreError),
    Redb(Error),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Known(error)
    }
}

macro_rules! from_redb {
    ($($error:ty),*) => {
        $(impl From<$error> for Fault {
            fn from(error: $error) -> Self {
                Self::Redb(error.into())
            }
        })*
    };
}

from_redb!(StorageError, TableError, TransactionError, CommitError, DatabaseError);

impl Health {
    /// Does a piece of work with redb. A panic in it is damage: redb checks much of what it reads by
    /// assertions.
    pub(super) fn typed<R>(&self, work: impl FnOnce() -> Result<R, Fault>) -> Result<R, StoreError> {
        match caught(work) {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(Fault::Known(error))) => Err(error),
            Ok(Err(Fault::Redb(error))) => Err(self.type_error(error)),
            Err(panic) => {
                Err(self.first().unwrap_or_else(|| StoreError::Damaged(format!("redb panicked: {panic}"))))
            }
        }
    }

    fn type_error(&self, error: Error) -> StoreError {
        match error {
            // The error says what has failed, but not whether it was a sync.
            Error::Io(_) | Error::PreviousIo if self.first().is_some() => {
                self.first().expect("it has just been there")
            }
            Error::Io(error) => failure(Arc::new(error)),
            // Another thread has closed the file, to open it again.
            Error::DatabaseClosed | Error::PreviousIo => StoreError::Io(Arc::new(io::Error::other(error))),
            Error::ValueTooLarge(_) => {
                StoreError::Io(Arc::new(io::Error::new(io::ErrorKind::InvalidInput, error)))
            }
            Error::UpgradeRequired(version) => {
                StoreError::Foreign(format!("it is a file of redb in the old format {version}"))
            }
            error => StoreError::Damaged(error.to_string()),
        }
    }
}

/// What is wrong with a value.
pub(super) fn damaged(what: &str) -> StoreError {
    StoreError::Damaged(what.to_owned())
}
