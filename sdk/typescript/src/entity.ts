/**
 * An entity's two functions, over values and over bytes. Generated code makes the definition, the user the functions.
 *
 * @module
 */
import type { Reader } from "./avro/reader.js";
import type { Writer } from "./avro/writer.js";
import type { ApplyContext, Context } from "./context.js";
import { Failure } from "./failure.js";
import { fetchHandler } from "./fetch.js";
import { DEFAULTS, Host } from "./run.js";

/** Reads and writes one record type. */
export interface Codec<T> {
  /** Full name, as `bank.Account`. */
  readonly name: string;
  readonly read: (reader: Reader) => T;
  readonly write: (writer: Writer, value: T) => void;
}

/** A command or an event as a value: it says its own full name. */
export interface Message {
  readonly $type: string;
}

/** One or more events; none does not type-check. */
export type Events<E> = E | readonly [E, ...E[]];

/** Decides: pure, and synchronous. Throw {@link Failure} when there can be no decision. */
export type Handler<C, S, E> = (command: C, state: S | null, context: Context) => Events<E>;

/** Evolves: the state after the event; null ends the instance. Pure, synchronous, and without a say. */
export type Applier<E, S> = (event: E, state: S | null, context: ApplyContext) => S | null;

/** What an author writes for one entity, as the runtime sees it: the generated type says which functions there are. */
export interface Implementation {
  /** Raise it when `apply` changes meaning: stored states are then rebuilt. From 1, which is the default. */
  readonly stateVersion?: number | undefined;
  readonly handle: object;
  readonly apply: object;
}

type Functions = Readonly<Record<string, unknown>>;

/** A codec whose type is known where it is used. */
type AnyCodec = Codec<any>;

/** What `evento gen` knows of an entity. `key` is the name of the property in `handle` or `apply`. */
export interface EntityDefinition {
  /** The codec of the state; its name is the entity's. */
  readonly state: AnyCodec;
  readonly commands: readonly { readonly key: string; readonly codec: AnyCodec; readonly emits: readonly string[] }[];
  readonly events: readonly {
    readonly key: string;
    readonly codec: AnyCodec;
    readonly rejection: boolean;
    readonly applied: boolean;
  }[];
  /** Schemas as JSON, each named type defined once and before it is used by name. */
  readonly schemas: readonly string[];
  /** The entity as the discovery manifest has it, as JSON. */
  readonly manifest: string;
}

/** An event type at run time. */
export interface EventType {
  readonly codec: Codec<unknown>;
  readonly rejection: boolean;
  /** Undefined for a rejection that leaves the state as it is. */
  readonly apply: Applier<unknown, unknown> | undefined;
}

/** A command type at run time. */
export interface CommandType {
  readonly codec: Codec<unknown>;
  readonly handle: Handler<unknown, unknown, Message>;
  /** The events it may answer, by full name. */
  readonly emits: ReadonlyMap<string, EventType>;
}

/**
 * An entity with its functions, ready to be served or tested. `S`, `C` and `E` are its state, commands and events.
 *
 * Made by the function that `evento gen typescript` generates (`account({handle, apply})`).
 */
export class EntityFunction<S = unknown, C extends Message = Message, E extends Message = Message> {
  /** Full name of the entity. */
  readonly entity: string;
  readonly stateVersion: number;
  readonly state: Codec<unknown>;
  readonly commands: ReadonlyMap<string, CommandType>;
  readonly events: ReadonlyMap<string, EventType>;
  readonly definition: EntityDefinition;
  private fetchHandler: ((request: Request) => Promise<Response>) | undefined;
  private host: Host | undefined;
  /** Types only: what the test kit knows about this entity. */
  declare readonly $types: { readonly state: S; readonly command: C; readonly event: E };

  /** Throws a TypeError that names every function that is missing or has no place. */
  constructor(definition: EntityDefinition, implementation: Implementation) {
    check(definition, implementation);
    this.entity = definition.state.name;
    this.stateVersion = implementation.stateVersion ?? 1;
    this.state = definition.state;
    this.definition = definition;
    this.events = new Map(
      definition.events.map(({ key, codec, rejection }) => {
        const apply = (implementation.apply as Functions)[key] as Applier<unknown, unknown> | undefined;
        return [codec.name, { codec, rejection, apply }];
      }),
    );
    this.commands = new Map(
      definition.commands.map(({ key, codec, emits }) => {
        const handle = (implementation.handle as Functions)[key] as Handler<unknown, unknown, Message>;
        const types = new Map(emits.map((name) => [name, this.events.get(name)!]));
        return [codec.name, { codec, handle, emits: types }];
      }),
    );
  }

  /** Serves this entity where there is a `fetch` interface: `export default { fetch: accounts.fetch }`. */
  get fetch(): (request: Request) => Promise<Response> {
    return (this.fetchHandler ??= fetchHandler(this));
  }

  /** Answers one batch request (function-protocol 6.2): for hosts without HTTP, such as WASM components. */
  run(request: Uint8Array): Uint8Array {
    this.host ??= new Host([this], DEFAULTS);
    return this.host.run(request, () => false).toBytes();
  }
}

function check(definition: EntityDefinition, implementation: Implementation): void {
  const { state, commands, events } = definition;
  const stateVersion = implementation.stateVersion ?? 1;
  const [handle, apply] = [
    implementation.handle as Functions | undefined,
    implementation.apply as Functions | undefined,
  ];
  const wrong: string[] = [];
  for (const { key } of commands) if (typeof handle?.[key] !== "function") wrong.push(`handle.${key} is missing`);
  const applied = events.filter((event) => event.applied);
  for (const { key } of applied) if (typeof apply?.[key] !== "function") wrong.push(`apply.${key} is missing`);
  wrong.push(...unknown("handle", handle, commands), ...unknown("apply", apply, applied));
  if (!Number.isInteger(stateVersion) || stateVersion < 1) wrong.push("stateVersion is a whole number from 1");
  if (wrong.length > 0) throw new TypeError(`the function of ${state.name} is not complete: ${wrong.join("; ")}`);
}

function unknown(what: string, given: object | undefined, defined: readonly { readonly key: string }[]): string[] {
  const keys = Object.keys(given ?? {}).filter((key) => !defined.some((one) => one.key === key));
  return keys.map((key) => `${what}.${key} is none of ${defined.map((one) => one.key).join(", ")}`);
}

/** What a handler answered, as a list that was checked: events of the command's own, at least one, no promise. */
export function eventsOf(command: CommandType, answered: unknown): readonly Message[] {
  const events: readonly unknown[] = Array.isArray(answered) ? answered : [answered];
  if (events.length === 0) throw new Failure("CONTRACT", `${command.codec.name} was answered without any event`);
  for (const event of events) {
    const type = typeof event === "object" && event !== null ? (event as Partial<Message>).$type : undefined;
    if (type === undefined) throw notAnEvent(command, event);
    if (!command.emits.has(type)) {
      const declared = [...command.emits.keys()].join(", ");
      throw new Failure("CONTRACT", `${command.codec.name} may not answer ${type}`, `it emits ${declared}`);
    }
  }
  return events as readonly Message[];
}

function notAnEvent(command: CommandType, value: unknown): Failure {
  const title = `${command.codec.name} was answered with no event`;
  const isPromise = typeof (value as { then?: unknown } | null)?.then === "function";
  return new Failure("CONTRACT", title, isPromise ? "handlers are synchronous: it was a promise" : `it was ${value}`);
}
