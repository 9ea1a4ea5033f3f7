"""Answers requests: discovery, readiness, both framings. The same for the built-in server, ASGI and WSGI.

A request is its method, path, headers (lower-case names) and whole body; a reply is a status, headers and a body. It
knows nothing of sockets. Source: function-protocol, sections 4 to 7.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from . import plain
from .avro import Malformed
from .failure import ContractBroken, Failure, failure_of, fingerprint, report
from .function import Function
from .identity import Verifier
from .run import RUN_TYPE, run
from .version import VERSION

MANIFEST_TYPE = "application/vnd.evento.manifest.v1+json"
PROBLEM_TYPE = "application/problem+json"
BODY_BYTES_MAX = 16 << 20
"""Largest request body."""
WORK_MAX = 512
"""Works in a request, told to Evento."""
STEPS_MAX = 5_000
"""Steps in a request, told to Evento."""
CONCURRENCY = 2
"""Requests in flight, told to Evento: one being worked on and one that waits, since one thread works."""

Headers = Mapping[str, str]
Replied = tuple[int, "list[tuple[str, str]]", bytes]


class Host:
    """One or more functions behind one address."""

    def __init__(self, *functions: Function[Any], concurrency: int = CONCURRENCY) -> None:
        for function in functions:
            function.check()
        self.functions: dict[bytes, Function[Any]] = {f.entity.name.encode(): f for f in functions}
        if len(self.functions) != len(functions):
            raise ValueError("two functions of one entity: keep one")
        self.manifest = json.dumps(self._manifest(concurrency), separators=(",", ":"), ensure_ascii=False).encode()
        self.digest = hashlib.sha256(self.manifest).hexdigest()
        self.instance = os.environ.get("EVENTO_INSTANCE")
        self.verifier = Verifier.from_environment()

    def _manifest(self, concurrency: int) -> dict[str, Any]:
        schemas: dict[str, Any] = {}
        for function in self.functions.values():
            for schema in function.entity.schemas:
                schemas.setdefault(json.dumps(schema, sort_keys=True), schema)
        functions = list(self.functions.values())
        about = {
            "name": os.environ.get("EVENTO_FUNCTION") or functions[0].entity.name,
            "sdk": f"evento-python/{VERSION}",
        }
        version = next((function.version for function in functions if function.version), "")
        return {
            "manifestVersion": 1,
            "protocol": {"min": 1, "max": 1, "modes": ["plain", "run"], "http": ["1.1"]},
            "function": {**about, **({"version": version} if version else {})},
            "schemas": list(schemas.values()),
            "entities": [function.manifest_entity() for function in functions],
            "limits": {
                "concurrency": concurrency,
                "maxBodyBytes": BODY_BYTES_MAX,
                "maxWork": WORK_MAX,
                "maxSteps": STEPS_MAX,
            },
        }

    def answer(self, method: str, path: str, headers: Headers, body: bytes, until: float | None = None) -> Replied:
        """Answers one request. Raises DeadlineOver when `until` (of time.monotonic) is past: then nothing is sent."""
        status, more, data = self._routed(method, path, headers, body, until)
        more.append(("evento-manifest", self.digest))
        call = headers.get("evento-call")
        if call is not None:
            more.append(("evento-call", call))
        return status, more, data

    def _routed(self, method: str, path: str, headers: Headers, body: bytes, until: float | None) -> Replied:
        if self.instance is not None and headers.get("evento-instance", self.instance) != self.instance:
            return problem(409, "this is another instance", "EVENTO_INSTANCE differs from the header Evento-Instance")
        if method == "POST":
            if self.verifier is not None:
                refused = self.verifier.refusal(method, path, headers, body, time.time())
                if refused is not None:
                    return problem(401, "Evento-Identity is not accepted", refused)
            return self._posted(path, headers, body, until)
        if method != "GET":
            return problem(405, f"{method} is not served", "GET and POST are", ("allow", "GET, POST"))
        if path == "/.well-known/evento":
            return self._discovered(headers)
        if path == "/ready":
            return 200, [("content-type", "text/plain")], b"ready\n"
        return problem(404, "no such path", path)

    def _discovered(self, headers: Headers) -> Replied:
        tag = f'"{self.digest}"'
        if headers.get("if-none-match") == tag:
            return 304, [("etag", tag)], b""
        return 200, [("content-type", MANIFEST_TYPE), ("etag", tag)], self.manifest

    def _posted(self, path: str, headers: Headers, body: bytes, until: float | None) -> Replied:
        answered: Callable[[], Replied]
        if path == "/run":
            wanted = RUN_TYPE
            answered = lambda: self._ran(body, until)  # noqa: E731
        elif path.startswith("/handle/"):
            wanted = plain.DATUM_TYPE
            answered = lambda: plain.handle(self.functions, path[8:], headers, body, until)  # noqa: E731
        elif path.startswith("/apply/"):
            wanted = plain.DATUM_TYPE
            answered = lambda: plain.apply(self.functions, path[7:], headers, body, until)  # noqa: E731
        else:
            return problem(404, "no such path", path)
        if media_type(headers) != wanted:
            return problem(415, "another content type is expected", wanted)
        if len(body) > BODY_BYTES_MAX:
            return too_large()
        try:
            return answered()
        except (Exception, SystemExit) as error:
            return failed(error, path)

    def _ran(self, body: bytes, until: float | None) -> Replied:
        try:
            return 200, [("content-type", RUN_TYPE)], run(self.functions, body, until)
        except Malformed as error:
            return problem(400, "the envelope cannot be read", str(error))


def media_type(headers: Headers) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def too_large() -> Replied:
    return problem(413, "the request is too large", f"at most {BODY_BYTES_MAX} bytes are taken")


def failed(error: BaseException, what: str) -> Replied:
    """What a plain call is answered when it failed."""
    failure: Failure = failure_of(error)
    if failure is not error:
        report(error, what)
    more = {} if isinstance(failure, ContractBroken) else {"evento-fingerprint": fingerprint(error)}
    if failure.status == 422:
        more["evento-retry"] = False  # type: ignore[assignment]
    return problem(failure.status, failure.title, failure.detail, **more)


def problem(status: int, title: str, detail: str, *more_headers: tuple[str, str], **more: Any) -> Replied:
    """RFC 9457."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return status, [("content-type", PROBLEM_TYPE), *more_headers], json.dumps(body).encode()
