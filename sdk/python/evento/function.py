"""`Function(bank.Account)`: an entity's decisions and evolution, and how they are called with bytes.

It knows nothing of HTTP and of envelopes: `evento.run` and `evento.plain` call `decide` and `evolve`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from .calls import Applier, Emitted, Handler, decoded, encoded, no_event
from .codec import Codec
from .context import ApplyContext, Context
from .contract import Declared, FunctionError, check_applier, check_handler, missing_applier, missing_handler
from .failure import ContractBroken, UnknownName
from .model import Command, Entity, codec_of, entity_of

if TYPE_CHECKING:
    from .testing import Given
    from .web import Asgi, Wsgi

S = TypeVar("S")
F = TypeVar("F", bound=Callable[..., Any])


class Function(Generic[S]):
    """The function of one entity.

    ```python
    accounts = Function(bank.Account)

    @accounts.handle
    def withdraw(cmd: WithdrawCash, account: Account | None) -> CashWithdrawn | WithdrawalRejected: ...

    @accounts.apply
    def withdrawn(ev: CashWithdrawn, account: Account | None) -> Account | None: ...
    ```

    There is one handler for each command and one applier for each event that is no rejection. A rejection may have
    one too; without, it leaves the state as it is. `handles` narrows the commands and `applies=False` leaves all
    events to another function.
    """

    def __init__(
        self,
        state: type[S],
        *,
        handles: Iterable[type[Any]] | None = None,
        applies: bool = True,
        state_version: int = 1,
        version: str = "",
    ) -> None:
        self.entity: Entity = entity_of(state)
        self.state_codec: Codec[S] = codec_of(state)
        self.state_version = state_version
        """Raise it when the code of apply changes meaning: states are then rebuilt from the events."""
        self.version = version
        """Shown to people; without supervision by Evento it must change with each release."""
        wanted = None if handles is None else set(handles)
        self._commands: dict[type[Any], Command] = {
            command.cls: command for command in self.entity.commands if wanted is None or command.cls in wanted
        }
        odd = [] if wanted is None else [cls.__name__ for cls in wanted if cls not in self._commands]
        if odd:
            raise FunctionError(f"handles: {', '.join(odd)} is no command of {self.entity.name}")
        self._events = {event.cls: event for event in self.entity.events} if applies else {}
        self._declared_handlers: list[Declared] = []
        self._declared_appliers: list[Declared] = []
        self._is_checked = False
        self.handlers: dict[bytes, Handler] = {}
        """By full name of the command; filled by `check`."""
        self.appliers: dict[bytes, Applier] = {}
        """By full name of the event; filled by `check`."""
        # The state that was decoded last. Bytes and states never change, so this may be shared by threads.
        self._memo: tuple[bytes | None, S | None] = (None, None)

    # What authors use.

    @overload
    def handle(self, fn: F) -> F: ...
    @overload
    def handle(self, fn: type[Any]) -> Callable[[F], F]: ...
    def handle(self, fn: Any) -> Any:
        """Declares how a command is decided: command and state in, one or more events out.

        The command is the annotation of the first parameter; `@accounts.handle(WithdrawCash)` names it instead.
        Several events are returned as a tuple or list and are committed together. A third parameter receives the
        `Context`. No other source may be used: no clock, no chance, no network, no file.
        """
        return self._declare(self._declared_handlers, fn)

    @overload
    def apply(self, fn: F) -> F: ...
    @overload
    def apply(self, fn: type[Any]) -> Callable[[F], F]: ...
    def apply(self, fn: Any) -> Any:
        """Declares how an event changes the state: event and state in, the new state out; None ends the instance.

        A third parameter receives the `ApplyContext`.
        """
        return self._declare(self._declared_appliers, fn)

    def _declare(self, into: list[Declared], fn: Any) -> Any:
        if not isinstance(fn, type):
            into.append(Declared(fn, None))
            self._is_checked = False
            return fn

        def decorated(inner: F) -> F:
            into.append(Declared(inner, fn))
            self._is_checked = False
            return inner

        return decorated

    def serve(self, address: str | None = None) -> None:
        """Serves until SIGTERM. See `evento.serve`."""
        from .server import serve

        serve(self, address=address)

    @property
    def asgi(self) -> Asgi:
        """An ASGI application for uvicorn, hypercorn and others."""
        from .web import Asgi

        return Asgi(self)

    @property
    def wsgi(self) -> Wsgi:
        """A WSGI application for gunicorn, waitress and others."""
        from .web import Wsgi

        return Wsgi(self)

    def given(self, *events: Any) -> Given[S]:
        """Begins a test: these events have happened. See `evento.testing`."""
        from .testing import Given

        return Given(self).events(*events)

    def given_state(self, state: S | None) -> Given[S]:
        """Begins a test: the instance has this state."""
        from .testing import Given

        return Given(self).state(state)

    # What the SDK uses.

    def check(self) -> None:
        """Compares handlers and appliers with the resources. Raises FunctionError with all that is wrong."""
        if self._is_checked:
            return
        state = self.entity.state.__name__
        problems: list[str] = []
        handlers = self._by_input(self._declared_handlers, problems)
        appliers = self._by_input(self._declared_appliers, problems)
        for declared in self._declared_handlers:
            problems += _at(declared, check_handler(self.entity, declared, self._commands))
        for declared in self._declared_appliers:
            problems += _at(declared, check_applier(self.entity, declared, dict(self._events)))
        if all(declared.input in self._commands for declared in self._declared_handlers):
            problems += [missing_handler(c, state) for c in self._commands.values() if c.cls not in handlers]
        if all(declared.input in self._events for declared in self._declared_appliers):
            needed = [event.cls for event in self._events.values() if event.applied]
            problems += [missing_applier(cls, state) for cls in needed if cls not in appliers]
        if problems:
            lines = "\n  - ".join(problems)
            raise FunctionError(f"the function of {self.entity.name} cannot be served:\n  - {lines}")
        self._compile(handlers, appliers)
        self._is_checked = True

    def _by_input(self, all_declared: list[Declared], problems: list[str]) -> dict[Any, Declared]:
        found: dict[Any, Declared] = {}
        for declared in all_declared:
            first = found.setdefault(declared.input, declared)
            if first is not declared and declared.input is not None:
                problems.append(f"{declared.place}: {declared.input.__name__} is taken by {first.place}: keep one")
        return found

    def _compile(self, handlers: dict[Any, Declared], appliers: dict[Any, Declared]) -> None:
        applying = {cls: Applier(codec_of(cls), d.fn, d.wants_context) for cls, d in appliers.items()}
        events = {
            event.cls: Emitted(codec_of(event.cls), event.rejection, applying.get(event.cls))
            for event in self.entity.events
        }
        self.appliers = {applier.codec.name.encode(): applier for applier in applying.values()}
        self.handlers = {
            command.name.encode(): Handler(
                codec_of(cls),
                handlers[cls].fn,
                handlers[cls].wants_context,
                {event: events[event] for event in command.emits},
            )
            for cls, command in self._commands.items()
        }

    def decide(
        self, handler: Handler, payload: bytes, state: bytes | None, context: Context | None
    ) -> list[tuple[Emitted, bytes]]:
        """Handles a command: its events with their bytes. Raises what the function raises.

        The context is needed only when the handler wants it.
        """
        command = decoded(handler.codec, payload)
        current = self.state_of(state)
        answer = handler.fn(command, current, context) if handler.wants_context else handler.fn(command, current)
        emitted = handler.emits.get(answer.__class__)
        if emitted is not None:
            return [(emitted, encoded(emitted.codec, answer))]
        if not isinstance(answer, (tuple, list)):
            raise no_event(handler, answer)
        if not answer:
            raise ContractBroken(
                "handle answered no event",
                f"{handler.codec.name} is answered with one or more events; what cannot be decided is raised: "
                "evento.Retry or evento.Poison",
            )
        events = []
        for event in answer:
            emitted = handler.emits.get(event.__class__)
            if emitted is None:
                raise no_event(handler, event)
            events.append((emitted, encoded(emitted.codec, event)))
        return events

    def evolve(
        self, applier: Applier, payload: bytes, state: bytes | None, context: ApplyContext | None
    ) -> bytes | None:
        """Applies an event: the state afterwards. Raises what the function raises."""
        event = decoded(applier.codec, payload)
        current = self.state_of(state)
        after = applier.fn(event, current, context) if applier.wants_context else applier.fn(event, current)
        if after is None:
            return None
        if after.__class__ is not self.state_codec.cls:
            raise ContractBroken(
                f"apply of {applier.codec.name} answered a {type(after).__name__}",
                f"the state is a {self.state_codec.cls.__name__}, or None when the instance ends",
            )
        return encoded(self.state_codec, after)

    def handler_of(self, name: bytes) -> Handler:
        handler = self.handlers.get(name)
        if handler is None:
            raise UnknownName(f"unknown command {name.decode('utf-8', 'replace')}")
        return handler

    def applier_of(self, name: bytes) -> Applier:
        applier = self.appliers.get(name)
        if applier is None:
            raise UnknownName(f"unknown event {name.decode('utf-8', 'replace')}")
        return applier

    def state_of(self, data: bytes | None) -> S | None:
        if data is None:
            return None
        memo = self._memo
        if memo[0] is data:
            return memo[1]
        state: S = decoded(self.state_codec, data)
        self._memo = (data, state)
        return state

    def manifest_entity(self) -> dict[str, Any]:
        """Its part of the discovery manifest."""
        self.check()
        return {
            "name": self.entity.name,
            "handles": [
                {"command": command.name, "emits": [codec_of(event).name for event in command.emits]}
                for command in self._commands.values()
            ],
            "applies": [name.decode() for name in self.appliers],
            "rejections": [event.name for event in self.entity.events if event.rejection],
            "stateVersion": self.state_version,
        }


def _at(declared: Declared, problems: list[str]) -> list[str]:
    return [f"{declared.place}: {problem}" for problem in problems]
