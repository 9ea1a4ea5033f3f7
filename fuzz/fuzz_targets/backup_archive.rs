//! An archive of a backup: a directory is made of it, or nothing is left; it never names a place outside.

#![no_main]

use std::path::PathBuf;

use evento_log::embedded::{EmbeddedConfig, restore};
use libfuzzer_sys::fuzz_target;

/// In memory, where there is such a place: what is restored is synced.
fn scratch() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let base = if memory.is_dir() { memory } else { std::env::temp_dir() };
    base.join(format!("evento-fuzz-{}", std::process::id()))
}

fuzz_target!(|data: &[u8]| {
    let folder = scratch();
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("made");
    let config = EmbeddedConfig { segment_bytes: 1 << 20, ..EmbeddedConfig::new(folder.join("data")) };
    let restored = restore(&config, data, |_| {});
    let left = folder.read_dir().expect("listed").count();
    assert_eq!(left, usize::from(restored.is_ok()), "{restored:?}");
    std::fs::remove_dir_all(&folder).expect("removed");
});
