/**
 * Writes canonical Avro binary: shortest varints, one block per array or map, keys sorted, one NaN.
 *
 * Source: Apache Avro 1.12, "Binary encoding"; function-protocol 8.3 for the canonical form. Every value is checked, as
 * JavaScript does not; `place` names the field in the message.
 *
 * @module
 */
import { EncodeError, shown } from "./errors.js";

/** Deepest nesting of records, arrays and maps: what lies deeper, Evento does not take. */
const DEPTH_MAX = 64;

const utf8 = new TextEncoder();

function notAnInt(value: unknown, place: string): EncodeError {
  return new EncodeError(place, `an int is a whole number of 32 bits, not ${shown(value)}`);
}

/** For a value of a union whose `type` is none of its branches. */
export function noBranch(value: unknown, place: string): never {
  const type = (value as { readonly type?: unknown } | undefined)?.type;
  throw new EncodeError(place, `an object {type, value} of the union is expected; its type is ${shown(type)}`);
}

/** Writes values one after the other into one buffer that grows and is used again. */
export class Writer {
  private bytes: Uint8Array<ArrayBuffer>;
  private view: DataView;
  private at = 0;
  private depth = 0;

  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(capacity);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Begins anew; what was taken from the writer before is lost unless it was copied. */
  reset(): this {
    this.at = 0;
    this.depth = 0;
    return this;
  }

  /** Bytes written so far. */
  get position(): number {
    return this.at;
  }

  /** Takes back everything written after a position. */
  truncate(position: number): void {
    this.at = position;
    this.depth = 0;
  }

  /** The buffer itself: valid until the next write. */
  get buffer(): Uint8Array<ArrayBuffer> {
    return this.bytes;
  }

  /** A copy of what was written. */
  toBytes(): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(0, this.at);
  }

  boolean(value: boolean, place: string): void {
    if (typeof value !== "boolean") throw new EncodeError(place, `a boolean is expected, not ${shown(value)}`);
    this.byte(value ? 1 : 0);
  }

  int(value: number, place: string): void {
    if (typeof value !== "number" || (value | 0) !== value) throw notAnInt(value, place);
    this.small(value);
  }

  long(value: bigint, place: string): void {
    if (typeof value !== "bigint") {
      throw new EncodeError(place, `a long is a bigint (5n, or BigInt(5)), not ${shown(value)}`);
    }
    const number = Number(value);
    if (number >= -0x4000_0000 && number < 0x4000_0000) return this.small(number);
    if (BigInt.asIntN(64, value) !== value) throw new EncodeError(place, `${value} does not fit into 64 bits`);
    this.long64(value);
  }

  /** A long that is known to be a safe integer: lengths, counts, references. */
  safeLong(value: number): void {
    if (value >= -0x4000_0000 && value < 0x4000_0000) this.small(value);
    else this.long64(BigInt(value));
  }

  float(value: number, place: string): void {
    if (typeof value !== "number") throw new EncodeError(place, `a number is expected, not ${shown(value)}`);
    this.reserve(4);
    if (Number.isNaN(value)) this.view.setUint32(this.at, 0x7fc0_0000, true);
    else this.view.setFloat32(this.at, value, true);
    this.at += 4;
  }

  double(value: number, place: string): void {
    if (typeof value !== "number") throw new EncodeError(place, `a number is expected, not ${shown(value)}`);
    this.reserve(8);
    if (Number.isNaN(value)) this.view.setBigUint64(this.at, 0x7ff8_0000_0000_0000n, true);
    else this.view.setFloat64(this.at, value, true);
    this.at += 8;
  }

  string(value: string, place: string): void {
    if (typeof value !== "string") throw new EncodeError(place, `a string is expected, not ${shown(value)}`);
    const length = value.length;
    if (length < 64) {
      // Short and plain, as nearly all texts are: one byte of length, one byte for each character.
      this.reserve(length + 1);
      const { bytes, at } = this;
      bytes[at] = length << 1;
      let n = 0;
      for (; n < length; n++) {
        const code = value.charCodeAt(n);
        if (code >= 0x80) break;
        bytes[at + 1 + n] = code;
      }
      if (n === length) {
        this.at = at + 1 + length;
        return;
      }
    }
    this.longString(value, place);
  }

  byteString(value: Uint8Array, place: string): void {
    if (!(value instanceof Uint8Array)) throw new EncodeError(place, `a Uint8Array is expected, not ${shown(value)}`);
    this.safeLong(value.length);
    this.raw(value);
  }

  fixed(value: Uint8Array, size: number, place: string): void {
    if (!(value instanceof Uint8Array) || value.length !== size) {
      throw new EncodeError(place, `a Uint8Array of ${size} bytes is expected, not ${shown(value)}`);
    }
    this.raw(value);
  }

  /** The index of a symbol of an enum. */
  symbol(symbols: readonly string[], value: string, place: string): void {
    const index = symbols.indexOf(value);
    if (index < 0) throw new EncodeError(place, `one of ${symbols.join(", ")} is expected, not ${shown(value)}`);
    this.small(index);
  }

  /** Goes one level deeper; {@link Writer.leave} comes back. Only types that contain themselves need it. */
  enter(place: string): void {
    if (++this.depth > DEPTH_MAX) throw new EncodeError(place, `values nest deeper than ${DEPTH_MAX}`);
  }

  leave(): void {
    this.depth--;
  }

  /** The index of an enum's symbol or a union's branch. */
  index(value: number): void {
    this.small(value);
  }

  /** Bytes as they are. */
  raw(value: Uint8Array): void {
    this.reserve(value.length);
    this.bytes.set(value, this.at);
    this.at += value.length;
  }

  /** A length and a part of some bytes. Few bytes are copied one by one: a view of them would cost more. */
  part(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.safeLong(length);
    if (length > 64) return this.raw(bytes.subarray(start, end));
    this.reserve(length);
    for (let n = start; n < end; n++) this.bytes[this.at++] = bytes[n]!;
  }

  /** Leaves room for a length or count; what follows is told to {@link Writer.endLength} or {@link Writer.endCount}. */
  begin(): number {
    this.byte(0);
    return this.at;
  }

  /** Puts the length of what was written since `begin` in front of it. */
  endLength(begin: number): void {
    this.putBefore(begin, this.at - begin);
  }

  /** Puts the number of items written since `begin` in front of them, and the end after them. */
  endCount(begin: number, count: number): void {
    if (count === 0) return;
    this.putBefore(begin, count);
    this.byte(0);
  }

  private putBefore(begin: number, value: number): void {
    if (value < 64) {
      this.bytes[begin - 1] = value << 1;
      return;
    }
    let more = 0;
    for (let rest = value * 2; rest >= 0x80; rest = Math.floor(rest / 128)) more++;
    this.reserve(more);
    this.bytes.copyWithin(begin + more, begin, this.at);
    const end = this.at + more;
    this.at = begin - 1;
    this.safeLong(value);
    this.at = end;
  }

  private byte(value: number): void {
    this.reserve(1);
    this.bytes[this.at++] = value;
  }

  /** A number of at most 32 bits. */
  private small(value: number): void {
    this.reserve(5);
    let rest = ((value << 1) ^ (value >> 31)) >>> 0;
    while (rest >= 0x80) {
      this.bytes[this.at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.bytes[this.at++] = rest;
  }

  private long64(value: bigint): void {
    this.reserve(10);
    let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
    // 49 bits of it fit a number, and numbers are much faster.
    while (rest >= 1n << 49n) {
      this.bytes[this.at++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    let number = Number(rest);
    while (number >= 0x80) {
      this.bytes[this.at++] = (number % 128) | 0x80;
      number = Math.floor(number / 128);
    }
    this.bytes[this.at++] = number;
  }

  private longString(value: string, place: string): void {
    if (!value.isWellFormed()) throw new EncodeError(place, "half of a surrogate pair cannot be written as UTF-8");
    const begin = this.begin();
    this.reserve(value.length * 3);
    this.at += utf8.encodeInto(value, this.bytes.subarray(this.at)).written;
    this.endLength(begin);
  }

  private reserve(size: number): void {
    const wanted = this.at + size;
    if (wanted <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(wanted, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.at));
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }
}
