/**
 * Given-when-then: what a function decides and how the state evolves, without a server.
 *
 * Every value passes through its codec both ways, `emits` is kept, handle and apply run twice and must give the same
 * bytes: a test fails where Evento would refuse the answer. Works with every test runner: a check that fails throws.
 *
 * @module
 */
import assert from "node:assert/strict";

import { Reader } from "./avro/reader.js";
import { Writer } from "./avro/writer.js";
import { Context } from "./context.js";
import type { Codec, EntityFunction, Message } from "./entity.js";
import { Failure, failureOf } from "./failure.js";
import { type Emitted, Fold } from "./fold.js";
import { Timestamp } from "./values/timestamp.js";

/** When commands are accepted unless a test says otherwise. */
const TIME = Timestamp.parse("2026-11-23T06:00:00.000Z");

/** Begins with an instance to which these events have happened; none: it does not exist yet. */
export function given<S, C extends Message, E extends Message>(
  entity: EntityFunction<S, C, E>,
  ...events: readonly E[]
): Given<S, C, E> {
  return new Given(entity, events, undefined);
}

/** Begins with an instance that has this state. */
export function givenState<S, C extends Message, E extends Message>(
  entity: EntityFunction<S, C, E>,
  state: S,
): Given<S, C, E> {
  return new Given(entity, [], state);
}

/** A test that is being told. */
export class Given<S, C extends Message, E extends Message> {
  private readonly entity: EntityFunction<S, C, E>;
  private readonly events: readonly E[];
  private readonly start: S | undefined;
  private time = TIME;
  private chance: Uint8Array = new Uint8Array(16).fill(7);
  private entityId = "test";

  constructor(entity: EntityFunction<S, C, E>, events: readonly E[], start: S | undefined) {
    this.entity = entity;
    this.events = events;
    this.start = start;
  }

  /** Commands are accepted at this time. */
  at(time: Timestamp): this {
    this.time = time;
    return this;
  }

  /** The command has this seed, of 16 bytes. */
  seed(seed: Uint8Array): this {
    assert.equal(seed.length, 16, "a seed has 16 bytes");
    this.chance = seed;
    return this;
  }

  /** The instance has this id. */
  id(entityId: string): this {
    this.entityId = entityId;
    return this;
  }

  /** The command is decided. */
  when(command: C): Outcome<S, E> {
    const entity = this.entity as unknown as EntityFunction;
    const millis = Number(this.time.millis);
    const context = (seq: number): Context => new Context(this.entityId, BigInt(seq), "command", millis, this.chance);
    let before: Uint8Array | null = null;
    if (this.start !== undefined) before = throughCodec(entity.state, this.start);
    for (const event of this.events) {
      const type = entity.events.get(event.$type);
      assert(type, `${entity.entity} has no event ${event.$type}`);
      const bytes = throughCodec(type.codec, event);
      before = twice(`apply of ${event.$type}`, () =>
        evolved(entity, before, [{ name: event.$type, bytes }], context(0)),
      );
    }
    const seq = this.events.length + (this.start === undefined ? 0 : 1);
    const type = entity.commands.get(command.$type);
    assert(type, `${entity.entity} has no command ${command.$type}`);
    const bytes = throughCodec(type.codec, command);
    return new Outcome<S, E>(entity, before, decided(entity, before, command.$type, bytes, context(seq)), context(seq));
  }
}

interface Written {
  readonly name: string;
  readonly bytes: Uint8Array;
}

type Decided = { readonly events: readonly Written[] } | { readonly failure: Failure; readonly thrown: unknown };

/** What the decision came to. */
export class Outcome<S, E extends Message> {
  private readonly entity: EntityFunction;
  private readonly before: Uint8Array | null;
  private readonly decided: Decided;
  private readonly after: Uint8Array | null;

  /** Applies what was decided, as Evento does before it commits. */
  constructor(entity: EntityFunction, before: Uint8Array | null, outcome: Decided, context: Context) {
    this.entity = entity;
    this.before = before;
    this.decided = outcome;
    this.after = "failure" in outcome ? before : twice("apply", () => evolved(entity, before, outcome.events, context));
  }

  /** Exactly these events, in order. */
  then(...events: readonly [E, ...E[]]): this {
    const found = this.written().map(({ name, bytes }) => read(this.entity.events.get(name)!.codec, bytes));
    assert.deepStrictEqual(found, events);
    return this;
  }

  /** Exactly this event, and it is a rejection. */
  thenRejected(event: E): this {
    assert(this.entity.events.get(event.$type)?.rejection, `${event.$type} is no rejection`);
    return this.then(event);
  }

  /** The state afterwards is this one; null: the instance has ended. */
  thenState(state: S | null): this {
    this.written();
    assert.deepStrictEqual(this.after === null ? null : read(this.entity.state, this.after), state);
    return this;
  }

  /** The state afterwards is what it was. */
  unchanged(): this {
    this.written();
    const shown = (bytes: Uint8Array | null): unknown => (bytes === null ? null : read(this.entity.state, bytes));
    assert.deepStrictEqual(shown(this.after), shown(this.before), "the state changed");
    return this;
  }

  /** The function fails technically, with this in its title if a text is given. */
  thenFails(title = ""): Failure {
    if (!("failure" in this.decided)) {
      assert.fail(`the function answered ${this.decided.events.map(({ name }) => name).join(", ")} and did not fail`);
    }
    const { failure } = this.decided;
    assert(failure.message.includes(title), `it failed with ${JSON.stringify(failure.message)}`);
    return failure;
  }

  private written(): readonly Written[] {
    if ("events" in this.decided) return this.decided.events;
    const { failure, thrown } = this.decided;
    throw new Error(`the function failed: ${failure.message} ${failure.detail}`.trimEnd(), { cause: thrown });
  }
}

/** Decides twice; the answers must be the same bytes. */
function decided(
  entity: EntityFunction,
  before: Uint8Array | null,
  name: string,
  bytes: Uint8Array,
  context: Context,
): Decided {
  const once = (): readonly Written[] => {
    const [fold, out] = [foldAt(entity, before), new Writer()];
    const command = fold.command(name);
    // A context of its own, so that the second run draws the same numbers.
    const own = new Context(
      context.entityId,
      context.seq,
      context.commandId,
      Number(context.time.millis),
      context.seed,
    );
    const emitted = fold.decide(command, fold.read(command.codec, bytes, 0, bytes.length), own, out);
    return emitted.map((event) => ({ name: event.type.codec.name, bytes: bytesOf(event, out) }));
  };
  let first: readonly Written[];
  try {
    first = once();
  } catch (thrown) {
    return { failure: failureOf(thrown, { stacks: true }), thrown };
  }
  assert.deepStrictEqual(
    once(),
    first,
    `handle of ${name} is not deterministic: it answered differently the second time`,
  );
  return { events: first };
}

function bytesOf({ start, end }: Emitted, out: Writer): Uint8Array {
  return out.buffer.slice(start, end);
}

/** The state after some events. Values given to user code are frozen, so that changing them in place is found. */
function evolved(
  entity: EntityFunction,
  before: Uint8Array | null,
  events: readonly Written[],
  context: Context,
): Uint8Array | null {
  const fold = foldAt(entity, before);
  for (const { name, bytes } of events) {
    const type = entity.events.get(name)!;
    if (type.apply !== undefined) fold.evolve(type, fold.read(type.codec, bytes, 0, bytes.length), context.forApply());
  }
  return fold.stateBytes()?.slice() ?? null;
}

function foldAt(entity: EntityFunction, state: Uint8Array | null): Fold {
  const fold = new Fold(entity, true);
  if (state === null) fold.begin();
  else fold.beginWith(state, 0, state.length);
  return fold;
}

function twice(what: string, run: () => Uint8Array | null): Uint8Array | null {
  const first = run();
  assert.deepStrictEqual(run(), first, `${what} is not deterministic: it gave another state the second time`);
  return first;
}

/** A value as bytes; reading them must give the same value. */
function throughCodec(codec: Codec<unknown>, value: unknown): Uint8Array {
  const out = new Writer();
  codec.write(out, value);
  const bytes = out.toBytes();
  assert.deepStrictEqual(read(codec, bytes), value, `${codec.name} does not pass through its codec`);
  return bytes;
}

function read(codec: Codec<unknown>, bytes: Uint8Array): unknown {
  const reader = new Reader(bytes);
  const value = codec.read(reader);
  reader.finish(codec.name);
  return value;
}
