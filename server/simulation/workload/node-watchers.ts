// Readers of the statuses of nodes: each follows one node, or the sphere of whichever node it asks, and keeps what it is told last
// of each, through one node after the other.

import type { NodeId } from "../../../proto/ids.ts";
import type { Random } from "../../../proto/random.ts";
import type { NodeState, NodesPosition, WatchMessage, WatchNodesRequest } from "../../../proto/requests.ts";
import type { World } from "../world.ts";
import { type Roving, RovingStream, type StreamReader } from "./roving-stream.ts";

export type NodesStep =
  /** A stream began; `node` serves it, and tells of its own sphere where no other nodes are named. */
  | { readonly type: "stream"; readonly node: NodeId; readonly isResumed: boolean }
  /** `isAnew`: it stands for everything that was told before. */
  | {
      readonly type: "states";
      readonly initial: boolean;
      readonly isAnew: boolean;
      readonly nodes: readonly NodeState[];
      readonly departed: readonly NodeId[];
      /** Of the cluster's log: it tells who belongs to the sphere as of then. */
      readonly clusterIndex: number;
    };

/** What one reader was told, in order, over all its streams. */
export class NodesLog implements StreamReader {
  /** null: the sphere of the node that answers. */
  readonly wanted: NodeId | null;
  readonly steps: NodesStep[] = [];
  /** As it was told last of each. */
  readonly known = new Map<NodeId, NodeState>();
  /** Who serves the present stream; null: nobody has yet. */
  server: NodeId | null = null;
  readonly #progressIntervalMs: number;
  #position: NodesPosition | null = null;
  /** A listing is under way: it goes on with the next message. */
  #isListing = false;

  constructor(wanted: NodeId | null, progressIntervalMs: number) {
    this.wanted = wanted;
    this.#progressIntervalMs = progressIntervalMs;
  }

  ask(): WatchNodesRequest {
    const after = this.#position;
    const nodes = this.wanted === null ? [] : [this.wanted];
    return { type: "watchNodes", nodes, after, initial: after === null, progressIntervalMs: this.#progressIntervalMs };
  }

  told(message: WatchMessage): void {
    if (message.type === "opened") {
      this.server = message.header.node;
      this.#isListing = false;
      this.steps.push({ type: "stream", node: this.server, isResumed: this.#position !== null });
    } else if (message.type === "nodeStates") {
      this.#learn(message);
    }
  }

  #learn({ initial, more, nodes, departed, position }: WatchMessage & { readonly type: "nodeStates" }): void {
    const isAnew = initial && !this.#isListing;
    const { clusterIndex } = position;
    this.steps.push({ type: "states", initial, isAnew, nodes, departed, clusterIndex });
    if (isAnew) this.known.clear();
    for (const state of nodes) this.known.set(state.record.node, state);
    for (const node of departed) this.known.delete(node);
    this.#isListing = initial && more;
    if (!more) this.#position = position;
  }
}

interface NodeWatchersOptions {
  readonly world: World;
  readonly random: Random;
  readonly count: number;
}

const progressesMs = [0, 100, 500, 2_000];

export class NodeWatchers {
  readonly #options: NodeWatchersOptions;
  readonly logs: NodesLog[] = [];
  #roving: Roving = "leaving";

  constructor(options: NodeWatchersOptions) {
    this.#options = options;
  }

  start(): void {
    const { world, random, count } = this.#options;
    for (let watcher = 0; watcher < count; watcher++) {
      const wanted = random.chance(0.5) ? null : random.pick(world.nodes).node;
      const log = new NodesLog(wanted, random.pick(progressesMs));
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
