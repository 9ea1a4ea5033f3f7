"""The probe gives the golden bytes: codecs of everything, contexts, chained steps, a replay of 10,000 events."""

import hashlib
import json
from dataclasses import replace

import pytest

import conformance
from common import GOLDEN, golden, request, results, step, work
from conformance import Echo, Echoed, Ended, Everything, Inner, Mapped, Maps, Noted, Probe, RejectedAndCounted
from evento import Poison, codec_of
from evento.failure import ContractBroken
from evento.host import Host
from evento.run import run
from probe import probe

NAMES = ("zero", "low", "high", "mixed", "special")
FUNCTIONS = Host(probe).functions
ENTITY = "evento.conformance.Probe"


def encoded(value):
    return codec_of(type(value)).encode(value)


def named(value):
    return codec_of(type(value)).name


def ran(works):
    return results(run(FUNCTIONS, request(ENTITY, works), None))


@pytest.mark.parametrize("name", NAMES)
def test_everything_comes_out_byte_for_byte(name):
    data = golden(f"everything-{name}.hex")
    codec = codec_of(Everything)
    assert codec.encode(codec.decode(data)) == data
    (result,) = ran([work([step(f"{ENTITY[:-5]}Echo", data)])])
    (outcome,) = result["outcomes"]
    assert outcome["events"] == [{"type": "evento.conformance.Echoed", "payload": data}]
    assert codec_of(Probe).decode(outcome["states"][0]).count == 1


def test_what_was_written_loosely_is_written_canonically():
    codec = codec_of(Everything)
    loose = golden("everything-mixed-loose.hex")
    assert codec.encode(codec.decode(loose)) == golden("everything-mixed.hex")


@pytest.mark.parametrize("name", NAMES)
def test_everything_cut_or_lengthened_anywhere_is_refused(name):
    data = golden(f"everything-{name}.hex")
    codec = codec_of(Everything)
    for end in range(0, len(data), max(1, len(data) // 500)):
        with pytest.raises(ValueError):
            codec.decode(data[:end])
    with pytest.raises(ValueError):
        codec.decode(data + b"\x00")


def chain(length):
    inner = None
    for _ in range(length):
        inner = Inner("n", inner)
    return inner


def test_values_nest_64_deep_and_no_deeper():
    codec = codec_of(Everything)
    zero = codec.decode(golden("everything-zero.hex"))
    deep = replace(zero, list=chain(63))
    assert codec.decode(codec.encode(deep)) == deep
    with pytest.raises(ValueError, match="nest deeper than 64"):
        codec.decode(codec.encode(replace(zero, list=chain(64))))


VECTORS = json.loads((GOLDEN / "context.json").read_text())["vectors"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["seed"])
def test_the_context_is_the_golden_one(vector):
    seed = bytes.fromhex(vector["seed"])
    asked = step("evento.conformance.Context", b"", id=vector["commandId"], time=vector["time"], seed=seed)
    (result,) = ran([work([asked], entityId=vector["entityId"], seq=int(vector["seq"]))])
    (outcome,) = result["outcomes"]
    assert outcome["events"][0]["payload"].hex() == vector["contextSeen"]
    state = codec_of(Probe).decode(outcome["states"][0])
    assert state.totals == {vector["entityId"]: vector["time"]}


@pytest.mark.parametrize(
    ("command", "kind", "title"),
    [
        (conformance.EmitMany(0), "CONTRACT", "handle answered no event"),
        (conformance.EmitMany(-3), "CONTRACT", "handle answered no event"),
        (conformance.Throw("out of paper"), "RETRY", "RuntimeError: out of paper"),
        (conformance.Poison("no such tariff"), "POISON", "no such tariff"),
        (conformance.Break("broken"), "RETRY", "RuntimeError: broken"),
    ],
)
def test_failures_are_of_their_kind(command, kind, title):
    good = work([step(named(Maps({})), encoded(Maps({})))], ref=2)
    bad, other = ran([work([step(named(command), encoded(command))]), good])
    assert (bad["failure"]["kind"], bad["failure"]["title"], bad["failure"]["step"]) == (kind, title, 0)
    assert other["failure"] is None


def test_the_commands_do_what_they_must():
    value = codec_of(Everything).decode(golden("everything-high.hex"))
    probe.given().when(Echo(value)).then(Echoed(value)).then_state(Probe(1, 0, 0, {}, value))
    probe.given().when(conformance.EmitMany(3)).then(*(Noted(n, f"note {n}") for n in range(3)))
    rejected = probe.given(Noted(1, "x")).when(conformance.Reject("no"))
    rejected.then_rejected(conformance.Rejected("no")).unchanged()
    counted = probe.given().when(conformance.RejectAndCount("no"))
    counted.then_rejected(RejectedAndCounted("no")).then_state(Probe(1, 0, 1, {}, None))
    probe.given(Noted(1, "x"), Ended()).when(conformance.ExpectCount(0)).then(Noted(1, "as expected"))
    probe.given(Noted(1, "x")).when(conformance.ExpectCount(0)).then_rejected(conformance.Rejected("the count is 1"))
    probe.given(Noted(1, "x")).when(conformance.End()).then(Ended()).then_state(None)
    assert probe.given().when(conformance.Poison("never")).then_fails(Poison).title == "never"
    probe.given().when(conformance.EmitMany(0)).then_fails(ContractBroken)
    probe.given().when(conformance.Sleep(1)).then(Noted(1, "slept"))


def test_maps_are_sorted_on_the_wire():
    entries = {f"key {n * 37 % 100}": n for n in range(100)}
    (result,) = ran([work([step(named(Maps({})), encoded(Maps(entries)))])])
    mapped = codec_of(Mapped).decode(result["outcomes"][0]["events"][0]["payload"])
    assert list(mapped.entries) == sorted(entries) and mapped.entries == entries


def event(i, zero):
    """Event number i of the replay of S10."""
    if i == 4999:
        return Ended()
    if i % 100 == 99:
        value = replace(
            zero,
            an_int=i,
            a_long=i << 32,
            a_string=f"echo {i}",
            a_double=i / 4,
            list=chain(i // 100 % 5),
            longs={"i": i},
        )
        return Echoed(value)
    if i % 10 == 9:
        return Mapped({f"k{j}": i * j for j in range(i % 7)})
    if i % 10 == 4:
        return RejectedAndCounted(f"no {i}")
    return Noted(i * 7919 % 104729, f"event {i} é")


def test_a_replay_of_10_000_events_ends_in_the_golden_state():
    zero = codec_of(Everything).decode(golden("everything-zero.hex"))
    vector = json.loads((GOLDEN / "replay.json").read_text())
    states, state = {}, None
    for begin in range(0, 10_000, 500):
        events = [event(i, zero) for i in range(begin, begin + 500)]
        steps = [step(named(value), encoded(value), seed=b"") for value in events]
        (result,) = ran([work(steps, kind="EVENT", seq=begin, state=state)])
        for n, outcome in enumerate(result["outcomes"]):
            (states[begin + n + 1],) = outcome["states"]
        state = states[begin + 500]
    for count, wanted in vector["states"].items():
        found = states[int(count)]
        assert (found and found.hex()) == wanted, count
    assert hashlib.sha256(states[10_000]).hexdigest() == vector["digest"]
