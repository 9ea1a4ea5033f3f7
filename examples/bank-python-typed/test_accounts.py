"""The account's rules as given, when, then: no server is needed."""

from accounts import accounts
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
    WithdrawalRejected,
    WithdrawCash,
)

OPENED = AccountOpened("Ada", "EUR")


def test_an_account_is_opened_once():
    accounts.given().when(OpenAccount("Ada")).then(OPENED).then_state(Account("Ada", "EUR", 0))
    again = accounts.given(OPENED).when(OpenAccount("Eve"))
    again.then_rejected(AccountOpeningRejected("the account exists")).unchanged()


def test_money_goes_in_and_out_as_far_as_it_is_there():
    rich = (OPENED, DepositReceived(100, "x"))
    received = accounts.given(*rich).when(ReceiveDeposit(20, "rent"))
    received.then(DepositReceived(20, "rent")).then_state(Account("Ada", "EUR", 120, deposits=2))
    accounts.given(*rich).when(WithdrawCash(100)).then(CashWithdrawn(100, "")).then_state(Account("Ada", "EUR", 0, 1))
    for amount, reason in ((101, "insufficient funds"), (0, "the amount must be above zero")):
        withdrawn = accounts.given(*rich).when(WithdrawCash(amount))
        withdrawn.then_rejected(WithdrawalRejected(amount, reason)).unchanged()
    sent = accounts.given(*rich).when(TransferOut(500, "bob"))
    sent.then_rejected(TransferRejected(500, "bob", "insufficient funds")).unchanged()


def test_only_an_empty_account_is_closed_and_then_nothing_moves():
    full = accounts.given(OPENED, DepositReceived(1, "")).when(CloseAccount())
    full.then_rejected(AccountClosingRejected("the account is not empty"))
    accounts.given(OPENED).when(CloseAccount()).then(AccountClosed())
    late = accounts.given(OPENED, AccountClosed()).when(ReceiveDeposit(1))
    late.then_rejected(DepositRejected(1, "the account is closed")).unchanged()
    accounts.given().when(ReceiveDeposit(1)).then_rejected(DepositRejected(1, "no such account"))
