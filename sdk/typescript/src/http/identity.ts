/**
 * Request identity: whether a request comes from Evento. Checked whenever keys are set.
 *
 * The token is a compact EdDSA JWT over method, path, call, revision and body. Source: function-protocol 9, RFC 8037.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import { readFileSync } from "node:fs";

import type { Environment } from "../endpoints.js";

/** How far clocks may be apart, in seconds. */
const SKEW = 60;
/** How often a key file is read again, in milliseconds. */
const REREAD_MS = 60_000;
/** Most calls remembered: what 3 minutes of 5,000 requests a second leave. The oldest are forgotten first. */
const CALLS_MAX = 1_000_000;

/** What is checked of a request. */
export interface SignedRequest {
  readonly method: string;
  /** As sent. */
  readonly target: string;
  /** By name in lower case. */
  readonly headers: { get(name: string): string | null | undefined };
  readonly body: Uint8Array;
}

type Claims = Readonly<Record<string, unknown>>;

/** Where the keys come from, and what time it is. */
export interface IdentityOptions {
  /** `k1:<base64url>,k2:<base64url>`: the public halves of Evento's keys. */
  readonly keys?: string | undefined;
  /** A file that holds the same; read again every 60 s. */
  readonly file?: string | undefined;
  /** Seconds since 1970. */
  readonly now?: (() => number) | undefined;
}

/** Verifies requests. Each call is taken once. */
export class Verifier {
  private readonly options: IdentityOptions;
  private readonly now: () => number;
  private keys: ReadonlyMap<string, KeyObject> = new Map();
  private readAt = -Infinity;
  /** Calls that were taken and until when they are remembered, oldest first. Bound: `CALLS_MAX`. */
  private readonly calls = new Map<string, number>();

  /** Throws when the keys cannot be read: a function that cannot check must not serve. */
  constructor(options: IdentityOptions) {
    this.options = options;
    this.now = options.now ?? (() => Date.now() / 1000);
    this.reread();
  }

  /** From `EVENTO_IDENTITY_KEYS` and `EVENTO_IDENTITY_KEYS_FILE`; undefined when neither is set. */
  static fromEnvironment(environment: Environment): Verifier | undefined {
    const [keys, file] = [environment["EVENTO_IDENTITY_KEYS"], environment["EVENTO_IDENTITY_KEYS_FILE"]];
    return keys || file ? new Verifier({ keys, file }) : undefined;
  }

  /** Why a request is refused; undefined when it comes from Evento. */
  refuses(request: SignedRequest): string | undefined {
    this.reread();
    const token = request.headers.get("evento-identity");
    if (token === undefined || token === null) return "the header Evento-Identity is missing";
    const parts = token.split(".");
    const [head, claims] = [jsonOf(parts[0]), jsonOf(parts[1])];
    if (parts.length !== 3 || head === undefined || claims === undefined) return "Evento-Identity is no token";
    const key = head["alg"] === "EdDSA" ? this.keys.get(String(head["kid"])) : undefined;
    if (key === undefined) return "it is signed with an unknown key";
    const signed = Buffer.from(`${parts[0]}.${parts[1]}`);
    if (!verify(null, signed, key, Buffer.from(parts[2]!, "base64url"))) return "its signature is wrong";
    return this.claimsWrong(claims, request) ?? this.usedBefore(claims);
  }

  private claimsWrong(claims: Claims, { method, target, headers, body }: SignedRequest): string | undefined {
    const wanted: Claims = {
      iss: "evento",
      aud: `${method} ${target}`,
      call: headers.get("evento-call"),
      rev: headers.get("evento-revision"),
      att: Number(headers.get("evento-attempt") ?? 0),
      bh: createHash("sha256").update(body).digest("base64url"),
    };
    for (const [claim, value] of Object.entries(wanted)) {
      if (value === undefined || value === null || claims[claim] !== value)
        return `its claim ${claim} does not fit the request`;
    }
    const [from, to, now] = [Number(claims["iat"]) - SKEW, Number(claims["exp"]) + SKEW, this.now()];
    return now >= from && now <= to ? undefined : "its time is over, or has not begun";
  }

  private usedBefore(claims: Claims): string | undefined {
    const [call, now] = [String(claims["call"]), this.now()];
    for (const [old, until] of this.calls) {
      if (until > now && this.calls.size < CALLS_MAX) break;
      this.calls.delete(old);
    }
    if (this.calls.has(call)) return "the call was made before";
    this.calls.set(call, Number(claims["exp"]) + SKEW);
    return undefined;
  }

  private reread(): void {
    const { keys, file } = this.options;
    if (performance.now() - this.readAt < (file === undefined ? Infinity : REREAD_MS)) return;
    this.readAt = performance.now();
    const text = [keys ?? "", file === undefined ? "" : readFileSync(file, "utf8")].join(",");
    const entries = text.split(/[,\s]+/).filter((entry) => entry !== "");
    this.keys = new Map(entries.map(keyOf));
  }
}

function keyOf(entry: string): [string, KeyObject] {
  const [, id, x] = /^([^:]+):([A-Za-z0-9_-]{43})$/.exec(entry) ?? [];
  if (id === undefined || x === undefined) throw new TypeError("a key of EVENTO_IDENTITY_KEYS is not ID:BASE64URL");
  return [id, createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" })];
}

function jsonOf(part: string | undefined): Claims | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part ?? "", "base64url").toString());
    return typeof value === "object" && value !== null ? (value as Claims) : undefined;
  } catch {
    return undefined;
  }
}
