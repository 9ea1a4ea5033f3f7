/**
 * Logical types on their base types, for generated codecs: decimal, uuid, date, timestamps.
 *
 * Other logical types are left as their base type. Source: Apache Avro 1.12, "Logical Types".
 *
 * @module
 */
import { Decimal } from "../values/decimal.js";
import { LocalDate } from "../values/local-date.js";
import { Timestamp } from "../values/timestamp.js";
import { EncodeError, shown } from "./errors.js";
import type { Reader } from "./reader.js";
import type { Writer } from "./writer.js";

const UUID = /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/;

/** Reads a uuid that is a string. */
export function readUuid(reader: Reader): string {
  const text = reader.string();
  if (!UUID.test(text)) throw reader.wrong(`${shown(text)} is no uuid`);
  return text;
}

/** Writes a uuid that is a string. */
export function writeUuid(writer: Writer, value: string, place: string): void {
  checkUuid(value, place);
  writer.string(value, place);
}

/** Reads a uuid of 16 bytes. */
export function readUuidBytes(reader: Reader): string {
  return uuidText(reader.fixed(16));
}

/** Writes a uuid of 16 bytes. */
export function writeUuidBytes(writer: Writer, value: string, place: string): void {
  checkUuid(value, place);
  const hex = value.replaceAll("-", "");
  writer.raw(Uint8Array.from({ length: 16 }, (_, n) => Number.parseInt(hex.slice(2 * n, 2 * n + 2), 16)));
}

/** 16 bytes as a uuid is written. */
export function uuidText(bytes: Uint8Array): string {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

function checkUuid(value: string, place: string): void {
  if (typeof value !== "string" || !UUID.test(value)) {
    throw new EncodeError(place, `a uuid like 123e4567-e89b-12d3-a456-426614174000 is expected, not ${shown(value)}`);
  }
}

/** Reads a date: days since 1970. */
export function readDate(reader: Reader): LocalDate {
  return LocalDate.ofEpochDay(reader.int());
}

/** Writes a date. */
export function writeDate(writer: Writer, value: LocalDate, place: string): void {
  if (!(value instanceof LocalDate)) throw new EncodeError(place, `a LocalDate is expected, not ${shown(value)}`);
  writer.int(value.epochDay, place);
}

/** Reads milliseconds since 1970, UTC. */
export function readMillis(reader: Reader): Timestamp {
  return Timestamp.ofMillis(reader.long());
}

/** Writes milliseconds; a time with microseconds is refused, not rounded. */
export function writeMillis(writer: Writer, value: Timestamp, place: string): void {
  const micros = checkTimestamp(value, place).micros;
  if (micros % 1000n !== 0n) {
    throw new EncodeError(place, `it holds milliseconds and ${value} has microseconds: use truncatedToMillis()`);
  }
  writer.long(micros / 1000n, place);
}

/** Reads microseconds since 1970, UTC. */
export function readMicros(reader: Reader): Timestamp {
  return Timestamp.ofMicros(reader.long());
}

/** Writes microseconds. */
export function writeMicros(writer: Writer, value: Timestamp, place: string): void {
  writer.long(checkTimestamp(value, place).micros, place);
}

function checkTimestamp(value: Timestamp, place: string): Timestamp {
  if (value instanceof Timestamp) return value;
  throw new EncodeError(place, `a Timestamp is expected, not ${shown(value)}`);
}

/** Reads a decimal that is a byte string. */
export function readDecimal(reader: Reader, precision: number, scale: number): Decimal {
  return decimalOf(reader, reader.byteString(), precision, scale);
}

/** Writes a decimal in as few bytes as it takes. */
export function writeDecimal(writer: Writer, value: Decimal, precision: number, scale: number, place: string): void {
  writer.byteString(twosComplement(unscaled(value, precision, scale, place)), place);
}

/** Reads a decimal of a fixed size. */
export function readDecimalFixed(reader: Reader, size: number, precision: number, scale: number): Decimal {
  return decimalOf(reader, reader.fixed(size), precision, scale);
}

/** Writes a decimal of a fixed size. */
export function writeDecimalFixed(
  writer: Writer,
  value: Decimal,
  size: number,
  precision: number,
  scale: number,
  place: string,
): void {
  const digits = unscaled(value, precision, scale, place);
  const bytes = twosComplement(digits);
  if (bytes.length > size) throw new EncodeError(place, `${value} does not fit into ${size} bytes`);
  writer.raw(new Uint8Array(size - bytes.length).fill(digits < 0n ? 0xff : 0));
  writer.raw(bytes);
}

function decimalOf(reader: Reader, bytes: Uint8Array, precision: number, scale: number): Decimal {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  const decimal = new Decimal(BigInt.asIntN(bytes.length * 8, value), scale);
  if (decimal.precision > precision) throw reader.wrong(`${decimal} has more than ${precision} digits`);
  return decimal;
}

function unscaled(value: Decimal, precision: number, scale: number, place: string): bigint {
  if (!(value instanceof Decimal)) {
    throw new EncodeError(place, `a Decimal is expected (Decimal.parse("1.50")), not ${shown(value)}`);
  }
  const scaled = value.tryRescale(scale);
  if (scaled === undefined) {
    throw new EncodeError(
      place,
      `${value} has more than ${scale} digits after the point: round it with rounded(${scale})`,
    );
  }
  if (scaled.precision > precision) throw new EncodeError(place, `${value} has more than ${precision} digits`);
  return scaled.unscaled;
}

/** Big-endian, as short as the sign allows; one byte at least. */
function twosComplement(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push(Number(rest & 0xffn));
    rest >>= 8n;
  } while (rest !== 0n && rest !== -1n);
  const negative = value < 0n;
  if (bytes[bytes.length - 1]! >= 0x80 !== negative) bytes.push(negative ? 0xff : 0);
  return Uint8Array.from(bytes.reverse());
}
