"""What is wrong with a function is said when it is served, all at once, with what to change."""

from __future__ import annotations

from typing import NoReturn

import pytest

from common import bank
from evento import Function, FunctionError, Retry
from evento.failure import ContractBroken
from golden_bank import Account, DepositCash, DepositReceived, DepositRefused


def deposit(cmd: DepositCash, account: Account | None) -> DepositReceived | DepositRefused:
    return DepositReceived(cmd.amount, cmd.reference)


def deposited(ev: DepositReceived, account: Account | None) -> Account | None:
    return account


def problems(handle=deposit, apply=deposited):
    function = Function(Account)
    if handle:
        function.handle(handle)
    if apply:
        function.apply(apply)
    with pytest.raises(FunctionError) as raised:
        function.check()
    return str(raised.value)


def test_a_function_that_fits_is_served():
    bank().check()


def test_what_is_missing_is_written_out():
    text = problems(None, None)
    assert "nothing handles DepositCash" in text and "nothing applies DepositReceived" in text
    assert "def deposit_cash(cmd: DepositCash, account: Account | None) -> DepositReceived | DepositRefused" in text
    assert "DepositRefused, so" not in text


def answers_another(cmd: DepositCash, account: Account | None) -> DepositReceived | DepositCash: ...
def answers_none(cmd: DepositCash, account: Account | None) -> DepositReceived | None: ...
def says_nothing(cmd: DepositCash, account: Account | None): ...
def knows_the_state(cmd: DepositCash, account: Account) -> DepositReceived: ...
def takes_another(cmd: DepositReceived, account: Account | None) -> DepositReceived: ...
def takes_one(cmd: DepositCash) -> DepositReceived: ...
def takes_nobody(cmd, account) -> DepositReceived: ...
def names_nobody(cmd: Missing, account: Account | None) -> DepositReceived: ...  # noqa: F821
def mistakes_the_state(cmd: DepositCash, account: str) -> DepositReceived: ...
async def waits(cmd: DepositCash, account: Account | None) -> DepositReceived: ...


@pytest.mark.parametrize(
    ("handle", "message"),
    [
        (answers_another, "it answers DepositCash, but deposit-cash emits only DepositReceived or DepositRefused"),
        (answers_none, "never none"),
        (says_nothing, "say what it answers: `-> DepositReceived | DepositRefused`"),
        (knows_the_state, "the state may be None"),
        (takes_another, "DepositReceived is no command of bank.Account"),
        (takes_one, "two or three parameters, not 1"),
        (takes_nobody, "annotate its first parameter with the command: DepositCash"),
        (names_nobody, "import the name at run time"),
        (mistakes_the_state, "its second parameter is the state: annotate it `Account | None`"),
        (waits, "a function has nothing to wait for"),
    ],
)
def test_a_handler_that_does_not_fit_is_refused_with_its_place(handle, message):
    text = problems(handle)
    assert message in text and f"{handle.__name__} (test_contract.py:" in text


def applies_a_command(ev: DepositCash, account: Account | None) -> Account: ...
def gives_an_event(ev: DepositReceived, account: Account | None) -> DepositReceived: ...


@pytest.mark.parametrize(
    ("apply", "message"),
    [
        (applies_a_command, "DepositCash is no event of bank.Account"),
        (gives_an_event, "it answers DepositReceived; apply answers the state"),
    ],
)
def test_an_applier_that_does_not_fit_is_refused(apply, message):
    assert message in problems(apply=apply)


def test_two_for_one_command_are_refused():
    function = Function(Account)
    function.handle(deposit)
    function.handle(deposit)
    function.apply(deposited)
    with pytest.raises(FunctionError, match="is taken by"):
        function.check()


def test_answers_may_be_several_or_never_come():
    def several(cmd: DepositCash, account: Account | None) -> tuple[DepositReceived, ...] | list[DepositRefused]: ...
    def never(cmd: DepositCash, account: Account | None) -> NoReturn: ...

    for fn in (several, never):
        function = Function(Account)
        function.handle(fn)
        function.apply(deposited)
        function.check()


def test_a_function_may_only_handle_or_only_apply():
    handles = Function(Account, applies=False)
    handles.handle(deposit)
    assert handles.manifest_entity()["applies"] == []
    applies = Function(Account, handles=())
    applies.apply(deposited)
    assert applies.manifest_entity()["handles"] == []
    with pytest.raises(FunctionError, match="is no command"):
        Function(Account, handles=(DepositReceived,))


def test_a_class_that_is_no_entity_is_refused():
    with pytest.raises(TypeError, match="is no entity made by"):
        Function(DepositCash)


def test_the_input_may_be_named_instead_of_annotated():
    function = Function(Account)

    @function.handle(DepositCash)
    def anything(cmd, account) -> DepositReceived:
        return DepositReceived(1, "")

    function.apply(deposited)
    function.check()


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        (None, "DepositCash was answered with NoneType"),
        ((), "handle answered no event"),
        ([], "handle answered no event"),
        (DepositCash(1), "DepositCash was answered with DepositCash"),
        ((DepositReceived(1, ""), 7), "DepositCash was answered with int"),
    ],
)
def test_an_answer_that_breaks_the_contract_is_found_before_evento_sees_it(answer, title):
    function = Function(Account)

    @function.handle
    def wrong(cmd: DepositCash, account: Account | None) -> DepositReceived:
        return answer

    function.apply(deposited)
    failure = function.given().when(DepositCash(1)).then_fails(ContractBroken)
    assert failure.title == title


def test_a_value_that_cannot_be_written_is_an_error_of_the_function_with_the_field_named():
    function = Function(Account)

    @function.handle
    def too_much(cmd: DepositCash, account: Account | None) -> DepositReceived:
        return DepositReceived(cmd.amount + 1, "")

    function.apply(deposited)
    failure = function.given().when(DepositCash(2**63 - 1)).then_fails(Retry)
    assert failure.title == "DepositReceived cannot be written"
    assert "bank.DepositReceived.amount: an int of 64 bits is expected" in failure.detail
