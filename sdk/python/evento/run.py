"""The batch framing: one request carries works for many instances, and each work is a fold over its steps.

A work that fails leaves the others as they are. The envelope is read by hand, since every command passes here.
Source: function-protocol, sections 2 and 6.2.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from .avro import INT, LONG, Malformed, read_bytes, read_index, read_int, read_long
from .context import ApplyContext, Context
from .failure import DETAIL_MAX, TITLE_MAX, DeadlineOver, Failure, UnknownName, cut, failure_of, report
from .function import Function
from .logs import command_id

RUN_TYPE = "application/vnd.evento.run.v1+avro"
"""Media type of both bodies."""

NO_STATE = b"\x00"
_NONE, _FINAL, _EACH = range(3)
_NO_FAILURE = b"\x00"

Step = tuple[bytes, bytes, bytes, int, bytes]
"""Type, payload, id, time in milliseconds, seed."""


class Work:
    """One instance's steps."""

    __slots__ = ("entity_id", "is_command", "ref", "seq", "state", "steps", "want")

    def __init__(
        self, ref: int, entity_id: bytes, seq: int, state: bytes | None, is_command: bool, want: int, steps: list[Step]
    ) -> None:
        self.ref = ref
        self.entity_id = entity_id
        self.seq = seq
        self.state = state
        self.is_command = is_command
        self.want = want
        self.steps = steps


def run(functions: Mapping[bytes, Function[Any]], body: bytes, until: float | None) -> bytes:
    """Answers a RunRequest. Raises Malformed for an envelope that cannot be read, DeadlineOver after `until`."""
    entity, works = read_request(body)
    function = functions.get(entity)
    results = []
    for work in works:
        results.append(_result(function, entity, work, until))
    return LONG[len(results)] + b"".join(results) + b"\x00" if results else b"\x00"


def read_request(body: bytes) -> tuple[bytes, list[Work]]:
    """The entity's full name and the works. Raises Malformed."""
    try:
        entity, i = _text(body, 0)
        works: list[Work] = []
        n, i = _count(body, i)
        while n:
            for _ in range(n):
                work, i = _work(body, i)
                works.append(work)
            n, i = _count(body, i)
    except IndexError:
        raise Malformed("the bytes end in the middle of the request") from None
    if i != len(body):
        raise Malformed("bytes are left over after the request")
    return entity, works


def _count(b: bytes, i: int) -> tuple[int, int]:
    """Items of the next block; one item of the envelope has at least one byte."""
    n, i = read_long(b, i)
    if n < 0:
        n = -n
        _, i = read_long(b, i)
    if n > len(b) - i:
        raise Malformed(f"a block of {n} items where {len(b) - i} bytes are left")
    return n, i


def _text(b: bytes, i: int) -> tuple[bytes, int]:
    """A string as its bytes: it is checked, and decoded only by who looks at it."""
    data, i = read_bytes(b, i)
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError:
            raise Malformed("a string of the request is not UTF-8") from None
    return data, i


def _work(b: bytes, i: int) -> tuple[Work, int]:
    ref, i = read_int(b, i)
    entity_id, i = _text(b, i)
    seq, i = read_long(b, i)
    state = None
    present, i = read_index(b, i, 2)
    if present:
        state, i = read_bytes(b, i)
    kind, i = read_index(b, i, 2)
    want, i = read_index(b, i, 3)
    steps: list[Step] = []
    n, i = _count(b, i)
    while n:
        for _ in range(n):
            name, i = _text(b, i)
            payload, i = read_bytes(b, i)
            step_id, i = _text(b, i)
            time_ms, i = read_long(b, i)
            seed, i = read_bytes(b, i)
            metas, i = _count(b, i)
            while metas:
                for _ in range(metas):
                    _, i = _text(b, i)
                    _, i = _text(b, i)
                metas, i = _count(b, i)
            steps.append((name, payload, step_id, time_ms, seed))
        n, i = _count(b, i)
    return Work(ref, entity_id, seq, state, kind == 0, want, steps), i


def check_time(until: float | None) -> None:
    """Raises DeadlineOver when nobody waits any more."""
    if until is not None and time.monotonic() > until:
        raise DeadlineOver


def _result(function: Function[Any] | None, entity: bytes, work: Work, until: float | None) -> bytes:
    outcomes: list[bytes] = []
    failure = _NO_FAILURE
    try:
        if function is None:
            raise UnknownName(f"unknown entity {entity.decode()}")
        fold = _commands if work.is_command else _events
        fold(function, work, outcomes, until)
    except (Exception, SystemExit) as error:
        failed = failure_of(error)
        if failed is not error:
            report(error, f"{work.steps[len(outcomes)][0].decode()} of {work.entity_id.decode()}")
        failure = _failure(failed, len(outcomes))
    if not outcomes:
        return b"".join((INT[work.ref], b"\x00", failure))
    return b"".join((INT[work.ref], LONG[len(outcomes)], *outcomes, b"\x00", failure))


def _commands(function: Function[Any], work: Work, outcomes: list[bytes], until: float | None) -> None:
    """Each command is decided on the state that the one before left."""
    state, seq, want = work.state, work.seq, work.want
    last = len(work.steps) - 1
    for n, (name, payload, step_id, time_ms, seed) in enumerate(work.steps):
        check_time(until)
        command_id.set(step_id)
        handler = function.handler_of(name)
        context = Context(work.entity_id, time_ms, seq, step_id, seed) if handler.wants_context else None
        events = function.decide(handler, payload, state, context)
        parts = [LONG[len(events)]]
        states = []
        for emitted, data in events:
            parts += emitted.prefix, LONG[len(data)], data
            if want:
                applier = emitted.applier
                if applier is not None:
                    apply_context = ApplyContext(work.entity_id, time_ms) if applier.wants_context else None
                    state = function.evolve(applier, data, state, apply_context)
                states.append(state)
        seq += len(events)
        parts += b"\x00", _states(states if want == _EACH or n == last else [], want)
        outcomes.append(b"".join(parts))


def _events(function: Function[Any], work: Work, outcomes: list[bytes], until: float | None) -> None:
    """Each event is applied to the state that the one before left."""
    state, want = work.state, work.want
    last = len(work.steps) - 1
    for n, (name, payload, step_id, time_ms, _) in enumerate(work.steps):
        check_time(until)
        command_id.set(step_id)
        applier = function.applier_of(name)
        context = ApplyContext(work.entity_id, time_ms) if applier.wants_context else None
        state = function.evolve(applier, payload, state, context)
        wanted = want == _EACH or (want == _FINAL and n == last)
        outcomes.append(b"\x00" + _states([state] if wanted else [], want))


def _states(states: list[bytes | None], want: int) -> bytes:
    """The states that were asked for, as an Avro array: for FINAL only the last."""
    if want == _FINAL:
        states = states[-1:]
    if not states:
        return b"\x00"
    parts = [LONG[len(states)]]
    for state in states:
        if state is None:
            parts.append(NO_STATE)
        else:
            parts += b"\x02", LONG[len(state)], state
    parts.append(b"\x00")
    return b"".join(parts)


def _failure(failure: Failure, step: int) -> bytes:
    title, detail = cut(failure.title, TITLE_MAX), cut(failure.detail, DETAIL_MAX)
    return b"".join(
        (b"\x02", INT[step], INT[failure.kind], LONG[len(title)], title, LONG[len(detail)], detail)
    )
