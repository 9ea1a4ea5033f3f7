"""Generated codecs and fastavro understand each other: random schemas and values, in both directions.

Needs the program that generates: EVENTO=path/to/evento. `sdk/python/check` sets it.
"""

import io
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import fastavro
import pytest

from evento import Malformed, codec_of
from evento.model import ENTITIES
from randomly import Schemas, Values, for_fastavro, plain

EVENTO = os.environ.get("EVENTO")
ENTITY_COUNT = 40
VALUES_OF_EACH = 40
SEED = int(os.environ.get("CROSSCHECK_SEED", "1"))

pytestmark = pytest.mark.skipif(not EVENTO, reason="EVENTO is not set: no codecs can be generated")


def write_project(folder: Path) -> None:
    documents = []
    for n in range(ENTITY_COUNT):
        schemas = Schemas(random.Random(SEED * 1000 + n), f"random.n{n}")
        for kind, name in (("Entity", "State"), ("Command", "Do"), ("Event", "Done")):
            (folder / f"{name}{n}.avsc").write_text(json.dumps(schemas.record(name)))
            schemas.known.clear()
            spec = {"Entity": {}, "Command": {"entity": f"state-{n}", "emits": [f"done-{n}"]}}
            documents.append(
                {
                    "apiVersion": "evento.dev/v1alpha1",
                    "kind": kind,
                    "metadata": {"name": f"{name.lower()}-{n}"},
                    "spec": {**spec.get(kind, {"entity": f"state-{n}"}), "schemaFile": f"{name}{n}.avsc"},
                }
            )
    (folder / "all.yaml").write_text("\n---\n".join(map(json.dumps, documents)))


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("random")
    write_project(folder)
    out = folder / "out"
    command = [EVENTO, "gen", "python", "--resources", str(folder), "--out", str(out), "--package", "made"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)
    sys.path.insert(0, str(out))
    __import__("made")
    entities = [entity for entity in ENTITIES.values() if entity.name.startswith("random.")]
    assert len(entities) == ENTITY_COUNT
    found = []
    for entity in entities:
        found += [entity.state, *(command.cls for command in entity.commands), *(event.cls for event in entity.events)]
    return found


def parsed(codec):
    """The schema with all that it refers to defined within, as fastavro wants it."""
    defined = set()

    def whole(schema):
        if isinstance(schema, list):
            return [whole(branch) for branch in schema]
        if isinstance(schema, str):
            return whole(codec.types[schema]) if schema in codec.types and schema not in defined else schema
        made = dict(schema)
        if "name" in made:
            full = made["name"] if "." in made["name"] else f"{made['namespace']}.{made['name']}"
            if full in defined:
                return full
            defined.add(full)
            made["name"], made["namespace"] = full.rpartition(".")[2], full.rpartition(".")[0]
        for key in ("items", "values"):
            if key in made:
                made[key] = whole(made[key])
        if "fields" in made:
            made["fields"] = [{**field, "type": whole(field["type"])} for field in made["fields"]]
        return made

    return whole(codec.types[codec.name])


def test_random_values_pass_both_ways(classes):
    checked = 0
    for cls in classes:
        codec = codec_of(cls)
        schema = parsed(codec)
        ready = fastavro.parse_schema(json.loads(json.dumps(schema)))
        chance = random.Random(f"{SEED} {codec.name}")
        values = Values(chance, codec.types)
        for _ in range(VALUES_OF_EACH):
            value = values.of(schema)
            out = io.BytesIO()
            fastavro.schemaless_writer(out, ready, for_fastavro(value))
            data = out.getvalue()
            read = codec.decode(data)
            assert plain(read) == plain(value), codec.name
            # fastavro writes maps in the order they come in, and they come sorted: so its bytes are canonical.
            assert codec.encode(read) == data, codec.name
            back = fastavro.schemaless_reader(io.BytesIO(codec.encode(read)), ready, None)
            assert plain(back) == plain(value), codec.name
            checked += 1
    assert checked == 3 * ENTITY_COUNT * VALUES_OF_EACH


def test_damaged_bytes_are_read_or_refused_and_nothing_else(classes):
    for cls in classes:
        codec = codec_of(cls)
        chance = random.Random(f"{SEED} {codec.name} damaged")
        values = Values(chance, codec.types)
        schema = parsed(codec)
        ready = fastavro.parse_schema(json.loads(json.dumps(schema)))
        for _ in range(VALUES_OF_EACH):
            out = io.BytesIO()
            fastavro.schemaless_writer(out, ready, for_fastavro(values.of(schema)))
            data = bytearray(out.getvalue() + b"\x00")
            for _ in range(chance.randrange(1, 4)):
                data[chance.randrange(len(data))] = chance.getrandbits(8)
            try:
                read = codec.decode(bytes(data[: chance.randrange(len(data) + 1)]))
            except Malformed:
                continue
            assert plain(codec.decode(codec.encode(read))) == plain(read)
