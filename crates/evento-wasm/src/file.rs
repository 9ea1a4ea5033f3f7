//! What can be told of a WASM file without running or compiling it: its form, its digest, and its manifest.
//!
//! The manifest of a module or component is its custom section `evento.manifest` (function-protocol 12.1), which
//! this finds. Only the top level of sections is walked; what is in them is judged by whoever compiles.

use evento_model::Digest;
use sha2::Digest as _;

/// Largest file that is taken, in bytes. A Python component has about 40 MB.
pub(crate) const FILE_BYTES_MAX: u64 = 256 << 20;
/// The custom section that holds the manifest.
pub(crate) const MANIFEST_SECTION: &str = "evento.manifest";

const MAGIC: &[u8] = b"\0asm";
/// Version 1 of the core format, layer 0.
const CORE: &[u8] = &[1, 0, 0, 0];
/// Version 13 (0x0d) of the component format, layer 1.
const COMPONENT: &[u8] = &[0x0d, 0, 1, 0];
const HEADER_BYTES: usize = 8;

/// The two forms a function may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// A core module with the exports of function-protocol 12.1.
    Core,
    /// A component of the world `evento:function/function`.
    Component,
}

/// Which form a file has. The error says what is wrong, in words.
pub(crate) fn form(file: &[u8]) -> Result<Form, String> {
    let Some(version) = file.strip_prefix(MAGIC) else {
        return Err("it does not begin as a WASM file does (00 61 73 6d)".to_owned());
    };
    match version.get(..4) {
        Some(CORE) => Ok(Form::Core),
        Some(COMPONENT) => Ok(Form::Component),
        other => Err(format!("its version is {other:02x?}; core modules (1) and components (13) are known")),
    }
}

/// What the file is: SHA-256 of its bytes.
pub(crate) fn artifact(file: &[u8]) -> Digest {
    Digest(sha2::Sha256::digest(file).into())
}

/// The bytes of its manifest, if it has one. The error says what is wrong, in words.
pub(crate) fn manifest(file: &[u8]) -> Result<Option<&[u8]>, String> {
    let mut found = None;
    for section in sections(file) {
        let section = section?;
        if section.name == Some(MANIFEST_SECTION.as_bytes()) {
            if found.is_some() {
                return Err(format!("it has two sections {MANIFEST_SECTION}"));
            }
            found = Some(section.content);
        }
    }
    Ok(found)
}

struct Section<'a> {
    /// Of a custom section.
    name: Option<&'a [u8]>,
    /// Without its head and name.
    content: &'a [u8],
    /// Bytes of the whole.
    length: usize,
}

/// The sections of the top level, in order; after an error there is nothing more.
fn sections(file: &[u8]) -> impl Iterator<Item = Result<Section<'_>, String>> {
    let mut rest = file.get(HEADER_BYTES..).unwrap_or_default();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let at = file.len() - rest.len();
        let read = section(rest).ok_or_else(|| format!("the section at byte {at} does not end in the file"));
        rest = read.as_ref().map_or(&[][..], |section| &rest[section.length..]);
        Some(read)
    })
}

fn section(bytes: &[u8]) -> Option<Section<'_>> {
    let (id, rest) = bytes.split_first()?;
    let (length, rest) = length(rest)?;
    let content = rest.get(..length)?;
    let whole = bytes.len() - rest.len() + length;
    if *id != 0 {
        return Some(Section { name: None, content, length: whole });
    }
    let (name_length, rest) = self::length(content)?;
    let (name, content) = rest.split_at_checked(name_length)?;
    Some(Section { name: Some(name), content, length: whole })
}

/// An unsigned LEB128 number of 32 bits.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0u64;
    for (n, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * n);
        if *byte < 0x80 {
            return Some((usize::try_from(u32::try_from(value).ok()?).ok()?, &bytes[n + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Form, form, manifest};

    /// A core module with one type section and a custom section of another name.
    const MODULE: &[u8] = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\0\x05\x04nameX";
    /// A section with the manifest `{}`.
    const SECTION: &[u8] = b"\0\x12\x0fevento.manifest{}";

    #[test]
    fn a_manifest_is_found_among_other_sections() {
        assert_eq!(form(MODULE), Ok(Form::Core));
        assert_eq!(form(b"\0asm\x0d\0\x01\0"), Ok(Form::Component));
        assert_eq!(manifest(MODULE), Ok(None));
        let whole = [MODULE, SECTION, &MODULE[8..]].concat();
        assert_eq!(manifest(&whole), Ok(Some(&b"{}"[..])));
        assert!(manifest(&[&whole[..], SECTION].concat()).expect_err("two").contains("two sections"));
    }

    #[test]
    fn what_is_no_wasm_file_is_said_and_no_cut_makes_reading_panic() {
        for (bytes, wanted) in [(&b"#!/bin/sh"[..], "does not begin"), (b"\0asm\x07\0\0\0", "version"), (b"", "begin")]
        {
            let error = form(bytes).expect_err("no WASM");
            assert!(error.contains(wanted), "{error}");
        }
        let whole = [MODULE, SECTION].concat();
        for end in 8..whole.len() {
            let read = manifest(&whole[..end]);
            assert!(!matches!(read, Ok(Some(_))), "cut at {end}: {read:?}");
        }
    }
}
