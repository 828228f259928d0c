// Who is connected with whom: dials, back-off, cuts that are noticed late, and the `peerUp` and `peerDown` that follow.
// A pair of nodes has at most one connection, of both directions; a message in flight dies with it.

import type { NodeId } from "../../proto/ids.ts";
import type { Random } from "../../proto/random.ts";
import type { LinkOptions } from "./link-options.ts";
import type { Scheduler } from "./scheduler.ts";

/** Messages that wait for a dial to succeed; further ones are lost. */
const waitingMax = 256;

/** A dial that nothing answers is given up after this at the latest. */
const dialTimeoutMs = 5_000;

export interface ConnectionEvents {
  /** Both ends are alive when it is called. */
  changed(at: NodeId, peer: NodeId, isUp: boolean): void;
}

interface Pair {
  readonly ends: readonly [NodeId, NodeId];
  state: "down" | "dialling" | "up";
  /** Grows with each connection: what was sent over an older one is lost. */
  generation: number;
  /** What each end was told last. */
  readonly told: [boolean, boolean];
  waiting: { readonly from: NodeId; readonly run: () => void }[];
}

export interface ConnectionsOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly link: () => LinkOptions;
  readonly events: ConnectionEvents;
}

export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #pairs = new Map<string, Pair>();
  /** Nodes whose process runs, each with the peers it keeps connections to. */
  readonly #wanted = new Map<NodeId, ReadonlySet<NodeId>>();
  /** `from>to`: nothing gets from the one to the other. */
  readonly #blocked = new Set<string>();

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  isBlocked(from: NodeId, to: NodeId): boolean {
    return this.#blocked.has(`${from}>${to}`);
  }

  isUp(from: NodeId, to: NodeId): boolean {
    return this.#pair(from, to).state === "up";
  }

  /** Names the connection between the two for the life of a message. */
  generation(from: NodeId, to: NodeId): number {
    return this.#pair(from, to).generation;
  }

  /** The process of `node` has started: others may dial it again. A connection of its last start breaks now at the latest. */
  open(node: NodeId): void {
    this.#wanted.set(node, new Set());
    for (const pair of this.#pairs.values()) {
      if (!pair.ends.includes(node)) continue;
      if (pair.state === "up") this.#break(pair);
      else this.#dialAgain(pair);
    }
  }

  /** The process of `node` has ended: its connections break at once where the news can travel. */
  close(node: NodeId): void {
    this.#wanted.delete(node);
    for (const pair of this.#pairs.values()) {
      const side = pair.ends.indexOf(node);
      if (side < 0) continue;
      pair.told[side] = false;
      const other = pair.ends[1 - side] as NodeId;
      if (this.isBlocked(node, other)) this.#noticeCut(pair);
      else this.#break(pair);
    }
  }

  /** Keeps connections to exactly `peers`; connections that nobody wants stay until they break. */
  keep(node: NodeId, peers: readonly NodeId[]): void {
    this.#wanted.set(node, new Set(peers));
    for (const peer of peers) {
      const pair = this.#pair(node, peer);
      if (pair.state === "down") this.#dial(pair);
    }
  }

  /** Runs `run` once the two are connected, dialling if need be; never, when that fails or too much waits. */
  whenUp(from: NodeId, to: NodeId, run: () => void): void {
    const pair = this.#pair(from, to);
    if (pair.state === "up") {
      run();
      return;
    }
    if (pair.state === "down") this.#dial(pair);
    if (pair.waiting.length < waitingMax) pair.waiting.push({ from, run });
  }

  block(from: NodeId, to: NodeId): void {
    if (this.isBlocked(from, to)) return;
    this.#blocked.add(`${from}>${to}`);
    this.#noticeCut(this.#pair(from, to));
  }

  unblock(from: NodeId, to: NodeId): void {
    this.#blocked.delete(`${from}>${to}`);
  }

  unblockAll(): void {
    this.#blocked.clear();
  }

  #pair(left: NodeId, right: NodeId): Pair {
    const key = left < right ? `${left}|${right}` : `${right}|${left}`;
    const known = this.#pairs.get(key);
    if (known !== undefined) return known;
    const ends: [NodeId, NodeId] = left < right ? [left, right] : [right, left];
    const made: Pair = { ends, state: "down", generation: 0, told: [false, false], waiting: [] };
    this.#pairs.set(key, made);
    return made;
  }

  #canConnect({ ends: [left, right] }: Pair): boolean {
    if (!this.#wanted.has(left) || !this.#wanted.has(right)) return false;
    return !this.isBlocked(left, right) && !this.isBlocked(right, left);
  }

  #isWanted({ ends: [left, right] }: Pair): boolean {
    return this.#wanted.get(left)?.has(right) === true || this.#wanted.get(right)?.has(left) === true;
  }

  #dial(pair: Pair): void {
    const { scheduler, random, link } = this.#options;
    pair.state = "dialling";
    // Where nobody listens a dial is refused at once; where nothing gets through it has to time out.
    const isCut = this.isBlocked(...pair.ends) || this.isBlocked(pair.ends[1], pair.ends[0]);
    const dialMsMax = isCut ? Math.min(link().cutNoticeMsMax, dialTimeoutMs) : link().dialMsMax;
    scheduler.after(random.fraction() * dialMsMax, () => {
      if (pair.state !== "dialling") return;
      if (this.#canConnect(pair)) this.#connect(pair);
      else this.#dialFailed(pair);
    });
  }

  /** Whoever waits with something to send is told that the peer cannot be reached, although it never was up. */
  #dialFailed(pair: Pair): void {
    for (const { from } of pair.waiting) pair.told[pair.ends[0] === from ? 0 : 1] = true;
    this.#break(pair);
  }

  #connect(pair: Pair): void {
    pair.state = "up";
    pair.generation += 1;
    this.#tell(pair, 0, false);
    this.#tell(pair, 1, false);
    this.#tell(pair, 0, true);
    this.#tell(pair, 1, true);
    const waiting = pair.waiting;
    pair.waiting = [];
    for (const { run } of waiting) run();
  }

  #break(pair: Pair): void {
    pair.state = "down";
    pair.generation += 1;
    pair.waiting = [];
    this.#tell(pair, 0, false);
    this.#tell(pair, 1, false);
    this.#dialAgain(pair);
  }

  /** After a pause; a pair of which neither wants the other stays down. */
  #dialAgain(pair: Pair): void {
    if (pair.state !== "down" || !this.#isWanted(pair)) return;
    const { scheduler, random, link } = this.#options;
    const generation = pair.generation;
    scheduler.after(random.fraction() * link().redialMsMax, () => {
      if (pair.state === "down" && pair.generation === generation && this.#isWanted(pair)) this.#dial(pair);
    });
  }

  /** Breaks the connection after a while, unless the way is free again by then. */
  #noticeCut(pair: Pair): void {
    const { scheduler, random, link } = this.#options;
    const generation = pair.generation;
    scheduler.after(random.fraction() * link().cutNoticeMsMax, () => {
      const isStale = pair.state !== "up" || pair.generation !== generation;
      if (!isStale && !this.#canConnect(pair)) this.#break(pair);
    });
  }

  #tell(pair: Pair, side: 0 | 1, isUp: boolean): void {
    if (pair.told[side] === isUp) return;
    pair.told[side] = isUp;
    const at = pair.ends[side];
    const peer = pair.ends[1 - side] as NodeId;
    if (this.#wanted.has(at)) this.#options.events.changed(at, peer, isUp);
  }
}
