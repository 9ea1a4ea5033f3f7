/**
 * What the types refuse. Each `@ts-expect-error` is an error when the line below it compiles after all.
 *
 * @module
 */
import { given } from "@evento/sdk/testing";

import {
  account,
  type AccountFunction,
  AccountClosed,
  AccountOpened,
  AccountOpeningRejected,
  CashWithdrawn,
  CloseAccount,
  DepositReceived,
  DepositRejected,
  type Account,
  TransferSent,
  WithdrawCash,
  WithdrawalRejected,
} from "../../../examples/bank-typescript/src/generated/bank.js";

const functions: AccountFunction = {
  handle: {
    OpenAccount: ({ owner, currency }) => AccountOpened({ owner, currency }),
    ReceiveDeposit: ({ amount, reference }) => DepositReceived({ amount, reference }),
    WithdrawCash: ({ amount, reference }) => [CashWithdrawn({ amount, reference }), CashWithdrawn({ amount, reference })],
    TransferOut: ({ amount, to, reference }) => TransferSent({ amount, to, reference }),
    CloseAccount: () => AccountClosed(),
  },
  apply: {
    AccountOpened: ({ owner, currency }) => ({ owner, currency, balance: 0n, deposits: 0, closed: false }),
    DepositReceived: (e, a) => a && { ...a, balance: a.balance + e.amount },
    CashWithdrawn: (e, a) => a && { ...a, balance: a.balance - e.amount },
    TransferSent: (e, a) => a && { ...a, balance: a.balance - e.amount },
    AccountClosed: () => null,
  },
};
const { handle, apply } = functions;
const accounts = account(functions);
const cash = CashWithdrawn({ amount: 1n, reference: "" });
const state: Account = { owner: "", currency: "", balance: 0n, deposits: 0, closed: false };

// @ts-expect-error a command without a function
account({ handle: { OpenAccount: handle.OpenAccount }, apply });

const { AccountClosed: forgotten, ...others } = apply;
// @ts-expect-error an event without a function
account({ handle, apply: others });
void forgotten;

// @ts-expect-error a function for a command that there is not
account({ handle: { ...handle, CloseEverything: () => AccountClosed() }, apply });

// @ts-expect-error a rejection changes no state
account({ handle, apply: { ...apply, DepositRejected: (_: DepositRejected, a: Account | null) => a } });

// @ts-expect-error no event at all
account({ handle: { ...handle, CloseAccount: () => [] }, apply });

// @ts-expect-error nothing
account({ handle: { ...handle, CloseAccount: () => {} }, apply });

// @ts-expect-error an event of another command, of the same shape
account({ handle: { ...handle, WithdrawCash: ({ amount, reference }) => DepositReceived({ amount, reference }) }, apply });

// @ts-expect-error an object that does not say which event it is
account({ handle: { ...handle, WithdrawCash: ({ amount, reference }) => ({ amount, reference }) }, apply });

// @ts-expect-error a promise: a decision waits for nothing
account({ handle: { ...handle, CloseAccount: async () => AccountClosed() }, apply });

// @ts-expect-error apply without an answer
account({ handle, apply: { ...apply, AccountClosed: () => undefined } });

// @ts-expect-error a state with a field missing
account({ handle, apply: { ...apply, AccountOpened: () => ({ owner: "", currency: "", balance: 0n, deposits: 0 }) } });

// @ts-expect-error a long is a bigint
WithdrawCash({ amount: 5 });

// @ts-expect-error a field without a default
AccountOpeningRejected({});

// @ts-expect-error events do not change
cash.amount = 2n;

// @ts-expect-error states do not change
state.balance = 2n;

// @ts-expect-error an event is not a command
given(accounts).when(cash);

// @ts-expect-error a command is not an event
given(accounts, CloseAccount());

// @ts-expect-error a check without any event
given(accounts).when(CloseAccount()).then();

// @ts-expect-error a field that there is not
given(accounts).when(CloseAccount()).then(WithdrawalRejected({ amount: 1n, reason: "", more: 1 }));
