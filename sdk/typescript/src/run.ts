/**
 * The batch framing: many works in one request, each a fold over steps. A work that fails leaves the others alone.
 *
 * Works are done as they are read: the functions are pure, so nothing is lost when the end turns out to be malformed.
 * Source: function-protocol 2 and 6.2.
 *
 * @module
 */
import { Reader } from "./avro/reader.js";
import { Writer } from "./avro/writer.js";
import { ApplyContext, Context } from "./context.js";
import type { EntityFunction } from "./entity.js";
import { Failure, type FailureDetail, failureOf } from "./failure.js";
import { Fold } from "./fold.js";

/** Media type of both bodies. */
export const RUN_TYPE = "application/vnd.evento.run.v1+avro";

/** Least bytes of a work and of a step: one for each of their fields. */
const WORK_MIN = 7;
const STEP_MIN = 6;
const COMMAND = 0;
const WANT_NONE = 0;
const WANT_FINAL = 1;
const WANT_EACH = 2;
const KINDS = { RETRY: 0, POISON: 1, CONTRACT: 2 } as const;

/** How user code is treated. */
export interface HostOptions extends FailureDetail {
  /** Whether states and events given to user code are frozen: in development. */
  readonly frozen: boolean;
}

/** Production: nothing frozen, no stacks. */
export const DEFAULTS: HostOptions = { frozen: false, stacks: false };

/** Thrown when the time of a request is over: nothing more is to be said. */
export class Late extends Error {}

/** One step, as it stands in the request. */
interface Step {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly id: string;
  readonly millis: number;
  readonly seedStart: number;
  readonly seedBytes: number;
}

/** The entities of one function, ready to run batches. */
export class Host {
  readonly targets: ReadonlyMap<string, { readonly target: EntityFunction; readonly fold: Fold }>;
  readonly options: HostOptions;
  private readonly reader = new Reader(new Uint8Array());
  private readonly out = new Writer(1 << 16);

  constructor(functions: readonly EntityFunction[], options: HostOptions) {
    this.options = options;
    this.targets = new Map(
      functions.map((target) => [target.entity, { target, fold: new Fold(target, options.frozen) }]),
    );
    if (this.targets.size < functions.length) throw new TypeError("two functions for one entity");
  }

  /**
   * Answers a `RunRequest`; the writer is valid until the next call. Throws a DecodeError when the envelope cannot be
   * read, and {@link Late} as soon as `isLate` says so between two works.
   */
  run(body: Uint8Array, isLate: () => boolean): Writer {
    const reader = this.reader.reset(body);
    const out = this.out.reset();
    const entity = reader.string();
    const fold = this.targets.get(entity)?.fold;
    const results = out.begin();
    let count = 0;
    reader.items(WORK_MIN, () => {
      if (isLate()) throw new Late();
      new Work(reader, body, out, entity, fold, this.options).run(isLate);
      count++;
    });
    reader.finish("the request");
    out.endCount(results, count);
    return out;
  }
}

/** One work, from its first byte to its result. */
class Work {
  private readonly reader: Reader;
  private readonly body: Uint8Array;
  private readonly out: Writer;
  private readonly fold: Fold | undefined;
  private readonly options: HostOptions;
  private readonly entityId: string;
  private seq: bigint;
  private readonly isCommand: boolean;
  private readonly want: number;
  private failure: Failure | undefined;

  constructor(
    reader: Reader,
    body: Uint8Array,
    out: Writer,
    entity: string,
    fold: Fold | undefined,
    options: HostOptions,
  ) {
    this.reader = reader;
    this.body = body;
    this.out = out;
    this.fold = fold;
    this.options = options;
    out.safeLong(reader.int());
    this.entityId = reader.string();
    this.seq = reader.long();
    fold?.begin();
    if (reader.index(2, "branch") === 1) {
      const start = reader.range();
      fold?.beginWith(body, start, reader.position);
    }
    this.isCommand = reader.index(2, "kind") === COMMAND;
    this.want = reader.index(3, "returnState");
    if (fold === undefined) this.failure = new Failure("CONTRACT", `unknown entity ${entity}`);
  }

  run(isLate: () => boolean): void {
    const { reader, out } = this;
    const outcomes = out.begin();
    let done = 0;
    reader.items(STEP_MIN, () => {
      const step = this.readStep();
      if (this.fold === undefined || this.failure !== undefined) return;
      if (done > 0 && isLate()) throw new Late();
      if (this.attempt(this.fold, step)) done++;
    });
    if (this.want === WANT_FINAL && this.failure === undefined && done > 0) this.putFinalState();
    out.endCount(outcomes, done);
    this.putFailure(done);
  }

  private readStep(): Step {
    const { reader } = this;
    const type = reader.string();
    const start = reader.range();
    const end = reader.position;
    const id = reader.string();
    const millis = reader.safeLong();
    const seedStart = reader.range();
    const seedBytes = reader.position - seedStart;
    // Notes for logs and traces: they must not influence a result.
    reader.items(2, () => {
      reader.range();
      reader.range();
    });
    return { type, start, end, id, millis, seedStart, seedBytes };
  }

  /** Runs a step; when it fails, what it wrote is taken back and the failure is kept. */
  private attempt(fold: Fold, step: Step): boolean {
    const before = this.out.position;
    try {
      if (this.isCommand) this.decide(fold, step);
      else this.replay(fold, step);
      return true;
    } catch (thrown) {
      this.out.truncate(before);
      this.failure = failureOf(thrown, this.options);
      return false;
    }
  }

  private decide(fold: Fold, step: Step): void {
    const { out } = this;
    const command = fold.command(step.type);
    const value = fold.read(command.codec, this.body, step.start, step.end);
    if (step.seedBytes !== 16) throw new Failure("CONTRACT", `a seed has 16 bytes, not ${step.seedBytes}`);
    const context = new Context(this.entityId, this.seq, step.id, step.millis, this.body, step.seedStart);
    const emitted = fold.decide(command, value, context, out);
    const each = this.want === WANT_EACH;
    if (each) out.safeLong(emitted.length);
    if (this.want !== WANT_NONE) {
      const applyContext = context.forApply();
      for (const event of emitted) {
        fold.evolveBy(event, applyContext, out);
        if (each) fold.putState(out);
      }
    }
    out.index(0);
    this.seq += BigInt(emitted.length);
  }

  private replay(fold: Fold, step: Step): void {
    const { out } = this;
    const type = fold.event(step.type);
    const event = fold.read(type.codec, this.body, step.start, step.end);
    fold.evolve(type, event, new ApplyContext(this.entityId, step.millis));
    out.index(0);
    if (this.want === WANT_EACH) {
      out.safeLong(1);
      fold.putState(out);
    }
    out.index(0);
  }

  /** The last outcome ends with an empty array of states; it gets the one that was asked for. */
  private putFinalState(): void {
    this.out.truncate(this.out.position - 1);
    this.out.safeLong(1);
    this.fold!.putState(this.out);
    this.out.index(0);
  }

  private putFailure(step: number): void {
    const { out, failure } = this;
    out.index(failure === undefined ? 0 : 1);
    if (failure === undefined) return;
    out.safeLong(step);
    out.index(KINDS[failure.kind]);
    out.string(cut(failure.message, 200), "title");
    out.string(cut(failure.detail, 8192), "detail");
  }
}

/** Texts for people may be anything: they are cut, and made fit for UTF-8. */
export function cut(text: string, length: number): string {
  return text.slice(0, length).toWellFormed();
}
