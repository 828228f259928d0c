// A reader of a watch that leaves its stream again and again, whatever is on its way on it, and goes on through any node that
// runs, behind the last thing that it was given.

import assert from "node:assert/strict";
import { type GroupId, toRevision } from "../../proto/ids.ts";
import type { Random } from "../../proto/random.ts";
import type { WatchMessage } from "../../proto/requests.ts";
import type { SimNode } from "../../server/simulation/sim-node.ts";
import { requestOf, type WatchForm } from "../../server/simulation/workload/watch-forms.ts";
import { newWatchLog, take, type WatchLog } from "../../server/simulation/workload/watchers.ts";
import type { World } from "../../server/simulation/world.ts";

const streamMsMax = 3_000;
const awayMsMax = 300;
const slowShare = 0.2;

interface Stream {
  readonly node: SimNode;
  call: number;
  isOver: boolean;
}

export class LeavingReader {
  readonly log: WatchLog;
  /** Streams that came to an end, by this reader's will or not. */
  breaks = 0;
  readonly #world: World;
  readonly #random: Random;
  #isStaying = false;

  constructor(world: World, { group, form }: { readonly group: GroupId; readonly form: WatchForm }, random: Random) {
    this.#world = world;
    this.#random = random;
    this.log = newWatchLog(group, form);
  }

  start(): void {
    this.#come();
  }

  /** From now on a stream ends only by what befalls its nodes. */
  stay(): void {
    this.#isStaying = true;
  }

  #come(): void {
    this.#world.scheduler.after(this.#random.fraction() * awayMsMax, () => {
      const node = this.#random.pick(this.#world.nodes);
      if (node.isRunning) this.#open(node);
      else this.#come();
    });
  }

  #open(node: SimNode): void {
    const { group, form, existing, through } = this.log;
    const isAnew = form.initial && existing === null;
    const stream: Stream = { node, call: 0, isOver: false };
    stream.call = node.call(requestOf(group, form, isAnew ? null : toRevision(through + 1)), 0, {
      reply: () => this.#ended(stream),
      lost: () => this.#ended(stream),
      watch: (message) => this.#take(stream, message),
    });
    this.#world.scheduler.after(this.#random.fraction() * streamMsMax, () => this.#leave(stream));
  }

  #take(stream: Stream, message: WatchMessage): void {
    take(this.log, message);
    assert.equal(this.log.compacted, false, "history is kept for longer than any reader is away");
    if (message.type === "canceled") return this.#ended(stream);
    if (message.type !== "events" && message.type !== "initial") return;
    const slownessMs = this.#random.chance(slowShare) ? this.#random.fraction() * this.log.form.slownessMsMax : 0;
    this.#world.scheduler.after(slownessMs, () => stream.node.drained(stream.call));
  }

  #leave(stream: Stream): void {
    if (this.#isStaying || stream.isOver) return;
    stream.node.cancel(stream.call);
    this.#ended(stream);
  }

  #ended(stream: Stream): void {
    if (stream.isOver) return;
    stream.isOver = true;
    this.breaks += 1;
    this.#come();
  }
}
