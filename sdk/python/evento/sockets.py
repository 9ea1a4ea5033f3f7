"""Where the server listens, what it keeps of each connection, and the alarm that ends what takes too long."""

from __future__ import annotations

import os
import signal
import socket
import stat
import threading
from types import FrameType

from .failure import DeadlineOver
from .http1 import Head


def listen(place: str) -> tuple[socket.socket, str | None]:
    """A listening socket, and its path if it has one."""
    if place.startswith("unix:"):
        path = place[5:]
        if os.path.exists(path) and stat.S_ISSOCK(os.stat(path).st_mode):
            os.unlink(path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o177)
        try:
            listener.bind(path)
        finally:
            os.umask(mask)
        listener.listen(128)
        return listener, path
    name, colon, port = place.rpartition(":")
    if not colon or not port.isdecimal():
        raise ValueError(f"{place!r} is no address: unix:/path or host:port")
    name = name.strip("[]")
    family = socket.AF_INET6 if ":" in name else socket.AF_INET
    return socket.create_server((name, int(port)), family=family, backlog=128), None


class Connection:
    """One connection: what has come and what has still to go."""

    __slots__ = ("buffer", "head", "is_late", "is_lingering", "keep_alive", "out", "since", "sock", "start")

    def __init__(self, sock: socket.socket, now: float) -> None:
        self.sock = sock
        self.buffer = bytearray()
        """Bound: one request, see `Server._take`."""
        self.head: Head | None = None
        self.start = 0
        """Where the body begins."""
        self.out = memoryview(b"")
        self.keep_alive = True
        self.since = now
        """When the request began to arrive or the reply to go; when it is unused, since when."""
        self.is_late = False
        """Its next request comes after SIGTERM."""
        self.is_lingering = False
        """It is answered for good; what still comes is thrown away, so that the answer is not lost by a reset."""


class Alarm:
    """Interrupts user code when the deadline of its request is over."""

    def __init__(self) -> None:
        self.is_armed = False
        self.works = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
        if self.works:
            signal.signal(signal.SIGALRM, self._rang)

    def _rang(self, _number: int, _frame: FrameType | None) -> None:
        if self.is_armed:
            self.is_armed = False
            raise DeadlineOver

    def arm(self, seconds: float) -> None:
        if self.works:
            self.is_armed = True
            signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.000_001))

    def disarm(self) -> None:
        if self.works:
            self.is_armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)
