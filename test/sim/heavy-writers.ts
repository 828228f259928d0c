// Clients that write as much as they are let: transactions that put many keys at one revision, and deletions of many keys.

import type { GroupId } from "../../proto/ids.ts";
import type { Random } from "../../proto/random.ts";
import type { GroupRequest, Reply } from "../../proto/requests.ts";
import type { World } from "../../server/simulation/world.ts";
import { bytesOf } from "../../storage/bytes.ts";

const thinkMsMean = 20;
const budgetMs = 1_000;
const putsMax = 40;
const deletionShare = 0.2;
/** Of each of two prefixes. */
const keys = 200;
const prefixes = ["a/", "b/"] as const;

export class HeavyWriters {
  /** That were acknowledged. */
  events = 0;
  readonly #world: World;
  readonly #group: GroupId;
  #isStopped = false;
  #lastValue = 0;

  constructor(world: World, group: GroupId) {
    this.#world = world;
    this.#group = group;
  }

  start(count: number, random: Random): void {
    for (let writer = 0; writer < count; writer++) this.#think(random.fork());
  }

  stop(): void {
    this.#isStopped = true;
  }

  #think(random: Random): void {
    const delayMs = -Math.log(1 - random.fraction()) * thinkMsMean;
    this.#world.scheduler.after(delayMs, () => {
      if (!this.#isStopped) this.#write(random);
    });
  }

  #write(random: Random): void {
    const node = random.pick(this.#world.nodes);
    if (!node.isRunning) return this.#think(random);
    const again = () => this.#think(random);
    node.call(random.chance(deletionShare) ? this.#deletion(random) : this.#transaction(random), budgetMs, {
      reply: (reply) => {
        this.events += eventsOf(reply);
        again();
      },
      watch: () => {},
      lost: again,
    });
  }

  #transaction(random: Random): GroupRequest {
    const group = this.#group;
    const prefix = random.pick(prefixes);
    const names = random.shuffle(Array.from({ length: keys }, (_, at) => `${prefix}${at}`));
    const success = names.slice(0, random.between(1, putsMax)).map((name) => {
      const value = bytesOf(`value-${++this.#lastValue}:`);
      return { type: "put", key: bytesOf(name), value, lease: 0, returnPrevious: false } as const;
    });
    return { type: "transact", group, parts: [{ group, comparisons: [], fence: null, success, failure: [] }] };
  }

  /** Of all keys that begin so. */
  #deletion(random: Random): GroupRequest {
    const start = `${random.pick(prefixes)}${random.between(1, keys / 10)}`;
    const span = { start: bytesOf(start), end: bytesOf(`${start}~`) };
    return { type: "delete", group: this.#group, span, ifModRevision: null, fence: null, returnPrevious: false };
  }
}

function eventsOf(reply: Reply): number {
  if (reply.type === "delete") return reply.deleted;
  return reply.type === "transact" ? (reply.parts[0]?.results.length ?? 0) : 0;
}
