/**
 * The reference function against the golden files of the conformance kit, and the rules it must keep.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { Context } from "../src/context.js";
import { given, givenState } from "../src/testing.js";
import * as conformance from "../probe/generated/conformance.js";
import { probe } from "../probe/probe.js";
import { Reader } from "../src/avro/reader.js";
import { Writer } from "../src/avro/writer.js";
import { Timestamp } from "../src/values/timestamp.js";
import { golden } from "./golden-bank.js";

const GOLDEN = new URL("../../../conformance/golden/", import.meta.url);
const { codecs, Echoed, EmitMany, End, Ended, ExpectCount, Maps, Mapped, Noted } = conformance;
const { Break, Poison, Probe, Reject, RejectAndCount, Rejected, RejectedAndCounted, Throw } = conformance;

function json(name: string) {
  return JSON.parse(readFileSync(new URL(name, GOLDEN), "utf8"));
}

function decode<T>(codec: { readonly read: (reader: Reader) => T }, bytes: Uint8Array): T {
  const reader = new Reader(bytes);
  const value = codec.read(reader);
  reader.finish("the value");
  return value;
}

function encode<T>(codec: { readonly write: (writer: Writer, value: T) => void }, value: T): string {
  const writer = new Writer(1);
  codec.write(writer, value);
  return Buffer.from(writer.toBytes()).toString("hex");
}

const unhex = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));
const empty = Probe({ count: 0n, digest: 0n, rejections: 0n, totals: new Map() });

test("everything of Avro goes through at its extremes, byte for byte", () => {
  const names = readdirSync(GOLDEN).filter((name) => /^everything-.*\.hex$/.test(name));
  assert.ok(names.length >= 6);
  for (const name of names) {
    const bytes = golden(name.slice(0, -".hex".length));
    const canonical = golden(name.slice(0, -".hex".length).replace("-loose", ""));
    const value = decode(codecs.Echo, bytes);
    assert.equal(encode(codecs.Echo, value), Buffer.from(canonical).toString("hex"), name);
    if (!name.includes("special"))
      given(probe)
        .when(value)
        .then(Echoed({ value: value.value }));
  }
});

test("the context of a command is the same in every language", () => {
  for (const { entityId, seq, commandId, time, seed, contextSeen } of json("context.json").vectors) {
    const context = new Context(entityId, BigInt(seq), commandId, time, unhex(seed));
    const handle = probe.commands.get("evento.conformance.Context")!.handle;
    const event = handle(conformance.Context(), null, context) as conformance.ContextSeen;
    assert.equal(encode(codecs.ContextSeen, event), contextSeen);
  }
});

test("a number of events that is known at run time only is checked", () => {
  given(probe)
    .when(EmitMany({ n: 2 }))
    .then(Noted({ number: 0, text: "note 0" }), Noted({ number: 1, text: "note 1" }));
  for (const n of [0, -1])
    assert.equal(given(probe).when(EmitMany({ n })).thenFails("without any event").kind, "CONTRACT");
});

test("a rejection leaves the state, unless apply covers it", () => {
  given(probe)
    .when(Reject({ reason: "no" }))
    .thenRejected(Rejected({ reason: "no" }))
    .unchanged();
  given(probe)
    .when(RejectAndCount({ reason: "no" }))
    .thenRejected(RejectedAndCounted({ reason: "no" }))
    .thenState({ ...empty, count: 1n, rejections: 1n });
});

test("an instance ends and begins anew", () => {
  given(probe, Noted({ number: 1, text: "" }))
    .when(End())
    .then(Ended())
    .thenState(null);
  const again = given(probe, Noted({ number: 1, text: "" }), Ended()).when(EmitMany({ n: 1 }));
  again.then(Noted({ number: 0, text: "note 0" })).thenState({ ...empty, count: 1n, digest: 42n });
  givenState(probe, { ...empty, count: 3n })
    .when(ExpectCount({ count: 3n }))
    .then(Noted({ number: 1, text: "as expected" }));
  given(probe)
    .when(ExpectCount({ count: 3n }))
    .thenRejected(Rejected({ reason: "the count is 0" }));
});

test("failures are of the kind they are meant to be", () => {
  assert.equal(
    given(probe)
      .when(Throw({ message: "ouch" }))
      .thenFails("ouch").kind,
    "RETRY",
  );
  assert.equal(
    given(probe)
      .when(Poison({ message: "never" }))
      .thenFails("never").kind,
    "POISON",
  );
  assert.throws(() => given(probe).when(Break({ message: "apply" })), /apply/);
});

test("map entries are sorted on the wire", () => {
  const keys = Array.from({ length: 100 }, (_, n) => `key ${(n * 37) % 100}`);
  const entries = new Map(keys.map((key, n) => [key, BigInt(n)]));
  given(probe).when(Maps({ entries })).then(Mapped({ entries }));
  const bytes = Buffer.from(encode(codecs.Mapped, Mapped({ entries })), "hex").toString("latin1");
  const places = [...keys].sort().map((key) => bytes.indexOf(`${String.fromCharCode(2 * key.length)}${key}`));
  assert.deepEqual(
    places,
    [...places].sort((a, b) => a - b),
  );
});

/** Event number i of the replay that `sdk/conformance/README.md` describes. */
function replayed(i: number, zero: conformance.Everything) {
  if (i === 4999) return Ended();
  if (i % 100 === 99) {
    const links = Math.floor(i / 100) % 5;
    let list: conformance.Inner | null = null;
    for (let n = 0; n < links; n++) list = conformance.Inner({ name: "n", next: list });
    const longs = new Map([["i", BigInt(i)]]);
    const value = { ...zero, anInt: i, aLong: BigInt(i) << 32n, aString: `echo ${i}`, aDouble: i / 4, list, longs };
    return Echoed({ value });
  }
  if (i % 10 === 9) {
    return Mapped({ entries: new Map(Array.from({ length: i % 7 }, (_, j) => [`k${j}`, BigInt(i * j)])) });
  }
  if (i % 10 === 4) return RejectedAndCounted({ reason: `no ${i}` });
  return Noted({ number: (i * 7919) % 104_729, text: `event ${i} é` });
}

test("a replay of ten thousand events ends where it ends in every language", () => {
  const zero = decode(codecs.Everything, golden("everything-zero"));
  const { states, digest } = json("replay.json");
  const w = new Writer();
  w.string("evento.conformance.Probe", "entity");
  w.safeLong(1);
  w.safeLong(1);
  w.string("p", "entityId");
  w.safeLong(0);
  for (const byte of [0, 1, 2]) w.index(byte);
  w.safeLong(10_000);
  for (let i = 0; i < 10_000; i++) {
    const event = replayed(i, zero);
    w.string(event.$type, "type");
    const begin = w.begin();
    probe.events.get(event.$type)!.codec.write(w, event);
    w.endLength(begin);
    for (const byte of [0, 0, 0, 0]) w.index(byte);
  }
  for (const byte of [0, 0]) w.index(byte);
  const r = new Reader(probe.run(w.toBytes()));
  assert.deepEqual([r.safeLong(), r.int(), r.safeLong()], [1, 1, 10_000]);
  let last: Uint8Array | undefined;
  for (let i = 1; i <= 10_000; i++) {
    assert.deepEqual([r.safeLong(), r.safeLong()], [0, 1]);
    last = r.index(2, "branch") === 0 ? undefined : r.byteString();
    assert.equal(r.safeLong(), 0);
    const wanted = states[String(i)];
    if (wanted !== undefined)
      assert.equal(last === undefined ? null : Buffer.from(last).toString("hex"), wanted, `after ${i}`);
  }
  assert.equal(createHash("sha256").update(last!).digest("hex"), digest);
});

test("apply sees the time and the id of the command", () => {
  const outcome = given(probe).id("a/b").at(Timestamp.ofMillis(5)).when(conformance.Context());
  outcome.thenState({ ...empty, count: 1n, totals: new Map([["a/b", 5n]]) });
});
