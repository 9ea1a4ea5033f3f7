//! Avro's binary primitives: zig-zag numbers, lengths and block headers, read with bounds and written shortest.

use super::ZERO_SIZE_ITEMS_MAX;
use super::error::{Fault, fault};

/// A cursor over a datum that remembers whether everything read so far was canonical.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
    /// Cleared by the first value that is valid but not written the canonical way.
    pub(super) canonical: bool,
    /// Bound: values of zero bytes still allowed in arrays of this datum; at 0 the datum is refused.
    zero_size_left: u32,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, position: 0, canonical: true, zero_size_left: ZERO_SIZE_ITEMS_MAX }
    }

    #[inline]
    pub(super) fn position(&self) -> usize {
        self.position
    }

    #[inline]
    pub(super) fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// The bytes from an earlier position up to here.
    pub(super) fn since(&self, position: usize) -> &'a [u8] {
        &self.bytes[position..self.position]
    }

    /// A reader of the same datum that starts at an earlier position.
    pub(super) fn again_from(&self, position: usize) -> Reader<'a> {
        Reader { bytes: self.bytes, position, canonical: true, zero_size_left: ZERO_SIZE_ITEMS_MAX }
    }

    #[inline]
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        if count > self.remaining() {
            return Err(self.truncated());
        }
        let taken = &self.bytes[self.position..self.position + count];
        self.position += count;
        Ok(taken)
    }

    #[inline]
    pub(super) fn boolean(&mut self) -> Result<bool, Fault> {
        match self.take(1)? {
            [0] => Ok(false),
            [1] => Ok(true),
            other => Err(fault(self.position - 1, format!("a boolean is 0 or 1, not {}", other[0]))),
        }
    }

    #[inline]
    pub(super) fn long(&mut self) -> Result<i64, Fault> {
        let zigzag = match self.bytes.get(self.position) {
            Some(&byte) if byte < 0x80 => {
                self.position += 1;
                u64::from(byte)
            }
            _ => self.varint(10)?,
        };
        Ok((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
    }

    #[inline]
    pub(super) fn int(&mut self) -> Result<i32, Fault> {
        let zigzag = match self.bytes.get(self.position) {
            Some(&byte) if byte < 0x80 => {
                self.position += 1;
                u64::from(byte)
            }
            _ => self.varint(5)?,
        };
        let zigzag =
            u32::try_from(zigzag).map_err(|_| fault(self.position, "a number does not fit an int of 32 bits"))?;
        Ok((zigzag >> 1) as i32 ^ -((zigzag & 1) as i32))
    }

    /// A number of more than one byte, of at most `bytes_max` bytes.
    fn varint(&mut self, bytes_max: usize) -> Result<u64, Fault> {
        let mut value = 0u64;
        for index in 0..bytes_max {
            let Some(&byte) = self.bytes.get(self.position + index) else { return Err(self.truncated()) };
            if index == 9 && byte > 1 {
                return Err(fault(self.position, "a number does not fit 64 bits"));
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.position += index + 1;
                self.canonical &= byte != 0 || index == 0;
                return Ok(value);
            }
        }
        Err(fault(self.position, format!("a number has more than {bytes_max} bytes")))
    }

    #[inline]
    pub(super) fn float(&mut self) -> Result<f32, Fault> {
        let bytes = self.take(4)?;
        let value = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        self.canonical &= !value.is_nan() || bytes == NAN_FLOAT;
        Ok(value)
    }

    #[inline]
    pub(super) fn double(&mut self) -> Result<f64, Fault> {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(self.take(8)?);
        let value = f64::from_le_bytes(bytes);
        self.canonical &= !value.is_nan() || bytes == NAN_DOUBLE;
        Ok(value)
    }

    /// The bytes of a `bytes` or `string` value.
    #[inline]
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Fault> {
        let start = self.position;
        let length = self.long()?;
        match usize::try_from(length) {
            Ok(length) if length <= self.remaining() => self.take(length),
            Ok(length) => Err(fault(start, format!("a length of {length} bytes where {} are left", self.remaining()))),
            Err(_) => Err(fault(start, format!("a negative length, {length}"))),
        }
    }

    #[inline]
    pub(super) fn string(&mut self) -> Result<&'a str, Fault> {
        let start = self.position;
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map_err(|_| fault(start, "a string is not UTF-8"))
    }

    /// An index below `count`, of a union branch or an enum symbol.
    #[inline]
    pub(super) fn index(&mut self, count: usize, what: &str) -> Result<usize, Fault> {
        let start = self.position;
        let index = self.int()?;
        match usize::try_from(index) {
            Ok(index) if index < count => Ok(index),
            _ => Err(fault(start, format!("{what} {index} where there are {count}"))),
        }
    }

    /// Starts the blocks of an array or map.
    #[inline]
    pub(super) fn blocks(&self) -> Blocks {
        Blocks { count: 0, end: None }
    }

    /// Head of the next block: how many items it has; 0 ends the array or map.
    ///
    /// `size_min` is the least size of one item in bytes; for items of size 0, `weight` is how many values one has.
    #[inline]
    pub(super) fn block(&mut self, blocks: &mut Blocks, size_min: u32, weight: u32) -> Result<usize, Fault> {
        if let Some(end) = blocks.end.take()
            && end != self.position
        {
            return Err(fault(self.position, format!("a block ends at byte {} instead of {end}", self.position)));
        }
        let start = self.position;
        let mut count = self.long()?;
        if count == 0 {
            return Ok(0);
        }
        // A canonical array or map has one block with a positive count.
        self.canonical &= count > 0 && blocks.count == 0;
        blocks.count += 1;
        if count < 0 {
            count = count.checked_neg().ok_or_else(|| fault(start, "a block count out of range"))?;
            let size = self.long()?;
            match usize::try_from(size) {
                Ok(size) if size <= self.remaining() => blocks.end = Some(self.position + size),
                _ => return Err(fault(start, format!("a block of {size} bytes where {} are left", self.remaining()))),
            }
        }
        let count = count as u64;
        if size_min > 0 {
            if count > self.remaining() as u64 / u64::from(size_min) {
                let message = format!("a block of {count} items where {} bytes are left", self.remaining());
                return Err(fault(start, message));
            }
        } else {
            let left = count.checked_mul(u64::from(weight)).and_then(|n| u64::from(self.zero_size_left).checked_sub(n));
            let Some(left) = left else {
                return Err(fault(start, format!("more than {ZERO_SIZE_ITEMS_MAX} values without any byte")));
            };
            self.zero_size_left = left as u32;
        }
        Ok(count as usize)
    }

    #[cold]
    fn truncated(&self) -> Fault {
        fault(self.position, "the bytes end in the middle of a value")
    }
}

/// What has been seen of the blocks of one array or map.
pub(super) struct Blocks {
    count: usize,
    end: Option<usize>,
}

/// The one NaN of a float, little endian.
pub(super) const NAN_FLOAT: [u8; 4] = [0, 0, 0xc0, 0x7f];
/// The one NaN of a double, little endian.
pub(super) const NAN_DOUBLE: [u8; 8] = [0, 0, 0, 0, 0, 0, 0xf8, 0x7f];

/// Writes an int or a long; both look the same on the wire.
#[inline]
pub(super) fn write_long(value: i64, out: &mut Vec<u8>) {
    let mut zigzag = ((value << 1) ^ (value >> 63)) as u64;
    while zigzag >= 0x80 {
        out.push(zigzag as u8 | 0x80);
        zigzag >>= 7;
    }
    out.push(zigzag as u8);
}

#[inline]
pub(super) fn write_float(value: f32, out: &mut Vec<u8>) {
    out.extend_from_slice(&if value.is_nan() { NAN_FLOAT } else { value.to_le_bytes() });
}

#[inline]
pub(super) fn write_double(value: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(&if value.is_nan() { NAN_DOUBLE } else { value.to_le_bytes() });
}

#[inline]
pub(super) fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    write_long(bytes.len() as i64, out);
    out.extend_from_slice(bytes);
}
