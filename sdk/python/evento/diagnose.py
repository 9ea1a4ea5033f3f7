"""Finds the field whose value cannot be written, so that the message names it.

Writers are straight code and say only what is wrong with a value. When one fails, the value is gone through again
beside its schema. Only errors come here; nothing of it runs when values are right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from .avro import Unwritable
from .codec import Codec

_PYTHON = {
    "null": "None",
    "boolean": "a bool",
    "int": "an int of 32 bits",
    "long": "an int of 64 bits",
    "float": "a float",
    "double": "a float",
    "string": "a str",
    "bytes": "bytes",
}
_LOGICAL = {
    "decimal": "a Decimal",
    "uuid": "a UUID",
    "timestamp-millis": "a datetime with time zone, of whole milliseconds",
    "timestamp-micros": "a datetime with time zone",
    "date": "a date",
}
_RANGES = {"int": 31, "long": 63}
_SHOWN_MAX = 100


def explained(codec: Codec[Any], value: object, error: Exception) -> Unwritable:
    """The error with the path of the field, the type that is wanted and the value that is there."""
    if type(value) is not codec.cls:
        return Unwritable(f"{codec.cls.__name__} is expected, not {_shown(value)}")
    try:
        found = _record(codec, codec.schema, value, codec.name)
    except Exception:
        found = None
    return Unwritable(found or f"{codec.name}: {error}")


def _record(codec: Codec[Any], schema: Mapping[str, Any], value: Any, path: str) -> str | None:
    if not is_dataclass(value) or len(fields(value)) != len(schema["fields"]):
        return f"{path}: {schema['name']} is expected, not {_shown(value)}"
    space = schema.get("namespace", "")
    for field, declared in zip(fields(value), schema["fields"], strict=True):
        found = _find(codec, declared["type"], getattr(value, field.name), f"{path}.{declared['name']}", space)
        if found:
            return found
    return None


def _find(codec: Codec[Any], schema: Any, value: Any, path: str, space: str) -> str | None:
    """What is wrong with a value, or None."""
    if isinstance(schema, list):
        return _union(codec, schema, value, path, space)
    if isinstance(schema, str):
        if schema in _PYTHON:
            return _primitive(schema, value, path)
        schema = codec.types[schema if "." in schema or not space else f"{space}.{schema}"]
    logical = schema.get("logicalType")
    if logical in _LOGICAL:
        # What a logical type refuses, its writer has said in words.
        word = _LOGICAL[logical].split()[1]
        fits = type(value).__name__ == word
        return None if fits else f"{path}: {_LOGICAL[logical]} is expected, not {_shown(value)}"
    kind = schema["type"]
    if kind == "record":
        return _record(codec, schema, value, path)
    if kind == "enum":
        fits = isinstance(value, Enum)
        return None if fits else f"{path}: one of the enum {schema['name']} is expected, not {_shown(value)}"
    if kind == "fixed":
        fits = type(value) is bytes and len(value) == schema["size"]
        return None if fits else f"{path}: {schema['size']} bytes are expected, not {_shown(value)}"
    if kind == "array":
        if not isinstance(value, tuple):
            return f"{path}: a tuple is expected, not {_shown(value)}; tuple(...) makes one"
        found = (_find(codec, schema["items"], item, f"{path}[{n}]", space) for n, item in enumerate(value))
        return next((text for text in found if text), None)
    if kind == "map":
        if not isinstance(value, Mapping):
            return f"{path}: a dict is expected, not {_shown(value)}"
        odd = next((key for key in value if not isinstance(key, str)), None)
        if odd is not None:
            return f"{path}: keys are str, not {_shown(odd)}"
        found = (_find(codec, schema["values"], item, f"{path}[{key!r}]", space) for key, item in value.items())
        return next((text for text in found if text), None)
    return _find(codec, kind, value, path, space)


def _union(codec: Codec[Any], branches: list[Any], value: Any, path: str, space: str) -> str | None:
    if value is None:
        return None if "null" in branches else f"{path}: None is none of the union's branches"
    others = [branch for branch in branches if branch != "null"]
    if len(others) == 1:
        return _find(codec, others[0], value, path, space)
    tagged = is_dataclass(value) or isinstance(value, Enum)
    return None if tagged else f"{path}: one of the union's classes is expected, not {_shown(value)}"


def _primitive(word: str, value: Any, path: str) -> str | None:
    if word in _RANGES:
        fits = isinstance(value, int) and value >> _RANGES[word] in (0, -1)
    elif word in ("float", "double"):
        fits = isinstance(value, (int, float))
    elif word == "string":
        fits = isinstance(value, str) and value.isascii() | _has_utf8(value)
    else:
        fits = type(value) is {"null": type(None), "boolean": bool, "bytes": bytes}[word]
    return None if fits else f"{path}: {_PYTHON[word]} is expected, not {_shown(value)}"


def _has_utf8(text: str) -> bool:
    try:
        return bool(text.encode()) or True
    except UnicodeEncodeError:
        return False


def _shown(value: object) -> str:
    text = repr(value)
    text = text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}..."
    return f"{text} ({type(value).__name__})"
