// Which part of the node each message of a peer is for. Whether it counts at all, and whether its word on groups does, is for
// the reception to say.

import { clusterGroup, type Millis, type NodeId } from "../../proto/ids.ts";
import type { Envelope, PeerMessage, Vouch } from "../../proto/messages.ts";
import type { AgentDesk } from "./agent-desk.ts";
import type { Beats } from "./beats.ts";
import type { CallDesk } from "./call-desk.ts";
import type { Caller } from "./calls.ts";
import type { ClusterDatabase } from "./cluster-database.ts";
import type { Groups } from "./groups.ts";
import type { Quarantine } from "./quarantine.ts";
import type { Reception } from "./reception.ts";
import type { Router } from "./router.ts";
import type { StatusExchange } from "./status-exchange.ts";
import type { VerdictReports } from "./verdict-reports.ts";
import type { World } from "./world.ts";

type Message<Type extends PeerMessage["type"]> = PeerMessage & { readonly type: Type };

export interface DispatchParts {
  readonly reception: Reception;
  readonly groups: Groups;
  readonly beats: Beats;
  readonly quarantine: Quarantine;
  readonly agents: AgentDesk;
  readonly reports: VerdictReports;
  readonly desk: CallDesk;
  readonly router: Router;
  /** Those that a start brings, and of the database a quarantine another one. */
  readonly database: () => ClusterDatabase;
  readonly statuses: () => StatusExchange | null;
}

export interface DispatchOwner {
  readonly helloRefused: (from: NodeId, message: Message<"helloRefused">, nowMs: Millis) => void;
  /** Whoever decides on nodes here does so anew. */
  readonly quarantinesChanged: () => void;
}

export class PeerDispatch {
  readonly #world: World;
  readonly #parts: DispatchParts;
  readonly #owner: DispatchOwner;

  constructor(world: World, parts: DispatchParts, owner: DispatchOwner) {
    this.#world = world;
    this.#parts = parts;
    this.#owner = owner;
  }

  receive(from: NodeId, envelope: Envelope, nowMs: Millis): void {
    const { reception } = this.#parts;
    if (!reception.admits(from, envelope)) return;
    const { message } = envelope;
    if (message.type === "hello") reception.hello(from, envelope.boot, message, nowMs);
    else this.#message(from, message, nowMs);
  }

  #message(from: NodeId, message: Exclude<PeerMessage, Message<"hello">>, nowMs: Millis): void {
    const { reception, groups, quarantine, agents, reports, desk, router } = this.#parts;
    const database = this.#parts.database();
    const statuses = this.#parts.statuses();
    switch (message.type) {
      case "raft":
      case "snapshotPart":
      case "snapshotAck":
      case "stateQuestion":
      case "stateAnswer":
      case "stateVerdict":
        // Whoever asks for votes beats with nobody: without this answer it would count on a node in quarantine for ever.
        if (quarantine.reason !== null) this.#world.out.openEcho(from, 0);
        return reception.groupMessage(from, message, nowMs);
      case "beat":
        return this.#beat(from, message, nowMs);
      case "beatEcho":
        return this.#beatEcho(from, message, nowMs);
      case "invite":
        if (message.group === clusterGroup) return database.invited(from, message, nowMs);
        return groups.invited(from, message, nowMs);
      case "departed":
        if (message.group === clusterGroup) return database.departed(from, message, nowMs);
        return groups.departed(message, nowMs);
      case "replicaLost":
        if (message.group === clusterGroup) return database.memberLost(from, message, nowMs);
        return groups.get(message.group)?.memberLost(from, message, nowMs);
      case "ownersReport":
        return database.reportOwners(message.entry);
      case "intentReport":
        return database.reportIntent(message.kept);
      case "statuses":
        return statuses?.receive(message);
      case "performance":
        return agents.receive(from, message.sample, nowMs);
      case "statusDigest":
        return statuses?.compare(from, message);
      case "clusterNews":
        return database.log.news(from, message, nowMs);
      case "clusterPull":
        return database.log.answerPull(from, message.after);
      case "clusterEntries":
        return database.log.takeEntries(from, message, nowMs);
      case "clusterState":
        return database.takeState(message);
      case "verdictReport":
        return database.report(message.component, nowMs);
      case "verdictPoll":
        return reports.answerPoll(from, message.node, groups);
      case "forward":
        return desk.open(callerAt(from, message.call), message.request, message.budgetMs, nowMs);
      case "forwardReply":
        return router.replied(from, message.call, message.reply, nowMs);
      case "forwardCancel":
        return desk.cancel(callerAt(from, message.call));
      case "forwardWatch":
        return router.streamed(from, message, nowMs);
      case "forwardDrained":
        return desk.peerDrained(callerAt(from, message.call), message, nowMs);
      case "helloAccepted":
        return reception.helloAccepted(from, message, nowMs);
      case "helloRefused":
        return this.#owner.helloRefused(from, message, nowMs);
      case "lap":
        return reception.lap(from, message);
    }
  }

  #beat(from: NodeId, message: Message<"beat">, nowMs: Millis): void {
    this.#world.out.openEcho(from, message.sequence);
    for (const { beat, ...address } of message.groups) {
      this.#parts.reception.groupMessage(from, { type: "raft", ...address, message: beat }, nowMs);
    }
    const agreed = this.#agree(from, message, nowMs);
    if (agreed !== null) this.#world.out.agree(from, agreed);
    this.#parts.database().noticeIndex(from, message.clusterIndex, nowMs);
  }

  /** Only between starts that know each other, as with everything that concerns a group. */
  #agree(from: NodeId, { vouch, groups }: Message<"beat">, nowMs: Millis): Vouch | null {
    if (vouch === null || (vouch.groups > 0 && !this.#parts.reception.isKnown(from, nowMs))) return null;
    const named = groups.map(({ group }) => group);
    return this.#world.vouching.agree(from, vouch, named, nowMs);
  }

  #beatEcho(from: NodeId, message: Message<"beatEcho">, nowMs: Millis): void {
    const { reception, beats } = this.#parts;
    const database = this.#parts.database();
    const { sequence, agreed, groups } = message;
    this.#noteQuarantine(from, message.quarantine, nowMs);
    database.heard(from, nowMs);
    for (const { reply, ...address } of groups) {
      reception.groupMessage(from, { type: "raft", ...address, message: reply }, nowMs);
    }
    const isWord = agreed === null || agreed.groups === 0 || reception.isKnown(from, nowMs);
    if (isWord && !this.#world.vouching.answered(from, sequence, agreed, nowMs)) {
      beats.repeat(from, database.index, nowMs);
    }
    database.noticeIndex(from, message.clusterIndex, nowMs);
  }

  #noteQuarantine(peer: NodeId, reason: string, nowMs: Millis): void {
    if (!this.#parts.quarantine.heardOf(peer, reason)) return;
    this.#parts.beats.wake(nowMs);
    this.#owner.quarantinesChanged();
  }
}

function callerAt(node: NodeId, call: number): Caller {
  return { type: "peer", node, call };
}
