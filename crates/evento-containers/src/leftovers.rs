//! Containers that outlived an Evento that was killed: found by their label, and removed.
//!
//! Whoever calls holds the lock of the data directory, so nobody else's function has its label. They are not adopted:
//! a fresh start takes a second, and what it is called as is known for certain.

use std::path::Path;

use crate::cage::LABEL_PROJECT;
use crate::container::FOLDER_PREFIX;
use crate::engine::Engine;
use crate::error::EngineError;

/// Whether containers were started from this folder that were not stopped in order. Asks no engine.
pub fn any_left(sockets: &Path) -> bool {
    folders(sockets).next().is_some()
}

/// Removes a project's containers and their folders. Says how many there were.
pub async fn remove_leftovers(engine: &Engine, project: &str, sockets: &Path) -> Result<usize, EngineError> {
    let left = engine.list(&[format!("{LABEL_PROJECT}={project}")]).await?;
    for id in &left {
        engine.remove(id).await?;
    }
    for folder in folders(sockets) {
        let _ = std::fs::remove_dir_all(folder);
    }
    Ok(left.len())
}

fn folders(sockets: &Path) -> impl Iterator<Item = std::path::PathBuf> {
    let folder = evento_function::process::private_folder_of(sockets);
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(FOLDER_PREFIX)).map(|entry| entry.path())
}
