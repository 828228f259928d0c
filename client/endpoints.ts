// The endpoints of a client: which one is asked now, the transport to each, made when it is first needed, and how many watches
// each has.

import { DbError, failure } from "../proto/errors.ts";
import { clientLimits } from "./limits.ts";
import type { Connect, Transport } from "./transport.ts";
import { UnreachableError } from "./unreachable-error.ts";
import { WatchPlaces } from "./watch-places.ts";

const endpointPattern = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})$/;

/** Begins with the first of the list and stays with an endpoint as long as it answers. */
export class Endpoints {
  readonly watchPlaces = new WatchPlaces();
  readonly #names: readonly string[];
  readonly #connect: Connect;
  readonly #transports = new Map<string, Promise<Transport>>();
  readonly #closed = new AbortController();
  #position = 0;

  /** @throws {DbError} `invalid_argument` unless there are 1 to 64 of the form `host:port` */
  constructor(names: readonly string[], connect: Connect) {
    if (names.length < 1 || names.length > clientLimits.endpointsMax) {
      throw refused(`There are ${names.length} endpoints, 1 to ${clientLimits.endpointsMax} are needed`);
    }
    for (const name of names) checkEndpoint(name);
    this.#names = names;
    this.#connect = connect;
  }

  get names(): readonly string[] {
    return this.#names;
  }

  get count(): number {
    return this.#names.length;
  }

  get current(): string {
    return this.#names[this.#position] ?? "";
  }

  get isClosed(): boolean {
    return this.#closed.signal.aborted;
  }

  /** @returns a signal that is aborted when `signal` is, and when the client is closed */
  orClosed(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#closed.signal : AbortSignal.any([this.#closed.signal, signal]);
  }

  /** @throws {UnreachableError} after {@link close} */
  checkOpen(): void {
    if (this.isClosed) throw closed(this.current);
  }

  /** @throws {UnreachableError} after {@link close} */
  transportTo(endpoint: string): Promise<Transport> {
    if (this.isClosed) return Promise.reject(closed(endpoint));
    const known = this.#transports.get(endpoint);
    if (known !== undefined) return known;
    const transport = this.#connect(endpoint);
    this.#transports.set(endpoint, transport);
    return transport;
  }

  /** Goes on to the next endpoint, unless another call has done so already. */
  leave(endpoint: string): void {
    if (this.current === endpoint) this.#position = (this.#position + 1) % this.#names.length;
  }

  async close(): Promise<void> {
    this.#closed.abort();
    const transports = await Promise.allSettled(this.#transports.values());
    for (const transport of transports) if (transport.status === "fulfilled") transport.value.close();
    this.#transports.clear();
  }
}

function checkEndpoint(name: string): void {
  const port = Number(endpointPattern.exec(name)?.[1]);
  if (port >= 1 && port <= 65_535) return;
  throw refused(`The endpoint ${JSON.stringify(name)} is not host:port, for example 127.0.0.1:7401`);
}

function closed(endpoint: string): UnreachableError {
  return new UnreachableError(endpoint, "the client is closed");
}

function refused(message: string): DbError {
  return new DbError(failure("invalid_argument", message, { field: "endpoints" }));
}
