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

/// Watches files and folders; what is not there is left out.
pub fn watch(paths: &[PathBuf]) -> Result<Watcher, String> {
    let (sender, changes) = mpsc::channel(1);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return };
        let matters = !matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(|path| matters(path));
        if matters {
            // A full channel already says that something changed.
            let _ = sender.try_send(());
        }
    })
    .map_err(|error| error.to_string())?;
    for path in paths.iter().filter(|path| path.exists()) {
        watcher.watch(path, RecursiveMode::Recursive).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(Watcher { _watcher: watcher, changes })
}

/// What editors, compilers and interpreters leave behind does not matter.
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
