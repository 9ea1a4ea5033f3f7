//! Compiled code, kept in the data directory so that a node starts in milliseconds.
//!
//! A file is named by the SHA-256 of the module and by a digest of what compiled it: the engine's version, its
//! settings and the features of the processor. It begins with a checksum; a file that does not fit is left aside and
//! written anew. It is only ever written here, by this process, into a folder of the data directory: compiled code
//! is never taken from a resource, a request or the network.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use evento_model::Digest;
use sha2::{Digest as _, Sha256};
use wasmtime::Engine;

const MAGIC: &[u8; 16] = b"evento-wasm-v1\r\n";
/// Magic and checksum.
const HEAD_BYTES: usize = 16 + 32;
/// Files kept; the oldest go.
const FILES_MAX: usize = 64;

pub(crate) struct Cache {
    folder: PathBuf,
    /// Of what compiles: a file of another compiler has another name.
    compiler: Digest,
}

impl Cache {
    pub(crate) fn new(folder: PathBuf, engine: &Engine) -> Cache {
        let mut hash = Hash256(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut hash);
        Cache { folder, compiler: Digest(hash.0.finalize().into()) }
    }

    fn place(&self, module: &Digest) -> PathBuf {
        let (module, compiler) = (module.to_string(), self.compiler.to_string());
        self.folder.join(format!("{module}-{}.cwasm", &compiler[..16]))
    }

    /// The compiled code of a module, if it is there and whole.
    pub(crate) fn get(&self, module: &Digest) -> Option<Vec<u8>> {
        let place = self.place(module);
        let mut bytes = fs::read(&place).ok()?;
        if !is_whole(&bytes) {
            tracing::warn!(file = %place.display(), "compiled code is damaged; it is compiled again");
            return None;
        }
        // The newest are kept: what is used is new.
        let _ = fs::File::options()
            .append(true)
            .open(&place)
            .and_then(|file| file.set_modified(std::time::SystemTime::now()));
        bytes.drain(..HEAD_BYTES);
        Some(bytes)
    }

    /// Keeps compiled code. Whole or not at all: it is written beside its place and then renamed.
    pub(crate) fn put(&self, module: &Digest, code: &[u8]) {
        if let Err(error) = self.write(module, code) {
            tracing::warn!(folder = %self.folder.display(), %error, "compiled code cannot be kept; it is compiled anew at each start");
        }
    }

    fn write(&self, module: &Digest, code: &[u8]) -> std::io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let place = self.place(module);
        let beside = place.with_extension(format!("{}.new", std::process::id()));
        let mut file = private(&beside)?;
        file.write_all(MAGIC)?;
        file.write_all(&Sha256::digest(code))?;
        file.write_all(code)?;
        file.sync_all()?;
        fs::rename(&beside, &place)?;
        self.thin_out()
    }

    /// Removes the oldest files beyond the bound.
    fn thin_out(&self) -> std::io::Result<()> {
        let mut files: Vec<_> = fs::read_dir(&self.folder)?
            .filter_map(|entry| {
                let entry = entry.ok()?;
                Some((entry.metadata().ok()?.modified().ok()?, entry.path()))
            })
            .collect();
        files.sort();
        let extra = files.len().saturating_sub(FILES_MAX);
        files.into_iter().take(extra).try_for_each(|(_, path)| fs::remove_file(path))
    }
}

fn is_whole(bytes: &[u8]) -> bool {
    let Some((head, code)) = bytes.split_at_checked(HEAD_BYTES) else { return false };
    head[..16] == MAGIC[..] && head[16..] == Sha256::digest(code)[..]
}

/// A new file that only its owner may read and write.
fn private(path: &Path) -> std::io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// What the engine says of itself comes as a `Hash`; this makes a digest of it that is the same in every process.
struct Hash256(Sha256);

impl Hasher for Hash256 {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        u64::from_be_bytes(std::array::from_fn(|n| digest[n]))
    }
}
