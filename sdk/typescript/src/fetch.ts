/**
 * A function behind a `fetch` interface: Bun, Deno, and whatever else hands over a Request and takes a Response.
 *
 * The server there keeps its own limits; those of the body and of the deadline are kept here.
 *
 * @module
 */
import { type Answer, type Call, Endpoints, type Environment, optionsFrom, problem } from "./endpoints.js";
import type { EntityFunction } from "./entity.js";
import type { Verifier } from "./http/identity.js";
import { type About, BODY_BYTES_MAX } from "./manifest.js";

/** For {@link fetchHandler}. */
export interface FetchOptions extends About {
  /** Default: that of the process, where there is one. */
  readonly environment?: Environment | undefined;
}

/** Answers requests for one or more entities. Requests are believed only with Evento's signature when keys are set. */
export function fetchHandler(
  functions: EntityFunction | readonly EntityFunction[],
  options: FetchOptions = {},
): (request: Request) => Promise<Response> {
  const host = globalThis as { readonly process?: { readonly env?: Environment } };
  const environment = options.environment ?? host.process?.env ?? {};
  const endpoints = new Endpoints("entity" in functions ? [functions] : functions, optionsFrom(environment, options));
  const verifier = verifierFrom(environment);
  return async (request) => {
    const until = deadlineOf(request.headers.get("evento-timeout-ms"));
    const body = await bodyOf(request);
    if (body === undefined)
      return responseOf(problem(413, "the request is too large"), request, endpoints.manifestDigest);
    const target = new URL(request.url);
    const signed = { method: request.method, target: target.pathname + target.search, headers: request.headers, body };
    const refused = request.method === "POST" ? (await verifier)?.refuses(signed) : undefined;
    const answer =
      refused === undefined ? endpoints.answer(callOf(request, body, until)) : problem(401, "not from Evento", refused);
    return responseOf(answer ?? problem(503, "the time of the request is over"), request, endpoints.manifestDigest);
  };
}

/** Loaded only where keys are set: it needs `node:crypto`, which not every host has. */
async function verifierFrom(environment: Environment): Promise<Verifier | undefined> {
  if (!environment["EVENTO_IDENTITY_KEYS"] && !environment["EVENTO_IDENTITY_KEYS_FILE"]) return undefined;
  const { Verifier } = await import("./http/identity.js");
  return Verifier.fromEnvironment(environment);
}

function callOf(request: Request, body: Uint8Array, until: number): Call {
  return {
    method: request.method,
    path: new URL(request.url).pathname,
    header: (name) => request.headers.get(name) ?? undefined,
    body,
    isLate: () => performance.now() > until,
  };
}

/** When a request's time is over, on the clock of `performance`. */
export function deadlineOf(header: string | null | undefined): number {
  const millis = Number(header ?? NaN);
  return millis >= 0 ? performance.now() + millis : Infinity;
}

async function bodyOf(request: Request): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = request.body?.getReader();
  for (let part = await reader?.read(); part !== undefined && !part.done; part = await reader?.read()) {
    length += part.value.length;
    if (length > BODY_BYTES_MAX) return undefined;
    parts.push(part.value);
  }
  const body = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return body;
}

function responseOf(answer: Answer, request: Request, manifestDigest: string): Response {
  const headers = new Headers({ "content-type": answer.type, "evento-manifest": manifestDigest });
  const call = request.headers.get("evento-call");
  if (call !== null) headers.set("evento-call", call);
  if (answer.event !== undefined) headers.set("evento-event", answer.event);
  return new Response(answer.status === 204 ? null : answer.body.slice(), { status: answer.status, headers });
}
