/**
 * What the account decides, told as given, when, then.
 *
 * @module
 */
import { test } from "node:test";

import { given, givenState } from "@evento/sdk/testing";

import { accounts } from "./accounts.js";
import {
  Account,
  AccountClosed,
  AccountClosingRejected,
  AccountOpened,
  AccountOpeningRejected,
  CashWithdrawn,
  CloseAccount,
  DepositReceived,
  DepositRejected,
  OpenAccount,
  ReceiveDeposit,
  TransferOut,
  TransferRejected,
  WithdrawalRejected,
  WithdrawCash,
} from "./generated/bank.js";

const opened = AccountOpened({ owner: "Ada", currency: "EUR" });
const received = (amount: bigint) => DepositReceived({ amount, reference: "x" });
const account = (balance: bigint, deposits: number) => Account({ owner: "Ada", currency: "EUR", balance, deposits });

test("an account is opened once", () => {
  given(accounts)
    .when(OpenAccount({ owner: "Ada" }))
    .then(opened)
    .thenState(account(0n, 0));
  given(accounts, opened)
    .when(OpenAccount({ owner: "Eve" }))
    .thenRejected(AccountOpeningRejected({ reason: "the account exists" }))
    .unchanged();
});

test("money goes in and out as far as it is there", () => {
  given(accounts, opened, received(100n))
    .when(ReceiveDeposit({ amount: 20n, reference: "rent" }))
    .then(DepositReceived({ amount: 20n, reference: "rent" }))
    .thenState(account(120n, 2));
  given(accounts, opened, received(100n))
    .when(WithdrawCash({ amount: 100n }))
    .then(CashWithdrawn({ amount: 100n, reference: "" }))
    .thenState(account(0n, 1));
  given(accounts, opened, received(100n))
    .when(WithdrawCash({ amount: 101n }))
    .thenRejected(WithdrawalRejected({ amount: 101n, reason: "insufficient funds" }))
    .unchanged();
  given(accounts, opened, received(100n))
    .when(TransferOut({ amount: 500n, to: "bob" }))
    .thenRejected(TransferRejected({ amount: 500n, to: "bob", reason: "insufficient funds" }));
});

test("a balance ends where a long ends", () => {
  givenState(accounts, account(2n ** 63n - 1n, 1))
    .when(ReceiveDeposit({ amount: 1n }))
    .thenRejected(DepositRejected({ amount: 1n, reason: "the balance would be too large" }));
});

test("only an empty account is closed, and then nothing moves", () => {
  const notEmpty = AccountClosingRejected({ reason: "the account is not empty" });
  given(accounts, opened, received(1n)).when(CloseAccount()).thenRejected(notEmpty);
  given(accounts, opened).when(CloseAccount()).then(AccountClosed());
  given(accounts, opened, AccountClosed())
    .when(ReceiveDeposit({ amount: 1n }))
    .thenRejected(DepositRejected({ amount: 1n, reason: "the account is closed" }))
    .unchanged();
  given(accounts)
    .when(ReceiveDeposit({ amount: 1n }))
    .thenRejected(DepositRejected({ amount: 1n, reason: "no such account" }));
});
