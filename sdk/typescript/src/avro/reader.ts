/**
 * Reads Avro binary, believing nothing: every length and index is checked before it is used.
 *
 * Source: Apache Avro 1.12, "Binary encoding"; function-protocol 8.3 row 6 for what is refused. Bytes that are valid
 * but not canonical (long varints, several blocks, unsorted keys) are read; Evento makes stored bytes canonical.
 *
 * @module
 */
import { DecodeError } from "./errors.js";

/** Deepest nesting of records, arrays and maps that is read. */
const DEPTH_MAX = 64;
/** Most values of no bytes at all (nulls, empty records) in arrays of one datum. */
const EMPTY_ITEMS_MAX = 65_536;
/** Texts up to this length are read byte by byte, which is faster than calling out of JavaScript. */
const SHORT_TEXT = 40;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads values one after the other. A reader is used again and again by {@link Reader.reset}. */
export class Reader {
  private bytes: Uint8Array;
  private view: DataView | undefined;
  private at: number;
  private end: number;
  private depth = 0;
  private emptyLeft = EMPTY_ITEMS_MAX;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.at = 0;
    this.end = bytes.length;
  }

  /** Begins anew on a part of some bytes. */
  reset(bytes: Uint8Array, start = 0, end = bytes.length): this {
    if (bytes !== this.bytes) this.view = undefined;
    this.bytes = bytes;
    this.at = start;
    this.end = end;
    this.depth = 0;
    this.emptyLeft = EMPTY_ITEMS_MAX;
    return this;
  }

  /** Where reading goes on. */
  get position(): number {
    return this.at;
  }

  /** Bytes not read yet. */
  get left(): number {
    return this.end - this.at;
  }

  /** Throws when bytes are left over after `what`. */
  finish(what: string): void {
    if (this.at !== this.end) throw this.wrong(`${this.end - this.at} bytes are left over after ${what}`);
  }

  /** An error that names the position. */
  wrong(what: string): DecodeError {
    return new DecodeError(`at byte ${this.at}: ${what}`);
  }

  boolean(): boolean {
    const byte = this.byte();
    if (byte > 1) throw this.wrong(`${byte} is no boolean`);
    return byte === 1;
  }

  int(): number {
    const value = this.long49();
    if (value >= -0x8000_0000 && value <= 0x7fff_ffff) return value;
    const long = Number.isNaN(value) ? this.long64() : value;
    if (long >= -0x8000_0000 && long <= 0x7fff_ffff) return Number(long);
    throw this.wrong(`${long} is no int of 32 bits`);
  }

  long(): bigint {
    const value = this.long49();
    return Number.isNaN(value) ? this.long64() : BigInt(value);
  }

  /** A long that a JavaScript number holds exactly: lengths, counts, times of the envelopes. */
  safeLong(): number {
    const value = this.long49();
    if (!Number.isNaN(value)) return value;
    const long = Number(this.long64());
    if (!Number.isSafeInteger(long)) throw this.wrong(`${long} is out of range`);
    return long;
  }

  float(): number {
    const value = this.need(4).getFloat32(this.at, true);
    this.at += 4;
    return value;
  }

  double(): number {
    const value = this.need(8).getFloat64(this.at, true);
    this.at += 8;
    return value;
  }

  string(): string {
    const length = this.length();
    const { bytes, at } = this;
    const end = at + length;
    this.at = end;
    if (length <= SHORT_TEXT) {
      let text = "";
      let n = at;
      for (; n < end; n++) {
        const byte = bytes[n]!;
        if (byte >= 0x80) break;
        text += String.fromCharCode(byte);
      }
      if (n === end) return text;
    }
    try {
      return utf8.decode(bytes.subarray(at, end));
    } catch {
      this.at = at;
      throw this.wrong("a string that is no UTF-8");
    }
  }

  /** A copy: the request's bytes are not kept. */
  byteString(): Uint8Array {
    return this.fixed(this.length());
  }

  /** A copy of so many bytes. */
  fixed(size: number): Uint8Array {
    const at = this.skip(size);
    const copy = new Uint8Array(size);
    copy.set(this.bytes.subarray(at, at + size));
    return copy;
  }

  /** Passes over a length and its bytes; tells where these begin. They end at {@link Reader.position}. */
  range(): number {
    return this.skip(this.length());
  }

  /** The index of an enum's symbol or a union's branch. */
  index(count: number, what: string): number {
    const index = this.long49();
    if (index >= 0 && index < count) return index;
    throw this.wrong(`${what} ${index} of ${count}`);
  }

  /** Goes one level deeper; {@link Reader.leave} comes back. Only types that contain themselves need it. */
  enter(): void {
    if (++this.depth > DEPTH_MAX) throw this.wrong(`values nest deeper than ${DEPTH_MAX}`);
  }

  leave(): void {
    this.depth--;
  }

  /**
   * Reads the items of an array or map, block by block. `sizeMin` is the least size of one item: a count that the bytes
   * left cannot hold is refused before anything is made.
   */
  items(sizeMin: number, item: () => void): void {
    for (;;) {
      let count = this.safeLong();
      if (count === 0) return;
      let end = -1;
      if (count < 0) {
        count = -count;
        const size = this.safeLong();
        if (size < 0 || size > this.left) throw this.wrong(`a block of ${size} bytes where ${this.left} are left`);
        end = this.at + size;
      }
      this.checkCount(count, sizeMin);
      for (let n = 0; n < count; n++) item();
      if (end >= 0 && end !== this.at) throw this.wrong(`a block that should end at byte ${end}`);
    }
  }

  private checkCount(count: number, sizeMin: number): void {
    if (sizeMin > 0) {
      if (count * sizeMin > this.left) throw this.wrong(`${count} items where ${this.left} bytes are left`);
    } else if ((this.emptyLeft -= count) < 0) {
      throw this.wrong(`more than ${EMPTY_ITEMS_MAX} values without any byte`);
    }
  }

  private byte(): number {
    if (this.at >= this.end) throw this.short();
    return this.bytes[this.at++]!;
  }

  private length(): number {
    const length = this.long49();
    if (length >= 0 && length <= this.end - this.at) return length;
    throw this.wrong(`a length of ${length} where ${this.left} bytes are left`);
  }

  private skip(size: number): number {
    const at = this.at;
    if (size > this.end - at) throw this.short();
    this.at = at + size;
    return at;
  }

  private need(size: number): DataView {
    if (this.end - this.at < size) throw this.short();
    return (this.view ??= new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength));
  }

  /** A varint of up to seven bytes, as nearly all are; NaN, with nothing read, for a longer one. */
  private long49(): number {
    const { bytes, end } = this;
    let at = this.at;
    let low = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      if (at >= end) throw this.short();
      const byte = bytes[at++]!;
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.at = at;
        return (low >>> 1) ^ -(low & 1);
      }
    }
    let high = 0;
    for (let shift = 0; shift < 21; shift += 7) {
      if (at >= end) throw this.short();
      const byte = bytes[at++]!;
      high |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.at = at;
        const value = high * 0x1000_0000 + low;
        return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      }
    }
    return NaN;
  }

  /** A varint of up to ten bytes. */
  private long64(): bigint {
    let value = 0n;
    for (let n = 0n; n < 10n; n++) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << (7n * n);
      if (byte >= 0x80) continue;
      if (value >= 1n << 64n) break;
      return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n));
    }
    throw this.wrong("a number of more than 64 bits");
  }

  private short(): DecodeError {
    this.at = this.end;
    return this.wrong("the bytes end in the middle of a value");
  }
}
