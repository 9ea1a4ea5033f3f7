"""The batch framing and a codec for records of the bank's types (string, int, long, boolean), by hand.

Source: function-protocol 6.2. A step that fails ends its work; the other works are not affected.
"""

import json


class Malformed(Exception):
    """Bytes that are not of the expected schema."""


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, length):
        if length < 0 or self.at + length > len(self.data):
            raise Malformed("the bytes end in the middle")
        self.at += length
        return self.data[self.at - length : self.at]

    def long(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return (value >> 1) ^ -(value & 1)
            if shift >= 70:
                raise Malformed("a number of more than ten bytes")

    def bytes(self):
        return self.take(self.long())

    def text(self):
        try:
            return self.bytes().decode()
        except UnicodeDecodeError as error:
            raise Malformed("a text that is no UTF-8") from error

    def boolean(self):
        byte = self.take(1)[0]
        if byte > 1:
            raise Malformed(f"{byte} is neither true nor false")
        return byte == 1

    def whole(self, bits):
        value = self.long()
        fits(value, bits, Malformed)
        return value

    def optional(self):
        index = self.long()
        if index not in (0, 1):
            raise Malformed(f"a union has no branch {index}")
        return self.bytes() if index == 1 else None

    def items(self, item):
        found = []
        while (count := self.long()) != 0:
            if count < 0:
                count = -count
                self.long()
            found.extend(item() for _ in range(count))
        return found


def fits(value, bits, error):
    if not -(1 << bits - 1) <= value < 1 << bits - 1:
        raise error(f"{value} does not fit {bits} bits")


def whole(bits):
    def write(value):
        fits(value, bits, OverflowError)
        return long(value)

    return write


def long(value):
    rest = (value << 1) ^ (value >> 63)
    out = bytearray()
    while rest >= 0x80:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def data(value):
    return long(len(value)) + value


def text(value):
    return data(value.encode())


def array(items):
    return long(len(items)) + b"".join(items) + b"\0" if items else b"\0"


def optional(value):
    return b"\0" if value is None else b"\2" + data(value)


READ = {
    "string": Reader.text,
    "int": lambda reader: reader.whole(32),
    "long": lambda reader: reader.whole(64),
    "boolean": Reader.boolean,
}
WRITE = {"string": text, "int": whole(32), "long": whole(64), "boolean": lambda value: b"\1" if value else b"\0"}


def decode(schema, payload):
    if payload is None:
        return None
    reader = Reader(payload)
    value = {field["name"]: READ[field["type"]](reader) for field in schema["fields"]}
    if reader.at != len(payload):
        raise Malformed("bytes are left over")
    return value


def encode(schema, value):
    return b"".join(WRITE[field["type"]](value[field["name"]]) for field in schema["fields"])


def short(name):
    return name.rpartition(".")[2]


def evolve(bank, name, payload, state):
    """The state after an event; a rejection leaves it as it is."""
    if name not in bank.APPLY:
        return state
    account = decode(bank.SCHEMAS["Account"], state)
    after = bank.APPLY[name](decode(bank.SCHEMAS[short(name)], payload), account)
    return encode(bank.SCHEMAS["Account"], after)


def step(bank, is_command, name, payload, state, want):
    """The answer to one step, and the state after it."""
    if not is_command:
        if name not in bank.APPLY:
            raise Malformed(f"unknown event {name}")
        return b"\0", evolve(bank, name, payload, state)
    if name not in bank.HANDLE:
        raise Malformed(f"unknown command {name}")
    decide = bank.HANDLE[name][0]
    event, fields = decide(decode(bank.SCHEMAS[short(name)], payload), decode(bank.SCHEMAS["Account"], state))
    body = encode(bank.SCHEMAS[event], fields)
    emitted = array([text(f"bank.{event}") + data(body)])
    return emitted, evolve(bank, f"bank.{event}", body, state) if want else state


def failure(at, error):
    """CONTRACT for bytes and names that are not the bank's, RETRY for a fault of the code."""
    broken = isinstance(error, Malformed)
    title = str(error) if broken else f"{type(error).__name__}: {error}"
    return b"\2" + long(at) + long(2 if broken else 0) + text(title[:200]) + text("")


def work(reader, bank, known):
    reference, _, _, state = reader.long(), reader.text(), reader.long(), reader.optional()
    is_command, want = reader.long() == 0, reader.long()

    def read_step():
        name, payload = reader.text(), reader.bytes()
        reader.text(), reader.long(), reader.bytes()
        reader.items(lambda: (reader.text(), reader.text()))
        return name, payload

    steps = reader.items(read_step)
    outcomes, failed = [], b"\0"
    for at, (name, payload) in enumerate(steps):
        try:
            if not known:
                raise Malformed("unknown entity")
            events, state = step(bank, is_command, name, payload, state, want)
        except Exception as error:
            failed = failure(at, error)
            break
        kept = want == 2 or want == 1 and at + 1 == len(steps)
        outcomes.append(events + array([optional(state)] if kept else []))
    return long(reference) + array(outcomes) + failed


def run(request, bank):
    """Answers a RunRequest; with nothing if it cannot be read."""
    reader = Reader(request)
    try:
        known = reader.text() == bank.ENTITY
        answer = array(reader.items(lambda: work(reader, bank, known)))
    except Malformed:
        return b""
    return answer if reader.at == len(request) else b""


def manifest(bank):
    """What the function says of itself (function-protocol 7)."""
    full = lambda names: [f"bank.{name}" for name in names]  # noqa: E731
    return json.dumps(
        {
            "manifestVersion": 1,
            "protocol": {"min": 1, "max": 1, "modes": ["run"]},
            "function": {"name": "accounts", "sdk": bank.SDK},
            "schemas": list(bank.SCHEMAS.values()),
            "entities": [
                {
                    "name": bank.ENTITY,
                    "handles": [{"command": name, "emits": full(e)} for name, (_, e) in bank.HANDLE.items()],
                    "applies": list(bank.APPLY),
                    "rejections": full(bank.REJECTIONS),
                    "stateVersion": 1,
                }
            ],
        }
    ).encode()
