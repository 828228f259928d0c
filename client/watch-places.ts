// How many watches a client has open at each endpoint. A connection carries only so many streams; those beyond would wait without
// a word until others end.

import { DbError, failure } from "../proto/errors.ts";
import { clientLimits } from "./limits.ts";

/** Named by the failure of a watch for which this client has no place. */
export const watchesField = "watches";

export class WatchPlaces {
  /** Of endpoints that have any. */
  readonly #taken = new Map<string, number>();

  /** @returns gives the place back when it is disposed of @throws {DbError} `overloaded` when all are taken */
  take(endpoint: string): Disposable {
    const taken = this.#taken.get(endpoint) ?? 0;
    if (taken >= clientLimits.watchesMax) throw full(endpoint);
    this.#taken.set(endpoint, taken + 1);
    return { [Symbol.dispose]: () => this.#leave(endpoint) };
  }

  #leave(endpoint: string): void {
    const left = (this.#taken.get(endpoint) ?? 0) - 1;
    if (left > 0) this.#taken.set(endpoint, left);
    else this.#taken.delete(endpoint);
  }
}

function full(endpoint: string): DbError {
  const { watchesMax } = clientLimits;
  const message = `This client has ${watchesMax} watches at ${endpoint}, the most; a lock that it holds or waits for is one`;
  return new DbError(failure("overloaded", message, { field: watchesField }));
}
