/**
 * The endpoints of a function, whatever carries the request: discovery, readiness, both framings, problems.
 *
 * Knows nothing of sockets. Source: function-protocol 4 to 6 and 10.1.
 *
 * @module
 */
import { DecodeError } from "./avro/errors.js";
import { Reader } from "./avro/reader.js";
import { Writer } from "./avro/writer.js";
import { ApplyContext, Context } from "./context.js";
import type { Codec, EntityFunction } from "./entity.js";
import { Failure, type FailureKind, failureOf, fingerprintText } from "./failure.js";
import type { Fold } from "./fold.js";
import { type About, MANIFEST_TYPE, manifestOf } from "./manifest.js";
import { hex, sha256 } from "./random.js";
import { cut, Host, type HostOptions, Late, RUN_TYPE } from "./run.js";

const EVENTS_TYPE = "application/vnd.evento.events.v1+avro";
const DATUM_TYPE = "avro/binary";
const PROBLEM_TYPE = "application/problem+json";
const STATUS: Readonly<Record<FailureKind, number>> = { RETRY: 500, POISON: 422, CONTRACT: 400 };
const ascii = new TextEncoder();

/** A request, wherever it came from. */
export interface Call {
  readonly method: string;
  /** Without a query. */
  readonly path: string;
  /** A header by its name in lower case. */
  header(name: string): string | undefined;
  readonly body: Uint8Array;
  /** Whether the caller has stopped waiting. */
  isLate(): boolean;
}

/** An answer. The body may lie in a buffer that the next call writes to. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: Uint8Array;
  /** Full name of the event, for an answer of one in the plain framing. */
  readonly event?: string | undefined;
  /** Seconds after which to come again. */
  readonly retryAfter?: number | undefined;
}

/** What a function needs to know of its surroundings. */
export interface EndpointOptions extends HostOptions, About {
  /** Set when Evento started this process: requests for another start are refused. */
  readonly instance?: string | undefined;
}

/** Variables of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What the variables that Evento sets say; what the author says of the function comes first. */
export function optionsFrom(environment: Environment, about: About): EndpointOptions {
  const isDevelopment = environment["EVENTO_DEV"] === "1";
  return {
    name: about.name ?? environment["EVENTO_FUNCTION"],
    version: about.version,
    instance: environment["EVENTO_INSTANCE"],
    frozen: isDevelopment,
    stacks: isDevelopment || environment["EVENTO_ERROR_DETAIL"] === "full",
  };
}

/** A refusal as RFC 9457 has it. */
export function problem(status: number, title: string, detail = "", more: object = {}): Answer {
  const body = { type: "about:blank", title: cut(title, 200), status, detail: cut(detail, 8192), ...more };
  return { status, type: PROBLEM_TYPE, body: ascii.encode(JSON.stringify(body)) };
}

/** All endpoints of one function. */
export class Endpoints {
  /** Hex SHA-256 of the manifest: Evento compares it with what it registered. */
  readonly manifestDigest: string;
  private readonly manifest: Uint8Array;
  private readonly host: Host;
  private readonly options: EndpointOptions;
  private readonly reader = new Reader(new Uint8Array());
  private readonly out = new Writer();
  /** Commands and events by full name, with the fold of their entity. */
  private readonly commands = new Map<string, Fold>();
  private readonly events = new Map<string, Fold>();
  private readonly targets: ReadonlyMap<Fold, EntityFunction>;

  constructor(functions: readonly EntityFunction[], options: EndpointOptions) {
    this.options = options;
    this.manifest = ascii.encode(manifestOf(functions, options));
    this.manifestDigest = hex(sha256(this.manifest));
    this.host = new Host(functions, options);
    const entries = [...this.host.targets.values()];
    this.targets = new Map(entries.map(({ target, fold }) => [fold, target]));
    for (const { target, fold } of entries) {
      for (const name of target.commands.keys()) this.commands.set(name, fold);
      for (const [name, event] of target.events) if (event.apply !== undefined) this.events.set(name, fold);
    }
  }

  /** Answers a request; undefined when its time was over before there was an answer. */
  answer(call: Call): Answer | undefined {
    const refused = this.refused(call.header("evento-instance"));
    if (refused !== undefined) return refused;
    try {
      const answer = this.route(call);
      return call.isLate() ? undefined : answer;
    } catch (thrown) {
      if (thrown instanceof Late) return undefined;
      throw thrown;
    }
  }

  private refused(instance: string | undefined): Answer | undefined {
    const ours = this.options.instance;
    if (ours === undefined || instance === undefined || instance === ours) return undefined;
    return problem(409, "this is another instance", "the request names another Evento-Instance");
  }

  private route(call: Call): Answer {
    const { method, path } = call;
    if (path === "/.well-known/evento" || path === "/ready") {
      if (method !== "GET") return problem(405, "only GET is answered here", path);
      if (path === "/ready") return { status: 200, type: "text/plain", body: ascii.encode("ready\n") };
      return { status: 200, type: MANIFEST_TYPE, body: this.manifest };
    }
    const [, kind, name] = /^\/(run|handle|apply)(?:\/(.+))?$/.exec(path) ?? [];
    if (kind === undefined || (kind === "run") !== (name === undefined)) return problem(404, "no such path", path);
    if (method !== "POST") return problem(405, "only POST is answered here", path);
    const wanted = kind === "run" ? RUN_TYPE : DATUM_TYPE;
    if (mediaType(call.header("content-type")) !== wanted)
      return problem(415, "another content type is expected", wanted);
    if (kind === "run") return this.run(call);
    const fold = (kind === "handle" ? this.commands : this.events).get(name!);
    if (fold === undefined) return problem(404, kind === "handle" ? "unknown command" : "unknown event", name);
    return this.attempt(() => (kind === "handle" ? this.handle(fold, name!, call) : this.apply(fold, name!, call)));
  }

  private run(call: Call): Answer {
    try {
      const written = this.host.run(call.body, () => call.isLate());
      return { status: 200, type: RUN_TYPE, body: written.buffer.subarray(0, written.position) };
    } catch (thrown) {
      if (thrown instanceof DecodeError) return problem(400, "the envelope cannot be read", thrown.message);
      throw thrown;
    }
  }

  private attempt(step: () => Answer): Answer {
    try {
      return step();
    } catch (thrown) {
      const { kind, message, detail } = failureOf(thrown, this.options);
      const fingerprint = hex(sha256(ascii.encode(fingerprintText(thrown)))).slice(0, 16);
      const more = { "evento-fingerprint": fingerprint, ...(kind === "POISON" ? { "evento-retry": false } : {}) };
      return problem(STATUS[kind], message, detail, more);
    }
  }

  private handle(fold: Fold, name: string, call: Call): Answer {
    const command = fold.command(name);
    const value = this.readInput(fold, command.codec, call.body);
    const context = new Context(
      percentDecoded(call, "evento-entity-id"),
      unsigned(call, "evento-seq"),
      percentDecoded(call, "evento-id"),
      timeOf(call),
      seedOf(call),
    );
    const out = this.out.reset();
    const emitted = fold.decide(command, value, context, out);
    const [first, second] = emitted;
    if (second !== undefined || first === undefined) {
      return { status: 200, type: EVENTS_TYPE, body: out.buffer.subarray(0, out.position) };
    }
    const event = first.type.codec.name;
    return { status: 200, type: DATUM_TYPE, body: out.buffer.subarray(first.start, first.end), event };
  }

  private apply(fold: Fold, name: string, call: Call): Answer {
    const type = fold.event(name);
    const event = this.readInput(fold, type.codec, call.body);
    fold.evolve(type, event, new ApplyContext(percentDecoded(call, "evento-entity-id"), timeOf(call)));
    const state = fold.stateBytes();
    return { status: state === null ? 204 : 200, type: DATUM_TYPE, body: state ?? new Uint8Array() };
  }

  /** A record of the message and the state: its bytes are the one after the other. */
  private readInput(fold: Fold, codec: Codec<unknown>, body: Uint8Array): unknown {
    const reader = this.reader.reset(body);
    codec.read(reader);
    const end = reader.position;
    fold.begin();
    if (reader.index(2, "branch") === 1) {
      const start = reader.position;
      this.targets.get(fold)!.state.read(reader);
      fold.beginWith(body, start, reader.position);
    }
    reader.finish("the state");
    return fold.read(codec, body, 0, end);
  }
}

function mediaType(header: string | undefined): string | undefined {
  return header?.split(";", 1)[0]!.trim().toLowerCase();
}

function required(call: Call, name: string): string {
  const value = call.header(name);
  if (value === undefined) throw malformed(name, "it is missing");
  return value;
}

function malformed(name: string, why: string): Failure {
  return new Failure("CONTRACT", `the header ${name} cannot be used`, why);
}

function percentDecoded(call: Call, name: string): string {
  const text = required(call, name);
  try {
    return decodeURIComponent(text);
  } catch {
    throw malformed(name, "it is no percent-encoded UTF-8");
  }
}

function unsigned(call: Call, name: string): bigint {
  const text = required(call, name);
  if (!/^\d{1,19}$/.test(text)) throw malformed(name, "a whole number from 0 is expected");
  return BigInt(text);
}

function timeOf(call: Call): number {
  const text = required(call, "evento-time");
  const millis = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(millis)) throw malformed("evento-time", "a time like 2026-11-23T06:00:00.000Z is expected");
  return millis;
}

function seedOf(call: Call): Uint8Array {
  const text = required(call, "evento-seed");
  if (!/^[0-9a-f]{32}$/i.test(text)) throw malformed("evento-seed", "32 hex digits are expected");
  return Uint8Array.from({ length: 16 }, (_, n) => Number.parseInt(text.slice(2 * n, 2 * n + 2), 16));
}
