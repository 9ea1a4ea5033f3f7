"""An order in Python, by hand: nothing but Flask and fastavro."""

import io
import json
import os
import pathlib
import traceback

from fastavro import parse_schema, schemaless_reader, schemaless_writer
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

SCHEMAS = pathlib.Path(__file__).parent / "schemas"


def schema(name):
    return parse_schema(json.loads((SCHEMAS / f"{name}.avsc").read_text()))


def with_state(name):
    """The request body: the command or event, and the order or null."""
    fields = [{"name": "input", "type": schema(name)}, {"name": "order", "type": ["null", schema("Order")]}]
    return parse_schema({"type": "record", "name": "Input", "fields": fields})


def refused(reason):
    return "OrderRefused", {"reason": reason}


# Decide: a command and the order in, one event out. No clock, no random, no network, no file.


def place(command, order):
    if order:
        return refused("the order exists")
    if command["price"] <= 0:
        return refused("the price must be above zero")
    return "OrderPlaced", command


def pay(command, order):
    if not order or order["status"] != "PLACED":
        return refused("there is nothing to pay")
    if command["amount"] != order["price"]:
        return refused(f"the price is {order['price']}")
    return "OrderPaid", command


def ship(command, order):
    if not order or order["status"] != "PAID":
        return refused("only a paid order is shipped")
    return "OrderShipped", command


def cancel(command, order):
    if not order or order["status"] in ("SHIPPED", "CANCELLED"):
        return refused("it is too late to cancel")
    refund = order["price"] if order["status"] == "PAID" else 0
    return "OrderCancelled", {"reason": command["reason"], "refund": refund}


# Evolve: an event and the order in, the order out.


def placed(event, order):
    return event | {"status": "PLACED"}


def moved_to(status):
    return lambda event, order: order | {"status": status}


HANDLE = {"PlaceOrder": place, "PayOrder": pay, "ShipOrder": ship, "CancelOrder": cancel}
APPLY = {
    "OrderPlaced": placed,
    "OrderPaid": moved_to("PAID"),
    "OrderShipped": moved_to("SHIPPED"),
    "OrderCancelled": moved_to("CANCELLED"),
}
INPUT = {name: with_state(name) for name in [*HANDLE, *APPLY]}

app = Flask(__name__)


def read(name):
    given = schemaless_reader(io.BytesIO(request.get_data()), INPUT[name])
    return given["input"], given["order"]


def answer(name, value, **headers):
    out = io.BytesIO()
    schemaless_writer(out, schema(name), value)
    headers["Evento-Call"] = request.headers.get("Evento-Call", "")
    return Response(out.getvalue(), content_type="avro/binary", headers=headers)


@app.post("/handle/shop.<name>")
def handle(name):
    if name not in HANDLE:
        return "", 404
    event, fields = HANDLE[name](*read(name))
    return answer(event, fields, **{"Evento-Event": f"shop.{event}"})


@app.post("/apply/shop.<name>")
def apply(name):
    if name not in APPLY:
        return "", 404
    return answer("Order", APPLY[name](*read(name)))


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
