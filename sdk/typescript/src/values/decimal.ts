/**
 * Decimal numbers without rounding: digits and where the point stands. For money and measures.
 *
 * Not a mathematics library: what a decision needs, and `unscaled` for everything else.
 *
 * @module
 */

/** Digits (`unscaled`) and how many of them stand after the point (`scale`). */
export class Decimal {
  readonly unscaled: bigint;
  readonly scale: number;

  constructor(unscaled: bigint, scale: number) {
    if (!Number.isInteger(scale) || scale < 0) throw new RangeError(`a scale is a whole number from 0, not ${scale}`);
    this.unscaled = unscaled;
    this.scale = scale;
  }

  /** Reads `-12.50`. Throws a RangeError for anything else. */
  static parse(text: string): Decimal {
    const parts = /^([+-]?)(\d+)(?:\.(\d+))?$/.exec(text);
    if (parts === null) throw new RangeError(`${JSON.stringify(text)} is no decimal like -12.50`);
    const fraction = parts[3] ?? "";
    const digits = BigInt(parts[2]! + fraction);
    return new Decimal(parts[1] === "-" ? -digits : digits, fraction.length);
  }

  /** Number of digits; 1 for zero. */
  get precision(): number {
    return (this.unscaled < 0n ? -this.unscaled : this.unscaled).toString().length;
  }

  plus(other: Decimal): Decimal {
    const scale = Math.max(this.scale, other.scale);
    return new Decimal(this.digitsAt(scale) + other.digitsAt(scale), scale);
  }

  minus(other: Decimal): Decimal {
    return this.plus(other.negated());
  }

  /** The product, with the scales of both added. */
  times(other: Decimal): Decimal {
    return new Decimal(this.unscaled * other.unscaled, this.scale + other.scale);
  }

  negated(): Decimal {
    return new Decimal(-this.unscaled, this.scale);
  }

  /** Below zero, zero or above, as this is less than, equal to or greater than the other by value. */
  compare(other: Decimal): number {
    const scale = Math.max(this.scale, other.scale);
    const [a, b] = [this.digitsAt(scale), other.digitsAt(scale)];
    return a < b ? -1 : a > b ? 1 : 0;
  }

  /** The same value with another scale; undefined when digits would be lost. */
  tryRescale(scale: number): Decimal | undefined {
    if (scale >= this.scale) return new Decimal(this.digitsAt(scale), scale);
    const factor = 10n ** BigInt(this.scale - scale);
    return this.unscaled % factor === 0n ? new Decimal(this.unscaled / factor, scale) : undefined;
  }

  /** With fewer digits after the point: half is rounded to the even neighbour, as banks do. */
  rounded(scale: number): Decimal {
    if (scale >= this.scale) return new Decimal(this.digitsAt(scale), scale);
    const factor = 10n ** BigInt(this.scale - scale);
    const negative = this.unscaled < 0n;
    const digits = negative ? -this.unscaled : this.unscaled;
    const [whole, twice] = [digits / factor, (digits % factor) * 2n];
    const up = twice > factor || (twice === factor && whole % 2n === 1n);
    const result = up ? whole + 1n : whole;
    return new Decimal(negative ? -result : result, scale);
  }

  toString(): string {
    const negative = this.unscaled < 0n;
    const digits = (negative ? -this.unscaled : this.unscaled).toString().padStart(this.scale + 1, "0");
    const point = digits.length - this.scale;
    const text = this.scale === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`;
    return negative ? `-${text}` : text;
  }

  toJSON(): string {
    return this.toString();
  }

  private digitsAt(scale: number): bigint {
    return this.unscaled * 10n ** BigInt(scale - this.scale);
  }
}
