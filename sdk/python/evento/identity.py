"""Request identity: whether a request comes from Evento. Ed25519 by the standard library's means alone.

A verification takes about 2 ms of processor time. It is asked for once for each request, and a request carries up to
512 works; on a unix socket, where only Evento can connect, identity is off. When the package `cryptography` can be
imported, it does the arithmetic in a fraction of that.

Source: function-protocol, section 9; RFC 8032 for the signature, RFC 7515 for the token.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import importlib
import json
import os
import time
from collections.abc import Mapping
from typing import Any

_LEEWAY = 60
"""Seconds that clocks may differ."""
_CALLS_MAX = 262_144
"""Call ids remembered, each for at most three minutes; when full, requests are refused rather than repeated."""
_REREAD = 60.0
"""Seconds after which the file of keys is read again."""

Headers = Mapping[str, str]


class Verifier:
    """Checks `Evento-Identity`. Made when keys are set; without keys nothing is checked."""

    def __init__(self, keys: str, file: str | None = None) -> None:
        self._file = file
        self._keys = _keys(keys)
        self._read_at = time.monotonic()
        self._seen: dict[str, float] = {}

    @classmethod
    def from_environment(cls) -> Verifier | None:
        """Keys of EVENTO_IDENTITY_KEYS, or of the file EVENTO_IDENTITY_KEYS_FILE, which is read again each minute."""
        file = os.environ.get("EVENTO_IDENTITY_KEYS_FILE")
        if file:
            with open(file, encoding="ascii") as opened:
                return cls(opened.read(), file)
        keys = os.environ.get("EVENTO_IDENTITY_KEYS")
        return cls(keys) if keys else None

    def refusal(self, method: str, path: str, headers: Headers, body: bytes, now: float) -> str | None:
        """Why a request is refused, or None. `now` is in seconds since 1970."""
        self._reread()
        token = headers.get("evento-identity")
        if token is None:
            return "the header is missing"
        parts = token.split(".")
        if len(parts) != 3:
            return "it is no token of three parts"
        try:
            head, claims = (json.loads(_unbase64(part)) for part in parts[:2])
            signature = _unbase64(parts[2])
        except (ValueError, binascii.Error):
            return "it is no token"
        if not isinstance(head, dict) or not isinstance(claims, dict) or head.get("alg") != "EdDSA":
            return "its algorithm is not EdDSA"
        key = self._keys.get(str(head.get("kid")))
        if key is None:
            return "its key is not known here"
        differing = _differing(claims, method, path, headers, body, now)
        if differing is not None:
            return differing
        if not verify(key, f"{parts[0]}.{parts[1]}".encode(), signature):
            return "its signature does not hold"
        return self._repeated(str(claims["call"]), float(claims["exp"]) + _LEEWAY, now)

    def _repeated(self, call: str, until: float, now: float) -> str | None:
        """Remembers a call id; says so when it was used before."""
        if len(self._seen) >= _CALLS_MAX:
            self._seen = {call: end for call, end in self._seen.items() if end >= now}
            if len(self._seen) >= _CALLS_MAX:
                return "too many calls are remembered; try again later"
        if self._seen.get(call, 0.0) >= now:
            return "its call id was used before"
        self._seen[call] = until
        return None

    def _reread(self) -> None:
        if self._file is None or time.monotonic() - self._read_at < _REREAD:
            return
        self._read_at = time.monotonic()
        try:
            with open(self._file, encoding="ascii") as opened:
                self._keys = _keys(opened.read())
        except (OSError, ValueError):
            # The keys that were read last go on; a file that is being replaced may be gone for a moment.
            return


def _keys(text: str) -> dict[str, bytes]:
    keys = {}
    for item in text.replace("\n", ",").split(","):
        name, _, value = item.strip().partition(":")
        if not item.strip():
            continue
        try:
            key = _unbase64(value)
        except binascii.Error:
            key = b""
        if not name or len(key) != 32:
            raise ValueError(f"EVENTO_IDENTITY_KEYS: {item.strip()!r} is no NAME:KEY, 32 bytes in base64url")
        keys[name] = key
    if not keys:
        raise ValueError("EVENTO_IDENTITY_KEYS names no key")
    return keys


def _differing(claims: dict[str, Any], method: str, path: str, headers: Headers, body: bytes, now: float) -> str | None:
    """Why the claims do not fit the request, or None."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
    attempt = headers.get("evento-attempt", "0")
    wanted = {
        "iss": "evento",
        "aud": f"{method} {path}",
        "call": headers.get("evento-call"),
        "att": int(attempt) if attempt.isdecimal() else -1,
        "rev": headers.get("evento-revision"),
        "bh": digest,
    }
    for claim, value in wanted.items():
        if value is None or claims.get(claim) != value:
            return f"its claim {claim} does not fit the request"
    issued, expires = claims.get("iat"), claims.get("exp")
    if type(issued) is not int or type(expires) is not int or expires != issued + 60:
        return "its times iat and exp are not a minute apart"
    if not issued - _LEEWAY <= now <= expires + _LEEWAY:
        return "it is too old, or from the future: compare the clocks"
    return None


def _unbase64(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)


# Ed25519 (RFC 8032, 5.1), verification only. Points are in extended coordinates (X, Y, Z, T).

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)
_Point = tuple[int, int, int, int]
_ZERO: _Point = (0, 1, 1, 0)


def verify(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a signature of 64 bytes is that of the message under a public key of 32 bytes."""
    if len(signature) != 64 or len(key) != 32:
        return False
    quick = _quick(key, message, signature)
    return _verify(key, message, signature) if quick is None else quick


def _quick(key: bytes, message: bytes, signature: bytes) -> bool | None:
    """By the package `cryptography`, if there is one."""
    try:
        found = importlib.import_module("cryptography.hazmat.primitives.asymmetric.ed25519")
        invalid = importlib.import_module("cryptography.exceptions").InvalidSignature
    except ImportError:
        return None
    try:
        found.Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (invalid, ValueError):
        return False
    return True


def _verify(key: bytes, message: bytes, signature: bytes) -> bool:
    a = _point(key)
    r = _point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= _L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % _L
    # s B = R + h A, as s B + h (-A) = R.
    left = _sum_of_products(s, _BASE, h, (-a[0] % _P, a[1], a[2], -a[3] % _P))
    return (left[0] * r[2] - r[0] * left[2]) % _P == 0 and (left[1] * r[2] - r[1] * left[2]) % _P == 0


def _add(p: _Point, q: _Point) -> _Point:
    a = (p[1] - p[0]) * (q[1] - q[0]) % _P
    b = (p[1] + p[0]) * (q[1] + q[0]) % _P
    c = 2 * p[3] * q[3] * _D % _P
    d = 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _double(p: _Point) -> _Point:
    a, b, c = p[0] * p[0] % _P, p[1] * p[1] % _P, 2 * p[2] * p[2] % _P
    h = a + b
    e = h - (p[0] + p[1]) * (p[0] + p[1]) % _P
    g = a - b
    f = c + g
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _sum_of_products(m: int, p: _Point, n: int, q: _Point) -> _Point:
    """m P + n Q, bit by bit for both at once. Nothing here is secret, so its time may tell."""
    both = _add(p, q)
    result = _ZERO
    for bit in range(max(m.bit_length(), n.bit_length()) - 1, -1, -1):
        result = _double(result)
        which = (m >> bit & 1) | (n >> bit & 1) << 1
        if which:
            result = _add(result, (p, q, both)[which - 1])
    return result


def _point(data: bytes) -> _Point | None:
    """A point from its 32 bytes, or None if they are none."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


_BASE_FOUND = _point((4 * pow(5, _P - 2, _P) % _P).to_bytes(32, "little"))
if _BASE_FOUND is None:
    raise ImportError("the base point of Ed25519 is not on the curve")
_BASE: _Point = _BASE_FOUND
