/**
 * The bank of the golden files (function-protocol 6.3), its codecs written by hand.
 *
 * @module
 */
import { readFileSync } from "node:fs";

import { Failure } from "../src/failure.js";
import { type Context, EntityFunction, type Reader, type Writer } from "../src/runtime.js";

/** The bytes of a golden file of the conformance kit. */
export function golden(name: string): Uint8Array {
  const text = readFileSync(new URL(`../../../conformance/golden/${name}.hex`, import.meta.url), "utf8");
  return Uint8Array.from(Buffer.from(text.replace(/\s+/g, ""), "hex"));
}

interface Account {
  readonly owner: string;
  readonly currency: string;
  readonly balance: bigint;
  readonly deposits: number;
}

export interface Money {
  readonly $type: string;
  readonly amount: bigint;
  readonly reference: string;
}

const readAccount = (r: Reader): Account => {
  return { owner: r.string(), currency: r.string(), balance: r.long(), deposits: r.int() };
};

const writeAccount = (w: Writer, value: Account): void => {
  w.string(value.owner, "bank.Account.owner");
  w.string(value.currency, "bank.Account.currency");
  w.long(value.balance, "bank.Account.balance");
  w.int(value.deposits, "bank.Account.deposits");
};

const money = (name: string) => ({
  name,
  read: (r: Reader): Money => ({ $type: name, amount: r.long(), reference: r.string() }),
  write: (w: Writer, value: Money): void => {
    w.long(value.amount, `${name}.amount`);
    w.string(value.reference, `${name}.reference`);
  },
});

const field = (name: string, type: string) => ({ name, type });
const moneyFields = [field("amount", "long"), field("reference", "string")];
const schema = (name: string, fields: object) => JSON.stringify({ type: "record", name: `bank.${name}`, fields });

type Handle = (command: Money, account: Account | null, context: Context) => Money | readonly Money[];
type Apply = (event: Money, account: Account | null) => Account | null | undefined;

export const received = (amount: bigint, reference: string): Money => {
  return { $type: "bank.DepositReceived", amount, reference };
};

const deposit: Handle = ({ amount, reference }) => {
  if (reference === "no such tariff") throw Failure.poison("no such tariff");
  return received(amount, reference);
};

const depositReceived: Apply = (e, a) => {
  const account = a ?? { owner: "", currency: "", balance: 0n, deposits: 0 };
  return { ...account, balance: account.balance + e.amount, deposits: account.deposits + 1 };
};

/** The bank's account; what it does can be replaced. */
export function bank(handle: Handle = deposit, apply: Apply = depositReceived): EntityFunction {
  const accountFields = [field("owner", "string"), field("currency", "string"), field("balance", "long")];
  return new EntityFunction(
    {
      state: { name: "bank.Account", read: readAccount, write: writeAccount },
      commands: [
        { key: "DepositCash", codec: money("bank.DepositCash"), emits: ["bank.DepositReceived", "bank.Refused"] },
      ],
      events: [
        { key: "DepositReceived", codec: money("bank.DepositReceived"), rejection: false, applied: true },
        { key: "Refused", codec: money("bank.Refused"), rejection: true, applied: false },
      ],
      schemas: [
        schema("Account", [...accountFields, field("deposits", "int")]),
        schema("DepositCash", moneyFields),
        schema("DepositReceived", moneyFields),
        schema("Refused", moneyFields),
      ],
      manifest: JSON.stringify({
        name: "bank.Account",
        handles: [{ command: "bank.DepositCash", emits: ["bank.DepositReceived", "bank.Refused"] }],
        applies: ["bank.DepositReceived"],
        rejections: ["bank.Refused"],
        stateVersion: 1,
      }),
    },
    { handle: { DepositCash: handle }, apply: { DepositReceived: apply } },
  );
}
