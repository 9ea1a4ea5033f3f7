/**
 * A moment, UTC, in microseconds. There is no "now" here on purpose: the time of a decision is that of its context.
 *
 * @module
 */

const FORM = /^([+-]?\d{4,6})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?Z$/;

/** Microseconds since 1970, UTC, of any size that Avro can say. */
export class Timestamp {
  readonly micros: bigint;

  private constructor(micros: bigint) {
    this.micros = micros;
  }

  static ofMicros(micros: bigint): Timestamp {
    return new Timestamp(micros);
  }

  static ofMillis(millis: bigint | number): Timestamp {
    return new Timestamp(BigInt(millis) * 1000n);
  }

  static ofDate(date: Date): Timestamp {
    return Timestamp.ofMillis(date.getTime());
  }

  /** Reads `2026-11-23T06:00:00.123456Z`. Throws a RangeError for anything else. */
  static parse(text: string): Timestamp {
    const parts = FORM.exec(text);
    const millis = parts === null ? NaN : Date.parse(text.replace(/\.\d+Z$/, "Z"));
    if (parts === null || Number.isNaN(millis)) {
      throw new RangeError(`${JSON.stringify(text)} is no time like 2026-11-23T06:00:00.000Z`);
    }
    return new Timestamp(BigInt(millis) * 1000n + BigInt((parts[7] ?? "").padEnd(6, "0")));
  }

  /** Milliseconds since 1970, rounded down. */
  get millis(): bigint {
    return (this.micros - mod(this.micros, 1000n)) / 1000n;
  }

  truncatedToMillis(): Timestamp {
    return Timestamp.ofMillis(this.millis);
  }

  plusMillis(millis: bigint | number): Timestamp {
    return new Timestamp(this.micros + BigInt(millis) * 1000n);
  }

  plusMicros(micros: bigint): Timestamp {
    return new Timestamp(this.micros + micros);
  }

  /** Below zero, zero or above, as this is before, at or after the other. */
  compare(other: Timestamp): number {
    return this.micros < other.micros ? -1 : this.micros > other.micros ? 1 : 0;
  }

  /** To the millisecond; times beyond the year 275760 become an invalid date. */
  toDate(): Date {
    return new Date(Number(this.millis));
  }

  /** RFC 3339; a time that the calendar of JavaScript does not reach is given in microseconds. */
  toString(): string {
    const date = this.toDate();
    if (Number.isNaN(date.getTime())) return `${this.micros} us`;
    const rest = mod(this.micros, 1000n);
    const text = date.toISOString();
    return rest === 0n ? text : `${text.slice(0, -1)}${rest.toString().padStart(3, "0")}Z`;
  }

  toJSON(): string {
    return this.toString();
  }
}

function mod(value: bigint, by: bigint): bigint {
  return ((value % by) + by) % by;
}
