//! Types of `Everything` that the SDK's macros have no word for: null, fixed, enums, unions, logical types.

use evento_sdk::avro::{Avro, Bytes, Malformed, Reader, put_long};
use evento_sdk::serde_json::{Value, json};

/// The null type: no bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Null;

impl Avro for Null {
    fn schema(_: &mut Vec<&'static str>) -> Value {
        json!("null")
    }
    fn write(&self, _: &mut Vec<u8>) {}
    fn read(_: &mut Reader<'_>) -> Result<Null, Malformed> {
        Ok(Null)
    }
}

/// A value of the base type with a logical type on it.
macro_rules! logical {
    ($($(#[$doc:meta])* $name:ident($base:ty, $word:literal, $schema:expr);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Debug)]
        pub struct $name(pub $base);

        impl Avro for $name {
            fn schema(_: &mut Vec<&'static str>) -> Value {
                let mut schema = $schema;
                schema["logicalType"] = json!($word);
                schema
            }
            fn write(&self, out: &mut Vec<u8>) {
                self.0.write(out);
            }
            fn read(reader: &mut Reader<'_>) -> Result<$name, Malformed> {
                <$base>::read(reader).map($name)
            }
        }
    )*};
}

logical! {
    /// 38 digits, 10 of them after the point.
    Decimal38(Bytes, "decimal", json!({"type": "bytes", "precision": 38, "scale": 10}));
    /// 9 digits, 3 of them after the point.
    Decimal9(Bytes, "decimal", json!({"type": "bytes", "precision": 9, "scale": 3}));
    /// Unscaled number and scale.
    BigDecimal(Bytes, "big-decimal", json!({"type": "bytes"}));
    /// As text.
    Uuid(String, "uuid", json!({"type": "string"}));
    /// Days since 1970.
    Date(i32, "date", json!({"type": "int"}));
    /// Since midnight.
    TimeMillis(i32, "time-millis", json!({"type": "int"}));
    /// Since midnight.
    TimeMicros(i64, "time-micros", json!({"type": "long"}));
    /// Since 1970.
    TimestampMillis(i64, "timestamp-millis", json!({"type": "long"}));
    /// Since 1970.
    TimestampMicros(i64, "timestamp-micros", json!({"type": "long"}));
    /// Since 1970.
    TimestampNanos(i64, "timestamp-nanos", json!({"type": "long"}));
    /// Wherever the reader is.
    LocalMillis(i64, "local-timestamp-millis", json!({"type": "long"}));
    /// Wherever the reader is.
    LocalMicros(i64, "local-timestamp-micros", json!({"type": "long"}));
    /// Wherever the reader is.
    LocalNanos(i64, "local-timestamp-nanos", json!({"type": "long"}));
}

/// A fixed type with a full name, a size and more attributes.
macro_rules! fixed {
    ($($(#[$doc:meta])* $name:ident($full:literal, $size:literal, $more:expr);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Debug)]
        pub struct $name(pub [u8; $size]);

        impl Avro for $name {
            fn schema(defined: &mut Vec<&'static str>) -> Value {
                if defined.contains(&$full) {
                    return json!($full);
                }
                defined.push($full);
                let mut schema = json!({"type": "fixed", "name": $full, "size": $size});
                if let (Value::Object(all), Value::Object(more)) = (&mut schema, $more) {
                    all.extend(more);
                }
                schema
            }
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.0);
            }
            fn read(reader: &mut Reader<'_>) -> Result<$name, Malformed> {
                let bytes = reader.take($size)?;
                bytes.try_into().map($name).map_err(|_| Malformed("the bytes end in the middle".to_owned()))
            }
        }
    )*};
}

fixed! {
    /// Four bytes.
    Four("evento.conformance.Four", 4, json!({}));
    /// 18 digits, 2 of them after the point.
    Money("evento.conformance.Money", 8, json!({"logicalType": "decimal", "precision": 18, "scale": 2}));
    /// As 16 bytes.
    Uuid16("evento.conformance.Uuid16", 16, json!({"logicalType": "uuid"}));
    /// Months, days, milliseconds.
    Span("evento.conformance.Span", 12, json!({"logicalType": "duration"}));
}

/// An enum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Colour {
    Red,
    Green,
    Blue,
}

const COLOURS: [Colour; 3] = [Colour::Red, Colour::Green, Colour::Blue];

impl Avro for Colour {
    fn schema(_: &mut Vec<&'static str>) -> Value {
        json!({"type": "enum", "name": "evento.conformance.Colour", "symbols": ["RED", "GREEN", "BLUE"]})
    }
    fn write(&self, out: &mut Vec<u8>) {
        put_long(out, *self as i64);
    }
    fn read(reader: &mut Reader<'_>) -> Result<Colour, Malformed> {
        let index = reader.long()?;
        let found = usize::try_from(index).ok().and_then(|index| COLOURS.get(index));
        found.copied().ok_or_else(|| Malformed(format!("symbol {index} of 3")))
    }
}

/// A link of a list: a type that uses itself.
#[derive(Clone, PartialEq, Debug)]
pub struct Inner {
    /// Its name.
    pub name: String,
    /// The next one.
    pub next: Option<Box<Inner>>,
}

impl Avro for Inner {
    fn schema(defined: &mut Vec<&'static str>) -> Value {
        const FULL: &str = "evento.conformance.Inner";
        if defined.contains(&FULL) {
            return json!(FULL);
        }
        defined.push(FULL);
        json!({"type": "record", "name": FULL, "fields": [
            {"name": "name", "type": "string"},
            {"name": "next", "type": ["null", FULL], "default": null},
        ]})
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.name.write(out);
        match &self.next {
            None => out.push(0),
            Some(next) => {
                out.push(2);
                next.write(out);
            }
        }
    }
    fn read(reader: &mut Reader<'_>) -> Result<Inner, Malformed> {
        let name = String::read(reader)?;
        let next = Option::<Inner>::read(reader)?.map(Box::new);
        Ok(Inner { name, next })
    }
}

/// A union without null.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Either {
    Int(i32),
    Text(String),
}

impl Avro for Either {
    fn schema(_: &mut Vec<&'static str>) -> Value {
        json!(["int", "string"])
    }
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Either::Int(value) => {
                out.push(0);
                value.write(out);
            }
            Either::Text(value) => {
                out.push(2);
                value.write(out);
            }
        }
    }
    fn read(reader: &mut Reader<'_>) -> Result<Either, Malformed> {
        match reader.long()? {
            0 => i32::read(reader).map(Either::Int),
            1 => String::read(reader).map(Either::Text),
            other => Err(Malformed(format!("union index {other} of 2"))),
        }
    }
}

/// A union of five.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Choice {
    Null,
    Boolean(bool),
    Long(i64),
    Text(String),
    Inner(Inner),
}

impl Avro for Choice {
    fn schema(defined: &mut Vec<&'static str>) -> Value {
        json!(["null", "boolean", "long", "string", Inner::schema(defined)])
    }
    fn write(&self, out: &mut Vec<u8>) {
        let index = match self {
            Choice::Null => 0,
            Choice::Boolean(_) => 1,
            Choice::Long(_) => 2,
            Choice::Text(_) => 3,
            Choice::Inner(_) => 4,
        };
        put_long(out, index);
        match self {
            Choice::Null => {}
            Choice::Boolean(value) => value.write(out),
            Choice::Long(value) => value.write(out),
            Choice::Text(value) => value.write(out),
            Choice::Inner(value) => value.write(out),
        }
    }
    fn read(reader: &mut Reader<'_>) -> Result<Choice, Malformed> {
        match reader.long()? {
            0 => Ok(Choice::Null),
            1 => bool::read(reader).map(Choice::Boolean),
            2 => i64::read(reader).map(Choice::Long),
            3 => String::read(reader).map(Choice::Text),
            4 => reader.nested(Inner::read).map(Choice::Inner),
            other => Err(Malformed(format!("union index {other} of 5"))),
        }
    }
}
