"""What a record is beside its fields: its codec, and how it is made and copied quickly.

Readers and writers of single values are in `evento.avro`; which field of a value is wrong, `evento.diagnose` finds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .avro import Malformed, Read, Write, short

T = TypeVar("T")

if TYPE_CHECKING:
    from dataclasses import replace as replace
else:

    def replace(value, /, **changes):
        """A copy of a record with other values for some fields; as `dataclasses.replace`, in a fraction of the time."""
        return value.__replace__(**changes)


class Codec(Generic[T]):
    """How one record is read and written. Generated code puts one on each class as `__evento__`."""

    __slots__ = ("cls", "name", "read", "schema", "types", "write")

    def __init__(self, cls: type[T], name: str, read: Read[T], write: Write[T]) -> None:
        self.cls = cls
        self.name = name
        """Full Avro name."""
        self.read = read
        self.write = write
        self.schema: Mapping[str, Any] = {}
        """Its schema; set when the entity it belongs to is made."""
        self.types: Mapping[str, Mapping[str, Any]] = {}
        """Schemas of the named types it may refer to, by full name."""

    def decode(self, data: bytes) -> T:
        """The value of these bytes, all of which must be used. Raises Malformed."""
        try:
            value, end = self.read(data, 0)
        except IndexError:
            raise short() from None
        except UnicodeDecodeError:
            raise Malformed("a string is not UTF-8") from None
        if end != len(data):
            raise Malformed(f"{len(data) - end} bytes are left over after {self.name}")
        return value

    def encode(self, value: T) -> bytes:
        """The canonical bytes of a value. Raises Unwritable, which names the field."""
        try:
            return self.write(value)
        except Exception as error:
            from .diagnose import explained

            raise explained(self, value, error) from None


# Names begin with two underscores, which a field's name never does.
_FILLED = """
def make({args}):
    __e = __new(__draft)
    {sets}
    __e.__class__ = __cls
    return __e
def copy(__o, /, {kept}):
    __e = __new(__draft)
    {copied}
    __e.__class__ = __cls
    return __e
def init(__e, {args_with_defaults}):
    __become(__e, "__class__", __draft)
    {made}
    {sets}
    __e.__class__ = __cls
"""


def quick(cls: type[T]) -> Callable[..., T]:
    """Makes a frozen, slotted dataclass quick to make, and gives the function that decoders make it with.

    The `__init__` that `dataclasses` writes sets each field of a frozen class through `object.__setattr__`, which
    takes three quarters of the time to decode a record. Here fields are set on a twin class that has the same slots
    and is not frozen, and then the object becomes one of the frozen class. Nothing else changes: fields, defaults,
    `==`, `repr`, `replace` and pattern matching are those of the dataclass.
    """
    from dataclasses import MISSING, fields

    names = [field.name for field in fields(cls)]  # type: ignore[arg-type]
    if not names:
        only = cls()
        return lambda: only
    draft = type(cls.__name__, (), {"__slots__": tuple(names), "__module__": cls.__module__})
    space: dict[str, Any] = {"__cls": cls, "__draft": draft, "__new": object.__new__}
    space |= {"__become": object.__setattr__, "__keep": object()}
    with_defaults, made = [], ["pass"]
    for n, field in enumerate(fields(cls)):  # type: ignore[arg-type]
        default = field.default
        if field.default_factory is not MISSING:
            default = space[f"__make_{n}"] = field.default_factory
            made.append(f"if {field.name} is __default_{n}: {field.name} = __make_{n}()")
        space[f"__default_{n}"] = default
        with_defaults.append(field.name if default is MISSING else f"{field.name}=__default_{n}")
    source = _FILLED.format(
        args=", ".join(names),
        args_with_defaults=", ".join(with_defaults),
        made="\n    ".join(made),
        kept=", ".join(f"{name}=__keep" for name in names),
        copied="\n    ".join(f"__e.{name} = __o.{name} if {name} is __keep else {name}" for name in names),
        sets="\n    ".join(f"__e.{name} = {name}" for name in names),
    )
    # Field names are those of a dataclass, so they are identifiers and nothing else can be in the source.
    exec(source, space)
    init = space["init"]
    init.__annotations__ = cls.__init__.__annotations__
    init.__name__, init.__qualname__ = "__init__", f"{cls.__qualname__}.__init__"
    type.__setattr__(cls, "__init__", init)
    # What `copy.replace` of Python 3.13 calls, and `evento.replace` everywhere.
    type.__setattr__(cls, "__replace__", space["copy"])
    make: Callable[..., T] = space["make"]
    return make
