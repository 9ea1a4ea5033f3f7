/**
 * The batch envelopes from Evento's side, written and read by hand.
 *
 * @module
 */
import { Reader } from "../src/avro/reader.js";
import { Writer } from "../src/avro/writer.js";

/** A work of a request; what is left out is that of the golden files. */
export interface WorkSpec {
  readonly ref?: number;
  readonly kind?: number;
  readonly want?: number;
  readonly state?: Uint8Array | null;
  readonly steps: readonly { readonly type: string; readonly payload: Uint8Array }[];
}

/** A `RunRequest`, written by hand. */
export function request(works: readonly WorkSpec[], entity = "bank.Account"): Uint8Array {
  const w = new Writer();
  w.string(entity, "entity");
  w.safeLong(works.length);
  for (const { ref = 7, kind = 0, want = 2, state = null, steps } of works) {
    w.safeLong(ref);
    w.string("a-1", "entityId");
    w.safeLong(3);
    w.index(state === null ? 0 : 1);
    if (state !== null) w.byteString(state, "state");
    w.index(kind);
    w.index(want);
    if (steps.length > 0) w.safeLong(steps.length);
    for (const { type, payload } of steps) {
      w.string(type, "type");
      w.byteString(payload, "payload");
      w.string("c-9", "id");
      w.safeLong(1_795_413_600_000);
      w.byteString(kind === 0 ? new Uint8Array(16) : new Uint8Array(), "seed");
      w.index(0);
    }
    w.index(0);
  }
  w.index(0);
  return w.toBytes();
}

/** A result of a response. */
export interface Result {
  readonly ref: number;
  readonly outcomes: { readonly events: string[]; readonly states: (string | null)[] }[];
  readonly failure?: { readonly step: number; readonly kind: number; readonly title: string; readonly detail: string };
}

/** A `RunResponse`, read by hand. */
export function results(body: Uint8Array): Result[] {
  const r = new Reader(body);
  const array = <T>(item: () => T): T[] => {
    const items: T[] = [];
    r.items(1, () => items.push(item()));
    return items;
  };
  const hexBytes = (): string => Buffer.from(r.byteString()).toString("hex");
  const found = array(() => {
    const ref = r.int();
    const outcomes = array(() => {
      const events = array(() => `${r.string()} ${hexBytes()}`);
      return { events, states: array(() => (r.index(2, "branch") === 0 ? null : hexBytes())) };
    });
    if (r.index(2, "branch") === 0) return { ref, outcomes };
    return {
      ref,
      outcomes,
      failure: { step: r.int(), kind: r.index(3, "kind"), title: r.string(), detail: r.string() },
    };
  });
  r.finish("the response");
  return found;
}
