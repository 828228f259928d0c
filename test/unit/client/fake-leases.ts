// Leases of the fake cluster. Nothing ends by itself: a test ends a lease, holds answers back, or has nobody answer.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { DbError } from "../../../client/index.ts";
import { failure } from "../../../proto/errors.ts";
import type {
  GetLeaseRequest,
  GrantLeaseRequest,
  KeepAliveLeaseRequest,
  KeepAliveLeaseResponseSchema,
  ListLeasesRequest,
  RevokeLeaseRequest,
} from "../../../proto/gen/bailiwick/v1/lease_pb.ts";

/** What leases need of the cluster. */
export interface LeaseWorld {
  /** A call has reached a node. @throws when it is to be refused */
  readonly enter: (node: string, method: string) => void;
  readonly header: (node: string) => MessageInitShape<typeof KeepAliveLeaseResponseSchema>["header"] & object;
  readonly keysOf: (id: bigint) => readonly Uint8Array[];
  /** Deletes the keys of a lease that has ended, in one revision. @returns how many */
  readonly deleteKeysOf: (id: bigint) => number;
}

export class FakeLeases {
  /** `node id` of every renewal that reached a node. */
  readonly renewals: string[] = [];
  /** Streams of renewals that are open. */
  openStreams = 0;
  /** Grants, and then loses the answer, so many times. */
  losesGrants = 0;
  /** Says nothing to renewals, as a node that hangs. */
  isMute = false;
  readonly #ttls = new Map<bigint, number>();
  readonly #world: LeaseWorld;
  #answering: Promise<void> = Promise.resolve();

  constructor(world: LeaseWorld) {
    this.#world = world;
  }

  get ids(): readonly number[] {
    return [...this.#ttls.keys()].map(Number);
  }

  has(id: bigint): boolean {
    return this.#ttls.has(id);
  }

  /** As time or somebody else ends a lease. */
  end(id: number): void {
    this.#ttls.delete(BigInt(id));
    this.#world.deleteKeysOf(BigInt(id));
  }

  /** Answers to renewals wait until the returned function is called. */
  holdAnswers(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#answering = promise;
    return resolve;
  }

  handlersOf(node: string) {
    const { enter, header, keysOf, deleteKeysOf } = this.#world;
    return {
      grantLease: ({ ttlMs, id }: GrantLeaseRequest) => {
        enter(node, "grantLease");
        const given = id === 0n ? BigInt(this.#ttls.size + 1) : id;
        if (this.#ttls.has(given)) throw new DbError(failure("already_exists", `The lease ${given} exists`));
        this.#ttls.set(given, ttlMs);
        if (this.losesGrants > 0) {
          this.losesGrants -= 1;
          throw new DbError(failure("outcome_unknown", "The answer was lost"));
        }
        return { header: header(node), lease: this.#describe(given) };
      },
      revokeLease: ({ id }: RevokeLeaseRequest) => {
        enter(node, "revokeLease");
        this.#find(id);
        this.#ttls.delete(id);
        const deleted = BigInt(deleteKeysOf(id));
        return { header: header(node), deleted };
      },
      getLease: ({ id, keys }: GetLeaseRequest) => {
        enter(node, "getLease");
        this.#find(id);
        return { header: header(node), lease: this.#describe(id), keys: keys ? [...keysOf(id)] : [] };
      },
      listLeases: ({ limit, pageToken }: ListLeasesRequest) => {
        enter(node, "listLeases");
        const all = [...this.#ttls.keys()].sort((a, b) => Number(a - b));
        const first = Number(Buffer.from(pageToken).toString() || "0");
        const isLast = first + limit >= all.length;
        const nextPageToken = Buffer.from(isLast ? "" : `${first + limit}`);
        const leases = all.slice(first, first + limit).map((id) => this.#describe(id));
        return { header: header(node), leases, nextPageToken };
      },
      keepAliveLease: (requests: AsyncIterable<KeepAliveLeaseRequest>) => this.#renew(requests, node),
    };
  }

  async *#renew(
    requests: AsyncIterable<KeepAliveLeaseRequest>,
    node: string,
  ): AsyncGenerator<MessageInitShape<typeof KeepAliveLeaseResponseSchema>> {
    this.openStreams += 1;
    try {
      for await (const { id } of requests) {
        this.renewals.push(`${node} ${id}`);
        this.#world.enter(node, "keepAliveLease");
        await this.#answering;
        if (!this.isMute) yield { header: this.#world.header(node), id, ttlMs: this.#ttls.get(id) ?? 0 };
      }
    } finally {
      this.openStreams -= 1;
    }
  }

  #describe(id: bigint) {
    const ttlMs = this.#find(id);
    return { id, grantedTtlMs: ttlMs, ttlMs, keyCount: this.#world.keysOf(id).length };
  }

  #find(id: bigint): number {
    const ttlMs = this.#ttls.get(id);
    if (ttlMs !== undefined) return ttlMs;
    throw new DbError(failure("not_found", `There is no lease ${id}`, { group: "rg220", field: "lease" }));
  }
}
