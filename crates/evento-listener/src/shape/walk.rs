//! The walk through the bytes of a request.

use super::table::{Field, Kind};
use super::{ELEMENTS_MAX, Refused, Why};

/// A walk. It goes as deep as the shape does, whatever the bytes are.
pub(super) struct Walk<'a> {
    left: &'a [u8],
    whole: usize,
    version: i16,
    flexible: bool,
    /// Elements so far. Bound: [`ELEMENTS_MAX`].
    elements: usize,
    /// The field that is being looked at.
    field: &'static str,
}

impl<'a> Walk<'a> {
    pub(super) fn new(bytes: &'a [u8], version: i16, flexible: bool) -> Walk<'a> {
        Walk { left: bytes, whole: bytes.len(), version, flexible, elements: 0, field: "" }
    }

    /// Steps over a structure.
    pub(super) fn fields(&mut self, fields: &'static [Field]) -> Result<(), Refused> {
        let version = self.version;
        for field in fields.iter().filter(|field| field.tag.is_none() && field.is_in(version)) {
            self.field = field.name;
            self.value(&field.kind, field.null)?;
        }
        if self.flexible { self.tagged(fields) } else { Ok(()) }
    }

    /// Steps over the tagged fields of a structure. One that is known must fill its bytes.
    fn tagged(&mut self, fields: &'static [Field]) -> Result<(), Refused> {
        let count = self.compact()?;
        self.count(count as usize)?;
        for _ in 0..count {
            let (tag, size) = (self.compact()?, self.compact()?);
            let rest = self.left.len().checked_sub(size as usize).ok_or_else(|| self.refused(Why::Short))?;
            match fields.iter().find(|field| field.tag == Some(tag) && field.is_in(self.version)) {
                None => drop(self.take(size as usize)?),
                Some(field) => {
                    self.field = field.name;
                    self.value(&field.kind, field.null)?;
                    if self.left.len() != rest {
                        return Err(self.refused(Why::Left));
                    }
                }
            }
        }
        Ok(())
    }

    fn value(&mut self, kind: &'static Kind, null: bool) -> Result<(), Refused> {
        match kind {
            Kind::Fixed(size) => self.take(*size).map(drop),
            Kind::Text => self.length(2, null)?.map_or(Ok(()), |length| self.text(length)),
            Kind::OldText => self.number(2, null)?.map_or(Ok(()), |length| self.text(length)),
            Kind::Bytes => self.length(4, null)?.map_or(Ok(()), |length| self.take(length).map(drop)),
            Kind::Array(item) => self.length(4, null)?.map_or(Ok(()), |count| self.items(item, count)),
            Kind::Struct(fields) if null => self.structure_or_null(fields),
            Kind::Struct(fields) => self.fields(fields),
        }
    }

    fn items(&mut self, item: &'static Kind, count: usize) -> Result<(), Refused> {
        self.count(count)?;
        (0..count).try_for_each(|_| self.value(item, false))
    }

    /// A byte says whether there is one.
    fn structure_or_null(&mut self, fields: &'static [Field]) -> Result<(), Refused> {
        match self.take(1)? {
            [1] => self.fields(fields),
            [0xff] => Ok(()),
            _ => Err(self.refused(Why::Negative)),
        }
    }

    fn text(&mut self, length: usize) -> Result<(), Refused> {
        let before = self.left;
        if std::str::from_utf8(self.take(length)?).is_err() {
            self.left = before;
            return Err(self.refused(Why::NoText));
        }
        Ok(())
    }

    /// Elements to come; each has at least one byte.
    fn count(&mut self, count: usize) -> Result<(), Refused> {
        if count > self.left.len() {
            return Err(self.refused(Why::Short));
        }
        self.elements += count;
        if self.elements > ELEMENTS_MAX { Err(self.refused(Why::Many)) } else { Ok(()) }
    }

    /// A length or count: compact in flexible versions, else of `size` bytes.
    fn length(&mut self, size: usize, null: bool) -> Result<Option<usize>, Refused> {
        if !self.flexible {
            return self.number(size, null);
        }
        match self.compact()? {
            0 if null => Ok(None),
            0 => Err(self.refused(Why::Negative)),
            more => Ok(Some(more as usize - 1)),
        }
    }

    /// A length or count of `size` bytes, at most eight; -1 says that there is nothing.
    fn number(&mut self, size: usize, null: bool) -> Result<Option<usize>, Refused> {
        let bytes = self.take(size)?;
        let sign = if bytes[0] & 0x80 == 0 { 0 } else { -1 };
        let number = bytes.iter().fold(sign, |number: i64, byte| (number << 8) | i64::from(*byte));
        match usize::try_from(number) {
            Ok(length) => Ok(Some(length)),
            Err(_) if number == -1 && null => Ok(None),
            Err(_) => Err(self.refused(Why::Negative)),
        }
    }

    /// Seven bits a byte, the lowest first, 32 at most.
    fn compact(&mut self) -> Result<u32, Refused> {
        let mut number = 0;
        for shift in [0, 7, 14, 21, 28] {
            let byte = u32::from(self.take(1)?[0]);
            if shift == 28 && byte > 0x0f {
                break;
            }
            number |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(self.refused(Why::Long))
    }

    fn take(&mut self, size: usize) -> Result<&'a [u8], Refused> {
        let (taken, left) = self.left.split_at_checked(size).ok_or_else(|| self.refused(Why::Short))?;
        self.left = left;
        Ok(taken)
    }

    fn refused(&self, why: Why) -> Refused {
        Refused { field: self.field, at: self.whole - self.left.len(), why }
    }
}
