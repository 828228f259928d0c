// Reads of a group on one of its owners: at once what is applied here, or, of the leader, once it has confirmed that it leads.

import { failure } from "../../proto/errors.ts";
import type { Millis } from "../../proto/ids.ts";
import { answerRead, failed, type GroupReplica, headerOf, type ReadRequest } from "./group-replies.ts";
import { limits } from "./limits.ts";
import type { World } from "./world.ts";

export class GroupReads {
  readonly #world: World;
  readonly #replica: GroupReplica;
  /** Calls whose read is being confirmed, by the number under which the core knows it. */
  readonly #confirming = new Map<number, number>();
  #last = 0;

  constructor(world: World, replica: GroupReplica) {
    this.#world = world;
    this.#replica = replica;
  }

  /** @returns false when the leader has to serve it */
  read(key: number, request: ReadRequest, nowMs: Millis): boolean {
    if (request.consistency === "local") {
      this.#answer(key, request, true);
      return true;
    }
    if (this.#replica.status.role !== "leader") return false;
    if (this.#confirming.size >= limits.readsMax) {
      const message = `The group is confirming ${this.#confirming.size} reads, limit ${limits.readsMax}`;
      this.#world.calls.answer(key, failed(failure("overloaded", message, { group: request.group })));
      return true;
    }
    this.#last += 1;
    this.#confirming.set(this.#last, key);
    this.#replica.step({ type: "read", read: this.#last }, nowMs);
    return true;
  }

  readable(read: number): void {
    const key = this.take(read);
    const call = key === null ? null : this.#world.calls.get(key);
    if (call !== null) this.#answer(call.key, call.request as ReadRequest, false);
  }

  /** The call of a read that is not confirmed any more. */
  take(read: number): number | null {
    const key = this.#confirming.get(read) ?? null;
    this.#confirming.delete(read);
    return key;
  }

  /** The calls of all of them. */
  takeAll(): readonly number[] {
    const keys = [...this.#confirming.values()];
    this.#confirming.clear();
    return keys;
  }

  #answer(key: number, request: ReadRequest, stale: boolean): void {
    const header = headerOf(this.#replica.state, this.#world.self, stale);
    this.#world.calls.answer(key, answerRead(request, this.#replica.state, header));
  }
}
