//! The last error of an unfinished command as bytes, so that people still see it after a restart.
//!
//! Version byte 1, then the fields in order: lengths are 32-bit big-endian, absent is a length of all ones.

use bytes::{BufMut, Bytes, BytesMut};
use evento_log::intake::LastError;
use evento_model::{Code, Digest, Revision, Timestamp};

const VERSION: u8 = 1;
const ABSENT: u32 = u32::MAX;

/// Writes an error.
pub(crate) fn write(error: &LastError) -> Bytes {
    let mut out = BytesMut::with_capacity(128 + error.detail.len());
    out.put_u8(VERSION);
    out.put_u16(error.code.0);
    out.put_i64(error.at.0);
    put(&mut out, error.revision.as_ref().map(|revision| &revision.0.0[..]));
    for text in [&error.title, &error.detail, &error.function, &error.fingerprint] {
        put(&mut out, Some(text.as_bytes()));
    }
    put(&mut out, error.stack.as_ref().map(|stack| stack.as_bytes()));
    out.freeze()
}

/// Reads an error; `None` if the bytes are of no version known here.
pub(crate) fn read(bytes: &[u8]) -> Option<LastError> {
    let (version, rest) = bytes.split_first()?;
    if *version != VERSION {
        return None;
    }
    let (code, rest) = rest.split_first_chunk::<2>()?;
    let (at, mut rest) = rest.split_first_chunk::<8>()?;
    let revision = match take(&mut rest)? {
        Some(bytes) => Some(Revision(Digest(bytes.try_into().ok()?))),
        None => None,
    };
    let mut text = || take(&mut rest).map(|bytes| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()));
    let (title, detail, function, fingerprint) = (text()??, text()??, text()??, text()??);
    let stack = text()?;
    let (code, at) = (Code(u16::from_be_bytes(*code)), Timestamp(i64::from_be_bytes(*at)));
    Some(LastError { code, title, detail, function, revision, at, fingerprint, stack })
}

fn put(out: &mut BytesMut, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => {
            out.put_u32(bytes.len() as u32);
            out.put_slice(bytes);
        }
        None => out.put_u32(ABSENT),
    }
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = u32::from_be_bytes(*length);
    if length == ABSENT {
        *rest = after;
        return Some(None);
    }
    let (bytes, after) = after.split_at_checked(length as usize)?;
    *rest = after;
    Some(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::{read, write};
    use evento_log::intake::LastError;
    use evento_model::{Code, Digest, Revision, Timestamp};

    #[test]
    fn an_error_reads_back_and_no_prefix_of_it_does() {
        let error = LastError {
            code: Code(3003),
            title: "threw".into(),
            detail: String::new(),
            function: "accounts".into(),
            revision: Some(Revision(Digest([7; 32]))),
            at: Timestamp(-5),
            fingerprint: "0f".into(),
            stack: Some("a\nb".into()),
        };
        let bytes = write(&error);
        assert_eq!(read(&bytes), Some(error.clone()));
        assert!((0..bytes.len()).all(|length| read(&bytes[..length]).is_none()));
        let bare = LastError { revision: None, stack: None, ..error };
        assert_eq!(read(&write(&bare)), Some(bare));
    }
}
