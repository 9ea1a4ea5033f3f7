/**
 * A function behind a `fetch` interface: Bun, Deno, and whatever else hands over a Request and takes a Response.
 *
 * The server there keeps its own limits; those of the body and of the deadline are kept here.
 *
 * @module
 */
import { type Answer, type Call, type EndpointOptions, Endpoints, problem } from "./endpoints.js";
import type { EntityFunction } from "./entity.js";
import { BODY_BYTES_MAX } from "./manifest.js";
import { DEFAULTS } from "./run.js";

/** Answers requests for one or more entities. */
export function fetchHandler(
  functions: EntityFunction | readonly EntityFunction[],
  options: Partial<EndpointOptions> = {},
): (request: Request) => Promise<Response> {
  const list = "entity" in functions ? [functions] : functions;
  const endpoints = new Endpoints(list, { ...DEFAULTS, ...options });
  return async (request) => {
    const until = deadlineOf(request.headers.get("evento-timeout-ms"));
    const body = await bodyOf(request);
    const answer = body === undefined ? problem(413, "the request is too large") : endpoints.answer(callOf(request, body, until));
    return responseOf(answer ?? problem(503, "the time of the request is over"), request, endpoints.manifestDigest);
  };
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
