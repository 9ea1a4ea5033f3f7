/**
 * Write Evento functions in TypeScript: two pure functions per entity, everything else is Evento's.
 *
 * - `evento gen typescript` makes types, codecs and the function that takes yours (`account({handle, apply})`).
 * - {@link serve} answers discovery and both framings of the function protocol on Node.js; {@link fetchHandler} does
 *   the same behind a `fetch` interface.
 * - `@evento/sdk/testing` tests decisions as given-when-then, without a server.
 *
 * The SDK knows nothing of storage, retries or Kafka: it shares only the protocol's bytes with Evento.
 *
 * @module
 */
export { DecodeError, EncodeError } from "./avro/errors.js";
export { ApplyContext, Context } from "./context.js";
export type { Applier, Codec, EntityFunction, Events, Handler, Message } from "./entity.js";
export { Failure, type FailureKind } from "./failure.js";
export { fetchHandler, type FetchOptions } from "./fetch.js";
export { serve, type ServeOptions, type Serving, start } from "./http/server.js";
export type { Log, LogFields } from "./log.js";
export { Random } from "./random.js";
export { Decimal } from "./values/decimal.js";
export { LocalDate } from "./values/local-date.js";
export { Timestamp } from "./values/timestamp.js";
