// Finds out who answers a call: this node's own replica, the group's leader, or some owner elsewhere. A call that came from
// another node is never passed on: the one hop is over (F1).

import { type Effect, type ErrorCode, type Failure, failure } from "../../proto/errors.ts";
import { clusterGroup, type GroupId, type Millis, type NodeId, toMillis } from "../../proto/ids.ts";
import type { PeerMessage } from "../../proto/messages.ts";
import {
  isOfAgents,
  isStream,
  type Reply,
  type Request,
  type StreamRequest,
  type WatchMessage,
} from "../../proto/requests.ts";
import type { TransactionId } from "../../proto/transactions.ts";
import type { Call } from "./calls.ts";
import { Deadlines } from "./deadlines.ts";
import { failed } from "./group-replies.ts";
import { isWrite } from "./is-write.ts";
import { limits } from "./limits.ts";
import { earliest, isDue } from "./millis.ts";
import { callsBefore, callsPerStart } from "./once.ts";
import { noQuorumFailure, type Quorate, unreachableFailure } from "./quorum-view.ts";
import { markOfPart, StreamReception } from "./stream-marks.ts";
import type { World } from "./world.ts";

/** A replica on this node that may serve a call or know who does. */
export interface LocalGroup extends Quorate {
  /** @returns false when the leader has to serve it */
  serve(call: Call, nowMs: Millis): boolean;
}

/** What the router asks of the node. */
export interface RoutingTable {
  /** Null when this node has no replica of the group that takes part. */
  local(group: GroupId): LocalGroup | null;
  /** Owners, or voters of the cluster group; null for an unknown group. */
  ownersOf(group: GroupId): readonly NodeId[] | null;
  /** Nodes that have all of these in their sphere. */
  holdersOf(nodes: readonly NodeId[]): readonly NodeId[];
}

interface Forwarded {
  readonly key: number;
  readonly to: NodeId;
  /** Kept back until there is a connection to the peer: nothing has been sent. null: sent. */
  waiting: Request | null;
  /** Of a stream: what it has brought so far. */
  readonly reception: StreamReception;
  /** When the peer was last heard on it. */
  heardMs: Millis;
}

/** Answers of an owner that say: not me, try another. Nothing has happened then. */
const elsewhere: ReadonlySet<ErrorCode> = new Set(["not_leader", "no_leader", "stopping", "quarantined"]);

export class Router {
  readonly #world: World;
  readonly #table: RoutingTable;
  /** Calls that wait for their group to have a leader, and since when. */
  readonly #parked = new Map<GroupId, Map<number, Millis>>();
  readonly #forwarded = new Map<number, Forwarded>();
  readonly #forwardOf = new Map<number, number>();
  #lastForward: number;
  /** Of groups that this node does not own: who was named as the leader, or answered after another could not. */
  readonly #hints = new Map<GroupId, NodeId>();
  /** Who let a call expire, here or there, since it last answered otherwise, the longest ago first: tried after all others. */
  readonly #silent = new Set<NodeId>();
  #parkedCheckMs: Millis | null = null;
  #streamCheckMs: Millis | null = null;
  /** Calls that could not be sent to any owner yet, and since when. */
  readonly #stranded = new Map<number, Millis>();
  #strandedCheckMs: Millis | null = null;
  /** Calls that are tried again after a pause. */
  readonly #pauses = new Deadlines<number>();

  constructor(world: World, table: RoutingTable) {
    this.#world = world;
    this.#table = table;
    this.#lastForward = callsBefore(world.boot);
  }

  /**
   * A node without its memory may have the number of a start that was before: its calls must not be taken for that start's.
   * Their numbers go on somewhere in the upper half of a start's.
   */
  renumber(): void {
    const { boot, random } = this.#world;
    this.#lastForward = callsBefore(boot) + random.between(callsPerStart / 2, callsPerStart - callsPerStart / 8);
  }

  /** Calls under way at other nodes. */
  get forwardedCount(): number {
    return this.#forwarded.size;
  }

  /** Whether the call is under way elsewhere, or waits here for a leader, a connection or another attempt. */
  holds(key: number): boolean {
    return (
      this.#forwardOf.has(key) || this.#pauses.has(key) || [...this.#parked.values()].some((keys) => keys.has(key))
    );
  }

  route(call: Call, nowMs: Millis): void {
    if (isOfNode(call.request)) return this.#forward(call, call.request.node, nowMs);
    const group = groupOf(call.request);
    const local = call.request.type === "watchNodes" ? null : this.#table.local(group);
    if (local !== null) this.#routeLocally(call, group, local, nowMs);
    else if (call.caller.type === "peer") this.#refuse(call, group);
    else this.#forwardToOwner(call, group, nowMs);
  }

  /** The group has a leader again, or another one: what waited is routed anew. */
  leaderChanged(group: GroupId, nowMs: Millis): void {
    const keys = this.#parked.get(group);
    this.#parked.delete(group);
    for (const key of keys?.keys() ?? []) this.#again(key, nowMs);
  }

  /** This node stops: nobody waits here for a leader who can ask elsewhere. */
  stopping(nowMs: Millis): void {
    for (const group of [...this.#parked.keys()]) this.leaderChanged(group, nowMs);
  }

  reroute(keys: readonly number[], nowMs: Millis): void {
    for (const key of keys) this.#again(key, nowMs);
  }

  replied(from: NodeId, number: number, reply: Reply, nowMs: Millis): void {
    this.#world.departures.heard(from, reply, nowMs);
    const hasExpired = reply.type === "failed" && reply.failure.code === "deadline";
    if (!hasExpired) this.#silent.delete(from);
    const forward = this.#ended(from, number);
    const call = forward === null ? null : this.#world.calls.get(forward.key);
    if (call === null) return;
    if (hasExpired) this.#fellSilent(from, groupOf(call.request));
    if (reply.type !== "failed" && call.tries > 0) this.#hints.set(groupOf(call.request), from);
    if (reply.type === "failed" && this.#isElsewhere(call, reply.failure)) this.#tryNext(call, reply.failure, nowMs);
    else this.#world.calls.answer(call.key, reply);
  }

  streamed(from: NodeId, message: PeerMessage & { readonly type: "forwardWatch" }, nowMs: Millis): void {
    const forward = this.#forwarded.get(message.call);
    if (forward === undefined || forward.to !== from) {
      this.#world.out.send(from, { type: "forwardCancel", call: message.call });
      return;
    }
    const whole = forward.reception.collect(message);
    const isTaken = whole !== null && (message.more || forward.reception.takes(whole));
    // What follows an opening that was lost does not count: such a stream has to be opened anew.
    if (forward.reception.isOpen) forward.heardMs = nowMs;
    if (!isTaken) return;
    if (message.more) this.#partTaken(forward, message);
    else this.#told(forward, whole, message.call, nowMs);
  }

  /** What is still to come of the message is asked for. */
  #partTaken(forward: Forwarded, part: PeerMessage & { readonly type: "forwardWatch" }): void {
    const mark = markOfPart(part);
    const { partsBytes } = forward.reception;
    if (partsBytes > limits.watchRevisionBytesMax) this.#giveUp(forward.key, tooLargeToTell(partsBytes, forward.to));
    else if (mark !== null) this.#world.out.send(forward.to, { type: "forwardDrained", call: part.call, ...mark });
  }

  /** A stream has brought a message, whole and in order. */
  #told(forward: Forwarded, message: WatchMessage, number: number, nowMs: Millis): void {
    const isEnd = message.type === "canceled" || message.type === "compacted";
    if (isEnd) this.#ended(forward.to, number);
    const call = this.#world.calls.get(forward.key);
    const refusal = message.type === "canceled" ? message.failure : null;
    if (call !== null && refusal !== null && this.#isElsewhere(call, refusal) && !call.mayHaveHappened) {
      this.#tryNext(call, refusal, nowMs);
      return;
    }
    // For a stream: it has begun, so the client itself has to resume it.
    if (call !== null) call.mayHaveHappened = true;
    if (message.type !== "progress" || wantsProgress(call)) this.#world.calls.stream(forward.key, message);
  }

  /** The reader of a stream has room; tells the node that serves it. @returns false when it is served here */
  drained(key: number, nowMs: Millis): boolean {
    const number = this.#forwardOf.get(key);
    const forward = number === undefined ? undefined : this.#forwarded.get(number);
    if (number === undefined || forward === undefined) return false;
    forward.reception.isUnread = false;
    forward.heardMs = nowMs;
    this.#world.out.send(forward.to, { type: "forwardDrained", call: number, ...forward.reception.mark });
    return true;
  }

  /** The caller is gone, or was answered for another reason. */
  forget(key: number): void {
    this.#pauses.delete(key);
    this.#stranded.delete(key);
    for (const [group, keys] of this.#parked) if (keys.delete(key) && keys.size === 0) this.#parked.delete(group);
    const number = this.#forwardOf.get(key);
    const forward = number === undefined ? undefined : this.#forwarded.get(number);
    if (number === undefined || forward === undefined) return;
    this.#world.out.send(forward.to, { type: "forwardCancel", call: number });
    this.#ended(forward.to, number);
  }

  /** What waited for a connection to `node` is sent. */
  peerUp(node: NodeId, nowMs: Millis): void {
    this.#world.departures.forget(node);
    for (const [number, forward] of [...this.#forwarded]) {
      if (forward.to !== node || forward.waiting === null) continue;
      const call = this.#world.calls.get(forward.key);
      if (call !== null) this.#send(call, number, forward, forward.waiting, nowMs);
    }
  }

  /** Calls that were under way at `node` are tried elsewhere where that is harmless. */
  peerDown(node: NodeId, nowMs: Millis): void {
    this.#world.departures.forget(node);
    for (const [group, hint] of [...this.#hints]) if (hint === node) this.#hints.delete(group);
    for (const [number, forward] of [...this.#forwarded]) {
      if (forward.to !== node) continue;
      this.#ended(node, number);
      const call = this.#world.calls.get(forward.key);
      if (call !== null) this.#lost(call, forward, nowMs);
    }
  }

  deadline(nowMs: Millis): void {
    for (const key of this.#pauses.takeDue(nowMs)) this.#again(key, nowMs);
    this.#checkStreams(nowMs);
    this.#checkStranded(nowMs);
    if (!isDue(this.#parkedCheckMs, nowMs)) return;
    for (const [group, keys] of this.#parked) {
      this.#failWithoutQuorum(group, keys, nowMs);
      this.#sendBack(group, keys, nowMs);
    }
    this.#parkedCheckMs = this.#parked.size === 0 ? null : toMillis(nowMs + limits.parkedCheckMs);
  }

  deadlineMs(): Millis | null {
    return earliest(this.#pauses.next(), this.#parkedCheckMs, this.#streamCheckMs, this.#strandedCheckMs);
  }

  /** What to tell a caller whose time is up. */
  expired(call: Call): Failure {
    const group = groupOf(call.request);
    const number = this.#forwardOf.get(call.key);
    const forward = number === undefined ? undefined : this.#forwarded.get(number);
    if (forward !== undefined) this.#fellSilent(forward.to, group);
    if (call.heldBy !== null) return heldFailure(group, call.heldBy);
    if (call.refusal !== null && !call.mayHaveHappened) return call.refusal;
    const effect = call.mayHaveHappened ? "unknown" : "none";
    if (call.awaits !== null) return awaitedFailure(group, call.awaits, effect);
    const where =
      forward === undefined ? `The group ${group} did not answer` : `${forward.to}, asked for ${group}, did not answer`;
    return failure("deadline", `${where} in time`, { group }, effect);
  }

  #routeLocally(call: Call, group: GroupId, local: LocalGroup, nowMs: Millis): void {
    if (local.serve(call, nowMs)) {
      this.#stranded.delete(call.key);
      return;
    }
    const { leader } = local;
    if (leader === null || leader === this.#world.self) this.#park(call, group, local, nowMs);
    else if (call.caller.type === "peer") {
      const message = `${this.#world.self} does not manage ${group}`;
      this.#world.calls.answer(call.key, failed(failure("not_leader", message, { group, leader })));
    } else this.#forward(call, leader, nowMs);
  }

  #park(call: Call, group: GroupId, local: LocalGroup, nowMs: Millis): void {
    const { departures } = this.#world;
    if (call.caller.type === "peer" && departures.isOwn) {
      this.#world.calls.answer(call.key, departures.refusal);
      return;
    }
    const hopeless = noQuorumFailure(group, local, this.#world, nowMs);
    if (hopeless !== null) {
      this.#world.calls.answer(call.key, failed(hopeless));
      return;
    }
    this.#stranded.delete(call.key);
    const keys = this.#parked.get(group) ?? new Map<number, Millis>();
    keys.set(call.key, nowMs);
    this.#parked.set(group, keys);
    this.#parkedCheckMs ??= toMillis(nowMs + limits.parkedCheckMs);
  }

  #failWithoutQuorum(group: GroupId, keys: ReadonlyMap<number, Millis>, nowMs: Millis): void {
    const local = this.#table.local(group);
    const hopeless = local === null ? null : noQuorumFailure(group, local, this.#world, nowMs);
    if (hopeless === null) return;
    this.#parked.delete(group);
    for (const key of keys.keys()) this.#world.calls.answer(key, failed(hopeless));
  }

  /** This owner may be the one that the leader is not known to: the node that asked is to try another while there is time. */
  #sendBack(group: GroupId, keys: Map<number, Millis>, nowMs: Millis): void {
    for (const [key, sinceMs] of [...keys]) {
      if (nowMs < sinceMs + limits.noQuorumGraceMs || this.#world.calls.get(key)?.caller.type !== "peer") continue;
      keys.delete(key);
      const message = `${this.#world.self} knows of no manager of ${group}`;
      this.#world.calls.answer(key, failed(failure("no_leader", message, { group })));
    }
    if (keys.size === 0) this.#parked.delete(group);
  }

  #refuse(call: Call, group: GroupId): void {
    const message = `${this.#world.self} has no replica of ${group}`;
    this.#world.calls.answer(call.key, failed(failure("not_leader", message, { group })));
  }

  #forwardToOwner(call: Call, group: GroupId, nowMs: Millis): void {
    const owners = this.#candidates(call.request);
    if (owners === null) {
      const message = `There is no group ${group} in this cluster`;
      this.#world.calls.answer(call.key, failed(failure("not_found", message, { group })));
      return;
    }
    const candidates = this.#inOrder(group, owners, nowMs);
    const target = candidates[call.tries % Math.max(1, candidates.length)];
    if (target !== undefined) this.#forward(call, target, nowMs);
    else this.#pause(call, nowMs);
  }

  /** The one that answered last, then those with an open connection, then the rest; those that fell silent or stop come last. */
  #inOrder(group: GroupId, owners: readonly NodeId[], nowMs: Millis): readonly NodeId[] {
    const others = owners.filter((owner) => owner !== this.#world.self);
    const hint = this.#hints.get(group);
    const silent = [...this.#silent];
    const rank = (node: NodeId) => {
      if (this.#world.departures.isLeaving(node, nowMs)) return 3 + silent.length;
      if (silent.includes(node)) return 3 + silent.indexOf(node);
      return node === hint ? 0 : this.#world.connected.has(node) ? 1 : 2;
    };
    return others.toSorted((left, right) => rank(left) - rank(right));
  }

  #fellSilent(node: NodeId, group: GroupId): void {
    if (this.#hints.get(group) === node) this.#hints.delete(group);
    this.#silent.delete(node);
    this.#silent.add(node);
  }

  #forward(call: Call, to: NodeId, nowMs: Millis): void {
    // It would refuse the call, or end before it could: the wait is for another leader, or for its next start.
    const isRefused = call.request.type !== "nodeSelf" && this.#world.departures.isLeaving(to, nowMs);
    if (isRefused) return this.#pause(call, nowMs);
    const forwardsMax = limits.forwardsMax + (isOfAgents(call.request) ? limits.agentCallsMax : 0);
    if (this.#forwarded.size >= forwardsMax) {
      const message = `The node has ${this.#forwarded.size} calls under way at other nodes, limit ${forwardsMax}`;
      this.#world.calls.answer(call.key, failed(failure("overloaded", message)));
      return;
    }
    this.#lastForward += 1;
    const number = this.#lastForward;
    const { request } = call;
    const asked = isStream(request) ? withProgress(request) : request;
    const reception = new StreamReception();
    const forward: Forwarded = { key: call.key, to, waiting: asked, reception, heardMs: nowMs };
    this.#forwarded.set(number, forward);
    this.#forwardOf.set(call.key, number);
    if (isStream(request)) this.#streamCheckMs ??= toMillis(nowMs + limits.watchSilenceMs);
    if (this.#world.connected.has(to)) this.#send(call, number, forward, asked, nowMs);
    else this.#knock(call, number, forward, nowMs);
  }

  #send(call: Call, number: number, forward: Forwarded, request: Request, nowMs: Millis): void {
    forward.waiting = null;
    forward.heardMs = nowMs;
    this.#stranded.delete(call.key);
    call.mayHaveHappened = isWrite(call.request);
    const budgetMs = call.deadlineMs === null ? limits.callBudgetMsMax : Math.max(1, call.deadlineMs - nowMs);
    this.#world.out.send(forward.to, { type: "forward", call: number, budgetMs, request });
  }

  /** Has the peer dialled by sending what harms nobody; the call itself stays here, where its fate is known. */
  #knock(call: Call, number: number, { to }: Forwarded, nowMs: Millis): void {
    this.#world.out.send(to, { type: "forwardCancel", call: number });
    if (!this.#stranded.has(call.key)) this.#stranded.set(call.key, nowMs);
    this.#strandedCheckMs ??= toMillis(nowMs + limits.parkedCheckMs);
  }

  /** Calls that wait for a connection: another owner may have one by now, or none is to be reached at all. */
  #checkStranded(nowMs: Millis): void {
    if (!isDue(this.#strandedCheckMs, nowMs)) return;
    for (const [key, sinceMs] of [...this.#stranded]) {
      const call = this.#world.calls.get(key);
      if (call === null) this.#stranded.delete(key);
      else this.#rescue(call, sinceMs, nowMs);
    }
    this.#strandedCheckMs = this.#stranded.size === 0 ? null : toMillis(nowMs + limits.parkedCheckMs);
  }

  #rescue(call: Call, sinceMs: Millis, nowMs: Millis): void {
    const { request, key, refusal } = call;
    if (isOfNode(request)) return;
    if (refusal !== null) {
      if (nowMs >= sinceMs + limits.knockMs) this.#giveUp(key, refusal);
      return;
    }
    const group = groupOf(request);
    const owners = this.#candidates(request) ?? [];
    const number = this.#forwardOf.get(key);
    const forward = number === undefined ? undefined : this.#forwarded.get(number);
    if (owners.some((owner) => this.#world.connected.has(owner))) {
      if (number === undefined || forward === undefined) return;
      this.#ended(forward.to, number);
      call.tries = this.#inOrder(group, owners, nowMs).findIndex((owner) => this.#world.connected.has(owner));
      this.#again(key, nowMs);
    } else if (nowMs >= sinceMs + limits.noQuorumGraceMs) {
      this.#giveUp(key, unreachableFailure(group, owners));
    }
  }

  #giveUp(key: number, reason: Failure): void {
    this.forget(key);
    this.#world.calls.answer(key, failed(reason));
  }

  /** A message of a stream may be lost, and then nothing else would ever come: silence ends it, and it is resumed. */
  #checkStreams(nowMs: Millis): void {
    if (!isDue(this.#streamCheckMs, nowMs)) return;
    let streams = 0;
    for (const [number, forward] of [...this.#forwarded]) {
      const call = this.#world.calls.get(forward.key);
      if (call === null || !isStream(call.request)) continue;
      streams += 1;
      if (forward.reception.isUnread || nowMs < forward.heardMs + limits.watchSilenceMs) continue;
      this.#world.out.send(forward.to, { type: "forwardCancel", call: number });
      this.#ended(forward.to, number);
      this.#lost(call, forward, nowMs);
    }
    this.#streamCheckMs = streams === 0 ? null : toMillis(nowMs + limits.watchProgressMs);
  }

  /**
   * An owner without a quorum may be cut off alone: the others that can be reached are asked too, and then it is believed.
   * What it says of another group, as who coordinates a transaction, is no word about its own.
   */
  #isElsewhere(call: Call, reason: Failure): boolean {
    if (elsewhere.has(reason.code)) return true;
    if (reason.code !== "no_quorum" || reason.details.group !== groupOf(call.request)) return false;
    const owners = this.#candidates(call.request)?.length ?? 0;
    return call.tries + 1 < owners;
  }

  /** `reason`: why the owner that was asked cannot serve; it may name who can. */
  #tryNext(call: Call, reason: Failure, nowMs: Millis): void {
    const group = groupOf(call.request);
    call.mayHaveHappened = false;
    if (reason.code === "no_quorum") call.refusal = reason;
    const leader = reason.details.leader as NodeId | undefined;
    call.tries += 1;
    if (leader === undefined) this.#hints.delete(group);
    else this.#hints.set(group, leader);
    const isNews = leader !== undefined && leader !== this.#world.self && call.tries <= 2;
    if (isNews) this.#forward(call, leader, nowMs);
    else this.#pause(call, nowMs);
  }

  #pause(call: Call, nowMs: Millis): void {
    this.#pauses.set(call.key, toMillis(nowMs + limits.retryPauseMs));
  }

  #lost(call: Call, forward: Forwarded, nowMs: Millis): void {
    const group = groupOf(call.request);
    this.#hints.delete(group);
    const isHarmless = !isWrite(call.request) || forward.waiting !== null;
    const hasBegun = isStream(call.request) && call.mayHaveHappened;
    if (isHarmless && !hasBegun) {
      call.mayHaveHappened = false;
      call.tries += 1;
      this.#pause(call, nowMs);
      return;
    }
    const message = `The connection to ${forward.to} broke while it was answering for ${group}`;
    const code = hasBegun ? "no_leader" : "outcome_unknown";
    this.#world.calls.answer(call.key, failed(failure(code, message, { group, node: forward.to })));
  }

  /** Who can answer; null: there is no such group. */
  #candidates(request: Request): readonly NodeId[] | null {
    return request.type === "watchNodes"
      ? this.#table.holdersOf(request.nodes)
      : this.#table.ownersOf(groupOf(request));
  }

  #again(key: number, nowMs: Millis): void {
    const call = this.#world.calls.get(key);
    if (call !== null) this.route(call, nowMs);
  }

  #ended(from: NodeId, number: number): Forwarded | null {
    const forward = this.#forwarded.get(number);
    if (forward === undefined || forward.to !== from) return null;
    this.#forwarded.delete(number);
    this.#forwardOf.delete(forward.key);
    return forward;
  }
}

/** Progress is asked for often enough that a stream which is silent for longer must be broken. */
function withProgress<Asked extends StreamRequest>(request: Asked): Asked {
  const { progressIntervalMs: wanted } = request;
  const progressIntervalMs = wanted > 0 ? Math.min(wanted, limits.watchProgressMs) : limits.watchProgressMs;
  return { ...request, progressIntervalMs };
}

function wantsProgress(call: Call | null): boolean {
  return call !== null && isStream(call.request) && call.request.progressIntervalMs > 0;
}

/** What one node is asked about itself: no other can answer. */
function isOfNode(
  request: Request,
): request is Request & { readonly type: "nodeSelf" | "replicaStatus" | "refoundCluster" | "reserve" } {
  return ["nodeSelf", "replicaStatus", "refoundCluster", "reserve"].includes(request.type);
}

/** One revision is told whole, or not at all. */
function tooLargeToTell(bytes: number, node: NodeId): Failure {
  const limit = limits.watchRevisionBytesMax;
  const message = `One revision holds over ${bytes} bytes of events, the limit is ${limit}: watch at ${node}, or fewer keys`;
  return failure("invalid_argument", message, { node });
}

/** A read whose keys a transaction holds that is not over yet. */
function heldFailure(group: GroupId, { group: by, index }: TransactionId): Failure {
  const message = `The keys are held by transaction ${index} of ${by}, which is not over yet: ${by} may have no quorum`;
  return failure("deadline", message, { group }, "none");
}

/** A transaction whose groups have not all done their part. */
function awaitedFailure(by: GroupId, group: GroupId, effect: Effect): Failure {
  const message = `The group ${group} did not do its part of the transaction in time, which ${by} coordinates`;
  return failure("deadline", message, { group }, effect);
}

function groupOf(request: Request): GroupId {
  const isOfCluster = request.type === "createGroup" || request.type === "refoundGroup";
  return isOfCluster || !("group" in request) ? clusterGroup : request.group;
}
