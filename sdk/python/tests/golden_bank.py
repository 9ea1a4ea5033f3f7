"""The account of function-protocol 6.3, whose bytes are golden files: by hand, in the form that is generated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from evento.avro import INT, LONG, read_int, read_long, read_string, wrong
from evento.codec import Codec, quick
from evento.model import Command, Entity, Event


@dataclass(frozen=True, slots=True)
class Account:
    owner: str
    currency: str
    balance: int
    deposits: int = 0
    __evento__: ClassVar[Codec[Account]]


@dataclass(frozen=True, slots=True)
class DepositCash:
    amount: int
    reference: str = ""
    __evento__: ClassVar[Codec[DepositCash]]


@dataclass(frozen=True, slots=True)
class DepositReceived:
    amount: int
    reference: str
    __evento__: ClassVar[Codec[DepositReceived]]


@dataclass(frozen=True, slots=True)
class DepositRefused:
    reason: str
    __evento__: ClassVar[Codec[DepositRefused]]


_make_account = quick(Account)
_make_deposit_cash = quick(DepositCash)
_make_deposit_received = quick(DepositReceived)
_make_deposit_refused = quick(DepositRefused)


def _read_account(b: bytes, i: int) -> tuple[Account, int]:
    owner, i = read_string(b, i)
    currency, i = read_string(b, i)
    balance, i = read_long(b, i)
    deposits, i = read_int(b, i)
    return _make_account(owner, currency, balance, deposits), i


def _write_account(v: Account) -> bytes:
    if v.__class__ is not Account:
        raise wrong(v, "Account")
    owner = v.owner.encode()
    currency = v.currency.encode()
    return b"".join((LONG[len(owner)], owner, LONG[len(currency)], currency, LONG[v.balance], INT[v.deposits]))


def _read_deposit_cash(b: bytes, i: int) -> tuple[DepositCash, int]:
    amount, i = read_long(b, i)
    reference, i = read_string(b, i)
    return _make_deposit_cash(amount, reference), i


def _write_deposit_cash(v: DepositCash) -> bytes:
    reference = v.reference.encode()
    return b"".join((LONG[v.amount], LONG[len(reference)], reference))


def _read_deposit_received(b: bytes, i: int) -> tuple[DepositReceived, int]:
    amount, i = read_long(b, i)
    reference, i = read_string(b, i)
    return _make_deposit_received(amount, reference), i


def _write_deposit_received(v: DepositReceived) -> bytes:
    reference = v.reference.encode()
    return b"".join((LONG[v.amount], LONG[len(reference)], reference))


def _read_deposit_refused(b: bytes, i: int) -> tuple[DepositRefused, int]:
    reason, i = read_string(b, i)
    return _make_deposit_refused(reason), i


def _write_deposit_refused(v: DepositRefused) -> bytes:
    reason = v.reason.encode()
    return b"".join((LONG[len(reason)], reason))


Account.__evento__ = Codec(Account, "bank.Account", _read_account, _write_account)
DepositCash.__evento__ = Codec(DepositCash, "bank.DepositCash", _read_deposit_cash, _write_deposit_cash)
DepositReceived.__evento__ = Codec(
    DepositReceived, "bank.DepositReceived", _read_deposit_received, _write_deposit_received
)
DepositRefused.__evento__ = Codec(DepositRefused, "bank.DepositRefused", _read_deposit_refused, _write_deposit_refused)

Entity(
    Account,
    resource="account",
    commands=(Command(DepositCash, "deposit-cash", (DepositReceived, DepositRefused)),),
    events=(
        Event(DepositReceived, "deposit-received"),
        Event(DepositRefused, "deposit-refused", rejection=True),
    ),
    manifest="""{"schemas": [
        {"type": "record", "name": "bank.Account", "fields": [
            {"name": "owner", "type": "string"}, {"name": "currency", "type": "string"},
            {"name": "balance", "type": "long"}, {"name": "deposits", "type": "int", "default": 0}]},
        {"type": "record", "name": "bank.DepositCash", "fields": [
            {"name": "amount", "type": "long"}, {"name": "reference", "type": "string", "default": ""}]},
        {"type": "record", "name": "bank.DepositReceived", "fields": [
            {"name": "amount", "type": "long"}, {"name": "reference", "type": "string"}]},
        {"type": "record", "name": "bank.DepositRefused", "fields": [{"name": "reason", "type": "string"}]}
    ]}""",
)
