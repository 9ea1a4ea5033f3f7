/**
 * The bank's account as a component in JavaScript: decisions and evolution, as in ../../bank-python.
 *
 * A long is a bigint here, since a number holds 53 bits only.
 */

import { SCHEMAS } from "./bank_schemas.js";
import * as framing from "./run.js";

const unusable = (account) =>
  account === null ? "no such account" : account.closed ? "the account is closed" : null;

const unpayable = (account, amount) => {
  if (amount <= 0n) return "the amount must be above zero";
  return unusable(account) ?? (account.balance < amount ? "insufficient funds" : null);
};

const openAccount = (command, account) =>
  account === null ? ["AccountOpened", command] : ["AccountOpeningRejected", { reason: "the account exists" }];

const receiveDeposit = (command, account) => {
  const { amount } = command;
  let reason = amount > 0n ? unusable(account) : "the amount must be above zero";
  if (reason === null && account.balance + amount >= 2n ** 63n) reason = "the balance would be too large";
  return reason === null ? ["DepositReceived", command] : ["DepositRejected", { amount, reason }];
};

const withdrawCash = (command, account) => {
  const reason = unpayable(account, command.amount);
  return reason === null ? ["CashWithdrawn", command] : ["WithdrawalRejected", { amount: command.amount, reason }];
};

const transferOut = (command, account) => {
  const { amount, to } = command;
  const reason = unpayable(account, amount);
  return reason === null ? ["TransferSent", command] : ["TransferRejected", { amount, to, reason }];
};

const closeAccount = (_command, account) => {
  const reason = unusable(account) ?? (account.balance === 0n ? null : "the account is not empty");
  return reason === null ? ["AccountClosed", {}] : ["AccountClosingRejected", { reason }];
};

const onPayment = (event, account) => ({ ...account, balance: account.balance - event.amount });

const bank = {
  entity: "bank.Account",
  sdk: "bank-wasm-javascript/1",
  schemas: SCHEMAS,
  rejections: [
    "AccountOpeningRejected",
    "DepositRejected",
    "WithdrawalRejected",
    "TransferRejected",
    "AccountClosingRejected",
  ],
  handle: {
    "bank.OpenAccount": [openAccount, ["AccountOpened", "AccountOpeningRejected"]],
    "bank.ReceiveDeposit": [receiveDeposit, ["DepositReceived", "DepositRejected"]],
    "bank.WithdrawCash": [withdrawCash, ["CashWithdrawn", "WithdrawalRejected"]],
    "bank.TransferOut": [transferOut, ["TransferSent", "TransferRejected"]],
    "bank.CloseAccount": [closeAccount, ["AccountClosed", "AccountClosingRejected"]],
  },
  apply: {
    "bank.AccountOpened": (event) => ({ ...event, balance: 0n, deposits: 0n, closed: false }),
    "bank.DepositReceived": (event, account) => ({
      ...account,
      balance: account.balance + event.amount,
      deposits: account.deposits < 2n ** 31n - 1n ? account.deposits + 1n : account.deposits,
    }),
    "bank.CashWithdrawn": onPayment,
    "bank.TransferSent": onPayment,
    "bank.AccountClosed": (_event, account) => ({ ...account, closed: true }),
  },
};

/** What Evento calls. */
export const run = (request) => framing.run(request, bank);

/** What the function says of itself. */
export const manifest = () => framing.manifest(bank);
