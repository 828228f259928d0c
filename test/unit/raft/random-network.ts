// The network of a random world: loses, repeats, delays and reorders packets, and is cut, in both ways or in one.

import type { NodeId } from "../../../proto/ids.ts";
import type { Random } from "../../../proto/random.ts";
import type { Packet } from "./disk-member.ts";
import { type Faults, noFaults } from "./random-faults.ts";

interface Flying extends Packet {
  readonly arrivesMs: number;
}

/** What does not get through between the two sides: anything, or only what goes to the one that is named first, or comes from it. */
export const cutWays = ["both", "to", "from"] as const;

interface Cut {
  readonly way: (typeof cutWays)[number];
  readonly side: ReadonlySet<NodeId>;
  /** null: all who are not on the side. */
  readonly others: ReadonlySet<NodeId> | null;
}

/** A straggler takes up to this. */
const stragglerMsMax = 600;

export class Network {
  readonly #random: Random;
  #faults: Faults;
  #flying: Flying[] = [];
  #cut: Cut | null = null;

  constructor(random: Random, faults: Faults) {
    this.#random = random;
    this.#faults = faults;
  }

  /** Instead of the cut before. @param others null: everybody else */
  cut(side: readonly NodeId[], way: Cut["way"], others: readonly NodeId[] | null = null): void {
    this.#cut = { side: new Set(side), way, others: others === null ? null : new Set(others) };
  }

  unite(): void {
    this.#cut = null;
  }

  /** What is under way goes on as it would have. */
  heal(): void {
    this.#faults = noFaults;
    this.unite();
  }

  send(packet: Packet, nowMs: number): void {
    if (this.#random.chance(this.#faults.loss) || this.#isCut(packet)) return;
    const copies = this.#random.chance(this.#faults.duplicate) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) this.#flying.push({ ...packet, arrivesMs: nowMs + this.#delayMs() });
  }

  /** Those that have arrived, in any order; what `isReading` denies waits on. */
  take(nowMs: number, isReading: (node: NodeId) => boolean): readonly Packet[] {
    const isDue = ({ arrivesMs, to }: Flying) => arrivesMs <= nowMs && isReading(to);
    const due = this.#flying.filter(isDue);
    this.#flying = this.#flying.filter((packet) => !isDue(packet));
    return this.#random.shuffle(due);
  }

  #isCut({ from, to }: Packet): boolean {
    if (this.#cut === null) return false;
    const { side, others, way } = this.#cut;
    const isOther = (node: NodeId) => (others === null ? !side.has(node) : others.has(node));
    const isOut = side.has(from) && isOther(to);
    const isIn = isOther(from) && side.has(to);
    return (isOut && way !== "to") || (isIn && way !== "from");
  }

  #delayMs(): number {
    const isStraggler = this.#random.chance(this.#faults.straggler);
    return this.#random.between(0, isStraggler ? stragglerMsMax : this.#faults.delayMs);
  }
}
