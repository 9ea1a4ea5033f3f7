"""The plain framing: one step for each request, its context in the headers.

A request body is the command or event, one byte that says whether there is a state, and the state. Source:
function-protocol, sections 5 and 6.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any
from urllib.parse import unquote_to_bytes

from .avro import LONG, Malformed, short
from .codec import Codec
from .context import ApplyContext, Context
from .failure import ContractBroken, UnknownName
from .function import Function
from .logical import EPOCH
from .logs import command_id
from .run import check_time

DATUM_TYPE = "avro/binary"
EVENTS_TYPE = "application/vnd.evento.events.v1+avro"

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{3})Z")
_SEED = re.compile(r"[0-9a-fA-F]{32}")
_SEQ = re.compile(r"\d{1,19}")

Headers = Mapping[str, str]
Replied = tuple[int, "list[tuple[str, str]]", bytes]


def handle(
    functions: Mapping[bytes, Function[Any]], command: str, headers: Headers, body: bytes, until: float | None
) -> Replied:
    """Answers POST /handle/{Command}."""
    name = command.encode()
    function = next((function for function in functions.values() if name in function.handlers), None)
    if function is None:
        raise UnknownName(f"unknown command {command}")
    _check_entity(function, headers)
    handler = function.handlers[name]
    payload, state = _split(handler.codec, body)
    context = Context(
        _text(headers, "evento-entity-id"),
        _time_ms(headers),
        int(_matched(headers, "evento-seq", _SEQ).group()),
        _text(headers, "evento-id"),
        bytes.fromhex(_matched(headers, "evento-seed", _SEED).group()),
    )
    command_id.set(_text(headers, "evento-id"))
    events = function.decide(handler, payload, state, context)
    check_time(until)
    if len(events) == 1:
        emitted, data = events[0]
        return 200, [("content-type", DATUM_TYPE), ("evento-event", emitted.name)], data
    parts = [LONG[len(events)]]
    for emitted, data in events:
        parts += emitted.prefix, LONG[len(data)], data
    parts.append(b"\x00")
    return 200, [("content-type", EVENTS_TYPE)], b"".join(parts)


def apply(
    functions: Mapping[bytes, Function[Any]], event: str, headers: Headers, body: bytes, until: float | None
) -> Replied:
    """Answers POST /apply/{Event}."""
    name = event.encode()
    function = next((function for function in functions.values() if name in function.appliers), None)
    if function is None:
        raise UnknownName(f"unknown event {event}")
    _check_entity(function, headers)
    applier = function.appliers[name]
    payload, state = _split(applier.codec, body)
    command_id.set(_text(headers, "evento-id"))
    context = ApplyContext(_text(headers, "evento-entity-id"), _time_ms(headers))
    after = function.evolve(applier, payload, state, context)
    check_time(until)
    return (204, [], b"") if after is None else (200, [("content-type", DATUM_TYPE)], after)


def _check_entity(function: Function[Any], headers: Headers) -> None:
    """The header may be missing; a request by hand needs none."""
    entity = headers.get("evento-entity", function.entity.name)
    if entity != function.entity.name:
        raise UnknownName(f"unknown entity {entity}")


def _split(codec: Codec[Any], body: bytes) -> tuple[bytes, bytes | None]:
    """Where the payload ends and the state begins: only reading the payload tells."""
    try:
        _, end = codec.read(body, 0)
        if end == len(body):
            raise short()
        present, state = body[end], body[end + 1 :]
        if present == 0 and not state:
            return body[:end], None
        if present == 2:
            return body[:end], state
        raise Malformed(f"byte {end} is neither 00, no state, nor 02, a state")
    except (IndexError, UnicodeDecodeError, Malformed) as error:
        detail = str(error) if isinstance(error, Malformed) else "the bytes end in the middle, or are no UTF-8"
        raise ContractBroken("undecodable payload", f"{codec.name}: {detail}") from None


def _text(headers: Headers, name: str) -> bytes:
    data = unquote_to_bytes(headers.get(name, ""))
    try:
        data.decode()
    except UnicodeDecodeError:
        raise ContractBroken(f"{name} is not percent-encoded UTF-8") from None
    return data


def _matched(headers: Headers, name: str, form: re.Pattern[str]) -> re.Match[str]:
    found = form.fullmatch(headers.get(name, ""))
    if found is None:
        raise ContractBroken(f"{name} is missing or malformed")
    return found


def _time_ms(headers: Headers) -> int:
    found = _matched(headers, "evento-time", _TIME)
    try:
        whole = datetime.strptime(found[1], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    except ValueError:
        raise ContractBroken("evento-time is no time") from None
    return round((whole - EPOCH).total_seconds()) * 1000 + int(found[2])
