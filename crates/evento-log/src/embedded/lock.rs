//! Who may use a data directory: one process at a time, of a program that knows its format; each opening
//! raises the owner epoch.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use evento_model::OwnerEpoch;
use rustix::fs::{FlockOperation, flock};

use super::Fault;

/// What the file `format` says.
const FORMAT: &str = "evento data 1\n";

/// Held as long as the directory is in use.
pub(crate) struct Lock {
    _file: File,
}

/// Takes the directory, made if it is not there.
pub(crate) fn take(folder: &Path) -> Result<Lock, Fault> {
    let fault = Fault::write(folder);
    std::fs::create_dir_all(folder).map_err(&fault)?;
    let path = folder.join("lock");
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(&fault)?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        let mut pid = String::new();
        let _ = file.read_to_string(&mut pid);
        let pid = if pid.trim().is_empty() { "unknown".to_owned() } else { pid.trim().to_owned() };
        return Err(Fault::InUse { folder: folder.display().to_string(), pid });
    }
    file.set_len(0).map_err(&fault)?;
    file.seek(SeekFrom::Start(0)).map_err(&fault)?;
    writeln!(file, "{}", std::process::id()).map_err(&fault)?;
    check_format(folder)?;
    Ok(Lock { _file: file })
}

fn check_format(folder: &Path) -> Result<(), Fault> {
    let path = folder.join("format");
    match std::fs::read_to_string(&path) {
        Ok(found) if found == FORMAT => Ok(()),
        Ok(found) => Err(Fault::Format {
            folder: folder.display().to_string(),
            found: found.trim().to_owned(),
            known: FORMAT.trim().to_owned(),
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => replace(folder, "format", FORMAT),
        Err(error) => Err(Fault::Read { file: path.display().to_string(), why: error.to_string() }),
    }
}

/// Makes a folder a data directory whose next epoch is the one after this.
pub(crate) fn begin(folder: &Path, epoch: OwnerEpoch) -> Result<(), Fault> {
    replace(folder, "epoch", &format!("{epoch}\n"))?;
    replace(folder, "format", FORMAT)
}

/// Begins another epoch and says which. After everything was found well: a start that fails changes nothing.
pub(crate) fn raise_epoch(folder: &Path) -> Result<OwnerEpoch, Fault> {
    let path = folder.join("epoch");
    let epoch = match std::fs::read_to_string(&path) {
        Ok(text) => text.trim().parse::<OwnerEpoch>().map_err(|_| Fault::Corrupt {
            file: path.display().to_string(),
            offset: 0,
            what: format!("{text:?} is no number"),
        })?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
        Err(error) => return Err(Fault::Read { file: path.display().to_string(), why: error.to_string() }),
    };
    replace(folder, "epoch", &format!("{}\n", epoch + 1))?;
    Ok(epoch + 1)
}

/// Replaces a small file; durable when this returns.
fn replace(folder: &Path, name: &str, content: &str) -> Result<(), Fault> {
    let path = folder.join(name);
    let fault = Fault::write(&path);
    let new = folder.join(format!("{name}.new"));
    let mut file = File::create(&new).map_err(&fault)?;
    file.write_all(content.as_bytes()).map_err(&fault)?;
    file.sync_all().map_err(&fault)?;
    std::fs::rename(&new, folder.join(name)).map_err(&fault)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(&fault)
}
