/**
 * Lines for people, each with the command it belongs to. Evento keeps what a function writes to stdout and stderr.
 *
 * @module
 */

/** Further values of a line; bigints are written as numbers, everything else as JSON. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Writes lines that carry the command's and the instance's id. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** A log whose lines carry these fields: JSON, one object a line, on stderr. */
export function logWith(carried: LogFields): Log {
  const line = (level: string) => (message: string, fields?: LogFields) => {
    console.error(JSON.stringify({ level, message, ...carried, ...fields }, bigintAsNumber));
  };
  return { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
}

function bigintAsNumber(_: string, value: unknown): unknown {
  if (typeof value !== "bigint") return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}
