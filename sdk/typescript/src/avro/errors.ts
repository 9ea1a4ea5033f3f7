/**
 * What goes wrong between values and bytes. The codec throws these two and nothing else.
 *
 * @module
 */

/** Bytes that are not of the declared schema. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
}

/** A value that does not fit the declared schema; `place` says which field. */
export class EncodeError extends Error {
  override readonly name = "EncodeError";
  /** Full name of the record and the path within it, as `bank.Account.balance`. */
  readonly place: string;

  constructor(place: string, what: string) {
    super(`${place}: ${what}`);
    this.place = place;
  }
}

/** A value as it stands in a message: short, whatever it is. */
export function shown(value: unknown): string {
  let text: string;
  if (typeof value === "bigint") text = `${value}n`;
  else if (typeof value === "string") text = JSON.stringify(value);
  else if (value instanceof Uint8Array) text = `${value.length} bytes`;
  else if (typeof value === "object" && value !== null) text = `an object (${value.constructor?.name ?? "Object"})`;
  else text = String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
