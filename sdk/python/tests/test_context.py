"""Ids and random numbers are those of all other SDKs: golden vectors."""

import json

import pytest

from common import GOLDEN
from evento import Context
from evento.context import _chacha20

VECTORS = json.loads((GOLDEN / "context.json").read_text())["vectors"]
BELOW = [1, 6, 1_000_000_007, *[4_611_686_018_427_387_905] * 8]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["seed"])
def test_ids_and_random_numbers_are_the_golden_ones(vector):
    context = Context(vector["entityId"].encode(), 0, 0, b"", bytes.fromhex(vector["seed"]))
    assert [str(context.uuid(n)) for n in range(10)] == vector["uuids"]
    assert context.random().bytes(70).hex() == vector["randomBytes"]
    assert context.random().long() == int(vector["randomLong"])
    assert context.random().double() == vector["randomDouble"]
    assert [context.random().below(n) for n in BELOW] == [int(n) for n in vector["randomBelow"]]


def test_chacha20_is_that_of_rfc_8439():
    # Test vector 2 of appendix A.1: all zero but the counter.
    block = _chacha20((0,) * 8, 1)
    assert block.hex().startswith("9f07e7be5551387a98ba977c732d080d")


def test_numbers_outside_their_bounds_are_refused():
    context = Context(b"a", 0, 0, b"", bytes(16))
    for wrong in (
        lambda: context.uuid(-1),
        lambda: context.uuid(2**32),
        lambda: context.random().below(0),
        lambda: context.random().below(2**63),
        lambda: context.random().bytes(-1),
    ):
        with pytest.raises(ValueError):
            wrong()
