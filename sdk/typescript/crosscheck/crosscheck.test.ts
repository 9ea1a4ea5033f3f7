/**
 * Generated codecs against avsc, an independent Avro library: equal values, equal bytes, both directions.
 *
 * The probe is always compared. `CROSSCHECK` names a folder that `make.ts` wrote, its generated module beside it as
 * `module.js`: random schemas.
 *
 * @module
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

import avsc from "avsc";

import * as conformance from "../probe/generated/conformance.js";
import { Reader } from "../src/avro/reader.js";
import { Writer } from "../src/avro/writer.js";
import type { Codec } from "../src/entity.js";
import { Numbers, type Schema } from "./schemas.js";
import { Values } from "./values.js";

const VALUES = 100;

/** Longs as bigints: avsc has none by itself. */
const long = avsc.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === "bigint",
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
});

type Codecs = Readonly<Record<string, Codec<unknown>>>;

function named(folder: string): Map<string, Schema> {
  const files = readdirSync(folder).sort();
  const entries = files.map((file): [string, Schema] => {
    const schema = JSON.parse(readFileSync(join(folder, file), "utf8")) as {
      readonly name: string;
      readonly namespace: string;
    };
    return [`${schema.namespace}.${schema.name}`, schema];
  });
  return new Map(entries);
}

/** Compares every schema of a folder that has a codec. */
function compare(
  folder: string,
  codecs: Codecs,
  known: ReadonlyMap<string, Schema>,
  messages: ReadonlySet<string>,
): number {
  const schemas = named(folder);
  const registry: { [name: string]: avsc.Type } = {};
  const typeHook = (schema: avsc.Schema) =>
    schema === "long" || (schema as { type?: string }).type === "long" ? long : undefined;
  const typeOf = (schema: Schema) =>
    avsc.Type.forSchema(schema as avsc.Schema, { registry, typeHook, wrapUnions: true });
  for (const [name, schema] of known) if (registry[name] === undefined && schemas.has(name)) typeOf(schema);
  const values = new Values(new Numbers(1), known, messages);
  let compared = 0;
  for (const codec of Object.values(codecs)) {
    const schema = schemas.get(codec.name);
    if (schema === undefined) continue;
    const type = registry[codec.name] ?? typeOf(schema);
    for (let n = 0; n < VALUES; n++) {
      const { ours, theirs } = values.of(schema);
      const writer = new Writer(1);
      codec.write(writer, ours);
      const bytes = Buffer.from(writer.toBytes());
      assert.equal(bytes.toString("hex"), type.toBuffer(theirs).toString("hex"), codec.name);
      const reader = new Reader(bytes);
      assert.deepStrictEqual(codec.read(reader), ours, codec.name);
      reader.finish(codec.name);
      // What avsc reads, written by it again, is what was written.
      assert.equal(type.toBuffer(type.fromBuffer(bytes)).toString("hex"), bytes.toString("hex"), codec.name);
      compared++;
    }
  }
  return compared;
}

test("the probe's codecs and avsc agree", () => {
  const folder = fileURLToPath(new URL("../../../conformance/schemas", import.meta.url));
  const all = named(folder);
  const inner = (all.get("evento.conformance.Everything") as { fields: { type: unknown }[] }).fields
    .flatMap(({ type }) => (Array.isArray(type) ? (type as { name?: string }[]) : [type as { name?: string }]))
    .find((type) => type.name === "Inner");
  const everything = all.get("evento.conformance.Everything")!;
  const known = new Map<string, Schema>([["evento.conformance.Everything", everything]]);
  known.set("evento.conformance.Inner", { ...(inner as object), namespace: "evento.conformance" });
  const records = new Set([...all.keys()].filter((name) => !/\.(?:Everything|Probe)$/.test(name)));
  assert.ok(compare(folder, conformance.codecs as unknown as Codecs, known, records) >= 2_000);
});

const project = process.env["CROSSCHECK"];

test(
  "codecs of random schemas and avsc agree",
  { skip: project === undefined && "CROSSCHECK is not set" },
  async () => {
    const { codecs } = (await import(pathToFileURL(join(project!, "module.js")).href)) as { readonly codecs: Codecs };
    const records = new Set(Array.from({ length: 1_000 }, (_, n) => `cross.C${n}`)).add("cross.Done");
    assert.ok(compare(join(project!, "schemas"), codecs, new Map(), records) >= 4_000);
  },
);
