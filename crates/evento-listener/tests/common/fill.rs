//! Requests filled by their shape: every field that a version has, with chance values.
//!
//! What a filled request is worth is for the codec to say: it must read exactly these bytes and write them again.

use evento_listener::shape::{Field, Kind, Request};

/// Chance from a seed (splitmix64).
pub struct Chance(pub u64);

impl Chance {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// What is put in one place instead of what belongs there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Odd {
    /// A length or count says that there is nothing.
    Null,
    /// A length or count claims this, and the request ends there.
    Claim(u32),
    /// The first byte of a text is none that UTF-8 has.
    NoText,
}

/// A filled request.
pub struct Filled {
    pub bytes: Vec<u8>,
    /// Where the body begins.
    pub body: usize,
    /// Whether the odd place was reached, and whether it is one where `null` may stand.
    pub odd: Option<bool>,
}

/// Fills a request; `odd` is the number of a place that has a length or count, and what to put there.
pub fn fill(request: &Request, version: i16, seed: u64, odd: Option<(usize, Odd)>) -> Filled {
    let flexible = version >= request.flexible;
    let mut filler =
        Filler { chance: Chance(seed), version, flexible, out: Vec::new(), place: 0, odd, reached: None, ended: false };
    filler.out.extend((request.key as i16).to_be_bytes());
    filler.out.extend(version.to_be_bytes());
    filler.out.extend((filler.chance.next() as u32).to_be_bytes());
    filler.out.extend(b"\x00\x06client");
    filler.tagged(&[]);
    let body = filler.out.len();
    filler.fields(request.fields);
    Filled { bytes: filler.out, body, odd: filler.reached }
}

struct Filler {
    chance: Chance,
    version: i16,
    flexible: bool,
    out: Vec<u8>,
    /// Places so far.
    place: usize,
    odd: Option<(usize, Odd)>,
    reached: Option<bool>,
    /// Nothing comes after an odd claim.
    ended: bool,
}

impl Filler {
    fn fields(&mut self, fields: &'static [Field]) {
        let version = self.version;
        for field in fields.iter().filter(|field| field.tag.is_none() && field.is_in(version)) {
            self.value(&field.kind, field.null);
        }
        if !self.ended {
            self.tagged(fields);
        }
    }

    /// All tagged fields that are known, and sometimes one that is not.
    fn tagged(&mut self, fields: &'static [Field]) {
        if !self.flexible {
            return;
        }
        let version = self.version;
        let known: Vec<&Field> = fields.iter().filter(|field| field.tag.is_some() && field.is_in(version)).collect();
        let unknown = self.chance.below(2) as u32;
        self.compact(known.len() as u32 + unknown);
        for field in known {
            self.compact(field.tag.unwrap_or_default());
            let mut inner = Filler { out: Vec::new(), chance: Chance(self.chance.next()), odd: None, ..*self };
            inner.value(&field.kind, false);
            self.compact(inner.out.len() as u32);
            self.out.extend(inner.out);
        }
        if unknown == 1 {
            let size = self.chance.below(200) as usize;
            self.compact(1000);
            self.compact(size as u32);
            self.out.extend(std::iter::repeat_n(0xaa, size));
        }
    }

    fn value(&mut self, kind: &'static Kind, null: bool) {
        if self.ended {
            return;
        }
        match kind {
            // Truth values are 0 or 1; a number of one byte may as well be.
            Kind::Fixed(1) => {
                let bit = self.chance.below(2) as u8;
                self.out.push(bit);
            }
            Kind::Fixed(size) => {
                let bytes = [self.chance.next().to_be_bytes(), self.chance.next().to_be_bytes()].concat();
                self.out.extend(&bytes[..*size]);
            }
            Kind::Text | Kind::OldText => self.text(null),
            Kind::Bytes => {
                let bytes = self.chance.next().to_be_bytes();
                let length = self.chance.below(9) as usize;
                if self.length(4, length, null) {
                    self.out.extend(bytes[..length].iter().map(|byte| byte | 0x80));
                }
            }
            Kind::Array(item) => {
                let count = 1 + self.chance.below(3) as usize;
                if self.length(4, count, null) {
                    (0..count).for_each(|_| self.value(item, false));
                }
            }
            Kind::Struct(fields) => {
                if null {
                    self.out.push(1);
                }
                self.fields(fields);
            }
        }
    }

    fn text(&mut self, null: bool) {
        let text: String = (0..1 + self.chance.below(200)).map(|at| if at % 7 == 6 { 'é' } else { 'n' }).collect();
        let odd = self.odd == Some((self.place, Odd::NoText));
        if self.length(2, text.len(), null) {
            self.out.extend(text.as_bytes());
            if odd {
                let at = self.out.len() - text.len();
                self.out[at] = 0xff;
                self.reached = Some(false);
            }
        }
    }

    /// Writes a length or count; whether what it counts should follow.
    fn length(&mut self, size: usize, length: usize, null: bool) -> bool {
        let here = self.odd.filter(|(place, _)| *place == self.place).map(|(_, odd)| odd);
        self.place += 1;
        match here {
            Some(Odd::Null) => {
                self.reached = Some(null);
                if self.flexible {
                    self.compact(0)
                } else {
                    self.out.extend(std::iter::repeat_n(0xff, size))
                }
                false
            }
            Some(Odd::Claim(claim)) => {
                self.reached = Some(null);
                self.ended = true;
                if self.flexible {
                    self.compact(claim)
                } else {
                    self.out.extend(&claim.to_be_bytes()[4 - size..])
                }
                false
            }
            _ if self.flexible => {
                self.compact(length as u32 + 1);
                true
            }
            _ => {
                self.out.extend(&(length as u32).to_be_bytes()[4 - size..]);
                true
            }
        }
    }

    fn compact(&mut self, mut number: u32) {
        while number >= 0x80 {
            self.out.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.out.push(number as u8);
    }
}
