"""Failures: the business has not spoken. A rejection is no failure; it is an event like any other."""

from __future__ import annotations

import hashlib
import os
import sys
import traceback
from types import TracebackType

TITLE_MAX = 200
"""Bytes of a title that Evento keeps."""
DETAIL_MAX = 8_192
"""Bytes of a detail that Evento keeps."""


class Failure(Exception):
    """A technical failure with one line for people, and more detail if there is some."""

    kind = 0
    status = 500

    def __init__(self, title: str, detail: str = "") -> None:
        super().__init__(title)
        self.title = title
        self.detail = detail


class Retry(Failure):
    """Try again later. Any other exception of a function means the same."""

    kind = 0
    status = 500


class Poison(Failure):
    """Never: this command cannot be handled by any attempt. Evento parks it at once."""

    kind = 1
    status = 422


class ContractBroken(Failure):
    """A request or an answer that breaks the protocol. Raised by the SDK; not for functions."""

    kind = 2
    status = 400


class UnknownName(ContractBroken):
    """A command, event or entity that this function does not have."""

    status = 404


class DeadlineOver(BaseException):
    """The time of the request is over: nobody waits for an answer any more.

    No `Exception`, so that a function's own `except Exception` does not swallow it.
    """


def failure_of(error: BaseException) -> Failure:
    """What Evento is told of an exception in user code."""
    if isinstance(error, Failure):
        return error
    message = str(error)
    title = type(error).__name__ + (f": {message}" if message else "")
    failure = Retry(title, _detail(error))
    failure.__cause__ = error
    return failure


def _detail(error: BaseException) -> str:
    """Where it happened; with the whole stack in `evento dev` or when EVENTO_ERROR_DETAIL=full."""
    if wants_stack():
        return "".join(traceback.format_exception(type(error), error, _own(error.__traceback__)))[-DETAIL_MAX:]
    return place_of(error)


def _own(trace: TracebackType | None) -> TracebackType | None:
    """The stack from the author's first frame on; if there is none, as it is."""
    inner = trace
    while inner is not None and inner.tb_frame.f_code.co_filename.startswith(_HERE):
        inner = inner.tb_next
    return inner or trace


def wants_stack() -> bool:
    return os.environ.get("EVENTO_DEV") == "1" or os.environ.get("EVENTO_ERROR_DETAIL") == "full"


def place_of(error: BaseException) -> str:
    """File, line and function of the innermost frame that is neither this SDK's nor the standard library's."""
    own = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        if own is None or not _is_foreign(frame.f_code.co_filename):
            own = f"{os.path.basename(frame.f_code.co_filename)}:{line} in {frame.f_code.co_name}"
    return own or ""


_HERE = os.path.dirname(os.path.abspath(__file__))
_LIBRARY = os.path.dirname(os.path.abspath(os.__file__))


def _is_foreign(file: str) -> bool:
    return file.startswith((_HERE, _LIBRARY, "<"))


def fingerprint(error: BaseException) -> str:
    """Equal for errors of one type at one place, whatever their message says."""
    cause = error.__cause__ or error
    return hashlib.sha256(f"{type(cause).__name__} {place_of(cause)}".encode()).hexdigest()[:16]


def cut(text: str, size: int) -> bytes:
    """A text's UTF-8 of at most so many bytes, never cut inside a character."""
    data = text.encode("utf-8", "replace")
    return data if len(data) <= size else data[:size].decode("utf-8", "ignore").encode()


def report(error: BaseException, what: str) -> None:
    """Logs an exception in user code where the developer looks: the function's own log."""
    from .context import log

    info: tuple[type[BaseException], BaseException, TracebackType | None] = (
        type(error),
        error,
        _own(error.__traceback__),
    )
    log.error("%s failed: %s: %s", what, type(error).__name__, error, exc_info=info)
    sys.stderr.flush()
