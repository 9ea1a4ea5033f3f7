"""The command line program kcat as the tests use it. See ../README.md for the contract.

kcat prints text; this reads it and speaks the contract. What one kcat cannot do in one run is done in several.
"""

import json
import re
import subprocess
import sys
import threading

from contract import Registry, emit, emit_record, main, stdin_ended, value_of

# Partition, offset, time, length of key and value, key, headers; then the value's bytes and a line break.
FORMAT = "%p %o %T %K %S %h\n%k%s\n"
# What kcat says when records are refused, and the protocol's codes for it.
REFUSALS = {"Broker failed to validate record": 87, "Topic authorization failed": 29}
# Between records and between key and value on kcat's stdin; in no value of the tests.
RECORD, KEY = b"\x1e\x1d\x1e", b"\x1f\x1d\x1f"
SETTINGS = ["-X", "partitioner=murmur2_random", "-X", "acks=all"]


def kcat(o, *arguments, **more):
    return subprocess.Popen(["kcat", "-b", o.bootstrap, *arguments], stdout=subprocess.PIPE, **more)


def records(process):
    """The records kcat prints, as arguments of `emit_record`."""
    while line := process.stdout.readline():
        partition, offset, time, key, value, headers = line.decode().rstrip("\n").split(" ", 5)
        key, value = process.stdout.read(int(key)), process.stdout.read(int(value)) if int(value) >= 0 else None
        process.stdout.readline()
        pairs = [each.split("=", 1) for each in re.split(r",(?=[\w-]+=)", headers) if each]
        yield int(partition), int(offset), key, int(time), [(n, v.encode()) for n, v in pairs], value


def read(o, process):
    """Prints wanted records until there are enough, then stops kcat."""
    left = o.count
    for record in records(process):
        if o.wants(record[2].decode()):
            emit_record(*record)
            left -= 1
        if left == 0:
            break
    process.terminate()
    process.stdout.read()
    process.wait()
    assert left == 0, f"{left} records do not come"


def consume(o):
    read(o, kcat(o, "-C", "-q", "-u", "-t", o.topic, "-o", "beginning", "-f", FORMAT, "-X", "isolation.level=read_committed"))


def seek(o):
    read(o, kcat(o, "-C", "-q", "-u", "-t", o.topic, "-o", f"s@{o.timestamp}", "-f", FORMAT))


def take(o):
    """kcat commits when it ends what it has printed, so it is told how many: as often as some are still wanted."""
    after, left = {}, o.count
    while left > 0:
        settings = ["-q", "-u", "-c", str(left), "-f", FORMAT, "-X", "auto.offset.reset=earliest"]
        process = kcat(o, "-G", o.group, *settings, o.topic)
        for record in records(process):
            after[record[0]] = record[1] + 1
            if o.wants(record[2].decode()):
                emit_record(*record)
                left -= 1
        assert process.wait() == 0
    emit(committed=after)


def member(o):
    ended = stdin_ended()
    strategy = "cooperative-sticky" if o.strategy == "cooperative" else "range"
    settings = {
        "auto.offset.reset": "earliest",
        "session.timeout.ms": o.session,
        "heartbeat.interval.ms": 500,
        "partition.assignment.strategy": strategy,
        **({"group.instance.id": o.instance} if o.instance else {}),
    }
    more = [part for name, value in settings.items() for part in ("-X", f"{name}={value}")]
    process = kcat(o, "-G", o.group, "-u", "-f", FORMAT, *more, o.topic, stderr=subprocess.PIPE)
    threading.Thread(target=tell_assignments, args=(process,), daemon=True).start()
    threading.Thread(target=lambda: (ended.wait(), process.terminate()), daemon=True).start()
    for partition, offset, key, *_ in records(process):
        emit(record={"partition": partition, "offset": offset, "key": key.decode()})
    process.wait()


def tell_assignments(process):
    owned = set()
    for line in process.stderr:
        line = line.decode()
        found = re.search(r"rebalanced.*?(incremental )?(assign|revoke).*: (.*)", line)
        if not found:
            sys.stderr.write(line)
            continue
        partitions = {int(each) for each in re.findall(r"\[(\d+)\]", found[3])}
        if found[2] == "assign":
            owned = owned | partitions if found[1] else partitions
        else:
            owned -= partitions
        emit(assigned=sorted(owned))


def batches(all_records):
    """Runs of records with the same headers: kcat gives all records of a run the same."""
    runs = []
    for record in all_records:
        if runs and runs[-1][0].get("headers", {}) == record.get("headers", {}):
            runs[-1].append(record)
        else:
            runs.append([record])
    return runs


def sender(o, topic, headers, *more):
    framing = ["-D", "".join(f"\\x{each:02x}" for each in RECORD), "-K", "".join(f"\\x{each:02x}" for each in KEY)]
    pairs = [part for name, value in headers.items() for part in ("-H", f"{name}={value}")]
    arguments = ["-P", "-t", topic, "-vvv", *SETTINGS, *framing, *pairs, *more]
    return kcat(o, *arguments, stdin=subprocess.PIPE, stderr=subprocess.PIPE)


def framed(o, topic, run):
    registry = Registry(o.registry)
    return b"".join(each["key"].encode() + KEY + value_of(each, topic, registry) + RECORD for each in run)


def tell(run, text):
    """What became of each record of a run, in order."""
    left = iter(run)
    for line in text.splitlines():
        if found := re.search(r"Message delivered to partition (\d+) \(offset (-?\d+)\)", line):
            emit(produced={"key": next(left)["key"], "partition": int(found[1]), "offset": int(found[2])})
        elif "Delivery failed for message" in line:
            code = next((code for words, code in REFUSALS.items() if words in line), 0)
            emit(refused={"key": next(left)["key"], "code": code, "message": line})


def send(o, topic, run, *more):
    process = sender(o, topic, run[0].get("headers", {}), *more)
    _, said = process.communicate(framed(o, topic, run))
    print(said.decode(), file=sys.stderr)
    tell(run, said.decode())
    return process.returncode


def produce(o):
    idempotent = "true" if o.idempotent else "false"
    for run in batches(o.records):
        send(o, o.topic, run, "-X", f"enable.idempotence={idempotent}")


def admin(o):
    told = json.loads(subprocess.check_output(["kcat", "-b", o.bootstrap, "-L", "-J"]))
    topics = {each["topic"]: len(each["partitions"]) for each in told["topics"] if each["topic"] in o.topics}
    emit(topics=topics)
    emit(cluster={"brokers": len(told["brokers"]), "controller": told["controllerid"]})


main({each.__name__: each for each in (consume, seek, take, member, produce, admin)})
