// A small random world of Raft members alone: loss, duplication, reordering, delay, slow disks, crashes that lose
// unsynced writes, compaction and snapshots. Checks after every event; then heals and demands progress.
// Replay one seed: `RAFT_SEED=17 node --test test/unit/raft/random.test.ts`.

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { type NodeId, toLogIndex, toMillis, toNodeId } from "../../../proto/ids.ts";
import { firstConfiguration } from "../../../proto/membership.ts";
import type { EntryId } from "../../../proto/raft.ts";
import { Random } from "../../../proto/random.ts";
import type { RaftOutput } from "../../../server/raft/types.ts";
import { DiskMember, type Packet } from "./disk-member.ts";
import { optionsOf, payload, textOf } from "./fixtures.ts";

const seeds = process.env["RAFT_SEED"]
  ? [Number(process.env["RAFT_SEED"])]
  : Array.from({ length: 200 }, (_, i) => i + 1);
const eventsPerSeed = 800;

interface Flying extends Packet {
  readonly arrivesMs: number;
}

class World {
  readonly random: Random;
  readonly members: DiskMember[];
  nowMs = 0;
  flying: Flying[] = [];
  faults: {
    readonly loss: number;
    readonly duplicate: number;
    readonly delayMs: number;
    readonly crash: number;
    readonly partition: number;
  };
  /** The members on one side of a partition; empty for none. */
  #side = new Set<NodeId>();
  #proposed = 0;
  #read = 0;
  readonly #leaders = new Map<number, NodeId>();
  readonly #committed: EntryId[] = [];
  readonly #texts: string[] = [];
  readonly #reads = new Map<number, number>();
  readonly #seen = new Map<NodeId, { term: number; commit: number }>();
  readsServed = 0;

  constructor(seed: number) {
    this.random = new Random(seed);
    const names = Array.from({ length: this.random.pick([3, 5]) }, (_, i) => toNodeId(`n${i + 1}`));
    const change = { appendBytesMax: 12, inflightEntriesMax: 4, resendMs: 60, electionTimeoutMs: 200 };
    this.members = names.map((name) => new DiskMember(optionsOf(name, change), firstConfiguration(names)));
    this.faults = {
      loss: this.random.pick([0, 0.05, 0.3]),
      duplicate: this.random.pick([0, 0.2]),
      delayMs: this.random.pick([2, 30, 150]),
      crash: this.random.pick([0, 0.01, 0.03]),
      partition: this.random.pick([0, 0.02, 0.06]),
    };
    for (const member of this.members) this.#start(member);
  }

  get committed(): number {
    return this.#committed.length;
  }

  event(): void {
    this.nowMs += this.random.between(0, 15);
    const member = this.random.pick(this.members);
    if (member.raft === null) {
      if (this.random.chance(0.1)) this.#start(member);
    } else this.#disturbOrUse(member);
    this.settle();
  }

  /** Everything that is due happens: arrivals, disks, deadlines. */
  settle(): void {
    for (const member of this.members) this.#collect(member);
    const due = this.flying.filter((packet) => packet.arrivesMs <= this.nowMs);
    this.flying = this.flying.filter((packet) => packet.arrivesMs > this.nowMs);
    for (const packet of this.random.shuffle(due)) {
      const member = this.#named(packet.to);
      if (member.raft !== null) member.receive(packet, toMillis(this.nowMs));
    }
    for (const member of this.members) this.#serve(member);
    this.#checkLogs();
  }

  heal(): void {
    this.faults = { loss: 0, duplicate: 0, delayMs: 2, crash: 0, partition: 0 };
    this.#side.clear();
    for (const member of this.members) if (member.raft === null) this.#start(member);
  }

  calm(forMs: number): void {
    for (const endMs = this.nowMs + forMs; this.nowMs < endMs; this.nowMs += 2) {
      if (this.nowMs % 40 < 2) for (const member of this.members) member.beat();
      this.settle();
    }
  }

  leader(): DiskMember | undefined {
    return this.members.find((member) => member.running.status().role === "leader");
  }

  #disturbOrUse(member: DiskMember): void {
    const { random } = this;
    const nowMs = toMillis(this.nowMs);
    if (random.chance(this.faults.crash)) member.crash(random.between(0, member.pendingWrites));
    else if (random.chance(this.faults.partition)) this.#partition();
    else if (random.chance(0.3)) member.beat();
    else if (random.chance(0.1)) member.step({ type: "read", read: this.#newRead() }, nowMs);
    else if (random.chance(0.05)) member.compact(toLogIndex(random.between(0, member.appliedIndex)), nowMs);
    else member.step({ type: "propose", payloads: [payload(`v${++this.#proposed}`)] }, nowMs);
  }

  #partition(): void {
    const { random, members } = this;
    const sides = random.shuffle(members.map((member) => member.id));
    this.#side = new Set(random.chance(0.3) ? [] : sides.slice(0, random.between(1, sides.length - 1)));
  }

  #newRead(): number {
    this.#reads.set(++this.#read, this.#committed.length);
    return this.#read;
  }

  #start(member: DiskMember): void {
    // A node may have applied less than the log holds: then the rest is handed out again.
    const floor = member.log.previous.index;
    member.applied = member.applied.slice(0, this.random.between(floor, member.appliedIndex));
    this.#seen.delete(member.id);
    member.observe = (_, output) => this.#check(member, output);
    member.start(this.random.uint32(), toMillis(this.nowMs));
  }

  #serve(member: DiskMember): void {
    if (member.raft === null) return;
    const nowMs = toMillis(this.nowMs);
    if (member.pendingWrites > 0 && this.random.chance(0.5)) {
      member.sync(nowMs, this.random.between(1, member.pendingWrites));
    }
    const deadlineMs = member.raft.deadlineMs();
    if (deadlineMs !== null && deadlineMs <= this.nowMs) member.step({ type: "deadline" }, nowMs);
    if (this.random.chance(0.02)) this.#giveUpTransfers(member);
  }

  /** A snapshot that was lost on its way is given up some time later. */
  #giveUpTransfers(member: DiskMember): void {
    for (const { peer, state } of member.running.status().peers) {
      if (state === "snapshot") member.step({ type: "snapshotSent", peer, last: null }, toMillis(this.nowMs));
    }
  }

  #collect(member: DiskMember): void {
    for (const packet of member.outbox.splice(0)) {
      if (this.random.chance(this.faults.loss)) continue;
      if (this.#side.has(packet.from) !== this.#side.has(packet.to)) continue;
      const copies = this.random.chance(this.faults.duplicate) ? 2 : 1;
      for (let copy = 0; copy < copies; copy++) {
        this.flying.push({ ...packet, arrivesMs: this.nowMs + this.random.between(0, this.faults.delayMs) });
      }
    }
  }

  #named(name: NodeId): DiskMember {
    return this.members.find((member) => member.id === name) as DiskMember;
  }

  #check(member: DiskMember, output: RaftOutput): void {
    const { role, term, commit } = member.running.status();
    const seen = this.#seen.get(member.id) ?? { term: member.hardState.term, commit: 0 };
    assert.ok(term >= seen.term && commit >= seen.commit, `${member.id}: term or commit fell`);
    this.#seen.set(member.id, { term, commit });
    if (role === "leader") this.#checkLeader(member, term);
    for (const entry of output.committed) this.#checkCommitted(member, entry, textOf(entry));
    for (const { read, index } of output.readable) {
      assert.ok(index >= (this.#reads.get(read) as number), `Read ${read} sees ${index} only`);
      this.readsServed++;
    }
  }

  /** Election safety and leader completeness. */
  #checkLeader(member: DiskMember, term: number): void {
    const known = this.#leaders.get(term);
    assert.ok(known === undefined || known === member.id, `Term ${term}: leaders ${known} and ${member.id}`);
    if (known !== undefined) return;
    this.#leaders.set(term, member.id);
    const { first } = member.running.status();
    for (const entry of this.#committed.slice(first - 1)) {
      assert.ok(member.running.holds(entry), `Leader ${member.id} of term ${term} lacks ${entry.term}/${entry.index}`);
    }
  }

  /** State machine safety. */
  #checkCommitted(member: DiskMember, { term, index }: EntryId, text: string): void {
    const known = this.#committed[index - 1];
    if (known === undefined) {
      assert.equal(index, this.#committed.length + 1);
      this.#committed.push({ term, index });
      this.#texts.push(text);
      return;
    }
    assert.deepEqual([known.term, this.#texts[index - 1]], [term, text], `${member.id} applies another entry ${index}`);
  }

  /** Log matching, on the disks: where two logs share an entry, all before it is shared. */
  #checkLogs(): void {
    const first = this.members[0] as DiskMember;
    for (const other of this.members.slice(1)) {
      let agreed = true;
      const end = Math.min(lastOf(first), lastOf(other));
      for (let index = Math.max(first.log.previous.index, other.log.previous.index) + 1; index <= end; index++) {
        const [left, right] = [first, other].map((m) => m.log.entries[index - m.log.previous.index - 1]);
        const same = left?.term === right?.term;
        assert.ok(agreed || !same, `Logs of ${first.id} and ${other.id} meet again at ${index}`);
        agreed = same;
      }
    }
  }
}

function lastOf(member: DiskMember): number {
  return member.log.previous.index + member.log.entries.length;
}

test("random networks of 3 and 5 keep every safety property, then make progress", () => {
  let committed = 0;
  let reads = 0;
  for (const seed of seeds) {
    const world = new World(seed);
    try {
      for (let event = 0; event < eventsPerSeed; event++) world.event();
      committed += world.committed;
      demandProgress(world);
    } catch (error) {
      throw new Error(`Seed ${seed} failed: ${(error as Error).message}`, { cause: error });
    }
    reads += world.readsServed;
  }
  assert.ok(committed > seeds.length, `The faults leave room for work: ${committed} entries committed`);
  assert.ok(reads > seeds.length / 4 || seeds.length === 1, `and for reads: ${reads}`);
});

function demandProgress(world: World): void {
  world.heal();
  world.calm(2500);
  const leader = world.leader();
  assert.ok(leader, "A healed network elects a leader");
  const before = leader.appliedIndex;
  leader.step({ type: "propose", payloads: [payload("last")] }, toMillis(world.nowMs));
  world.calm(200);
  assert.ok(leader.appliedIndex > before, "A healed network commits");
  for (const member of world.members) {
    assert.deepEqual(member.applied.map(textOf), leader.applied.map(textOf), `${member.id} equals its leader`);
  }
}
