"""The bank's account in Python on the Evento SDK: five commands, the events that they emit, and the state.

`bank` is made by `evento gen python` from the resources. The rules are those of the Rust bank, and so are the bytes.
"""

import bank
from bank import (
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
    TransferSent,
    WithdrawalRejected,
    WithdrawCash,
)

from evento import Function, replace

BALANCE_MAX = 2**63 - 1

accounts = Function(bank.Account)


def unusable(account: Account | None) -> str | None:
    """Why nothing can be done with an account, if so."""
    if account is None:
        return "no such account"
    return "the account is closed" if account.closed else None


def unpayable(account: Account | None, amount: int) -> str | None:
    """Why an amount cannot leave an account, if so."""
    if amount <= 0:
        return "the amount must be above zero"
    if account is not None and not account.closed and account.balance < amount:
        return "insufficient funds"
    return unusable(account)


# Decisions: command and account in, events out.


@accounts.handle
def open_account(cmd: OpenAccount, account: Account | None) -> AccountOpened | AccountOpeningRejected:
    if account is not None:
        return AccountOpeningRejected("the account exists")
    return AccountOpened(cmd.owner, cmd.currency)


@accounts.handle
def receive_deposit(cmd: ReceiveDeposit, account: Account | None) -> DepositReceived | DepositRejected:
    reason = unusable(account) if cmd.amount > 0 else "the amount must be above zero"
    if reason is None and account is not None and account.balance + cmd.amount > BALANCE_MAX:
        reason = "the balance would be too large"
    if reason is not None:
        return DepositRejected(cmd.amount, reason)
    return DepositReceived(cmd.amount, cmd.reference)


@accounts.handle
def withdraw_cash(cmd: WithdrawCash, account: Account | None) -> CashWithdrawn | WithdrawalRejected:
    reason = unpayable(account, cmd.amount)
    if reason is not None:
        return WithdrawalRejected(cmd.amount, reason)
    return CashWithdrawn(cmd.amount, cmd.reference)


@accounts.handle
def transfer_out(cmd: TransferOut, account: Account | None) -> TransferSent | TransferRejected:
    reason = unpayable(account, cmd.amount)
    if reason is not None:
        return TransferRejected(cmd.amount, cmd.to, reason)
    return TransferSent(cmd.amount, cmd.to, cmd.reference)


@accounts.handle
def close_account(cmd: CloseAccount, account: Account | None) -> AccountClosed | AccountClosingRejected:
    reason = unusable(account)
    if reason is None and account is not None and account.balance != 0:
        reason = "the account is not empty"
    return AccountClosed() if reason is None else AccountClosingRejected(reason)


# Evolution: event and account in, account out.


@accounts.apply
def on_account_opened(ev: AccountOpened, account: Account | None) -> Account:
    return Account(ev.owner, ev.currency, balance=0)


@accounts.apply
def on_deposit_received(ev: DepositReceived, account: Account | None) -> Account | None:
    if account is None:
        return None
    deposits = min(account.deposits + 1, 2**31 - 1)
    return replace(account, balance=account.balance + ev.amount, deposits=deposits)


@accounts.apply
def on_cash_withdrawn(ev: CashWithdrawn, account: Account | None) -> Account | None:
    return account and replace(account, balance=account.balance - ev.amount)


@accounts.apply
def on_transfer_sent(ev: TransferSent, account: Account | None) -> Account | None:
    return account and replace(account, balance=account.balance - ev.amount)


@accounts.apply
def on_account_closed(ev: AccountClosed, account: Account | None) -> Account | None:
    return account and replace(account, closed=True)


if __name__ == "__main__":
    accounts.serve()
