// An election: a lock whose holder, the leader, tells everybody a value. Who leads can be read and watched by all.

import { DbError, failure } from "../proto/errors.ts";
import type { KeyValue } from "../proto/model.ts";
import type { RequestOptions } from "./caller.ts";
import type { LeaseParts } from "./kept-lease.ts";
import type { Bytes } from "./key-values.ts";
import { type Lock, type LockOptions, takeLock } from "./lock.ts";
import { checkName, inOrder, type Place, type QueueName, readQueue, toPlace } from "./lock-queue.ts";
import { isAborted } from "./signals.ts";
import { type Comparison, transact } from "./transact-calls.ts";
import { toClientError } from "./unreachable-error.ts";
import { type WatchedEvent, watchKeys } from "./watch.ts";

/** Who leads, as others see it. */
export interface Leader {
  /** As campaigned with, or proclaimed since. */
  readonly value: Uint8Array;
  /** The fencing token of the leadership. */
  readonly token: number;
  /** At which the value was written. */
  readonly revision: number;
}

/** Of whoever has won, until it resigns. To be declared with `await using`. */
export class Leadership implements AsyncDisposable {
  readonly #parts: LeaseParts;
  readonly #lock: Lock;

  /** Of {@link Election.campaign}. */
  constructor(parts: LeaseParts, lock: Lock) {
    this.#parts = parts;
    this.#lock = lock;
  }

  /** The fencing token. Later leaders have higher ones. */
  get token(): number {
    return this.#lock.token;
  }

  /** As `lost` of {@link Lock}. */
  get lost(): AbortSignal {
    return this.#lock.lost;
  }

  /** As `isHeld` of {@link Lock}. */
  get isHeld(): boolean {
    return this.#lock.isHeld;
  }

  /** As `remainingMs` of {@link Lock}. */
  get remainingMs(): number {
    return this.#lock.remainingMs;
  }

  /** To be put into transactions: then what a former leader writes is refused. */
  fence(): readonly Comparison[] {
    return this.#lock.fence();
  }

  /** Tells everybody another value. @throws {DbError} `condition_failed`: somebody else leads, or nobody */
  async proclaim(value: Bytes, options: RequestOptions = {}): Promise<void> {
    const { group, name, key, lease } = this.#lock;
    const change = { comparisons: this.fence(), success: [{ group, put: { key, value, lease } }] };
    const { succeeded } = await transact(this.#parts.caller, change, options);
    if (succeeded) return;
    throw new DbError(failure("condition_failed", `The leadership of ${name} of ${group} has ended`, { group, key }));
  }

  /** As `release` of {@link Lock}. */
  resign(options: RequestOptions = {}): Promise<void> {
    return this.#lock.release(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#lock[Symbol.asyncDispose]();
  }
}

export class Election {
  readonly #parts: LeaseParts;
  readonly #queue: QueueName;

  /** Of `Client.election`. */
  constructor(parts: LeaseParts, queue: QueueName) {
    checkName(queue.name);
    this.#parts = parts;
    this.#queue = queue;
  }

  /** Waits until it leads. @throws {DbError} as `Client.lock` */
  async campaign(value: Bytes, options: LockOptions = {}): Promise<Leadership> {
    return new Leadership(this.#parts, await takeLock(this.#parts, { ...options, ...this.#queue, value }));
  }

  /** @returns null when nobody leads */
  async leader(options: RequestOptions = {}): Promise<Leader | null> {
    const { places } = await readQueue(this.#parts.caller, this.#queue, options);
    return toLeader(places);
  }

  /**
   * Who leads, now and after every change, until the loop is left, the signal aborted or the client closed; null: nobody. Resumes
   * by itself; leaders and values that were replaced before they could be told are left out.
   */
  async *observe({ signal }: Pick<RequestOptions, "signal"> = {}): AsyncGenerator<Leader | null, void> {
    let told: Leader | null | undefined;
    for await (const leader of this.#leaders(signal)) {
      if (told !== undefined && isSame(told, leader)) continue;
      told = leader;
      yield leader;
    }
  }

  async *#leaders(own: AbortSignal | undefined): AsyncGenerator<Leader | null, void> {
    const { endpoints } = this.#parts;
    endpoints.checkOpen();
    const signal = endpoints.orClosed(own);
    while (!isAborted(signal)) {
      try {
        yield* this.#follow(signal);
      } catch (reason) {
        // History was compacted before it could be read: the present state says who leads.
        if (!isAborted(signal) && toClientError(reason).code !== "compacted") throw reason;
      }
    }
  }

  async *#follow(signal: AbortSignal | undefined): AsyncGenerator<Leader | null, void> {
    const { group, name } = this.#queue;
    const { revision, places } = await readQueue(this.#parts.caller, this.#queue, { signal });
    const byKey = new Map(places.map((place) => [place.key, place]));
    yield toLeader(places);
    const options = { keys: { prefix: `${name}/` }, fromRevision: revision + 1, signal };
    for await (const notice of watchKeys(this.#parts, group, options)) {
      if (notice.type !== "events") continue;
      for (const event of notice.events) apply(byKey, name, event);
      yield toLeader(inOrder(byKey.values()));
    }
  }
}

function apply(byKey: Map<string, Place>, name: string, { type, keyValue }: WatchedEvent): void {
  const place = type === "put" ? toPlace(name, keyValue) : null;
  if (place === null) byKey.delete(new TextDecoder().decode(keyValue.key));
  else byKey.set(place.key, place);
}

function toLeader([first]: readonly Place[]): Leader | null {
  return first === undefined ? null : fromKeyValue(first.keyValue);
}

function fromKeyValue({ value, createRevision, modRevision }: KeyValue): Leader {
  return { value, token: createRevision, revision: modRevision };
}

function isSame(a: Leader | null, b: Leader | null): boolean {
  return a?.token === b?.token && a?.revision === b?.revision;
}
