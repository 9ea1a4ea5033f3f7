"""Logical types of generated codecs: decimal, uuid, timestamps and dates as Python has them.

What Python cannot hold exactly is refused, never rounded: a timestamp outside the years 1 to 9999, a decimal with
more digits after the point than its scale. Other logical types are read and written as their base type.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

from .avro import INT, LONG, Malformed, Unwritable, read_bytes, read_fixed, read_int, read_long, read_string

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_MICRO = timedelta(microseconds=1)
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_DECIMAL_BYTES_MAX = 416
"""Bytes of the largest number Evento takes, one of 1,000 digits."""


def read_decimal(b: bytes, i: int, precision: int, scale: int) -> tuple[Decimal, int]:
    data, i = read_bytes(b, i)
    return _decimal(data, precision, scale), i


def read_decimal_fixed(b: bytes, i: int, size: int, precision: int, scale: int) -> tuple[Decimal, int]:
    data, i = read_fixed(b, i, size)
    return _decimal(data, precision, scale), i


def _decimal(data: bytes, precision: int, scale: int) -> Decimal:
    n = int.from_bytes(data, "big", signed=True)
    if len(data) > _DECIMAL_BYTES_MAX and n.bit_length() > 8 * _DECIMAL_BYTES_MAX:
        raise Malformed(f"a decimal has more than {precision} digits")
    digits = str(abs(n))
    if len(digits) > precision:
        raise Malformed(f"a decimal has more than {precision} digits")
    # From a tuple, so that no context rounds it.
    return Decimal((n < 0, tuple(map(int, digits)), -scale))


def decimal_of_bytes(data: bytes, scale: int) -> Decimal:
    """For defaults: the number of a big-endian two's complement."""
    return _decimal(data, 1_000, scale)


def write_decimal(v: Decimal, precision: int, scale: int) -> bytes:
    """Minimal two's complement."""
    n = _unscaled(v, precision, scale)
    # One bit for the sign; -128 needs eight bits as 127 does.
    size = ((n + 1 if n < 0 else n).bit_length() + 8) // 8
    return LONG[size] + n.to_bytes(size, "big", signed=True)


def write_decimal_fixed(v: Decimal, size: int, precision: int, scale: int) -> bytes:
    return _unscaled(v, precision, scale).to_bytes(size, "big", signed=True)


def _unscaled(v: Decimal, precision: int, scale: int) -> int:
    if not isinstance(v, Decimal):
        raise Unwritable(f"{v!r} is no Decimal")
    sign, digits, exponent = v.as_tuple()
    if not isinstance(exponent, int):
        raise Unwritable(f"{v} is no number")
    if exponent + scale > precision and any(digits):
        raise Unwritable(f"{v} has more than {precision} digits")
    n = int("".join(map(str, digits)) or "0") if any(digits) else 0
    shift = exponent + scale
    if shift >= 0:
        n = n * 10**shift if n else 0
    else:
        n, lost = divmod(n, 10**-shift) if n else (0, 0)
        if lost:
            raise Unwritable(f"{v} has more than {scale} digits after the point; round it first")
    if n >= 10**precision:
        raise Unwritable(f"{v} has more than {precision} digits")
    return -n if sign else n


def read_uuid(b: bytes, i: int) -> tuple[UUID, int]:
    text, i = read_string(b, i)
    if not _UUID.fullmatch(text):
        raise Malformed("a uuid must look like 123e4567-e89b-12d3-a456-426614174000")
    return UUID(text), i


def read_uuid_fixed(b: bytes, i: int) -> tuple[UUID, int]:
    data, i = read_fixed(b, i, 16)
    return UUID(bytes=data), i


def write_uuid(v: UUID) -> bytes:
    if not isinstance(v, UUID):
        raise Unwritable(f"{v!r} is no UUID")
    return b"\x48" + str(v).encode()


def write_uuid_fixed(v: UUID) -> bytes:
    if not isinstance(v, UUID):
        raise Unwritable(f"{v!r} is no UUID")
    return v.bytes


def read_timestamp_millis(b: bytes, i: int) -> tuple[datetime, int]:
    n, i = read_long(b, i)
    return time_of_micros(n * 1000), i


def read_timestamp_micros(b: bytes, i: int) -> tuple[datetime, int]:
    n, i = read_long(b, i)
    return time_of_micros(n), i


def time_of_micros(n: int) -> datetime:
    try:
        return EPOCH + timedelta(microseconds=n)
    except OverflowError:
        raise Malformed(f"{n} microseconds since 1970 are outside the years 1 to 9999, which Python can hold") from None


def write_timestamp_millis(v: datetime) -> bytes:
    n, rest = divmod(_micros(v), 1000)
    if rest:
        raise Unwritable(f"{v.isoformat()} is finer than a millisecond; cut it off first")
    return LONG[n]


def write_timestamp_micros(v: datetime) -> bytes:
    return LONG[_micros(v)]


def _micros(v: datetime) -> int:
    if not isinstance(v, datetime):
        raise Unwritable(f"{v!r} is no datetime")
    if v.tzinfo is None:
        raise Unwritable(f"{v.isoformat()} has no time zone; use datetime(..., tzinfo=timezone.utc)")
    return (v - EPOCH) // _MICRO


def read_date(b: bytes, i: int) -> tuple[date, int]:
    n, i = read_int(b, i)
    return date_of_days(n), i


def date_of_days(n: int) -> date:
    try:
        return date.fromordinal(n + _EPOCH_DAY)
    except (ValueError, OverflowError):
        raise Malformed(f"{n} days since 1970 are outside the years 1 to 9999, which Python can hold") from None


def write_date(v: date) -> bytes:
    if not isinstance(v, date) or isinstance(v, datetime):
        raise Unwritable(f"{v!r} is no date")
    return INT[v.toordinal() - _EPOCH_DAY]
