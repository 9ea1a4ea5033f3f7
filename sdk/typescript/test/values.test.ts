/**
 * Decimal, Timestamp, LocalDate, and the chance of a context.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { Context } from "../src/context.js";
import { hex, sha256 } from "../src/random.js";
import { Decimal } from "../src/values/decimal.js";
import { LocalDate } from "../src/values/local-date.js";
import { Timestamp } from "../src/values/timestamp.js";

test("decimals calculate without rounding, and round only when they are told", () => {
  const [a, b] = [Decimal.parse("0.1"), Decimal.parse("0.25")];
  assert.equal(a.plus(b).toString(), "0.35");
  assert.equal(a.minus(b).toString(), "-0.15");
  assert.equal(a.times(b).toString(), "0.025");
  assert.equal(Decimal.parse("1.0").compare(Decimal.parse("1.000")), 0);
  assert.ok(a.compare(b) < 0 && b.compare(a) > 0);
  for (const [text, to] of [
    ["0.125", "0.12"],
    ["0.135", "0.14"],
    ["-0.125", "-0.12"],
    ["0.126", "0.13"],
  ] as const) {
    assert.equal(Decimal.parse(text).rounded(2).toString(), to);
  }
  assert.equal(Decimal.parse("-0.05").toString(), "-0.05");
  for (const text of ["", "1.", ".5", "1e3", "NaN", "1,5"]) assert.throws(() => Decimal.parse(text), RangeError);
});

test("timestamps are exact to the microsecond, before 1970 too", () => {
  for (const text of ["2026-11-23T06:00:00.000Z", "1969-12-31T23:59:59.999999Z", "0001-01-01T00:00:00.000Z"]) {
    assert.equal(Timestamp.parse(text).toString(), text);
  }
  assert.equal(Timestamp.parse("2026-11-23T06:00:00Z").millis, 1_795_413_600_000n);
  assert.equal(Timestamp.ofMicros(-1n).millis, -1n);
  assert.equal(Timestamp.ofMicros(1_999n).truncatedToMillis().micros, 1_000n);
  assert.ok(Timestamp.ofMillis(1).compare(Timestamp.ofMicros(1_001n)) < 0);
  for (const text of ["", "2026-11-23", "2026-13-01T00:00:00Z", "2026-11-23T06:00:00"]) {
    assert.throws(() => Timestamp.parse(text), RangeError);
  }
});

test("dates follow the calendar", () => {
  assert.equal(LocalDate.parse("1970-01-01").epochDay, 0);
  assert.equal(LocalDate.of(2026, 11, 23).epochDay, 20_780);
  assert.equal(LocalDate.parse("2024-02-28").plusDays(1).toString(), "2024-02-29");
  for (let day = -800_000; day < 800_000; day += 997) {
    const date = LocalDate.ofEpochDay(day);
    assert.equal(LocalDate.of(date.year, date.month, date.day).epochDay, day);
    assert.equal(new Date(day * 86_400_000).getUTCDate(), date.day);
  }
  assert.throws(() => LocalDate.of(2026, 2, 29), RangeError);
});

test("SHA-256 is that of node:crypto for every padding", () => {
  for (let length = 0; length < 200; length++) {
    const message = new Uint8Array(length).map((_, n) => n * 7 + length);
    assert.equal(hex(sha256(message)), createHash("sha256").update(message).digest("hex"));
  }
});

test("chance is the command's own", () => {
  const context = (seed: number) => new Context("a", 0n, "c", 0, new Uint8Array(16).fill(seed));
  assert.equal(context(1).random().long(), context(1).random().long());
  assert.notEqual(context(1).random().long(), context(2).random().long());
  assert.throws(() => context(1).uuid(-1), RangeError);
  assert.throws(() => context(1).random().below(0n), RangeError);
});
