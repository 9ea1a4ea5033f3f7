//! Random values, both ways through the crate `apache-avro`: it reads what generated codecs write, and they read what
//! it writes, as the same value.
//!
//! Not compared: bytes of maps with several keys (that library writes them in any order) and NaN (equal to nothing).

use std::collections::BTreeMap;
use std::io::Cursor;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use evento_sdk::avro::Record;
use evento_sdk::{Context, Date, Decimal, Random, Timestamp, Uuid};
use evento_sdk_crosscheck::everything::{
    Colour, EverythingLine, Leaf, Put, Thing, ThingAlone, ThingChoice, ThingChoices, ThingEither, Tree,
};

const VALUES: u32 = 2_000;

const SCHEMA: &str = include_str!("../../../../crates/evento-gen/tests/projects/everything/schemas/Thing.avsc");

/// A text of a few letters, some of them outside of ASCII.
fn text(random: &Random<'_>) -> String {
    let letters = ['a', 'Z', '0', ' ', '"', '\u{0}', 'é', '\u{ffff}', '😀'];
    (0..random.below(6)).map(|_| letters[random.below(letters.len() as i64) as usize]).collect()
}

/// A number with few or many bits.
fn long(random: &Random<'_>) -> i64 {
    random.long() >> random.below(64)
}

fn int(random: &Random<'_>) -> i32 {
    (long(random) >> 32) as i32
}

fn maybe<T>(random: &Random<'_>, make: impl FnOnce(&Random<'_>) -> T) -> Option<T> {
    (random.below(2) == 0).then(|| make(random))
}

fn list<T>(random: &Random<'_>, mut make: impl FnMut(&Random<'_>) -> T) -> Vec<T> {
    (0..random.below(4)).map(|_| make(random)).collect()
}

fn map<T>(random: &Random<'_>, mut make: impl FnMut(&Random<'_>) -> T) -> BTreeMap<String, T> {
    (0..random.below(4)).map(|_| (text(random), make(random))).collect()
}

fn number(random: &Random<'_>) -> f64 {
    Some(f64::from_bits(random.long() as u64)).filter(|number| !number.is_nan()).unwrap_or(-0.0)
}

fn colour(random: &Random<'_>) -> Colour {
    Colour::ALL[random.below(4) as usize]
}

fn line(random: &Random<'_>) -> EverythingLine {
    EverythingLine { label: text(random), count: int(random) }
}

fn tree(random: &Random<'_>, depth: u32) -> Tree {
    let deeper = |random: &Random<'_>| (depth < 4).then(|| maybe(random, |random| tree(random, depth + 1))).flatten();
    Tree {
        value: long(random),
        left: deeper(random).map(Box::new),
        children: deeper(random).into_iter().collect(),
        leaf: Leaf { back: deeper(random).map(Box::new) },
    }
}

fn choice(random: &Random<'_>) -> ThingChoice {
    match random.below(6) {
        0 => ThingChoice::Null,
        1 => ThingChoice::String(text(random)),
        2 => ThingChoice::Long(long(random)),
        3 => ThingChoice::Boolean(random.below(2) == 0),
        4 => ThingChoice::Array(list(random, int)),
        _ => ThingChoice::Line(line(random)),
    }
}

fn choices(random: &Random<'_>) -> ThingChoices {
    match random.below(3) {
        0 => ThingChoices::Double(number(random)),
        1 => ThingChoices::Boolean(random.below(2) == 0),
        _ => ThingChoices::Map(map(random, colour)),
    }
}

fn decimal(random: &Random<'_>, digits: u32, scale: u32) -> Decimal {
    let bound = 10i128.pow(digits);
    let drawn = i128::from(random.long()) * i128::from(random.long()) % bound;
    Decimal::new(drawn >> random.below(100), scale)
}

/// Sixty digits: more than 128 bits hold.
fn wide(random: &Random<'_>) -> Decimal {
    let bytes: [u8; 24] = random.bytes();
    Decimal::from_unscaled_bytes(&bytes[..1 + random.below(24) as usize], 0)
}

fn thing(random: &Random<'_>) -> Thing {
    Thing {
        flag: random.below(2) == 0,
        small: int(random),
        large: long(random),
        single: number(random) as f32,
        precise: number(random),
        text: text(random),
        raw: list(random, |random| random.below(256) as u8),
        nothing: (),
        digest: random.bytes(),
        again: random.bytes(),
        colour: colour(random),
        list: list(random, long),
        lines: list(random, line),
        table: map(random, line),
        nested: map(random, |random| list(random, |random| maybe(random, line))),
        perhaps: maybe(random, text),
        backward: maybe(random, int),
        choice: choice(random),
        choices: list(random, choices),
        alone: ThingAlone::String(text(random)),
        tree: tree(random, 0),
        either: match random.below(3) {
            0 => ThingEither::Line(line(random)),
            1 => ThingEither::Tree(Box::new(tree(random, 2))),
            _ => ThingEither::Digest(random.bytes()),
        },
        price: decimal(random, 12, 2),
        rate: decimal(random, 16, 6),
        wide: wide(random),
        id: Uuid::from_bytes(random.bytes()),
        key: Uuid::from_bytes(random.bytes()),
        at: Timestamp::from_millis(long(random)),
        exactly: Timestamp::from_micros(long(random)),
        day: Date::from_days(int(random)),
        hour: int(random),
        local: long(random),
        span: random.bytes(),
        maybe_price: maybe(random, |random| decimal(random, 4, 1)),
        moments: list(random, |random| Timestamp::from_millis(long(random))),
        r#type: text(random),
        class: text(random),
        r#in: text(random),
        func: text(random),
        self_: text(random),
        foo_bar: int(random),
        foo_bar_2: int(random),
        drops: int(random),
        refusals: int(random),
    }
}

/// What the other library took for the fields whose values are compared one by one.
fn compare(thing: &Thing, value: &Value) {
    let Value::Record(fields) = value else { panic!("{value:?}") };
    let field = |name: &str| &fields.iter().find(|(known, _)| known == name).expect("a field").1;
    assert_eq!(*field("flag"), Value::Boolean(thing.flag));
    assert_eq!(*field("small"), Value::Int(thing.small));
    assert_eq!(*field("large"), Value::Long(thing.large));
    assert_eq!(*field("precise"), Value::Double(thing.precise));
    assert_eq!(*field("text"), Value::String(thing.text.clone()));
    assert_eq!(*field("raw"), Value::Bytes(thing.raw.clone()));
    assert_eq!(*field("digest"), Value::Fixed(4, thing.digest.to_vec()));
    assert_eq!(*field("colour"), Value::Enum(thing.colour as u32, thing.colour.symbol().to_owned()));
    assert_eq!(*field("at"), Value::TimestampMillis(thing.at.as_millis()));
    assert_eq!(*field("exactly"), Value::TimestampMicros(thing.exactly.as_micros()));
    assert_eq!(*field("day"), Value::Date(thing.day.days()));
    match field("id") {
        Value::Uuid(uuid) => assert_eq!(uuid.as_bytes(), thing.id.as_bytes()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_reads_what_the_other_writes() {
    let schema = Schema::parse_str(SCHEMA).expect("a schema");
    let reader = GenericDatumReader::builder(&schema).build().expect("a reader");
    let writer = GenericDatumWriter::builder(&schema).build().expect("a writer");
    for n in 0..VALUES {
        let mut seed = [0; 16];
        seed[..4].copy_from_slice(&n.to_be_bytes());
        let context = Context::new("crosscheck", 0, "c", Timestamp::default(), seed);
        let thing = thing(&context.random());
        let bytes = thing.encode().expect("writable");
        assert_eq!(Thing::decode(&bytes).as_ref(), Ok(&thing), "value {n}");
        let mut input = Cursor::new(&bytes);
        let value = reader.read_value(&mut input).unwrap_or_else(|error| panic!("value {n}: {error}"));
        assert_eq!(input.position() as usize, bytes.len(), "value {n} is not read to its end");
        compare(&thing, &value);
        let theirs = writer.write_value_to_vec(value).expect("writable");
        assert_eq!(Thing::decode(&theirs).as_ref(), Ok(&thing), "value {n}");
    }
}

#[test]
fn random_bytes_are_refused_or_read_but_never_panic() {
    for n in 0..VALUES {
        let mut seed = [1; 16];
        seed[..4].copy_from_slice(&n.to_be_bytes());
        let context = Context::new("crosscheck", 0, "c", Timestamp::default(), seed);
        let mut bytes = thing(&context.random()).encode().expect("writable");
        for _ in 0..4 {
            let at = context.random().below(bytes.len() as i64) as usize;
            bytes[at] = context.random().below(256) as u8;
        }
        if let Ok(read) = Thing::decode(&bytes) {
            let written = read.encode().expect("what was read can be written");
            let again = Thing::decode(&written).expect("readable");
            assert_eq!(again.encode(), Ok(written), "value {n}");
        }
    }
}

#[test]
fn what_a_schema_cannot_hold_is_refused_with_the_name_of_the_field() {
    let put = |price: &str| Put { price: price.parse().expect("a decimal"), ..Put::default() };
    assert_eq!(
        Put::decode(&put("1.5").encode().expect("writable")).map(|put| put.price.to_string()),
        Ok("1.50".into())
    );
    for (price, wanted) in
        [("1.234", "everything.Put.price: 1.234 has"), ("12345678901", "everything.Put.price: 12345678901")]
    {
        let error = put(price).encode().expect_err(price);
        assert!(error.0.starts_with(wanted), "{error}");
    }
    let late = Put { at: Timestamp::from_micros(1), ..Put::default() };
    assert!(late.encode().expect_err("not milliseconds").0.starts_with("everything.Put.at: "));
    let mut bytes = Put::default().encode().expect("writable");
    bytes.truncate(bytes.len() - 1);
    assert!(Put::decode(&bytes).expect_err("cut").0.starts_with("everything.Put.day: "));
}
