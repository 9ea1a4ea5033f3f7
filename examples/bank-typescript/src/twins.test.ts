/**
 * The bank in TypeScript and the bank in Rust answer the same bytes to the same requests.
 *
 * `BANK_FUNCTION` is the program of the bank in Rust; without it there is nothing to compare with.
 *
 * @module
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { Writer } from "@evento/sdk/runtime";

import { accounts } from "./accounts.js";
import {
  type AccountCommand,
  CloseAccount,
  OpenAccount,
  ReceiveDeposit,
  TransferOut,
  WithdrawCash,
} from "./generated/bank.js";

const AMOUNTS = [0n, 1n, 5n, 60n, 100n, 1_000n, -1n, 2n ** 62n, 2n ** 63n - 1n, -(2n ** 63n)];
const TEXTS = ["", "rent", "Zoë", "日本\u{1f600}", "x".repeat(200)];

/** A generator of whole numbers below a bound, always the same (Numerical Recipes' constants). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function command(next: (below: number) => number): AccountCommand {
  const [amount, text, to] = [AMOUNTS[next(AMOUNTS.length)]!, TEXTS[next(TEXTS.length)]!, TEXTS[next(TEXTS.length)]!];
  switch (next(12)) {
    case 0:
      return OpenAccount({ owner: text });
    case 1:
      return CloseAccount();
    case 2:
    case 3:
      return TransferOut({ amount, to, reference: text });
    case 4:
    case 5:
    case 6:
      return WithdrawCash({ amount, reference: text });
    default:
      return ReceiveDeposit({ amount, reference: text });
  }
}

/** A batch of instances, each with a chain of commands that begins at no state. */
function batch(seed: number): Uint8Array {
  const next = numbers(seed);
  const w = new Writer();
  w.string("bank.Account", "entity");
  w.safeLong(20);
  for (let work = 0; work < 20; work++) {
    w.safeLong(work);
    w.string(`account-${work}`, "entityId");
    // Sequence 0, no state, commands, every state.
    for (const number of [0, 0, 0, 2]) w.index(number);
    w.safeLong(50);
    for (let step = 0; step < 50; step++) {
      const value = step === 0 && work % 4 > 0 ? OpenAccount({ owner: "Ada" }) : command(next);
      w.string(value.$type, "type");
      const begin = w.begin();
      accounts.commands.get(value.$type)!.codec.write(w, value);
      w.endLength(begin);
      w.string(`c-${step}`, "id");
      w.safeLong(1_795_413_600_000 + step);
      w.byteString(new Uint8Array(16).fill(step), "seed");
      w.index(0);
    }
    w.index(0);
  }
  w.index(0);
  return w.toBytes();
}

function post(socketPath: string, body: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/vnd.evento.run.v1+avro" };
    const sent = request({ socketPath, path: "/run", method: "POST", headers }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () => resolve(Buffer.concat(parts)));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

const program = process.env["BANK_FUNCTION"];

test(
  "TypeScript and Rust answer the same bytes",
  { skip: program === undefined && "BANK_FUNCTION is not set" },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "evento-twins-"));
    const socket = join(folder, "f.sock");
    const child = spawn(program!, { env: { EVENTO_LISTEN: `unix:${socket}` }, stdio: "inherit" });
    try {
      const until = Date.now() + 20_000;
      for (let seed = 1; seed <= 40; seed++) {
        const body = batch(seed);
        let answer: Buffer | undefined;
        while (answer === undefined) {
          answer = await post(socket, body).catch(() => undefined);
          assert.ok(answer !== undefined || Date.now() < until, "the bank in Rust does not answer");
        }
        assert.ok(answer.length > 10_000);
        assert.deepEqual(Buffer.from(accounts.run(body)), answer, `seed ${seed}`);
      }
    } finally {
      child.kill("SIGTERM");
      rmSync(folder, { recursive: true });
    }
  },
);
