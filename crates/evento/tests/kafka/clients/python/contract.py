"""What the Python programs share: arguments, output lines, the end of stdin, and Avro for clients without a serializer.

See ../README.md for the contract. Nothing here talks to Kafka.
"""

import base64
import io
import json
import sys
import threading

import fastavro
import requests

# Longest wait for a record, an assignment or a broker, in seconds.
PATIENCE = 60
# Error codes of a producer whose transactional id was taken: INVALID_PRODUCER_EPOCH, PRODUCER_FENCED, local _FENCED.
FENCED = (47, 90, -144)


class Options:
    """The JSON object of the command line; what is missing is None."""

    def __init__(self, text):
        self.all = json.loads(text)

    def __getattr__(self, name):
        return self.all.get(name)

    def wants(self, key):
        """Whether a record with this key counts."""
        return any(key.startswith(prefix) for prefix in self.prefixes)


EMITTING = threading.Lock()


def emit(**line):
    """Prints a line whole, whichever thread it comes from."""
    with EMITTING:
        print(json.dumps(line), flush=True)


def text(raw):
    return None if raw is None else raw.decode()


def emit_record(partition, offset, key, timestamp, headers, value, **more):
    headers = [[name, text(each)] for name, each in headers or []]
    value = None if value is None else base64.b64encode(value).decode()
    place = {"partition": partition, "offset": offset, "key": text(key), "timestamp": timestamp}
    emit(record={**more, **place, "headers": headers, "value": value})


def emit_seen(partition, offset, key):
    emit(record={"partition": partition, "offset": offset, "key": text(key)})


def emit_decoded(partition, offset, key, name, data):
    emit(record={"partition": partition, "offset": offset, "key": text(key), "type": name, "data": data})


def full_name(schema):
    """The full name of a record's schema."""
    name, namespace = schema["name"], schema.get("namespace")
    return name if "." in name or not namespace else f"{namespace}.{name}"


def emit_cloudevent(key, headers, value):
    """Parses one record with the CloudEvents SDK. The data stays bytes: it is Avro, which the SDK has no format for."""
    from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
    from cloudevents.core.formats.json import JSONFormat
    from cloudevents.core.v1.event import CloudEvent

    class Raw(JSONFormat):
        def read_data(self, body, datacontenttype):
            return body

    message = KafkaMessage(headers=dict(headers), key=key, value=value)
    event = from_binary(message, Raw(), CloudEvent)
    found = {name: str(each) for name, each in event.get_attributes().items()}
    emit(event={**found, "data": base64.b64encode(event.get_data()).decode()})


def stdin_ended():
    """An event that is set when stdin ends: the sign to leave."""
    ended = threading.Event()

    def wait():
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    return ended


class Registry:
    """The schema registry over REST, for clients whose ecosystem has no serializer."""

    def __init__(self, address):
        self.address, self.session, self.by_id, self.ids = address, requests.Session(), {}, {}

    def get(self, path):
        answer = self.session.get(self.address + path, timeout=PATIENCE)
        answer.raise_for_status()
        return answer.json()

    def decode(self, value):
        """Type and data of a value in the wire format; both None for a tombstone."""
        if value is None:
            return None, None
        assert value[0] == 0, "no wire format"
        number = int.from_bytes(value[1:5], "big")
        if number not in self.by_id:
            schema = json.loads(self.get(f"/schemas/ids/{number}")["schema"])
            self.by_id[number] = fastavro.parse_schema(schema)
        schema = self.by_id[number]
        return schema["name"], fastavro.schemaless_reader(io.BytesIO(value[5:]), schema)

    def encode(self, topic, name, data):
        """A value in the wire format, by the newest schema of this type."""
        if name not in self.ids:
            found = self.get(f"/subjects/{topic}-{name}/versions/latest")
            self.ids[name] = found["id"], fastavro.parse_schema(json.loads(found["schema"]))
        number, schema = self.ids[name]
        out = io.BytesIO(b"\0" + number.to_bytes(4, "big"))
        out.seek(5)
        fastavro.schemaless_writer(out, schema, data)
        return out.getvalue()


def value_of(record, topic, registry):
    """The bytes of a record to produce."""
    if "raw" in record:
        return base64.b64decode(record["raw"])
    return registry.encode(topic, record["type"], record["data"])


def headers_of(record):
    return [(name, each.encode()) for name, each in record.get("headers", {}).items()]


def main(verbs):
    """Runs the verb of the command line."""
    verbs[sys.argv[1]](Options(sys.argv[2]))
    emit(done=True)
