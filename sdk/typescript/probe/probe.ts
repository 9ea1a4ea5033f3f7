/**
 * The reference function of the conformance kit; what it must do is in `sdk/conformance/README.md`.
 *
 * @module
 */
import { Failure } from "@evento/sdk";

import {
  Broken,
  ContextSeen,
  Echoed,
  Ended,
  Mapped,
  Noted,
  type Probe,
  probe as probeFunction,
  Rejected,
  RejectedAndCounted,
} from "./generated/conformance.js";

const DIGEST_MODULUS = 1_000_000_007n;

/** The state that the next event begins with: one more event is counted. */
function counted(state: Probe | null): Probe {
  const before = state ?? { count: 0n, digest: 0n, rejections: 0n, totals: new Map(), last: null };
  return { ...before, count: before.count + 1n };
}

export const probe = probeFunction({
  handle: {
    Echo: ({ value }) => Echoed({ value }),
    EmitMany: ({ n }) => {
      const events = Array.from({ length: Math.max(0, n) }, (_, number) => Noted({ number, text: `note ${number}` }));
      // The length is known at run time only: the SDK checks it.
      return events as [Noted, ...Noted[]];
    },
    Reject: ({ reason }) => Rejected({ reason }),
    RejectAndCount: ({ reason }) => RejectedAndCounted({ reason }),
    ExpectCount: ({ count }, state) => {
      const found = state?.count ?? 0n;
      return found === count
        ? Noted({ number: 1, text: "as expected" })
        : Rejected({ reason: `the count is ${found}` });
    },
    End: () => Ended(),
    Throw: ({ message }) => {
      throw new Error(message);
    },
    Poison: ({ message }) => {
      throw Failure.poison(message);
    },
    Break: ({ message }) => [Noted({ number: 0, text: "before" }), Broken({ message })],
    Sleep: ({ ms }) => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
      return Noted({ number: ms, text: "slept" });
    },
    Context: (_, __, cx) => {
      const [first, again] = [cx.random(), cx.random()];
      const randomBytes = first.bytes(70);
      const [randomLong, randomDouble] = [again.long(), again.double()];
      const bounds = [1n, 6n, 1_000_000_007n, ...Array<bigint>(8).fill(4_611_686_018_427_387_905n)];
      return ContextSeen({
        entityId: cx.entityId,
        seq: cx.seq,
        commandId: cx.commandId,
        time: cx.time,
        seed: cx.seed,
        uuids: Array.from({ length: 10 }, (_, n) => cx.uuid(n)),
        randomBytes,
        randomLong,
        randomDouble,
        randomBelow: bounds.map((bound) => again.below(bound)),
      });
    },
    Maps: ({ entries }) => Mapped({ entries }),
  },
  apply: {
    Echoed: ({ value }, state) => ({ ...counted(state), last: value }),
    Noted: ({ number, text }, state) => {
      const before = counted(state);
      const length = BigInt(new TextEncoder().encode(text).length);
      return { ...before, digest: (before.digest * 31n + BigInt(number) + 7n * length) % DIGEST_MODULUS };
    },
    RejectedAndCounted: (_, state) => {
      const before = counted(state);
      return { ...before, rejections: before.rejections + 1n };
    },
    ContextSeen: (_, state, cx) => ({ ...counted(state), totals: new Map([[cx.entityId, cx.time.millis]]) }),
    Mapped: ({ entries }, state) => ({ ...counted(state), totals: entries }),
    Ended: () => null,
    Broken: ({ message }) => {
      throw new Error(message);
    },
  },
});
