// Takes in the calls of clients and peers: checks them, answers what this node knows by itself, puts larger answers together,
// and leaves the rest to the router. Ends what nobody waits for.

import { failure } from "../../proto/errors.ts";
import { clusterGroup, type GroupId, type Millis, type NodeId, toMillis } from "../../proto/ids.ts";
import { isStream, type NodeSelf, type Reply, type Request } from "../../proto/requests.ts";
import type { AgentDesk } from "./agent-desk.ts";
import type { Call, Caller } from "./calls.ts";
import type { ClusterDatabase } from "./cluster-database.ts";
import { type Ask, askGroup, gatherCluster, gatherNode, type StatusView } from "./cluster-status.ts";
import { gatherDrain } from "./drain-node.ts";
import { failed, type TransactRequest } from "./group-replies.ts";
import { limits } from "./limits.ts";
import { earliest } from "./millis.ts";
import type { NodeStreams } from "./node-streams.ts";
import { mayHaveQuorum } from "./quorum-view.ts";
import { isCut, readCut } from "./read-cut.ts";
import { gatherClusterRecovery } from "./recover-cluster.ts";
import { gatherRecovery } from "./recover-group.ts";
import type { ResourceGroup } from "./resource-group.ts";
import type { Router } from "./router.ts";
import { isSameMark, type StreamMark } from "./stream-marks.ts";
import { validateRequest } from "./validate.ts";
import type { World } from "./world.ts";

/** What the desk asks of the node. */
export interface Knowledge {
  readonly database: ClusterDatabase;
  group(name: GroupId): ResourceGroup | null;
  /** Also one that takes part no more. */
  stored(name: GroupId): ResourceGroup | null;
  self(nowMs: Millis): NodeSelf;
  /** The agent that runs on this node. */
  readonly agents: AgentDesk;
  /** Watches of what is of no single group. */
  readonly streams: NodeStreams;
}

export class CallDesk {
  readonly #world: World;
  readonly #router: Router;
  readonly #node: Knowledge;
  /** Of the present step. */
  #nowMs: Millis = toMillis(0);

  constructor(world: World, router: Router, node: Knowledge) {
    this.#world = world;
    this.#router = router;
    this.#node = node;
  }

  /** A step begins. */
  stepBegins(nowMs: Millis): void {
    this.#nowMs = nowMs;
  }

  /** @param budgetMs time left to answer; streams have no end */
  open(caller: Caller, request: Request, budgetMs: number, nowMs: Millis): void {
    const budget = Math.min(budgetMs, limits.callBudgetMsMax);
    const call = this.#world.calls.open(caller, request, isStream(request) ? null : toMillis(nowMs + budget));
    if (call === null) return;
    const { departures } = this.#world;
    const isForOthers = caller.type === "peer" && request.type !== "nodeSelf";
    if (isForOthers && departures.isOwn) return this.#world.calls.answer(call.key, departures.refusal);
    const wrong = validateRequest(request);
    if (wrong === null) this.#dispatch(call, nowMs);
    else this.#world.calls.answer(call.key, failed(wrong));
  }

  /** A call of this node's own. */
  ask(request: Request, budgetMs: number, answer: (reply: Reply) => void): void {
    this.open({ type: "part", answer }, request, budgetMs, this.#nowMs);
  }

  cancel(caller: Caller): void {
    const call = this.#world.calls.find(caller);
    if (call !== null) this.#drop(call);
  }

  /** Calls that came from a node which is gone. */
  cancelFrom(peer: NodeId): void {
    for (const call of this.#world.calls.from(peer)) this.#drop(call);
  }

  /** The reader of a stream has room for its next message. */
  drained(caller: Caller, nowMs: Millis): void {
    const call = this.#world.calls.find(caller);
    if (call === null || this.#router.drained(call.key, nowMs)) return;
    if (isOfGroup(call.request)) this.#node.group(call.request.group)?.drained(call.key);
    else this.#node.streams.drained(call.key);
  }

  /** A repeated message, of events before the newest, makes no room: those may be lost, and others would hide it. */
  peerDrained(caller: Caller, read: StreamMark, nowMs: Millis): void {
    const call = this.#world.calls.find(caller);
    if (call === null || !isSameMark(call.inHand, read)) return;
    if (!this.#world.calls.streamRest(call)) this.drained(caller, nowMs);
  }

  deadline(nowMs: Millis): void {
    for (const call of this.#world.calls.takeExpired(nowMs)) {
      const reason = this.#router.expired(call);
      this.#router.forget(call.key);
      this.#world.calls.answer(call.key, failed(reason));
    }
    this.#router.deadline(nowMs);
  }

  deadlineMs(): Millis | null {
    return earliest(this.#world.calls.deadlineMs(), this.#router.deadlineMs());
  }

  #dispatch(call: Call, nowMs: Millis): void {
    const answer = (reply: Reply) => this.#world.calls.answer(call.key, reply);
    const { request } = call;
    const { state, index } = this.#node.database;
    switch (request.type) {
      case "directory":
        return answer({ type: "directory", nodes: state.nodes, groups: state.directory.groups });
      case "clusterEvents":
        return answer({ type: "clusterEvents", events: state.eventsAfter(request.after, request.limit), index });
      case "clusterStatus":
        return gatherCluster(this.#view(nowMs), this.#asker(), answer);
      case "nodeStatus":
        if (!state.directory.isNode(request.node)) return answer(unknownNode(request.node));
        return gatherNode(request.node, this.#view(nowMs), this.#asker(), answer);
      case "nodeSelf":
        if (request.node === this.#world.self) return answer({ type: "nodeSelf", self: this.#node.self(nowMs) });
        if (!state.directory.isNode(request.node)) return answer(unknownNode(request.node));
        return this.#router.route(call, nowMs);
      case "replicaStatus":
        if (request.node === this.#world.self) return answer(this.#replicaStatus(request.group, nowMs));
        if (!state.directory.isNode(request.node)) return answer(unknownNode(request.node));
        return this.#router.route(call, nowMs);
      case "recoverCluster": {
        const others = state.directory.nodes.filter((node) => this.#world.connected.has(node));
        const view = { state, others, survey: this.#asker(), change: this.#changer(call) };
        return gatherClusterRecovery(request, view, answer);
      }
      case "groupStatus":
        if (call.caller.type === "client") return this.#groupStatus(call, request.group);
        return this.#router.route(call, nowMs);
      case "reportResources":
        if (request.node !== this.#world.self) return answer(otherNode(request.node, this.#world.self));
        return this.#node.agents.report(request, this.#reporter(), answer, nowMs);
      case "awaitOwnership":
        if (request.node !== this.#world.self) return answer(otherNode(request.node, this.#world.self));
        return this.#node.agents.news.await(call, request);
      case "reportPerformance":
        if (request.sample.node !== this.#world.self) return answer(otherNode(request.sample.node, this.#world.self));
        return this.#node.agents.measured(request, answer, nowMs);
      case "reserve":
        if (request.node === this.#world.self) return this.#node.agents.allocations.reserve(call, request, nowMs);
        if (!state.directory.isNode(request.node)) return answer(unknownNode(request.node));
        return this.#router.route(call, nowMs);
      case "refoundCluster":
        if (request.node === this.#world.self) return this.#node.database.refound(call, request, nowMs);
        if (!state.directory.isNode(request.node)) return answer(unknownNode(request.node));
        return this.#router.route(call, nowMs);
      case "watchCluster":
        return this.#node.streams.watchCluster(call.key, request, nowMs);
      case "watchNodes": {
        const stranger = request.nodes.find((node) => !state.directory.isNode(node));
        if (stranger !== undefined) return answer(unknownNode(stranger));
        if (this.#node.streams.watchNodes(call.key, request, nowMs)) return;
        return this.#router.route(call, nowMs);
      }
      case "drainNode": {
        if (!state.directory.isNode(request.node)) return answer(unknownNode(request.node));
        const view = { state, index, survey: this.#asker(), foresee: this.#foreseer(), change: this.#changer(call) };
        return gatherDrain(request, view, answer);
      }
      case "recoverGroup":
        return gatherRecovery(request, { state, survey: this.#asker(), change: this.#changer(call) }, answer);
      case "transact":
        // One that came from another node takes locks.
        if (call.caller.type === "client" && isCut(request)) return this.#readCut(call, request);
        return this.#router.route(call, nowMs);
      default:
        return this.#router.route(call, nowMs);
    }
  }

  #groupStatus({ key, deadlineMs }: Call, group: GroupId): void {
    const leftMs = (deadlineMs ?? Number.POSITIVE_INFINITY) - this.#nowMs;
    const ask: Ask = (part, answer) => this.ask(part, leftMs, answer);
    const askManager: Ask = (part, answer) => this.ask(part, Math.min(limits.reportMs, leftMs / 2), answer);
    askGroup(group, ask, (reply) => this.#world.calls.answer(key, reply), askManager);
  }

  #readCut(call: Call, request: TransactRequest): void {
    const { key, deadlineMs } = call;
    const { calls } = this.#world;
    readCut(request, {
      ask: (part, answer) => this.ask(part, (deadlineMs ?? this.#nowMs) - this.#nowMs, answer),
      answer: (reply) => calls.answer(key, reply),
      takeLocks: () => {
        if (calls.get(key) !== null) this.#router.route(call, this.#nowMs);
      },
    });
  }

  #replicaStatus(group: GroupId, nowMs: Millis): Reply {
    const { self, isDoubtful } = this.#world;
    if (group === clusterGroup && !isDoubtful()) return { type: "replicaStatus", ...this.#node.database.held(nowMs) };
    const held = this.#node.stored(group);
    if (held !== null) {
      const hasQuorum = mayHaveQuorum(held, this.#world, nowMs);
      return { type: "replicaStatus", status: { ...held.status(nowMs), hasQuorum }, last: held.replica.status.last };
    }
    const why = isDoubtful()
      ? `${self} is in quarantine and holds nothing of ${group}`
      : `${self} has no replica of ${group}`;
    return failed(failure("condition_failed", why, { group, node: self }));
  }

  /** Asks for a part of a larger answer, here or elsewhere; some parts only when others have come, in a later step. */
  #asker(): Ask {
    return (request, answer) => this.ask(request, limits.fanOutMs, answer);
  }

  /** Asks one after the other for what can be done without: what is asked first must not cost the caller all of its time. */
  #foreseer(): Ask {
    let endMs: Millis | null = null;
    return (request, answer) => {
      endMs ??= toMillis(this.#nowMs + limits.foresightMs);
      this.ask(request, Math.max(1, endMs - this.#nowMs), answer);
    };
  }

  /** Asks for what an agent waits for, with all its other groups. */
  #reporter(): Ask {
    return (request, answer) => this.ask(request, limits.reportMs, answer);
  }

  /** Asks for what changes something, as long as whoever has called waits. */
  #changer(call: Call): Ask {
    return (request, answer) => {
      call.mayHaveHappened = true;
      const leftMs = (call.deadlineMs ?? Number.POSITIVE_INFINITY) - this.#nowMs;
      this.ask(request, Math.max(1, leftMs), answer);
    };
  }

  #view(nowMs: Millis): StatusView {
    const { state, leader } = this.#node.database;
    return { state, self: () => this.#node.self(nowMs), coordinator: leader, cluster: this.#world.cluster };
  }

  /** Nobody waits for the call any more. */
  #drop(call: Call): void {
    const { request, key } = call;
    if (isOfGroup(request)) this.#node.group(request.group)?.closeWatch(key);
    else if (isStream(request)) this.#node.streams.close(key);
    this.#router.forget(key);
    this.#world.calls.close(key);
  }
}

function isOfGroup(request: Request): request is Request & { readonly type: "watch" | "watchGroup" } {
  return request.type === "watch" || request.type === "watchGroup";
}

/** An agent speaks to its own node. */
function otherNode(node: NodeId, self: NodeId): Reply {
  const message = `The agent is of node ${node}, it must speak to that node: this is ${self}`;
  return failed(failure("invalid_argument", message, { node: self, field: "node" }));
}

function unknownNode(node: NodeId): Reply {
  return failed(failure("not_found", `There is no node ${node} in this cluster`, { node }));
}
