// A small random world of Raft members alone: a bad network (random-network.ts), clocks, disks and processes that do not keep
// time (random-machines.ts), crashes that lose unsynced writes, disks that are lost for good, compaction and snapshots,
// leadership handed over, and members that come and go: owners, witnesses, votes. Checks after every step (safety.ts).

import { strict as assert } from "node:assert";
import { type MemberId, type Millis, type NodeId, toLogIndex, toNodeId } from "../../../proto/ids.ts";
import { type Configuration, firstConfiguration, type Membership, type Voter } from "../../../proto/membership.ts";
import { isControl } from "../../../proto/raft.ts";
import { Random } from "../../../proto/random.ts";
import { isJoint } from "../../../server/raft/changes.ts";
import { configurationAfter } from "../../../server/raft/configurations.ts";
import { totalVotes, voterSets } from "../../../server/raft/quorum.ts";
import type { RaftInput, RaftOptions, RaftOutput, Target, TargetVoter } from "../../../server/raft/types.ts";
import { DiskMember } from "./disk-member.ts";
import { optionsOf, payload } from "./fixtures.ts";
import { drawFaults, type Faults, noFaults } from "./random-faults.ts";
import { Machines } from "./random-machines.ts";
import { cutWays, Network } from "./random-network.ts";
import { Safety } from "./safety.ts";

const electionTimeoutMs = 200;
const diskPatienceMs = 400;
const beatMs = 40;
const pool = Array.from({ length: 8 }, (_, position) => toNodeId(`n${position + 1}`));
const nothing = firstConfiguration([]);

/** Numbers of owners, with a witness or without, that groups of this seed have. */
const shapes = [
  { owners: 2, hasWitness: true },
  { owners: 3, hasWitness: false },
  { owners: 3, hasWitness: true },
  { owners: 4, hasWitness: true },
  { owners: 5, hasWitness: false },
] as const;

export class World {
  readonly random: Random;
  readonly safety: Safety;
  readonly counts = { reads: 0, changes: 0, standIns: 0, transfers: 0, wipes: 0 };
  nowMs = 0;
  #faults: Faults;
  readonly #shape: (typeof shapes)[number];
  readonly #isWeighted: boolean;
  readonly #options: Partial<RaftOptions>;
  readonly #network: Network;
  readonly #machines: Machines;
  readonly #founding: Configuration;
  /** Who runs, or may run again, under each name. */
  readonly #members = new Map<NodeId, DiskMember>();
  /** Everyone who ever was, as `n1#2`. */
  readonly #disks = new Map<string, DiskMember>();
  readonly #wiped = new Set<NodeId>();
  /** What leaders had committed of the membership since the last moment. */
  readonly #named: Membership[] = [];
  #proposed = 0;
  #read = 0;
  readonly #reads = new Map<number, number>();
  readonly #beatsMs = new Map<NodeId, number>();

  constructor(seed: number) {
    const random = new Random(seed);
    this.random = random;
    this.safety = new Safety((voter) => this.#disks.get(nameOf(voter)));
    this.#shape = random.pick(shapes);
    this.#isWeighted = random.chance(0.3);
    const leaseRead = random.pick([null, { clockRateErrorMax: 0.05 }]);
    this.#faults = drawFaults(random, leaseRead?.clockRateErrorMax ?? null);
    this.#options = {
      ...{ appendBytesMax: 400, inflightEntriesMax: 4, resendMs: 60, electionTimeoutMs, diskPatienceMs },
      lagEntriesMax: random.pick([2, 10]),
      leaseRead,
    };
    this.#network = new Network(random, this.#faults);
    this.#machines = new Machines(random, pool, this.#faults.clockRates);
    const voters = this.#newVoters().map((voter): Voter => ({ ...voter, member: 1 as MemberId }));
    this.#founding = founded(voters);
    for (const voter of voters) this.#found(voter);
  }

  get members(): readonly DiskMember[] {
    return [...this.#members.values()];
  }

  event(): void {
    this.nowMs += this.random.between(0, 15);
    const member = this.random.chance(0.4) ? this.#anyLeader() : this.random.pick(this.members);
    if (member !== undefined) this.#touch(member);
    if (this.random.chance(this.#faults.reunion)) this.#network.unite();
    this.#readOfRivals();
    this.#beat(0.8);
    this.#settle();
  }

  #touch(member: DiskMember): void {
    if (this.#wiped.has(member.id)) this.#askToRenew();
    else if (member.raft !== null) this.#disturbOrUse(member);
    else if (this.random.chance(0.3)) this.#start(member);
  }

  heal(): void {
    this.#faults = noFaults;
    this.#network.heal();
    this.#machines.heal(this.nowMs);
    for (const member of this.members) if (member.raft === null && !this.#wiped.has(member.id)) this.#start(member);
  }

  calm(forMs: number): void {
    for (const endMs = this.nowMs + forMs; this.nowMs < endMs; this.nowMs += 2) {
      this.#beat(1);
      this.#settle();
    }
  }

  /** Of the newest term. */
  leader(): DiskMember | undefined {
    return this.#leaders().sort((left, right) => right.running.status().term - left.running.status().term)[0];
  }

  #leaders(): DiskMember[] {
    return this.members.filter((member) => member.raft?.status().role === "leader");
  }

  /** Also one that does not know yet that it was deposed. */
  #anyLeader(): DiskMember | undefined {
    const leaders = this.#leaders();
    return leaders.length === 0 ? undefined : this.random.pick(leaders);
  }

  /** Those who hold the group's data now. */
  owners(): readonly DiskMember[] {
    const voters = this.leader()?.running.membership.voters ?? [];
    return voters.filter(({ isWitness }) => !isWitness).map((voter) => this.#disks.get(nameOf(voter)) as DiskMember);
  }

  /** Nothing is under way: no change, and no witness stands in. */
  isAtRest(): boolean {
    const status = this.leader()?.running.status();
    return status !== undefined && this.isSettled() && status.standIn === null && status.commit === status.last;
  }

  isSettled(): boolean {
    const leader = this.leader();
    if (leader === undefined) return false;
    const { membership, membershipIndex, commit } = leader.running.status();
    return membership.target === null && !isJoint(membership) && membershipIndex <= commit;
  }

  /** One more change, without those whose disk is lost: they come back anew, or not at all. */
  changeOnceMore(): boolean {
    const leader = this.leader();
    return leader !== undefined && this.#reconfigure(leader, this.#newTarget(leader));
  }

  /** For good, if the group can do without it. */
  loseLeader(): void {
    const leader = this.leader();
    if (leader === undefined || !this.#isSpare(leader)) return;
    leader.crash();
    this.#wiped.add(leader.id);
  }

  /** From now on `member` does not hear `from`, nobody at all if that is null. */
  deafen({ id }: DiskMember, from: DiskMember | null): void {
    this.#network.cut([id], "to", from === null ? null : [from.id]);
  }

  unite(): void {
    this.#network.unite();
  }

  /** An owner that follows, if the group can do without it. */
  spareFollower(): DiskMember | null {
    const leader = this.leader();
    const others = this.owners().filter((member) => member !== leader && member.raft !== null && this.#isSpare(member));
    return others.length === 0 ? null : this.random.pick(others);
  }

  /** The leader, if the group can do without it. A witness may have promised to elect nobody but a leader that has gone deaf. */
  spareLeader(): DiskMember | null {
    const leader = this.leader();
    if (leader === undefined || leader.running.membership.voters.some(({ isWitness }) => isWitness)) return null;
    return this.#isSpare(leader) ? leader : null;
  }

  propose(member: DiskMember): void {
    this.#step(member, { type: "propose", payloads: [payload(`v${++this.#proposed}`)] });
  }

  #step(member: DiskMember, input: RaftInput): RaftOutput {
    return member.step(input, this.#clockOf(member));
  }

  #clockOf({ id }: DiskMember): Millis {
    return this.#machines.clock(id, this.nowMs);
  }

  #disturbOrUse(member: DiskMember): void {
    const { random } = this;
    const faults = this.#faults;
    if (random.chance(faults.crash)) member.crash(random.between(0, member.pendingWrites));
    else if (random.chance(faults.partition)) this.#partition();
    else if (random.chance(faults.stuck)) this.#machines.stick(member.id, this.nowMs);
    else if (random.chance(faults.busy)) this.#machines.occupy(member.id, this.nowMs);
    else if (random.chance(faults.wipe)) this.#wipe(member);
    else if (random.chance(faults.churn)) this.#churn(member);
    else if (random.chance(0.1)) this.#transfer(member);
    else if (random.chance(0.2)) this.#step(member, { type: "read", read: this.#newRead() });
    else if (random.chance(0.05))
      member.compact(toLogIndex(random.between(0, member.appliedIndex)), this.#clockOf(member));
    else this.propose(member);
  }

  /** A leader is cut off from all, or from one, more often than chance would have it. */
  #partition(): void {
    const { random } = this;
    const leader = this.#anyLeader();
    const nodes = random.shuffle(this.members.map(({ id }) => id));
    if (leader === undefined || random.chance(0.4)) {
      this.#network.cut(nodes.slice(0, random.between(1, nodes.length - 1)), random.pick(cutWays));
    } else {
      const others = nodes.filter((node) => node !== leader.id);
      this.#network.cut([leader.id], random.pick(cutWays), random.chance(0.6) ? others.slice(0, 1) : null);
    }
  }

  /** What it has just begun is known to few. */
  #maybeCutOff(member: DiskMember): void {
    if (this.#faults.partition > 0 && this.random.chance(0.3)) this.#network.cut([member.id], "both");
  }

  /** Of two that hold themselves for the leader one knows less: it must not answer. */
  #readOfRivals(): void {
    const leaders = this.#leaders();
    if (leaders.length < 2) return;
    for (const leader of leaders) this.#step(leader, { type: "read", read: this.#newRead() });
  }

  #newRead(): number {
    this.#reads.set(++this.#read, this.safety.committed);
    return this.#read;
  }

  #transfer(member: DiskMember): void {
    const heirs = member.running.status().peers.filter(({ state }) => state === "replicate");
    if (heirs.length === 0) return;
    this.#step(member, { type: "transfer", to: this.random.pick(heirs).peer });
    if (member.running.status().heir === null) return;
    this.counts.transfers++;
    this.#collect(member);
    this.#maybeCutOff(member);
  }

  #churn(member: DiskMember): void {
    if (member.running.status().role !== "leader") return;
    this.#reconfigure(member, this.random.chance(0.1) ? null : this.#newTarget(member));
    if (this.random.chance(0.5)) this.#collect(member);
    this.#maybeCutOff(member);
  }

  #reconfigure(leader: DiskMember, target: Target | null): boolean {
    const { accepted } = this.#step(leader, { type: "reconfigure", target });
    if (accepted !== null) this.counts.changes++;
    return accepted !== null;
  }

  /** One more or one less, the same, or any; but while a disk is lost it alone is replaced, or comes back anew. */
  #newTarget(leader: DiskMember): Target {
    const { voters } = leader.running.membership;
    const [lost] = this.#wiped;
    if (lost !== undefined && voters.some(({ node }) => node === lost)) return this.#withoutLost(voters, lost);
    const wanted = this.random.pick([this.#oneMoreOrLess(voters), voters.map(asTarget), this.#newVoters()]);
    const renew = wanted.filter(() => this.random.chance(0.1)).map(({ node }) => node);
    return { voters: wanted, renew: lost === undefined ? renew : [...renew, lost] };
  }

  #oneMoreOrLess(voters: readonly Voter[]): TargetVoter[] {
    const left = this.random.shuffle(voters).slice(1);
    const fresh = pool.find((node) => !voters.some((voter) => voter.node === node));
    if (fresh === undefined || this.random.chance(0.5))
      return voters.filter((voter) => left.includes(voter)).map(asTarget);
    return [{ node: fresh, votes: 1, isWitness: false }, ...voters.map(asTarget)];
  }

  #withoutLost(voters: readonly Voter[], lost: NodeId): Target {
    const wanted = voters.map(asTarget);
    const free = pool.filter((node) => !voters.some((voter) => voter.node === node));
    const fresh = this.random.pick(free);
    if (free.length === 0 || this.random.chance(0.5)) return { voters: wanted, renew: [lost] };
    return { voters: wanted.map((voter) => (voter.node === lost ? { ...voter, node: fresh } : voter)), renew: [] };
  }

  #newVoters(): TargetVoter[] {
    const { owners, hasWitness } = this.#shape;
    const names = this.random.shuffle(pool).slice(0, owners + (hasWitness ? 1 : 0));
    const vote = () => (this.#isWeighted ? this.random.between(1, 3) : 1);
    return names.map((node, at) => ({ node, votes: at < owners ? vote() : 1, isWitness: at >= owners }));
  }

  #askToRenew(): void {
    const leader = this.leader();
    if (leader !== undefined) this.#reconfigure(leader, this.#newTarget(leader));
  }

  /** A disk is lost, but only one that the group can do without: nobody promises more. */
  #wipe(member: DiskMember): void {
    if (!this.#canSpare(member)) return;
    this.counts.wipes++;
    member.crash();
    this.#wiped.add(member.id);
  }

  #canSpare(member: DiskMember): boolean {
    const leader = this.leader();
    if (leader === undefined || leader === member || this.#wiped.size > 0 || !this.isSettled()) return false;
    const { commit, term, standIn } = leader.running.status();
    const ownTerm = leader.log.entries[commit - leader.log.previous.index - 1]?.term === term;
    const isNamed = standIn?.includes(member.id) === true;
    return ownTerm && !isNamed && this.#isSpare(member);
  }

  /** Whether the others are a quorum. */
  #isSpare(member: DiskMember): boolean {
    const sets = voterSets((this.leader() as DiskMember).running.membership);
    const rest = (voters: readonly Voter[]) => voters.filter(({ node }) => node !== member.id);
    return sets.every((voters) => 2 * totalVotes(rest(voters)) > totalVotes(voters));
  }

  #found(voter: Voter): void {
    this.#create(voter, voter.isWitness ? nothing : this.#founding);
  }

  #create({ node, member, isWitness }: Voter, configuration: Configuration): void {
    this.#members.get(node)?.crash();
    this.#wiped.delete(node);
    const created = new DiskMember(optionsOf(node, { ...this.#options, member, isWitness }), configuration);
    created.observe = (input, output) => this.#observe(created, input, output);
    created.left = ({ content }) => {
      if (content.type === "raft") this.safety.checkPromise(created, content.message);
    };
    this.#members.set(node, created);
    this.#disks.set(nameOf({ node, member }), created);
    this.#start(created);
  }

  /** A node may have applied less than the log holds: then the rest is handed out again. */
  #start(member: DiskMember): void {
    const floor = member.log.previous.index;
    member.applied = member.applied.slice(0, this.random.between(floor, member.appliedIndex));
    member.configuration = this.#configurationOf(member);
    this.safety.restarted(member);
    member.start(this.random.uint32(), this.#clockOf(member));
  }

  #configurationOf({ options, applied }: DiskMember): Configuration {
    const isFounder = options.member === 1 && !options.isWitness;
    const before = isFounder || applied.length > 0 ? this.#founding : nothing;
    return applied.filter(({ payload: bytes }) => isControl(bytes)).reduce(configurationAfter, before);
  }

  #observe(member: DiskMember, input: RaftInput, output: RaftOutput): void {
    this.safety.check(member, output);
    this.safety.checkPatience(member, input, output, this.#clockOf(member));
    for (const { read, index } of output.readable) {
      assert.ok(index >= (this.#reads.get(read) as number), `Read ${read} sees ${index} only`);
      if (input.type === "read") this.safety.checkUnasked(member);
      this.counts.reads++;
    }
    const { role, membership, membershipIndex, commit } = member.running.status();
    if (role === "leader" && membershipIndex <= commit) this.#named.push(membership);
    if (output.messages.some(({ message }) => message.type === "standInReply")) this.counts.standIns++;
  }

  /**
   * A node that belongs to the group under a number that is new begins with nothing. A witness may be needed to commit that
   * it is one, so it is there before, unless its node still has another part in the group.
   */
  #bringUp({ voters, outgoing, learners, target }: Membership): void {
    const members = [
      ...voters,
      ...outgoing,
      ...learners.map((learner) => ({ ...learner, votes: 0, isWitness: false })),
    ];
    const isBusy = (node: NodeId) => members.some((member) => member.node === node);
    const witnesses = (target ?? []).filter(({ node, isWitness }) => isWitness && !isBusy(node));
    for (const voter of [...members, ...witnesses]) {
      if (voter.member > (this.#members.get(voter.node)?.options.member ?? 0)) this.#create(voter, nothing);
    }
  }

  /** Everything that is due happens: arrivals, disks, deadlines. */
  #settle(): void {
    for (const member of this.members) this.#collect(member);
    for (const packet of this.#network.take(this.nowMs, (node) => !this.#machines.isBusy(node, this.nowMs))) {
      const member = this.#members.get(packet.to);
      if (member !== undefined && member.raft !== null) member.receive(packet, this.#clockOf(member));
    }
    for (const member of this.members) this.#serve(member);
    for (const membership of this.#named.splice(0)) this.#bringUp(membership);
  }

  #beat(chance: number): void {
    for (const member of this.members) {
      if (member.raft === null || this.#machines.isBusy(member.id, this.nowMs)) continue;
      if (this.nowMs < (this.#beatsMs.get(member.id) ?? 0)) continue;
      this.#beatsMs.set(member.id, this.nowMs + beatMs);
      if (this.random.chance(chance)) member.beat();
    }
  }

  #serve(member: DiskMember): void {
    if (member.raft === null) return;
    const nowMs = this.#clockOf(member);
    const isWriting = member.pendingWrites > 0 && !this.#machines.isStuck(member.id, this.nowMs);
    if (isWriting && this.random.chance(this.#faults.sync)) {
      member.sync(nowMs, this.random.between(1, member.pendingWrites));
    }
    if (this.#machines.isBusy(member.id, this.nowMs)) return;
    const deadlineMs = member.raft.deadlineMs();
    if (deadlineMs !== null && deadlineMs <= nowMs) this.#step(member, { type: "deadline" });
    if (this.random.chance(0.02)) this.#giveUpTransfers(member);
  }

  /** A snapshot that was lost on its way is given up some time later. */
  #giveUpTransfers(member: DiskMember): void {
    for (const { peer, state } of member.running.status().peers) {
      if (state === "snapshot") this.#step(member, { type: "snapshotSent", peer, last: null });
    }
  }

  #collect(member: DiskMember): void {
    for (const packet of member.outbox.splice(0)) this.#network.send(packet, this.nowMs);
  }
}

function nameOf({ node, member }: { readonly node: NodeId; readonly member: MemberId }): string {
  return `${node}#${member}`;
}

function asTarget({ node, votes, isWitness }: Voter): TargetVoter {
  return { node, votes, isWitness };
}

function founded(voters: readonly Voter[]): Configuration {
  const owners = voters.filter(({ isWitness }) => !isWitness).map(({ node }) => node);
  const { membership, ...rest } = firstConfiguration(owners);
  return { ...rest, membership: { ...membership, voters } };
}
