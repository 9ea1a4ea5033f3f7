//! Values of primitive and fixed types.

use serde_json::Value as Json;

use super::{Chance, Datum, Taste, put_long, put_text};

/// Appends a value of a primitive type, within what its logical type allows.
pub(super) fn put(word: &str, schema: &Json, chance: &mut Chance, taste: Taste, out: &mut Datum) {
    let logical = schema["logicalType"].as_str().unwrap_or_default();
    let mild = taste == Taste::Mild;
    match word {
        "boolean" => out.bytes.push(chance.below(2) as u8),
        "int" => put_long(whole(logical, i64::from(i32::MIN), i64::from(i32::MAX), chance, taste), &mut out.bytes),
        "long" => put_long(whole(logical, i64::MIN, i64::MAX, chance, taste), &mut out.bytes),
        "float" => {
            let wild = [f32::MAX, f32::MIN, f32::MIN_POSITIVE, -0.0, f32::INFINITY, 0.1];
            let value = if mild { chance.below(400) as f32 / 4.0 } else { chance.pick(&wild) };
            out.bytes.extend_from_slice(&value.to_le_bytes());
        }
        "double" => {
            let wild = [f64::MAX, f64::MIN, f64::MIN_POSITIVE, -0.0, f64::NEG_INFINITY, 0.1];
            let value = if mild { chance.below(400) as f64 / 4.0 } else { chance.pick(&wild) };
            out.bytes.extend_from_slice(&value.to_le_bytes());
        }
        "bytes" => {
            let bytes = match logical {
                "decimal" => decimal(schema, chance, taste, None),
                "big-decimal" => [&[2, chance.below(100) as u8][..], &[chance.below(5) as u8 * 2]].concat(),
                _ => {
                    let length = chance.below(9) as usize;
                    chance.bytes(length)
                }
            };
            put_long(bytes.len() as i64, &mut out.bytes);
            out.bytes.extend_from_slice(&bytes);
        }
        "string" if logical == "uuid" => {
            let hex: String = chance.bytes(16).iter().map(|byte| format!("{byte:02x}")).collect();
            let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
            put_text(&parts.join("-"), out);
        }
        "string" => {
            let wild = ["", "\0", "Grüße", "日本 😀", "\u{10ffff}\u{ffff}", "a\"b\\c\r\n", "  "];
            let text = match mild {
                true => (0..=chance.below(7)).map(|_| char::from(b'a' + chance.below(26) as u8)).collect(),
                false => chance.pick(&wild).to_owned(),
            };
            put_text(&text, out);
        }
        _ => {}
    }
}

/// A whole number that its logical type allows. Days and instants stay within the years 1 to 9999, which every
/// language's own types hold.
fn whole(logical: &str, least: i64, most: i64, chance: &mut Chance, taste: Taste) -> i64 {
    const DAYS: (i64, i64) = (-719_162, 2_932_896);
    const DAY_S: i64 = 86_400;
    let (least, most) = match logical {
        "date" => DAYS,
        "time-millis" => (0, DAY_S * 1_000 - 1),
        "time-micros" => (0, DAY_S * 1_000_000 - 1),
        "timestamp-millis" | "local-timestamp-millis" => (DAYS.0 * DAY_S * 1_000, (DAYS.1 + 1) * DAY_S * 1_000 - 1),
        "timestamp-micros" | "local-timestamp-micros" => {
            (DAYS.0 * DAY_S * 1_000_000, (DAYS.1 + 1) * DAY_S * 1_000_000 - 1)
        }
        _ => (least, most),
    };
    if taste == Taste::Mild {
        return chance.below(100) as i64 + 1;
    }
    let inside = (i128::from(least) + i128::from(chance.next()) % (i128::from(most) - i128::from(least))) as i64;
    chance.pick(&[least, most, 0, (-1).max(least), 1, inside])
}

/// The bytes of a fixed type.
pub(super) fn fixed(schema: &Json, size: usize, chance: &mut Chance, taste: Taste) -> Vec<u8> {
    match schema["logicalType"].as_str() {
        Some("decimal") => decimal(schema, chance, taste, Some(size)),
        _ => chance.bytes(size),
    }
}

/// Minimal two's complement, or as wide as the fixed type.
fn decimal(schema: &Json, chance: &mut Chance, taste: Taste, size: Option<usize>) -> Vec<u8> {
    let digits = schema["precision"].as_u64().unwrap_or(1).min(38) as u32;
    let most = 10i128.checked_pow(digits).unwrap_or(i128::MAX) - 1;
    let inside = i128::from(chance.next()) % most.max(1);
    let value = match taste {
        Taste::Mild => i128::from(chance.below(100)).min(most),
        Taste::Wild => chance.pick(&[most, -most, 0, (-1).max(-most), inside]),
    };
    let wide = value.to_be_bytes();
    let needed = (1..=16).find(|n| {
        let rest = 128 - 8 * *n as u32;
        rest == 0 || (value << rest) >> rest == value
    });
    let minimal = wide[16 - needed.unwrap_or(16)..].to_vec();
    let pad = if value < 0 { 0xff } else { 0 };
    match size {
        Some(size) if size > minimal.len() => [vec![pad; size - minimal.len()], minimal].concat(),
        _ => minimal,
    }
}
