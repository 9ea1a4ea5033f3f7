//! Avro's logical types, and which base type each may stand on.

use std::fmt;

use serde_json::{Map, Value};

use super::decimal::DIGITS_MAX;
use super::node::Kind;

/// A logical type that Evento knows. An unknown one is kept in the text and otherwise ignored, as Avro asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Logical {
    Decimal { precision: u32, scale: u32 },
    BigDecimal,
    Uuid,
    Date,
    Time(Unit),
    Timestamp(Unit),
    LocalTimestamp(Unit),
    Duration,
}

/// Unit of a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unit {
    Millis,
    Micros,
    Nanos,
}

impl Unit {
    pub(super) fn per_second(self) -> i64 {
        match self {
            Unit::Millis => 1_000,
            Unit::Micros => 1_000_000,
            Unit::Nanos => 1_000_000_000,
        }
    }

    /// Digits after the second.
    pub(super) fn digits(self) -> usize {
        match self {
            Unit::Millis => 3,
            Unit::Micros => 6,
            Unit::Nanos => 9,
        }
    }
}

impl fmt::Display for Logical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = |unit: &Unit| match unit {
            Unit::Millis => "millis",
            Unit::Micros => "micros",
            Unit::Nanos => "nanos",
        };
        match self {
            Logical::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            Logical::BigDecimal => f.write_str("big-decimal"),
            Logical::Uuid => f.write_str("uuid"),
            Logical::Date => f.write_str("date"),
            Logical::Time(u) => write!(f, "time-{}", unit(u)),
            Logical::Timestamp(u) => write!(f, "timestamp-{}", unit(u)),
            Logical::LocalTimestamp(u) => write!(f, "local-timestamp-{}", unit(u)),
            Logical::Duration => f.write_str("duration"),
        }
    }
}

/// Reads `logicalType` and its attributes for a base type.
///
/// A known logical type that cannot stand on its base is an error: libraries would silently ignore it, and the
/// author would find out from the data.
pub(super) fn logical(kind: &Kind, attributes: &Map<String, Value>) -> Result<Option<Logical>, String> {
    let Some(name) = attributes.get("logicalType") else { return Ok(None) };
    let Some(name) = name.as_str() else { return Err("logicalType must be a string".to_owned()) };
    let on = |fits: bool, logical: Logical, base: &str| {
        if fits { Ok(Some(logical)) } else { Err(format!("{name} needs {base}, not {}", kind.word())) }
    };
    let long = matches!(kind, Kind::Long);
    match name {
        "decimal" => decimal(kind, attributes).map(Some),
        "big-decimal" => on(matches!(kind, Kind::Bytes), Logical::BigDecimal, "bytes"),
        "uuid" => {
            let fits = matches!(kind, Kind::String) || matches!(kind, Kind::Fixed(fixed) if fixed.size == 16);
            on(fits, Logical::Uuid, "string or a fixed of 16 bytes")
        }
        "date" => on(matches!(kind, Kind::Int), Logical::Date, "int"),
        "time-millis" => on(matches!(kind, Kind::Int), Logical::Time(Unit::Millis), "int"),
        "time-micros" => on(long, Logical::Time(Unit::Micros), "long"),
        "timestamp-millis" => on(long, Logical::Timestamp(Unit::Millis), "long"),
        "timestamp-micros" => on(long, Logical::Timestamp(Unit::Micros), "long"),
        "timestamp-nanos" => on(long, Logical::Timestamp(Unit::Nanos), "long"),
        "local-timestamp-millis" => on(long, Logical::LocalTimestamp(Unit::Millis), "long"),
        "local-timestamp-micros" => on(long, Logical::LocalTimestamp(Unit::Micros), "long"),
        "local-timestamp-nanos" => on(long, Logical::LocalTimestamp(Unit::Nanos), "long"),
        "duration" => {
            on(matches!(kind, Kind::Fixed(fixed) if fixed.size == 12), Logical::Duration, "a fixed of 12 bytes")
        }
        _ => Ok(None),
    }
}

fn decimal(kind: &Kind, attributes: &Map<String, Value>) -> Result<Logical, String> {
    let number = |name: &str| match attributes.get(name) {
        None => Ok(None),
        Some(value) => match value.as_u64().and_then(|n| u32::try_from(n).ok()) {
            Some(n) => Ok(Some(n)),
            None => Err(format!("{name} of a decimal must be a whole number, not {value}")),
        },
    };
    let precision = number("precision")?.ok_or("a decimal needs a precision")?;
    let scale = number("scale")?.unwrap_or(0);
    if precision == 0 || precision > DIGITS_MAX {
        return Err(format!("precision of a decimal must be between 1 and {DIGITS_MAX}, not {precision}"));
    }
    if scale > precision {
        return Err(format!("scale {scale} of a decimal is larger than its precision {precision}"));
    }
    match kind {
        Kind::Bytes => {}
        Kind::Fixed(fixed) => {
            // Largest n with 10^n <= 2^(8 * size - 1): log10(2) = 0.30102999566…
            let digits_max = (f64::from(fixed.size) * 8.0 - 1.0).max(0.0) * std::f64::consts::LOG10_2;
            if f64::from(precision) > digits_max {
                return Err(format!("a fixed of {} bytes cannot hold {precision} digits", fixed.size));
            }
        }
        _ => return Err(format!("decimal needs bytes or fixed, not {}", kind.word())),
    }
    Ok(Logical::Decimal { precision, scale })
}
