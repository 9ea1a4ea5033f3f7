"""How one command is decided and one event applied: the author's function between two codecs.

Everything that comes in is decoded strictly, everything that goes out checked against what may be answered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .avro import LONG, Malformed, Unwritable
from .codec import Codec
from .failure import ContractBroken, Retry


class Applier:
    """One event's apply."""

    __slots__ = ("codec", "fn", "wants_context")

    def __init__(self, codec: Codec[Any], fn: Callable[..., Any], wants_context: bool) -> None:
        self.codec = codec
        self.fn = fn
        self.wants_context = wants_context


class Emitted:
    """An event that a command may answer: its name as it goes out, its codec, and its apply if there is one."""

    __slots__ = ("applier", "codec", "name", "prefix", "rejection")

    def __init__(self, codec: Codec[Any], rejection: bool, applier: Applier | None) -> None:
        self.codec = codec
        self.name = codec.name
        data = codec.name.encode()
        self.prefix = LONG[len(data)] + data
        """The name as an Avro string."""
        self.rejection = rejection
        self.applier = applier


class Handler:
    """One command's handle and what it may answer."""

    __slots__ = ("codec", "emits", "fn", "wants_context")

    def __init__(
        self, codec: Codec[Any], fn: Callable[..., Any], wants_context: bool, emits: dict[type[Any], Emitted]
    ) -> None:
        self.codec = codec
        self.fn = fn
        self.wants_context = wants_context
        self.emits = emits


def decoded(codec: Codec[Any], data: bytes) -> Any:
    try:
        value, end = codec.read(data, 0)
        if end == len(data):
            return value
    except (IndexError, ValueError):
        pass
    try:
        # Once more, for the error in words.
        return codec.decode(data)
    except Malformed as error:
        raise ContractBroken("undecodable payload", f"{codec.name}: {error}") from None


def encoded(codec: Codec[Any], value: Any) -> bytes:
    try:
        return codec.write(value)
    except Exception:
        pass
    try:
        # Once more, for the error in words.
        return codec.encode(value)
    except Unwritable as error:
        # An error of the function like any other, such as a sum that outgrew its type.
        raise Retry(f"{codec.cls.__name__} cannot be written", str(error)) from None


def no_event(handler: Handler, answer: object) -> ContractBroken:
    allowed = ", ".join(cls.__name__ for cls in handler.emits)
    return ContractBroken(
        f"{handler.codec.cls.__name__} was answered with {type(answer).__name__}",
        f"it may be answered with {allowed}; another event is added to `emits` of the Command resource first",
    )
