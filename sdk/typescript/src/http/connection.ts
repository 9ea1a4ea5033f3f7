/**
 * One connection: requests in, answers out, one at a time and in order.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";

import { type Answer, type Call, type Endpoints, problem } from "../endpoints.js";
import { deadlineOf } from "../fetch.js";
import { BODY_BYTES_MAX } from "../manifest.js";
import type { Verifier } from "./identity.js";
import { BadRequest, type ParsedRequest, RequestParser } from "./parser.js";

/** A connection on which nothing comes or goes for so long is closed; Evento closes its own after 60 s. */
const IDLE_MS = 75_000;
/** A request must be there as a whole within so long of its first byte. */
const RECEIVE_MS = 30_000;
/** So long a client may go on sending after its last answer. */
const GOODBYE_MS = 2_000;
/** An answer that is not taken blocks the connection, beyond this many bytes. */
const UNSENT_BYTES_MAX = 1 << 20;
/** Most bytes that all connections together hold of requests that are not whole yet. */
const RECEIVING_BYTES_MAX = 64 << 20;
const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  204: "No Content",
  400: "Bad Request",
  401: "Unauthorized",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  409: "Conflict",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  422: "Unprocessable Content",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  503: "Service Unavailable",
};

/** What all connections of a server share. */
export interface Shared {
  readonly endpoints: Endpoints;
  /** Checks that requests come from Evento; undefined when no keys are set. */
  readonly verifier: Verifier | undefined;
  /** Whether the server is going away: what begins now is refused. */
  isStopping: boolean;
  readonly connections: Set<Connection>;
  /** Bytes of requests that are not whole yet, over all connections. Bound: {@link RECEIVING_BYTES_MAX}. */
  receivingBytes: number;
}

/** Serves one socket until either side closes it. */
export class Connection {
  private readonly socket: Socket;
  private readonly shared: Shared;
  private readonly parser: RequestParser;
  /** Whether a request had begun when the server was told to stop; it is still answered. */
  private mayFinish = false;
  /** When a request that has begun must be there as a whole, on the clock of `performance`. */
  private receiveUntil = Infinity;
  /** What this connection has added to the sum of bytes being received. */
  private counted = 0;
  /** Whether the last answer was given: what still comes is thrown away. */
  private isClosing = false;

  constructor(socket: Socket, shared: Shared) {
    this.socket = socket;
    this.shared = shared;
    this.parser = new RequestParser(BODY_BYTES_MAX, () => socket.write("HTTP/1.1 100 Continue\r\n\r\n"));
    shared.connections.add(this);
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    socket.on("data", (chunk: Buffer) => this.take(chunk));
    socket.on("drain", () => this.goOn());
    socket.on("end", () => socket.end());
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      shared.connections.delete(this);
      this.count();
    });
  }

  /** The server is going away. */
  stop(): void {
    this.mayFinish = this.parser.isBusy;
  }

  /** Whether nothing is in flight. */
  get isIdle(): boolean {
    return (this.isClosing || !this.parser.isBusy) && this.socket.writableLength === 0;
  }

  close(): void {
    this.socket.destroySoon();
  }

  private take(chunk: Buffer): void {
    if (this.isClosing) return;
    if (!this.parser.isBusy) this.receiveUntil = performance.now() + RECEIVE_MS;
    this.parser.feed(chunk);
    this.goOn();
    this.count();
    if (this.shared.receivingBytes > RECEIVING_BYTES_MAX) {
      this.send({ ...problem(503, "too much is being sent at once"), retryAfter: 1 }, undefined, false);
    } else if (this.parser.isBusy && performance.now() > this.receiveUntil) {
      this.send(problem(408, "the request took too long to arrive"), undefined, false);
    }
  }

  /** Keeps the sum over all connections right. */
  private count(): void {
    const now = this.socket.destroyed ? 0 : this.parser.bufferedBytes;
    this.shared.receivingBytes += now - this.counted;
    this.counted = now;
  }

  /** Answers the requests that are there. */
  private goOn(): void {
    try {
      while (this.socket.writable && !this.isClosing) {
        if (this.socket.writableLength > UNSENT_BYTES_MAX) return void this.socket.pause();
        if (this.socket.isPaused()) this.socket.resume();
        const request = this.parser.next();
        if (request === undefined) break;
        this.answer(request);
      }
    } catch (thrown) {
      const bad = thrown instanceof BadRequest ? thrown : new BadRequest(500, "the server failed");
      if (bad !== thrown) console.error(thrown);
      this.send(problem(bad.status, bad.message), undefined, false);
    }
  }

  private answer(request: ParsedRequest): void {
    const { shared } = this;
    const id = request.headers.get("evento-call");
    if (shared.isStopping && !this.mayFinish) {
      return this.send({ ...problem(503, "the function is stopping"), retryAfter: 1 }, id, false);
    }
    const keep = request.keepAlive && !shared.isStopping;
    const refused = request.method === "POST" ? shared.verifier?.refuses(request) : undefined;
    const answer =
      refused === undefined ? shared.endpoints.answer(callOf(request)) : problem(401, "not from Evento", refused);
    // Too late: whoever asked has given up, and an answer could be taken for the answer to another call.
    if (answer === undefined) this.socket.destroy();
    else this.send(answer, id, keep);
  }

  private send(answer: Answer, call: string | undefined, keep: boolean): void {
    const { status, type, body, event, retryAfter } = answer;
    let head = `HTTP/1.1 ${status} ${REASONS[status] ?? "Status"}\r\n`;
    if (status !== 204) head += `Content-Type: ${type}\r\nContent-Length: ${body.length}\r\n`;
    if (event !== undefined) head += `Evento-Event: ${event}\r\n`;
    if (call !== undefined) head += `Evento-Call: ${call}\r\n`;
    if (retryAfter !== undefined) head += `Retry-After: ${retryAfter}\r\n`;
    head += `Evento-Manifest: ${this.shared.endpoints.manifestDigest}\r\n`;
    if (!keep) head += "Connection: close\r\n";
    head += "\r\n";
    // One buffer and one write; the body is copied because the next request writes over it.
    const whole = Buffer.allocUnsafe(head.length + body.length);
    whole.write(head, "latin1");
    whole.set(body, head.length);
    this.socket.write(whole);
    if (!keep) this.end();
  }

  /** Says goodbye and goes on reading for a while: to close at once would take the answer from a client that sends. */
  private end(): void {
    this.isClosing = true;
    this.socket.end();
    this.socket.resume();
    const timer = setTimeout(() => this.socket.destroy(), GOODBYE_MS).unref();
    this.socket.once("close", () => clearTimeout(timer));
  }
}

function callOf({ method, target, headers, body, since }: ParsedRequest): Call {
  const until = deadlineOf(headers.get("evento-timeout-ms")) - performance.now() + since;
  const query = target.indexOf("?");
  return {
    method,
    path: query < 0 ? target : target.slice(0, query),
    header: (name) => headers.get(name),
    body,
    isLate: () => performance.now() > until,
  };
}
