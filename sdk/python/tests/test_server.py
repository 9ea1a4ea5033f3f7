"""The server as Evento meets it: both framings on both kinds of sockets, bad requests, deadlines, SIGTERM."""

import hashlib
import json
import os
import random
import threading
import time

import pytest

from common import ACCOUNT, GOLDEN, golden, request, results, step, work
from evento import codec_of
from evento.host import BODY_BYTES_MAX
from evento.run import RUN_TYPE
from golden_bank import Account, DepositCash
from serving import ask, free_port, problem, served

DATUM = "avro/binary"
CONTEXT = {
    "content_type": DATUM,
    "evento_entity_id": "a-1",
    "evento_seq": "3",
    "evento_id": "c-9",
    "evento_time": "2026-11-23T06:00:00.000Z",
    "evento_seed": "000102030405060708090a0b0c0d0e0f",
    "evento_call": "0" * 32,
}


@pytest.fixture(scope="module", params=["unix", "tcp"])
def bank(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("s")
    listen = f"unix:{folder}/f.sock" if request.param == "unix" else free_port()
    with served("bank_server.py", listen, EVENTO_INSTANCE="mine", EVENTO_FUNCTION="accounts") as running:
        yield running


def command(amount, reference=""):
    return codec_of(DepositCash).encode(DepositCash(amount, reference))


def test_discovery_says_what_it_is(bank):
    status, headers, body = bank.ask("GET", "/.well-known/evento", evento_call="x" * 32)
    manifest = json.loads(body)
    assert (status, headers["content-type"]) == (200, "application/vnd.evento.manifest.v1+json")
    assert headers["evento-manifest"] == hashlib.sha256(body).hexdigest() and headers["evento-call"] == "x" * 32
    assert manifest["protocol"] == {"min": 1, "max": 1, "modes": ["plain", "run"], "http": ["1.1"]}
    assert manifest["function"]["name"] == "accounts" and manifest["function"]["version"] == "9"
    assert manifest["entities"] == [
        {
            "name": "bank.Account",
            "handles": [{"command": "bank.DepositCash", "emits": ["bank.DepositReceived", "bank.DepositRefused"]}],
            "applies": ["bank.DepositReceived"],
            "rejections": ["bank.DepositRefused"],
            "stateVersion": 1,
        }
    ]
    assert bank.ask("GET", "/.well-known/evento", if_none_match=headers["etag"])[0] == 304
    assert bank.ask("GET", "/ready")[0] == 200


def test_the_golden_exchange_of_both_framings(bank):
    body = bytes.fromhex("f001 08 72656e74 02 06416461 06455552 d00f 04".replace(" ", ""))
    status, headers, event = bank.ask("POST", "/handle/bank.DepositCash", body, **CONTEXT)
    assert (status, headers["evento-event"], event.hex()) == (200, "bank.DepositReceived", "f0010872656e74")
    assert headers["evento-call"] == "0" * 32
    status, _, state = bank.ask("POST", "/apply/bank.DepositReceived", body, **CONTEXT)
    assert (status, state.hex()) == (200, "064164610645 5552c01106".replace(" ", ""))
    status, headers, reply = bank.ask("POST", "/run", golden("run-request.hex"), content_type=RUN_TYPE)
    assert (status, headers["content-type"], reply) == (200, RUN_TYPE, golden("run-response.hex"))


def test_several_events_and_no_state(bank):
    status, headers, body = bank.ask("POST", "/handle/bank.DepositCash", command(2, "many") + b"\x00", **CONTEXT)
    assert status == 200 and "evento-event" not in headers
    assert headers["content-type"] == "application/vnd.evento.events.v1+avro" and body[:1] == b"\x04"
    ended = codec_of(DepositCash).encode(DepositCash(1, "end"))
    assert bank.ask("POST", "/apply/bank.DepositReceived", ended + b"\x00", **CONTEXT)[::2] == (204, b"")


@pytest.mark.parametrize(
    ("path", "body", "change", "status", "title"),
    [
        ("/handle/bank.DepositCash", command(1, "poison") + b"\x00", {}, 422, "no such tariff"),
        ("/handle/bank.DepositCash", command(1, "crash") + b"\x00", {}, 500, "ZeroDivisionError: nothing to divide"),
        ("/handle/bank.DepositCash", command(1, "exit") + b"\x00", {}, 500, "SystemExit: 3"),
        ("/handle/bank.DepositCash", command(0, "many") + b"\x00", {}, 400, "handle answered no event"),
        ("/handle/bank.Gone", b"\x00", {}, 404, "unknown command bank.Gone"),
        ("/apply/bank.Gone", b"\x00", {}, 404, "unknown event bank.Gone"),
        ("/apply/bank.DepositRefused", b"\x00\x00", {}, 404, "unknown event bank.DepositRefused"),
        ("/handle/bank.DepositCash", command(1), {}, 400, "undecodable payload"),
        ("/handle/bank.DepositCash", command(1) + b"\x00\x00", {}, 400, "undecodable payload"),
        ("/handle/bank.DepositCash", command(1) + b"\x04", {}, 400, "undecodable payload"),
        ("/handle/bank.DepositCash", command(1) + b"\x02\x01", {}, 400, "undecodable payload"),
        ("/handle/bank.DepositCash", b"\x02\x02\xff\x00", {}, 400, "undecodable payload"),
        ("/handle/bank.DepositCash", command(1) + b"\x00", {"content_type": "text/plain"}, 415, "content type"),
        ("/handle/bank.DepositCash", command(1) + b"\x00", {"evento_entity": "bank.Other"}, 404, "unknown entity"),
        ("/apply/bank.DepositReceived", command(1) + b"\x00", {"evento_entity": "bank.Other"}, 404, "unknown entity"),
        ("/handle/bank.DepositCash", command(1) + b"\x00", {"evento_seed": "00"}, 400, "evento-seed"),
        ("/handle/bank.DepositCash", command(1) + b"\x00", {"evento_time": "2026-99-99T00:00:00.000Z"}, 400, "time"),
        ("/handle/bank.DepositCash", command(1) + b"\x00", {"evento_seq": "-1"}, 400, "evento-seq"),
        ("/handle/bank.DepositCash", command(1) + b"\x00", {"evento_entity_id": "%ff"}, 400, "percent-encoded"),
        ("/handle/bank.DepositCash", command(1) + b"\x00", {"evento_instance": "other"}, 409, "another instance"),
        ("/run", b"\x00", {"content_type": RUN_TYPE}, 400, "envelope"),
        ("/run", b"", {}, 415, "content type"),
        ("/nowhere", b"", {}, 404, "no such path"),
    ],
)
def test_bad_requests_are_answered_as_the_protocol_says(bank, path, body, change, status, title):
    connection = bank.connect()
    found, headers, reply = ask(connection, "POST", path, body, **{**CONTEXT, **change})
    assert (found, headers["content-type"]) == (status, "application/problem+json")
    assert title in problem(reply)["title"] and headers["evento-call"] == "0" * 32
    if status in (422, 500):
        assert len(problem(reply)["evento-fingerprint"]) == 16
    if status == 422:
        assert problem(reply)["evento-retry"] is False
    # The same connection answers the next good call.
    assert ask(connection, "GET", "/ready")[0] == 200
    connection.close()


def test_ids_of_any_letters_come_through(bank):
    vector = json.loads((GOLDEN / "context.json").read_text())["vectors"][1]
    assert vector["entityId"].startswith("Gr")
    quoted = "Gr%C3%BC%C3%9Fe%2F%E6%97%A5"
    change = {"evento_entity_id": quoted, "evento_instance": "mine"}
    body = command(1) + b"\x00"
    assert bank.ask("POST", "/handle/bank.DepositCash", body, **{**CONTEXT, **change})[0] == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /ready HTTP/2.0\r\n\r\n", 505),
        (b"GET ready HTTP/1.1\r\n\r\n", 400),
        (b"GET /ready HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET /ready HTTP/1.1\r\n folded: x\r\n\r\n", 400),
        (b"POST /run HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", 400),
        (b"POST /run HTTP/1.1\r\ncontent-length: -1\r\n\r\n", 400),
        (b"POST /run HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n", 411),
        (b"POST /run HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % (BODY_BYTES_MAX + 1), 413),
        (b"GET /ready HTTP/1.1\r\n" + b"x: y\r\n" * 100 + b"\r\n", 431),
        (b"GET /ready HTTP/1.1\r\nx: " + b"y" * 20_000, 431),
    ],
)
def test_what_is_no_http_is_answered_and_the_connection_closed(bank, sent, status):
    with bank.socket() as raw:
        raw.sendall(sent)
        reply = b"".join(iter(lambda: raw.recv(65536), b""))
    assert reply.startswith(b"HTTP/1.1 %d " % status) and b"connection: close" in reply


def test_a_body_that_is_too_large_is_refused_and_the_answer_arrives(bank):
    body = bytes(BODY_BYTES_MAX + 1)
    status, _, reply = bank.ask("POST", "/run", body, content_type=RUN_TYPE)
    assert (status, problem(reply)["status"]) == (413, 413)
    assert bank.ask("POST", "/run", body[1:], content_type=RUN_TYPE)[0] == 400


def test_a_request_may_come_in_pieces_and_several_at_once(bank):
    one = b"GET /ready HTTP/1.1\r\nhost: x\r\n\r\n"
    with bank.socket() as raw:
        for n in range(len(one)):
            raw.sendall(one[n : n + 1])
        assert raw.recv(4096).endswith(b"ready\n")
        raw.sendall(one * 3)
        reply = b""
        while reply.count(b"ready\n") < 3:
            reply += raw.recv(4096)
        raw.sendall(b"POST /run HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\n")
        assert raw.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        raw.sendall(b"x")
        assert raw.recv(4096).startswith(b"HTTP/1.1 415 ")
        raw.sendall(b"GET /ready HTTP/1.0\r\n\r\n")
        assert b"".join(iter(lambda: raw.recv(4096), b"")).endswith(b"ready\n")


def test_large_bodies_go_both_ways(bank):
    steps = [step("bank.DepositCash", command(1, "x" * 1000)) for _ in range(5000)]
    body = request("bank.Account", [work(steps)])
    status, _, reply = bank.ask("POST", "/run", body, content_type=RUN_TYPE)
    assert status == 200 and len(body) > 5_000_000
    (result,) = results(reply)
    last = codec_of(Account).decode(result["outcomes"][-1]["states"][0])
    assert last == Account("A", "EUR", 5000, 5000)


def test_a_deadline_interrupts_and_the_next_call_works(bank):
    before = time.monotonic()
    body = request("bank.Account", [work([step("bank.DepositCash", command(20_000, "sleep"))])])
    connection = bank.connect()
    with pytest.raises(ConnectionError):
        ask(connection, "POST", "/run", body, content_type=RUN_TYPE, evento_timeout_ms="100")
    plain = {**CONTEXT, "evento_timeout_ms": "100"}
    with pytest.raises(ConnectionError):
        bank.ask("POST", "/handle/bank.DepositCash", command(20_000, "sleep") + b"\x00", **plain)
    assert bank.ask("GET", "/ready")[0] == 200
    assert time.monotonic() - before < 10


def test_many_connections_get_their_own_answers(bank):
    wrong = []

    def caller(n):
        connection = bank.connect()
        for k in range(30):
            call = f"{n:016x}{k:016x}"
            body = request("bank.Account", [work([step("bank.DepositCash", command(n * 100 + k + 1))], ref=k)])
            status, headers, reply = ask(connection, "POST", "/run", body, content_type=RUN_TYPE, evento_call=call)
            state = codec_of(Account).decode(results(reply)[0]["outcomes"][0]["states"][0])
            if (status, headers["evento-call"], state.balance) != (200, call, n * 100 + k + 1):
                wrong.append((n, k))
        connection.close()

    threads = [threading.Thread(target=caller, args=(n,)) for n in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_random_bytes_neither_crash_it_nor_fill_its_memory(bank):
    chance = random.Random(5)
    good = b"POST /run HTTP/1.1\r\ncontent-type: " + RUN_TYPE.encode() + b"\r\ncontent-length: "

    def throw():
        with bank.socket() as raw:
            body = chance.randbytes(chance.randrange(2000))
            head = good + str(len(body)).encode() + b"\r\n\r\n" if chance.random() < 0.7 else b""
            try:
                raw.sendall(head + body)
                raw.recv(100) if head else None
            except OSError:
                return

    for _ in range(300):
        throw()
    before = bank.memory()
    for _ in range(1500):
        throw()
    assert bank.ask("GET", "/ready")[0] == 200
    assert bank.memory() - before < 8 << 20


def test_sigterm_answers_what_was_sent_and_ends(tmp_path):
    with served("bank_server.py", f"unix:{tmp_path}/f.sock") as running:
        idle = running.connect()
        assert ask(idle, "GET", "/ready")[0] == 200
        sleeping = request("bank.Account", [work([step("bank.DepositCash", command(400, "sleep"))])])
        quick = request("bank.Account", [work([step("bank.DepositCash", command(7))])])
        sent = [running.socket() for _ in range(2)]
        for raw, body in zip(sent, (sleeping, quick), strict=True):
            head = f"POST /run HTTP/1.1\r\ncontent-type: {RUN_TYPE}\r\ncontent-length: {len(body)}\r\n\r\n"
            raw.sendall(head.encode() + body)
            time.sleep(0.1)
        started = time.monotonic()
        running.process.terminate()
        for raw in sent:
            reply = b"".join(iter(lambda raw=raw: raw.recv(65536), b""))
            assert reply.startswith(b"HTTP/1.1 200 ") and b"connection: close" in reply
        status, headers, _ = ask(idle, "POST", "/run", quick, content_type=RUN_TYPE)
        assert (status, headers["retry-after"], headers["connection"]) == (503, "1", "close")
        assert running.process.wait(10) == 0 and time.monotonic() - started < 5
        assert not os.path.exists(running.listen[5:])


def test_an_account_is_still_an_account():
    assert codec_of(Account).encode(ACCOUNT).hex() == "06416461064555 52d00f04".replace(" ", "")
