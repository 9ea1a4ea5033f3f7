//! Functions that outlived an Evento that was killed: found by the sockets they were given, and ended.
//!
//! Whoever calls holds the lock of the data directory, so nobody else's function listens in its folder. What a process
//! was given is read from `/proc`; where there is none, nothing is ended.

use std::collections::HashSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};

use super::private_folder_of;

/// Ends the processes that still have a socket of this folder, and removes the sockets. Says how many there were.
pub fn end_leftovers(folder: &Path) -> usize {
    let sockets = sockets(&private_folder_of(folder));
    if sockets.is_empty() {
        return 0;
    }
    let left: Vec<Pid> = processes().filter(|pid| listen(*pid).is_some_and(|path| sockets.contains(&path))).collect();
    for pid in &left {
        let _ = kill_process(*pid, Signal::KILL);
    }
    for socket in sockets {
        let _ = std::fs::remove_file(socket);
    }
    left.len()
}

fn sockets(folder: &Path) -> HashSet<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|kind| kind == "sock")).collect()
}

fn processes() -> impl Iterator<Item = Pid> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
}

/// The socket that a process was told to listen on. Another user's process cannot be read, and is not ours.
fn listen(pid: Pid) -> Option<PathBuf> {
    let environment = std::fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())).ok()?;
    let mut variables = environment.split(|byte| *byte == 0);
    let path = variables.find_map(|variable| variable.strip_prefix(b"EVENTO_LISTEN=unix:"))?;
    Some(PathBuf::from(OsString::from_vec(path.to_vec())))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use super::{Pid, end_leftovers, listen};

    #[test]
    fn only_processes_with_a_socket_of_the_folder_are_ended() {
        let (ours, others) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let start = |folder: &std::path::Path| {
            let socket = folder.join("0123456789ab.sock");
            std::fs::write(&socket, "").unwrap();
            let value = format!("unix:{}", socket.display());
            let mut command = Command::new("sleep");
            let child = command.arg("600").env("EVENTO_LISTEN", value).stdin(Stdio::null()).spawn().unwrap();
            // A program is there a moment before its environment can be read.
            let (pid, until) = (Pid::from_child(&child), Instant::now() + Duration::from_secs(10));
            while listen(pid).is_none() {
                assert!(Instant::now() < until, "its environment cannot be read");
                std::thread::yield_now();
            }
            child
        };
        let (mut left, mut strange) = (start(ours.path()), start(others.path()));
        assert_eq!(end_leftovers(ours.path()), 1);
        assert!(!left.wait().unwrap().success());
        assert_eq!(strange.try_wait().unwrap(), None);
        assert_eq!(std::fs::read_dir(ours.path()).unwrap().count(), 0);
        assert_eq!(end_leftovers(ours.path()), 0);
        strange.kill().unwrap();
        strange.wait().unwrap();
    }
}
