//! Small files that are read and replaced as a whole: format, epoch, checkpoint.

use std::path::Path;

use super::Fault;
use crate::disk::Disk;

/// The content of a file; `None` if it is not there.
pub(crate) fn read(disk: &dyn Disk, folder: &Path, name: &str) -> Result<Option<Vec<u8>>, Fault> {
    let path = folder.join(name);
    let fault = Fault::read(&path);
    if !disk.list(folder).map_err(&fault)?.iter().any(|there| there == name) {
        return Ok(None);
    }
    let file = disk.open(&path).map_err(&fault)?;
    let mut bytes = vec![0; file.length().map_err(&fault)? as usize];
    file.read_at(&mut bytes, 0).map_err(&fault)?;
    Ok(Some(bytes))
}

/// Replaces a file by one that was written beside it; durable when this returns.
pub(crate) fn replace(disk: &dyn Disk, folder: &Path, name: &str, content: &[u8]) -> Result<(), Fault> {
    put_beside(disk, folder, name, content)?;
    disk.sync_folder(folder).map_err(Fault::write(folder))
}

/// As `replace`, but which of the two files has the name after a power cut is left to chance.
pub(crate) fn put_beside(disk: &dyn Disk, folder: &Path, name: &str, content: &[u8]) -> Result<(), Fault> {
    let (new, path) = (folder.join(format!("{name}.new")), folder.join(name));
    let fault = Fault::write(&path);
    let file = disk.open(&new).map_err(&fault)?;
    file.set_length(0).map_err(&fault)?;
    file.write_at(content, 0).map_err(&fault)?;
    file.sync().map_err(&fault)?;
    disk.rename(&new, &path).map_err(&fault)
}

/// Writes over a file of the same length, in its place.
pub(crate) fn overwrite(disk: &dyn Disk, folder: &Path, name: &str, content: &[u8]) -> Result<(), Fault> {
    let path = folder.join(name);
    let fault = Fault::write(&path);
    let file = disk.open(&path).map_err(&fault)?;
    file.write_at(content, 0).map_err(&fault)?;
    file.sync().map_err(&fault)
}
