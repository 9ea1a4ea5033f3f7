/**
 * What a decision may use beside the command and the state: values that never change for that command.
 *
 * There is no other clock and no other chance: a function that asks the machine for them answers differently when it is
 * asked again, and Evento refuses it.
 *
 * @module
 */
import { uuidText } from "./avro/logical.js";
import { type Log, logWith } from "./log.js";
import { Random, sha256 } from "./random.js";
import { Timestamp } from "./values/timestamp.js";

const ascii = new TextEncoder();

/** For `apply`. */
export class ApplyContext {
  /** The instance. */
  readonly entityId: string;
  protected readonly millis: number;

  constructor(entityId: string, millis: number) {
    this.entityId = entityId;
    this.millis = millis;
  }

  /** When the command that caused the event was accepted. */
  get time(): Timestamp {
    return Timestamp.ofMillis(this.millis);
  }
}

/** For `handle`. */
export class Context {
  /** The instance. */
  readonly entityId: string;
  /** Number of events already in the state. */
  readonly seq: bigint;
  /** The command's id. */
  readonly commandId: string;
  private readonly millis: number;
  /** The seed lies here; it is copied only when somebody asks. */
  private readonly seedSource: Uint8Array;
  private readonly seedStart: number;
  private stream: Random | undefined;
  private lines: Log | undefined;

  /** The seed is 16 bytes of `seedSource`, which are not changed while the context is used. */
  constructor(entityId: string, seq: bigint, commandId: string, millis: number, seedSource: Uint8Array, seedStart = 0) {
    this.entityId = entityId;
    this.seq = seq;
    this.commandId = commandId;
    this.millis = millis;
    this.seedSource = seedSource;
    this.seedStart = seedStart;
  }

  /** When the command was accepted, to the millisecond. */
  get time(): Timestamp {
    return Timestamp.ofMillis(this.millis);
  }

  /** 16 bytes that were drawn when the command was accepted. */
  get seed(): Uint8Array {
    return Uint8Array.from(this.seedSource.subarray(this.seedStart, this.seedStart + 16));
  }

  /** Writes lines that carry the command's id. */
  get log(): Log {
    return (this.lines ??= logWith({ commandId: this.commandId, entityId: this.entityId }));
  }

  /**
   * The n-th id of this command, from 0: a UUID (version 8) that every attempt gives again.
   *
   * First 16 bytes of SHA-256(seed, `uuid`, n as 4 bytes big-endian), with version and variant set.
   */
  uuid(n: number): string {
    if (!Number.isInteger(n) || n < 0 || n > 0xffff_ffff)
      throw new RangeError(`uuid(${n}): n goes from 0 to 4294967295`);
    const number = new Uint8Array(4);
    new DataView(number.buffer).setUint32(0, n);
    const bytes = this.derived("uuid", number).slice(0, 16);
    bytes[6] = (bytes[6]! & 0x0f) | 0x80;
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    return uuidText(bytes);
  }

  /**
   * The command's chance: one stream of numbers that every attempt draws again. Each call gives the same stream, which
   * goes on where the last draw left it.
   */
  random(): Random {
    return (this.stream ??= new Random(this.derived("random", new Uint8Array())));
  }

  /** What `apply` gets for the events of this command. */
  forApply(): ApplyContext {
    return new ApplyContext(this.entityId, this.millis);
  }

  private derived(purpose: string, more: Uint8Array): Uint8Array {
    return sha256(Uint8Array.of(...this.seed, ...ascii.encode(purpose), ...more));
  }
}
