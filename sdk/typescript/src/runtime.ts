/**
 * What generated code stands on. Runs anywhere: nothing of Node.js in it.
 *
 * @module
 */
export { readArray, readMap, writeArray, writeMap } from "./avro/collections.js";
export { DecodeError, EncodeError } from "./avro/errors.js";
export * from "./avro/logical.js";
export { Reader } from "./avro/reader.js";
export { noBranch, Writer } from "./avro/writer.js";
export type { ApplyContext, Context } from "./context.js";
export {
  type Applier,
  type Codec,
  type EntityDefinition,
  EntityFunction,
  type Events,
  type Handler,
  type Message,
} from "./entity.js";
export { Decimal } from "./values/decimal.js";
export { LocalDate } from "./values/local-date.js";
export { Timestamp } from "./values/timestamp.js";
