/**
 * Technical failures: the business has not spoken. A refusal by the rules is an event, not a failure.
 *
 * @module
 */
import { DecodeError, EncodeError } from "./avro/errors.js";

/** RETRY: again later. POISON: never, park it. CONTRACT: the request or the answer breaks the protocol. */
export type FailureKind = "RETRY" | "POISON" | "CONTRACT";

/** Thrown by a handler that cannot decide; any other exception counts as {@link Failure.retry}. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly kind: FailureKind;
  /** More than the title, for people. */
  readonly detail: string;

  constructor(kind: FailureKind, title: string, detail = "") {
    super(title);
    this.kind = kind;
    this.detail = detail;
  }

  /** Evento tries again later, as often as the entity's retry policy says. */
  static retry(title: string, detail = ""): Failure {
    return new Failure("RETRY", title, detail);
  }

  /** This command can never be handled: Evento parks it at once. */
  static poison(title: string, detail = ""): Failure {
    return new Failure("POISON", title, detail);
  }
}

/** How much of an unexpected exception leaves the process. */
export interface FailureDetail {
  /** Whether the stack goes into `detail`: in development, or when `EVENTO_ERROR_DETAIL` is `full`. */
  readonly stacks: boolean;
}

/** Whatever was thrown, as a failure. */
export function failureOf(thrown: unknown, wanted: FailureDetail): Failure {
  if (thrown instanceof Failure) return thrown;
  if (thrown instanceof DecodeError) return new Failure("CONTRACT", "undecodable payload", thrown.message);
  if (thrown instanceof EncodeError) return Failure.retry("the answer does not fit its schema", thrown.message);
  if (!(thrown instanceof Error)) return Failure.retry(`the function threw ${String(thrown)}`);
  return Failure.retry(`${thrown.name}: ${thrown.message}`, wanted.stacks ? (thrown.stack ?? "") : "");
}

/** Groups equal failures: the error's type and the innermost frame, hashed by the caller. */
export function fingerprintText(thrown: unknown): string {
  if (!(thrown instanceof Error)) return typeof thrown;
  const frame = (thrown.stack ?? "").split("\n").find((line) => /^\s+at /.test(line)) ?? "";
  return `${thrown.name} ${frame.trim()}`;
}
