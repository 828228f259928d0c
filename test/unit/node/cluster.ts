// Real nodes under real hosts, wired in memory: one queue of tasks, a clock that the test turns, disks that survive a
// stop. Messages pass the codec. Nothing is random but the seeds, and nothing is lost unless the test cuts it.

import assert from "node:assert/strict";
import { decodeEnvelope, encodeEnvelope } from "../../../proto/codec/envelope.ts";
import { wireLimits } from "../../../proto/codec/wire-limits.ts";
import {
  type GroupId,
  type Millis,
  type NodeId,
  toBootNumber,
  toClusterId,
  toGroupId,
  toIncarnation,
  toLogIndex,
  toMillis,
  toNodeId,
} from "../../../proto/ids.ts";
import type { Envelope, PeerMessage } from "../../../proto/messages.ts";
import { Random } from "../../../proto/random.ts";
import type { Reply, Request, WatchMessage } from "../../../proto/requests.ts";
import { Allowance } from "../../../server/node/allowance.ts";
import { Calls } from "../../../server/node/calls.ts";
import { Counters } from "../../../server/node/counters.ts";
import { Departures } from "../../../server/node/departures.ts";
import { DiskSpace } from "../../../server/node/disk-space.ts";
import type { Effect, WriteBatch } from "../../../server/node/effects.ts";
import { type Bootstrap, bootOperations, genesisOperations } from "../../../server/node/genesis.ts";
import { HardStates } from "../../../server/node/hard-states.ts";
import { Host } from "../../../server/node/host.ts";
import { readNode, type Stored } from "../../../server/node/image.ts";
import type { Input } from "../../../server/node/inputs.ts";
import { lineageWith } from "../../../server/node/lineage.ts";
import type { LogKept } from "../../../server/node/log-trim.ts";
import { MemorySpace } from "../../../server/node/memory-space.ts";
import { Node, type NodeOptions } from "../../../server/node/node.ts";
import { Outbox } from "../../../server/node/outbox.ts";
import type { Network, Ports } from "../../../server/node/ports.ts";
import { Slots } from "../../../server/node/slots.ts";
import { usualReplacement, type VoterReplacement } from "../../../server/node/voter-replacement.ts";
import { Vouching } from "../../../server/node/vouching.ts";
import type { World } from "../../../server/node/world.ts";
import { bytesOf, emptyBytes, textOf } from "../../../storage/bytes.ts";
import type { HardStateTable } from "../../../storage/hard-state.ts";
import { everyRange } from "../../../storage/keys.ts";
import { MemoryStore } from "../../../storage/memory-store.ts";
import type { Row } from "../../../storage/ordered-store.ts";

export const clusterId = toClusterId("00112233445566778899aabbccddeeff");
export const [n1, n2, n3, n4] = ["n1", "n2", "n3", "n4"].map(toNodeId) as [NodeId, NodeId, NodeId, NodeId];
export const rg = toGroupId("rg");

const muchLog: LogKept = { bytes: 1e9, entries: 1e6 };
const everything = { rowsMax: Number.MAX_SAFE_INTEGER, bytesMax: Number.MAX_SAFE_INTEGER };
const tasksMax = 200_000;
/** Deadlines that may be due at one moment: more can only be one that is never dealt with. */
const stalledMax = 1_000;

export interface Shape {
  readonly nodes: readonly NodeId[];
  readonly groups: Readonly<Record<string, readonly NodeId[]>>;
  readonly voters: readonly NodeId[];
  /** Who fails together, by node; by default nobody. */
  readonly domains?: Readonly<Record<string, string>>;
  readonly voterReplacement?: VoterReplacement;
}

/** Three nodes own `rg`, a fourth owns nothing. */
export const smallShape: Shape = { nodes: [n1, n2, n3, n4], groups: { rg: [n1, n2, n3] }, voters: [n1, n2, n3] };

export function bootstrapOf(shape: Shape): Bootstrap {
  return {
    cluster: clusterId,
    nodes: shape.nodes.map((node) => ({
      node,
      identity: `id-${node}`,
      peerAddress: "p:1",
      apiAddress: "a:1",
      labels: labelsOf(shape.domains?.[node]),
      capacity: [],
    })),
    groups: Object.entries(shape.groups).map(([group, owners]) => ({
      group: toGroupId(group),
      incarnation: toIncarnation(1),
      owners,
      config: emptyBytes,
    })),
    voters: shape.voters,
    leaseRead: null,
    voterReplacement: shape.voterReplacement ?? usualReplacement,
  };
}

function labelsOf(domain: string | undefined): readonly (readonly [string, string])[] {
  return domain === undefined ? [] : [["failure-domain", domain]];
}

/** What outlives a process. */
export class Disk {
  readonly rows = new MemoryStore({ defer: () => {} });
  table: HardStateTable = [];
  boot = 0;
  /** What it will tell as durable when it hangs no more; null: it does not hang. */
  hung: (() => void)[] | null = null;
  /** What the last start read of it. */
  lastRead: readonly Row[] = [];

  read(): Stored {
    this.lastRead = [];
    const reading = readNode(this.table);
    let next = reading.next();
    while (next.done !== true) {
      const { range, rows } = next.value;
      const page = this.rows.page(range, rows === "first" ? { ...everything, rowsMax: 1 } : everything);
      this.lastRead = [...this.lastRead, ...page.rows];
      next = reading.next(page.rows);
    }
    return next.value;
  }

  /** A copy, as an image of the whole disk is; whoever puts it back puts back the count of starts with it. */
  image(): Disk {
    const image = new Disk();
    const { rows } = this.rows.page(everyRange(), everything);
    image.rows.write(
      rows.map(({ key, value }) => ({ type: "put", key, value })),
      true,
      () => {},
    );
    image.table = this.table;
    image.boot = this.boot;
    return image;
  }

  write(batch: Pick<WriteBatch, "operations" | "hardStates">): void {
    this.rows.write(batch.operations, true, () => {});
    this.table = batch.hardStates ?? this.table;
  }
}

/** One start of one node. */
export class Member {
  readonly node: NodeId;
  readonly disk: Disk;
  readonly machine: Node;
  readonly host: Host;
  readonly replies = new Map<number, Reply>();
  readonly watched = new Map<number, WatchMessage[]>();
  readonly notes: string[] = [];
  /** Of its quarantines. */
  readonly reasons: string[] = [];
  topics: readonly string[] = [];
  timer: { readonly atMs: number; readonly fire: () => void } | null = null;
  isRunning = true;
  #lastCall = 0;

  constructor(
    node: NodeId,
    disk: Disk,
    parts: { readonly ports: (member: Member) => Ports } & Pick<NodeOptions, "logKept" | "voterReplacement">,
  ) {
    this.node = node;
    this.disk = disk;
    const stored = disk.read();
    assert.equal(stored.type, "image", stored.type === "damaged" ? stored.reason : stored.type);
    const { ports, ...options } = parts;
    const image = (stored as Extract<Stored, { type: "image" }>).image;
    this.machine = new Node({ image, seed: disk.boot * 31 + Number(node.slice(1)), wallOffsetMs: 1e12, ...options });
    this.host = new Host(ports(this), this.machine);
  }

  call(request: Request, budgetMs = 5000): number {
    this.#lastCall += 1;
    this.host.deliver({ type: "call", call: this.#lastCall, request, budgetMs });
    return this.#lastCall;
  }

  watch(request: Request): number {
    const call = this.call(request);
    this.watched.set(call, []);
    return call;
  }
}

export class Cluster {
  readonly bootstrap: Bootstrap;
  readonly members = new Map<NodeId, Member>();
  readonly disks = new Map<NodeId, Disk>();
  nowMs = 1000;
  isGossipDead = false;
  /** Every message that left a node, newest last; a test may clear it. */
  sent: { readonly from: NodeId; readonly to: NodeId; readonly message: PeerMessage }[] = [];
  /** How often a message arrives: 0 loses it, 2 repeats it. */
  copies: (from: NodeId, to: NodeId, message: PeerMessage) => number = () => 1;
  /** What arrives instead of a message. */
  change: (message: PeerMessage) => PeerMessage = (message) => message;
  readonly #logKept: LogKept;
  readonly #cuts = new Set<string>();
  #starts = 0;
  #tasks: (() => void)[] = [];

  constructor(shape: Shape = smallShape, running: readonly NodeId[] = shape.nodes, logKept = muchLog) {
    this.bootstrap = bootstrapOf(shape);
    this.#logKept = logKept;
    for (const node of shape.nodes) this.disks.set(node, new Disk());
    for (const node of running) this.start(node);
    this.settle();
  }

  /** @param quarantine as a start decides it that finds its data lost */
  start(node: NodeId, quarantine: string | null = null): Member {
    const disk = this.disks.get(node) as Disk;
    const isEmpty = disk.rows.size === 0;
    const before = disk.read();
    disk.boot = Math.max(disk.boot, before.type === "image" ? before.image.disowned : 0) + 1;
    const boot = toBootNumber(disk.boot);
    this.#starts += 1;
    const start = { boot, nonce: this.#starts.toString(16).padStart(16, "0"), lap: 0 };
    const lineage = lineageWith(before.type === "image" ? before.image.lineage : [], start);
    const genesis = { bootstrap: this.bootstrap, self: node, start, quarantine };
    disk.write({
      operations: isEmpty ? genesisOperations(genesis) : bootOperations(lineage, quarantine),
      hardStates: null,
    });
    const member = new Member(node, disk, {
      ports: (self) => this.#ports(self),
      logKept: this.#logKept,
      voterReplacement: this.bootstrap.voterReplacement,
    });
    this.members.set(node, member);
    member.host.deliver({ type: "start" });
    for (const other of this.members.values()) this.#connect(member, other);
    return member;
  }

  /** Between two steps; what was not written is gone. */
  stop(node: NodeId): void {
    const member = this.member(node);
    member.isRunning = false;
    member.host.stop();
    this.members.delete(node);
    for (const other of this.members.values()) other.host.deliver({ type: "peerDown", peer: node });
  }

  wipe(node: NodeId): void {
    const boot = this.disks.get(node)?.boot ?? 0;
    const disk = new Disk();
    disk.boot = boot;
    this.disks.set(node, disk);
  }

  cut(left: NodeId, right: NodeId): void {
    this.#cuts.add(`${left} ${right}`).add(`${right} ${left}`);
    this.members.get(left)?.host.deliver({ type: "peerDown", peer: right });
    this.members.get(right)?.host.deliver({ type: "peerDown", peer: left });
  }

  heal(): void {
    const healed = [...this.#cuts];
    this.#cuts.clear();
    for (const pair of healed) {
      const [left, right] = pair.split(" ").map((name) => this.members.get(toNodeId(name)));
      if (left !== undefined && right !== undefined) left.host.deliver({ type: "peerUp", peer: right.node });
    }
  }

  member(node: NodeId): Member {
    const member = this.members.get(node);
    assert.ok(member !== undefined, `${node} does not run`);
    return member;
  }

  /** Runs until nothing is left to do at this moment. */
  settle(): void {
    for (let ran = 0; this.#tasks.length > 0; ran++) {
      assert.ok(ran < tasksMax, "the nodes never come to rest");
      (this.#tasks.shift() as () => void)();
    }
  }

  advance(ms: number): void {
    const endMs = this.nowMs + ms;
    this.settle();
    let stalled = 0;
    for (let next = this.#nextTimer(); next !== null && next.atMs <= endMs; next = this.#nextTimer()) {
      stalled = next.atMs > this.nowMs ? 0 : stalled + 1;
      assert.ok(stalled < stalledMax, `${next.member.node} wants a deadline that has passed, again and again`);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.member.timer = null;
      next.fire();
      this.settle();
    }
    this.nowMs = endMs;
  }

  /** Advances until `isTrue`, at most `ms`. */
  until(isTrue: () => boolean, ms = 10_000): void {
    for (let waited = 0; !isTrue(); waited += 10) {
      assert.ok(waited < ms, `it did not come true within ${ms} ms`);
      this.advance(10);
    }
  }

  /** The answer to a call, waited for. */
  ask<Type extends Reply["type"]>(
    node: NodeId,
    request: Request,
    type: Type,
    budgetMs = 5000,
  ): Extract<Reply, { type: Type }> {
    const member = this.member(node);
    const call = member.call(request, budgetMs);
    this.until(() => member.replies.has(call), budgetMs + 1000);
    const reply = member.replies.get(call) as Reply;
    assert.equal(reply.type, type, JSON.stringify(reply));
    return reply as Extract<Reply, { type: Type }>;
  }

  /** Waits until a node has heard that there is such a group. */
  knows(node: NodeId, group: GroupId): void {
    this.until(() => this.ask(node, { type: "directory" }, "directory").groups.some((entry) => entry.group === group));
  }

  /** Who leads a group, once somebody does. */
  leader(group: GroupId = rg): NodeId {
    const request: Request = { type: "groupStatus", group };
    let found: NodeId | null = null;
    this.until(() => {
      const owner = [...this.members.keys()].find((node) => this.bootstrap.groups.some((g) => g.owners.includes(node)));
      found = this.ask(owner as NodeId, request, "groupStatus").status.manager;
      return found !== null && this.members.has(found);
    });
    return found as unknown as NodeId;
  }

  #nextTimer(): { readonly atMs: number; readonly fire: () => void; readonly member: Member } | null {
    let next: { atMs: number; fire: () => void; member: Member } | null = null;
    for (const member of this.members.values()) {
      if (member.timer !== null && (next === null || member.timer.atMs < next.atMs)) next = { ...member.timer, member };
    }
    return next;
  }

  #connect(member: Member, other: Member): void {
    if (member === other || this.#cuts.has(`${member.node} ${other.node}`)) return;
    member.host.deliver({ type: "peerUp", peer: other.node });
    other.host.deliver({ type: "peerUp", peer: member.node });
  }

  #ports(member: Member): Ports {
    const run = (task: () => void) => {
      this.#tasks.push(() => {
        if (member.isRunning) task();
      });
    };
    return {
      clock: {
        nowMs: () => toMillis(this.nowMs) as Millis,
        setTimer: (atMs, fire) => {
          member.timer = atMs === null ? null : { atMs, fire };
        },
        defer: run,
      },
      disk: {
        erase: (range) => run(() => member.disk.rows.erase(range)),
        write: (batch, done) => {
          run(() => {
            member.disk.write(batch);
            if (member.disk.hung === null) done({ type: "done" });
            else member.disk.hung.push(() => done({ type: "done" }));
          });
        },
      },
      network: this.#network(member),
      answers: {
        reply: (call, reply) => {
          assert.ok(!member.replies.has(call), `call ${call} of ${member.node} is answered twice`);
          member.replies.set(call, reply);
        },
        watch: (call, message) => {
          member.watched.get(call)?.push(message);
          if (message.type === "events") member.host.deliver({ type: "drained", call });
        },
      },
      journal: {
        note: (_level, text, fields) => {
          member.notes.push(text);
          if (text === "Quarantined") member.reasons.push(String(fields["reason"]));
        },
      },
      fatal: (reason) => {
        throw reason;
      },
    };
  }

  #network(member: Member): Network {
    const boot = toBootNumber(member.disk.boot);
    const pass = (to: NodeId, message: PeerMessage, published: boolean) => {
      this.sent.push({ from: member.node, to, message });
      if (this.#cuts.has(`${member.node} ${to}`)) return;
      const copies = this.copies(member.node, to, message);
      const bytes = encodeEnvelope({ cluster: clusterId, from: member.node, boot, message: this.change(message) });
      if (bytes.byteLength > wireLimits.sentBytesMax) return;
      const arrive = () => {
        const target = this.members.get(to);
        const envelope = decodeEnvelope(bytes);
        if (target !== undefined) target.host.deliver({ type: "peer", from: member.node, published, envelope });
        else if (member.isRunning) member.host.deliver({ type: "peerDown", peer: to });
      };
      for (let copy = 0; copy < copies; copy++) this.#tasks.push(arrive);
    };
    return {
      send: (to, message) => pass(to, message, false),
      publish: (topic, message) => {
        if (this.isGossipDead) return;
        for (const other of this.members.values()) {
          if (other !== member && other.topics.includes(topic)) pass(other.node, message, true);
        }
      },
      configure: (_peers, topics) => {
        member.topics = topics;
      },
    };
  }
}

/** Hands an input to a node as if `from` had sent it. */
export function peerInput(from: NodeId, message: PeerMessage, change: Partial<Envelope> = {}): Input {
  const envelope = { cluster: clusterId, from, boot: toBootNumber(1), message, ...change };
  return { type: "peer", from, published: false, envelope };
}

export function put(key: string, value: string | Uint8Array, group: GroupId = rg): Request {
  const bytes = typeof value === "string" ? bytesOf(value) : value;
  return {
    type: "put",
    group,
    key: bytesOf(key),
    value: bytes,
    lease: 0,
    ifModRevision: null,
    fence: null,
    returnPrevious: false,
  };
}

export function get(key: string, consistency: "linearizable" | "local" = "linearizable", group: GroupId = rg): Request {
  return { type: "get", group, key: bytesOf(key), revision: null, consistency };
}

export function list(limit = 1000, group: GroupId = rg): Request {
  const span = { start: emptyBytes, end: null };
  return {
    type: "list",
    group,
    span,
    revision: null,
    consistency: "linearizable",
    limit,
    keysOnly: false,
    countOnly: false,
    continues: false,
  };
}

export function remove(start: string, end: string, group: GroupId = rg): Request {
  const span = { start: bytesOf(start), end: bytesOf(end) };
  return { type: "delete", group, span, ifModRevision: null, fence: null, returnPrevious: false };
}

export function watchAll(startRevision: number | null = null, group: GroupId = rg): Request {
  const span = { start: emptyBytes, end: null };
  const start = startRevision as (Request & { type: "watch" })["startRevision"];
  const kinds = {
    puts: true,
    deletes: true,
    previousValues: false,
    withoutExpiries: false,
    progressIntervalMs: 0,
    initial: false,
    bufferBytesMax: 0,
  };
  return { type: "watch", group, span, startRevision: start, ...kinds };
}

export function textIn(reply: Extract<Reply, { type: "get" }>): string | null {
  return reply.kv === null ? null : textOf(reply.kv.value);
}

/** What the parts of a node share, without a node. */
export function worldOf(self: NodeId): World & { readonly quarantines: Map<NodeId, string> } {
  const out = new Outbox();
  return {
    self,
    cluster: clusterId,
    boot: toBootNumber(1),
    nonce: "00000000000000ab",
    out,
    calls: new Calls(out),
    hardStates: new HardStates([]),
    slots: new Slots(1),
    vouching: new Vouching(),
    counters: new Counters(),
    random: new Random(1),
    logKept: muchLog,
    leaseRead: null,
    voterReplacement: usualReplacement,
    diskSpace: new DiskSpace(self, 0),
    memorySpace: new MemorySpace(self, 1e9),
    recounts: new Allowance(0, 0),
    wallOffsetMs: () => 0,
    isDoubtful: () => false,
    isForgetful: () => false,
    quarantines: new Map(),
    connected: new Set(),
    departures: new Departures(self),
  };
}

/** What a part has asked for since the last call. */
export function effectsOf(world: World): readonly Effect[] {
  return world.out.take(toLogIndex(0), "");
}

export function sentBy(world: World): readonly (readonly [to: NodeId, message: PeerMessage])[] {
  return effectsOf(world).flatMap((effect) => (effect.type === "send" ? [[effect.to, effect.message] as const] : []));
}
