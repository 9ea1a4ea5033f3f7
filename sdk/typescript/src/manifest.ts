/**
 * What a function says of itself at `/.well-known/evento`. Source: function-protocol 7.
 *
 * @module
 */
import type { EntityFunction } from "./entity.js";

/** Media type of the manifest. */
export const MANIFEST_TYPE = "application/vnd.evento.manifest.v1+json";
/** Largest request body, in bytes. */
export const BODY_BYTES_MAX = 16 << 20;
/** Name and version of this SDK. */
export const SDK = "evento-typescript/0.1.0";

/** What the author may say about a function beside its code; for people. */
export interface About {
  /** Default: `EVENTO_FUNCTION`, else the first entity. */
  readonly name?: string | undefined;
  /** The function's own version. */
  readonly version?: string | undefined;
}

type Schema = string | readonly Schema[] | { readonly [attribute: string]: unknown };

/** The manifest as JSON: always the same bytes for the same function. */
export function manifestOf(functions: readonly EntityFunction[], about: About): string {
  const name = about.name ?? functions[0]?.entity;
  const text = JSON.stringify({
    manifestVersion: 1,
    protocol: { min: 1, max: 1, modes: ["plain", "run"], http: ["1.1"] },
    function: { name, ...(about.version === undefined ? {} : { version: about.version }), sdk: SDK },
    schemas: mergedSchemas(functions),
    entities: functions.map(({ definition, stateVersion }) => ({ ...parsed(definition.manifest), stateVersion })),
    limits: { maxBodyBytes: BODY_BYTES_MAX },
  });
  return text.replace(new RegExp(`"${NUMBER}([^"]*)"`, "g"), "$1");
}

/** Stands before a number that is kept as text. */
const NUMBER = "\uE000";

/** JSON with every number as text: a number of JavaScript does not hold every default that a schema may have. */
function parsed(json: string): object {
  const tokens = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
  return JSON.parse(json.replace(tokens, (token) => (token.startsWith('"') ? token : `"${NUMBER}${token}"`))) as object;
}

/** The schemas of all entities, a type that two of them define told once. Throws when they define it differently. */
function mergedSchemas(functions: readonly EntityFunction[]): Schema[] {
  const defined = new Map<string, string>();
  const merged: Schema[] = [];
  for (const target of functions) {
    for (const schema of target.definition.schemas) {
      const rest = withoutKnown(parsed(schema) as Schema, "", defined);
      if (typeof rest !== "string") merged.push(rest);
    }
  }
  return merged;
}

/** A schema in which the types that are known already are only named. */
function withoutKnown(schema: Schema, namespace: string, defined: Map<string, string>): Schema {
  if (typeof schema === "string") return schema;
  if (Array.isArray(schema)) return schema.map((branch: Schema) => withoutKnown(branch, namespace, defined));
  const attributes: { [attribute: string]: unknown } = { ...(schema as { readonly [attribute: string]: unknown }) };
  let inner = namespace;
  if (typeof attributes["name"] === "string") {
    const full = fullName(attributes["name"], attributes["namespace"] as string | undefined, namespace);
    const [text, known] = [JSON.stringify(schema), defined.get(full)];
    if (known !== undefined && known !== text) throw new TypeError(`${full} has two definitions; a function knows one`);
    if (known !== undefined) return full;
    defined.set(full, text);
    inner = full.slice(0, Math.max(0, full.lastIndexOf(".")));
  }
  for (const place of ["items", "values"]) {
    if (place in attributes) attributes[place] = withoutKnown(attributes[place] as Schema, inner, defined);
  }
  if (typeof attributes["type"] === "object")
    attributes["type"] = withoutKnown(attributes["type"] as Schema, inner, defined);
  if (Array.isArray(attributes["fields"])) {
    attributes["fields"] = (attributes["fields"] as { readonly type: Schema }[]).map((field) => {
      return { ...field, type: withoutKnown(field.type, inner, defined) };
    });
  }
  return attributes;
}

function fullName(name: string, namespace: string | undefined, enclosing: string): string {
  if (name.includes(".")) return name;
  const space = namespace ?? enclosing;
  return space === "" ? name : `${space}.${name}`;
}
