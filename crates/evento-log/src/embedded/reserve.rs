//! Space kept aside: a file that is given up when the disk is full, so that what was begun can be ended.
//!
//! While it cannot be made again nothing new is accepted (EV4005); reads go on.

use std::path::PathBuf;
use std::sync::Arc;

use super::Fault;
use crate::disk::Disk;

const NAME: &str = "reserve";

/// The file, and how much of the disk stays free beside it.
pub(crate) struct Reserve {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    bytes: u64,
    /// Bytes that the next commit segment may take.
    segment_bytes: u64,
}

impl Reserve {
    pub(crate) fn new(disk: Arc<dyn Disk>, folder: PathBuf, bytes: u64, segment_bytes: u64) -> Reserve {
        Reserve { disk, folder, bytes, segment_bytes }
    }

    /// Bytes that stay free beside the file: room for what is on its way when somebody looks.
    pub(crate) fn margin(&self) -> u64 {
        self.bytes / 4
    }

    /// Whether something new may be accepted.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        self.need(self.margin())
    }

    fn need(&self, wanted: u64) -> Result<(), Fault> {
        let free = self.disk.free(&self.folder).unwrap_or(u64::MAX);
        if free < wanted {
            return Err(Fault::Full(format!("{free} bytes are free, {wanted} are needed")));
        }
        Ok(())
    }

    /// Gives the space to what must be ended.
    pub(crate) fn give_up(&self) {
        let _ = self.disk.remove(&self.folder.join(NAME));
    }

    /// Before recovery, which needs room as well.
    pub(crate) fn give_up_if_scarce(&self) {
        if self.need(self.bytes).is_err() {
            self.give_up();
        }
    }

    /// Makes the file, if it is not there. [`Fault::Full`] if there is no room for it and enough beside it that
    /// the disk is not full again at once.
    pub(crate) fn restore(&self) -> Result<(), Fault> {
        if self.bytes == 0 {
            return Ok(());
        }
        let path = self.folder.join(NAME);
        let fault = Fault::write(&path);
        let there = self.disk.list(&self.folder).map_err(&fault)?.iter().any(|name| name == NAME);
        let file = if there { Some(self.disk.open(&path).map_err(&fault)?) } else { None };
        let missing = match &file {
            Some(file) => self.bytes.saturating_sub(file.length().map_err(&fault)?),
            None => self.bytes,
        };
        if missing == 0 {
            return self.check();
        }
        self.need(missing.saturating_add(2 * self.margin() + self.segment_bytes))?;
        let file = file.map_or_else(|| self.disk.open(&path), Ok).map_err(&fault)?;
        file.allocate(self.bytes).map_err(&fault)
    }
}
