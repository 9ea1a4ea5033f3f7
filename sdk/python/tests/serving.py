"""Starts a function as Evento would: a process of its own, on a unix socket or a port."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
START_MAX = 30.0


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(30)
        self.sock.connect(self.path)


class Served:
    """A function that is running."""

    def __init__(self, process: subprocess.Popen[bytes], listen: str) -> None:
        self.process = process
        self.listen = listen

    def connect(self) -> http.client.HTTPConnection:
        if self.listen.startswith("unix:"):
            return UnixConnection(self.listen[5:])
        host, port = self.listen.rsplit(":", 1)
        return http.client.HTTPConnection(host, int(port), timeout=30)

    def socket(self) -> socket.socket:
        """Connected, for requests that no client would make."""
        if self.listen.startswith("unix:"):
            raw = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            raw.connect(self.listen[5:])
        else:
            host, port = self.listen.rsplit(":", 1)
            raw = socket.create_connection((host, int(port)))
        raw.settimeout(30)
        return raw

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """One request on a connection of its own."""
        connection = self.connect()
        try:
            return ask(connection, method, path, body, **headers)
        finally:
            connection.close()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)

    def memory(self) -> int:
        """Resident bytes."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


def ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """One request on a connection that stays open. `evento_call=…` is the header Evento-Call."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body or None, sent)
    reply = connection.getresponse()
    return reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read()


@contextmanager
def served(program: str | list[str], listen: str, **environment: str) -> Iterator[Served]:
    """Runs a program of this folder, or a whole command, until the end of the block."""
    paths = [HERE.parent, HERE.parent / "probe", HERE]
    clean = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    python_path = os.pathsep.join(map(str, paths))
    process = subprocess.Popen(
        [sys.executable, str(HERE / program)] if isinstance(program, str) else program,
        env={**clean, "PYTHONPATH": python_path, "EVENTO_LISTEN": listen, **environment},
    )
    served = Served(process, listen)
    try:
        until = time.monotonic() + START_MAX
        while not _is_ready(served):
            assert process.poll() is None, "the function ended"
            assert time.monotonic() < until, "the function does not listen"
            time.sleep(0.02)
        yield served
    finally:
        process.kill()
        process.wait()


def _is_ready(served: Served) -> bool:
    try:
        return served.ask("GET", "/ready")[0] in (200, 409)
    except OSError:
        return False


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"127.0.0.1:{probe.getsockname()[1]}"


def problem(body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(body)
    return found
