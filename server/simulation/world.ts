// A whole cluster in one thread and virtual time: nodes, their disks, the network between them. Whoever holds a world
// starts and crashes nodes, cuts the network and calls the nodes; observers watch, and the audit hash folds it all in.

import { present } from "../../proto/assert.ts";
import type { ClusterId, NodeId } from "../../proto/ids.ts";
import type { PeerMessage } from "../../proto/messages.ts";
import { Random } from "../../proto/random.ts";
import type { Effect, NoteFields, Topic } from "../node/effects.ts";
import type { Input } from "../node/inputs.ts";
import { Audit } from "./audit.ts";
import type { Carry } from "./carry.ts";
import { Leaders } from "./leaders.ts";
import { Scheduler } from "./scheduler.ts";
import { type CrashKind, SimDisk } from "./sim-disk.ts";
import { SimNetwork } from "./sim-network.ts";
import { type Boot, type NodeEvents, SimNode } from "./sim-node.ts";

/** Watches a world and touches nothing. What it throws ends the run. */
export interface Observer {
  /** Something of the disk of a node that does not run is about to be damaged. */
  damaging?(node: NodeId): void;
  /** The start that follows has found the disk damaged, and holds nothing of what was on it. */
  setAside?(node: NodeId, reason: string): void;
  started?(node: NodeId, boot: number): void;
  crashed?(node: NodeId, kind: CrashKind): void;
  stepped?(node: NodeId, input: Input, effects: readonly Effect[]): void;
  noted?(node: NodeId, level: "info" | "warn", text: string, fields: NoteFields): void;
  /** The node stopped itself: a broken invariant, or a disk that failed. It may be started again. */
  failed?(node: NodeId, reason: Error): void;
  /** A message leaves its node, whatever becomes of it: what it promises must be durable now. */
  left?(from: NodeId, to: NodeId | Topic, message: PeerMessage): void;
}

export interface WorldOptions {
  readonly seed: number;
  readonly cluster: ClusterId;
  readonly nodes: readonly NodeId[];
  readonly boot: Boot;
  /** What a receiver is handed for an envelope; `(envelope) => envelope` hands over the sender's own object. */
  readonly carry: Carry;
}

export class World {
  readonly scheduler = new Scheduler();
  readonly network: SimNetwork;
  readonly audit = new Audit();
  readonly leaders = new Leaders();
  readonly #nodes = new Map<NodeId, SimNode>();
  readonly #observers: Observer[] = [this.leaders];

  constructor(options: WorldOptions) {
    const random = new Random(options.seed);
    this.network = new SimNetwork({
      scheduler: this.scheduler,
      random: random.fork(),
      cluster: options.cluster,
      carry: options.carry,
      onLeave: (from, to, message) => {
        for (const observer of this.#observers) observer.left?.(from, to, message);
      },
    });
    for (const node of options.nodes) this.#nodes.set(node, this.#createNode(node, random.fork(), options.boot));
  }

  get nowMs(): number {
    return this.scheduler.nowMs;
  }

  /** All nodes, running or not, in the order given. */
  get nodes(): readonly SimNode[] {
    return [...this.#nodes.values()];
  }

  node(node: NodeId): SimNode {
    return present(this.#nodes.get(node), `node ${node}`);
  }

  /** Observers are called in the order in which they came. */
  observe(observer: Observer): void {
    this.#observers.push(observer);
  }

  /** Damages the disk of a node that does not run. */
  damage<Result>({ node, disk }: SimNode, strike: (disk: SimDisk) => Result): Result {
    for (const observer of this.#observers) observer.damaging?.(node);
    disk.isRotten = true;
    return strike(disk);
  }

  runFor(durationMs: number): void {
    this.scheduler.runUntil(this.nowMs + durationMs);
  }

  #createNode(node: NodeId, random: Random, boot: Boot): SimNode {
    const { scheduler, network } = this;
    const disk = new SimDisk(scheduler, random.fork());
    return new SimNode({ node, scheduler, network, disk, random, boot, events: this.#events() });
  }

  #events(): NodeEvents {
    return {
      setAside: (node, reason) => {
        this.audit.fold(["set aside", node, reason, this.nowMs]);
        for (const observer of this.#observers) observer.setAside?.(node, reason);
      },
      started: (node, boot) => {
        this.audit.fold(["started", node, boot, this.nowMs]);
        for (const observer of this.#observers) observer.started?.(node, boot);
      },
      crashed: (node, kind) => {
        this.audit.fold(["crashed", node, kind, this.nowMs]);
        for (const observer of this.#observers) observer.crashed?.(node, kind);
      },
      stepped: (node, input, effects) => {
        this.audit.fold([node, this.nowMs, effects]);
        for (const observer of this.#observers) observer.stepped?.(node, input, effects);
      },
      noted: (node, level, text, fields) => {
        for (const observer of this.#observers) observer.noted?.(node, level, text, fields);
      },
      failed: (node, reason) => {
        this.audit.fold(["failed", node, reason.message, this.nowMs]);
        for (const observer of this.#observers) observer.failed?.(node, reason);
      },
    };
  }
}
