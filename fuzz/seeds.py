#!/usr/bin/env python3
"""Writes a few seeds for each fuzz target into fuzz/corpus, from texts that are in the repository.

Golden envelopes, the bank's schemas and resources, and small record batches made here; no binary file is kept.
The corpora grow where they are and are not part of the repository.
"""

import gzip
import hashlib
import io
import json
import pathlib
import struct
import tarfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORPUS = ROOT / "fuzz" / "corpus"
SNAPPY_RAW = b"\x07\x18\x0c\x00\x00\x00\x02k\x00"


def write(target, name, content):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ("seed-" + name)).write_bytes(content)


def varint(number):
    """A zigzag number of seven bits a byte."""
    rest = (number << 1) ^ (number >> 63)
    out = b""
    while rest >= 0x80:
        out += bytes([rest & 0x7F | 0x80])
        rest >>= 7
    return out + bytes([rest])


def record(offset, key, value, headers):
    """A record of a batch (Kafka protocol guide, "Record")."""
    content = b"\x00" + varint(0) + varint(offset) + varint(len(key)) + key + varint(len(value)) + value
    content += varint(len(headers))
    for name, text in headers:
        content += varint(len(name)) + name + varint(len(text)) + text
    return varint(len(content)) + content


def records():
    headers = [(b"ce_id", b"c-1"), (b"ce_type", b"bank.OpenAccount"), (b"evento-if-seq", b"0")]
    value = b"\x00\x00\x00\x00\x01" + b"\x06Ada\x06EUR"
    return record(0, b"a-1", value, headers) + record(1, b"a-2", value, [])


def stored_block(data):
    """An LZ4 frame and a Zstandard frame that hold the data as it is."""
    lz4 = b"\x04\x22\x4d\x18\x60\x40\x82" + struct.pack("<I", len(data) | 1 << 31) + data + b"\0\0\0\0"
    block = struct.pack("<I", len(data) << 3 | 1)[:3] + data
    zstd = b"\x28\xb5\x2f\xfd\x60" + struct.pack("<H", max(len(data) - 256, 0)) + block
    return lz4, zstd


def golden():
    for path in sorted((ROOT / "sdk/conformance/golden").glob("*.hex")):
        body = bytes.fromhex("".join(path.read_text().split()))
        write("function_response", path.stem, b"\x04" + body)


def kafka():
    for kind in range(36):
        for version in (0, 5, 9):
            write("kafka_request", f"{kind}-{version}", bytes([1, kind, version]))
    write("record_batch", "two", bytes([2]) + records())
    lz4, zstd = stored_block(records())
    packed = [records(), gzip.compress(records(), mtime=0), SNAPPY_RAW, lz4, zstd]
    for attributes, payload in enumerate(packed):
        write("produced_batch", str(attributes), bytes([attributes, 2]) + payload)
    blocks = struct.pack(">I", len(SNAPPY_RAW)) + SNAPPY_RAW
    write("produced_batch", "xerial", bytes([2, 1]) + b"\x82SNAPPY\0" + struct.pack(">II", 1, 1) + blocks)


def frames():
    fact = b"\x03" + struct.pack(">I", 1) + b"k" + struct.pack(">I", 1) + b"v"
    gone = b"\x03" + struct.pack(">I", 1) + b"k" + b"\xff\xff\xff\xff"
    batch = b"\x01" + struct.pack(">IBI", 1, 0, 0) + struct.pack(">I", 3) + b"abc"
    unit = b"\x02" + struct.pack(">II", 1, 0) + struct.pack(">I", 3) + b"a-1" + struct.pack(">QQI", 1, 0, 1)
    unit += b"\x00" + struct.pack(">I", 1) + struct.pack(">I", 3) + b"c-1" + struct.pack(">Q", 0)
    ended = struct.pack(">I", 3) + b"c-1" + b"\x01" + bytes(32) + b"\x00" + struct.pack(">QQIq", 1, 1, 1, 0)
    unit += struct.pack(">I", 1) + ended + b"\xff\xff\xff\xff" + struct.pack(">I", 0)
    for name, content in (("fact", fact), ("gone", gone), ("batch", batch), ("unit", unit)):
        write("log_frame", name, content)


def bank():
    schemas = [path.read_text() for path in sorted((ROOT / "examples/bank/schemas").glob("*.avsc"))]
    for n, text in enumerate(schemas):
        write("avro_schema", str(n), json.dumps(json.loads(text)).encode())
    for path in (ROOT / "examples/bank/resources").glob("*.yaml"):
        write("resource_yaml", path.stem, path.read_bytes())
    manifest = {
        "manifestVersion": 1,
        "protocol": {"min": 1, "max": 1, "modes": ["plain", "run"], "http": ["2"]},
        "function": {"name": "bank", "version": "1", "sdk": "rust"},
        "schemas": [json.loads(text) for text in schemas[:2]],
        "entities": [{
            "name": "bank.Account",
            "handles": [{"command": "bank.OpenAccount", "emits": ["bank.AccountOpened"]}],
            "applies": ["bank.AccountOpened"],
            "rejections": [],
            "stateVersion": 1,
        }],
        "limits": {"maxWork": 8, "timeoutMs": 1000},
    }
    write("manifest", "bank", json.dumps(manifest).encode())


def archive(commit, files):
    """An archive as `evento backup` writes it."""
    bytes_ = sum(len(content) for _, content in files)
    head = f"evento backup 1\ncommit {commit}\nepoch 1\ntaken 1\nfiles {len(files)}\nbytes {bytes_}\n".encode()
    point = b"EVCKPT01" + struct.pack(">QQQ", 1, 4096, commit + 1) + struct.pack(">II", 0, 0)
    point += struct.pack(">I", crc32c(point))
    entries = [("backup", head), ("checkpoint", point), ("noted", b""), *files]
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in entries).encode()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in [*entries, ("SHA256SUMS", sums)]:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def crc32c(data):
    """CRC-32C (RFC 3720, appendix B.4)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def archives():
    write("backup_archive", "empty", archive(1, []))
    write("backup_archive", "one", archive(7, [("topics/1.events/0/00000000000000000000.log", b"records")]))


def recoveries():
    write("log_recover", "segment", b"\x00EVSEGM01")
    write("log_recover", "checkpoint", b"\x01EVCKPT01")
    for n in range(8):
        write("log_recover", f"change-{n}", bytes([2, n, 16, 40 + n, n]))


def texts():
    headers = ["respond-async, wait=5", '"0198f2c4-7d1e-7c3a-9f61-3b8a52f0c1d7"', '"5"', "*", "application/json; a=b",
               "text/event-stream; long=string", "WyJpIiwiIiwiMy9hZGEiXQ", "W1sxLDAsN11d"]
    for n, text in enumerate(headers):
        write("http_texts", str(n), bytes([n % 6]) + text.encode())


def values():
    data = [b"\x04\x02\x04\x00", b"\x02\x02a\x02\x02b\x00", b"\x02\x04\x00\x00", b"\x02\x02\x04\x00",
            b"abc\x00\x01\x00\x00\x80\x3f\x02\x01\x4800000000-0000-0000-0000-000000000000\x02", b"\x06\x02\x01\x00"]
    for n, datum in enumerate(data):
        write("avro_value", str(n), bytes([n]) + datum)
    write("avro_value", "json", b"\x00[1, 2]")


if __name__ == "__main__":
    for make in (golden, kafka, frames, bank, values, archives, recoveries, texts):
        make()
