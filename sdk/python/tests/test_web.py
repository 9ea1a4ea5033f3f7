"""The ASGI and WSGI applications answer as the built-in server does, and tests run without pytest."""

import asyncio
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from wsgiref.validate import validator

import pytest

from common import bank, golden
from evento import Asgi, Function, FunctionError, Wsgi, serve
from evento.host import BODY_BYTES_MAX, Host
from evento.run import RUN_TYPE
from golden_bank import Account

REPLY = golden("run-response.hex")


def asked_asgi(app, method, path, body, headers):
    sent = []
    size = 40 if len(body) < 1000 else 1 << 20
    parts = [body[n : n + size] for n in range(0, len(body), size)] or [b""]
    incoming = [{"type": "http.request", "body": part, "more_body": part is not parts[-1]} for part in parts]

    async def receive():
        return incoming.pop(0)

    async def send(message):
        sent.append(message)

    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "headers": encoded, "root_path": ""}
    asyncio.run(app(scope, receive, send))
    start, end = sent
    return start["status"], {n.decode(): v.decode() for n, v in start["headers"]}, end["body"]


def asked_wsgi(app, method, path, body, headers):
    told = []
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "x",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": headers.get("content-type", "text/plain"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **{f"HTTP_{n.upper().replace('-', '_')}": v for n, v in headers.items() if n != "content-type"},
    }
    reply = validator(app)(environ, lambda status, sent: told.append((status, sent)) or (lambda data: None))
    data = b"".join(reply)
    reply.close()
    ((status, sent),) = told
    return int(status[:3]), {name.lower(): value for name, value in sent}, data


@pytest.mark.parametrize("ask", [asked_asgi, asked_wsgi])
def test_other_servers_give_the_same_answers(ask):
    app = bank().asgi if ask is asked_asgi else bank().wsgi
    headers = {"content-type": RUN_TYPE, "evento-call": "7" * 32}
    status, told, body = ask(app, "POST", "/run", golden("run-request.hex"), headers)
    assert (status, body, told["evento-call"], told["content-type"]) == (200, REPLY, "7" * 32, RUN_TYPE)
    status, told, body = ask(app, "GET", "/.well-known/evento", b"", {})
    assert status == 200 and json.loads(body)["entities"][0]["name"] == "bank.Account"
    assert ask(app, "POST", "/run", b"", {})[0] == 415
    late = ask(app, "POST", "/run", golden("run-request.hex"), {**headers, "evento-timeout-ms": "0"})
    assert late[0] == 503
    assert ask(app, "POST", "/run", bytes(BODY_BYTES_MAX + 1), headers)[0] == 413


def test_lifespan_is_acknowledged():
    sent = []
    incoming = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive():
        return incoming.pop(0)

    async def send(message):
        sent.append(message["type"])

    asyncio.run(bank().asgi({"type": "lifespan"}, receive, send))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_several_entities_share_an_address_but_not_a_name():
    import conformance  # noqa: F401
    from probe import probe

    host = Host(bank(), probe)
    manifest = json.loads(host.manifest)
    assert [entity["name"] for entity in manifest["entities"]] == ["bank.Account", "evento.conformance.Probe"]
    names = [schema["name"] for schema in manifest["schemas"]]
    assert len(names) == len(set(names))
    with pytest.raises(ValueError, match="keep one"):
        Host(bank(), bank())


def test_a_function_that_does_not_fit_ends_the_program_with_the_message():
    with pytest.raises(SystemExit, match="nothing handles DepositCash"):
        serve(Function(Account), address="127.0.0.1:0")
    for app in (Asgi, Wsgi):
        with pytest.raises(FunctionError):
            app(Function(Account))


def test_tests_run_without_pytest(tmp_path):
    (tmp_path / "test_some.py").write_text("def test_good(): pass\ndef test_bad():\n    assert 1 == 2, 'no'\n")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}

    def run(*arguments):
        command = [sys.executable, "-m", "evento", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    done = run("test")
    assert done.returncode == 1 and "ok test_some.test_good" in done.stdout
    assert "FAILED test_some.test_bad" in done.stdout and "AssertionError: no" in done.stdout
    assert "line 3, in test_bad" in done.stdout and "1 passed, 1 failed" in done.stdout
    (tmp_path / "none.py").write_text("")
    assert run().returncode == 2 and run("test", "none.py").returncode == 2
