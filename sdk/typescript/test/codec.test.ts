/**
 * The codec's run-time library: what is written, what is refused.
 *
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";

import { compareUtf8, readArray, readMap, writeArray, writeMap } from "../src/avro/collections.js";
import { DecodeError, EncodeError } from "../src/avro/errors.js";
import { readDecimal, readDecimalFixed, writeDecimal, writeDecimalFixed } from "../src/avro/logical.js";
import { Reader } from "../src/avro/reader.js";
import { Writer } from "../src/avro/writer.js";
import { Decimal } from "../src/values/decimal.js";

function written(write: (writer: Writer) => void): string {
  const writer = new Writer(1);
  write(writer);
  return Buffer.from(writer.toBytes()).toString("hex");
}

function read<T>(hex: string, value: (reader: Reader) => T): T {
  const reader = new Reader(Uint8Array.from(Buffer.from(hex, "hex")));
  const result = value(reader);
  reader.finish("the value");
  return result;
}

const LONGS: readonly (readonly [bigint, string])[] = [
  [0n, "00"],
  [-1n, "01"],
  [1n, "02"],
  [63n, "7e"],
  [-64n, "7f"],
  [64n, "8001"],
  [2n ** 31n - 1n, "feffffff0f"],
  [-(2n ** 31n), "ffffffff0f"],
  [2n ** 48n - 1n, "feffffffffff7f"],
  [2n ** 53n + 1n, "8280808080808020"],
  [-(2n ** 53n) - 1n, "8180808080808020"],
  [2n ** 63n - 1n, "feffffffffffffffff01"],
  [-(2n ** 63n), "ffffffffffffffffff01"],
];

test("longs are shortest varints, to the ends of 64 bits", () => {
  for (const [value, hex] of LONGS) {
    assert.equal(
      written((w) => w.long(value, "x")),
      hex,
    );
    assert.equal(
      read(hex, (r) => r.long()),
      value,
    );
  }
  for (let bits = 0n; bits < 63n; bits++) {
    for (const value of [2n ** bits, -(2n ** bits), 2n ** bits - 1n, -(2n ** bits) - 1n]) {
      assert.equal(
        read(
          written((w) => w.long(value, "x")),
          (r) => r.long(),
        ),
        value,
      );
    }
  }
});

test("ints are refused beyond 32 bits, whichever way they are written", () => {
  for (const value of [0, -1, 2 ** 31 - 1, -(2 ** 31)]) {
    assert.equal(
      read(
        written((w) => w.int(value, "x")),
        (r) => r.int(),
      ),
      value,
    );
  }
  assert.equal(
    read("8080808080808000", (r) => r.int()),
    0,
    "a long varint is valid, only not canonical",
  );
  for (const hex of ["8080808010", "feffffffffffffffff01", "8180808080808020"]) {
    assert.throws(() => read(hex, (r) => r.int()), /no int of 32 bits/);
  }
  for (const value of [2 ** 31, 0.5, NaN, "1", 1n]) {
    assert.throws(() => written((w) => w.int(value as number, "bank.Account.deposits")), EncodeError);
  }
});

test("bytes that are no value are refused with their place", () => {
  const cases: readonly (readonly [string, (reader: Reader) => unknown, RegExp])[] = [
    ["", (r) => r.long(), /end in the middle/],
    ["80", (r) => r.long(), /end in the middle/],
    ["ffffffffffffffffff7f", (r) => r.long(), /more than 64 bits/],
    ["80808080808080808080" + "01", (r) => r.long(), /more than 64 bits/],
    ["02", (r) => r.boolean(), /2 is no boolean/],
    ["000000", (r) => r.float(), /end in the middle/],
    ["00000000000000", (r) => r.double(), /end in the middle/],
    ["0461", (r) => r.string(), /a length of 2 where 1 bytes are left/],
    ["0161", (r) => r.string(), /a length of -1/],
    ["04c328", (r) => r.string(), /no UTF-8/],
    ["06eda080", (r) => r.string(), /no UTF-8/],
    ["6080" + "61".repeat(47), (r) => r.string(), /no UTF-8/],
    ["04", (r) => r.index(2, "branch"), /branch 2 of 2/],
    ["01", (r) => r.index(2, "symbol"), /symbol -1 of 2/],
    ["0000", (r) => r.boolean(), /1 bytes are left over/],
    ["feffffffffffffffff01", (r) => readArray(r, (r) => r.long(), 1), /out of range/],
    ["800102", (r) => readArray(r, (r) => r.long(), 1), /64 items where 1 bytes are left/],
    ["0104020200", (r) => readArray(r, (r) => r.long(), 1), /a block that should end at byte 4/],
    ["0110020200", (r) => readArray(r, (r) => r.long(), 1), /a block of 8 bytes where 3 are left/],
    ["0402610202610400", (r) => readMap(r, (r) => r.int(), 1), /the key "a" comes twice/],
    ["82800800", (r) => readArray(r, () => null, 0), /more than 65536 values without any byte/],
  ];
  for (const [hex, value, message] of cases) {
    assert.throws(
      () => read(hex, value),
      (thrown) => thrown instanceof DecodeError && message.test(thrown.message),
      hex,
    );
  }
});

test("arrays are read in whatever blocks they come, and written in one", () => {
  const items = (r: Reader): bigint[] => readArray(r, (r) => r.long(), 1);
  assert.deepEqual(read("0402040102" + "0600", items), [1n, 2n, 3n]);
  assert.equal(
    written((w) => writeArray(w, [1n, 2n, 3n], (w, v) => w.long(v, "x"), "x")),
    "0602040600",
  );
  assert.equal(
    written((w) => writeArray(w, [], (w, v: bigint) => w.long(v, "x"), "x")),
    "00",
  );
});

test("map keys are sorted by their UTF-8 bytes, which is not JavaScript's order", () => {
  const keys = ["", "a", "aa", "b", "é", "\u{ffff}", "\u{1f600}"];
  assert.deepEqual([...keys].reverse().sort(compareUtf8), keys);
  assert.notDeepEqual([...keys].sort(), keys);
  const map = new Map([
    ["b", 2],
    ["a", 1],
  ]);
  assert.equal(
    written((w) => writeMap(w, map, (w, v) => w.int(v, "x"), "x")),
    "040261020262" + "0400",
  );
});

test("texts of every length and script go through", () => {
  for (const length of [0, 1, 23, 24, 25, 63, 64, 65, 8191, 100_000]) {
    for (const letter of ["a", "é", "日", "\u{1f600}"]) {
      const text = letter.repeat(length);
      assert.equal(
        read(
          written((w) => w.string(text, "x")),
          (r) => r.string(),
        ),
        text,
      );
    }
  }
  assert.equal(
    read(
      written((w) => w.string("\ufeffa", "x")),
      (r) => r.string(),
    ),
    "\ufeffa",
  );
  assert.throws(
    () => written((w) => w.string("\ud800", "bank.Account.owner")),
    /bank\.Account\.owner: half of a surrogate/,
  );
});

test("there is one NaN, and minus zero stays", () => {
  assert.equal(
    written((w) => w.float(NaN, "x")),
    "0000c07f",
  );
  assert.equal(
    written((w) => w.double(NaN, "x")),
    "000000000000f87f",
  );
  assert.ok(
    Object.is(
      read(
        written((w) => w.double(-0, "x")),
        (r) => r.double(),
      ),
      -0,
    ),
  );
  assert.equal(
    written((w) => w.int(-0, "x")),
    "00",
  );
});

test("a value of another type is refused in words that help", () => {
  assert.throws(
    () => written((w) => w.long(5 as never, "bank.Account.balance")),
    /bank\.Account\.balance: a long is a bigint \(5n/,
  );
  assert.throws(() => written((w) => w.long(2n ** 63n, "x")), /does not fit into 64 bits/);
  assert.throws(() => written((w) => w.string(undefined as never, "x")), /a string is expected, not undefined/);
  assert.throws(() => written((w) => w.boolean(1 as never, "x")), /a boolean is expected, not 1/);
  assert.throws(() => written((w) => w.byteString("a" as never, "x")), /a Uint8Array is expected, not "a"/);
  assert.throws(() => written((w) => w.fixed(new Uint8Array(3), 4, "x")), /of 4 bytes is expected, not 3 bytes/);
  assert.throws(() => written((w) => w.symbol(["RED"], "BLUE", "x")), /one of RED is expected, not "BLUE"/);
  assert.throws(
    () => written((w) => writeMap(w, {} as never, () => {}, "x")),
    /a Map is expected, not an object \(Object\)/,
  );
  assert.throws(() => written((w) => writeArray(w, "a" as never, () => {}, "x")), /an array is expected, not "a"/);
});

test("lengths and counts that are known only afterwards take as many bytes as they need", () => {
  for (const length of [0, 63, 64, 8191, 8192, 1_048_576]) {
    const bytes = new Uint8Array(length).fill(1);
    const later = written((w) => {
      const begin = w.begin();
      w.raw(bytes);
      w.endLength(begin);
      w.boolean(true, "x");
    });
    assert.equal(
      later,
      written((w) => {
        w.byteString(bytes, "x");
        w.boolean(true, "x");
      }),
    );
  }
});

test("decimals are minimal two's complement", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["0.00", "0200"],
    ["0.01", "0201"],
    ["1.27", "027f"],
    ["1.28", "040080"],
    ["-1.28", "0280"],
    ["-1.29", "04ff7f"],
    ["-0.01", "02ff"],
    ["327.67", "047fff"],
    ["327.68", "06008000"],
    ["-327.68", "048000"],
  ];
  for (const [text, hex] of cases) {
    assert.equal(
      written((w) => writeDecimal(w, Decimal.parse(text), 9, 2, "x")),
      hex,
    );
    assert.deepEqual(
      read(hex, (r) => readDecimal(r, 9, 2)),
      Decimal.parse(text),
    );
  }
  assert.equal(
    written((w) => writeDecimalFixed(w, Decimal.parse("-1.28"), 4, 9, 2, "x")),
    "ffffff80",
  );
  assert.deepEqual(
    read("ffffff80", (r) => readDecimalFixed(r, 4, 9, 2)),
    Decimal.parse("-1.28"),
  );
  assert.equal(
    written((w) => writeDecimal(w, Decimal.parse("5"), 9, 2, "x")),
    "0401f4",
  );
  assert.throws(() => written((w) => writeDecimal(w, Decimal.parse("0.001"), 9, 2, "x")), /round it with rounded\(2\)/);
  assert.throws(() => written((w) => writeDecimal(w, Decimal.parse("1000.00"), 5, 2, "x")), /more than 5 digits/);
  assert.throws(() => read("06" + "7fffff", (r) => readDecimal(r, 5, 2)), /more than 5 digits/);
});
