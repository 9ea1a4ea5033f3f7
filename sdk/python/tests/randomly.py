"""Random Avro schemas and values in the shape that fastavro takes, and generated values in that shape."""

from __future__ import annotations

import math
import random
import struct
from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from evento import codec_of
from evento.model import ENTITIES

DEPTH_MAX = 4
PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "string", "bytes")
WORDS = ("a", "b2", "class", "fooBar", "from", "id", "items", "kind", "name", "self", "type", "value", "x_y", "int")
LETTERS = "aZ0 _-é日\U0001f600\x00\"'\\"


class Schemas:
    """Makes records; named types are defined once and then named again."""

    def __init__(self, chance: random.Random, namespace: str) -> None:
        self.chance = chance
        self.namespace = namespace
        self.count = 0
        self.known: list[tuple[str, str]] = []

    def record(self, name: str, depth: int = 0) -> dict[str, Any]:
        words = self.chance.sample(WORDS, self.chance.randrange(0 if depth else 1, 7))
        made = [{"name": word, "type": self.kind(depth + 1)} for word in words]
        return {"type": "record", "name": name, "namespace": self.namespace, "fields": made}

    def new_name(self) -> str:
        self.count += 1
        return f"T{self.count}"

    def kind(self, depth: int) -> Any:
        choice = self.chance.random()
        if choice < 0.45 or depth >= DEPTH_MAX:
            return self.chance.choice(PRIMITIVES)
        if choice < 0.6:
            return self.logical()
        if choice < 0.7:
            return {"type": "array", "items": self.kind(depth + 1)}
        if choice < 0.78:
            return {"type": "map", "values": self.kind(depth + 1)}
        if choice < 0.88:
            return self.union(depth)
        return self.named(depth)

    def logical(self) -> Any:
        precision = self.chance.randrange(1, 40)
        decimal = {"logicalType": "decimal", "precision": precision, "scale": self.chance.randrange(precision + 1)}
        return self.chance.choice(
            [
                {"type": "bytes", **decimal},
                {"type": "string", "logicalType": "uuid"},
                {"type": "long", "logicalType": "timestamp-millis"},
                {"type": "long", "logicalType": "timestamp-micros"},
                {"type": "int", "logicalType": "date"},
            ]
        )

    def union(self, depth: int) -> Any:
        if self.chance.random() < 0.5:
            item = self.kind(DEPTH_MAX)
            branches = ["null", "long" if item == "null" else item]
        else:
            # Evento refuses branches that look alike in JSON: one number, one text, one list, one object.
            alike = [["null"], ["boolean"], ["int", "long"], ["string", "bytes"]]
            branches = [self.chance.choice(words) for words in self.chance.sample(alike, self.chance.randrange(1, 5))]
            if self.chance.random() < 0.5:
                branches.append({"type": "array", "items": self.kind(depth + 1)})
            if self.chance.random() < 0.5:
                branches.append(self.record_here(depth))
        self.chance.shuffle(branches)
        return branches

    def record_here(self, depth: int) -> dict[str, Any]:
        name = self.new_name()
        made = self.record(name, depth + 1)
        self.known.append((name, "record"))
        return made

    def named(self, depth: int) -> Any:
        if self.known and self.chance.random() < 0.4:
            return f"{self.namespace}.{self.chance.choice(self.known)[0]}"
        kind = self.chance.choice(("record", "enum", "fixed"))
        if kind == "record":
            return self.record_here(depth)
        name = self.new_name()
        self.known.append((name, kind))
        if kind == "enum":
            symbols = self.chance.sample(("RED", "green", "None", "mro", "name", "_x", "Blue_2"), 4)
            return {"type": "enum", "name": name, "namespace": self.namespace, "symbols": symbols}
        size = self.chance.randrange(1, 20)
        return {"type": "fixed", "name": name, "namespace": self.namespace, "size": size}


class Values:
    """Makes values for fastavro to write; a union's value is told with its branch."""

    def __init__(self, chance: random.Random, named: dict[str, Any]) -> None:
        self.chance = chance
        self.named = named

    def of(self, schema: Any) -> Any:
        if isinstance(schema, list):
            branch = self.chance.choice(schema)
            return None if branch == "null" else Told(branch, self.of(branch))
        if isinstance(schema, str):
            return self.primitive(schema) if schema in PRIMITIVES else self.of(self.named[schema])
        if "logicalType" in schema:
            return self.logical(schema)
        kind = schema["type"]
        if kind == "record":
            return {field["name"]: self.of(field["type"]) for field in schema["fields"]}
        if kind == "enum":
            return self.chance.choice(schema["symbols"])
        if kind == "fixed":
            return self.chance.randbytes(schema["size"])
        count = self.chance.choice((0, 1, 2, 5))
        if kind == "array":
            return [self.of(schema["items"]) for _ in range(count)]
        keys = sorted({self.text() for _ in range(count)})
        return {key: self.of(schema["values"]) for key in keys}

    def text(self) -> str:
        return "".join(self.chance.choices(LETTERS, k=self.chance.choice((0, 1, 3, 70))))

    def primitive(self, word: str) -> Any:
        if word == "null":
            return None
        if word == "boolean":
            return self.chance.random() < 0.5
        if word in ("int", "long"):
            bits = 31 if word == "int" else 63
            edge = self.chance.choice((0, 1, 64, 8192, 2**bits - 1, self.chance.getrandbits(bits)))
            return self.chance.choice((edge, -edge - 1))
        if word == "string":
            return self.text()
        if word == "bytes":
            return self.chance.randbytes(self.chance.choice((0, 1, 100)))
        number = self.chance.choice((0.0, -0.0, math.inf, -math.inf, math.nan, self.chance.uniform(-1e9, 1e9)))
        return struct.unpack("<f", struct.pack("<f", number))[0] if word == "float" else number

    def logical(self, schema: dict[str, Any]) -> Any:
        kind = schema["logicalType"]
        if kind == "decimal":
            limit = 10 ** schema["precision"]
            unscaled = self.chance.choice((0, 1, -1, limit - 1, 1 - limit, self.chance.randrange(limit)))
            return Decimal((unscaled < 0, tuple(map(int, str(abs(unscaled)))), -schema["scale"]))
        if kind == "uuid":
            return UUID(int=self.chance.getrandbits(128))
        if kind == "date":
            return date.fromordinal(
                self.chance.choice((1, 719163, date.max.toordinal(), self.chance.randrange(1, 10**6)))
            )
        unit = 1000 if kind == "timestamp-millis" else 1
        micros = self.chance.choice((0, -62_135_596_800_000_000, self.chance.randrange(10**17))) // unit * unit
        return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=micros)


class Told:
    """A union's value and its branch."""

    def __init__(self, branch: Any, value: Any) -> None:
        self.branch = branch
        self.value = value


def for_fastavro(value: Any) -> Any:
    """In fastavro's notation: a tuple says which branch."""
    if isinstance(value, Told):
        branch = value.branch
        if isinstance(branch, dict) and "name" in branch:
            branch = branch["name"] if "." in branch["name"] else f"{branch['namespace']}.{branch['name']}"
        elif isinstance(branch, dict):
            # A logical type is only in unions with null, where the value tells.
            if "logicalType" in branch:
                return for_fastavro(value.value)
            branch = branch["type"]
        return branch, for_fastavro(value.value)
    if isinstance(value, dict):
        return {key: for_fastavro(item) for key, item in value.items()}
    return [for_fastavro(item) for item in value] if isinstance(value, list) else value


def plain(value: Any) -> Any:
    """What was made, or what the generated code read, without names of branches and with NaN equal to itself."""
    if isinstance(value, Told):
        return plain(value.value)
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        inner = {field.name: plain(getattr(value, field.name)) for field in fields(value)}
        if not hasattr(type(value), "__evento__"):
            return inner["value"]
        return dict(zip(_names(codec_of(type(value)).name), inner.values(), strict=True))
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return "nan" if value != value else (value, math.copysign(1, value))
    return value


def _names(record: str) -> list[str]:
    """A record's fields as the schema has them."""
    types = (codec_of(entity.state).types for entity in ENTITIES.values())
    return next([field["name"] for field in known[record]["fields"]] for known in types if record in known)
