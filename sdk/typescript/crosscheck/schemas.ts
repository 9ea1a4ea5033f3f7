/**
 * Random schemas, always the same for the same seed.
 *
 * @module
 */
/** A schema as JSON has it. */
export type Schema = string | readonly Schema[] | { readonly [attribute: string]: unknown };

/** A field of a record. */
export interface Field {
  readonly name: string;
  readonly type: Schema;
}

/** Whole numbers from 0 to below a bound (xorshift, G. Marsaglia 2003). */
export class Numbers {
  private state: number;

  constructor(seed: number) {
    this.state = (seed * 2_654_435_761) >>> 0 || 1;
  }

  below(bound: number): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    this.state >>>= 0;
    return Math.floor((this.state / 2 ** 32) * bound);
  }

  one<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}

const PRIMITIVES = ["boolean", "int", "long", "float", "double", "bytes", "string"];

/** Makes schemas whose named types all have names of their own. */
export class Schemas {
  private named = 0;
  private readonly numbers: Numbers;
  private readonly prefix: string;

  constructor(numbers: Numbers, prefix: string) {
    this.numbers = numbers;
    this.prefix = prefix;
  }

  record(name: string, depth: number): Schema {
    const fields = Array.from({ length: this.numbers.below(6) }, (_, n) => ({ name: `f${n}`, type: this.any(depth) }));
    return { type: "record", name, namespace: "cross", fields };
  }

  private any(depth: number): Schema {
    const { numbers } = this;
    switch (numbers.below(depth > 0 ? 14 : 8)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return numbers.one(PRIMITIVES);
      case 4:
        return this.logical();
      case 5:
        return { type: "enum", name: this.name(), symbols: ["A", "B_c", "D1"].slice(0, 1 + numbers.below(3)) };
      case 6:
        return { type: "fixed", name: this.name(), size: 1 + numbers.below(20) };
      case 7:
        return "null";
      case 8:
        return { type: "array", items: this.any(depth - 1) };
      case 9:
        return { type: "map", values: this.any(depth - 1) };
      case 10:
      case 11:
        return this.optional(depth - 1);
      case 12:
        return this.union(depth - 1);
      default:
        return this.record(this.name(), depth - 1);
    }
  }

  private logical(): Schema {
    const { numbers } = this;
    const precision = 1 + numbers.below(30);
    const decimal = { logicalType: "decimal", precision, scale: numbers.below(precision + 1) };
    const schemas: readonly Schema[] = [
      { type: "bytes", ...decimal },
      { type: "fixed", name: this.name(), size: 13, ...decimal },
      { type: "string", logicalType: "uuid" },
      { type: "fixed", name: this.name(), size: 16, logicalType: "uuid" },
      { type: "int", logicalType: "date" },
      { type: "long", logicalType: "timestamp-millis" },
      { type: "long", logicalType: "timestamp-micros" },
      { type: "long", logicalType: "time-micros" },
      { type: "int", logicalType: "time-millis" },
      { type: "long", logicalType: "local-timestamp-millis" },
    ];
    return numbers.one(schemas);
  }

  private optional(depth: number): Schema {
    const item = this.any(depth);
    if (item === "null" || Array.isArray(item)) return item;
    return this.numbers.below(4) === 0 ? [item, "null"] : ["null", item];
  }

  private union(depth: number): Schema {
    const branches: Schema[] = ["string", "long", "boolean", { type: "array", items: this.any(depth) }];
    if (this.numbers.below(2) === 0) branches.push(this.record(this.name(), depth));
    if (this.numbers.below(2) === 0) branches.unshift("null");
    return branches;
  }

  private name(): string {
    return `${this.prefix}N${this.named++}`;
  }
}
