"""What a decision may use beside the command and the state: values that never change for that command.

There is no other clock and no other chance: every attempt, backtest and replay of the command gets these again, and
so comes to the same result.
"""

from __future__ import annotations

import hashlib
import logging
import struct
from datetime import datetime, timedelta
from uuid import UUID

from .logical import EPOCH

log = logging.getLogger("evento.function")
"""What functions log to. Each line carries the id of the command being decided: see `evento.logs`."""

_LONG_RANGE = 1 << 64
_BELOW_MAX = (1 << 63) - 1


class ApplyContext:
    """For apply: the instance, and when the command that caused the event was accepted."""

    __slots__ = ("_entity_id", "_time_ms")

    def __init__(self, entity_id: bytes, time_ms: int) -> None:
        self._entity_id = entity_id
        self._time_ms = time_ms

    @property
    def entity_id(self) -> str:
        """The instance."""
        return self._entity_id.decode()

    @property
    def time(self) -> datetime:
        """When the command was accepted: UTC, milliseconds."""
        return EPOCH + timedelta(milliseconds=self._time_ms)

    @property
    def time_ms(self) -> int:
        """The same in milliseconds since 1970."""
        return self._time_ms


class Context(ApplyContext):
    """For handle: `entity_id`, `time` and `time_ms` as for apply, and what only a decision may use."""

    __slots__ = ("_command_id", "_random", "seed", "seq")

    def __init__(self, entity_id: bytes, time_ms: int, seq: int, command_id: bytes, seed: bytes) -> None:
        self._entity_id = entity_id
        self._time_ms = time_ms
        self._command_id = command_id
        self._random: Random | None = None
        self.seq = seq
        """Number of events already in the state."""
        self.seed = seed
        """16 bytes fixed when the command was accepted. `uuid` and `random` derive from them."""

    @property
    def command_id(self) -> str:
        """The command's id."""
        return self._command_id.decode()

    @property
    def log(self) -> logging.Logger:
        """Logs with the command id on each line."""
        return log

    def uuid(self, n: int) -> UUID:
        """The n-th id of this command (n from 0): a UUID of version 8, the same at every attempt and replay.

        First 16 bytes of SHA-256(seed, "uuid", n as 4 bytes big-endian), with version and variant set.
        """
        if not 0 <= n < 1 << 32:
            raise ValueError(f"uuid({n}): the number must be from 0 to 4294967295")
        digest = bytearray(hashlib.sha256(self.seed + b"uuid" + n.to_bytes(4, "big")).digest()[:16])
        digest[6] = digest[6] & 0x0F | 0x80
        digest[8] = digest[8] & 0x3F | 0x80
        return UUID(bytes=bytes(digest))

    def random(self) -> Random:
        """The random numbers of this command: one stream, the same at every attempt and replay."""
        if self._random is None:
            self._random = Random(self.seed)
        return self._random


class Random:
    """The key stream of ChaCha20 (RFC 8439) with the key SHA-256(seed, "random"), nonce zero, counter from 0.

    Each draw takes the next bytes, in all SDKs alike. Not for secrets: the seed is recorded with the command.
    """

    __slots__ = ("_at", "_block", "_counter", "_key")

    def __init__(self, seed: bytes) -> None:
        self._key = struct.unpack("<8L", hashlib.sha256(seed + b"random").digest())
        self._counter = 0
        self._block = b""
        self._at = 0

    def bytes(self, n: int) -> bytes:
        """The next n bytes."""
        if n < 0:
            raise ValueError(f"bytes({n}): the number must not be negative")
        parts = []
        while n > 0:
            if self._at == len(self._block):
                self._block = _chacha20(self._key, self._counter)
                self._counter += 1
                self._at = 0
            part = self._block[self._at : self._at + n]
            self._at += len(part)
            n -= len(part)
            parts.append(part)
        return b"".join(parts)

    def long(self) -> int:
        """Any number of 64 bits: -2^63 to 2^63-1."""
        return int.from_bytes(self.bytes(8), "little", signed=True)

    def double(self) -> float:
        """0 <= x < 1, one of 2^53 values."""
        return (int.from_bytes(self.bytes(8), "little") >> 11) * 2.0**-53

    def below(self, n: int) -> int:
        """0 <= x < n, every value equally likely; n from 1 to 2^63-1."""
        if not 1 <= n <= _BELOW_MAX:
            raise ValueError(f"below({n}): the bound must be from 1 to 2^63-1")
        limit = _LONG_RANGE // n * n
        while True:
            x = int.from_bytes(self.bytes(8), "little")
            if x < limit:
                return x % n


_CONSTANTS = struct.unpack("<4L", b"expand 32-byte k")
_ROUNDS = (
    (0, 4, 8, 12),
    (1, 5, 9, 13),
    (2, 6, 10, 14),
    (3, 7, 11, 15),
    (0, 5, 10, 15),
    (1, 6, 11, 12),
    (2, 7, 8, 13),
    (3, 4, 9, 14),
)
_MASK = 0xFFFF_FFFF


def _chacha20(key: tuple[int, ...], counter: int) -> bytes:
    """One block of 64 bytes (RFC 8439, 2.3)."""
    start = [*_CONSTANTS, *key, counter & _MASK, 0, 0, 0]
    x = start.copy()
    for _ in range(10):
        for a, b, c, d in _ROUNDS:
            _quarter_round(x, a, b, c, d)
    return struct.pack("<16L", *((p + q) & _MASK for p, q in zip(x, start, strict=True)))


def _quarter_round(x: list[int], a: int, b: int, c: int, d: int) -> None:
    for p, q, r, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        x[p] = (x[p] + x[q]) & _MASK
        turned = x[r] ^ x[p]
        x[r] = (turned << turn | turned >> (32 - turn)) & _MASK
