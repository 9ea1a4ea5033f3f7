//! Numbers and strings of plain JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::super::check::{is_uuid, write_big_decimal};
use super::super::super::decimal::{Text, minimal};
use super::super::super::logical::Logical;
use super::super::super::node::{Fixed, Kind, Node};
use super::super::super::suggest::did_you_mean;
use super::super::super::wire::{write_bytes, write_double, write_float, write_long};
use super::super::time;
use super::{Seed, Shape};

/// Doubles up to here hold every whole number.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

impl<'s> Seed<'_, 's, '_> {
    /// A number without a point.
    pub(super) fn whole_number(&mut self, value: i128) {
        self.branch(Shape::Number);
        match &self.context.arena.node(self.id).kind {
            Kind::Int => match i32::try_from(value) {
                Ok(value) => write_long(i64::from(value), &mut self.context.out),
                Err(_) => self.context.wrong(self.trail, format!("{value} does not fit an int of 32 bits")),
            },
            Kind::Long => match i64::try_from(value) {
                Ok(value) => write_long(value, &mut self.context.out),
                Err(_) => self.context.wrong(self.trail, format!("{value} does not fit a long of 64 bits")),
            },
            Kind::Float => write_float(value as f32, &mut self.context.out),
            Kind::Double => write_double(value as f64, &mut self.context.out),
            _ => self.unfit(Shape::Number),
        }
    }

    /// A number with a point or an exponent, or beyond 64 bits.
    pub(super) fn broken_number(&mut self, value: f64) {
        self.branch(Shape::Number);
        match &self.context.arena.node(self.id).kind {
            Kind::Float => {
                let narrow = value as f32;
                if narrow.is_finite() {
                    write_float(narrow, &mut self.context.out);
                } else {
                    self.context.wrong(self.trail, format!("{value} does not fit a float of 32 bits"));
                }
            }
            Kind::Double => write_double(value, &mut self.context.out),
            Kind::Int | Kind::Long if value.trunc() == value && value.abs() <= WHOLE_MAX => {
                self.whole_number(value as i128);
            }
            Kind::Int | Kind::Long => {
                self.context.wrong(self.trail, format!("{value} is not a whole number in range"));
            }
            _ => self.unfit(Shape::Number),
        }
    }

    /// A number whose digits matter.
    pub(super) fn exact_number(&mut self, text: &str) {
        self.branch(Shape::Number);
        self.decimal(text, Shape::Number);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.branch(Shape::String);
        let node = self.context.arena.node(self.id);
        let out = &mut self.context.out;
        match &node.kind {
            Kind::String if node.logical == Some(Logical::Uuid) && !is_uuid(text) => self.not_a_uuid(text),
            Kind::String => write_bytes(text.as_bytes(), out),
            Kind::Enum(symbols) => match symbols.symbols.iter().position(|symbol| **symbol == *text) {
                Some(index) => write_long(index as i64, out),
                None => {
                    let near = did_you_mean(text, symbols.symbols.iter().map(|symbol| &**symbol));
                    let message = format!("{} is not a symbol of {}{near}", shown(text), symbols.name);
                    self.context.wrong(self.trail, message);
                }
            },
            Kind::Int | Kind::Long => self.time_or_digits(node, text),
            Kind::Float | Kind::Double => {
                let value = match text {
                    "NaN" => f64::NAN,
                    "Infinity" => f64::INFINITY,
                    "-Infinity" => f64::NEG_INFINITY,
                    _ => return self.unfit(Shape::String),
                };
                match node.kind {
                    Kind::Float => write_float(value as f32, out),
                    _ => write_double(value, out),
                }
            }
            Kind::Bytes | Kind::Fixed(_)
                if matches!(node.logical, Some(Logical::Decimal { .. } | Logical::BigDecimal)) =>
            {
                self.decimal(text, Shape::String);
            }
            Kind::Bytes => match STANDARD.decode(text) {
                Ok(bytes) => write_bytes(&bytes, out),
                Err(error) => self.context.wrong(self.trail, format!("not Base64: {error}")),
            },
            Kind::Fixed(fixed) => self.fixed(node, fixed, text),
            _ => self.unfit(Shape::String),
        }
    }

    fn not_a_uuid(&mut self, text: &str) {
        let message = format!("{} is not a uuid such as 123e4567-e89b-12d3-a456-426614174000", shown(text));
        self.context.wrong(self.trail, message);
    }

    fn time_or_digits(&mut self, node: &Node, text: &str) {
        let (value, example) = match node.logical {
            Some(Logical::Date) => (time::read_date(text), "a date such as 2026-11-23"),
            Some(Logical::Time(unit)) => (time::read_time(text, unit), "a time such as 06:00:00.123"),
            Some(Logical::Timestamp(unit)) => {
                (time::read_date_time(text, unit, false), "a timestamp such as 2026-11-23T06:00:00.123Z")
            }
            Some(Logical::LocalTimestamp(unit)) => {
                (time::read_date_time(text, unit, true), "a local timestamp such as 2026-11-23T06:00:00.123")
            }
            _ => (None, "a number"),
        };
        match value.or_else(|| text.parse::<i64>().ok()) {
            Some(value) => {
                // The number, not the text, decides whether it fits 32 bits.
                self.whole_number(i128::from(value));
            }
            None => {
                let message = format!("{} is not {example} that {} can hold", shown(text), node.kind.word());
                self.context.wrong(self.trail, message);
            }
        }
    }

    fn fixed(&mut self, node: &Node, fixed: &Fixed, text: &str) {
        if node.logical == Some(Logical::Uuid) {
            if !is_uuid(text) {
                return self.not_a_uuid(text);
            }
            let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b'-').collect();
            for pair in digits.chunks_exact(2) {
                let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or_default() as u8;
                self.context.out.push(digit(pair[0]) << 4 | digit(pair[1]));
            }
            return;
        }
        if node.logical == Some(Logical::Duration) {
            return self.unfit(Shape::String);
        }
        match STANDARD.decode(text) {
            Ok(bytes) if bytes.len() == fixed.size as usize => self.context.out.extend_from_slice(&bytes),
            Ok(bytes) => {
                let message = format!("{} bytes where {} has {}", bytes.len(), fixed.name, fixed.size);
                self.context.wrong(self.trail, message);
            }
            Err(error) => self.context.wrong(self.trail, format!("not Base64: {error}")),
        }
    }

    /// A decimal or big-decimal, from a string or from the digits of a number.
    fn decimal(&mut self, text: &str, shape: Shape) {
        let node = self.context.arena.node(self.id);
        let parsed = Text::parse(text);
        let unscaled = match (node.logical, parsed) {
            (Some(Logical::Decimal { precision, scale }), Some(parsed)) => parsed.at_scale(scale, precision),
            (Some(Logical::BigDecimal), Some(parsed)) => match parsed.into_parts() {
                Some((unscaled, scale)) => {
                    return write_big_decimal(&unscaled.to_bytes(), scale, &mut self.context.out);
                }
                None => Err("more digits than a big-decimal may have".to_owned()),
            },
            (Some(Logical::Decimal { .. } | Logical::BigDecimal), None) => Err("not a decimal number".to_owned()),
            _ => return self.unfit(shape),
        };
        match unscaled {
            Err(why) => self.context.wrong(self.trail, format!("{}: {why}", shown(text))),
            Ok(unscaled) => {
                let bytes = unscaled.to_bytes();
                match &node.kind {
                    Kind::Fixed(fixed) => {
                        let negative = bytes[0] & 0x80 != 0;
                        let sign = if negative { 0xff } else { 0 };
                        let missing = (fixed.size as usize).saturating_sub(minimal(&bytes).len());
                        self.context.out.extend(std::iter::repeat_n(sign, missing));
                        self.context.out.extend_from_slice(&bytes);
                    }
                    _ => write_bytes(&bytes, &mut self.context.out),
                }
            }
        }
    }
}

/// A text as a message shows it, cut after 64 characters.
fn shown(text: &str) -> String {
    let cut: String = text.chars().take(64).collect();
    format!("{cut:?}")
}
