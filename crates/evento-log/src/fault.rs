//! A fault: the log, its disk or its directory is wrong. Never the business's, never the function's.

use std::io;
use std::path::Path;

use evento_model::Code;

/// Why the log cannot do what was asked. After a write or sync failed nothing more is acknowledged.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Fault {
    /// A write or sync failed. Final until a restart: a failed sync is never repeated.
    #[error("the log cannot be written: {0}")]
    Write(String),
    /// The disk is (nearly) full. Nothing of the unit was written; it may be sent again when there is room.
    #[error("the disk is full: {0}")]
    Full(String),
    /// Bytes that were written are not what they were.
    #[error("{file} is damaged at offset {offset}: {what}")]
    Corrupt {
        /// The file.
        file: String,
        /// Where in it.
        offset: u64,
        /// In words.
        what: String,
    },
    /// Another process has the data directory.
    #[error("the data directory {folder} is in use by process {pid}")]
    InUse {
        /// The directory.
        folder: String,
        /// Who has it.
        pid: String,
    },
    /// The directory is of a format this program does not know.
    #[error("{folder} is of format {found:?}; this program knows {known:?}")]
    Format {
        /// The directory.
        folder: String,
        /// What it says.
        found: String,
        /// What is known here.
        known: String,
    },
    /// A directory that should be new has something in it.
    #[error("{folder} is not empty")]
    Occupied {
        /// The directory.
        folder: String,
    },
    /// Reading failed.
    #[error("cannot read {file}: {why}")]
    Read {
        /// The file.
        file: String,
        /// The system's words.
        why: String,
    },
    /// The log was closed.
    #[error("the log is closed")]
    Closed,
}

impl Fault {
    /// A write, sync or change of names that failed on a path.
    pub(crate) fn write(path: &Path) -> impl Fn(io::Error) -> Fault + '_ {
        move |error| match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Fault::Full(format!("{}: no space is left", path.display()))
            }
            _ => Fault::Write(format!("{}: {error}", path.display())),
        }
    }

    /// A read that failed on a path.
    pub(crate) fn read(path: &Path) -> impl Fn(io::Error) -> Fault + '_ {
        move |error| Fault::Read { file: path.display().to_string(), why: error.to_string() }
    }

    /// Its code, as people and programs see it.
    pub fn code(&self) -> Code {
        match self {
            Fault::Write(_) | Fault::Read { .. } | Fault::Closed => Code(4001),
            Fault::Corrupt { .. } | Fault::Format { .. } => Code(4002),
            Fault::Full(_) => Code(4005),
            Fault::InUse { .. } => Code(7004),
            Fault::Occupied { .. } => Code(7005),
        }
    }
}
