"""The batch framing: golden bytes, chained steps, failures that stay with their work."""

import pytest

from common import ACCOUNT, bank, golden, request, results, step, work
from evento import codec_of
from evento.avro import Malformed
from evento.failure import DeadlineOver
from evento.host import Host
from evento.run import run
from golden_bank import Account, DepositCash, DepositReceived, DepositRefused


def encoded(value):
    return codec_of(type(value)).encode(value)


def functions(fails=False):
    return Host(bank(fails)).functions


def ran(works, entity="bank.Account"):
    return results(run(functions(), request(entity, works), None))


def deposit(amount, reference="", **more):
    return step("bank.DepositCash", encoded(DepositCash(amount, reference)), **more)


def received(amount, reference=""):
    return step("bank.DepositReceived", encoded(DepositReceived(amount, reference)), seed=b"")


def balances(outcome):
    return [state and codec_of(Account).decode(state).balance for state in outcome["states"]]


def test_the_golden_request_has_the_golden_reply():
    assert run(functions(), golden("run-request.hex"), None) == golden("run-response.hex")


def test_a_poisoned_command_has_the_golden_failure():
    assert run(functions(fails=True), golden("run-request.hex"), None) == golden("run-response-poison.hex")


def test_a_request_cut_or_lengthened_anywhere_is_refused():
    whole = golden("run-request.hex")
    for end in range(len(whole)):
        with pytest.raises(Malformed):
            run(functions(), whole[:end], None)
    with pytest.raises(Malformed, match="left over"):
        run(functions(), whole + b"\x00", None)
    with pytest.raises(Malformed, match="UTF-8"):
        run(functions(), whole.replace(b"a-1", b"a\xff1"), None)
    with pytest.raises(Malformed, match="items"):
        run(functions(), whole[:13] + b"\xfe\xff\xff\xff\x0f" + whole[14:], None)


def test_commands_of_one_instance_are_chained():
    (result,) = ran([work([deposit(5), deposit(0), deposit(7)], state=encoded(ACCOUNT))])
    assert [[event["type"] for event in outcome["events"]] for outcome in result["outcomes"]] == [
        ["bank.DepositReceived"],
        ["bank.DepositRefused"],
        ["bank.DepositReceived"],
    ]
    assert [balances(outcome) for outcome in result["outcomes"]] == [[1005], [1005], [1012]]
    assert result["failure"] is None


@pytest.mark.parametrize(("want", "states"), [("NONE", [[], []]), ("FINAL", [[], [12]]), ("EACH", [[5], [12]])])
def test_states_come_as_they_are_asked_for(want, states):
    for steps, kind in (([deposit(5), deposit(7)], "COMMAND"), ([received(5), received(7)], "EVENT")):
        (result,) = ran([work(steps, kind=kind, returnState=want)])
        # Without states, commands are not chained: what a function only handles is one command for each work.
        assert [balances(outcome) for outcome in result["outcomes"]] == states


def test_an_instance_may_end_and_begin_anew():
    (result,) = ran([work([received(5), received(1, "end"), received(7)], kind="EVENT", entityId="b", seq=3)])
    assert [balances(outcome) for outcome in result["outcomes"]] == [[5], [None], [7]]


def test_a_failure_leaves_the_outcomes_before_it_and_the_other_works():
    failing = work([deposit(1), deposit(2, "crash"), deposit(3)], ref=7)
    first, second = ran([failing, work([deposit(4)], ref=8)])
    assert (first["ref"], len(first["outcomes"]), second["ref"], len(second["outcomes"])) == (7, 1, 8, 1)
    assert first["failure"]["step"] == 1 and first["failure"]["kind"] == "RETRY"
    assert first["failure"]["title"] == "ZeroDivisionError: nothing to divide"
    assert "common.py" in first["failure"]["detail"] and "in deposit" in first["failure"]["detail"]
    assert second["failure"] is None


def test_under_development_the_stack_is_told_from_the_authors_frame_on(monkeypatch):
    monkeypatch.setenv("EVENTO_DEV", "1")
    (result,) = ran([work([deposit(2, "crash")])])
    detail = result["failure"]["detail"]
    assert detail.startswith("Traceback") and detail.endswith("ZeroDivisionError: nothing to divide\n")
    assert "in deposit" in detail and "function.py" not in detail


@pytest.mark.parametrize(
    ("works", "entity", "title"),
    [
        ([work([step("bank.Gone", b"")])], "bank.Account", "unknown command bank.Gone"),
        ([work([step("bank.Gone", b"")], kind="EVENT")], "bank.Account", "unknown event bank.Gone"),
        ([work([deposit(1)])], "bank.Other", "unknown entity bank.Other"),
        ([work([step("bank.DepositCash", b"\x02")])], "bank.Account", "undecodable payload"),
        ([work([step("bank.DepositCash", b"\x02\x00\x00")])], "bank.Account", "undecodable payload"),
        ([work([deposit(1)], state=b"\x01")], "bank.Account", "undecodable payload"),
    ],
)
def test_what_cannot_be_understood_is_a_contract_failure_of_its_work(works, entity, title):
    good = work([deposit(1)], ref=2)
    bad, other = ran([*works, good], entity)
    assert bad["failure"]["kind"] == "CONTRACT" and bad["failure"]["title"] == title
    assert (other["failure"] is None) == (entity == "bank.Account")


def test_many_works_keep_their_order():
    found = ran([work([deposit(n + 1)], ref=n * 31 % 512, entityId=f"a{n}") for n in range(512)])
    assert [result["ref"] for result in found] == [n * 31 % 512 for n in range(512)]
    assert [balances(result["outcomes"][0]) for result in found] == [[n + 1] for n in range(512)]


def test_nothing_is_answered_when_the_time_is_over():
    with pytest.raises(DeadlineOver):
        run(functions(), golden("run-request.hex"), 0.0)


def test_the_emitted_event_is_that_of_the_command():
    (result,) = ran([work([deposit(0)], returnState="NONE")])
    (event,) = result["outcomes"][0]["events"]
    refused = DepositRefused("the amount must be above zero")
    assert codec_of(DepositRefused).decode(event["payload"]) == refused
