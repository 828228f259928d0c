// Readers of the status of a group: each follows one group through one node, begins with the state that there is, and when its
// stream ends goes on through another node behind the last state that it was given.

import { type GroupId, toLogIndex } from "../../../proto/ids.ts";
import type { Random } from "../../../proto/random.ts";
import type { GroupStatus, WatchGroupRequest, WatchMessage } from "../../../proto/requests.ts";
import type { SimNode } from "../sim-node.ts";
import type { World } from "../world.ts";

export interface ToldState {
  readonly index: number;
  readonly initial: boolean;
  readonly status: GroupStatus;
}

/** What one watcher was told, in order, over all its streams. */
export interface StatusLog {
  readonly group: GroupId;
  readonly states: ToldState[];
}

interface StatusWatchersOptions {
  readonly world: World;
  readonly groups: readonly GroupId[];
  readonly random: Random;
  readonly count: number;
}

const resumeMsMax = 500;
const slownessMsMax = 500;

export class StatusWatchers {
  readonly #options: StatusWatchersOptions;
  readonly logs: StatusLog[] = [];
  #isStopped = false;

  constructor(options: StatusWatchersOptions) {
    this.#options = options;
  }

  start(): void {
    const { count, groups, random } = this.#options;
    for (let watcher = 0; watcher < count; watcher++) {
      const log: StatusLog = { group: random.pick(groups), states: [] };
      this.logs.push(log);
      this.#resume(log, random.fork());
    }
  }

  stop(): void {
    this.#isStopped = true;
  }

  #resume(log: StatusLog, random: Random): void {
    const { world } = this.#options;
    world.scheduler.after(random.fraction() * resumeMsMax, () => {
      if (this.#isStopped) return;
      const node = random.pick(world.nodes);
      if (node.isRunning) this.#open(log, node, random);
      else this.#resume(log, random);
    });
  }

  #open(log: StatusLog, node: SimNode, random: Random): void {
    const { scheduler } = this.#options.world;
    const resume = () => this.#resume(log, random);
    const call = node.call(requestOf(log), 0, {
      reply: resume,
      lost: resume,
      watch: (message: WatchMessage) => {
        if (message.type === "canceled") resume();
        if (message.type !== "groupState") return;
        log.states.push({ index: message.revision, initial: message.initial, status: message.status });
        scheduler.after(random.chance(0.2) ? random.fraction() * slownessMsMax : 0, () => node.drained(call));
      },
    });
  }
}

function requestOf({ group, states }: StatusLog): WatchGroupRequest {
  const last = states.at(-1);
  const startIndex = last === undefined ? null : toLogIndex(last.index + 1);
  return {
    type: "watchGroup",
    group,
    startIndex,
    initial: last === undefined,
    includeProgress: false,
    progressIntervalMs: 0,
  };
}
