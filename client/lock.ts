// A lock: one holder at a time, in the order of asking, each with a fencing token that is higher than those before. It lives
// as long as its lease. A holder that is stopped for longer than that does not notice that it has lost it: the fence does.

import { DbError, failure } from "../proto/errors.ts";
import type { RequestOptions } from "./caller.ts";
import { grantKept, type KeptLease, type LeaseParts, parting } from "./kept-lease.ts";
import { get } from "./key-value-calls.ts";
import type { Bytes } from "./key-values.ts";
import { clientLimits } from "./limits.ts";
import { checkName, keyOfPlace, type Place, type QueueName, readQueue } from "./lock-queue.ts";
import { checkTime } from "./times.ts";
import { type Comparison, transact } from "./transact-calls.ts";
import { type ClientFailure, toClientError } from "./unreachable-error.ts";
import { watchKeys } from "./watch.ts";
import { watchesField } from "./watch-places.ts";

export interface LockOptions {
  /** How long the lock outlives a holder that dies: 1,000 to 86,400,000 ms; 10,000 by default. */
  readonly ttlMs?: number | undefined;
  /** Longest wait for its turn, that for its lease included: above 0, up to 86,400,000 ms; absent, or infinite: as long as it takes. */
  readonly waitMs?: number | undefined;
  /** Aborting it gives up the wait. */
  readonly signal?: AbortSignal | undefined;
}

interface Claim extends QueueName, LockOptions {
  /** Of the key, for others to see. */
  readonly value: Bytes;
}

/** Of a holder, until it releases the lock. To be declared with `await using`. */
export class Lock implements AsyncDisposable {
  readonly group: string;
  readonly name: string;
  /** Exists as long as the lock is held. */
  readonly key: string;
  /** The fencing token: the create revision of {@link key}. Whoever holds the lock later has a higher one. */
  readonly token: number;
  /** Of the lease that the lock lives by. */
  readonly lease: number;
  /**
   * Aborted when the lock is lost, or may be soon: as `lost` of {@link KeptLease}, and when its key was deleted, unless the
   * client has as many watches as it may. What the lock protects must stop then.
   */
  readonly lost: AbortSignal;
  readonly #lease: KeptLease;
  readonly #deleted = new AbortController();
  readonly #released = new AbortController();

  /** Of `Client.lock`. @param revision as of which it was held */
  constructor(parts: LeaseParts, { group, name }: QueueName, held: Turn) {
    const { lease, key, token, revision } = held;
    this.group = group;
    this.name = name;
    this.key = key;
    this.token = token;
    this.lease = lease.id;
    this.#lease = lease;
    this.lost = AbortSignal.any([lease.lost, this.#deleted.signal]);
    void this.#watchKey(parts, revision);
  }

  /** Neither lost nor released, by the clock: true the moment before a process is stopped, false the moment after. */
  get isHeld(): boolean {
    return this.#lease.isHeld && !this.lost.aborted;
  }

  /** How long nobody else gets it, unless it is revoked; 0 once it is known to be gone. */
  get remainingMs(): number {
    return this.#deleted.signal.aborted ? 0 : this.#lease.remainingMs;
  }

  /** To be put into transactions: then what a former holder writes is refused, however late it comes. */
  fence(): readonly Comparison[] {
    return [{ group: this.group, key: this.key, createRevision: this.token }];
  }

  /** The next one's turn. @throws {DbError} when it is not known whether it is released; it will be, by itself */
  async release(options: RequestOptions = {}): Promise<void> {
    this.#released.abort();
    await this.#lease.revoke(options);
  }

  /** Fails never: what could not be released is, when its lease ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#released.abort();
    await this.#lease[Symbol.asyncDispose]();
  }

  /** Notices at once when somebody deletes the key or ends the lease. Renewals and fences do not depend on it. */
  async #watchKey(parts: LeaseParts, revision: number): Promise<void> {
    const { group, key } = this;
    const signal = AbortSignal.any([this.#released.signal, this.#lease.lost]);
    let heldAt: number | null = revision;
    while (heldAt !== null && !signal.aborted) {
      try {
        const isDeleted = await hasVanished(parts, { group, key, revision: heldAt, signal });
        heldAt = isDeleted ? null : await this.#heldAt(parts, signal);
      } catch (reason) {
        if (isWithoutPlace(reason)) return;
        await parts.clock.sleep(parts.retry.backoffMsMax, signal);
      }
    }
    if (signal.aborted) return;
    const message = `The key ${key} of ${group}, which holds the lock, was deleted`;
    this.#deleted.abort(new DbError(failure("not_found", message, { group, key })));
  }

  /** @returns a revision at which the lock was held; null when it is not */
  async #heldAt({ caller }: LeaseParts, signal: AbortSignal): Promise<number | null> {
    const { header, keyValue } = await get(caller, this, { consistency: "linearizable", signal });
    return keyValue?.createRevision === this.token ? header.revision : null;
  }
}

/** What a claim has got. */
interface Turn {
  readonly lease: KeptLease;
  readonly key: string;
  readonly token: number;
  /** As of which nobody was before it. */
  readonly revision: number;
}

/**
 * Waits for the turn.
 *
 * @throws {DbError} `canceled`, `deadline` of `waitMs`, the reason of a lease that was lost meanwhile, `invalid_argument`,
 *   `overloaded` when the client has too many watches to wait with, or what the group refuses. Nothing is left behind, or what
 *   is ends with its lease.
 */
export async function takeLock(parts: LeaseParts, claim: Claim): Promise<Lock> {
  const { group, name, ttlMs = clientLimits.lockTtlMs, waitMs = Number.POSITIVE_INFINITY, signal } = claim;
  checkName(name);
  if (waitMs !== Number.POSITIVE_INFINITY) checkTime(waitMs, "waitMs");
  const untilMs = parts.clock.nowMs() + waitMs;
  const lease = await grantKept(parts, group, { ttlMs, signal, timeoutMs: Math.min(parts.timeoutMs, waitMs) });
  const waiting = new Wait(parts, claim, { lease, untilMs });
  try {
    return new Lock(parts, claim, await waiting.turn());
  } catch (reason) {
    await parting(parts, lease[Symbol.asyncDispose](), waitMs);
    throw waiting.whyEnded() ?? reason;
  } finally {
    waiting.end();
  }
}

/** One wait for a turn. */
class Wait {
  readonly #parts: LeaseParts;
  readonly #claim: Claim;
  readonly #lease: KeptLease;
  readonly #key: string;
  readonly #ended = new AbortController();
  readonly #timedOut = new AbortController();
  /** Aborted when there is nothing to wait for any more. */
  readonly #signal: AbortSignal;

  /** @param place.untilMs by the clock of the client; may be infinite */
  constructor(
    parts: LeaseParts,
    claim: Claim,
    { lease, untilMs }: { readonly lease: KeptLease; readonly untilMs: number },
  ) {
    const { signal } = claim;
    this.#parts = parts;
    this.#claim = claim;
    this.#lease = lease;
    this.#key = keyOfPlace(claim.name, lease.id);
    this.#signal = AbortSignal.any([lease.lost, this.#timedOut.signal, ...(signal === undefined ? [] : [signal])]);
    if (untilMs !== Number.POSITIVE_INFINITY) void this.#timeOut(untilMs - parts.clock.nowMs());
  }

  async turn(): Promise<Turn> {
    const { group } = this.#claim;
    const token = await this.#queueUp();
    for (;;) {
      const { revision, ahead } = await this.#look(token);
      this.#signal.throwIfAborted();
      if (ahead === null) return { lease: this.#lease, key: this.#key, token, revision };
      await hasVanished(this.#parts, { group, key: ahead.key, revision, signal: this.#signal });
      this.#signal.throwIfAborted();
    }
  }

  end(): void {
    this.#ended.abort();
  }

  /** @returns null unless something ended the wait */
  whyEnded(): Error | null {
    const { group, name, signal, waitMs } = this.#claim;
    if (this.#lease.lost.aborted) return toClientError(this.#lease.lost.reason);
    if (signal?.aborted === true) {
      return new DbError(failure("canceled", `The wait for ${name} of ${group} was given up`, { group }, "none"));
    }
    if (!this.#timedOut.signal.aborted) return null;
    return new DbError(failure("deadline", `${name} of ${group} was not free within ${waitMs} ms`, { group }, "none"));
  }

  /** @returns the token of this place in the queue */
  async #queueUp(): Promise<number> {
    const { group, value } = this.#claim;
    const key = this.#key;
    const { succeeded, results, revisions } = await transact(
      this.#parts.caller,
      {
        group,
        comparisons: [{ key, createRevision: 0 }],
        success: [{ put: { key, value, lease: this.#lease.id } }],
        failure: [{ get: { key } }],
      },
      { isIdempotent: true, signal: this.#signal },
    );
    const made = revisions.find((one) => one.group === group)?.revision;
    const [result] = results;
    const found = result !== undefined && "get" in result ? result.get.keyValue?.createRevision : undefined;
    const token = succeeded ? made : found;
    if (token === undefined) throw this.#isGone();
    return token;
  }

  /** Who is next before us. @throws {DbError} `not_found` when our own place is gone: who waited may have waited too long */
  async #look(token: number): Promise<{ readonly revision: number; readonly ahead: Place | null }> {
    const { revision, places } = await readQueue(this.#parts.caller, this.#claim, {
      keysOnly: true,
      signal: this.#signal,
    });
    const own = places.findIndex((place) => place.key === this.#key && place.token === token);
    if (own < 0) throw this.#isGone();
    return { revision, ahead: places[own - 1] ?? null };
  }

  #isGone(): DbError {
    const { group } = this.#claim;
    const message = `The place ${this.#key} in the queue of ${group} is gone`;
    return new DbError(failure("not_found", message, { group, key: this.#key }));
  }

  async #timeOut(leftMs: number): Promise<void> {
    await this.#parts.clock.sleep(leftMs, this.#ended.signal);
    if (!this.#ended.signal.aborted) this.#timedOut.abort();
  }
}

interface Vanishing {
  readonly group: string;
  readonly key: string;
  /** At which it was there. */
  readonly revision: number;
  readonly signal: AbortSignal;
}

/** Waits until a key is deleted. @returns false when that is not known: to be read again, or the wait was given up */
async function hasVanished(parts: LeaseParts, { group, key, revision, signal }: Vanishing): Promise<boolean> {
  const options = { keys: { key }, fromRevision: revision + 1, keysOnly: true, without: ["put"], signal } as const;
  try {
    for await (const notice of watchKeys(parts, group, options)) if (notice.type === "events") return true;
    return false;
  } catch (reason) {
    if (toClientError(reason).code === "compacted") return false;
    throw reason;
  }
}

/** Whether the client has as many watches as it may. */
function isWithoutPlace(reason: unknown): boolean {
  const { details }: ClientFailure = toClientError(reason);
  return details.field === watchesField;
}
