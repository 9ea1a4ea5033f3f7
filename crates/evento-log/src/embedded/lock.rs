//! Who may use a data directory: one process at a time, of a program that knows its format; each opening
//! raises the owner epoch.

use std::path::Path;

use evento_model::{OwnerEpoch, planted};

use super::Fault;
use super::small;
use crate::disk::{Disk, Lock};

/// What the file `format` says.
const FORMAT: &str = "evento data 1\n";
const EPOCH: &str = "epoch";

/// Held as long as the directory is in use.
pub(crate) type Held = Box<dyn Send>;

/// Takes the directory, made if it is not there.
pub(crate) fn take(disk: &dyn Disk, folder: &Path) -> Result<Held, Fault> {
    disk.make_folder(folder).map_err(Fault::write(folder))?;
    let held = match disk.lock(folder).map_err(Fault::write(folder))? {
        Lock::Ours(held) => held,
        Lock::Theirs(_) if planted!(13) => Box::new(()),
        Lock::Theirs(pid) => return Err(Fault::InUse { folder: folder.display().to_string(), pid }),
    };
    check_format(disk, folder)?;
    Ok(held)
}

fn check_format(disk: &dyn Disk, folder: &Path) -> Result<(), Fault> {
    match small::read(disk, folder, "format")? {
        Some(found) if found == FORMAT.as_bytes() => Ok(()),
        Some(found) => Err(Fault::Format {
            folder: folder.display().to_string(),
            found: String::from_utf8_lossy(&found).trim().to_owned(),
            known: FORMAT.trim().to_owned(),
        }),
        None => small::replace(disk, folder, "format", FORMAT.as_bytes()),
    }
}

/// Makes a folder a data directory whose next epoch is the one after this.
pub(crate) fn begin(disk: &dyn Disk, folder: &Path, epoch: OwnerEpoch) -> Result<(), Fault> {
    small::replace(disk, folder, EPOCH, epoch_text(epoch).as_bytes())?;
    small::replace(disk, folder, "format", FORMAT.as_bytes())
}

/// Begins another epoch and says which. After everything was found well: a start that fails changes nothing.
pub(crate) fn raise_epoch(disk: &dyn Disk, folder: &Path) -> Result<OwnerEpoch, Fault> {
    let found = small::read(disk, folder, EPOCH)?;
    let epoch = found.as_deref().map_or(Ok(0), |found| read_epoch(folder, found))? + 1;
    let text = epoch_text(epoch);
    match small::replace(disk, folder, EPOCH, text.as_bytes()) {
        // Not even a small file fits: what is there is overwritten, which takes no space and is one sector.
        Err(Fault::Full(_)) if found.is_some_and(|found| found.len() == text.len()) => {
            small::overwrite(disk, folder, EPOCH, text.as_bytes())?;
        }
        replaced => replaced?,
    }
    Ok(epoch)
}

/// Of one width, so that it can be written over its predecessor.
fn epoch_text(epoch: OwnerEpoch) -> String {
    format!("{epoch:010} {:08x}\n", crc32c::crc32c(&epoch.to_be_bytes()))
}

fn read_epoch(folder: &Path, found: &[u8]) -> Result<OwnerEpoch, Fault> {
    let text = String::from_utf8_lossy(found);
    let (number, crc) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    let read = || {
        let epoch: OwnerEpoch = number.parse().ok()?;
        // The first format had no checksum.
        let whole = crc.is_empty() || format!("{:08x}", crc32c::crc32c(&epoch.to_be_bytes())) == crc;
        whole.then_some(epoch)
    };
    read().ok_or_else(|| Fault::Corrupt {
        file: folder.join(EPOCH).display().to_string(),
        offset: 0,
        what: format!("{text:?} is no number with its checksum"),
    })
}
