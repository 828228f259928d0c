// One replica's part in the comparison of states (G3). Every owner answers the leader's question with its state hash at the
// index in question. Whose hash differs from that of a quorum is in doubt, the leader too. Where no hash has a quorum nobody
// can tell who is right, and the group's log records the dispute.

import { present } from "../../proto/assert.ts";
import type { GroupCommand } from "../../proto/commands.ts";
import type { LogIndex, Millis, NodeId } from "../../proto/ids.ts";
import { memberOf, type Voter } from "../../proto/membership.ts";
import type { GroupMessage } from "../../proto/messages.ts";
import type { StateHashes } from "../../proto/model.ts";
import type { Entry } from "../../proto/raft.ts";
import { hashText } from "../../storage/hash.ts";
import { isJoint } from "../raft/changes.ts";
import { agreementOf } from "../recovery/state-agreement.ts";
import type { GroupReplica } from "./group-replies.ts";
import { limits } from "./limits.ts";
import { type Finding, StateCheck } from "./state-check.ts";
import { stateFormat } from "./state-rows.ts";
import type { World } from "./world.ts";

type Question = GroupMessage & { readonly type: "stateQuestion" };
type Answer = GroupMessage & { readonly type: "stateAnswer" };
type Verdict = GroupMessage & { readonly type: "stateVerdict" };
type StateMessage = Question | Answer | Verdict;

export interface ComparisonOwner {
  readonly propose: (command: GroupCommand) => void;
  /** This replica's state is not the group's. */
  readonly inDoubt: (reason: string) => void;
}

export class StateComparison {
  readonly #world: World;
  readonly #replica: GroupReplica;
  readonly #owner: ComparisonOwner;
  /** While this member leads. */
  #check: StateCheck | null = null;
  #compared: StateHashes | null = null;
  /** Asked for an index that is not applied yet: the newest question. */
  #asked: { readonly from: NodeId; readonly index: LogIndex } | null = null;
  /** What this replica has said last, to its leader or as the leader. */
  #told: { readonly index: LogIndex; readonly hash: string } | null = null;
  #noted: StateHashes | null = null;

  constructor(world: World, replica: GroupReplica, owner: ComparisonOwner) {
    this.#world = world;
    this.#replica = replica;
    this.#owner = owner;
  }

  /** What the last comparison of this leadership has brought; null: there was none. */
  get compared(): StateHashes | null {
    return this.#compared;
  }

  lead(): void {
    this.#check = new StateCheck();
  }

  resign(): void {
    this.#check = null;
    this.#compared = null;
  }

  applied(entry: Entry, nowMs: Millis): void {
    if (entry.term === this.#replica.term) this.#check?.changed(nowMs);
    if (this.#asked?.index === entry.index) this.#answer(this.#asked.from, entry.index, nowMs);
    this.#noteDispute();
  }

  /** A snapshot has taken the place of the state: nothing that was said of that one holds for this one. */
  stateReplaced(): void {
    this.#asked = null;
    this.#told = null;
    this.#noteDispute();
  }

  receive(from: NodeId, message: StateMessage, nowMs: Millis): void {
    if (memberOf(this.#replica.membership, from) !== message.fromMember) return;
    if (message.type === "stateQuestion") this.#question(from, message, nowMs);
    else if (message.type === "stateAnswer") this.#answered(from, message, nowMs);
    else this.#judged(message);
  }

  deadline(nowMs: Millis): void {
    if (this.#check?.isDue(nowMs) === true) this.#begin(this.#check, nowMs);
    this.#conclude(nowMs);
  }

  deadlineMs(): Millis | null {
    return this.#check?.deadlineMs() ?? null;
  }

  #begin(check: StateCheck, nowMs: Millis): void {
    const { applied, membership, member } = this.#replica;
    if (isJoint(membership)) return check.postpone(nowMs);
    const { index } = applied;
    check.begin(index, nowMs);
    const own = present(this.#tell(index, nowMs), "the hash of what is applied");
    check.answered({ node: this.#world.self, member }, index, own);
    for (const { node } of this.#others()) {
      const address = this.#replica.addressTo(node);
      this.#world.out.send(node, { type: "stateQuestion", ...address, index, format: stateFormat });
    }
  }

  #question(from: NodeId, { index, format }: Question, nowMs: Millis): void {
    if (format !== stateFormat) return this.#world.counters.count("state hashes of another format");
    if (index > this.#replica.applied.index) this.#asked = { from, index };
    else this.#answer(from, index, nowMs);
  }

  #answer(to: NodeId, index: LogIndex, nowMs: Millis): void {
    this.#asked = null;
    const hash = this.#tell(index, nowMs);
    if (hash === null) return;
    const address = this.#replica.addressTo(to);
    this.#world.out.send(to, { type: "stateAnswer", ...address, index, format: stateFormat, hash });
  }

  #tell(index: LogIndex, nowMs: Millis): string | null {
    const { state } = this.#replica;
    const then = this.#replica.hashAt(index);
    if (then === null) return null;
    const { bytes } = state.mvcc;
    const isRecounted = bytes <= limits.recountBytesMax && this.#world.recounts.take(bytes, nowMs);
    const hash = hashText(isRecounted ? state.hashAsHeld(then) : then);
    this.#told = { index, hash };
    return hash;
  }

  #answered(from: NodeId, { fromMember, index, format, hash }: Answer, nowMs: Millis): void {
    if (format !== stateFormat) return this.#world.counters.count("state hashes of another format");
    this.#check?.answered({ node: from, member: fromMember }, index, hash);
    this.#conclude(nowMs);
  }

  #conclude(nowMs: Millis): void {
    const check = this.#check;
    if (check === null) return;
    const finding = check.conclude(dataVoters(this.#replica), nowMs);
    if (finding === null) return;
    if (isJoint(this.#replica.membership)) return check.postpone(nowMs);
    this.#compared = finding.hashes;
    if (finding.hash === null) this.#maybeDispute(finding);
    else this.#agree(finding, finding.hash);
    // Also when a new owner has not answered yet.
    if (this.#replica.state.dispute !== null) check.soon(nowMs);
  }

  #maybeDispute({ type, hashes }: Finding): void {
    const { dispute } = this.#replica.state;
    const isRecorded = dispute !== null && nodesOf(dispute) === nodesOf(hashes);
    if (type === "disputed" && !isRecorded) this.#owner.propose({ type: "dispute", hashes });
  }

  #agree({ hashes, differing }: Finding, hash: string): void {
    const { index } = hashes;
    if (this.#replica.state.dispute !== null) this.#owner.propose({ type: "settle", index });
    const holders = hashes.hashes.filter((each) => each.hash === hash).map(({ node }) => node);
    for (const { node } of this.#others()) {
      if (!differing.includes(node)) continue;
      const address = this.#replica.addressTo(node);
      this.#world.out.send(node, { type: "stateVerdict", ...address, index, format: stateFormat, hash, holders });
    }
    if (differing.includes(this.#world.self)) this.#doubt(index, hash, holders);
  }

  /** Believed only of what this replica said itself, and of holders that are a quorum by what it knows of the members. */
  #judged({ index, format, hash, holders }: Verdict): void {
    const told = this.#told;
    const replicas = dataVoters(this.#replica).map(({ node, votes }) => {
      const own = node === this.#world.self ? (told?.hash ?? null) : null;
      return { node, votes, hash: holders.includes(node) ? hash : own };
    });
    const isDifferent = agreementOf(replicas).differing.includes(this.#world.self);
    if (isDifferent && format === stateFormat && told?.index === index) this.#doubt(index, hash, holders);
    else this.#world.counters.count("verdicts on a state that do not hold");
  }

  #doubt(index: LogIndex, hash: string, holders: readonly NodeId[]): void {
    this.#owner.inDoubt(`its state at index ${index} is ${this.#told?.hash}, that of ${holders.join(", ")} is ${hash}`);
  }

  #others(): readonly Voter[] {
    return dataVoters(this.#replica).filter(({ node }) => node !== this.#world.self);
  }

  /** On every owner, when its log has told it. */
  #noteDispute(): void {
    const { dispute, object, lock } = this.#replica.state;
    if (dispute === this.#noted) return;
    this.#noted = dispute;
    const { group } = object;
    if (lock !== null) this.#world.out.note("warn", "A group is read-only", { group, reason: lock.message });
    else this.#world.out.note("info", "A group takes writes again", { group });
  }
}

/** A witness holds no data, and has no say in what it is. */
function dataVoters({ membership }: GroupReplica): readonly Voter[] {
  return membership.voters.filter(({ isWitness }) => !isWitness);
}

function nodesOf({ hashes }: StateHashes): string {
  return hashes.map(({ node }) => node).join();
}
