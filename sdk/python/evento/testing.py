"""Given, when, then: what a function decides and how the state evolves, without a server.

Every value passes through its codec both ways, `emits` is kept, handle and apply run twice and must give the same
bytes, and the answer is applied: a test fails where Evento would refuse the answer. Each check raises AssertionError
with what differs, and gives the test back, so that checks are chained.

```python
accounts.given(DepositReceived(100, "x")).when(WithdrawCash(500, "y")).then_rejected(
    WithdrawalRejected(500, "insufficient funds")
).unchanged()
```
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .avro import Malformed, Unwritable
from .codec import Codec
from .context import ApplyContext, Context
from .failure import Failure, failure_of
from .logical import EPOCH
from .logs import command_id
from .model import codec_of

if TYPE_CHECKING:
    from .calls import Emitted
    from .function import Function

S = TypeVar("S")

TIME = datetime(2026, 11, 23, 6, tzinfo=timezone.utc)
"""When commands of tests are accepted, unless `at` says otherwise."""
SEED = bytes([7] * 16)
"""The seed of tests, unless `seed` says otherwise."""


class Given(Generic[S]):
    """A test that is being told: what has happened."""

    def __init__(self, function: Function[S]) -> None:
        function.check()
        self._function = function
        self._state: bytes | None = None
        self._seq = 0
        self._time_ms = _millis(TIME)
        self._seed = SEED
        self._id = "test"
        self._later: list[Any] = []

    def events(self, *events: Any) -> Given[S]:
        """These events have happened, in this order."""
        self._later += events
        return self

    def state(self, state: S | None) -> Given[S]:
        """The instance has this state."""
        self._state = None if state is None else _passed(self._function.state_codec, state, "the state")
        self._seq = max(self._seq, 1)
        return self

    def at(self, time: datetime) -> Given[S]:
        """Everything happens at this time, of whole milliseconds."""
        self._time_ms = _millis(time)
        return self

    def seed(self, seed: bytes) -> Given[S]:
        """The command has this seed of 16 bytes."""
        if len(seed) != 16:
            raise ValueError(f"a seed has 16 bytes, not {len(seed)}")
        self._seed = seed
        return self

    def id(self, entity_id: str) -> Given[S]:
        """The instance has this id."""
        self._id = entity_id
        return self

    def when(self, command: Any) -> Outcome[S]:
        """The command is decided, and what it emits applied."""
        for event in self._later:
            self._happen(event)
        self._later.clear()
        codec = codec_of(type(command))
        payload = _passed(codec, command, "the command")
        context = self._context()
        decided = _decided(self._function, codec, payload, self._state, context)
        again = _decided(self._function, codec, payload, self._state, self._context())
        if _comparable(decided) != _comparable(again):
            raise AssertionError(
                f"handle of {codec.cls.__name__} is not deterministic: it gave {_told(decided)}, then {_told(again)}. "
                "It may use the command, the state and its context, and nothing else"
            )
        return Outcome(self._function, self._state, decided, context)

    def _context(self) -> Context:
        return Context(self._id.encode(), self._time_ms, self._seq, b"command", self._seed)

    def _happen(self, event: Any) -> None:
        codec = codec_of(type(event))
        payload = _passed(codec, event, "the event")
        applier = self._function.appliers.get(codec.name.encode())
        known = {event.cls: event for event in self._function.entity.events}
        if type(event) not in known:
            raise AssertionError(f"{codec.name} is no event of {self._function.entity.name}")
        if applier is not None:
            context = ApplyContext(self._id.encode(), self._time_ms)
            self._state = _applied_twice(self._function, codec, payload, self._state, context)
        self._seq += 1


class Outcome(Generic[S]):
    """What a decision came to."""

    def __init__(
        self,
        function: Function[S],
        before: bytes | None,
        decided: list[tuple[Emitted, bytes]] | Failure,
        context: Context,
    ) -> None:
        self._function = function
        self._before = before
        self._decided = decided
        self._context = context
        self._after: bytes | None = before
        if not isinstance(decided, Failure):
            apply_context = ApplyContext(context._entity_id, context._time_ms)
            for emitted, data in decided:
                if emitted.applier is not None:
                    self._after = _applied_twice(function, emitted.codec, data, self._after, apply_context)

    @property
    def events(self) -> tuple[Any, ...]:
        """What was emitted."""
        return tuple(emitted.codec.decode(data) for emitted, data in self._events())

    @property
    def after(self) -> S | None:
        """The state afterwards."""
        self._events()
        return self._function.state_of(self._after)

    def then(self, *events: Any) -> Outcome[S]:
        """Exactly these events were emitted."""
        there = self.events
        if there != events:
            raise AssertionError(_differences("events", there, events))
        return self

    def then_rejected(self, event: Any) -> Outcome[S]:
        """Exactly this rejection was emitted."""
        self.then(event)
        if not any(emitted.rejection for emitted, _ in self._events()):
            raise AssertionError(f"{type(event).__name__} is no rejection; its Event resource needs `rejection: true`")
        return self

    def then_state(self, state: S | None) -> Outcome[S]:
        """The state afterwards is this one."""
        if state is not None:
            _passed(self._function.state_codec, state, "the state that was expected")
        after = self.after
        if after != state:
            raise AssertionError(_differences("state", (after,), (state,)))
        return self

    def unchanged(self) -> Outcome[S]:
        """The state afterwards is what it was."""
        after, before = self.after, self._function.state_of(self._before)
        if self._after != self._before:
            raise AssertionError(_differences("state", (after,), (before,)))
        return self

    def then_fails(self, kind: type[Failure] = Failure) -> Failure:
        """The decision fails technically, not by a rejection. Gives the failure, to look at its title."""
        if not isinstance(self._decided, Failure):
            raise AssertionError(f"it did not fail: it emitted {_told(self._decided)}")
        if not isinstance(self._decided, kind):
            raise AssertionError(f"it failed with {type(self._decided).__name__}, not {kind.__name__}: {self._decided}")
        return self._decided

    def _events(self) -> list[tuple[Emitted, bytes]]:
        if isinstance(self._decided, Failure):
            cause = self._decided.__cause__ or self._decided
            raise AssertionError(f"handle failed: {self._decided.title}\n{self._decided.detail}") from cause
        return self._decided


def _millis(time: datetime) -> int:
    if time.tzinfo is None or time.microsecond % 1000:
        raise ValueError(f"{time!r}: a time with time zone and of whole milliseconds is needed")
    return round((time - EPOCH).total_seconds() * 1000)


def _passed(codec: Codec[Any], value: Any, what: str) -> bytes:
    """A value's bytes, from which the same value is read."""
    try:
        data = codec.encode(value)
        back = codec.decode(data)
    except (Unwritable, Malformed) as error:
        raise AssertionError(f"{what} cannot pass through its codec: {error}") from None
    if back != value and codec.encode(back) != data:
        raise AssertionError(_differences(f"{what} after its codec", (back,), (value,)))
    return data


def _decided(
    function: Function[Any], codec: Codec[Any], payload: bytes, state: bytes | None, context: Context
) -> list[tuple[Emitted, bytes]] | Failure:
    command_id.set(b"command")
    try:
        return function.decide(function.handler_of(codec.name.encode()), payload, state, context)
    except (Exception, SystemExit) as error:
        return failure_of(error)


def _comparable(decided: list[tuple[Emitted, bytes]] | Failure) -> object:
    if isinstance(decided, Failure):
        return decided.kind, decided.title
    return [(emitted.name, data) for emitted, data in decided]


def _told(decided: list[tuple[Emitted, bytes]] | Failure) -> str:
    if isinstance(decided, Failure):
        return f"a failure, {decided.title!r}"
    return ", ".join(repr(emitted.codec.decode(data)) for emitted, data in decided)


def _applied_twice(
    function: Function[Any], codec: Codec[Any], payload: bytes, state: bytes | None, context: ApplyContext
) -> bytes | None:
    applier = function.appliers[codec.name.encode()]
    try:
        first, second = (function.evolve(applier, payload, state, context) for _ in range(2))
    except (Exception, SystemExit) as error:
        title = failure_of(error).title
        message = f"apply of {codec.cls.__name__} failed: {title}; no command that emits it commits"
        raise AssertionError(message) from (error.__cause__ or error)
    if first != second:
        states = [function.state_of(after) for after in (first, second)]
        raise AssertionError(
            f"apply of {codec.cls.__name__} is not deterministic\n{_differences('state', states[:1], states[1:])}"
        )
    return first


def _differences(what: str, there: Sequence[Any], expected: Sequence[Any]) -> str:
    """What differs, field by field where two values are of one class."""
    lines = [f"{what}: not as expected"]
    for n in range(max(len(there), len(expected))):
        have = there[n] if n < len(there) else "(nothing)"
        want = expected[n] if n < len(expected) else "(nothing)"
        if have == want:
            continue
        if type(have) is type(want) and is_dataclass(have) and not isinstance(have, type):
            for field in fields(have):
                left, right = getattr(have, field.name), getattr(want, field.name)
                if left != right:
                    lines.append(f"  {type(have).__name__}.{field.name}: {left!r}, expected {right!r}")
        else:
            lines += f"  there:    {have!r}", f"  expected: {want!r}"
    return "\n".join(lines)
