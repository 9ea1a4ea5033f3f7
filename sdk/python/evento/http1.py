"""HTTP/1.1 messages as bytes: just what a function's server needs, with bounds on everything.

Bodies have a Content-Length; a request with a transfer coding is refused with 411, since Evento sends none. Source:
RFC 9110, RFC 9112.
"""

from __future__ import annotations

from http import HTTPStatus

HEAD_BYTES_MAX = 16 << 10
"""Largest request line and headers."""
FIELDS_MAX = 64
"""Most header fields."""

_REASONS = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}


class BadRequest(Exception):
    """A request that is no HTTP/1.1, or beyond a bound. It is answered with this status and the connection closed."""

    def __init__(self, status: int, title: str) -> None:
        super().__init__(title)
        self.status = status
        self.title = title


class Head:
    """Request line and headers."""

    __slots__ = ("headers", "keep_alive", "length", "method", "path")

    def __init__(self, method: str, path: str, headers: dict[str, str], length: int, keep_alive: bool) -> None:
        self.method = method
        self.path = path
        """Without the query."""
        self.headers = headers
        """By lower-case name."""
        self.length = length
        """Bytes of the body."""
        self.keep_alive = keep_alive


def read_head(data: bytes) -> Head:
    """Reads everything before the empty line. Raises BadRequest."""
    lines = data.decode("latin-1").split("\r\n")
    if len(lines) > FIELDS_MAX + 1:
        raise BadRequest(431, f"more than {FIELDS_MAX} header fields")
    parts = lines[0].split(" ")
    if len(parts) != 3 or not parts[1].startswith("/"):
        raise BadRequest(400, "no request line of HTTP/1.1")
    method, target, version = parts
    if version not in ("HTTP/1.1", "HTTP/1.0"):
        raise BadRequest(505, "HTTP/1.1 is spoken here")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise BadRequest(400, "a header field is malformed")
        name = name.lower()
        if name in headers and name in ("content-length", "transfer-encoding", "host"):
            raise BadRequest(400, f"the header {name} is there twice")
        headers[name] = value.strip(" \t")
    if "transfer-encoding" in headers:
        raise BadRequest(411, "a body needs a Content-Length")
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdecimal() and len(length) < 19):
        raise BadRequest(400, "Content-Length is no number")
    asked = headers.get("connection", "").lower()
    keep_alive = asked == "keep-alive" if version == "HTTP/1.0" else asked != "close"
    return Head(method, target.partition("?")[0], headers, int(length), keep_alive)


def write_reply(status: int, headers: list[tuple[str, str]], body: bytes, keep_alive: bool) -> bytes:
    """A whole reply."""
    head = _REASONS[status] + "".join([f"{name}: {value}\r\n" for name, value in headers])
    if not keep_alive:
        head += "connection: close\r\n"
    if status in (204, 304):
        return (head + "\r\n").encode("latin-1")
    return f"{head}content-length: {len(body)}\r\n\r\n".encode("latin-1") + body
