//! Small file systems in loop files: full when they are to be, and cut off from their disk as by a power cut.
//!
//! Needs root, `mkfs.ext4` (e2fsprogs), `mkfs.xfs` and `xfs_io` (xfsprogs). The cut is the shutdown ioctl without
//! flushing the journal first (xfs_io(8), `shutdown`): what was synced is there after the next mount, what was
//! not is gone. It neither tears nor reorders sectors; the simulation does.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Which file system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// ext4 with its defaults.
    Ext4,
    /// XFS with its defaults.
    Xfs,
}

impl Kind {
    /// Its name, as in `mkfs.NAME`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Ext4 => "ext4",
            Kind::Xfs => "xfs",
        }
    }
}

/// A mounted loop file; unmounted with the value.
pub struct Disk {
    image: PathBuf,
    /// Where it is mounted.
    pub mounted: PathBuf,
}

/// Runs a program; what it said if it failed.
fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).output().map_err(|error| format!("{program}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{program} {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim())),
    }
}

/// Why such file systems cannot be made here, if so.
pub fn missing(kinds: &[Kind]) -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("mounting a file system needs root".to_owned());
    }
    let mut programs: Vec<String> = kinds.iter().map(|kind| format!("mkfs.{}", kind.name())).collect();
    programs.push("xfs_io".to_owned());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = |program: &String| {
        std::env::split_paths(&path)
            .chain(["/sbin".into(), "/usr/sbin".into()])
            .any(|folder| folder.join(program).exists())
    };
    let absent = programs.into_iter().find(|program| !there(program))?;
    Some(format!("{absent} is not installed (packages e2fsprogs and xfsprogs)"))
}

impl Disk {
    /// Makes and mounts one of so many MiB. The file takes space as it is written.
    pub fn make(scratch: &Path, kind: Kind, mebibytes: u64) -> Result<Disk, String> {
        let image = scratch.join(format!("{}-{mebibytes}.img", kind.name()));
        let mounted = scratch.join(format!("{}-{mebibytes}", kind.name()));
        let told = |error: std::io::Error| format!("{}: {error}", image.display());
        std::fs::File::create(&image).and_then(|file| file.set_len(mebibytes << 20)).map_err(told)?;
        std::fs::create_dir_all(&mounted).map_err(told)?;
        let path = image.display().to_string();
        match kind {
            Kind::Ext4 => run("mkfs.ext4", &["-q", "-F", &path])?,
            Kind::Xfs => run("mkfs.xfs", &["-q", "-f", &path])?,
        }
        let disk = Disk { image, mounted };
        disk.mount()?;
        Ok(disk)
    }

    fn mount(&self) -> Result<(), String> {
        run("mount", &["-o", "loop", &self.image.display().to_string(), &self.mounted.display().to_string()])
    }

    /// From now on nothing reaches the disk; what was not synced is lost.
    pub fn cut(&self) -> Result<(), String> {
        run("xfs_io", &["-x", "-c", "shutdown", &self.mounted.display().to_string()])
    }

    /// Mounts it anew after a cut; nobody may use it any more.
    pub fn power_on(&self) -> Result<(), String> {
        run("umount", &[&self.mounted.display().to_string()])?;
        self.mount()
    }

    /// Takes everything that is left.
    pub fn fill(&self) -> Result<(), String> {
        use std::io::Write;
        let mut filler = std::fs::File::create(self.filler()).map_err(|error| format!("fill the disk: {error}"))?;
        let mut block = vec![1; 1 << 20];
        loop {
            match filler.write_all(&block) {
                Ok(()) => {}
                Err(_) if block.len() > 4_096 => block.truncate(block.len() / 2),
                Err(_) => return Ok(()),
            }
        }
    }

    /// Gives back what `fill` took.
    pub fn free(&self) -> Result<(), String> {
        std::fs::remove_file(self.filler()).map_err(|error| format!("free the disk: {error}"))
    }

    /// Copies a folder of it to where it stays. What cannot be copied is missing there.
    pub fn keep(&self, folder: &str, to: &Path) {
        let _ = run(
            "cp",
            &["-a", "--sparse=always", &self.mounted.join(folder).display().to_string(), &to.display().to_string()],
        );
    }

    fn filler(&self) -> PathBuf {
        self.mounted.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: whoever still holds a file may go on until it closes it.
        let _ = run("umount", &["-l", &self.mounted.display().to_string()]);
        let _ = std::fs::remove_file(&self.image);
    }
}
