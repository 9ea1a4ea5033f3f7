/**
 * Reads HTTP/1.1 requests from a connection, strictly and within limits. Source: RFC 9112.
 *
 * Node's own parser would do, but costs as much as the whole rest of a small request. What is ambiguous is refused and
 * not guessed at: two lengths, a length beside chunks, folded headers, blanks before a colon.
 *
 * @module
 */
import { Buffer } from "node:buffer";

/** Largest head of a request: request line and headers, in bytes. */
const HEAD_BYTES_MAX = 16 << 10;
/** Most header lines. */
const HEADERS_MAX = 64;
/** Longest line with a chunk's size. */
const CHUNK_LINE_MAX = 256;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const REQUEST_LINE = /^([A-Z]{1,16}) (\/[!-~]*) HTTP\/1\.([01])$/;
const CONTROL = /[\0-\x08\n-\x1f\x7f]/;

/** A request, whole. */
export interface ParsedRequest {
  readonly method: string;
  /** As sent, with a query if there is one. */
  readonly target: string;
  /** By name in lower case; equal names are joined with commas. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
  readonly keepAlive: boolean;
  /** On the clock of `performance`: when its head was there. */
  readonly since: number;
}

/** Bytes that are no request that is read here; after it the connection cannot go on. */
export class BadRequest extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

type Head = Omit<ParsedRequest, "body"> & { readonly length: number | "chunked" };

/** Takes the bytes of one connection and gives requests, one after the other. */
export class RequestParser {
  private readonly bodyMax: number;
  private readonly onContinue: () => void;
  /** Bytes that came and were not used. Bound: a head, or a body, and what one read of the socket gives beyond it. */
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  private head: Head | undefined;
  /** Chunks of a body in chunks, and how many bytes they are. Bound: `bodyMax`. */
  private chunks: Buffer[] = [];
  private chunkedBytes = 0;
  /** Nothing can be done before so many bytes are there. */
  private needed = 0;

  /** `onContinue` is called when the client waits for leave to send its body. */
  constructor(bodyMax: number, onContinue: () => void) {
    this.bodyMax = bodyMax;
    this.onContinue = onContinue;
  }

  /** Whether part of a request is there. */
  get isBusy(): boolean {
    return this.head !== undefined || this.pendingBytes > 0;
  }

  /** Bytes held of a request that is not whole. */
  get bufferedBytes(): number {
    return this.pendingBytes + this.chunkedBytes;
  }

  /** Takes what came. */
  feed(chunk: Buffer): void {
    this.pending.push(chunk);
    this.pendingBytes += chunk.length;
  }

  /** The next request, if it is there as a whole. Throws {@link BadRequest}. */
  next(): ParsedRequest | undefined {
    this.head ??= this.readHead();
    if (this.head === undefined) return undefined;
    const { length, ...head } = this.head;
    const body = length === "chunked" ? this.readChunks() : this.take(length);
    if (body === undefined) return undefined;
    this.head = undefined;
    return { ...head, body };
  }

  private readHead(): Head | undefined {
    if (this.pendingBytes === 0) return undefined;
    const bytes = this.joined();
    const end = bytes.indexOf("\r\n\r\n");
    if (end > HEAD_BYTES_MAX || (end < 0 && bytes.length > HEAD_BYTES_MAX)) {
      throw new BadRequest(431, `the head has more than ${HEAD_BYTES_MAX} bytes`);
    }
    if (end < 0) return undefined;
    this.use(bytes, end + 4);
    const head = parseHead(bytes.toString("latin1", 0, end), this.bodyMax);
    if (head.length !== 0 && head.headers.get("expect")?.toLowerCase() === "100-continue") this.onContinue();
    return head;
  }

  private take(length: number): Buffer | undefined {
    if (this.pendingBytes < length) return undefined;
    if (length === 0) return Buffer.alloc(0);
    const bytes = this.joined();
    this.use(bytes, length);
    return bytes.subarray(0, length);
  }

  private readChunks(): Buffer | undefined {
    for (;;) {
      if (this.pendingBytes === 0 || this.pendingBytes < this.needed) return undefined;
      const bytes = this.joined();
      const line = bytes.indexOf("\r\n");
      if (line > CHUNK_LINE_MAX || (line < 0 && bytes.length > CHUNK_LINE_MAX))
        throw new BadRequest(400, "a bad chunk");
      if (line < 0) return undefined;
      const digits = /^([0-9a-fA-F]{1,7})[ \t]*(?:;.*)?$/.exec(bytes.toString("latin1", 0, line));
      if (digits === null) throw new BadRequest(400, "a chunk without a size");
      const size = Number.parseInt(digits[1]!, 16);
      if (this.chunkedBytes + size > this.bodyMax) throw new BadRequest(413, "the request is too large");
      const end = line + 2 + size + 2;
      this.needed = end;
      if (bytes.length < end) return undefined;
      this.needed = 0;
      if (bytes.toString("latin1", end - 2, end) !== "\r\n")
        throw new BadRequest(400, "a chunk of another size than it says");
      this.use(bytes, end);
      if (size === 0) return this.endChunks();
      this.chunks.push(bytes.subarray(line + 2, line + 2 + size));
      this.chunkedBytes += size;
    }
  }

  /** Trailers are refused: the last chunk must be followed by an empty line, which was read as its end. */
  private endChunks(): Buffer {
    const body = Buffer.concat(this.chunks, this.chunkedBytes);
    this.chunks = [];
    this.chunkedBytes = 0;
    return body;
  }

  private joined(): Buffer {
    if (this.pending.length > 1) this.pending = [Buffer.concat(this.pending, this.pendingBytes)];
    return this.pending[0]!;
  }

  private use(bytes: Buffer, length: number): void {
    this.pending = length < bytes.length ? [bytes.subarray(length)] : [];
    this.pendingBytes = bytes.length - length;
  }
}

function parseHead(text: string, bodyMax: number): Head {
  const lines = text.split("\r\n");
  const [, method, target, minor] = REQUEST_LINE.exec(lines[0]!) ?? [];
  if (method === undefined) throw new BadRequest(400, "the request line is not one of HTTP/1.1");
  if (lines.length - 1 > HEADERS_MAX) throw new BadRequest(431, `more than ${HEADERS_MAX} headers`);
  const headers = new Map<string, string>();
  for (let n = 1; n < lines.length; n++) addHeader(headers, lines[n]!);
  if (minor === "1" && !headers.has("host")) throw new BadRequest(400, "the header Host is missing");
  const connection = headers.get("connection")?.toLowerCase() ?? "";
  const keepAlive = minor === "1" ? !connection.includes("close") : connection.includes("keep-alive");
  const length = bodyLength(headers, bodyMax);
  return { method, target: target!, headers, keepAlive, since: performance.now(), length };
}

function addHeader(headers: Map<string, string>, line: string): void {
  const colon = line.indexOf(":");
  const name = line.slice(0, Math.max(0, colon));
  if (!TOKEN.test(name)) throw new BadRequest(400, "a header without a name");
  const value = line.slice(colon + 1).trim();
  if (CONTROL.test(value)) throw new BadRequest(400, "a header with control characters");
  const key = name.toLowerCase();
  const before = headers.get(key);
  headers.set(key, before === undefined ? value : `${before}, ${value}`);
}

function bodyLength(headers: ReadonlyMap<string, string>, bodyMax: number): number | "chunked" {
  const [encoding, length] = [headers.get("transfer-encoding"), headers.get("content-length")];
  if (encoding !== undefined) {
    if (length !== undefined) throw new BadRequest(400, "Content-Length beside Transfer-Encoding");
    if (encoding.toLowerCase() !== "chunked") throw new BadRequest(501, `no transfer encoding ${encoding}`);
    return "chunked";
  }
  if (length === undefined) return 0;
  if (!/^\d{1,15}$/.test(length)) throw new BadRequest(400, "Content-Length is no number");
  if (Number(length) > bodyMax) throw new BadRequest(413, `the request is larger than ${bodyMax} bytes`);
  return Number(length);
}
