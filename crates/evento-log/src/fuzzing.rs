//! What fuzz targets reach and nobody else: the reading of frames. Built with `--cfg fuzzing` only.

use bytes::Bytes;

use crate::frame::{FrameHead, HEAD, Section, put_batch, put_meta, put_unit, sections};

/// Reads a whole frame.
pub fn frame(bytes: &Bytes) {
    if let Some(head) = FrameHead::read(bytes) {
        content(&bytes.slice(HEAD..HEAD + head.content));
    }
}

/// Reads a frame's content; what was read is the same when it is written and read again.
pub fn content(bytes: &Bytes) {
    let Ok(read) = sections(bytes) else { return };
    let mut out = Vec::new();
    for section in &read {
        match section {
            Section::Batch(at, batch) => put_batch(&mut out, *at, batch),
            Section::Unit(change) => put_unit(&mut out, change),
            Section::Meta(key, value) => put_meta(&mut out, key, value.as_deref()),
        }
    }
    assert_eq!(sections(&out.into()), Ok(read));
}
