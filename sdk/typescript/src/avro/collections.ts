/**
 * Arrays and maps, for generated codecs: one block each, keys sorted by their UTF-8 bytes and never twice.
 *
 * @module
 */
import { EncodeError, shown } from "./errors.js";
import type { Reader } from "./reader.js";
import type { Writer } from "./writer.js";

/** Reads an array; `sizeMin` is the least size of one item in bytes. */
export function readArray<T>(reader: Reader, item: (reader: Reader) => T, sizeMin: number): T[] {
  const items: T[] = [];
  reader.enter();
  reader.items(sizeMin, () => items.push(item(reader)));
  reader.leave();
  return items;
}

/** Writes an array. */
export function writeArray<T>(
  writer: Writer,
  items: readonly T[],
  item: (writer: Writer, value: T) => void,
  place: string,
): void {
  if (!Array.isArray(items)) throw new EncodeError(place, `an array is expected, not ${shown(items)}`);
  writer.enter(place);
  if (items.length > 0) {
    writer.safeLong(items.length);
    for (const value of items) item(writer, value);
  }
  writer.index(0);
  writer.leave();
}

/** Reads a map; `sizeMin` is the least size of one value in bytes. */
export function readMap<T>(reader: Reader, value: (reader: Reader) => T, sizeMin: number): Map<string, T> {
  const entries = new Map<string, T>();
  let count = 0;
  reader.enter();
  reader.items(sizeMin + 1, () => {
    const key = reader.string();
    entries.set(key, value(reader));
    if (entries.size !== ++count) throw reader.wrong(`the key ${shown(key)} comes twice`);
  });
  reader.leave();
  return entries;
}

/** Writes a map, its keys sorted. */
export function writeMap<T>(
  writer: Writer,
  entries: ReadonlyMap<string, T>,
  value: (writer: Writer, value: T) => void,
  place: string,
): void {
  if (!(entries instanceof Map)) throw new EncodeError(place, `a Map is expected, not ${shown(entries)}`);
  writer.enter(place);
  if (entries.size > 0) {
    writer.safeLong(entries.size);
    for (const [key, entry] of [...(entries as Map<string, T>)].sort(byKey)) {
      writer.string(key, `${place} (a key)`);
      value(writer, entry);
    }
  }
  writer.index(0);
  writer.leave();
}

function byKey(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return compareUtf8(a[0], b[0]);
}

/** The order of the UTF-8 bytes, which is that of code points and not that of JavaScript's UTF-16 units. */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let n = 0; n < length; n++) {
    const [x, y] = [a.charCodeAt(n), b.charCodeAt(n)];
    if (x === y) continue;
    // Surrogates stand for code points above all that one unit can say.
    const [inPair, otherInPair] = [(x & 0xf800) === 0xd800, (y & 0xf800) === 0xd800];
    return inPair === otherInPair ? x - y : inPair ? 1 : -1;
  }
  return a.length - b.length;
}
