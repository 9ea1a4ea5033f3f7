/**
 * The endpoints without a socket: golden bytes, both framings, what is refused and how.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { type Answer, type EndpointOptions, Endpoints } from "../src/endpoints.js";
import type { EntityFunction } from "../src/entity.js";
import { DEFAULTS } from "../src/run.js";
import { request, results, type WorkSpec } from "./envelopes.js";
import { bank, golden, received } from "./golden-bank.js";

const RUN = "application/vnd.evento.run.v1+avro";
const HEADERS = {
  "content-type": "avro/binary",
  "evento-entity-id": "a-1",
  "evento-seq": "3",
  "evento-id": "c-9",
  "evento-time": "2026-11-23T06:00:00.000Z",
  "evento-seed": "000102030405060708090a0b0c0d0e0f",
};
/** The plain request of function-protocol 6.3. */
const PLAIN = Buffer.from("f0010872656e74020641646106455552d00f04", "hex");
const DATUM = Buffer.from("f0010872656e74", "hex");

function endpoints(functions = [bank()], options: Partial<EndpointOptions> = {}): Endpoints {
  return new Endpoints(functions, { ...DEFAULTS, ...options });
}

function ask(
  served: Endpoints,
  method: string,
  path: string,
  body: Uint8Array = new Uint8Array(),
  headers: Record<string, string> = {},
  isLate = () => false,
): (Answer & { readonly text: string }) | undefined {
  const answer = served.answer({ method, path, header: (name) => headers[name], body, isLate });
  return answer && { ...answer, body: answer.body.slice(), text: Buffer.from(answer.body).toString() };
}

function run(served: Endpoints, body: Uint8Array, isLate?: () => boolean) {
  return ask(served, "POST", "/run", body, { "content-type": RUN }, isLate);
}

const depositStep = { type: "bank.DepositCash", payload: DATUM };
const receivedStep = { type: "bank.DepositReceived", payload: DATUM };

test("the batch of the golden files is answered byte for byte", () => {
  const answer = run(endpoints(), golden("run-request"))!;
  assert.deepEqual([answer.status, answer.type], [200, RUN]);
  assert.deepEqual(answer.body, golden("run-response"));
});

test("a work refused for good is answered byte for byte", () => {
  const payload = Buffer.from(`f0011c${Buffer.from("no such tariff").toString("hex")}`, "hex");
  const answer = run(endpoints(), request([{ steps: [{ type: "bank.DepositCash", payload }] }]))!;
  assert.deepEqual(answer.body, golden("run-response-poison"));
});

test("plain calls are answered byte for byte", () => {
  const handled = ask(endpoints(), "POST", "/handle/bank.DepositCash", PLAIN, HEADERS)!;
  assert.deepEqual([handled.status, handled.type, handled.event], [200, "avro/binary", "bank.DepositReceived"]);
  assert.deepEqual(Buffer.from(handled.body), DATUM);
  const applied = ask(endpoints(), "POST", "/apply/bank.DepositReceived", PLAIN, HEADERS)!;
  assert.deepEqual([applied.status, Buffer.from(applied.body).toString("hex")], [200, "0641646106455552c01106"]);
});

test("several events of a plain call come in their envelope", () => {
  const twice = bank(({ amount, reference }) => [received(amount, reference), received(amount, reference)]);
  const answer = ask(endpoints([twice]), "POST", "/handle/bank.DepositCash", PLAIN, HEADERS)!;
  assert.deepEqual([answer.type, answer.event], ["application/vnd.evento.events.v1+avro", undefined]);
  const one = Buffer.from(golden("events")).toString("hex").slice(2, -2);
  assert.equal(Buffer.from(answer.body).toString("hex"), `04${one}${one}00`);
});

test("an instance that ends is 204 in plain and null in batch", () => {
  const ending = bank(undefined, () => null);
  const answer = ask(endpoints([ending]), "POST", "/apply/bank.DepositReceived", PLAIN, HEADERS)!;
  assert.deepEqual([answer.status, answer.body.length], [204, 0]);
  const [result] = results(run(endpoints([ending]), request([{ steps: [depositStep] }]))!.body);
  assert.deepEqual(result!.outcomes[0]!.states, [null]);
});

test("chained commands are each decided on the state before, and a failure leaves those before it", () => {
  let calls = 0;
  const failing = bank(({ amount, reference }) => {
    if (++calls === 3) throw new Error("the third");
    return received(amount, reference);
  });
  const [result] = results(
    run(endpoints([failing]), request([{ steps: [depositStep, depositStep, depositStep] }]))!.body,
  );
  assert.deepEqual(
    result!.outcomes.map(({ states }) => states),
    [["0000f00102"], ["0000e00304"]],
  );
  assert.deepEqual(result!.failure, { step: 2, kind: 0, title: "Error: the third", detail: "" });
});

test("states are returned as they are wanted", () => {
  const steps = [receivedStep, receivedStep, receivedStep];
  const states = (want: number, kind = 1) => {
    const [result] = results(
      run(endpoints(), request([{ kind, want, steps: kind === 1 ? steps : [depositStep] }]))!.body,
    );
    return result!.outcomes.map((outcome) => outcome.states);
  };
  assert.deepEqual(states(0), [[], [], []]);
  assert.deepEqual(states(1), [[], [], ["0000d00506"]]);
  assert.deepEqual(states(2), [["0000f00102"], ["0000e00304"], ["0000d00506"]]);
  assert.deepEqual(states(1, 0), [["0000f00102"]]);
});

test("more events and works than one byte counts keep their bytes", () => {
  const many = bank(({ amount, reference }) => Array.from({ length: 100 }, () => received(amount, reference)));
  const works = Array.from({ length: 512 }, (_, ref) => ({
    ref,
    steps: ref % 2 === 0 ? [depositStep, depositStep] : [],
  }));
  const found = results(run(endpoints([many]), request(works))!.body);
  assert.deepEqual(
    found.map(({ ref }) => ref),
    works.map(({ ref }) => ref),
  );
  for (const { ref, outcomes, failure } of found) {
    assert.equal(failure, undefined);
    assert.equal(outcomes.length, ref % 2 === 0 ? 2 : 0);
    for (const { events, states } of outcomes) assert.deepEqual([events.length, states.length], [100, 100]);
  }
  assert.equal(found[0]!.outcomes[1]!.states[99], "0000" + "80f702" + "9003");
});

test("a rejection that apply does not cover leaves the state", () => {
  const refusing = bank(({ amount, reference }) => ({ $type: "bank.Refused", amount, reference }));
  const state = Buffer.from("0641646106455552d00f04", "hex");
  const [result] = results(run(endpoints([refusing]), request([{ state, steps: [depositStep] }]))!.body);
  assert.deepEqual(result!.outcomes[0]!.states, ["0641646106455552d00f04"]);
});

test("one bad work leaves the others as they are", () => {
  const works: WorkSpec[] = [
    { ref: 1, steps: [depositStep] },
    { ref: 2, steps: [{ type: "bank.Nothing", payload: DATUM }] },
    { ref: 3, steps: [{ type: "bank.DepositCash", payload: DATUM.subarray(0, 3) }] },
    { ref: 4, steps: [{ type: "bank.DepositCash", payload: Buffer.concat([DATUM, DATUM]) }] },
    { ref: 5, state: Uint8Array.of(1), steps: [depositStep] },
    { ref: 6, kind: 1, steps: [{ type: "bank.Refused", payload: DATUM }] },
    { ref: 7, steps: [depositStep] },
  ];
  const found = results(run(endpoints(), request(works))!.body);
  const shown = found.map(({ ref, failure }) => [ref, failure?.kind, failure?.title]);
  assert.deepEqual(shown, [
    [1, undefined, undefined],
    [2, 2, "unknown command bank.Nothing"],
    [3, 2, "undecodable payload"],
    [4, 2, "undecodable payload"],
    [5, 2, "undecodable payload"],
    [6, 2, "unknown event bank.Refused"],
    [7, undefined, undefined],
  ]);
  const [unknown] = results(run(endpoints(), request([{ steps: [depositStep] }], "bank.Nobody"))!.body);
  assert.deepEqual([unknown!.failure?.kind, unknown!.failure?.title], [2, "unknown entity bank.Nobody"]);
});

test("answers that break the contract are found before Evento does", () => {
  const cases: readonly (readonly [unknown, string, string])[] = [
    [[], "bank.DepositCash was answered without any event", ""],
    [undefined, "bank.DepositCash was answered with no event", "it was undefined"],
    [{ amount: 1n, reference: "" }, "bank.DepositCash was answered with no event", "it was [object Object]"],
    [Promise.resolve(), "bank.DepositCash was answered with no event", "handlers are synchronous: it was a promise"],
    [
      { $type: "bank.Other" },
      "bank.DepositCash may not answer bank.Other",
      "it emits bank.DepositReceived, bank.Refused",
    ],
  ];
  for (const [answered, title, detail] of cases) {
    const served = endpoints([bank(() => answered as never)]);
    const [result] = results(run(served, request([{ steps: [depositStep] }]))!.body);
    assert.deepEqual(result!.failure, { step: 0, kind: 2, title, detail });
    const plain = ask(served, "POST", "/handle/bank.DepositCash", PLAIN, HEADERS)!;
    assert.deepEqual([plain.status, JSON.parse(plain.text).title], [400, title]);
  }
  const forgetful = endpoints([bank(undefined, () => undefined)]);
  const [result] = results(run(forgetful, request([{ steps: [depositStep] }]))!.body);
  assert.equal(result!.failure?.title, "apply of bank.DepositReceived answered nothing");
});

test("a value that does not fit its field is an error of user code that names the field", () => {
  const title = "the answer does not fit its schema";
  const failed = (entity: EntityFunction) => {
    const served = endpoints([entity]);
    const state = Buffer.from("00007e02", "hex");
    assert.equal(ask(served, "POST", "/handle/bank.DepositCash", PLAIN, HEADERS)!.status === 500, entity === wrongEvent);
    return results(run(served, request([{ state, steps: [depositStep] }]))!.body)[0]!.failure;
  };
  const wrongEvent = bank(() => ({ ...received(1n, ""), amount: 1 as unknown as bigint }));
  const inEvent = "bank.DepositReceived.amount: a long is a bigint (5n, or BigInt(5)), not 1";
  assert.deepEqual(failed(wrongEvent), { step: 0, kind: 0, title, detail: inEvent });
  const overflow = bank(undefined, (_, a) => a && { ...a, balance: 2n ** 63n });
  const inState = "bank.Account.balance: 9223372036854775808 does not fit into 64 bits";
  assert.deepEqual(failed(overflow), { step: 0, kind: 0, title, detail: inState });
});

test("what user code throws is told, with the stack only when it is wanted", () => {
  const throwing = [
    bank(() => {
      throw new Error("tax table is empty");
    }),
  ];
  const asked = (options = {}) => {
    const answer = ask(endpoints(throwing, options), "POST", "/handle/bank.DepositCash", PLAIN, HEADERS)!;
    assert.deepEqual([answer.status, answer.type], [500, "application/problem+json"]);
    return JSON.parse(answer.text) as Record<string, string>;
  };
  const quiet = asked();
  assert.deepEqual([quiet["title"], quiet["detail"]], ["Error: tax table is empty", ""]);
  assert.match(quiet["evento-fingerprint"]!, /^[0-9a-f]{16}$/);
  assert.match(asked({ stacks: true })["detail"]!, /endpoints\.test/);
  const poison = Buffer.from(`f0011c${Buffer.from("no such tariff").toString("hex")}00`, "hex");
  const refused = ask(endpoints(), "POST", "/handle/bank.DepositCash", poison, HEADERS)!;
  assert.equal(refused.status, 422);
  assert.equal(JSON.parse(refused.text)["evento-retry"], false);
});

test("in development the state cannot be changed in place", () => {
  const changing = bank(undefined, (e, a) => {
    (a as { balance: bigint }).balance += e.amount;
    return a;
  });
  const state = Buffer.from("0641646106455552d00f04", "hex");
  const failure = (frozen: boolean) =>
    results(run(endpoints([changing], { frozen }), request([{ state, steps: [depositStep] }]))!.body)[0]!.failure;
  assert.match(failure(true)!.title, /Cannot assign to read only property 'balance'/);
  assert.equal(failure(false), undefined);
});

test("requests that are no requests are refused as the protocol says", () => {
  const run400 = (body: Uint8Array) => run(endpoints(), body)!.status;
  assert.equal(run400(golden("run-request").subarray(0, 40)), 400);
  assert.equal(run400(Buffer.concat([golden("run-request"), Buffer.of(0)])), 400);
  const cases: readonly (readonly [number, string, string, Uint8Array, Record<string, string>])[] = [
    [415, "POST", "/run", golden("run-request"), { "content-type": "application/json" }],
    [415, "POST", "/run", golden("run-request"), {}],
    [415, "POST", "/handle/bank.DepositCash", PLAIN, { ...HEADERS, "content-type": RUN }],
    [404, "POST", "/handle/bank.Nothing", PLAIN, HEADERS],
    [404, "POST", "/apply/bank.Refused", PLAIN, HEADERS],
    [404, "POST", "/handle", PLAIN, HEADERS],
    [404, "GET", "/", PLAIN, {}],
    [405, "GET", "/run", PLAIN, {}],
    [405, "POST", "/.well-known/evento", PLAIN, {}],
    [400, "POST", "/handle/bank.DepositCash", PLAIN.subarray(0, 9), HEADERS],
    [400, "POST", "/handle/bank.DepositCash", Buffer.concat([PLAIN, PLAIN]), HEADERS],
    [400, "POST", "/handle/bank.DepositCash", PLAIN, { ...HEADERS, "evento-seed": "00" }],
    [400, "POST", "/handle/bank.DepositCash", PLAIN, { ...HEADERS, "evento-time": "yesterday" }],
    [400, "POST", "/handle/bank.DepositCash", PLAIN, { ...HEADERS, "evento-seq": "-1" }],
    [400, "POST", "/handle/bank.DepositCash", PLAIN, { ...HEADERS, "evento-entity-id": "%ff" }],
  ];
  for (const [status, method, path, body, headers] of cases) {
    const answer = ask(endpoints(), method, path, body, headers)!;
    assert.deepEqual([answer.status, answer.type], [status, "application/problem+json"], `${method} ${path}`);
  }
});

test("a request for another instance is refused before anything else", () => {
  const served = endpoints([bank()], { instance: "one" });
  assert.equal(ask(served, "GET", "/ready", new Uint8Array(), { "evento-instance": "two" })!.status, 409);
  assert.equal(ask(served, "GET", "/ready", new Uint8Array(), { "evento-instance": "one" })!.status, 200);
  assert.equal(ask(served, "GET", "/ready")!.status, 200);
});

test("when the time is over nothing is answered and nothing more is done", () => {
  let decisions = 0;
  const counting = bank(({ amount, reference }) => {
    decisions++;
    return received(amount, reference);
  });
  const works = Array.from({ length: 10 }, () => ({ steps: [depositStep] }));
  assert.equal(
    run(endpoints([counting]), request(works), () => decisions >= 3),
    undefined,
  );
  assert.equal(decisions, 3);
});

test("the manifest says what the schemas say, and its digest is of its bytes", () => {
  const served = endpoints([bank()], { name: "accounts", version: "2.3.0" });
  const answer = ask(served, "GET", "/.well-known/evento")!;
  assert.equal(answer.type, "application/vnd.evento.manifest.v1+json");
  assert.equal(served.manifestDigest, createHash("sha256").update(answer.body).digest("hex"));
  const manifest = JSON.parse(answer.text);
  assert.deepEqual(manifest.function, { name: "accounts", version: "2.3.0", sdk: "evento-typescript/0.1.0" });
  assert.deepEqual(manifest.protocol, { min: 1, max: 1, modes: ["plain", "run"], http: ["1.1"] });
  assert.equal(manifest.schemas.length, 4);
  assert.deepEqual(manifest.entities[0].applies, ["bank.DepositReceived"]);
});
