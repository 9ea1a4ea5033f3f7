"""Request identity: the golden token is accepted, and everything altered is not."""

import json

import pytest

from common import GOLDEN, golden
from evento import identity
from evento.identity import Verifier

VECTOR = json.loads((GOLDEN / "identity.json").read_text())
REQUEST = VECTOR["request"]
BODY = golden(REQUEST["bodyFile"])
NOW = 1_795_413_600


def refusal(verifier=None, *, method=REQUEST["method"], path=REQUEST["path"], body=BODY, now=NOW, **headers):
    sent = {
        "evento-identity": VECTOR["token"],
        "evento-call": REQUEST["call"],
        "evento-revision": REQUEST["revision"],
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    verifier = verifier or Verifier(VECTOR["keys"])
    return verifier.refusal(method, path, {name: value for name, value in sent.items() if value}, body, now)


@pytest.fixture(autouse=True)
def by_the_standard_library(monkeypatch):
    monkeypatch.setattr(identity, "_quick", lambda *_: None)


def test_the_golden_token_is_accepted_while_it_is_valid():
    for now in (NOW - 60, NOW, NOW + 120):
        assert refusal(now=now) is None
    for now in (NOW - 61, NOW + 121):
        assert "too old" in refusal(now=now)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"method": "GET"}, "aud"),
        ({"path": "/handle/x"}, "aud"),
        ({"body": BODY + b"x"}, "bh"),
        ({"evento_call": "0" * 32}, "call"),
        ({"evento_revision": "none"}, "rev"),
        ({"evento_revision": None}, "rev"),
        ({"evento_attempt": "1"}, "att"),
        ({"evento_attempt": "x"}, "att"),
        ({"evento_identity": None}, "missing"),
        ({"evento_identity": "a.b"}, "three parts"),
        ({"evento_identity": "a.b.c"}, "no token"),
        ({"evento_identity": VECTOR["token"][:-2] + "AA"}, "signature"),
        ({"evento_identity": VECTOR["token"].replace("JFZERTQSI", "JIUzI1NiI")}, "algorithm|no token"),
    ],
)
def test_what_is_altered_is_refused(change, why):
    import re

    assert re.search(why, refusal(**change) or "accepted")


def test_a_token_is_used_once():
    verifier = Verifier(VECTOR["keys"])
    assert refusal(verifier) is None
    assert refusal(verifier) == "its call id was used before"


def test_an_unknown_key_is_refused_and_a_broken_one_is_told_at_start():
    assert "not known" in refusal(Verifier(VECTOR["keys"].replace("k1", "k2")))
    assert "signature" in refusal(Verifier("k1:" + "A" * 42 + "E"))
    for keys in ("", "k1", "k1:xyz", ":" + VECTOR["publicKey"]):
        with pytest.raises(ValueError):
            Verifier(keys)


def test_keys_come_from_a_file_that_may_change(tmp_path, monkeypatch):
    file = tmp_path / "keys"
    file.write_text("k9:" + VECTOR["publicKey"] + "\n")
    monkeypatch.setenv("EVENTO_IDENTITY_KEYS_FILE", str(file))
    verifier = Verifier.from_environment()
    assert "not known" in refusal(verifier)
    file.write_text(VECTOR["keys"] + "\n")
    monkeypatch.setattr(identity, "_REREAD", 0.0)
    assert refusal(verifier) is None
