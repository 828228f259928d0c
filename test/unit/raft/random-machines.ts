// What the members of a random world run on: each node has a clock that keeps its own time, a disk that may hang, and a process
// that may be busy.

import { type Millis, type NodeId, toMillis } from "../../../proto/ids.ts";
import type { Random } from "../../../proto/random.ts";

interface Machine {
  /** Milliseconds of its clock in one of the world's. */
  rate: number;
  /** At `sinceMs` of the world its clock showed `shownMs`. */
  sinceMs: number;
  shownMs: number;
  stuckUntilMs: number;
  busyUntilMs: number;
}

/** Others have long been elected by then. */
const holdUpMsMax = 1_500;
const clockAheadMsMax = 1_000;

export class Machines {
  readonly #random: Random;
  readonly #machines: ReadonlyMap<NodeId, Machine>;

  /** @param clockRates by which share the fastest clock may be ahead of the slowest */
  constructor(random: Random, nodes: readonly NodeId[], clockRates: number) {
    this.#random = random;
    const create = (): Machine => ({
      ...{ rate: 1 + random.fraction() * clockRates, sinceMs: 0, shownMs: random.between(0, clockAheadMsMax) },
      ...{ stuckUntilMs: 0, busyUntilMs: 0 },
    });
    this.#machines = new Map(nodes.map((node) => [node, create()]));
  }

  clock(node: NodeId, nowMs: number): Millis {
    const { rate, sinceMs, shownMs } = this.#of(node);
    return toMillis(shownMs + rate * (nowMs - sinceMs));
  }

  /** Its disk finishes nothing for a while. */
  stick(node: NodeId, nowMs: number): void {
    this.#of(node).stuckUntilMs = nowMs + this.#random.between(1, holdUpMsMax);
  }

  isStuck(node: NodeId, nowMs: number): boolean {
    return nowMs < this.#of(node).stuckUntilMs;
  }

  /** Its process comes to no timer and no socket of a peer for a while. */
  occupy(node: NodeId, nowMs: number): void {
    this.#of(node).busyUntilMs = nowMs + this.#random.between(1, holdUpMsMax);
  }

  isBusy(node: NodeId, nowMs: number): boolean {
    return nowMs < this.#of(node).busyUntilMs;
  }

  /** From now on all clocks run alike, and nothing holds anybody up. */
  heal(nowMs: number): void {
    for (const [node, machine] of this.#machines) {
      const shownMs = this.clock(node, nowMs);
      Object.assign(machine, { rate: 1, sinceMs: nowMs, shownMs, stuckUntilMs: 0, busyUntilMs: 0 });
    }
  }

  #of(node: NodeId): Machine {
    return this.#machines.get(node) as Machine;
  }
}
