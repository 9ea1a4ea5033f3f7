/**
 * Serves functions where Evento calls them: on a unix socket or a TCP port, until SIGTERM.
 *
 * @module
 */
import { rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import process from "node:process";

import { Endpoints, type Environment, optionsFrom } from "../endpoints.js";
import type { EntityFunction } from "../entity.js";
import type { About } from "../manifest.js";
import { Connection, type Shared } from "./connection.js";
import { Verifier } from "./identity.js";

/** Most connections at once; one beyond it is closed. Evento keeps at most 64 idle ones. */
const CONNECTIONS_MAX = 256;
/** How long connections stay open after the signal, so that what was sent before it still gets an answer. */
const LINGER_MS = 500;
/** After this the process ends, whatever is in flight. Evento kills after 5 s. */
const GRACE_MS = 4_500;

/** For {@link serve}. */
export interface ServeOptions extends About {
  /** `unix:/path` or `host:port`. Default: `EVENTO_LISTEN`, else `0.0.0.0:$PORT`, else `0.0.0.0:8080`. */
  readonly listen?: string | undefined;
  /** Default: that of the process. */
  readonly environment?: Environment | undefined;
}

/** A server that listens. */
export interface Serving {
  /** Where: as in {@link ServeOptions.listen}, with the port that was taken. */
  readonly address: string;
  /** Answers what is in flight, refuses the rest, closes. Done within 5 s. */
  stop(): Promise<void>;
}

/**
 * Serves one or more entities until SIGTERM or SIGINT; then ends the process with code 0.
 *
 * When the address cannot be listened on, it says so on stderr and ends the process with code 1.
 */
export function serve(functions: EntityFunction | readonly EntityFunction[], options: ServeOptions = {}): void {
  start(functions, options).then(
    (serving) => {
      const end = (): void => void serving.stop().then(() => process.exit(0));
      process.once("SIGTERM", end);
      process.once("SIGINT", end);
    },
    (error: unknown) => {
      console.error(`cannot serve: ${error instanceof Error ? error.message : String(error)}`);
      process.exit(1);
    },
  );
}

/** As {@link serve}, for programs that look after signals themselves. Rejects when nothing can be listened on. */
export async function start(
  functions: EntityFunction | readonly EntityFunction[],
  options: ServeOptions = {},
): Promise<Serving> {
  const environment = options.environment ?? process.env;
  const shared: Shared = {
    endpoints: new Endpoints("entity" in functions ? [functions] : functions, optionsFrom(environment, options)),
    verifier: Verifier.fromEnvironment(environment),
    isStopping: false,
    connections: new Set(),
    receivingBytes: 0,
  };
  const place = options.listen ?? environment["EVENTO_LISTEN"] ?? `0.0.0.0:${environment["PORT"] ?? "8080"}`;
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    if (shared.connections.size >= CONNECTIONS_MAX) socket.destroy();
    else new Connection(socket, shared);
  });
  const address = await listen(server, place);
  return { address, stop: () => stop(server, shared, place) };
}

function listen(server: Server, place: string): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(new Error(`listen on ${place}: ${error.message}`)));
    const done = (): void => {
      const taken = server.address();
      resolve(typeof taken === "object" && taken !== null ? `${hostOf(place)}:${taken.port}` : place);
    };
    if (place.startsWith("unix:")) {
      const path = place.slice("unix:".length);
      // A socket that an earlier process left behind.
      rmSync(path, { force: true });
      server.listen({ path, backlog: 512 }, done);
      return;
    }
    const port = Number(/:(\d+)$/.exec(place)?.[1] ?? NaN);
    if (!(port <= 0xffff)) return reject(new Error(`listen on ${place}: unix:/path or host:port is expected`));
    server.listen({ host: hostOf(place).replace(/^\[|\]$/g, ""), port, backlog: 512 }, done);
  });
}

function hostOf(place: string): string {
  return place.slice(0, place.lastIndexOf(":"));
}

/** Refuses what begins from now on, lets the rest finish, closes everything. */
async function stop(server: Server, shared: Shared, place: string): Promise<void> {
  shared.isStopping = true;
  for (const connection of shared.connections) connection.stop();
  // Nobody finds the socket any more; whoever had connected is still answered.
  if (place.startsWith("unix:")) rmSync(place.slice("unix:".length), { force: true });
  const began = performance.now();
  await pause(LINGER_MS);
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  while (performance.now() - began < GRACE_MS && [...shared.connections].some((connection) => !connection.isIdle)) {
    await pause(20);
  }
  for (const connection of shared.connections) connection.close();
  await Promise.race([closed, pause(200)]);
}

function pause(millis: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, millis));
}
