// Readers of cluster events: each is told all of them from the first on, or what there is and then every later one, through one
// node after the other.

import { toLogIndex } from "../../../proto/ids.ts";
import type { ClusterEvent } from "../../../proto/model.ts";
import type { Random } from "../../../proto/random.ts";
import type { WatchClusterRequest, WatchMessage } from "../../../proto/requests.ts";
import type { World } from "../world.ts";
import { type Roving, RovingStream, type StreamReader } from "./roving-stream.ts";

export type EventStep =
  /** A stream began, and owes everything from `from` on. */
  | { readonly type: "stream"; readonly from: number }
  /** `initial`: what there was; everything up to `through` was told. */
  | {
      readonly type: "events";
      readonly initial: boolean;
      readonly events: readonly ClusterEvent[];
      readonly through: number;
    }
  | { readonly type: "bookmark"; readonly through: number };

/** What one reader was told, in order, over all its streams. */
export class EventLog implements StreamReader {
  /** Whether it asked for what there is first. */
  readonly initial: boolean;
  steps: EventStep[] = [];
  /** Everything up to here was told; 0: nothing yet. */
  through = 0;
  /** Set when it was told that events are gone. */
  isCompacted = false;
  readonly #progressIntervalMs: number;
  #hasBegun = false;

  constructor(initial: boolean, progressIntervalMs: number) {
    this.initial = initial;
    this.#progressIntervalMs = progressIntervalMs;
  }

  get events(): readonly ClusterEvent[] {
    return this.steps.flatMap((step) => (step.type === "events" ? step.events : []));
  }

  ask(): WatchClusterRequest {
    const initial = this.initial && !this.#hasBegun;
    const startIndex = initial ? null : toLogIndex(this.through + 1);
    return { type: "watchCluster", startIndex, initial, progressIntervalMs: this.#progressIntervalMs };
  }

  told(message: WatchMessage): void {
    if (message.type === "opened") {
      // A listing that broke counts nothing: what there is begins anew.
      if (!this.#hasBegun) this.steps = [];
      this.steps.push({ type: "stream", from: message.revision });
    } else if (message.type === "progress") {
      this.#reached(message.revision);
      this.steps.push({ type: "bookmark", through: message.revision });
    } else if (message.type === "clusterEvents") {
      const { initial, events, revision: through } = message;
      this.steps.push({ type: "events", initial, events, through });
      if (!initial || !message.more) this.#reached(through);
    } else if (message.type === "compacted") {
      this.isCompacted = true;
    }
  }

  #reached(through: number): void {
    this.through = through;
    this.#hasBegun = true;
  }
}

interface EventWatchersOptions {
  readonly world: World;
  readonly random: Random;
  readonly count: number;
}

const progressesMs = [0, 100, 500, 2_000];

export class EventWatchers {
  readonly #options: EventWatchersOptions;
  readonly logs: EventLog[] = [];
  #roving: Roving = "leaving";

  constructor(options: EventWatchersOptions) {
    this.#options = options;
  }

  start(): void {
    const { world, random, count } = this.#options;
    for (let watcher = 0; watcher < count; watcher++) {
      const log = new EventLog(random.chance(0.5), random.pick(progressesMs));
      this.logs.push(log);
      new RovingStream(world, random.fork(), { reader: log, roving: () => this.#roving }).start();
    }
  }

  stay(): void {
    this.#roving = "staying";
  }

  stop(): void {
    this.#roving = "stopped";
  }
}
