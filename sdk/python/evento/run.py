"""The batch framing: one request carries works for many instances, and each work is a fold over its steps.

A work that fails leaves the others as they are. The envelope is read by hand, since every command passes here.
Source: function-protocol, sections 2 and 6.2.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from .avro import INT, LONG, Malformed, read_index, read_int, read_length, read_long
from .context import ApplyContext, Context
from .failure import DETAIL_MAX, TITLE_MAX, DeadlineOver, Failure, UnknownName, cut, failure_of, report
from .function import Function
from .logs import command_id

RUN_TYPE = "application/vnd.evento.run.v1+avro"
"""Media type of both bodies."""

_COMMAND = 0
_NONE, _FINAL, _EACH = range(3)
_NO_FAILURE = b"\x00"

Step = tuple[bytes, bytes, bytes, int, bytes]
"""Type, payload, id, time in milliseconds, seed."""
Work = tuple[int, bytes, int, "bytes | None", int, int, "list[Step]"]
"""One instance's steps: ref, entity id, seq, state, kind, wanted states, steps."""


def run(functions: Mapping[bytes, Function[Any]], body: bytes, until: float | None) -> bytes:
    """Answers a RunRequest. Raises Malformed for an envelope that cannot be read, DeadlineOver after `until`."""
    entity, works = read_request(body)
    function = functions.get(entity)
    if not works:
        return b"\x00"
    out = [LONG[len(works)]]
    for work in works:
        check_time(until)
        _result(function, entity, work, until, out)
    out.append(b"\x00")
    return b"".join(out)


def read_request(body: bytes) -> tuple[bytes, list[Work]]:
    """The entity's full name and the works. Raises Malformed.

    Short lengths are not compared with what is left: after each text there is more to read, and reading beyond the
    end raises.
    """
    try:
        n, i = read_length(body, 0)
        entity, i = _checked(body[i : i + n]), i + n
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
    n = b[i]
    if n == 0:
        return 0, i + 1
    n, i = read_long(b, i)
    if n < 0:
        n = -n
        _, i = read_long(b, i)
    if n > len(b) - i:
        raise Malformed(f"a block of {n} items where {len(b) - i} bytes are left")
    return n, i


def _checked(data: bytes) -> bytes:
    """A string as its bytes: it is checked, and decoded only by who looks at it."""
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError:
            raise Malformed("a string of the request is not UTF-8") from None
    return data


def _work(b: bytes, i: int) -> tuple[Work, int]:
    # A length that is an even byte below 128 is read here, without a call; see `read_length`.
    ref, i = read_int(b, i)
    n = b[i]
    if n & 129:
        n, i = read_length(b, i)
    else:
        n, i = n >> 1, i + 1
    entity_id, i = _checked(b[i : i + n]), i + n
    seq, i = read_long(b, i)
    state = None
    present, i = read_index(b, i, 2)
    if present:
        n = b[i]
        if n & 129:
            n, i = read_length(b, i)
        else:
            n, i = n >> 1, i + 1
        state, i = b[i : i + n], i + n
    kind, i = read_index(b, i, 2)
    want, i = read_index(b, i, 3)
    steps: list[Step] = []
    n, i = _count(b, i)
    while n:
        for _ in range(n):
            step, i = _step(b, i)
            steps.append(step)
        n, i = _count(b, i)
    return (ref, entity_id, seq, state, kind, want, steps), i


def _step(b: bytes, i: int) -> tuple[Step, int]:
    n = b[i]
    if n & 129:
        n, i = read_length(b, i)
    else:
        n, i = n >> 1, i + 1
    name, i = _checked(b[i : i + n]), i + n
    n = b[i]
    if n & 129:
        n, i = read_length(b, i)
    else:
        n, i = n >> 1, i + 1
    payload, i = b[i : i + n], i + n
    n = b[i]
    if n & 129:
        n, i = read_length(b, i)
    else:
        n, i = n >> 1, i + 1
    step_id, i = _checked(b[i : i + n]), i + n
    time_ms, i = read_long(b, i)
    n = b[i]
    if n & 129:
        n, i = read_length(b, i)
    else:
        n, i = n >> 1, i + 1
    seed, i = b[i : i + n], i + n
    metas, i = _count(b, i)
    while metas:
        for _ in range(2 * metas):
            n, i = read_length(b, i)
            _checked(b[i : i + n])
            i += n
        metas, i = _count(b, i)
    return (name, payload, step_id, time_ms, seed), i


def check_time(until: float | None) -> None:
    """Raises DeadlineOver when nobody waits any more."""
    if until is not None and time.monotonic() > until:
        raise DeadlineOver


def _result(function: Function[Any] | None, entity: bytes, work: Work, until: float | None, out: list[bytes]) -> None:
    """Appends the result of one work; a failure in it stays in it."""
    out += INT[work[0]], b"\x00"
    begin = len(out)
    failure = _NO_FAILURE
    try:
        if function is None:
            raise UnknownName(f"unknown entity {entity.decode()}")
        if work[4] == _COMMAND:
            _commands(function, work, until, out)
        else:
            _events(function, work, until, out)
    except (Exception, SystemExit) as error:
        done = len(out) - begin
        failed = failure_of(error)
        if failed is not error:
            report(error, f"{work[6][done][0].decode()} of {work[1].decode()}")
        failure = _failure(failed, done)
    done = len(out) - begin
    if done:
        out[begin - 1] = LONG[done]
        out.append(b"\x00")
    out.append(failure)


def _commands(function: Function[Any], work: Work, until: float | None, out: list[bytes]) -> None:
    """Appends an outcome for each command, which is decided on the state that the one before left."""
    _, entity_id, seq, state, _, want, steps = work
    last = len(steps) - 1
    for n, (name, payload, step_id, time_ms, seed) in enumerate(steps):
        if n:
            check_time(until)
        command_id.set(step_id)
        handler = function.handlers.get(name) or function.handler_of(name)
        context = Context(entity_id, time_ms, seq, step_id, seed) if handler.wants_context else None
        events = function.decide(handler, payload, state, context)
        parts = [LONG[len(events)]]
        states = []
        for emitted, data in events:
            parts += emitted.prefix, LONG[len(data)], data
            if want:
                applier = emitted.applier
                if applier is not None:
                    apply_context = ApplyContext(entity_id, time_ms) if applier.wants_context else None
                    state = function.evolve(applier, data, state, apply_context)
                states.append(state)
        seq += len(events)
        parts.append(b"\x00")
        if want == _EACH or (want == _FINAL and n == last):
            _put_states(states if want == _EACH else states[-1:], parts)
        parts.append(b"\x00")
        out.append(b"".join(parts))


def _events(function: Function[Any], work: Work, until: float | None, out: list[bytes]) -> None:
    """Appends an outcome for each event, which is applied to the state that the one before left."""
    _, entity_id, _, state, _, want, steps = work
    last = len(steps) - 1
    for n, (name, payload, step_id, time_ms, _) in enumerate(steps):
        if n:
            check_time(until)
        command_id.set(step_id)
        applier = function.appliers.get(name) or function.applier_of(name)
        context = ApplyContext(entity_id, time_ms) if applier.wants_context else None
        state = function.evolve(applier, payload, state, context)
        parts = [b"\x00"]
        if want == _EACH or (want == _FINAL and n == last):
            _put_states([state], parts)
        parts.append(b"\x00")
        out.append(b"".join(parts))


def _put_states(states: list[bytes | None], parts: list[bytes]) -> None:
    """The block of an Avro array of states."""
    parts.append(LONG[len(states)])
    for state in states:
        if state is None:
            parts.append(b"\x00")
        else:
            parts += b"\x02", LONG[len(state)], state


def _failure(failure: Failure, step: int) -> bytes:
    title, detail = cut(failure.title, TITLE_MAX), cut(failure.detail, DETAIL_MAX)
    return b"".join((b"\x02", INT[step], INT[failure.kind], LONG[len(title)], title, LONG[len(detail)], detail))
