// The world of the scripts: members with disks, links that keep order, one clock. Everything that happens becomes a line
// of the trace. Nothing moves by itself: a command decides what is delivered, written or late.

import { compareNames, type Millis, type NodeId, toMemberId, toMillis, toNodeId } from "../../../proto/ids.ts";
import { type Configuration, firstConfiguration } from "../../../proto/membership.ts";
import type { RaftInput, RaftOptions, RaftOutput } from "../../../server/raft/types.ts";
import { DiskMember, type Packet } from "../../unit/raft/disk-member.ts";
import { optionsOf } from "../../unit/raft/fixtures.ts";
import { describeInput, describeOutput, describePacket } from "./describe.ts";

/** Rounds of delivery, or deadlines in one advance, after which a script is taken to run for ever. */
const roundsMax = 200;

export class Cluster {
  readonly members = new Map<NodeId, DiskMember>();
  /** Links whose packets are lost, as `n1->n2`. */
  readonly cut = new Set<string>();
  /** Members whose disk finishes nothing until told. */
  readonly slow = new Set<NodeId>();
  nowMs: Millis = toMillis(0);
  /** Beats that change nothing leave no line. */
  hidesBeats = false;
  #queue: Packet[] = [];
  #lines: string[] = [];
  #options: Partial<RaftOptions> = {};

  /** @param witness the last of them is one */
  create(count: number, change: Partial<RaftOptions>, witness = false): void {
    const names = Array.from({ length: count }, (_, position) => toNodeId(`n${position + 1}`));
    this.#options = change;
    const configuration = witness ? witnessed(firstConfiguration(names)) : firstConfiguration(names);
    for (const [at, name] of names.entries()) {
      const isWitness = witness && at === count - 1;
      this.#add(name, new DiskMember(optionsOf(name, { ...change, isWitness }), isWitness ? unknown : configuration));
    }
  }

  /** A node that comes later, in place of what ran under its name. */
  join(name: string, number: number, isWitness: boolean): void {
    const node = toNodeId(name);
    this.members.get(node)?.crash();
    this.forget(node);
    this.#add(
      node,
      new DiskMember(optionsOf(node, { ...this.#options, member: toMemberId(number), isWitness }), unknown),
    );
  }

  start(member: DiskMember): void {
    member.start(Number(member.id.slice(1)), this.nowMs);
  }

  /** @param name `1` or `n1` */
  member(name: string): DiskMember {
    const member = this.members.get(this.nameOf(name));
    if (member === undefined) throw new Error(`No member ${name}`);
    return member;
  }

  /** @param text `1` or `n1` */
  nameOf(text: string): NodeId {
    return toNodeId(text.startsWith("n") ? text : `n${text}`);
  }

  step(member: DiskMember, input: RaftInput): void {
    member.step(input, this.nowMs);
    this.#collect();
  }

  beat(member: DiskMember): void {
    member.beat();
    this.#collect();
  }

  say(line: string): void {
    this.#lines.push(line);
  }

  takeLines(): string[] {
    return this.#lines.splice(0);
  }

  /** Delivers and writes until nothing is left that moves without the clock. */
  stabilize(): void {
    for (let round = 0; round < roundsMax; round++) {
      const wrote = this.sync([...this.members.values()].filter((member) => !this.slow.has(member.id)));
      if (!this.deliver(() => true) && !wrote) return;
    }
    throw new Error(`No rest after ${roundsMax} rounds`);
  }

  /** Finishes the writes of these members. */
  sync(members: readonly DiskMember[]): boolean {
    const busy = members.filter((member) => member.raft !== null && member.pendingWrites > 0);
    for (const member of busy) member.sync(this.nowMs);
    this.#collect();
    return busy.length > 0;
  }

  /** Finishes the oldest write of this member. */
  syncOne(member: DiskMember): void {
    member.sync(this.nowMs, 1);
    this.#collect();
  }

  /** Delivers what waits on the chosen links now; what the deliveries cause stays for later. */
  deliver(chosen: (packet: Packet) => boolean): boolean {
    const packets = this.#queue.filter(chosen);
    this.#queue = this.#queue.filter((packet) => !packets.includes(packet));
    for (const packet of packets) {
      const { to } = packet;
      const member = this.members.get(to);
      if (member === undefined || member.raft === null) this.say(`  lost: ${to} is down`);
      else member.receive(packet, this.nowMs);
      this.#collect();
    }
    return packets.length > 0;
  }

  /** Moves the clock; what comes due on the way happens at its own moment. `act` runs after each. */
  advance(byMs: number, act: () => void): void {
    const endMs = this.nowMs + byMs;
    let rounds = 0;
    for (let due = this.#nextDue(endMs); due !== null; due = this.#nextDue(endMs)) {
      if (++rounds > roundsMax) throw new Error(`${due.member.id} is due again and again`);
      this.nowMs = toMillis(Math.max(this.nowMs, due.deadlineMs));
      this.step(due.member, { type: "deadline" });
      act();
    }
    this.nowMs = toMillis(endMs);
  }

  lose(packet: Packet): boolean {
    return this.cut.has(`${packet.from}->${packet.to}`);
  }

  forget(name: NodeId): void {
    this.#queue = this.#queue.filter((packet) => packet.to !== name);
  }

  #add(name: NodeId, member: DiskMember): void {
    member.observe = (input, output) => this.#record(member, input, output);
    this.members.set(name, member);
    this.start(member);
  }

  #nextDue(endMs: number): { member: DiskMember; deadlineMs: number } | null {
    const due = [...this.members.values()]
      .flatMap((member) => ({ member, deadlineMs: member.raft?.deadlineMs() ?? Number.POSITIVE_INFINITY }))
      .filter(({ deadlineMs }) => deadlineMs <= endMs)
      .sort((left, right) => left.deadlineMs - right.deadlineMs || compareNames(left.member.id, right.member.id));
    return due[0] ?? null;
  }

  #collect(): void {
    for (const member of this.members.values()) {
      for (const packet of member.outbox.splice(0)) {
        const isLost = this.lose(packet);
        if (!this.#hides(packet)) this.say(`  ${describePacket(packet)}${isLost ? "  (lost)" : ""}`);
        if (!isLost) this.#queue.push(packet);
      }
    }
  }

  #record(member: DiskMember, input: RaftInput, output: RaftOutput): void {
    const lines = describeOutput(output);
    const isBeat = input.type === "message" && isBeatMessage(input.message.type);
    if (this.hidesBeats && isBeat && lines.length === 0) return;
    this.say(`${this.nowMs}ms ${member.id}: ${describeInput(input)}`);
    for (const line of lines) this.say(`  ${line}`);
  }

  #hides({ content }: Packet): boolean {
    return this.hidesBeats && content.type === "raft" && isBeatMessage(content.message.type);
  }
}

const unknown = firstConfiguration([]);

/** The last of the voters as the witness of the others. */
function witnessed(configuration: Configuration): Configuration {
  const { membership } = configuration;
  const voters = membership.voters.map((voter, at) => ({ ...voter, isWitness: at === membership.voters.length - 1 }));
  return { ...configuration, membership: { ...membership, voters, owners: membership.owners.slice(0, -1) } };
}

function isBeatMessage(type: string): boolean {
  return type === "beat" || type === "beatReply";
}
