"""Avro binary for generated codecs: strict when read, canonical when written.

Generated code calls these functions straight, field after field; nothing here looks at a schema. A reader takes
the bytes and a position and gives the value and the position after it. A writer gives bytes.

Source: Apache Avro 1.12, "Binary encoding". What is refused is what Evento refuses: see `Malformed`. Logical types
are in `evento.logical`, whole records in `evento.codec`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")

Read = Callable[[bytes, int], "tuple[T, int]"]
Write = Callable[[T], bytes]

NESTING_MAX = 64
"""Records, arrays and maps within each other; a value nested deeper is refused."""
ZERO_SIZE_ITEMS_MAX = 65_536
"""Items of one array that take no byte; more are refused, since nothing else bounds them."""


class Malformed(ValueError):
    """Bytes that are no value of the schema: cut short, left over, out of range, doubled, nested too deep."""


class Unwritable(TypeError):
    """A value that has no bytes under its schema: another type, out of range, not exact."""


class FrozenDict(dict[str, T]):
    """A map as it was read. Changing it in place raises; `{**values, "key": 1}` makes a changed copy."""

    __slots__ = ()

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError(
            'a state, a command and an event are never changed in place; make a copy: {**values, "key": value}'
        )

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenDict, (dict(self),)


# Reading.


def short() -> Malformed:
    return Malformed("the bytes end in the middle of a value")


def read_long(b: bytes, i: int) -> tuple[int, int]:
    n = b[i]
    if n < 128:
        return (n >> 1) ^ -(n & 1), i + 1
    i += 1
    c = b[i]
    if c < 128:
        n += (c << 7) - 128
        return (n >> 1) ^ -(n & 1), i + 1
    n += (c << 7) - 128 - (128 << 7)
    shift = 14
    while True:
        i += 1
        c = b[i]
        if c < 128:
            break
        n |= (c & 127) << shift
        shift += 7
        if shift > 63:
            raise Malformed("a number has more than 10 bytes")
    n |= c << shift
    if n >> 64:
        raise Malformed("a number does not fit 64 bits")
    return (n >> 1) ^ -(n & 1), i + 1


def read_int(b: bytes, i: int) -> tuple[int, int]:
    n = b[i]
    if n < 128:
        return (n >> 1) ^ -(n & 1), i + 1
    n, j = read_long(b, i)
    if j - i > 5 or not -0x8000_0000 <= n <= 0x7FFF_FFFF:
        raise Malformed("a number does not fit an int of 32 bits")
    return n, j


def read_length(b: bytes, i: int) -> tuple[int, int]:
    """A length that the bytes still there can hold."""
    n = b[i]
    # An even byte below 128 is the whole of a number that is not negative.
    if not n & 129:
        n >>= 1
        i += 1
    else:
        n, i = read_long(b, i)
    if n < 0:
        raise Malformed(f"a negative length, {n}")
    if n > len(b) - i:
        raise Malformed(f"a length of {n} bytes where {len(b) - i} are left")
    return n, i


def read_bytes(b: bytes, i: int) -> tuple[bytes, int]:
    n, i = read_length(b, i)
    j = i + n
    return b[i:j], j


def read_string(b: bytes, i: int) -> tuple[str, int]:
    n = b[i]
    # The same as in `read_length`, for the most frequent type.
    if n & 129:
        n, i = read_length(b, i)
    else:
        n >>= 1
        i += 1
    j = i + n
    if j > len(b):
        raise short()
    return str(b[i:j], "utf-8"), j


def read_boolean(b: bytes, i: int) -> tuple[bool, int]:
    n = b[i]
    if n > 1:
        raise Malformed(f"a boolean is 0 or 1, not {n}")
    return n == 1, i + 1


_FLOAT = struct.Struct("<f")
_DOUBLE = struct.Struct("<d")


def read_float(b: bytes, i: int) -> tuple[float, int]:
    if i + 4 > len(b):
        raise short()
    return _FLOAT.unpack_from(b, i)[0], i + 4


def read_double(b: bytes, i: int) -> tuple[float, int]:
    if i + 8 > len(b):
        raise short()
    return _DOUBLE.unpack_from(b, i)[0], i + 8


def read_null(b: bytes, i: int) -> tuple[None, int]:
    return None, i


def read_fixed(b: bytes, i: int, size: int) -> tuple[bytes, int]:
    j = i + size
    if j > len(b):
        raise short()
    return b[i:j], j


def read_index(b: bytes, i: int, count: int) -> tuple[int, int]:
    """The index of a union's branch or an enum's symbol."""
    n, j = read_int(b, i)
    if not 0 <= n < count:
        raise Malformed(f"index {n} where there are {count}")
    return n, j


def read_optional(b: bytes, i: int, read: Read[T], null: int = 0) -> tuple[T | None, int]:
    """A union of null and one other type; `null` is the index of null."""
    n, i = read_index(b, i, 2)
    return (None, i) if n == null else read(b, i)


def read_array(b: bytes, i: int, read: Read[T], size_min: int) -> tuple[tuple[T, ...], int]:
    """`size_min` is the least size of one item in bytes."""
    items: list[T] = []
    while True:
        n, i, end = _block(b, i, size_min, len(items))
        if not n:
            return tuple(items), i
        for _ in range(n):
            item, i = read(b, i)
            items.append(item)
        _ended(i, end)


def read_map(b: bytes, i: int, read: Read[T], size_min: int) -> tuple[FrozenDict[T], int]:
    """`size_min` is the least size of one value in bytes."""
    entries: dict[str, T] = {}
    while True:
        n, i, end = _block(b, i, size_min + 1, 0)
        if not n:
            return FrozenDict(entries), i
        for _ in range(n):
            key, i = read_string(b, i)
            if key in entries:
                raise Malformed(f"the key {key!r} is there twice")
            entries[key], i = read(b, i)
        _ended(i, end)


def _block(b: bytes, i: int, size_min: int, had: int) -> tuple[int, int, int | None]:
    """Items of the next block, where they begin, and where the block says that it ends."""
    n, i = read_long(b, i)
    end = None
    if n < 0:
        n = -n
        size, i = read_long(b, i)
        if not 0 <= size <= len(b) - i:
            raise Malformed(f"a block of {size} bytes where {len(b) - i} are left")
        end = i + size
    if size_min:
        if n * size_min > len(b) - i:
            raise Malformed(f"a block of {n} items where {len(b) - i} bytes are left")
    elif had + n > ZERO_SIZE_ITEMS_MAX:
        raise Malformed(f"more than {ZERO_SIZE_ITEMS_MAX} values without any byte")
    return n, i, end


def _ended(i: int, end: int | None) -> None:
    if end is not None and i != end:
        raise Malformed(f"a block ends at byte {i} instead of {end}")


def deeper(depth: int) -> int:
    """One level deeper, for types that contain themselves."""
    if depth >= NESTING_MAX:
        raise Malformed(f"values nest deeper than {NESTING_MAX}")
    return depth + 1


# Writing.


def _varint(n: int) -> bytes:
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


class _Numbers(dict[int, bytes]):
    """The bytes of a number: small ones from the table, others worked out."""

    __slots__ = ("bits", "word")

    def __init__(self, word: str, bits: int) -> None:
        super().__init__((n, _varint((n << 1) ^ (n >> 63))) for n in range(-1024, 8192))
        self.word = word
        self.bits = bits - 1

    def __missing__(self, n: int) -> bytes:
        if not isinstance(n, int):
            raise Unwritable(f"{n!r} is no {self.word}")
        if n >> self.bits not in (0, -1):
            raise Unwritable(f"{n} does not fit {'an int of 32' if self.word == 'int' else 'a long of 64'} bits")
        return _varint((n << 1) ^ (n >> 63))


INT = _Numbers("int", 32)
"""`INT[n]` is the bytes of an int."""
LONG = _Numbers("long", 64)
"""`LONG[n]` is the bytes of a long."""
BOOLEAN: Mapping[bool, bytes] = {False: b"\x00", True: b"\x01"}
"""`BOOLEAN[x]` is the byte of a boolean."""


def write_int(v: int) -> bytes:
    return INT[v]


def write_long(v: int) -> bytes:
    return LONG[v]


def write_boolean(v: bool) -> bytes:
    return BOOLEAN[v]


def write_null(v: None) -> bytes:
    if v is not None:
        raise Unwritable(f"{v!r} is not None")
    return b""


def write_string(v: str) -> bytes:
    b = v.encode()
    return LONG[len(b)] + b


def write_bytes(v: bytes) -> bytes:
    if v.__class__ is not bytes:
        raise Unwritable(f"{v!r} is no bytes")
    return LONG[len(v)] + v


def write_float(v: float) -> bytes:
    return b"\x00\x00\xc0\x7f" if v != v else _FLOAT.pack(v)


def write_double(v: float) -> bytes:
    return b"\x00\x00\x00\x00\x00\x00\xf8\x7f" if v != v else _DOUBLE.pack(v)


def write_fixed(v: bytes, size: int) -> bytes:
    if v.__class__ is not bytes or len(v) != size:
        raise Unwritable(f"{v!r} is not {size} bytes")
    return v


def write_array(v: tuple[T, ...], write: Write[T]) -> bytes:
    if not isinstance(v, tuple):
        raise Unwritable(f"{v!r} is no tuple")
    return LONG[len(v)] + b"".join(map(write, v)) + b"\x00" if v else b"\x00"


def write_map(v: Mapping[str, T], write: Write[T]) -> bytes:
    """One block, sorted by key: the order of code points is that of UTF-8 bytes."""
    if not isinstance(v, Mapping):
        raise Unwritable(f"{v!r} is no dict")
    if not v:
        return b"\x00"
    parts = [LONG[len(v)]]
    for key in sorted(v):
        parts += write_string(key), write(v[key])
    parts.append(b"\x00")
    return b"".join(parts)


def wrong(value: object, expected: str) -> Unwritable:
    return Unwritable(f"{value!r} is no {expected}")
