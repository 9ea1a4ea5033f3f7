/**
 * The fold over one instance: decide, write, read back, evolve. Shared by both framings and the test kit.
 *
 * `apply` sees what the log will hold and not what the handler made: every event and every state is written and read
 * again before it is used further, so that a replay years later gives the same. Source: function-protocol 2.
 *
 * @module
 */
import { Reader } from "./avro/reader.js";
import { Writer } from "./avro/writer.js";
import type { ApplyContext, Context } from "./context.js";
import { type Codec, type CommandType, type EntityFunction, type EventType, eventsOf } from "./entity.js";
import { Failure } from "./failure.js";
import { deepFreeze } from "./freeze.js";

/** An event that was written: its type, and where its bytes lie in the writer. */
export interface Emitted {
  readonly type: EventType;
  readonly start: number;
  readonly end: number;
}

/** One instance as it goes from step to step. Made once per function and used for one work after the other. */
export class Fold {
  private readonly target: EntityFunction;
  /** Whether what user code is given is frozen. */
  private readonly frozen: boolean;
  private readonly reader = new Reader(new Uint8Array());
  /** Holds the state that apply made last. */
  private readonly written = new Writer();
  /** The state as a value; undefined while it is only known as bytes. */
  private value: unknown = null;
  private bytes: Uint8Array = new Uint8Array();
  private start = 0;
  private end = 0;

  constructor(target: EntityFunction, frozen: boolean) {
    this.target = target;
    this.frozen = frozen;
  }

  /** Begins with no state. */
  begin(): void {
    this.value = null;
  }

  /** The state are these bytes; they are read when somebody asks. */
  beginWith(bytes: Uint8Array, start: number, end: number): void {
    this.value = undefined;
    this.bytes = bytes;
    this.start = start;
    this.end = end;
  }

  /** The state as a value. Throws a DecodeError. */
  state(): unknown {
    if (this.value === undefined) this.value = this.read(this.target.state, this.bytes, this.start, this.end);
    return this.value;
  }

  /** Reads one value from a part of some bytes, all of which must be its. */
  read(codec: Codec<unknown>, bytes: Uint8Array, start: number, end: number): unknown {
    const reader = this.reader.reset(bytes, start, end);
    const value = codec.read(reader);
    reader.finish(codec.name);
    return this.frozen ? deepFreeze(value) : value;
  }

  /** The command of this name. Throws a CONTRACT failure when there is none. */
  command(name: string): CommandType {
    const command = this.target.commands.get(name);
    if (command === undefined) throw new Failure("CONTRACT", `unknown command ${name}`);
    return command;
  }

  /** The event of this name that apply covers. Throws a CONTRACT failure when there is none. */
  event(name: string): EventType {
    const event = this.target.events.get(name);
    if (event?.apply === undefined) throw new Failure("CONTRACT", `unknown event ${name}`);
    return event;
  }

  /** Decides a command and writes how many events and each one's name and payload: an array of `Emitted`. */
  decide(command: CommandType, value: unknown, context: Context, out: Writer): Emitted[] {
    const events = eventsOf(command, command.handle(value, this.state(), context));
    out.safeLong(events.length);
    const emitted = events.map((event) => {
      const type = command.emits.get(event.$type)!;
      out.string(event.$type, "type");
      const begin = out.begin();
      type.codec.write(out, event as never);
      const length = out.position - begin;
      out.endLength(begin);
      return { type, start: out.position - length, end: out.position };
    });
    out.index(0);
    return emitted;
  }

  /** Evolves by an event that {@link Fold.decide} wrote. A rejection that apply does not cover changes nothing. */
  evolveBy({ type, start, end }: Emitted, context: ApplyContext, out: Writer): void {
    if (type.apply !== undefined) this.evolve(type, this.read(type.codec, out.buffer, start, end), context);
  }

  /** Evolves by an event that apply covers. */
  evolve(type: EventType, event: unknown, context: ApplyContext): void {
    const after = type.apply!(event, this.state(), context);
    if (after === undefined) {
      const what = `apply of ${type.codec.name} answered nothing`;
      throw new Failure("CONTRACT", what, "answer the state, or null when the instance has ended");
    }
    if (after === null) return this.begin();
    this.written.reset();
    this.target.state.write(this.written, after as never);
    this.beginWith(this.written.buffer, 0, this.written.position);
  }

  /** Writes the state as a union of null and bytes. */
  putState(out: Writer): void {
    out.index(this.value === null ? 0 : 1);
    if (this.value !== null) out.part(this.bytes, this.start, this.end);
  }

  /** The state's bytes, valid until the next event; null when there is none. */
  stateBytes(): Uint8Array | null {
    return this.value === null ? null : this.bytes.subarray(this.start, this.end);
  }
}
