"""The test kit fails where Evento would refuse, and says what differs."""

from datetime import datetime, timezone

import pytest

from common import bank
from evento import ApplyContext, Context, Function, Poison, Retry
from golden_bank import Account, DepositCash, DepositReceived, DepositRefused

REFUSED = DepositRefused("the amount must be above zero")


def test_a_test_is_told_in_one_line():
    outcome = bank().given(DepositReceived(5, "x")).when(DepositCash(7, "y"))
    outcome.then(DepositReceived(7, "y")).then_state(Account("test", "EUR", 12, 2))
    bank().given(DepositReceived(5, "x")).when(DepositCash(0)).then_rejected(REFUSED).unchanged()
    bank().given_state(Account("Ada", "EUR", 1)).when(DepositCash(1)).then_state(Account("Ada", "EUR", 2, 1))
    bank().given_state(None).when(DepositCash(1, "end")).then_state(None)


def test_a_failure_is_no_rejection():
    failure = bank(fails=True).given().when(DepositCash(1)).then_fails(Poison)
    assert failure.title == "no such tariff"
    assert bank().given().when(DepositCash(1, "crash")).then_fails(Retry).title.startswith("ZeroDivisionError")


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (lambda o: o.then(DepositReceived(8, "y")), "DepositReceived.amount: 7, expected 8"),
        (lambda o: o.then(REFUSED), "expected: DepositRefused"),
        (lambda o: o.then(DepositReceived(7, "y"), REFUSED), "(nothing)"),
        (lambda o: o.then_rejected(DepositReceived(7, "y")), "is no rejection"),
        (lambda o: o.then_state(Account("test", "EUR", 8)), "Account.balance: 7, expected 8"),
        (lambda o: o.unchanged(), "expected: None"),
        (lambda o: o.then_fails(), "it did not fail: it emitted DepositReceived"),
        (lambda o: o.then_state(Account("test", "EUR", "7")), "cannot pass through its codec"),
    ],
)
def test_what_differs_is_said(check, message):
    outcome = bank().given().when(DepositCash(7, "y"))
    with pytest.raises(AssertionError) as raised:
        check(outcome)
    assert message in str(raised.value)


def test_time_seed_and_id_are_handed_in():
    seen = []
    function = Function(Account)

    @function.handle
    def look(cmd: DepositCash, account: Account | None, context: Context) -> DepositReceived:
        seen.append((context.entity_id, context.seq, context.time, context.seed, context.command_id))
        return DepositReceived(1, str(context.uuid(0)))

    @function.apply
    def seen_by_apply(ev: DepositReceived, account: Account | None, context: ApplyContext) -> Account:
        assert type(context) is ApplyContext
        return Account(context.entity_id, context.time.isoformat(), 0)

    noon = datetime(2026, 1, 2, 12, tzinfo=timezone.utc)
    outcome = function.given(DepositReceived(1, "")).at(noon).seed(bytes(16)).id("Zoë").when(DepositCash(1))
    outcome.then(DepositReceived(1, "ea81bf51-21bc-80a9-b6fc-7d0300e48f5c"))
    outcome.then_state(Account("Zoë", "2026-01-02T12:00:00+00:00", 0))
    assert seen[0] == ("Zoë", 1, noon, bytes(16), "command") and len(seen) == 2
    with pytest.raises(ValueError, match="16 bytes"):
        function.given().seed(b"x")
    with pytest.raises(ValueError, match="time zone"):
        function.given().at(datetime(2026, 1, 1))


def test_a_decision_that_is_not_deterministic_is_found():
    numbers = iter(range(9))
    function = Function(Account)
    function.handle(lambda_handler(numbers))

    @function.apply
    def deposited(ev: DepositReceived, account: Account | None) -> Account:
        return Account("A", "EUR", 0)

    with pytest.raises(AssertionError, match="handle of DepositCash is not deterministic"):
        function.given().when(DepositCash(1))


def lambda_handler(numbers):
    def handler(cmd: DepositCash, account: Account | None) -> DepositReceived:
        return DepositReceived(next(numbers), "")

    return handler


def test_an_apply_that_is_not_deterministic_or_fails_is_found():
    numbers = iter(range(9))
    function = Function(Account)

    @function.handle
    def deposit(cmd: DepositCash, account: Account | None) -> DepositReceived:
        return DepositReceived(cmd.amount, "")

    @function.apply
    def deposited(ev: DepositReceived, account: Account | None) -> Account:
        if ev.amount > 5:
            raise ValueError("too much")
        return Account("A", "EUR", next(numbers))

    with pytest.raises(AssertionError, match=r"not deterministic\nstate: not as expected\n  Account.balance: 0"):
        function.given(DepositReceived(1, "")).when(DepositCash(1))
    with pytest.raises(AssertionError, match="ValueError: too much; no command that emits it commits"):
        function.given().when(DepositCash(6))


def test_states_and_events_are_frozen():
    function = Function(Account)

    @function.handle
    def change(cmd: DepositCash, account: Account | None) -> DepositReceived:
        cmd.amount = 9
        return DepositReceived(1, "")

    @function.apply
    def deposited(ev: DepositReceived, account: Account | None) -> Account:
        return Account("A", "EUR", 0)

    assert "FrozenInstanceError" in function.given().when(DepositCash(1)).then_fails().title
