"""Compares what functions are annotated with to what the resources say, before anything is served.

All that is wrong is told at once, each with what to change. Nothing here runs during a call.
"""

from __future__ import annotations

import difflib
import inspect
import types
import typing
from collections.abc import Callable
from typing import Any, Union

from .model import Command, Entity, codec_of

_SEVERAL = ("tuple", "list", "Sequence", "Iterable", "Collection")
_EMPTY = inspect.Parameter.empty


class FunctionError(Exception):
    """A function that cannot be served as it is written. The message lists every place and what to change."""


class Declared:
    """A function as it was handed to `handle` or `apply`, and what its annotations say."""

    __slots__ = ("answers", "fn", "input", "place", "problems", "state", "wants_context")

    def __init__(self, fn: Callable[..., Any], given: type[Any] | None) -> None:
        self.fn = fn
        code = getattr(fn, "__code__", None)
        name = getattr(fn, "__qualname__", repr(fn))
        self.place = f"{name} ({_file(code.co_filename)}:{code.co_firstlineno})" if code else name
        self.problems: list[str] = []
        self.input: Any = given
        self.state: Any = _EMPTY
        self.answers: Any = _EMPTY
        self.wants_context = False
        self._read()

    def _read(self) -> None:
        if inspect.iscoroutinefunction(self.fn) or inspect.isgeneratorfunction(self.fn):
            self.problems.append("it is async or a generator; a function has nothing to wait for: use def and return")
        parameters = list(inspect.signature(self.fn).parameters.values())
        if len(parameters) not in (2, 3) or any(p.kind is p.KEYWORD_ONLY for p in parameters):
            self.problems.append(
                "it takes the command or event, the state, and if it wants it the context: two or three parameters, "
                f"not {len(parameters)}"
            )
            return
        self.wants_context = len(parameters) == 3
        try:
            hints = typing.get_type_hints(self.fn)
        except NameError as error:
            self.problems.append(f"its annotations: {error}; import the name at run time, not below TYPE_CHECKING")
            return
        if self.input is None:
            self.input = hints.get(parameters[0].name)
        self.state = hints.get(parameters[1].name, _EMPTY)
        self.answers = hints.get("return", _EMPTY)


def _file(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]


def _members(hint: Any) -> set[Any]:
    """The classes of a union; `tuple[A, ...]` and the like stand for their items."""
    if hint is None:
        return {type(None)}
    origin = typing.get_origin(hint)
    if origin in (Union, types.UnionType):
        return set().union(*map(_members, typing.get_args(hint)))
    if origin is not None and origin.__name__ in _SEVERAL:
        items = [item for item in typing.get_args(hint) if item is not Ellipsis]
        return set().union(*map(_members, items)) if items else set()
    if hint in (typing.NoReturn, getattr(typing, "Never", typing.NoReturn)):
        return set()
    return {hint}


def _name(hint: Any) -> str:
    return getattr(hint, "__name__", str(hint))


def _any_of(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def check_handler(entity: Entity, declared: Declared, handled: dict[type[Any], Command]) -> list[str]:
    """What is wrong with one handler."""
    problems = list(declared.problems)
    command = handled.get(declared.input)
    if command is None:
        return problems or [_unknown(declared.input, "command", list(handled), entity)]
    problems += _check_state(entity, declared)
    if declared.answers is _EMPTY:
        wanted = " | ".join(event.__name__ for event in command.emits)
        return [*problems, f"say what it answers: `-> {wanted}`"]
    answers = _members(declared.answers)
    if type(None) in answers:
        answers.discard(type(None))
        problems.append(
            "it may answer None; a command is answered with one or more events, never none. What cannot be decided "
            "is raised: evento.Retry(title) or evento.Poison(title)"
        )
    for answer in sorted(answers - set(command.emits), key=_name):
        problems.append(
            f"it answers {_name(answer)}, but {command.resource} emits only "
            f"{_any_of([event.__name__ for event in command.emits])}: correct the annotation, or add the event to "
            f"`emits` of the Command {command.resource} and run `evento gen python` again"
        )
    return problems


def check_applier(entity: Entity, declared: Declared, events: dict[type[Any], Any]) -> list[str]:
    """What is wrong with one applier."""
    problems = list(declared.problems)
    if declared.input not in events:
        return problems or [_unknown(declared.input, "event", list(events), entity)]
    problems += _check_state(entity, declared)
    if declared.answers is not _EMPTY:
        for answer in sorted(_members(declared.answers) - {entity.state, type(None)}, key=_name):
            state = entity.state.__name__
            problems.append(f"it answers {_name(answer)}; apply answers the state: `-> {state}` or `-> {state} | None`")
    return problems


def _check_state(entity: Entity, declared: Declared) -> list[str]:
    if declared.state is _EMPTY:
        return []
    state = entity.state.__name__
    members = _members(declared.state)
    if members == {entity.state, type(None)}:
        return []
    if members == {entity.state}:
        return [f"the state may be None, before the first event for one: annotate it `{state} | None`"]
    return [f"its second parameter is the state: annotate it `{state} | None`"]


def _unknown(hint: Any, what: str, known: list[type[Any]], entity: Entity) -> str:
    names = [cls.__name__ for cls in known]
    if hint is None or hint is _EMPTY:
        return f"annotate its first parameter with the {what}: {_any_of(names) if names else 'there is none'}"
    near = difflib.get_close_matches(_name(hint), names, 1)
    hint_text = f"; {near[0]} is near" if near else ""
    return f"{_name(hint)} is no {what} of {entity.name}{hint_text}. There is {_any_of(names) if names else 'none'}"


def missing_handler(command: Command, state: str) -> str:
    """What to write for a command that nothing handles."""
    answers = " | ".join(event.__name__ for event in command.emits)
    return (
        f"nothing handles {command.cls.__name__}. Write\n"
        f"      @function.handle\n"
        f"      def {_snake(command.cls.__name__)}(cmd: {command.cls.__name__}, {state.lower()}: {state} | None)"
        f" -> {answers}: ..."
    )


def missing_applier(event: type[Any], state: str) -> str:
    """What to write for an event that nothing applies."""
    return (
        f"nothing applies {event.__name__}, so no state could be built from it. Write\n"
        f"      @function.apply\n"
        f"      def on_{_snake(event.__name__)}(ev: {event.__name__}, {state.lower()}: {state} | None)"
        f" -> {state} | None: ..."
    )


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() and n else c.lower() for n, c in enumerate(name))


def record_name(cls: type[Any]) -> str:
    return codec_of(cls).name
