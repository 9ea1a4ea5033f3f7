//! A folder as the context of a build: a tar of everything in it.
//!
//! `.dockerignore` is not read: what must not be sent does not belong into the folder.

use std::path::Path;

use bytes::Bytes;
use walkdir::WalkDir;

use crate::error::{EngineError, ErrorKind};

/// Largest context, in bytes of its files.
const BYTES_MAX: u64 = 256 << 20;
/// Most files of a context.
const FILES_MAX: usize = 20_000;

/// The tar of a folder. Blocks on the disk.
pub(crate) fn pack(folder: &Path) -> Result<Bytes, EngineError> {
    let fail = |why: String| EngineError::new(ErrorKind::Image, format!("{}: {why}", folder.display()));
    if !folder.join("Dockerfile").is_file() {
        return Err(fail("there is no Dockerfile in it".to_owned()));
    }
    let mut archive = tar::Builder::new(Vec::new());
    archive.follow_symlinks(false);
    let (mut bytes, mut files) = (0, 0);
    // By name, so that the same folder is the same tar.
    for entry in WalkDir::new(folder).min_depth(1).sort_by_file_name() {
        let entry = entry.map_err(|error| fail(error.to_string()))?;
        let Ok(name) = entry.path().strip_prefix(folder) else { continue };
        files += 1;
        bytes += entry.metadata().map_or(0, |metadata| metadata.len());
        if files > FILES_MAX || bytes > BYTES_MAX {
            let message = format!("a context has at most {FILES_MAX} files and {} MiB", BYTES_MAX >> 20);
            return Err(fail(message).next("give the Dockerfile a folder of its own with what it copies"));
        }
        let kind = entry.file_type();
        if kind.is_file() || kind.is_dir() || kind.is_symlink() {
            archive.append_path_with_name(entry.path(), name).map_err(|error| fail(error.to_string()))?;
        }
    }
    archive.into_inner().map(Bytes::from).map_err(|error| fail(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::pack;

    #[test]
    fn everything_in_the_folder_is_sent() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(pack(folder.path()).expect_err("no Dockerfile").message.contains("no Dockerfile"));
        std::fs::write(folder.path().join("Dockerfile"), "FROM scratch\n").expect("written");
        std::fs::create_dir(folder.path().join("bin")).expect("made");
        std::fs::write(folder.path().join("bin/f"), "program").expect("written");
        std::os::unix::fs::symlink("bin/f", folder.path().join("g")).expect("linked");
        let packed = pack(folder.path()).expect("packed");
        let mut archive = tar::Archive::new(&packed[..]);
        let names: Vec<String> = archive
            .entries()
            .expect("entries")
            .map(|entry| entry.expect("one").path().expect("named").display().to_string())
            .collect();
        assert_eq!(names, ["Dockerfile", "bin", "bin/f", "g"].map(str::to_owned));
        assert_eq!(pack(folder.path()).expect("packed again"), packed);
    }
}
