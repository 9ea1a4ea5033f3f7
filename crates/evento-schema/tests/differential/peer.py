# The Python side of the comparison: reads cases as JSON lines, answers what fastavro thinks of each.
import io
import json
import math
import struct
import sys
from decimal import Decimal

import fastavro

# Base values are compared, so that times Python cannot hold do not matter; decimals are compared as numbers.
for name in list(fastavro.read.LOGICAL_READERS):
    if not name.endswith("-decimal"):
        del fastavro.read.LOGICAL_READERS[name]


def read(writer, reader, data):
    stream = io.BytesIO(data)
    value = fastavro.schemaless_reader(stream, writer, reader, return_record_name=True, return_named_type=True)
    if stream.read(1):
        raise ValueError("bytes are left over")
    return value


def same(left, right):
    """Whether `left`, as fastavro resolved it, is `right`, as it reads our bytes."""
    # A value in a union may carry the name of its branch; resolved values do not always. Java compares the branches.
    left = left[1] if isinstance(left, tuple) else left
    right = right[1] if isinstance(right, tuple) else right
    if isinstance(left, str) and isinstance(right, bytes):
        # fastavro gives the default of bytes as text.
        return left.encode("latin-1") == right
    if {type(left), type(right)} == {Decimal, bytes}:
        # fastavro goes by the writer's logical type, whether or not the reader has it.
        number, raw = (left, right) if isinstance(left, Decimal) else (right, left)
        sign, digits, _ = number.as_tuple()
        unscaled = int("".join(map(str, digits))) * (-1 if sign else 1)
        return unscaled == int.from_bytes(raw, "big", signed=True)
    if isinstance(left, float) and isinstance(right, float):
        if math.isnan(left) or math.isnan(right):
            return math.isnan(left) and math.isnan(right)
        # fastavro promotes to float without rounding to 32 bits.
        return left == right or struct.unpack("<f", struct.pack("<f", left))[0] == right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and left == right


def attempt(writer, reader, data, ours):
    try:
        theirs = read(writer, reader, bytes.fromhex(data))
    except Exception as error:
        return f"refused: {type(error).__name__}: {error}"
    if ours is None:
        return "accepted"
    try:
        other = read(reader or writer, None, bytes.fromhex(ours))
    except Exception as error:
        return f"ours refused: {type(error).__name__}: {error}"
    return "equal" if same(theirs, other) else f"other: {theirs} / {other}"


for line in sys.stdin:
    given = json.loads(line)
    try:
        writer = fastavro.parse_schema(json.loads(given["writer"]))
        reader = fastavro.parse_schema(json.loads(given["reader"]))
        data = [
            {
                "valid": attempt(writer, None, datum["bytes"], datum["canonical"]),
                "resolved": attempt(writer, reader, datum["bytes"], datum["resolved"]),
            }
            for datum in given["data"]
        ]
        answer = {"canonical": fastavro.schema.to_parsing_canonical_form(json.loads(given["writer"])), "data": data}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer))
