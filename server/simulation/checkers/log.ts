// Safety of the replicated logs: entries named alike are alike, what is committed stays committed and is durable on a
// quorum, every leader has all of it, and equal applied indexes mean equal state.

import { present } from "../../../proto/assert.ts";
import type { NodeId } from "../../../proto/ids.ts";
import { firstConfiguration, type Membership, type Voter } from "../../../proto/membership.ts";
import type { PeerMessage } from "../../../proto/messages.ts";
import type { AppliedRecord } from "../../../proto/model.ts";
import { demand } from "../violation.ts";
import type { Observer, World } from "../world.ts";
import { CommittedLogs } from "./committed-logs.ts";
import { type GroupName, type MirrorEvents, type MirroredEntry, ReplicaMirror } from "./replica-mirror.ts";

interface GroupLog {
  /** Checksum of the payload by `term/index`. */
  readonly payloads: Map<string, number>;
  /** With the least term whose leader said so. */
  readonly committed: Map<number, MirroredEntry & { readonly inTerm: number }>;
  commit: number;
  /** The newest membership that is committed, and where. */
  membership: { readonly index: number; readonly value: Membership };
  /** Newest commit index that each leader has told, by node and term. */
  readonly told: Map<string, number>;
  /** State hash by applied index, and who said so. */
  readonly states: Map<number, { readonly hash: string; readonly node: NodeId }>;
}

type Voters = readonly Voter[];

/** Who says that something is committed. */
interface Claim {
  readonly leader: NodeId;
  readonly group: GroupName;
  readonly term: number;
}

/** Of a group's newest entries, when a long run has to forget. */
const entriesRemembered = 4_000;

export class LogChecker implements MirrorEvents {
  readonly mirror: ReplicaMirror;
  readonly logs: CommittedLogs;
  readonly #founders: (group: GroupName) => readonly NodeId[];
  readonly #groups = new Map<GroupName, GroupLog>();
  #compared = 0;
  /** Committed entries that have been forgotten since. */
  #committedBefore = 0;

  constructor(world: World, founders: (group: GroupName) => readonly NodeId[]) {
    this.#founders = founders;
    this.mirror = new ReplicaMirror(world, this);
    this.logs = new CommittedLogs(this.mirror, world);
  }

  /** What the world is to call: the mirror sees a write before this checker hears of the messages that follow it. */
  get observers(): readonly Observer[] {
    return [this.mirror, { left: (from, _to, message) => this.#left(from, message) }];
  }

  /** Entries committed over all groups. */
  get committed(): number {
    return [...this.#groups.values()].reduce((sum, group) => sum + group.committed.size, this.#committedBefore);
  }

  /** Drops what is known of all but the last entries of each group; replicas that lag by more are compared no longer. */
  forget(): void {
    this.logs.forget();
    for (const log of this.#groups.values()) {
      const until = log.commit - entriesRemembered;
      for (const index of log.committed.keys()) {
        if (index <= until && log.committed.delete(index)) this.#committedBefore += 1;
      }
      for (const index of log.states.keys()) if (index <= until) log.states.delete(index);
      for (const name of log.payloads.keys()) if (indexOf(name) <= until) log.payloads.delete(name);
    }
  }

  /** The newest that a leader has said to be committed. */
  membershipOf(group: GroupName): Membership {
    return this.#group(group, null).membership.value;
  }

  /** Times that two replicas were found equal at one applied index. */
  get compared(): number {
    return this.#compared;
  }

  /** Of whoever applied the group's entries up to `index`; null: nobody stopped there. */
  stateHashAt(group: GroupName, index: number): string | null {
    return this.#group(group, null).states.get(index)?.hash ?? null;
  }

  logged(node: NodeId, group: GroupName, index: number, entry: MirroredEntry): void {
    const { payloads } = this.#group(group, node);
    const name = `${entry.term}/${index}`;
    const known = payloads.get(name);
    const isMatching = known === undefined || known === entry.payload;
    demand(isMatching, "log matching", () => `${group} ${name}: ${node} holds another entry than a node before it`);
    payloads.set(name, entry.payload);
  }

  applied(node: NodeId, group: GroupName, record: AppliedRecord): void {
    this.logs.take(node, group, record.index);
    if (record.stateHash === "") return;
    const { states } = this.#group(group, node);
    const known = states.get(record.index);
    if (known === undefined) {
      states.set(record.index, { hash: record.stateHash, node });
      return;
    }
    const isEqual = known.hash === record.stateHash;
    demand(isEqual, "replicas", () => `${group} at ${record.index}: the states of ${known.node} and ${node} differ`);
    if (known.node !== node) this.#compared += 1;
  }

  #left(from: NodeId, message: PeerMessage): void {
    if (message.type === "beat") {
      for (const { group, incarnation, beat } of message.groups) {
        this.#commits(from, `${group}/${incarnation}`, beat.term, beat.commit);
      }
    }
    if (message.type === "raft" && message.message.type === "append") {
      const { term, commit } = message.message;
      this.#commits(from, `${message.group}/${message.incarnation}`, term, commit);
    }
  }

  #commits(leader: NodeId, group: GroupName, term: number, commit: number): void {
    const log = this.#group(group, leader);
    const name = `${leader} term ${term}`;
    const told = log.told.get(name);
    if (told === undefined) this.#checkComplete(leader, group, term, log);
    const from = told ?? this.mirror.boundary(leader, group);
    demand(commit >= (told ?? 0), "commit", () => `${group}: ${name} takes its commit index ${told} back to ${commit}`);
    log.told.set(name, commit);
    for (let index = from + 1; index <= commit; index++) this.#commit({ leader, group, term }, index, log);
    this.logs.take(leader, group, commit);
  }

  /** A leader's first word in its term: it must hold all that leaders of lower terms have committed. */
  #checkComplete(leader: NodeId, group: GroupName, term: number, log: GroupLog): void {
    for (let index = this.mirror.boundary(leader, group) + 1; index <= log.commit; index++) {
      const held = this.mirror.entryAt(leader, group, index);
      const committed = log.committed.get(index);
      if (committed === undefined || committed.inTerm >= term) continue;
      const isHeld = held?.term === committed.term && held.payload === committed.payload;
      demand(isHeld, "leader completeness", () => `${group}: ${leader} leads without committed entry ${index}`);
    }
  }

  #commit({ leader, group, term }: Claim, index: number, log: GroupLog): void {
    const entry = this.mirror.entryAt(leader, group, index);
    // Compacted since: it was checked when it was committed first.
    if (entry === null && index <= this.mirror.boundary(leader, group)) return;
    demand(entry !== null, "commit", () => `${group}: ${leader} says that ${index} is committed and does not hold it`);
    const known = log.committed.get(index);
    const isSame = known === undefined || (known.term === entry.term && known.payload === entry.payload);
    demand(isSame, "state machine safety", () => `${group}: two entries are committed at ${index}, one by ${leader}`);
    log.committed.set(index, { ...entry, inTerm: Math.min(term, known?.inTerm ?? term) });
    if (known !== undefined) return;
    this.#checkQuorum({ leader, group, term }, index, log);
    log.commit = Math.max(log.commit, index);
    if (entry.membership !== null && index > log.membership.index) log.membership = { index, value: entry.membership };
  }

  /** By the membership that the leader goes by: the newest in its log, or one that was so when it counted. */
  #checkQuorum({ leader, group, term }: Claim, index: number, log: GroupLog): void {
    const entry = present(log.committed.get(index), "a committed entry");
    const holds = (voter: Voter) => !voter.isWitness && this.mirror.wasDurable(voter, group, index, entry.term);
    const isQuorum = (voters: Voters) => {
      const holders = voters.filter(holds);
      return isMajority(voters, holders) || this.#standsIn({ leader, group, term }, entry.term, { voters, holders });
    };
    const possible = [log.membership.value, ...this.mirror.membershipsAbove(leader, group, log.membership.index)];
    const isDurable = possible.some(({ voters, outgoing }) => [voters, outgoing].every(isQuorum));
    demand(isDurable, "durable quorum", () => {
      const holders = possible.flatMap(({ voters }) => voters.filter(holds)).map(({ node }) => node);
      return `${group}: ${index} is committed and durable only on ${[...new Set(holders)].join(",")}`;
    });
  }

  /**
   * Whether the witness has on record that it votes with exactly these, and all of them hold it. A leader may be the first
   * to tell what was committed in an earlier term, when it was cut off.
   */
  #standsIn(claim: Claim, entryTerm: number, { voters, holders }: { voters: Voters; holders: Voters }): boolean {
    const witness = voters.find(({ isWitness }) => isWitness);
    if (witness === undefined) return false;
    return this.mirror.standInsOf(witness.node, claim.group).some((standIn) => {
      if (standIn.term < entryTerm || standIn.term > claim.term) return false;
      const named = voters.filter(({ node }) => standIn.owners.includes(node));
      return isMajority(voters, [...named, witness]) && named.every((voter) => holders.includes(voter));
    });
  }

  /** @param node the first to show anything of it: a group that goes on in another incarnation begins with what that one holds */
  #group(group: GroupName, node: NodeId | null): GroupLog {
    const known = this.#groups.get(group);
    if (known !== undefined) return known;
    const first =
      node === null || group.endsWith("/1") ? null : (this.mirror.appliedMembership(node, group)?.value ?? null);
    const membership = { index: 0, value: first ?? firstConfiguration(this.#founders(group)).membership };
    const maps = { payloads: new Map(), committed: new Map(), told: new Map(), states: new Map() };
    const made: GroupLog = { ...maps, commit: 0, membership };
    this.#groups.set(group, made);
    return made;
  }
}

/** More than half of the votes, or there are none: a set of nobody has nothing to say. */
function isMajority(voters: Voters, those: Voters): boolean {
  const votesOf = (counted: Voters) => counted.reduce((sum, { votes }) => sum + votes, 0);
  return voters.length === 0 || votesOf(those) * 2 > votesOf(voters);
}

/** Of `term/index`. */
function indexOf(name: string): number {
  return Number(name.slice(name.indexOf("/") + 1));
}
