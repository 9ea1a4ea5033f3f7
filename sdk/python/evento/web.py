"""ASGI and WSGI applications over the same answers as the built-in server.

The server in front has its own limits, deadlines and signals; the deadline of a request is looked at between steps.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from .failure import DeadlineOver
from .host import BODY_BYTES_MAX, Host, Replied, problem, too_large

if TYPE_CHECKING:
    from .function import Function

Message = MutableMapping[str, Any]
_LATE = problem(503, "the deadline of the request is over", "")


def _until(timeout: str | None) -> float | None:
    if timeout is None or not (timeout.isascii() and timeout.isdecimal()):
        return None
    return time.monotonic() + int(timeout) / 1000


def _answer(host: Host, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Replied:
    if body is None:
        return too_large()
    try:
        return host.answer(method, path, headers, body, _until(headers.get("evento-timeout-ms")))
    except DeadlineOver:
        # Nobody waits any more; these servers must answer something.
        return _LATE


class Asgi:
    """An ASGI 3 application."""

    def __init__(self, *functions: Function[Any]) -> None:
        self.host = Host(*functions)

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        if scope["type"] == "lifespan":
            return await self._lifespan(receive, send)
        if scope["type"] != "http":
            raise ValueError(f"{scope['type']} is not served, only http")
        body = await self._body(receive)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        status, more, data = _answer(self.host, scope["method"], path, headers, body)
        if status != 204:
            more = [*more, ("content-length", str(len(data)))]
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in more]
        await send({"type": "http.response.start", "status": status, "headers": encoded})
        await send({"type": "http.response.body", "body": data})

    async def _body(self, receive: Callable[[], Awaitable[Message]]) -> bytes | None:
        """The whole body; None when it is too large."""
        whole = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return bytes(whole)
            whole += message.get("body", b"")
            if len(whole) > BODY_BYTES_MAX:
                return None
            if not message.get("more_body", False):
                return bytes(whole)

    async def _lifespan(
        self, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return


class Wsgi:
    """A WSGI application (PEP 3333)."""

    def __init__(self, *functions: Function[Any]) -> None:
        self.host = Host(*functions)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name[:5] == "HTTP_"}
        headers["content-type"] = environ.get("CONTENT_TYPE") or ""
        length = environ.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal() or int(length) > BODY_BYTES_MAX:
            body = None
        else:
            body = environ["wsgi.input"].read(int(length))
        status, more, data = _answer(self.host, environ["REQUEST_METHOD"], environ["PATH_INFO"], headers, body)
        if status != 204:
            more = [*more, ("Content-Length", str(len(data)))]
        start_response(f"{status} {HTTPStatus(status).phrase}", more)
        return [data]
