/**
 * The batch framing and a codec for records of the bank's types (string, int, long, boolean), by hand.
 *
 * Source: function-protocol 6.2. A step that fails ends its work; the other works are not affected. Every whole
 * number is a bigint.
 */

class Malformed extends Error {}

const decoder = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();

/** The value itself; an error for one that needs more bits. */
const fitting = (value, bits, Problem) => {
  if (value !== BigInt.asIntN(bits, value)) throw new Problem(`${value} does not fit ${bits} bits`);
  return value;
};

class Reader {
  constructor(data) {
    this.data = data;
    this.at = 0;
  }

  take(length) {
    if (length < 0 || this.at + length > this.data.length) throw new Malformed("the bytes end in the middle");
    this.at += length;
    return this.data.subarray(this.at - length, this.at);
  }

  long() {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.take(1)[0];
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return (value >> 1n) ^ -(value & 1n);
    }
    throw new Malformed("a number of more than ten bytes");
  }

  bytes() {
    return this.take(Number(this.long()));
  }

  text() {
    const bytes = this.bytes();
    try {
      return decoder.decode(bytes);
    } catch {
      throw new Malformed("a text that is no UTF-8");
    }
  }

  boolean() {
    const byte = this.take(1)[0];
    if (byte > 1) throw new Malformed(`${byte} is neither true nor false`);
    return byte === 1;
  }

  whole(bits) {
    return fitting(this.long(), bits, Malformed);
  }

  optional() {
    const index = this.long();
    if (index !== 0n && index !== 1n) throw new Malformed(`a union has no branch ${index}`);
    return index === 1n ? this.bytes() : null;
  }

  items(item) {
    const found = [];
    for (let count = this.long(); count !== 0n; count = this.long()) {
      if (count < 0n) {
        count = -count;
        this.long();
      }
      for (; count > 0n; count -= 1n) found.push(item());
    }
    return found;
  }
}

const long = (value) => {
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  const out = [];
  for (; rest >= 0x80n; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80);
  out.push(Number(rest));
  return Uint8Array.from(out);
};

const joined = (parts) => {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
};

const ZERO = Uint8Array.of(0);
const TWO = Uint8Array.of(2);
const data = (value) => joined([long(BigInt(value.length)), value]);
const text = (value) => data(encoder.encode(value));
const array = (items) => (items.length ? joined([long(BigInt(items.length)), ...items, ZERO]) : ZERO);
const optional = (value) => (value === null ? ZERO : joined([TWO, data(value)]));

const read = {
  string: (reader) => reader.text(),
  int: (reader) => reader.whole(32),
  long: (reader) => reader.whole(64),
  boolean: (reader) => reader.boolean(),
};
const write = {
  string: text,
  int: (value) => long(fitting(value, 32, RangeError)),
  long: (value) => long(fitting(value, 64, RangeError)),
  boolean: (value) => Uint8Array.of(value ? 1 : 0),
};

const decode = (schema, payload) => {
  if (payload === null) return null;
  const reader = new Reader(payload);
  const value = Object.fromEntries(schema.fields.map((field) => [field.name, read[field.type](reader)]));
  if (reader.at !== payload.length) throw new Malformed("bytes are left over");
  return value;
};

const encode = (schema, value) => joined(schema.fields.map((field) => write[field.type](value[field.name])));
const short = (name) => name.slice(name.lastIndexOf(".") + 1);

/** The state after an event; a rejection leaves it as it is. */
const evolve = (bank, name, payload, state) => {
  const apply = bank.apply[name];
  if (!apply) return state;
  const account = decode(bank.schemas.Account, state);
  return encode(bank.schemas.Account, apply(decode(bank.schemas[short(name)], payload), account));
};

/** The answer to one step, and the state after it. */
const step = (bank, isCommand, name, payload, state, want) => {
  if (!isCommand) {
    if (!bank.apply[name]) throw new Malformed(`unknown event ${name}`);
    return [ZERO, evolve(bank, name, payload, state)];
  }
  if (!bank.handle[name]) throw new Malformed(`unknown command ${name}`);
  const [decide] = bank.handle[name];
  const [event, fields] = decide(decode(bank.schemas[short(name)], payload), decode(bank.schemas.Account, state));
  const body = encode(bank.schemas[event], fields);
  const emitted = array([joined([text(`bank.${event}`), data(body)])]);
  return [emitted, want === 0n ? state : evolve(bank, `bank.${event}`, body, state)];
};

/** CONTRACT for bytes and names that are not the bank's, RETRY for a fault of the code. */
const failure = (at, error) => {
  const broken = error instanceof Malformed;
  const title = broken ? error.message : `${error.name}: ${error.message}`;
  return joined([TWO, long(BigInt(at)), long(broken ? 2n : 0n), text(title.slice(0, 200)), text("")]);
};

const work = (reader, bank, known) => {
  const reference = reader.long();
  reader.text();
  reader.long();
  let state = reader.optional();
  const isCommand = reader.long() === 0n;
  const want = reader.long();
  const steps = reader.items(() => {
    const [name, payload] = [reader.text(), reader.bytes()];
    reader.text();
    reader.long();
    reader.bytes();
    reader.items(() => [reader.text(), reader.text()]);
    return [name, payload];
  });
  const outcomes = [];
  let failed = ZERO;
  for (const [at, [name, payload]] of steps.entries()) {
    let events;
    try {
      if (!known) throw new Malformed("unknown entity");
      [events, state] = step(bank, isCommand, name, payload, state, want);
    } catch (error) {
      failed = failure(at, error);
      break;
    }
    const kept = want === 2n || (want === 1n && at + 1 === steps.length);
    outcomes.push(joined([events, array(kept ? [optional(state)] : [])]));
  }
  return joined([long(reference), array(outcomes), failed]);
};

/** Answers a RunRequest; with nothing if it cannot be read. */
export const run = (request, bank) => {
  const reader = new Reader(request);
  try {
    const known = reader.text() === bank.entity;
    const answer = array(reader.items(() => work(reader, bank, known)));
    return reader.at === request.length ? answer : new Uint8Array();
  } catch (error) {
    if (error instanceof Malformed) return new Uint8Array();
    throw error;
  }
};

/** The manifest (function-protocol 7). */
export const manifest = (bank) => {
  const full = (names) => names.map((name) => `bank.${name}`);
  const handles = Object.entries(bank.handle).map(([command, [, emits]]) => ({ command, emits: full(emits) }));
  const entity = {
    name: bank.entity,
    handles,
    applies: Object.keys(bank.apply),
    rejections: full(bank.rejections),
    stateVersion: 1,
  };
  const document = {
    manifestVersion: 1,
    protocol: { min: 1, max: 1, modes: ["run"] },
    function: { name: "accounts", sdk: bank.sdk },
    schemas: Object.values(bank.schemas),
    entities: [entity],
  };
  return encoder.encode(JSON.stringify(document));
};
