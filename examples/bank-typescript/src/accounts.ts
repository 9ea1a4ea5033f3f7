/**
 * The account: what is decided about it, and what it is after each event. `main.ts` serves it.
 *
 * @module
 */
import {
  type Account,
  account,
  AccountClosed,
  AccountClosingRejected,
  AccountOpened,
  AccountOpeningRejected,
  CashWithdrawn,
  DepositReceived,
  DepositRejected,
  TransferRejected,
  TransferSent,
  WithdrawalRejected,
} from "./generated/bank.js";

/** The largest balance: a long has 64 bits. */
const BALANCE_MAX = 2n ** 63n - 1n;
/** The most deposits that are counted: an int has 32 bits. */
const DEPOSITS_MAX = 2 ** 31 - 1;

/** Why nothing can be done with an account, if so. */
function unusable(a: Account | null): string | undefined {
  if (a === null) return "no such account";
  return a.closed ? "the account is closed" : undefined;
}

/** Why an amount cannot leave an account, if so. */
function unpayable(a: Account | null, amount: bigint): string | undefined {
  if (amount <= 0n) return "the amount must be above zero";
  return unusable(a) ?? (a!.balance < amount ? "insufficient funds" : undefined);
}

/** Why an amount cannot come in, if so. */
function unreceivable(a: Account | null, amount: bigint): string | undefined {
  if (amount <= 0n) return "the amount must be above zero";
  return unusable(a) ?? (a!.balance + amount > BALANCE_MAX ? "the balance would be too large" : undefined);
}

export const accounts = account({
  handle: {
    OpenAccount: ({ owner, currency }, a) =>
      a === null ? AccountOpened({ owner, currency }) : AccountOpeningRejected({ reason: "the account exists" }),
    ReceiveDeposit: ({ amount, reference }, a) => {
      const reason = unreceivable(a, amount);
      return reason === undefined ? DepositReceived({ amount, reference }) : DepositRejected({ amount, reason });
    },
    WithdrawCash: ({ amount, reference }, a) => {
      const reason = unpayable(a, amount);
      return reason === undefined ? CashWithdrawn({ amount, reference }) : WithdrawalRejected({ amount, reason });
    },
    TransferOut: ({ amount, to, reference }, a) => {
      const reason = unpayable(a, amount);
      return reason === undefined ? TransferSent({ amount, to, reference }) : TransferRejected({ amount, to, reason });
    },
    CloseAccount: (_, a) => {
      const reason = unusable(a) ?? (a!.balance !== 0n ? "the account is not empty" : undefined);
      return reason === undefined ? AccountClosed() : AccountClosingRejected({ reason });
    },
  },
  apply: {
    AccountOpened: ({ owner, currency }) => ({ owner, currency, balance: 0n, deposits: 0, closed: false }),
    DepositReceived: (e, a) =>
      a && { ...a, balance: a.balance + e.amount, deposits: Math.min(a.deposits + 1, DEPOSITS_MAX) },
    CashWithdrawn: (e, a) => a && { ...a, balance: a.balance - e.amount },
    TransferSent: (e, a) => a && { ...a, balance: a.balance - e.amount },
    AccountClosed: (_, a) => a && { ...a, closed: true },
  },
});
