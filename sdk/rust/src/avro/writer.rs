//! Writing: canonical bytes, one block per list, keys sorted, one NaN.

use std::collections::BTreeMap;

use super::Malformed;
use crate::{Date, Decimal, Timestamp, Uuid};

/// Writes values one after the other. A value that its schema cannot hold is remembered and told at the end.
#[derive(Default, Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    fault: Option<Malformed>,
    /// The field that is being written, for messages.
    place: &'static str,
}

impl Writer {
    /// Begins with no bytes, and room for a small value.
    pub fn new() -> Writer {
        Writer { bytes: Vec::with_capacity(64), ..Writer::default() }
    }

    /// Says which field comes next, so that a message names it. Needed only before what can fail.
    pub fn at(&mut self, place: &'static str) -> &mut Writer {
        self.place = place;
        self
    }

    /// The bytes.
    ///
    /// # Errors
    ///
    /// The first value that its schema cannot hold.
    pub fn finish(self) -> Result<Vec<u8>, Malformed> {
        match self.fault {
            None => Ok(self.bytes),
            Some(fault) => Err(fault),
        }
    }

    /// A boolean.
    pub fn boolean(&mut self, value: bool) {
        self.bytes.push(u8::from(value));
    }

    /// An int.
    pub fn int(&mut self, value: i32) {
        put_long(&mut self.bytes, i64::from(value));
    }

    /// A long.
    pub fn long(&mut self, value: i64) {
        put_long(&mut self.bytes, value);
    }

    /// A float.
    pub fn float(&mut self, value: f32) {
        let value = if value.is_nan() { f32::from_bits(0x7fc0_0000) } else { value };
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// A double.
    pub fn double(&mut self, value: f64) {
        let value = if value.is_nan() { f64::from_bits(0x7ff8_0000_0000_0000) } else { value };
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// Bytes.
    pub fn bytes(&mut self, value: &[u8]) {
        put_bytes(&mut self.bytes, value);
    }

    /// A string.
    pub fn string(&mut self, value: &str) {
        put_bytes(&mut self.bytes, value.as_bytes());
    }

    /// A fixed type.
    pub fn fixed(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(value);
    }

    /// The number of a symbol or branch.
    pub fn index(&mut self, index: usize) {
        put_long(&mut self.bytes, index as i64);
    }

    /// `null` or a value; `some` is the number of the value's branch.
    pub fn optional<T>(&mut self, value: Option<&T>, some: usize, write: impl FnOnce(&mut Writer, &T)) {
        match value {
            None => self.index(1 - some),
            Some(value) => {
                self.index(some);
                write(self, value);
            }
        }
    }

    /// An array.
    pub fn array<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Writer, &T)) {
        if !items.is_empty() {
            self.index(items.len());
            items.iter().for_each(|item| write(self, item));
        }
        self.bytes.push(0);
    }

    /// A map, in the order of its keys.
    pub fn map<T>(&mut self, entries: &BTreeMap<String, T>, mut write: impl FnMut(&mut Writer, &T)) {
        if !entries.is_empty() {
            self.index(entries.len());
            for (key, value) in entries {
                self.string(key);
                write(self, value);
            }
        }
        self.bytes.push(0);
    }

    /// A decimal on bytes: as few as the number needs.
    pub fn decimal(&mut self, value: &Decimal, precision: u32, scale: u32) {
        if let Some(bytes) = self.unscaled(value, precision, scale) {
            put_bytes(&mut self.bytes, &bytes);
        }
    }

    /// A decimal on a fixed type of `size` bytes.
    pub fn decimal_fixed(&mut self, value: &Decimal, precision: u32, scale: u32, size: usize) {
        let Some(bytes) = self.unscaled(value, precision, scale) else { return };
        let sign = if bytes[0] >= 0x80 { 0xff } else { 0 };
        self.bytes.extend(std::iter::repeat_n(sign, size.saturating_sub(bytes.len())));
        self.bytes.extend_from_slice(&bytes);
    }

    fn unscaled(&mut self, value: &Decimal, precision: u32, scale: u32) -> Option<Vec<u8>> {
        match value.rescaled(scale) {
            Some(decimal) if decimal.digits() <= precision => Some(decimal.unscaled_bytes()),
            Some(_) => self.wrong(format!("{value} has more than {precision} digits")),
            None => self.wrong(format!("{value} has more than {scale} digits behind the point")),
        }
    }

    /// A UUID on a string.
    pub fn uuid(&mut self, value: Uuid) {
        put_bytes(&mut self.bytes, value.to_string().as_bytes());
    }

    /// A UUID on a fixed type.
    pub fn uuid_fixed(&mut self, value: Uuid) {
        self.bytes.extend_from_slice(value.as_bytes());
    }

    /// A time in milliseconds since 1970.
    pub fn timestamp_millis(&mut self, value: Timestamp) {
        match value.exact_millis() {
            Some(millis) => self.long(millis),
            None => drop(self.wrong::<()>(format!("{value} is no whole number of milliseconds"))),
        }
    }

    /// A time in microseconds since 1970.
    pub fn timestamp_micros(&mut self, value: Timestamp) {
        match value.exact_micros() {
            Some(micros) => self.long(micros),
            None => drop(self.wrong::<()>(format!("{value} is no number of microseconds in 64 bits"))),
        }
    }

    /// A date in days since 1970-01-01.
    pub fn date(&mut self, value: Date) {
        self.int(value.days());
    }

    #[cold]
    fn wrong<T>(&mut self, message: String) -> Option<T> {
        let place = self.place;
        self.fault
            .get_or_insert_with(|| Malformed(if place.is_empty() { message } else { format!("{place}: {message}") }));
        None
    }
}

/// Appends a zigzag varint.
#[inline]
pub fn put_long(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Appends a length and the bytes.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_long(out, bytes.len() as i64);
    out.extend_from_slice(bytes);
}
