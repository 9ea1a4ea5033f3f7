"""The bank's account in Python, by hand: nothing but Flask and fastavro.

Evento sends one step per POST (the plain framing). A request body is the command or event, then one byte that
says whether there is a state, then the state. An answer is the event with its name in a header, or the state.
"""

import io
import json
import os
import pathlib
import traceback

from fastavro import parse_schema, schemaless_reader, schemaless_writer
from flask import Flask, Response, abort, request
from werkzeug.exceptions import HTTPException

SCHEMAS = pathlib.Path(__file__).parent.parent / "bank" / "schemas"


def schema(name):
    return parse_schema(json.loads((SCHEMAS / f"{name}.avsc").read_text()))


def with_state(name):
    """The plain request body: the command or event, and the account or null."""
    fields = [{"name": "input", "type": schema(name)}, {"name": "account", "type": ["null", schema("Account")]}]
    return parse_schema({"type": "record", "name": "Input", "fields": fields})


def encode(name, value):
    out = io.BytesIO()
    schemaless_writer(out, schema(name), value)
    return out.getvalue()


# Decisions: command and account in, name and fields of one event out.


def unusable(account):
    if account is None:
        return "no such account"
    return "the account is closed" if account["closed"] else None


def unpayable(account, amount):
    if amount <= 0:
        return "the amount must be above zero"
    return unusable(account) or ("insufficient funds" if account["balance"] < amount else None)


def open_account(command, account):
    if account is not None:
        return "AccountOpeningRejected", {"reason": "the account exists"}
    return "AccountOpened", {"owner": command["owner"], "currency": command["currency"]}


def receive_deposit(command, account):
    amount = command["amount"]
    reason = unusable(account) if amount > 0 else "the amount must be above zero"
    if reason is None and account["balance"] + amount >= 2**63:
        reason = "the balance would be too large"
    if reason:
        return "DepositRejected", {"amount": amount, "reason": reason}
    return "DepositReceived", {"amount": amount, "reference": command["reference"]}


def withdraw_cash(command, account):
    amount = command["amount"]
    if reason := unpayable(account, amount):
        return "WithdrawalRejected", {"amount": amount, "reason": reason}
    return "CashWithdrawn", {"amount": amount, "reference": command["reference"]}


def transfer_out(command, account):
    amount, to = command["amount"], command["to"]
    if reason := unpayable(account, amount):
        return "TransferRejected", {"amount": amount, "to": to, "reason": reason}
    return "TransferSent", {"amount": amount, "to": to, "reference": command["reference"]}


def close_account(command, account):
    reason = unusable(account) or ("the account is not empty" if account["balance"] else None)
    if reason:
        return "AccountClosingRejected", {"reason": reason}
    return "AccountClosed", {}


# Evolution: event and account in, account out.


def on_opened(event, account):
    return {"owner": event["owner"], "currency": event["currency"], "balance": 0, "deposits": 0, "closed": False}


def on_deposit(event, account):
    return account | {"balance": account["balance"] + event["amount"], "deposits": min(account["deposits"] + 1, 2**31 - 1)}


def on_payment(event, account):
    return account | {"balance": account["balance"] - event["amount"]}


def on_closed(event, account):
    return account | {"closed": True}


HANDLE = {
    "bank.OpenAccount": open_account,
    "bank.ReceiveDeposit": receive_deposit,
    "bank.WithdrawCash": withdraw_cash,
    "bank.TransferOut": transfer_out,
    "bank.CloseAccount": close_account,
}
APPLY = {
    "bank.AccountOpened": on_opened,
    "bank.DepositReceived": on_deposit,
    "bank.CashWithdrawn": on_payment,
    "bank.TransferSent": on_payment,
    "bank.AccountClosed": on_closed,
}
INPUT = {name: with_state(name.removeprefix("bank.")) for name in [*HANDLE, *APPLY]}

app = Flask(__name__)


def answer(body, **headers):
    headers["Evento-Call"] = request.headers.get("Evento-Call", "")
    return Response(body, content_type="avro/binary", headers=headers)


def read(name):
    """What the body says. fastavro stops where the schema ends, so that nothing is left over is checked here."""
    if request.mimetype != "avro/binary":
        abort(415, "avro/binary is expected")
    body = io.BytesIO(request.get_data())
    try:
        given = schemaless_reader(body, INPUT[name])
    except Exception as error:
        abort(400, f"the body is not of its schema: {error}")
    if body.read(1):
        abort(400, "bytes are left over after the input")
    return given["input"], given["account"]


@app.post("/handle/<name>")
def handle(name):
    if name not in HANDLE:
        return "", 404
    event, fields = HANDLE[name](*read(name))
    return answer(encode(event, fields), **{"Evento-Event": f"bank.{event}"})


@app.post("/apply/<name>")
def apply(name):
    if name not in APPLY:
        return "", 404
    return answer(encode("Account", APPLY[name](*read(name))))


@app.errorhandler(Exception)
def threw(error):
    """What whoever waits for the command is told. It is tried again, and at once when this file has changed."""
    if isinstance(error, HTTPException):
        return error
    traceback.print_exc()
    place = traceback.extract_tb(error.__traceback__)[-1]
    detail = f"{pathlib.Path(place.filename).name}:{place.lineno} in {place.name}"
    problem = {"title": f"{type(error).__name__}: {error}", "detail": detail}
    return Response(json.dumps(problem), 500, content_type="application/problem+json")


if __name__ == "__main__":
    listen = os.environ.get("EVENTO_LISTEN", "127.0.0.1:8090")
    if listen.startswith("unix:"):
        app.run(host="unix://" + listen.removeprefix("unix:"), threaded=True)
    else:
        host, port = listen.rsplit(":", 1)
        app.run(host=host, port=int(port), threaded=True)
