// A stream that is read through one node after the other: whenever it ends, or its reader leaves it, another node is asked to go
// on behind what was told so far.

import type { Random } from "../../../proto/random.ts";
import type { StreamRequest, WatchMessage } from "../../../proto/requests.ts";
import type { SimNode } from "../sim-node.ts";
import type { World } from "../world.ts";

const awayMsMax = 500;
const staysMsMax = 10_000;
const slowShare = 0.2;
const slownessMsMax = 500;

export interface StreamReader {
  /** What the next node is asked for. */
  ask(): StreamRequest;
  told(message: WatchMessage): void;
}

/** Nobody leaves a stream by itself any more, or nobody opens another one. */
export type Roving = "leaving" | "staying" | "stopped";

export class RovingStream {
  readonly #world: World;
  readonly #random: Random;
  readonly #reader: StreamReader;
  readonly #roving: () => Roving;

  constructor(world: World, random: Random, { reader, roving }: { reader: StreamReader; roving: () => Roving }) {
    this.#world = world;
    this.#random = random;
    this.#reader = reader;
    this.#roving = roving;
  }

  start(): void {
    this.#world.scheduler.after(this.#random.fraction() * awayMsMax, () => {
      if (this.#roving() === "stopped") return;
      const node = this.#random.pick(this.#world.nodes);
      if (node.isRunning) this.#open(node);
      else this.start();
    });
  }

  #open(node: SimNode): void {
    let isOver = false;
    const goOn = () => {
      if (!isOver) this.start();
      isOver = true;
    };
    const call = node.call(this.#reader.ask(), 0, {
      reply: goOn,
      lost: goOn,
      watch: (message) => {
        this.#reader.told(message);
        if (message.type === "canceled") goOn();
        else if (message.type === "compacted") isOver = true;
        else this.#world.scheduler.after(this.#slownessMs(), () => node.drained(call));
      },
    });
    this.#world.scheduler.after(this.#random.fraction() * staysMsMax, () => {
      if (isOver || this.#roving() !== "leaving") return;
      node.cancel(call);
      goOn();
    });
  }

  #slownessMs(): number {
    return this.#random.chance(slowShare) ? this.#random.fraction() * slownessMsMax : 0;
  }
}
