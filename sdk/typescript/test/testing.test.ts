/**
 * The test kit: it passes what is right and fails where Evento would refuse.
 *
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";

import { Context } from "../src/context.js";
import type { EntityFunction, Message } from "../src/entity.js";
import { given, givenState } from "../src/testing.js";
import { Timestamp } from "../src/values/timestamp.js";
import { bank, type Money, received } from "./golden-bank.js";

type Bank = EntityFunction<unknown, Money, Money>;

const account = (balance: bigint, deposits: number) => ({ owner: "", currency: "", balance, deposits });
const deposit = (amount: bigint, reference = "x"): Money => ({ $type: "bank.DepositCash", amount, reference });
const as = (entity: EntityFunction) => entity as unknown as Bank;

test("what is right passes", () => {
  given(as(bank()), received(1n, "a"), received(2n, "b"))
    .when(deposit(3n))
    .then(received(3n, "x"))
    .thenState(account(6n, 3));
  givenState(as(bank()), account(5n, 1)).when(deposit(1n)).thenState(account(6n, 2));
  const refusing = bank(({ amount, reference }) => ({ $type: "bank.Refused", amount, reference }));
  given(as(refusing)).when(deposit(1n)).thenRejected({ $type: "bank.Refused", amount: 1n, reference: "x" }).unchanged();
});

test("the context is what the test says, or always the same", () => {
  const told: unknown[] = [];
  const telling = bank(({ amount }, _, cx) => {
    told.push([cx.entityId, cx.seq, cx.time.toString(), cx.seed[0]]);
    return received(amount, cx.uuid(0));
  });
  given(as(telling), received(1n, ""))
    .at(Timestamp.ofMillis(0))
    .seed(new Uint8Array(16).fill(3))
    .id("a/1")
    .when(deposit(1n));
  assert.deepEqual(told, [
    ["a/1", 1n, "1970-01-01T00:00:00.000Z", 3],
    ["a/1", 1n, "1970-01-01T00:00:00.000Z", 3],
  ]);
  const standard = new Context("test", 0n, "command", 0, new Uint8Array(16).fill(7));
  given(as(telling))
    .when(deposit(1n))
    .then(received(1n, standard.uuid(0)));
});

test("what is wrong fails, and says so", () => {
  let calls = 0n;
  const cases: readonly (readonly [() => unknown, RegExp])[] = [
    [() => given(as(bank())).when(deposit(1n)).then(received(2n, "x")), /2n/],
    [() => given(as(bank())).when(deposit(1n)).then(received(1n, "x"), received(1n, "x")), /length|Expected/i],
    [
      () => given(as(bank())).when(deposit(1n)).thenRejected(received(1n, "x")),
      /bank\.DepositReceived is no rejection/,
    ],
    [() => given(as(bank())).when(deposit(1n)).thenState(account(2n, 1)), /2n/],
    [() => given(as(bank())).when(deposit(1n)).unchanged(), /the state changed/],
    [() => given(as(bank())).when(deposit(1n)).thenFails(), /answered bank\.DepositReceived and did not fail/],
    [() => given(as(bank())).when({ $type: "bank.Nothing" } as Message as Money), /has no command bank\.Nothing/],
    [() => given(as(bank()), deposit(1n)).when(deposit(1n)), /has no event bank\.DepositCash/],
    [() => given(as(bank())).when({ ...deposit(1n), more: 1 } as Money), /does not pass through its codec/],
    [() => given(as(bank())).when(deposit(1 as unknown as bigint)), /a long is a bigint/],
    [
      () => given(as(bank(({ amount }) => received(amount + calls++, "")))).when(deposit(1n)),
      /handle of .* is not deterministic/,
    ],
    [
      () => given(as(bank(undefined, (e) => account(e.amount + calls++, 1)))).when(deposit(1n)),
      /apply is not deterministic/,
    ],
    [
      () =>
        given(
          as(bank(undefined, (_, a) => Object.assign(a ?? account(0n, 0), { balance: 1n }))),
          received(1n, ""),
        ).when(deposit(1n)),
      /read only property 'balance'/,
    ],
    [
      () =>
        given(
          as(
            bank(() => {
              throw new Error("no tax table");
            }),
          ),
        )
          .when(deposit(1n))
          .then(received(1n, "x")),
      /the function failed: Error: no tax table/,
    ],
  ];
  for (const [run, message] of cases) assert.throws(run, message);
});

test("a failure that is expected is handed over", () => {
  const failing = bank(() => {
    throw new Error("no tax table");
  });
  const failure = given(as(failing)).when(deposit(1n)).thenFails("tax table");
  assert.equal(failure.kind, "RETRY");
  assert.throws(
    () => given(as(failing)).when(deposit(1n)).thenFails("another"),
    /it failed with "Error: no tax table"/,
  );
});
