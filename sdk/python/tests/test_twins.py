"""The typed bank and the Rust bank give the same bytes for the same requests.

Needs the Rust bank: EVENTO_BANK=path/to/bank-function. `crates/evento/tests/e2e/twins.rs` holds the same against a
whole Evento; this one asks more, and the extremes.
"""

import os
import random
import sys

import pytest

from common import ROOT, request, results, step, work
from evento import codec_of
from evento.run import RUN_TYPE
from serving import ask, served

RUST = os.environ.get("EVENTO_BANK")
TYPED = ROOT / "examples" / "bank-python-typed"
AMOUNTS = (0, 1, -1, 5, 120, 10**6, 2**62, 2**63 - 1, -(2**63))
TEXTS = ("", "rent", "Zoë", "x" * 200, "日本")
REQUESTS = 300

pytestmark = pytest.mark.skipif(not RUST, reason="EVENTO_BANK is not set: there is no Rust bank to compare with")


def encoded(value):
    return codec_of(type(value)).encode(value)


class Bank:
    """Random commands and states of the bank."""

    def __init__(self, chance):
        sys.path.insert(0, str(TYPED))
        self.chance = chance
        self.types = __import__("bank")

    def command(self):
        types, amount, text = self.types, self.chance.choice(AMOUNTS), self.chance.choice(TEXTS)
        made = self.chance.choice(
            (
                types.OpenAccount(text, self.chance.choice(("EUR", "USD"))),
                types.ReceiveDeposit(amount, text),
                types.WithdrawCash(amount, text),
                types.TransferOut(amount, self.chance.choice(TEXTS), text),
                types.CloseAccount(),
            )
        )
        return step(codec_of(type(made)).name, encoded(made))

    def state(self):
        if self.chance.random() < 0.4:
            return None
        balance = self.chance.choice((0, 1, 100, 2**62, 2**63 - 1))
        deposits = self.chance.choice((0, 3, 2**31 - 1))
        is_closed = self.chance.random() < 0.2
        return encoded(self.types.Account(self.chance.choice(TEXTS), "EUR", balance, deposits, is_closed))

    def request(self):
        works = []
        for ref in range(self.chance.randrange(1, 6)):
            steps = [self.command() for _ in range(self.chance.randrange(1, 8))]
            wanted = self.chance.choice(("EACH", "FINAL"))
            works.append(work(steps, ref=ref, state=self.state(), returnState=wanted, entityId=f"a{ref}"))
        return request("bank.Account", works)


def test_the_typed_bank_and_the_rust_bank_answer_the_same_bytes(tmp_path):
    bank = Bank(random.Random(9))
    programs = ([RUST], [str(TYPED / "run-function")])
    with (
        served(programs[0], f"unix:{tmp_path}/r.sock") as rust,
        served(programs[1], f"unix:{tmp_path}/p.sock") as python,
    ):
        connections = [rust.connect(), python.connect()]
        for _ in range(REQUESTS):
            body = bank.request()
            replies = [ask(connection, "POST", "/run", body, content_type=RUN_TYPE) for connection in connections]
            (left, _, in_rust), (right, _, in_python) = replies
            assert (left, right) == (200, 200)
            assert in_rust == in_python, (results(in_rust), results(in_python))
