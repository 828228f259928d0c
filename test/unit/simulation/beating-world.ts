// A world whose nodes do one thing: every 100 ms of their clock each sends a message to all others and writes one row. What
// a fault does to nodes shows in what they hear, when they beat, and what they are started with.

import { type Millis, type NodeId, toBootNumber, toClusterId, toLogIndex, toNodeId } from "../../../proto/ids.ts";
import type { Effect } from "../../../server/node/effects.ts";
import type { StateMachine } from "../../../server/node/state-machine.ts";
import { type Observer, World } from "../../../server/simulation/world.ts";
import { bytesOf } from "../../../storage/bytes.ts";

const beatMs = 100;

export interface Heard {
  readonly atMs: number;
  readonly from: NodeId;
  readonly to: NodeId;
}

export class BeatingWorld {
  readonly world: World;
  readonly nodes: readonly NodeId[];
  readonly heard: Heard[] = [];
  readonly failures: string[] = [];
  readonly #beats: { readonly atMs: number; readonly node: NodeId }[] = [];
  readonly #wallOffsets: { readonly node: NodeId; readonly wallOffsetMs: number }[] = [];
  #starts = 0;

  constructor(seed: number, size: number) {
    this.nodes = Array.from({ length: size }, (_, position) => toNodeId(`n${position + 1}`));
    this.world = new World({
      seed,
      cluster: toClusterId("0"),
      nodes: this.nodes,
      carry: (envelope) => envelope,
      boot: ({ node, wallOffsetMs }) => {
        this.#wallOffsets.push({ node, wallOffsetMs });
        return { machine: beating(node, this.nodes), boot: toBootNumber(++this.#starts), damage: null };
      },
    });
    this.world.observe(this.#observer());
    for (const node of this.world.nodes) node.start();
    this.world.runFor(1_000);
  }

  /** Beats of each node in the last `durationMs`. */
  beats(durationMs: number): ReadonlyMap<NodeId, number> {
    const fromMs = this.world.nowMs - durationMs;
    const count = (node: NodeId) => this.#beats.filter((beat) => beat.node === node && beat.atMs > fromMs).length;
    return new Map(this.nodes.map((node) => [node, count(node)]));
  }

  /** `from>to` of all that arrived in the last `durationMs`. */
  ways(durationMs: number): ReadonlySet<string> {
    const fromMs = this.world.nowMs - durationMs;
    return new Set(this.heard.flatMap(({ atMs, from, to }) => (atMs > fromMs ? [`${from}>${to}`] : [])));
  }

  /** What the wall clock is ahead of the monotonic clock of each start of `node`, as it was told in turn. */
  wallOffsets(node: NodeId): readonly number[] {
    return this.#wallOffsets.filter((told) => told.node === node).map(({ wallOffsetMs }) => wallOffsetMs);
  }

  #observer(): Observer {
    return {
      stepped: (node, input) => {
        const atMs = this.world.nowMs;
        if (input.type === "deadline") this.#beats.push({ atMs, node });
        if (input.type === "peer") this.heard.push({ atMs, from: input.from, to: node });
        if (input.type === "wallClock") this.#wallOffsets.push({ node, wallOffsetMs: input.offsetMs });
      },
      failed: (node, reason) => this.failures.push(`${node}: ${reason.message}`),
    };
  }
}

function beating(self: NodeId, nodes: readonly NodeId[]): StateMachine {
  const peers = nodes.filter((node) => node !== self);
  let nextMs: number | null = null;
  let write = 0;
  return {
    step: (input, nowMs) => {
      if (input.type === "start") {
        nextMs = nowMs + beatMs;
        return [{ type: "network", peers, topics: [] }];
      }
      if (input.type !== "deadline" || nextMs === null || nowMs < nextMs) return [];
      nextMs = nowMs + beatMs;
      const operations = [{ type: "put", key: bytesOf("beats"), value: bytesOf(`${++write}`) } as const];
      const sends = peers.map((to): Effect => {
        return { type: "send", to, message: { type: "clusterPull", after: toLogIndex(write) }, after: null };
      });
      return [...sends, { type: "write", write, batch: { operations, hardStates: null, sync: true } }];
    },
    deadlineMs: () => nextMs as Millis | null,
  };
}
