"""What several tests need: golden files, the function of the golden files, envelopes made the slow and plain way."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import fastavro

from evento import ApplyContext, Context, Function, Poison
from golden_bank import Account, DepositCash, DepositReceived, DepositRefused

ROOT = Path(__file__).resolve().parents[3]
CONFORMANCE = ROOT / "sdk" / "conformance"
GOLDEN = CONFORMANCE / "golden"
ACCOUNT = Account("Ada", "EUR", 1000, 2)

_REQUEST = """{"type":"record","name":"RunRequest","fields":[
 {"name":"entity","type":"string"},
 {"name":"work","type":{"type":"array","items":{"type":"record","name":"Work","fields":[
  {"name":"ref","type":"int"},{"name":"entityId","type":"string"},{"name":"seq","type":"long"},
  {"name":"state","type":["null","bytes"]},
  {"name":"kind","type":{"type":"enum","name":"StepKind","symbols":["COMMAND","EVENT"]}},
  {"name":"returnState","type":{"type":"enum","name":"ReturnState","symbols":["NONE","FINAL","EACH"]}},
  {"name":"steps","type":{"type":"array","items":{"type":"record","name":"Step","fields":[
   {"name":"type","type":"string"},{"name":"payload","type":"bytes"},{"name":"id","type":"string"},
   {"name":"time","type":"long"},{"name":"seed","type":"bytes"},
   {"name":"meta","type":{"type":"map","values":"string"}}]}}}]}}}]}"""
_RESPONSE = """{"type":"record","name":"RunResponse","fields":[
 {"name":"results","type":{"type":"array","items":{"type":"record","name":"Result","fields":[
  {"name":"ref","type":"int"},
  {"name":"outcomes","type":{"type":"array","items":{"type":"record","name":"Outcome","fields":[
   {"name":"events","type":{"type":"array","items":{"type":"record","name":"Emitted","fields":[
    {"name":"type","type":"string"},{"name":"payload","type":"bytes"}]}}},
   {"name":"states","type":{"type":"array","items":["null","bytes"]}}]}}},
  {"name":"failure","type":["null",{"type":"record","name":"Failure","fields":[
   {"name":"step","type":"int"},
   {"name":"kind","type":{"type":"enum","name":"FailureKind","symbols":["RETRY","POISON","CONTRACT"]}},
   {"name":"title","type":"string"},{"name":"detail","type":"string"}]}]}]}}}]}"""
REQUEST = fastavro.parse_schema(json.loads(_REQUEST))
RESPONSE = fastavro.parse_schema(json.loads(_RESPONSE))


def golden(name: str) -> bytes:
    return bytes.fromhex((GOLDEN / name).read_text())


def step(name: str, payload: bytes, **more: Any) -> dict[str, Any]:
    return {"type": name, "payload": payload, "id": "c", "time": 0, "seed": bytes(16), "meta": {}, **more}


def work(steps: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    whole = {"ref": 1, "entityId": "a", "seq": 0, "state": None, "kind": "COMMAND", "returnState": "EACH"}
    return {**whole, "steps": steps, **more}


def request(entity: str, works: list[dict[str, Any]]) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, REQUEST, {"entity": entity, "work": works})
    return out.getvalue()


def results(body: bytes) -> list[dict[str, Any]]:
    source = io.BytesIO(body)
    read: Any = fastavro.schemaless_reader(source, RESPONSE, None)
    assert source.read() == b"", "bytes are left over"
    found: list[dict[str, Any]] = read["results"]
    return found


def bank(fails: bool = False) -> Function[Account]:
    """Takes deposits; when told to, refuses for good."""
    accounts = Function(Account)

    @accounts.handle
    def deposit(cmd: DepositCash, account: Account | None, context: Context) -> DepositReceived | DepositRefused:
        if fails:
            raise Poison("no such tariff")
        if cmd.reference == "crash":
            raise ZeroDivisionError("nothing to divide")
        if cmd.amount <= 0:
            return DepositRefused("the amount must be above zero")
        return DepositReceived(cmd.amount, cmd.reference)

    @accounts.apply
    def deposited(ev: DepositReceived, account: Account | None, context: ApplyContext) -> Account | None:
        if ev.reference == "end":
            return None
        was = account or Account(context.entity_id, "EUR", 0)
        return Account(was.owner, was.currency, was.balance + ev.amount, was.deposits + 1)

    return accounts
