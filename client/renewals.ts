// What renews leases: one stream a group, shared by all its leases. It is opened when something is to be renewed, on the
// endpoint that the client uses, and closed when the last lease has left; when it breaks or is silent, the next renewal
// opens another, on the next endpoint. To try again is each lease's own business.

import { DbError, failure } from "../proto/errors.ts";
import { LeaseService } from "../proto/gen/bailiwick/v1/lease_pb.ts";
import type { ClientParts } from "./caller.ts";
import { RenewalStream, type Renewed } from "./renewal-stream.ts";

interface RenewalOptions {
  /** To open a stream, and then for an answer. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Whoever renews leases of a group. To be disposed of. */
export interface Renewer extends Disposable {
  /** @throws {DbError | UnreachableError} when the lease may or may not have been renewed; it may be asked again */
  readonly renew: (id: number, options: RenewalOptions) => Promise<Renewed>;
}

export class Renewals {
  readonly #parts: ClientParts;
  readonly #groups = new Map<string, GroupRenewals>();
  readonly #closed = new AbortController();

  constructor(parts: ClientParts) {
    this.#parts = parts;
  }

  /** Aborted when nothing is renewed any more. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  join(group: string): Renewer {
    const renewals = this.#groups.get(group) ?? new GroupRenewals(this.#parts, group);
    this.#groups.set(group, renewals);
    renewals.renewers += 1;
    let hasLeft = false;
    const leave = () => {
      if (hasLeft) return;
      hasLeft = true;
      renewals.renewers -= 1;
      if (renewals.renewers === 0) this.#end(group, renewals);
    };
    return { renew: (id, options) => renewals.renew(id, options), [Symbol.dispose]: leave };
  }

  close(): void {
    this.#closed.abort();
    for (const [group, renewals] of this.#groups) this.#end(group, renewals);
  }

  #end(group: string, renewals: GroupRenewals): void {
    if (this.#groups.get(group) === renewals) this.#groups.delete(group);
    renewals.close();
  }
}

class GroupRenewals {
  renewers = 0;
  readonly #parts: ClientParts;
  readonly #group: string;
  /** Of one that has not ended. */
  #stream: Promise<RenewalStream> | null = null;

  constructor(parts: ClientParts, group: string) {
    this.#parts = parts;
    this.#group = group;
  }

  async renew(id: number, options: RenewalOptions): Promise<Renewed> {
    this.#stream ??= this.#open(options.timeoutMs);
    const stream = await this.#stream;
    const answered = new AbortController();
    try {
      return await Promise.race([stream.renew(id), this.#silence(stream, options, answered.signal)]);
    } finally {
      answered.abort();
    }
  }

  close(): void {
    const closing = this.#stream;
    this.#stream = null;
    closing?.then(
      (stream) => stream.close(),
      () => {},
    );
  }

  #open(timeoutMs: number): Promise<RenewalStream> {
    const endpoint = this.#parts.endpoints.current;
    const broken = () => {
      if (this.#stream === opening) this.#stream = null;
      this.#parts.endpoints.leave(endpoint);
    };
    const opening = this.#connect(endpoint, { timeoutMs, broken });
    opening.catch(broken);
    return opening;
  }

  async #connect(
    endpoint: string,
    { timeoutMs, broken }: { readonly timeoutMs: number; readonly broken: () => void },
  ): Promise<RenewalStream> {
    const { clock, endpoints } = this.#parts;
    const transport = await endpoints.transportTo(endpoint);
    const stream = await transport.openStream(LeaseService.method.keepAliveLease, { timeoutMs });
    return new RenewalStream({ stream, endpoint, group: this.#group, nowMs: () => clock.nowMs(), broken });
  }

  /** Until the answer is there. @throws {DbError} when it does not come in time, which breaks the stream for all of its leases */
  async #silence(stream: RenewalStream, { timeoutMs, signal }: RenewalOptions, answered: AbortSignal): Promise<never> {
    const ended = signal === undefined ? answered : AbortSignal.any([answered, signal]);
    await this.#parts.clock.sleep(timeoutMs, ended);
    if (ended.aborted) throw new DbError(failure("canceled", "The renewal was given up"));
    throw stream.fail(failure("deadline", `${stream.endpoint} answered no renewal within ${Math.round(timeoutMs)} ms`));
  }
}
