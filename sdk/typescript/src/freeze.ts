/**
 * The development guard: what user code is given cannot be changed in place, so that an attempt is found at once.
 *
 * @module
 */
import { Decimal } from "./values/decimal.js";
import { LocalDate } from "./values/local-date.js";
import { Timestamp } from "./values/timestamp.js";

/** Freezes a decoded value and everything in it. Bytes cannot be frozen in JavaScript; they are copies anyway. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value) || value instanceof Uint8Array)
    return value;
  if (value instanceof Map) {
    for (const entry of value.values()) deepFreeze(entry);
    for (const name of ["set", "delete", "clear"]) Object.defineProperty(value, name, { value: refuse });
  } else if (!(value instanceof Decimal || value instanceof LocalDate || value instanceof Timestamp)) {
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return Object.freeze(value);
}

function refuse(): never {
  throw new TypeError("Cannot change this Map: it belongs to the state or the event. Make a new one: new Map(old)");
}
