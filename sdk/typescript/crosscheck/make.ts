/**
 * Writes a project of random schemas: `node dist/crosscheck/make.js FOLDER SEED`. Input of `evento gen`.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Numbers, Schemas } from "./schemas.js";

/** Commands of the project, each with a random record. */
const COMMANDS = 40;

const [folder, seed] = process.argv.slice(2);
if (folder === undefined || seed === undefined) throw new Error("usage: make FOLDER SEED");
mkdirSync(join(folder, "resources"), { recursive: true });
mkdirSync(join(folder, "schemas"), { recursive: true });

const numbers = new Numbers(Number(seed));
const documents: string[] = [];

function add(kind: string, name: string, spec: string): void {
  const schema = new Schemas(numbers, name).record(name, 3);
  writeFileSync(join(folder!, "schemas", `${name}.avsc`), JSON.stringify(schema));
  const head = `apiVersion: evento.dev/v1alpha1\nkind: ${kind}\nmetadata: {name: ${name.toLowerCase()}}\nspec:\n`;
  documents.push(`${head}  schemaFile: ../schemas/${name}.avsc\n${spec}`);
}

add("Entity", "State", "");
add("Event", "Done", "  entity: state\n");
for (let n = 0; n < COMMANDS; n++) add("Command", `C${n}`, "  entity: state\n  emits: [done]\n");
writeFileSync(join(folder, "resources", "state.yaml"), documents.join("---\n"));
