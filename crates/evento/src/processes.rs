//! What processes of this machine use, as proc(5) tells: processor time, memory, children, and who sees a folder.
//!
//! For `evento bench` and `evento verify`, which measure. Where there is no `/proc` every question fails or finds
//! nothing; nobody's work depends on an answer.

use std::path::Path;

use anyhow::Context;

/// User and system time of a process so far, in seconds (fields 14 and 15 of `stat`).
///
/// Errors: there is no such process.
pub fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after = stat.rsplit_once(") ").context("stat")?.1;
    let fields: Vec<&str> = after.split(' ').collect();
    let ticks: u64 =
        fields.get(11).context("utime")?.parse::<u64>()? + fields.get(12).context("stime")?.parse::<u64>()?;
    Ok(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// Processor time of several processes together, in seconds. One that is gone counts nothing.
pub fn cpu_seconds_of(pids: &[u32]) -> f64 {
    pids.iter().filter_map(|pid| cpu_seconds(*pid).ok()).sum()
}

/// Processor time that the whole machine has used so far, in seconds; also what its host took away (proc(5), `stat`).
///
/// Errors: the system does not tell it.
pub fn machine_cpu_seconds() -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string("/proc/stat")?;
    let ticks = used_ticks(stat.lines().next().unwrap_or_default()).context("the first line of /proc/stat")?;
    Ok(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// `cpu user nice system idle iowait irq softirq steal ...`: all but idle and iowait; guests are part of user.
fn used_ticks(line: &str) -> Option<u64> {
    let fields: Vec<u64> = line.strip_prefix("cpu ")?.split_whitespace().map_while(|n| n.parse().ok()).collect();
    (fields.len() >= 8).then(|| [0, 1, 2, 5, 6, 7].iter().map(|n| fields[*n]).sum())
}

/// Resident memory of a process in bytes.
///
/// Errors: there is no such process.
pub fn resident(pid: u32) -> anyhow::Result<u64> {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm"))?;
    let pages: u64 = statm.split(' ').nth(1).context("statm")?.parse()?;
    Ok(pages * rustix::param::page_size() as u64)
}

/// The children of a process, their children, and so on.
pub fn descendants(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut next = vec![pid];
    while let Some(pid) = next.pop() {
        let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { continue };
        for task in tasks.flatten() {
            let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            let children: Vec<u32> = children.split_whitespace().filter_map(|pid| pid.parse().ok()).collect();
            found.extend(&children);
            next.extend(children);
        }
    }
    found
}

/// Processes into whose mounts a folder below this one is bound, as into those of a container; whatever engine started
/// it, as they are no children of ours. The path must be absolute. Only those are found that this user may look at.
pub fn mounting(folder: &Path) -> Vec<u32> {
    // A mount tells the path from the root of its file system, so that it begins with some end of the folder's path.
    let Some(folder) = folder.to_str() else { return Vec::new() };
    let ends: Vec<String> = folder.match_indices('/').map(|(at, _)| format!("{}/", &folder[at..])).collect();
    let pids = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let sees = |pid: &u32| {
        let mounts = std::fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
        mounts.lines().any(|mount| is_below(mount, &ends))
    };
    pids.filter(sees).collect()
}

/// Whether a line of `mountinfo` (proc(5); field 4 is the root of the mount) is about something below these.
fn is_below(mount: &str, ends: &[String]) -> bool {
    let root = mount.split(' ').nth(3).unwrap_or_default();
    ends.iter().any(|end| end.len() > 2 && root.starts_with(end.as_str()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::{Command, Stdio};

    use super::{
        cpu_seconds, cpu_seconds_of, descendants, is_below, machine_cpu_seconds, mounting, resident, used_ticks,
    };

    #[test]
    fn this_process_uses_something_and_one_that_never_was_counts_nothing() {
        let own = std::process::id();
        assert!(cpu_seconds(own).expect("we run") >= 0.0);
        assert!(resident(own).expect("we run") > 1 << 20);
        assert!(cpu_seconds(u32::MAX).is_err());
        assert!(cpu_seconds_of(&[u32::MAX]).abs() < f64::EPSILON);
    }

    #[test]
    fn the_machine_has_used_all_but_idle_and_waiting_time() {
        assert_eq!(used_ticks("cpu  100 20 3000 40000 50000 6 7 8 900 1000"), Some(3_141));
        for line in ["cpu  1 2 3", "cpu0 1 2 3 4 5 6 7 8", ""] {
            assert_eq!(used_ticks(line), None, "{line:?}");
        }
        assert!(machine_cpu_seconds().expect("it is told") > 0.0);
    }

    #[test]
    fn a_child_is_found_until_it_has_ended() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().expect("cat is everywhere");
        assert!(descendants(std::process::id()).contains(&child.id()));
        drop(child.stdin.take());
        child.wait().expect("it ends with its input");
        assert!(!descendants(std::process::id()).contains(&child.id()));
    }

    #[test]
    fn a_mount_of_a_folder_below_is_told_from_others() {
        let ends = ["/home/ada/.evento/".to_owned(), "/ada/.evento/".to_owned(), "/.evento/".to_owned()];
        let mount = |root: &str| format!("512 498 254:0 {root} /run/evento rw,relatime - ext4 /dev/vda rw");
        for (root, below) in [
            ("/home/ada/.evento/sockets/3", true),
            ("/ada/.evento/sockets/3", true),
            ("/home/bob/.evento/sockets/3", false),
            ("/home/ada/.evento", false),
            ("/", false),
        ] {
            assert_eq!(is_below(&mount(root), &ends), below, "{root}");
        }
        assert!(!is_below("", &ends));
        assert_eq!(mounting(Path::new("/a/folder/that/is/not/there")), Vec::<u32>::new());
        assert_eq!(mounting(Path::new("/")), Vec::<u32>::new());
    }
}
