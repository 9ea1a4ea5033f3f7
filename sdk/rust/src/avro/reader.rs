//! Reading: every length, count and index is checked before anything is allocated for it.

use std::collections::BTreeMap;

use super::{DEPTH_MAX, Malformed};
use crate::{Date, Decimal, Timestamp, Uuid};

/// Most items of no bytes (empty records, nulls) in one datum (function-protocol 8.3).
const EMPTY_ITEMS_MAX: u64 = 65_536;

/// Reads values one after the other.
pub struct Reader<'a> {
    rest: &'a [u8],
    depth: u32,
    /// Items that took no byte so far.
    empty_items: u64,
    /// The field that is being read, for messages.
    place: &'static str,
}

impl<'a> Reader<'a> {
    /// Reads from the beginning of these bytes.
    pub fn over(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes, depth: 0, empty_items: 0, place: "" }
    }

    /// Says which field comes next, so that a message names it.
    pub fn at(&mut self, place: &'static str) -> &mut Reader<'a> {
        self.place = place;
        self
    }

    /// Whether everything was read.
    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Bytes not read yet.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// The next bytes.
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        match self.rest.split_at_checked(length) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(self.wrong("the bytes end in the middle")),
        }
    }

    /// Nothing: a null takes no byte.
    pub fn null(&mut self) -> Result<(), Malformed> {
        Ok(())
    }

    /// A boolean.
    pub fn boolean(&mut self) -> Result<bool, Malformed> {
        match self.take(1)?[0] {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(self.wrong(format!("{other} is no boolean"))),
        }
    }

    /// An int.
    pub fn int(&mut self) -> Result<i32, Malformed> {
        let value = self.long()?;
        i32::try_from(value).map_err(|_| self.wrong(format!("{value} is no int")))
    }

    /// A long: a zigzag varint of at most ten bytes.
    #[inline]
    pub fn long(&mut self) -> Result<i64, Malformed> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let Some((byte, rest)) = self.rest.split_first() else {
                return Err(self.wrong("the bytes end in the middle"));
            };
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if *byte < 0x80 {
                // The tenth byte has room for one bit.
                if shift == 63 && *byte > 1 {
                    break;
                }
                return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        Err(self.wrong("a number of more than 64 bits"))
    }

    /// A float.
    pub fn float(&mut self) -> Result<f32, Malformed> {
        self.fixed().map(f32::from_le_bytes)
    }

    /// A double.
    pub fn double(&mut self) -> Result<f64, Malformed> {
        self.fixed().map(f64::from_le_bytes)
    }

    /// Bytes.
    pub fn bytes(&mut self) -> Result<Vec<u8>, Malformed> {
        self.sized().map(<[u8]>::to_vec)
    }

    /// A string.
    pub fn string(&mut self) -> Result<String, Malformed> {
        let bytes = self.sized()?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(self.wrong("a string that is no UTF-8")),
        }
    }

    /// A fixed type.
    pub fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let mut fixed = [0; N];
        fixed.copy_from_slice(self.take(N)?);
        Ok(fixed)
    }

    /// The number of a symbol or branch.
    pub fn index(&mut self, count: usize) -> Result<usize, Malformed> {
        let index = self.long()?;
        match usize::try_from(index) {
            Ok(found) if found < count => Ok(found),
            _ => Err(self.wrong(format!("index {index} of {count}"))),
        }
    }

    /// `null` or a value; `some` is the number of the value's branch.
    pub fn optional<T>(
        &mut self,
        some: usize,
        read: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Malformed> {
        if self.index(2)? == some { read(self).map(Some) } else { Ok(None) }
    }

    /// An array.
    pub fn array<T>(&mut self, mut read: impl FnMut(&mut Self) -> Result<T, Malformed>) -> Result<Vec<T>, Malformed> {
        let mut items = Vec::new();
        self.items(|reader| {
            items.push(read(reader)?);
            Ok(())
        })?;
        Ok(items)
    }

    /// A map; a key that comes twice is refused.
    pub fn map<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<BTreeMap<String, T>, Malformed> {
        let mut entries = BTreeMap::new();
        self.items(|reader| {
            let key = reader.string()?;
            if entries.contains_key(&key) {
                return Err(reader.wrong(format!("the key {key:?} comes twice")));
            }
            let value = read(reader)?;
            entries.insert(key, value);
            Ok(())
        })?;
        Ok(entries)
    }

    /// A value of a type that can hold itself: the depth is bounded.
    pub fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Malformed>) -> Result<T, Malformed> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.wrong(format!("nested deeper than {DEPTH_MAX}")));
        }
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    /// A decimal on bytes.
    pub fn decimal(&mut self, precision: u32, scale: u32) -> Result<Decimal, Malformed> {
        let bytes = self.sized()?;
        self.number(bytes, precision, scale)
    }

    /// A decimal on a fixed type of `size` bytes.
    pub fn decimal_fixed(&mut self, precision: u32, scale: u32, size: usize) -> Result<Decimal, Malformed> {
        let bytes = self.take(size)?;
        self.number(bytes, precision, scale)
    }

    fn number(&mut self, bytes: &[u8], precision: u32, scale: u32) -> Result<Decimal, Malformed> {
        let decimal = Decimal::from_unscaled_bytes(bytes, scale);
        match decimal {
            _ if bytes.is_empty() => Err(self.wrong("a decimal of no bytes")),
            decimal if decimal.digits() <= precision => Ok(decimal),
            decimal => Err(self.wrong(format!("a decimal of {} digits; {precision} are allowed", decimal.digits()))),
        }
    }

    /// A UUID on a string.
    pub fn uuid(&mut self) -> Result<Uuid, Malformed> {
        let bytes = self.sized()?;
        let text = std::str::from_utf8(bytes).unwrap_or("");
        text.parse().map_err(|_| self.wrong(format!("{text:?} is no UUID")))
    }

    /// A UUID on a fixed type.
    pub fn uuid_fixed(&mut self) -> Result<Uuid, Malformed> {
        self.fixed().map(Uuid::from_bytes)
    }

    /// A time in milliseconds since 1970.
    pub fn timestamp_millis(&mut self) -> Result<Timestamp, Malformed> {
        self.long().map(Timestamp::from_millis)
    }

    /// A time in microseconds since 1970.
    pub fn timestamp_micros(&mut self) -> Result<Timestamp, Malformed> {
        self.long().map(Timestamp::from_micros)
    }

    /// A date in days since 1970-01-01.
    pub fn date(&mut self) -> Result<Date, Malformed> {
        self.int().map(Date::from_days)
    }

    /// A length and as many bytes.
    pub(crate) fn sized(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.long()?;
        match usize::try_from(length) {
            Ok(known) if known <= self.rest.len() => self.take(known),
            _ => Err(self.wrong(format!("a length of {length} with {} bytes left", self.rest.len()))),
        }
    }

    /// The items of an array or map, which may come in several blocks.
    pub(crate) fn items(&mut self, mut item: impl FnMut(&mut Self) -> Result<(), Malformed>) -> Result<(), Malformed> {
        loop {
            let count = match self.long()? {
                0 => return Ok(()),
                count if count < 0 => {
                    let size = self.long()?;
                    if usize::try_from(size).is_ok_and(|size| size <= self.rest.len()) {
                        count.unsigned_abs()
                    } else {
                        return Err(self.wrong(format!("a block of {size} bytes with {} left", self.rest.len())));
                    }
                }
                count => count as u64,
            };
            for _ in 0..count {
                let before = self.rest.len();
                item(self)?;
                if self.rest.len() == before {
                    self.count_empty()?;
                }
            }
        }
    }

    fn count_empty(&mut self) -> Result<(), Malformed> {
        self.empty_items += 1;
        if self.empty_items > EMPTY_ITEMS_MAX {
            return Err(self.wrong(format!("more than {EMPTY_ITEMS_MAX} items of no bytes")));
        }
        Ok(())
    }

    #[cold]
    fn wrong(&self, message: impl AsRef<str>) -> Malformed {
        match self.place {
            "" => Malformed(message.as_ref().to_owned()),
            place => Malformed(format!("{place}: {}", message.as_ref())),
        }
    }
}
