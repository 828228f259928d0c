// Promises between nodes: terms never fall, a vote is never changed within a term, no node speaks as a member whose promises
// were on a disk that it has lost, and no vote or acknowledgement leaves a node before the disk would keep what it promises
// (invariant 3); and what a member promised is forgotten only once the disk would keep it that the member is gone. Each member
// of a group promises for itself, also where two of them, one after the other, live on one node.

import type { NodeId } from "../../../proto/ids.ts";
import type { Addressed, PeerMessage } from "../../../proto/messages.ts";
import type { RaftMessage } from "../../../proto/raft.ts";
import { decodeGroupRecord } from "../../../storage/group-record.ts";
import type { GroupHardState, HardStateTable } from "../../../storage/hard-state.ts";
import { groupKey } from "../../../storage/keys.ts";
import type { Effect } from "../../node/effects.ts";
import type { Input } from "../../node/inputs.ts";
import { demand } from "../violation.ts";
import type { Observer, World } from "../world.ts";
import type { ReplicaMirror } from "./replica-mirror.ts";

type Speaker = Pick<Addressed, "group" | "incarnation" | "fromMember">;

export class PromiseChecker implements Observer {
  readonly #world: World;
  readonly #mirror: ReplicaMirror;
  /** As last written by each node, durable or not. */
  readonly #written = new Map<NodeId, Map<string, GroupHardState>>();
  /** The highest member that each node has spoken as, by group; and of those, what went with its disk. */
  readonly #spoken = new Map<NodeId, Map<string, number>>();
  readonly #lost = new Map<NodeId, ReadonlyMap<string, number>>();
  #checked = 0;

  constructor(world: World, mirror: ReplicaMirror) {
    this.#world = world;
    this.#mirror = mirror;
  }

  /** Promises that were found to be kept. */
  get checked(): number {
    return this.#checked;
  }

  setAside(node: NodeId): void {
    this.#lost.set(node, new Map(this.#spoken.get(node)));
  }

  started(node: NodeId): void {
    this.#written.set(node, byMember(this.#world.node(node).disk.durableTable));
  }

  stepped(node: NodeId, _input: Input, effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.type === "write" && effect.batch.hardStates !== null) this.#takeTable(node, effect.batch.hardStates);
    }
  }

  left(from: NodeId, to: string, message: PeerMessage): void {
    for (const address of addressesIn(message)) this.#checkSpeaker(from, address);
    if (message.type === "raft") this.#checkRaft(from, to, message, message.message);
    if (message.type !== "beatEcho") return;
    for (const group of message.groups) this.#checkRaft(from, to, group, group.reply);
  }

  #takeTable(node: NodeId, table: HardStateTable): void {
    const now = byMember(table);
    for (const [member, before] of this.#written.get(node) ?? []) {
      const after = now.get(member);
      if (after === undefined) this.#checkForgotten(node, before);
      else checkStep(node, member, before, after);
    }
    this.#written.set(node, now);
  }

  /** A table may be on the disk without the rows that were written with it: they must not name a member that it has forgotten. */
  #checkForgotten(node: NodeId, { group, incarnation, member }: GroupHardState): void {
    const isKept = this.#isGone(node, { group, incarnation, fromMember: member });
    const name = `${group}/${incarnation}/${member}`;
    demand(isKept, "promise", () => `${node} forgets what ${name} promised before it is durable that it is gone`);
  }

  #checkSpeaker(from: NodeId, { group, incarnation, fromMember }: Addressed): void {
    const name = `${group}/${incarnation}`;
    const lost = this.#lost.get(from)?.get(name) ?? 0;
    demand(
      fromMember > lost,
      "promise",
      () => `${name}: ${from} speaks as member ${fromMember}, whose disk it has lost`,
    );
    const spoken = this.#spoken.get(from) ?? new Map<string, number>();
    spoken.set(name, Math.max(fromMember, spoken.get(name) ?? 0));
    this.#spoken.set(from, spoken);
  }

  #checkRaft(from: NodeId, to: string, address: Addressed, message: RaftMessage): void {
    const group = `${address.group}/${address.incarnation}`;
    const member = `${group}/${address.fromMember}`;
    const durable = byMember(this.#world.node(from).disk.durableTable).get(member);
    if (message.type === "voteReply" && message.granted) {
      const isVoteThere = durable !== undefined && isVoteKept(durable, message.term, to);
      const isKept = isVoteThere || this.#isGone(from, address);
      demand(isKept, "promise", () => `${group}: ${from} votes for ${to} in term ${message.term} without keeping it`);
      this.#checked += 1;
    }
    if ((message.type === "appendReply" || message.type === "beatReply") && message.matched > 0) {
      const { matched, term } = message;
      const isThere = this.#mirror.isDurableAs(from, member, matched);
      const isKept = isThere || this.#isOvertaken(from, group, matched, term) || this.#isGone(from, address);
      demand(isKept, "promise", () => `${group}: ${from} acknowledges ${matched} before it is durable`);
      this.#checked += 1;
    }
  }

  /** A member that has left its group for good, and durably, keeps what it promised by its silence. */
  #isGone(node: NodeId, { group, incarnation, fromMember }: Speaker): boolean {
    const bytes = this.#world.node(node).disk.durableRow(groupKey(group, incarnation));
    const record = bytes === null ? "none" : decodeGroupRecord(bytes);
    if (typeof record === "string") return false;
    return record.member > fromMember || (record.role === "gone" && record.member === fromMember);
  }

  /**
   * Writes merge: what was acknowledged in `term` may have been replaced by a later leader in the very write that the
   * acknowledgement waits for. It then comes as late as one that was long on its way, and nobody can be harmed by it: whoever
   * was elected without the entry had a quorum of members that never acknowledged it and, since they voted, never will.
   */
  #isOvertaken(from: NodeId, group: string, matched: number, term: number): boolean {
    return this.#mirror.durableTermUpTo(from, group, matched) > term;
  }
}

/** In whose name, and in which groups, a message speaks. */
function addressesIn(message: PeerMessage): readonly Addressed[] {
  switch (message.type) {
    case "raft":
    case "snapshotPart":
    case "snapshotAck":
    case "stateQuestion":
    case "stateAnswer":
    case "stateVerdict":
      return [message];
    case "beat":
    case "beatEcho":
      return message.groups;
    default:
      return [];
  }
}

function isVoteKept(durable: GroupHardState, term: number, candidate: string): boolean {
  return durable.term > term || (durable.term === term && durable.vote === candidate);
}

function checkStep(node: NodeId, member: string, before: GroupHardState, after: GroupHardState): void {
  demand(after.term >= before.term, "terms", () => `${member}: ${node} goes from term ${before.term} to ${after.term}`);
  const isNewTerm = after.term > before.term;
  const isSameVote = isNewTerm || before.vote === null || before.vote === after.vote;
  demand(isSameVote, "votes", () => `${member}: ${node} votes for ${before.vote} and ${after.vote} in ${after.term}`);
  const isKept = after.acknowledged >= before.acknowledged;
  demand(isKept, "terms", () => `${member}: ${node} forgets that it acknowledged ${before.acknowledged}`);
}

/** One that comes back to a group under another number has promised nothing yet. */
function byMember(table: HardStateTable): Map<string, GroupHardState> {
  return new Map(table.map((row) => [`${row.group}/${row.incarnation}/${row.member}`, row]));
}
