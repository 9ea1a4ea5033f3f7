"""The server: HTTP/1.1 over TCP and unix sockets, one thread, keep-alive, graceful stop.

One thread is what a pure function in Python needs: it computes and never waits, and batches make up for the rest.
While a request is being worked on others wait in their sockets. A request whose deadline passes is interrupted, also
in the middle of user code, and its connection closed without an answer. Source: function-protocol, section 3.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import socket
import threading
import time
from typing import Any

from . import logs
from .contract import FunctionError
from .failure import DeadlineOver
from .function import Function
from .host import BODY_BYTES_MAX, CONCURRENCY, Host, Replied, problem
from .http1 import HEAD_BYTES_MAX, BadRequest, Head, read_head, write_reply
from .sockets import Alarm, Connection, listen

CONNECTIONS_MAX = 1_024
"""Connections at once; more wait to be accepted."""
STALLED = 30.0
"""Seconds in which a request must arrive as a whole, and a reply be taken."""
LINGER = 2.0
"""Seconds in which the rest of a refused request is read and thrown away."""
IDLE = 120.0
"""Seconds after which an unused connection is closed. Evento closes its own after 60."""
GRACE = 4.5
"""Seconds after SIGTERM in which what is in flight is answered. Evento kills after 5."""
QUIET = 0.25
"""Seconds after SIGTERM in which unused connections still get a 503 instead of a reset."""
READ = 256 << 10
"""Bytes read at once."""

log = logging.getLogger("evento")


def serve(*functions: Function[Any], address: str | None = None, concurrency: int = CONCURRENCY) -> None:
    """Serves functions until SIGTERM or SIGINT; what is in flight is answered first.

    Listens on `address`, else EVENTO_LISTEN (`unix:/path` or `host:port`), else `0.0.0.0:$PORT`, else `0.0.0.0:8080`.
    Call it from the main thread. Ends the program with a message when a function does not fit its resources or keys
    cannot be read; raises OSError when the address cannot be listened on.
    """
    logs.setup()
    try:
        host = Host(*functions, concurrency=concurrency)
    except (FunctionError, ValueError) as error:
        # The message says all; a stack of the SDK's own frames would only hide it.
        raise SystemExit(str(error)) from None
    place = address or os.environ.get("EVENTO_LISTEN") or f"0.0.0.0:{os.environ.get('PORT', '8080')}"
    listener, path = listen(place)
    names = ", ".join(name.decode() for name in host.functions)
    log.info("%s at %s", names, place)
    try:
        Server(host, listener).run()
    finally:
        listener.close()
        if path is not None and os.path.exists(path):
            os.unlink(path)


class Server:
    """The loop over all connections."""

    def __init__(self, host: Host, listener: socket.socket) -> None:
        self.host = host
        self.listener = listener
        self.connections: set[Connection] = set()
        self.selector = selectors.DefaultSelector()
        self.alarm = Alarm()
        self.stop_at: float | None = None
        """When the last reply may be sent; set by SIGTERM."""
        self._accepts = False

    def run(self) -> None:
        """Until SIGTERM or SIGINT, or `stop`."""
        self.listener.setblocking(False)
        awake, self._waker = socket.socketpair()
        for end in (awake, self._waker):
            end.setblocking(False)
        self.selector.register(awake, selectors.EVENT_READ, None)
        self._listen(True)
        before = self._take_signals()
        try:
            self._loop(awake)
        finally:
            for connection in list(self.connections):
                self._close(connection)
            self._give_back_signals(before)
            self.selector.close()
            awake.close()
            self._waker.close()

    def stop(self, *_: Any) -> None:
        """Ends the loop: no new request is taken. For signals and other threads."""
        if self.stop_at is None:
            self.stop_at = time.monotonic() + GRACE
            self._waker.send(b"x")

    def _take_signals(self) -> dict[int, Any]:
        if threading.current_thread() is not threading.main_thread():
            return {}
        return {number: signal.signal(number, self.stop) for number in (signal.SIGTERM, signal.SIGINT)}

    def _give_back_signals(self, before: dict[int, Any]) -> None:
        self.alarm.disarm()
        for number, handler in before.items():
            signal.signal(number, handler)

    def _listen(self, accepts: bool) -> None:
        """Accepts connections, or lets them wait."""
        if accepts != self._accepts:
            self._accepts = accepts
            if accepts:
                self.selector.register(self.listener, selectors.EVENT_READ, self.listener)
            else:
                self.selector.unregister(self.listener)

    def _loop(self, awake: socket.socket) -> None:
        sweep_at = time.monotonic() + 1.0
        while self.stop_at is None:
            for key, _ in self.selector.select(max(0.0, sweep_at - time.monotonic())):
                if key.data is self.listener:
                    self._accept()
                elif key.data is not None:
                    self._guarded(key.data)
            now = time.monotonic()
            if now >= sweep_at:
                self._sweep(now)
                sweep_at = now + 1.0
        self._drain(awake)

    def _drain(self, awake: socket.socket) -> None:
        """After SIGTERM: answers what had been sent before, and 503 to what comes then."""
        assert self.stop_at is not None
        self.selector.unregister(awake)
        if self._accepts:
            self._accept()
            self._listen(False)
        self.listener.close()
        for connection in list(self.connections):
            self._guarded(connection)
        for connection in list(self.connections):
            connection.is_late = not connection.buffer
        quiet_at = time.monotonic() + QUIET
        for connection in [connection for connection in self.connections if connection.is_lingering]:
            self._close(connection)
        while self.connections and time.monotonic() < self.stop_at:
            busy = any(connection.buffer or connection.out for connection in self.connections)
            now = time.monotonic()
            if not busy and now >= quiet_at:
                return
            wait = self.stop_at - now if busy else quiet_at - now
            for key, _ in self.selector.select(max(0.0, min(wait, self.stop_at - now))):
                self._guarded(key.data)

    def _sweep(self, now: float) -> None:
        """Closes connections that stand still."""
        for connection in list(self.connections):
            is_busy = connection.buffer or connection.out
            allowed = LINGER if connection.is_lingering else STALLED if is_busy else IDLE
            if now - connection.since > allowed:
                self._close(connection)
        # Where accepting was given up for want of file descriptors, it is tried again.
        self._listen(True)

    def _accept(self) -> None:
        while len(self.connections) < CONNECTIONS_MAX:
            try:
                sock, _ = self.listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                log.warning("no connection is accepted: %s", error)
                break
            sock.setblocking(False)
            if sock.family != getattr(socket, "AF_UNIX", None):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(sock, time.monotonic())
            self.connections.add(connection)
            self.selector.register(sock, selectors.EVENT_READ, connection)
        self._listen(False)

    def _close(self, connection: Connection) -> None:
        self.connections.discard(connection)
        self.selector.unregister(connection.sock)
        connection.sock.close()
        if self.stop_at is None:
            self._listen(True)

    def _guarded(self, connection: Connection) -> None:
        """One connection must not end the others."""
        try:
            self._ready(connection)
        except Exception:
            log.exception("a connection is closed")
            if connection in self.connections:
                self._close(connection)

    def _ready(self, connection: Connection) -> None:
        """Something can be read, or written."""
        if connection.out:
            return self._send(connection)
        try:
            data = connection.sock.recv(READ)
        except BlockingIOError:
            return
        except OSError:
            return self._close(connection)
        if not data:
            return self._close(connection)
        if connection.is_lingering:
            return
        if not connection.buffer:
            connection.since = time.monotonic()
        connection.buffer += data
        self._work(connection)

    def _work(self, connection: Connection) -> None:
        """Answers every request that is there as a whole."""
        while not connection.out:
            try:
                whole = self._take(connection)
            except BadRequest as error:
                connection.keep_alive = False
                connection.is_lingering = True
                connection.buffer.clear()
                return self._reply(connection, problem(error.status, error.title, ""))
            if whole is None:
                return
            head, body = whole
            replied = self._answer(connection, head, body)
            if replied is None:
                return self._close(connection)
            self._reply(connection, replied)
            if connection not in self.connections:
                return

    def _take(self, connection: Connection) -> tuple[Head, bytes] | None:
        """The next request, if it is there as a whole. Never more is kept than head and body may have."""
        buffer = connection.buffer
        if connection.head is None:
            end = buffer.find(b"\r\n\r\n", 0, HEAD_BYTES_MAX + 4)
            if end < 0:
                if len(buffer) > HEAD_BYTES_MAX:
                    raise BadRequest(431, f"more than {HEAD_BYTES_MAX} bytes of headers")
                return None
            connection.head = read_head(bytes(buffer[:end]))
            connection.start = end + 4
            if connection.head.length > BODY_BYTES_MAX:
                raise BadRequest(413, f"the request is too large: at most {BODY_BYTES_MAX} bytes are taken")
            if connection.head.headers.get("expect", "").lower() == "100-continue":
                with contextlib.suppress(OSError):
                    connection.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        head, end = connection.head, connection.start + connection.head.length
        if len(buffer) < end:
            return None
        body = bytes(buffer[connection.start : end])
        del buffer[:end]
        connection.head = None
        return head, body

    def _answer(self, connection: Connection, head: Head, body: bytes) -> Replied | None:
        """The reply, or None when the deadline is over."""
        connection.keep_alive = head.keep_alive
        if connection.is_late:
            return problem(503, "the function is stopping", "", ("retry-after", "1"))
        timeout = head.headers.get("evento-timeout-ms", "")
        try:
            if not (timeout.isascii() and timeout.isdecimal()):
                return self.host.answer(head.method, head.path, head.headers, body)
            seconds = min(int(timeout), 86_400_000) / 1000 - (time.monotonic() - connection.since)
            until = time.monotonic() + seconds
            self.alarm.arm(seconds)
            replied = self.host.answer(head.method, head.path, head.headers, body, until)
            self.alarm.disarm()
        except DeadlineOver:
            log.warning("%s %s: the deadline of %s ms is over; no answer is sent", head.method, head.path, timeout)
            return None
        return replied

    def _reply(self, connection: Connection, replied: Replied) -> None:
        connection.keep_alive = connection.keep_alive and self.stop_at is None
        connection.out = memoryview(write_reply(*replied, connection.keep_alive))
        connection.since = time.monotonic()
        self._send(connection)

    def _send(self, connection: Connection) -> None:
        try:
            sent = connection.sock.send(connection.out)
        except BlockingIOError:
            sent = 0
        except OSError:
            return self._close(connection)
        was_waiting = sent == 0 or self.selector.get_key(connection.sock).events == selectors.EVENT_WRITE
        connection.out = connection.out[sent:]
        if connection.out:
            self.selector.modify(connection.sock, selectors.EVENT_WRITE, connection)
        elif connection.is_lingering:
            self._linger(connection)
        elif not connection.keep_alive:
            self._close(connection)
        elif was_waiting:
            self.selector.modify(connection.sock, selectors.EVENT_READ, connection)
            self._work(connection)

    def _linger(self, connection: Connection) -> None:
        """Says that nothing more is written, and reads on until the other side closes, or `LINGER` is over."""
        try:
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            return self._close(connection)
        self.selector.modify(connection.sock, selectors.EVENT_READ, connection)
