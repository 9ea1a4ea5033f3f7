"""The function of the golden files as a process of its own."""

import time

from evento import Context, Function, Poison
from golden_bank import Account, DepositCash, DepositReceived, DepositRefused

accounts = Function(Account, version="9")


@accounts.handle
def deposit(
    cmd: DepositCash, account: Account | None, context: Context
) -> tuple[DepositReceived | DepositRefused, ...]:
    if cmd.reference == "sleep":
        time.sleep(cmd.amount / 1000)
    if cmd.reference == "poison":
        raise Poison("no such tariff")
    if cmd.reference == "crash":
        context.log.info("about to crash")
        raise ZeroDivisionError("nothing to divide")
    if cmd.reference == "exit":
        raise SystemExit(3)
    if cmd.reference == "many":
        return tuple(DepositReceived(n, "") for n in range(cmd.amount))
    if cmd.amount <= 0:
        return (DepositRefused("the amount must be above zero"),)
    return (DepositReceived(cmd.amount, cmd.reference),)


@accounts.apply
def deposited(ev: DepositReceived, account: Account | None) -> Account | None:
    if ev.reference == "end":
        return None
    was = account or Account("A", "EUR", 0)
    return Account(was.owner, was.currency, was.balance + ev.amount, was.deposits + 1)


if __name__ == "__main__":
    accounts.serve()
