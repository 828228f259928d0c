// Readers of watches: each follows one group through one node, is slow at times, and when its stream ends resumes through
// another node behind the last revision it was given.

import { type GroupId, type Revision, toRevision } from "../../../proto/ids.ts";
import type { Random } from "../../../proto/random.ts";
import type { KeyEvent, WatchMessage, WatchRequest } from "../../../proto/requests.ts";
import { emptyBytes } from "../../../storage/bytes.ts";
import type { SimNode } from "../sim-node.ts";
import type { World } from "../world.ts";

/** What one watcher was given, in order, over all its streams. */
export interface WatchLog {
  readonly group: GroupId;
  /** The first revision that it asked for. */
  readonly from: Revision;
  readonly events: KeyEvent[];
  /** Everything up to here was given. */
  through: Revision;
  /** Set when the watcher was told that revisions are gone. */
  compacted: boolean;
}

interface WatchersOptions {
  readonly world: World;
  readonly groups: readonly GroupId[];
  readonly random: Random;
  readonly count: number;
}

const resumeMsMax = 500;
const slownessMsMax = 100;

export class Watchers {
  readonly #options: WatchersOptions;
  readonly #logs: WatchLog[] = [];
  #isStopped = false;

  constructor(options: WatchersOptions) {
    this.#options = options;
  }

  get logs(): readonly WatchLog[] {
    return this.#logs;
  }

  start(): void {
    const { count, groups, random } = this.#options;
    for (let watcher = 0; watcher < count; watcher++) {
      const from = toRevision(2);
      const log: WatchLog = { group: random.pick(groups), from, events: [], through: toRevision(1), compacted: false };
      this.#logs.push(log);
      this.#resume(log, random.fork());
    }
  }

  stop(): void {
    this.#isStopped = true;
  }

  #resume(log: WatchLog, random: Random): void {
    const { world } = this.#options;
    world.scheduler.after(random.fraction() * resumeMsMax, () => {
      if (this.#isStopped || log.compacted) return;
      const node = random.pick(world.nodes);
      if (node.isRunning) this.#open(log, node, random);
      else this.#resume(log, random);
    });
  }

  #open(log: WatchLog, node: SimNode, random: Random): void {
    const { scheduler } = this.#options.world;
    const request = watchRequest(log.group, toRevision(log.through + 1));
    const call = node.call(request, 0, {
      reply: () => this.#resume(log, random),
      lost: () => this.#resume(log, random),
      watch: (message) => {
        take(log, message);
        if (message.type === "canceled") this.#resume(log, random);
        if (message.type !== "events") return;
        const slownessMs = random.chance(0.2) ? random.fraction() * slownessMsMax : 0;
        scheduler.after(slownessMs, () => node.drained(call));
      },
    });
  }
}

/** Puts and deletes of all keys from `startRevision` on. */
export function watchRequest(group: GroupId, startRevision: Revision): WatchRequest {
  const span = { start: emptyBytes, end: null };
  return {
    type: "watch",
    group,
    span,
    startRevision,
    puts: true,
    deletes: true,
    previousValues: true,
    progressIntervalMs: 0,
    initial: false,
    bufferBytesMax: 0,
  };
}

/** Adds what a message says to the log. */
export function take(log: WatchLog, message: WatchMessage): void {
  if (message.type === "compacted") log.compacted = true;
  if (message.type !== "events") return;
  for (const event of message.events) log.events.push(event);
  log.through = message.revision;
}
