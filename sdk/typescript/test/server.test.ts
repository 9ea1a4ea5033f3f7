/**
 * The server over real sockets: keep-alive, limits, bad HTTP, identity, SIGTERM.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Agent, type IncomingHttpHeaders, request as httpRequest } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { fetchHandler } from "../src/fetch.js";
import { Verifier } from "../src/http/identity.js";
import { type Serving, start } from "../src/http/server.js";
import { bank, golden } from "./golden-bank.js";

const RUN = "application/vnd.evento.run.v1+avro";

interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string | number>;
  readonly body?: Uint8Array;
  readonly agent?: Agent;
}

function ask(
  socketPath: string,
  path: string,
  { method = "POST", headers = {}, body, agent }: Ask = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ socketPath, path, method, headers, agent: agent ?? false }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(parts) }),
      );
      response.on("error", reject);
    });
    request.on("error", reject);
    request.end(body);
  });
}

/** The head of a batch request, with further headers. */
function headOf(...headers: readonly string[]): string {
  return ["POST /run HTTP/1.1", "Host: a", `Content-Type: ${RUN}`, ...headers, "", ""].join("\r\n");
}

const run = { headers: { "content-type": RUN, "evento-call": "ab" }, body: golden("run-request") };

/** Sends bytes as they are; what comes back until the other side closes, or until `enough`. */
function raw(socketPath: string, bytes: string | Uint8Array, enough?: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket: Socket = connect(socketPath, () => socket.write(bytes));
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      if (enough?.test(text)) socket.destroy();
    });
    socket.on("close", () => resolve(text));
    socket.on("error", reject);
    socket.setTimeout(5_000, () => socket.destroy(new Error(`no end: ${text}`)));
  });
}

describe("the server", () => {
  const folder = mkdtempSync(join(tmpdir(), "evento-sdk-"));
  const path = join(folder, "f.sock");
  let serving: Serving;

  before(async () => {
    serving = await start(bank(), {
      listen: `unix:${path}`,
      environment: { EVENTO_FUNCTION: "accounts", EVENTO_INSTANCE: "me" },
    });
  });
  after(async () => {
    await serving.stop();
    rmSync(folder, { recursive: true });
  });

  test("batches are answered on one connection, with the call and the manifest", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const discovery = await ask(path, "/.well-known/evento", { method: "GET", agent });
    for (let n = 0; n < 20; n++) {
      const reply = await ask(path, "/run", { ...run, agent });
      assert.deepEqual([reply.status, reply.headers["content-type"], reply.headers["evento-call"]], [200, RUN, "ab"]);
      assert.match(String(reply.headers["evento-manifest"]), /^[0-9a-f]{64}$/);
      assert.equal(reply.headers["evento-manifest"], discovery.headers["evento-manifest"]);
      assert.deepEqual(reply.body, Buffer.from(golden("run-response")));
    }
    agent.destroy();
    assert.equal(JSON.parse(discovery.body.toString()).function.name, "accounts");
  });

  test("a body that comes in chunks or byte by byte is the same body", async () => {
    const chunked = await ask(path, "/run", { ...run, headers: { ...run.headers, "transfer-encoding": "chunked" } });
    assert.deepEqual(chunked.body, Buffer.from(golden("run-response")));
    const head = headOf(`Content-Length: ${run.body.length}`, "Connection: close");
    const bytes = Buffer.concat([Buffer.from(head), run.body]);
    const answered = new Promise<string>((resolve) => {
      let text = "";
      const socket = connect(path, () => {
        for (const byte of bytes) socket.write(Uint8Array.of(byte));
      });
      socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
      socket.on("close", () => resolve(text));
    });
    assert.match(await answered, /^HTTP\/1\.1 200 OK\r\n/);
  });

  test("requests that are no HTTP, or too large, are refused and the connection closed", async () => {
    const head = (more: string) => `POST /run HTTP/1.1\r\nHost: a\r\nContent-Type: ${RUN}\r\n${more}\r\n`;
    const cases: readonly (readonly [number, string])[] = [
      [400, "hello\r\n\r\n"],
      [400, "GET / HTTP/2.0\r\n\r\n"],
      [400, "GET /ready HTTP/1.1\r\n\r\n"],
      [400, "GET /ready HTTP/1.1\r\nHost: a\r\n folded: x\r\n\r\n"],
      [400, "GET /ready HTTP/1.1\r\nHost : a\r\n\r\n"],
      [400, head("Content-Length: 1\r\nContent-Length: 2\r\n")],
      [400, head("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n")],
      [400, head("Content-Length: +4\r\n")],
      [400, `${head("Transfer-Encoding: chunked\r\n")}zz\r\n`],
      [400, `${head("Transfer-Encoding: chunked\r\n")}2\r\nabc\r\n`],
      [501, head("Transfer-Encoding: gzip\r\n")],
      [413, head(`Content-Length: ${(16 << 20) + 1}\r\n`)],
      [413, `${head("Transfer-Encoding: chunked\r\n")}fffffff\r\n`],
      [431, `GET /ready HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(17_000)}\r\n\r\n`],
      [431, `GET /ready HTTP/1.1\r\nHost: a\r\n${"X: x\r\n".repeat(70)}\r\n`],
    ];
    for (const [status, bytes] of cases) {
      const answer = await raw(path, bytes);
      assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), bytes.slice(0, 60));
      assert.match(answer, /Connection: close/);
    }
    assert.equal((await ask(path, "/ready", { method: "GET" })).status, 200);
  });

  test("a client that is still sending gets the refusal", async () => {
    const body = Buffer.alloc((16 << 20) + 1);
    for (const headers of [{ "content-length": body.length }, { "transfer-encoding": "chunked" }]) {
      assert.equal(
        (await ask(path, "/run", { headers: { "content-type": RUN, ...headers } as Record<string, string>, body }))
          .status,
        413,
      );
    }
  });

  test("a client that waits for leave to send gets it", async () => {
    const head = headOf("Content-Length: 91", "Expect: 100-continue");
    assert.match(await raw(path, head, /100 Continue\r\n\r\n/), /^HTTP\/1\.1 100 Continue/);
  });

  test("pipelined requests are answered in order", async () => {
    const two = "GET /ready HTTP/1.1\r\nHost: a\r\n\r\nGET /no HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    const answers = await raw(path, two);
    assert.deepEqual(
      [...answers.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status),
      ["200", "404"],
    );
  });

  test("another instance is refused, and a call whose time is over is not answered", async () => {
    const other = await ask(path, "/run", { ...run, headers: { ...run.headers, "evento-instance": "you" } });
    assert.equal(other.status, 409);
    const late = ask(path, "/run", { ...run, headers: { ...run.headers, "evento-timeout-ms": "0" } });
    await assert.rejects(late, /socket hang up|ECONNRESET/);
    assert.equal((await ask(path, "/run", run)).status, 200);
  });

  test("random bytes leave it healthy", async () => {
    let state = 1;
    const random = () => (state = (state * 1_103_515_245 + 12_345) & 0x7fff_ffff);
    for (let n = 0; n < 100; n++) {
      const noise = Uint8Array.from({ length: random() % 2_000 }, () => random() >> 8);
      const answer = await raw(path, Buffer.concat([noise, Buffer.from("\r\n\r\n")]));
      assert.match(answer, /^HTTP\/1\.1 4\d\d /);
    }
    assert.deepEqual((await ask(path, "/run", run)).body, Buffer.from(golden("run-response")));
  });
});

test("the same function behind a fetch interface", async () => {
  const handler = fetchHandler(bank());
  const request = (body: Uint8Array<ArrayBuffer> | undefined, headers: Record<string, string>, path = "/run") =>
    handler(new Request(`http://a${path}`, body === undefined ? { headers } : { method: "POST", body, headers }));
  const reply = await request(Uint8Array.from(golden("run-request")), { "content-type": RUN, "evento-call": "ab" });
  assert.deepEqual([reply.status, reply.headers.get("evento-call")], [200, "ab"]);
  assert.deepEqual(new Uint8Array(await reply.arrayBuffer()), golden("run-response"));
  assert.equal((await request(undefined, {}, "/.well-known/evento")).status, 200);
  assert.equal((await request(new Uint8Array((16 << 20) + 1), { "content-type": RUN })).status, 413);
  const { keys } = JSON.parse(
    readFileSync(new URL("../../../conformance/golden/identity.json", import.meta.url), "utf8"),
  );
  const guarded = fetchHandler(bank(), { environment: { EVENTO_IDENTITY_KEYS: keys } });
  const body = Uint8Array.from(golden("run-request"));
  const refused = await guarded(
    new Request("http://a/run", { method: "POST", body, headers: { "content-type": RUN } }),
  );
  assert.equal(refused.status, 401);
  assert.equal((await guarded(new Request("http://a/.well-known/evento"))).status, 200);
});

test("a batch is answered without any HTTP", () => {
  assert.deepEqual(bank().run(golden("run-request")), golden("run-response"));
});

test("requests are believed only with Evento's signature, once, and while it is fresh", () => {
  const vector = JSON.parse(
    readFileSync(new URL("../../../conformance/golden/identity.json", import.meta.url), "utf8"),
  );
  const request = (change: Record<string, string | undefined> = {}, body: Uint8Array = golden("run-request")) => {
    const { call, revision, method, path: target } = vector.request;
    const headers = new Map(
      Object.entries({ "evento-call": call, "evento-revision": revision, "evento-identity": vector.token }),
    );
    for (const [name, value] of Object.entries(change)) {
      if (value === undefined) headers.delete(name);
      else headers.set(name, value);
    }
    return { method, target, headers, body: Buffer.from(body) };
  };
  const verifier = (now = 1_795_413_600, keys: string = vector.keys) => new Verifier({ keys, now: () => now });
  const [head, claims, signature] = vector.token.split(".");
  const forged = Buffer.from(JSON.stringify({ alg: "none", kid: "k1" })).toString("base64url");
  assert.equal(verifier().refuses(request()), undefined);
  for (const now of [1_795_413_540, 1_795_413_720]) assert.equal(verifier(now).refuses(request()), undefined);
  const refused: readonly (readonly [string | undefined, RegExp])[] = [
    [verifier(1_795_413_539).refuses(request()), /time/],
    [verifier(1_795_413_721).refuses(request()), /time/],
    [verifier().refuses(request({ "evento-identity": undefined })), /missing/],
    [verifier().refuses(request({ "evento-identity": "a.b" })), /no token/],
    [verifier().refuses(request({ "evento-call": "other" })), /call/],
    [verifier().refuses(request({ "evento-revision": "none" })), /rev/],
    [verifier().refuses(request({ "evento-attempt": "2" })), /att/],
    [verifier().refuses(request({}, golden("run-response"))), /bh/],
    [verifier().refuses({ ...request(), target: "/handle/a" }), /aud/],
    [verifier().refuses(request({ "evento-identity": `${forged}.${claims}.${signature}` })), /unknown key/],
    [
      verifier().refuses(request({ "evento-identity": `${head}.${claims}.${signature.replace(/^./, "A")}` })),
      /signature/,
    ],
    [verifier(1_795_413_600, vector.keys.replace("k1:", "k2:")).refuses(request()), /unknown key/],
  ];
  for (const [why, message] of refused) assert.match(why!, message);
  const once = verifier();
  once.refuses(request());
  assert.match(once.refuses(request())!, /before/);
  assert.throws(() => verifier(0, "k1"), /not ID:BASE64URL/);
});

describe("a process that serves", () => {
  const folder = mkdtempSync(join(tmpdir(), "evento-sdk-"));
  after(() => rmSync(folder, { recursive: true }));

  function launch(listen: string): { readonly child: ChildProcess; readonly ended: Promise<number | null> } {
    const child = spawn(process.execPath, [new URL("serve-bank.js", import.meta.url).pathname], {
      env: { PATH: process.env["PATH"], EVENTO_LISTEN: listen },
      stdio: ["ignore", "inherit", "pipe"],
    });
    return { child, ended: new Promise((resolve) => child.on("exit", resolve)) };
  }

  test("SIGTERM loses no answer and ends it with 0 within 5 s", async () => {
    const path = join(folder, "g.sock");
    const { child, ended } = launch(`unix:${path}`);
    const until = Date.now() + 20_000;
    while ((await ask(path, "/ready", { method: "GET" }).catch(() => undefined))?.status !== 200)
      assert.ok(Date.now() < until);
    // A request that has begun when the signal comes.
    const head = headOf(`Content-Length: ${run.body.length}`);
    let begun = "";
    const socket = connect(path, () => socket.write(head));
    socket.on("data", (chunk: Buffer) => (begun += chunk.toString("latin1")));
    const finished = new Promise((resolve) => socket.on("close", resolve));
    const statuses: number[] = [];
    const agent = new Agent({ keepAlive: true });
    let open = true;
    const clients = Array.from({ length: 8 }, async () => {
      for (;;) {
        // Once its socket is gone nobody can connect any more: that is no lost answer.
        const reply: Reply | string = await ask(path, "/run", { ...run, agent }).catch(
          (error: { code: string }) => error.code,
        );
        if (typeof reply === "string") return assert.match(reply, open ? /never/ : /ENOENT|ECONNREFUSED/);
        statuses.push(reply.status);
        if (reply.status === 503) return assert.equal(open, false);
      }
    });
    while (statuses.length < 200) await new Promise((resolve) => setImmediate(resolve));
    open = false;
    const signalled = Date.now();
    child.kill("SIGTERM");
    await Promise.all(clients);
    socket.write(run.body);
    await finished;
    assert.match(begun, /^HTTP\/1\.1 200 OK/);
    assert.equal(await ended, 0);
    assert.ok(Date.now() - signalled < 5_000);
    assert.ok(statuses.every((status) => status === 200 || status === 503));
    agent.destroy();
  });

  test("an address that cannot be listened on is told, with code 1", async () => {
    const { child, ended } = launch("nowhere");
    let text = "";
    child.stderr!.on("data", (chunk: Buffer) => (text += chunk.toString()));
    assert.equal(await ended, 1);
    assert.match(text, /cannot serve: listen on nowhere: unix:\/path or host:port is expected/);
  });
});
