"""What generated code says of an entity: its commands with what they emit, its events, and their schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from .codec import Codec


def codec_of(cls: type[Any]) -> Codec[Any]:
    """The codec of a generated class. Raises TypeError for any other."""
    codec = getattr(cls, "__evento__", None)
    if not isinstance(codec, Codec):
        raise TypeError(f"{cls!r} is no record made by `evento gen python`")
    return codec


class Command:
    """A command and every event that it may answer."""

    __slots__ = ("cls", "emits", "name", "resource")

    def __init__(self, cls: type[Any], resource: str, emits: tuple[type[Any], ...]) -> None:
        self.cls = cls
        self.name = codec_of(cls).name
        self.resource = resource
        """Name of the Command resource, for messages."""
        self.emits = emits


class Event:
    """An event, whether it says that a command was rejected, and whether apply must cover it."""

    __slots__ = ("applied", "cls", "name", "rejection", "resource")

    def __init__(self, cls: type[Any], resource: str, *, rejection: bool = False, applied: bool | None = None) -> None:
        self.cls = cls
        self.name = codec_of(cls).name
        self.resource = resource
        self.rejection = rejection
        self.applied = not rejection if applied is None else applied


class Entity:
    """An entity as its resources define it. Generated code makes one; `Function(bank.Account)` finds it."""

    __slots__ = ("commands", "events", "name", "resource", "schemas", "state")

    def __init__(
        self,
        state: type[Any],
        resource: str,
        commands: tuple[Command, ...],
        events: tuple[Event, ...],
        manifest: str,
    ) -> None:
        self.state = state
        self.name = codec_of(state).name
        self.resource = resource
        self.commands = commands
        self.events = events
        self.schemas: list[Any] = json.loads(manifest)["schemas"]
        """Each named type is defined once, before it is used by name."""
        ENTITIES[state] = self
        types = dict(_named(self.schemas, ""))
        for cls in (state, *(command.cls for command in commands), *(event.cls for event in events)):
            codec = codec_of(cls)
            codec.schema, codec.types = types[codec.name], types


ENTITIES: dict[type[Any], Entity] = {}
"""Every entity of the generated packages that were imported, by its state."""


def entity_of(state: type[Any]) -> Entity:
    entity = ENTITIES.get(state)
    if entity is None:
        raise TypeError(
            f"{state!r} is no entity made by `evento gen python`: give the class of a state, such as bank.Account"
        )
    return entity


def _full_name(schema: Mapping[str, Any], namespace: str) -> str:
    name: str = schema["name"]
    space = schema.get("namespace", namespace)
    return name if "." in name or not space else f"{space}.{name}"


def _named(schema: Any, namespace: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every named type defined in a schema; its fields' types stay as they are written."""
    if isinstance(schema, list):
        for part in schema:
            yield from _named(part, namespace)
    elif isinstance(schema, dict):
        if "name" in schema:
            full = _full_name(schema, namespace)
            namespace = full.rpartition(".")[0]
            yield full, {**schema, "namespace": namespace}
        for field in schema.get("fields", ()):
            yield from _named(field["type"], namespace)
        for key in ("type", "items", "values"):
            if isinstance(schema.get(key), (dict, list)):
                yield from _named(schema[key], namespace)
