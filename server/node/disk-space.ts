// Whether the disk of the data directory has room for writes of clients. Below the low watermark the node takes no more of
// them, so that what must go on still has room: replication, votes, verdicts, and the ways to make space.

import { type Failure, failure } from "../../proto/errors.ts";
import type { NodeId } from "../../proto/ids.ts";
import { plainRequest, type Request } from "../../proto/requests.ts";
import { growthOf } from "../../proto/transactions.ts";
import { limits } from "./limits.ts";

/** What a measurement has changed. */
export type SpaceChange = "low" | "enough";

/**
 * What adds to the disk for good. A deletion leaves one small row a key that exists, once, and a compaction takes rows
 * away: together they are how a group makes space, so they go on.
 */
const filling: ReadonlySet<Request["type"]> = new Set(["put", "configure", "createGroup", "grantLease", "openSession"]);

export class DiskSpace {
  readonly #self: NodeId;
  readonly #bytesMin: number;
  #freeBytes: number | null = null;
  #isLow = false;

  /** @param bytesMin the low watermark; 0 refuses nothing */
  constructor(self: NodeId, bytesMin: number) {
    this.#self = self;
    this.#bytesMin = bytesMin;
  }

  /** As last measured; null: not yet. */
  get freeBytes(): number | null {
    return this.#freeBytes;
  }

  /** Low below the watermark, and enough again only well above it: no flutter between the two. */
  measured(freeBytes: number): SpaceChange | null {
    this.#freeBytes = freeBytes;
    const wasLow = this.#isLow;
    this.#isLow = freeBytes < (wasLow ? this.#bytesToResume : this.#bytesMin);
    if (this.#isLow === wasLow) return null;
    return this.#isLow ? "low" : "enough";
  }

  /** For people: why clients' writes are refused; null: they are not. */
  get shortage(): string | null {
    if (!this.#isLow) return null;
    return (
      `The disk of ${this.#self} has ${this.#freeBytes} bytes free, limit ${this.#bytesMin}: ` +
      `writes are taken again from ${this.#bytesToResume} bytes on`
    );
  }

  /** @returns null when there is room for what the request writes, if anything */
  refusal(request: Request): Failure | null {
    const { shortage } = this;
    if (shortage === null || !fills(request)) return null;
    return failure("overloaded", shortage, { node: this.#self, ...("group" in request && { group: request.group }) });
  }

  get #bytesToResume(): number {
    return this.#bytesMin * limits.diskFreeResumeFactor;
  }
}

function fills(any: Request): boolean {
  const request = plainRequest(any);
  if (request.type === "prepare") return growthOf(request.part) > 0;
  return request.type === "transact" ? request.parts.some((part) => growthOf(part) > 0) : filling.has(request.type);
}
