/**
 * The manifest of several entities: shared types once, numbers to the last digit.
 *
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";

import { type Codec, EntityFunction } from "../src/entity.js";
import { manifestOf } from "../src/manifest.js";

function entity(name: string, schemas: readonly string[], stateVersion?: number): EntityFunction {
  const state: Codec<null> = { name, read: () => null, write: () => {} };
  const manifest = JSON.stringify({ name, handles: [], applies: [], rejections: [], stateVersion: 1 });
  return new EntityFunction(
    { state, commands: [], events: [], schemas, manifest },
    { stateVersion, handle: {}, apply: {} },
  );
}

const colour = '{"type":"enum","name":"shop.Colour","symbols":["RED","BLUE"]}';
const record = (name: string, type: string) =>
  `{"type":"record","name":"${name}","fields":[{"name":"a","type":${type}}]}`;

test("a type that two entities define is told once, wherever it stands", () => {
  const lamp = entity("shop.Lamp", [record("shop.Lamp", `["null",${colour}]`)]);
  const chair = entity("shop.Chair", [record("shop.Chair", `{"type":"array","items":${colour}}`), colour], 3);
  const manifest = JSON.parse(manifestOf([lamp, chair], {}));
  assert.equal(manifest.function.name, "shop.Lamp");
  assert.deepEqual(manifest.schemas, [
    JSON.parse(record("shop.Lamp", `["null",${colour}]`)),
    JSON.parse(record("shop.Chair", '{"type":"array","items":"shop.Colour"}')),
  ]);
  assert.deepEqual(
    manifest.entities.map((one: { stateVersion: number }) => one.stateVersion),
    [1, 3],
  );
});

test("one name with two definitions is refused", () => {
  const other = colour.replace("BLUE", "GREEN");
  const two = [entity("shop.Lamp", [record("shop.Lamp", colour)]), entity("shop.Chair", [record("shop.Chair", other)])];
  assert.throws(() => manifestOf(two, {}), /shop\.Colour has two definitions/);
});

test("defaults keep every digit", () => {
  const field = '{"default":-9007199254740993,"name":"n","type":"long"}';
  const numbers = '[1e300,0.5,-0.0,9223372036854775807,"-5 \\"6\\""]';
  const schema = `{"type":"record","name":"shop.Lamp","fields":[${field}],"x":${numbers}}`;
  const text = manifestOf([entity("shop.Lamp", [schema])], {});
  assert.ok(text.includes(field), text);
  assert.ok(text.includes(numbers), text);
});

test("a function that is not complete is refused with all that is wrong", () => {
  const codec: Codec<null> = { name: "shop.Lamp", read: () => null, write: () => {} };
  const definition = {
    state: codec,
    commands: [{ key: "Buy", codec, emits: [] }],
    events: [
      { key: "Bought", codec, rejection: false, applied: true },
      { key: "Refused", codec, rejection: true, applied: false },
    ],
    schemas: [],
    manifest: "{}",
  };
  const incomplete = { stateVersion: 0, handle: { Sell: () => {} }, apply: { Refused: () => null } };
  assert.throws(() => new EntityFunction(definition, incomplete), {
    message:
      "the function of shop.Lamp is not complete: handle.Buy is missing; apply.Bought is missing; " +
      "handle.Sell is none of Buy; apply.Refused is none of Bought; stateVersion is a whole number from 1",
  });
});
