//! Files that a function is made of: told once when they change, after they were quiet for a moment.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

/// How long files must be quiet before a change is told.
const QUIET: Duration = Duration::from_millis(200);

/// Watches until it is dropped.
pub struct Watcher {
    _watcher: RecommendedWatcher,
    changes: mpsc::Receiver<()>,
}

/// Watches files and folders; what is not there, nor its folder, is left out.
///
/// A file is watched through its folder: editors replace files, and a watch on the old one would end with it.
pub fn watch(paths: &[PathBuf]) -> Result<Watcher, String> {
    let (sender, changes) = mpsc::channel(1);
    let paths: Vec<PathBuf> = paths.iter().filter_map(|path| place(path)).collect();
    let watched = paths.clone();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return };
        let ours = |path: &PathBuf| watched.iter().any(|watched| path.strip_prefix(watched).is_ok_and(matters));
        if !matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(ours) {
            // A full channel already says that something changed.
            let _ = sender.try_send(());
        }
    })
    .map_err(|error| error.to_string())?;
    for path in &paths {
        let (place, mode) = match path.parent() {
            Some(folder) if !path.is_dir() => (folder, RecursiveMode::NonRecursive),
            _ => (path.as_path(), RecursiveMode::Recursive),
        };
        watcher.watch(place, mode).map_err(|error| format!("{}: {error}", place.display()))?;
    }
    Ok(Watcher { _watcher: watcher, changes })
}

/// Where a path leads; of a file that is not there yet, where it will be.
fn place(path: &Path) -> Option<PathBuf> {
    let there = path.canonicalize().ok();
    there.or_else(|| Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?)))
}

/// What editors, compilers and interpreters leave behind below a watched folder does not matter; a file that is
/// watched itself does, wherever it lies.
fn matters(path: &Path) -> bool {
    !path.components().any(|part| {
        let name = part.as_os_str().to_string_lossy();
        matches!(name.as_ref(), "__pycache__" | "target" | "node_modules" | ".git" | ".evento") || name.ends_with('~')
    })
}

impl Watcher {
    /// Returns when something changed and has been quiet since. `None` if watching ended.
    pub async fn changed(&mut self) -> Option<()> {
        self.changes.recv().await?;
        while let Ok(next) = tokio::time::timeout(QUIET, self.changes.recv()).await {
            next?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::watch;

    #[tokio::test]
    async fn a_file_is_told_that_is_built_later_and_lies_where_compilers_write() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("target")).expect("a folder");
        let file = folder.path().join("target/accounts.wasm");
        let mut watcher = watch(std::slice::from_ref(&file)).expect("watched");
        std::fs::write(&file, "built").expect("written");
        let told = tokio::time::timeout(Duration::from_secs(10), watcher.changed()).await;
        assert_eq!(told, Ok(Some(())));
    }

    #[tokio::test]
    async fn a_file_that_is_replaced_again_and_again_is_told_each_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("function.py");
        std::fs::write(&file, "0").expect("written");
        let mut watcher = watch(std::slice::from_ref(&file)).expect("watched");
        for n in 1..4 {
            let new = folder.path().join("function.py.new");
            std::fs::write(&new, n.to_string()).expect("written");
            std::fs::rename(&new, &file).expect("renamed");
            let told = tokio::time::timeout(Duration::from_secs(10), watcher.changed()).await;
            assert_eq!(told, Ok(Some(())), "change {n}");
        }
    }
}
