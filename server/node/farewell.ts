// A planned stop, as far as others are concerned (H4): the node answers what it has taken, hands over what it leads to voters
// that are fit to lead, and parts from its peers. It asks for the ordinary handover and no more: a group in which nobody else
// is fit keeps its leader to the end.

import { type Millis, type NodeId, toMillis } from "../../proto/ids.ts";
import type { GroupKey } from "../../proto/model.ts";
import type { Reply, Request } from "../../proto/requests.ts";
import type { RaftInput, RaftStatus, Role } from "../raft/types.ts";
import { firstFit } from "./heirs.ts";
import { limits } from "./limits.ts";
import { isDue } from "./millis.ts";
import type { World } from "./world.ts";

/** A replica that may lead. */
export interface Bequest {
  readonly key: GroupKey;
  readonly role: Role;
  readonly status: RaftStatus;
  catchUp(): void;
  change(input: RaftInput, nowMs: Millis): string | null;
}

type Ask = (request: Request, budgetMs: number, answer: (reply: Reply) => void) => void;

export class Farewell {
  readonly #world: World;
  readonly #ask: Ask;
  #sinceMs: Millis | null = null;
  #nextMs: Millis | null = null;
  #isDone = false;
  /** Peers that were asked for a last answer, and whether it has come; they are members, so their number is bounded. */
  readonly #parting = new Map<NodeId, boolean>();
  /** Of those questions. */
  #open = 0;

  constructor(world: World, ask: Ask) {
    this.#world = world;
    this.#ask = ask;
  }

  begin(nowMs: Millis): void {
    if (this.#sinceMs !== null) return;
    this.#sinceMs = nowMs;
    this.#world.departures.begin();
    for (const peer of this.#world.connected) this.#tell(peer);
  }

  /** What was on its way over the connection before is lost. */
  peerUp(peer: NodeId): void {
    if (this.#sinceMs === null) return;
    this.#parting.delete(peer);
    this.#tell(peer);
  }

  /** All calls are answered, all peers have their answers and send no more; nothing is led that another could lead. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /**
   * After every step.
   *
   * @param replicas of this node: one a group
   * @returns those that leadership begins to leave now
   */
  settle<Held extends Bequest>(replicas: Iterable<Held>, nowMs: Millis): readonly Held[] {
    if (this.#sinceMs === null) return [];
    const isAnswering = this.#world.calls.unanswered > this.#open;
    // A transaction over several groups does not outlive a change of the manager: what is under way comes first.
    if (!isAnswering) this.#nextMs ??= nowMs;
    if (!isDue(this.deadlineMs(), nowMs)) return [];
    this.#nextMs = toMillis(nowMs + limits.farewellCheckMs);
    const led = [...replicas].filter((replica) => this.#hasHeir(replica, nowMs));
    if (led.length === 0 && !isAnswering) this.#part();
    return led.filter((replica) => this.#handOver(replica, nowMs));
  }

  deadlineMs(): Millis | null {
    return this.#sinceMs === null ? null : (this.#nextMs ?? toMillis(this.#sinceMs + limits.handOverPatienceMs));
  }

  /** At once: a write that is on its way when the connection ends has an unknown outcome. */
  #tell(peer: NodeId): void {
    this.#world.out.send(peer, { type: "forwardReply", call: noCall, reply: this.#world.departures.refusal });
  }

  /**
   * Messages between two nodes keep their order: a peer that answers now has all answers from before, has heard that this node
   * stops, and has sent nothing since that is not here.
   */
  #part(): void {
    const peers = [...this.#world.connected];
    for (const peer of peers) if (!this.#parting.has(peer)) this.#askOnceMore(peer);
    this.#isDone = peers.every((peer) => this.#parting.get(peer));
  }

  #askOnceMore(peer: NodeId): void {
    this.#parting.set(peer, false);
    this.#open += 1;
    this.#ask({ type: "nodeSelf", node: peer }, limits.farewellMs, () => {
      this.#open -= 1;
      this.#parting.set(peer, true);
    });
  }

  #hasHeir(replica: Bequest, nowMs: Millis): boolean {
    if (replica.role !== "leader") return false;
    replica.catchUp();
    return replica.status.heir !== null || this.#heirOf(replica, nowMs) !== null;
  }

  #heirOf({ status }: Bequest, nowMs: Millis): NodeId | null {
    const { self, departures } = this.#world;
    const others = status.membership.voters.filter(({ node }) => node !== self && !departures.isLeaving(node, nowMs));
    return firstFit(others, status, nowMs);
  }

  #handOver(replica: Bequest, nowMs: Millis): boolean {
    const to = replica.status.heir === null ? this.#heirOf(replica, nowMs) : null;
    if (to === null) return false;
    this.#world.out.note("info", "Hands leadership over", { group: replica.key.group, to, why: "this node stops" });
    replica.change({ type: "transfer", to }, nowMs);
    return true;
  }
}

/** No call has this number: the reply tells nothing but that its sender stops. */
const noCall = 0;
