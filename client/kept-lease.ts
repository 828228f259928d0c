// A lease that is kept alive. What is left of it is counted from when the last answered renewal was sent, by this client's
// clock, so that it is never believed in for longer than the group keeps it; it is given up while a reserve is left.

import { DbError, failure } from "../proto/errors.ts";
import type { Caller, ClientParts, RequestOptions } from "./caller.ts";
import { leaseField } from "./doubts.ts";
import { checkTtl, grantLease, type LeaseName, type NewLease, revokeLease } from "./lease-calls.ts";
import { clientLimits } from "./limits.ts";
import type { Renewed } from "./renewal-stream.ts";
import type { Renewals, Renewer } from "./renewals.ts";
import { decideRetry } from "./retry.ts";
import { isAborted } from "./signals.ts";
import { checkTime } from "./times.ts";
import { type ClientError, type ClientFailure, toClientError } from "./unreachable-error.ts";
import { within } from "./within.ts";

/** What leases, locks and elections of a client are made of. */
export interface LeaseParts extends ClientParts {
  readonly caller: Caller;
  readonly renewals: Renewals;
}

/** The end of a lease of which the group has said that it has ended. */
const over = Number.NEGATIVE_INFINITY;

/**
 * A lease that is renewed until it is revoked, left, lost, or its client is closed. To be declared with `await using`, which
 * revokes it, or, if that cannot be done, leaves it to end by itself.
 */
export class KeptLease implements AsyncDisposable {
  readonly group: string;
  readonly id: number;
  readonly ttlMs: number;
  readonly #parts: LeaseParts;
  readonly #renewer: Renewer;
  readonly #lost = new AbortController();
  /** Aborted when it is not kept any more, whatever the reason. */
  readonly #ended = new AbortController();
  /** The group keeps it until then at least. */
  #untilMs: number;
  #renewAtMs: number;
  /** Failed renewals since the last that was answered. */
  #failures = 0;
  #lastFailure: ClientError | null = null;
  #revoked: Promise<void> | null = null;
  #isLeft = false;

  /** Of `Client.lease` and `Client.keepLease`. @param renewed when and for how long it was granted or renewed */
  constructor(parts: LeaseParts, { group, id }: LeaseName, renewed: Renewed) {
    const { sentMs, ttlMs } = renewed;
    this.group = group;
    this.id = id;
    this.ttlMs = ttlMs;
    this.#parts = parts;
    this.#untilMs = sentMs + ttlMs;
    this.#renewAtMs = sentMs + ttlMs * clientLimits.leaseRenewalShare;
    this.#renewer = parts.renewals.join(group);
    this.#loseOnClose();
    void this.#keep();
    void this.#watchTime();
  }

  /**
   * Aborted when the lease has ended, or may end soon because nobody renews it: while a fifth of its time is left, for what
   * depends on it to stop. Its reason is a {@link DbError}: `not_found`, the group says that it has ended; `deadline`;
   * `canceled`, the client was closed. Never aborted once it is revoked or left.
   */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Neither lost nor given back, by the clock: true the moment before a process is stopped, false the moment after. */
  get isHeld(): boolean {
    return !this.#ended.signal.aborted && this.#usableMs() > 0;
  }

  /** What is left at least, unless somebody revokes it; 0 once it is known to have ended. */
  get remainingMs(): number {
    return Math.max(0, this.#untilMs - this.#parts.clock.nowMs());
  }

  /** Ends it, and deletes its keys. @throws {DbError} when it is not known that it has ended; it will, by itself */
  revoke(options: RequestOptions = {}): Promise<void> {
    this.#end();
    this.#revoked ??= this.#revoke(options).catch((reason: unknown) => {
      this.#revoked = null;
      throw reason;
    });
    return this.#revoked;
  }

  /** Keeps it no longer, and leaves it to end by itself, or to somebody else to keep. */
  leave(): void {
    this.#isLeft = true;
    this.#end();
  }

  /** Revokes it, unless it was left. Fails never: what could not be revoked ends by itself. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
    if (this.#isLeft || this.#untilMs === over || this.#parts.renewals.closed.aborted) return;
    const timeoutMs = Math.min(this.#parts.timeoutMs, this.#attemptMs + this.remainingMs);
    await this.revoke({ timeoutMs }).catch(() => {});
  }

  async #revoke(options: RequestOptions): Promise<void> {
    const { caller } = this.#parts;
    try {
      await revokeLease(caller, this, options);
    } catch (reason) {
      // A repeated call finds what the one before has done. A node that does not know the group says nothing of its leases.
      const { code, details }: ClientFailure = toClientError(reason);
      if (code !== "not_found" || details.field !== leaseField) throw reason;
    }
    this.#untilMs = over;
  }

  async #keep(): Promise<void> {
    const ended = this.#ended.signal;
    while (!ended.aborted) {
      await this.#parts.clock.sleep(Math.max(0, this.#renewAtMs - this.#parts.clock.nowMs()), ended);
      if (!ended.aborted) await this.#renew(ended);
    }
  }

  async #renew(signal: AbortSignal): Promise<void> {
    try {
      this.#confirm(await this.#renewer.renew(this.id, { timeoutMs: this.#attemptMs, signal }));
    } catch (reason) {
      this.#lastFailure = toClientError(reason);
      this.#failures += 1;
      this.#renewAtMs = this.#parts.clock.nowMs() + this.#pauseMs();
    }
  }

  #confirm({ sentMs, ttlMs }: Renewed): void {
    this.#failures = 0;
    if (ttlMs === 0) {
      this.#untilMs = over;
      return this.#lose(
        new DbError(failure("not_found", `The lease ${this.id} of ${this.group} has ended`, this.#details)),
      );
    }
    this.#untilMs = sentMs + ttlMs;
    this.#renewAtMs = sentMs + this.ttlMs * clientLimits.leaseRenewalShare;
  }

  /** Gives it up when its time is nearly over, whatever the renewals do. */
  async #watchTime(): Promise<void> {
    const ended = this.#ended.signal;
    while (!ended.aborted) {
      const leftMs = this.#usableMs();
      if (leftMs <= 0) return this.#lose(this.#unrenewed());
      await this.#parts.clock.sleep(leftMs, ended);
    }
  }

  #loseOnClose(): void {
    const { closed } = this.#parts.renewals;
    const lose = () => this.#lose(new DbError(failure("canceled", "The client was closed", this.#details, "none")));
    if (closed.aborted) lose();
    else closed.addEventListener("abort", lose, { signal: this.#ended.signal });
  }

  #lose(reason: DbError): void {
    if (this.#ended.signal.aborted) return;
    this.#end();
    this.#lost.abort(reason);
  }

  #end(): void {
    this.#ended.abort();
    this.#renewer[Symbol.dispose]();
  }

  #unrenewed(): DbError {
    const { id, group, ttlMs } = this;
    const why = this.#lastFailure === null ? "" : `: ${this.#lastFailure.message}`;
    const message = `The lease ${id} of ${group} was not renewed in time, of ${ttlMs} ms${why}`;
    return new DbError(failure("deadline", message, this.#details, "none"), this.#lastFailure ?? undefined);
  }

  get #details() {
    return { group: this.group };
  }

  /** Until it has to be given up. */
  #usableMs(): number {
    return this.#untilMs - this.ttlMs * clientLimits.leaseReserve - this.#parts.clock.nowMs();
  }

  /** For one renewal: a silent node must leave time to ask others. */
  get #attemptMs(): number {
    return Math.min(clientLimits.leaseAnswerMs, this.ttlMs / 4);
  }

  #pauseMs(): number {
    const { retry, random } = this.#parts;
    const doubledMs = retry.backoffMs * 2 ** Math.min(this.#failures - 1, 16);
    const fullMs = Math.min(retry.backoffMsMax, this.ttlMs / 10, doubledMs);
    return fullMs / 2 + (fullMs / 2) * random();
  }
}

/** What a lease to be kept takes. */
export type KeptLeaseOptions = Pick<NewLease, "ttlMs"> & RequestOptions;

/**
 * Grants a lease and keeps it. Its id is drawn here, so that a grant whose answer was lost can be repeated: the group then
 * says that it exists. Given up, it is revoked.
 */
export async function grantKept(
  parts: LeaseParts,
  group: string,
  { ttlMs, signal, timeoutMs = parts.timeoutMs }: KeptLeaseOptions,
): Promise<KeptLease> {
  const lease = { group, id: drawId(parts.random), ttlMs: checkTtl(ttlMs) };
  const sentMs = parts.clock.nowMs();
  const attempt = { lease, signal, deadlineMs: sentMs + checkTime(timeoutMs, "timeoutMs") };
  for (let mayExist = false; ; mayExist = true) {
    const outcome = await tryGrant(parts, attempt);
    if (outcome === null || (mayExist && outcome.code === "already_exists")) break;
    const isLast = outcome.effect === "none" || isAborted(signal) || parts.clock.nowMs() >= attempt.deadlineMs;
    if (isLast && (mayExist || outcome.effect === "unknown")) await parting(parts, giveBack(parts, lease), timeoutMs);
    if (isLast) throw outcome;
    await parts.clock.sleep(parts.retry.backoffMs, signal);
  }
  return new KeptLease(parts, lease, { sentMs, ttlMs });
}

interface GrantAttempt {
  readonly lease: LeaseName & NewLease;
  readonly signal: AbortSignal | undefined;
  readonly deadlineMs: number;
}

/** @returns null when it is granted */
async function tryGrant(
  { caller, clock }: LeaseParts,
  { lease, signal, deadlineMs }: GrantAttempt,
): Promise<ClientError | null> {
  try {
    await grantLease(caller, lease, { signal, timeoutMs: Math.max(1, deadlineMs - clock.nowMs()) });
    return null;
  } catch (reason) {
    return toClientError(reason);
  }
}

/** Keeps a lease that exists. @throws {DbError} `not_found` */
export async function keepExisting(parts: LeaseParts, lease: LeaseName, options: RequestOptions): Promise<KeptLease> {
  return new KeptLease(parts, lease, await renewLease(parts, lease, options));
}

/** Renews a lease once. @throws {DbError} `not_found` */
export async function renewLease(
  parts: LeaseParts,
  { group, id }: LeaseName,
  { timeoutMs = parts.timeoutMs, signal }: RequestOptions,
): Promise<Renewed> {
  const { clock, endpoints, retry, random } = parts;
  using renewer = parts.renewals.join(group);
  const deadlineMs = clock.nowMs() + checkTime(timeoutMs, "timeoutMs");
  for (let attempts = 1; ; attempts++) {
    const startMs = clock.nowMs();
    try {
      const answerMs = Math.max(1, Math.min(clientLimits.leaseAnswerMs, deadlineMs - startMs));
      const renewed = await renewer.renew(id, { timeoutMs: answerMs, signal });
      if (renewed.ttlMs > 0) return renewed;
      throw new DbError(failure("not_found", `There is no lease ${id} of ${group}`, { group }));
    } catch (reason) {
      const [nowMs, failed] = [clock.nowMs(), toClientError(reason)];
      const state = { isRead: true, attempts, endpoints: endpoints.count, attemptMs: nowMs - startMs };
      const decision = decideRetry(failed, { ...state, remainingMs: deadlineMs - nowMs, jitter: random() }, retry);
      if (decision.type === "fail" || isAborted(signal) || endpoints.isClosed) throw failed;
      await clock.sleep(decision.delayMs, endpoints.orClosed(signal));
    }
  }
}

/** What may have been granted and nobody will use. It ends by itself where this fails. */
async function giveBack(parts: LeaseParts, lease: LeaseName): Promise<void> {
  await revokeLease(parts.caller, lease, { timeoutMs: parts.timeoutMs }).catch(() => {});
}

/** Waits for what is given back as long as a node that answers takes, and no longer than the caller has waited. Fails never. */
export async function parting({ clock }: LeaseParts, givenBack: Promise<void>, timeoutMs: number): Promise<void> {
  const late = () => new DbError(failure("deadline", "What is given back was not in time"));
  const patience = { timeoutMs: Math.min(clientLimits.farewellMs, timeoutMs), clock, late };
  await within(givenBack, patience).catch(() => {});
}

/** 1 to 2^53 - 1: of so many that no two are drawn alike while both exist. */
function drawId(random: () => number): number {
  return 1 + Math.floor(random() * (Number.MAX_SAFE_INTEGER - 1));
}
