/**
 * Random values of schemas, each in the shape of the generated codec and in that of avsc.
 *
 * @module
 */
import { Decimal } from "../src/values/decimal.js";
import { LocalDate } from "../src/values/local-date.js";
import { Timestamp } from "../src/values/timestamp.js";
import type { Field, Numbers, Schema } from "./schemas.js";

const INTS = [0, 1, -1, 63, 64, -64, -65, 8191, 8192, 2 ** 31 - 1, -(2 ** 31)];
const LONGS = [0n, 1n, -1n, 2n ** 31n, 2n ** 48n, -(2n ** 49n), 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)];
const DOUBLES = [0, -0, 1, 0.1, -1e300, 5e-324, Infinity, -Infinity, NaN];
const TEXTS = ["", "a", "rent", "é", "日本", "\u{1f600}", "x".repeat(63), "y".repeat(64), "ü".repeat(100)];
const KEYS = ["", "a", "aa", "b", "é", "\u{ffff}", "\u{1f600}"];

/** A value, for the generated codec and for avsc. */
export interface Pair {
  readonly ours: unknown;
  readonly theirs: unknown;
}

const same = (value: unknown): Pair => ({ ours: value, theirs: value });

/** Makes values of schemas, each in both shapes. */
export class Values {
  private readonly numbers: Numbers;
  private readonly named: ReadonlyMap<string, Schema>;
  private readonly messages: ReadonlySet<string>;
  /** That of the record around. */
  private namespace = "cross";

  /** `named` holds the types that are used by name, `messages` the records that say their own name. */
  constructor(numbers: Numbers, named: ReadonlyMap<string, Schema>, messages: ReadonlySet<string>) {
    this.numbers = numbers;
    this.named = named;
    this.messages = messages;
  }

  of(schema: Schema, depth = 0): Pair {
    const { numbers } = this;
    if (typeof schema === "string") {
      const named = this.named.get(schema) ?? this.named.get(`${this.namespace}.${schema}`);
      return named === undefined ? this.primitive(schema) : this.of(named, depth + 1);
    }
    if (Array.isArray(schema)) return this.union(schema as readonly Schema[], depth);
    const complex = schema as { readonly [attribute: string]: unknown };
    if (complex["logicalType"] !== undefined) return this.logical(complex);
    switch (complex["type"]) {
      case "record":
        return this.record(complex, depth);
      case "enum":
        return same(numbers.one(complex["symbols"] as readonly string[]));
      case "fixed":
        return this.bytes(complex["size"] as number);
      case "array":
        return this.array(complex["items"] as Schema, depth);
      case "map":
        return this.map(complex["values"] as Schema, depth);
      default:
        return this.of(complex["type"] as Schema, depth);
    }
  }

  private primitive(name: string): Pair {
    const { numbers } = this;
    switch (name) {
      case "null":
        return same(null);
      case "boolean":
        return same(numbers.below(2) === 0);
      case "int":
        return same(numbers.one(INTS));
      case "long":
        return same(numbers.one(LONGS));
      case "float":
        return same(Math.fround(numbers.one(DOUBLES)));
      case "double":
        return same(numbers.one(DOUBLES));
      case "bytes":
        return this.bytes(numbers.one([0, 1, 63, 64, 200]));
      case "string":
        return same(numbers.one(TEXTS));
      default:
        throw new Error(`no type ${name}`);
    }
  }

  private bytes(size: number): Pair {
    const ours = Uint8Array.from({ length: size }, () => this.numbers.below(256));
    return { ours, theirs: Buffer.from(ours) };
  }

  private record(schema: { readonly [attribute: string]: unknown }, depth: number): Pair {
    const around = this.namespace;
    this.namespace = String(schema["namespace"] ?? around);
    const full = `${this.namespace}.${String(schema["name"])}`;
    const ours: Record<string, unknown> = this.messages.has(full) ? { $type: full } : {};
    const theirs: Record<string, unknown> = {};
    for (const { name, type } of schema["fields"] as readonly Field[]) {
      const pair = this.of(type, depth);
      ours[name] = pair.ours;
      theirs[name] = pair.theirs;
    }
    this.namespace = around;
    return { ours, theirs };
  }

  private array(items: Schema, depth: number): Pair {
    const pairs = Array.from({ length: this.numbers.one([0, 1, 2, 3, 70]) }, () => this.of(items, depth + 1));
    return { ours: pairs.map(({ ours }) => ours), theirs: pairs.map(({ theirs }) => theirs) };
  }

  /** Keys are put in the order of their bytes: avsc writes them as they come. */
  private map(values: Schema, depth: number): Pair {
    const entries = KEYS.filter(() => this.numbers.below(2) === 0).map(
      (key) => [key, this.of(values, depth + 1)] as const,
    );
    return {
      ours: new Map(entries.map(([key, { ours }]) => [key, ours])),
      theirs: Object.fromEntries(entries.map(([key, { theirs }]) => [key, theirs])),
    };
  }

  private union(branches: readonly Schema[], depth: number): Pair {
    // A type that holds itself ends somewhere.
    const some = depth > 4 && branches.includes("null") ? "null" : this.numbers.one(branches);
    if (some === "null") return same(null);
    const { ours, theirs } = this.of(some, depth + 1);
    const optional = branches.length === 2 && branches.includes("null");
    return {
      ours: optional ? ours : { type: tag(some), value: ours },
      theirs: { [branchName(some, this.namespace)]: theirs },
    };
  }

  private logical(schema: { readonly [attribute: string]: unknown }): Pair {
    const { numbers } = this;
    const [precision, scale] = [schema["precision"] as number, schema["scale"] as number];
    switch (schema["logicalType"]) {
      case "decimal": {
        const digits = Array.from({ length: 1 + numbers.below(precision) }, () => numbers.below(10)).join("");
        const unscaled = numbers.below(2) === 0 ? BigInt(digits) : -BigInt(digits);
        return {
          ours: new Decimal(unscaled, scale),
          theirs: complement(unscaled, schema["size"] as number | undefined),
        };
      }
      case "uuid": {
        const bytes = Buffer.from(this.bytes(16).theirs as Buffer);
        const hex = bytes.toString("hex");
        const text = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
        return { ours: text, theirs: schema["type"] === "fixed" ? bytes : text };
      }
      case "date": {
        const day = numbers.one(INTS);
        return { ours: LocalDate.ofEpochDay(day), theirs: day };
      }
      case "timestamp-millis": {
        const millis = numbers.one(LONGS);
        return { ours: Timestamp.ofMillis(millis), theirs: millis };
      }
      case "timestamp-micros": {
        const micros = numbers.one(LONGS);
        return { ours: Timestamp.ofMicros(micros), theirs: micros };
      }
      default:
        return schema["type"] === "fixed"
          ? this.bytes(schema["size"] as number)
          : this.primitive(schema["type"] as string);
    }
  }
}

/** What a branch is called in generated code: a named type by its name, any other by its kind. */
function tag(schema: Schema): string {
  if (typeof schema === "string") return schema.slice(schema.lastIndexOf(".") + 1);
  const { type, name } = schema as { readonly type: string; readonly name?: string };
  return name ?? type;
}

/** What a branch is called by avsc: a named type by its full name. */
function branchName(schema: Schema, namespace: string): string {
  if (typeof schema === "string") return /^[A-Z]/.test(schema) ? `${namespace}.${schema}` : schema;
  const named = schema as { readonly type: string; readonly name?: string; readonly namespace?: string };
  return named.name === undefined ? named.type : `${named.namespace ?? namespace}.${named.name}`;
}

/** Two's complement by way of hex digits: not as the codec does it. Without a size as short as can be. */
function complement(value: bigint, size: number | undefined): Buffer {
  let length = size ?? 1;
  while (size === undefined && BigInt.asIntN(length * 8, value) !== value) length++;
  return Buffer.from(
    BigInt.asUintN(length * 8, value)
      .toString(16)
      .padStart(length * 2, "0"),
    "hex",
  );
}
