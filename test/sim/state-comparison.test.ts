// Replicas whose states differ although every checksum of theirs is right: what is not the group's state is found by comparing
// at one index, is thrown away and brought up anew. Where nobody can tell which state it is, the group takes no writes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeGroupCommand, encodeGroupCommand } from "../../proto/codec/commands.ts";
import { type GroupId, type NodeId, toGroupId } from "../../proto/ids.ts";
import type { Entry } from "../../proto/raft.ts";
import { isControl } from "../../proto/raft.ts";
import type { Consistency, GroupRequest, GroupStatus, Reply } from "../../proto/requests.ts";
import type { Input } from "../../server/node/inputs.ts";
import { limits } from "../../server/node/limits.ts";
import { createBoot } from "../../server/simulation/boot.ts";
import { carryOf } from "../../server/simulation/carry.ts";
import { ElectionChecker } from "../../server/simulation/checkers/election.ts";
import { ask } from "../../server/simulation/checkers/timeline-reader.ts";
import { calmLink } from "../../server/simulation/link-options.ts";
import { plainBootstrap } from "../../server/simulation/reference-topology.ts";
import type { Boot } from "../../server/simulation/sim-node.ts";
import { World } from "../../server/simulation/world.ts";
import { bytesOf, textOf } from "../../storage/bytes.ts";
import { namesOf } from "./scene.ts";

const group = toGroupId("rg1");
const nodes = namesOf("a b c d e");
const [a, b, c, d, outsider] = nodes as [NodeId, NodeId, NodeId, NodeId, NodeId];
const key = bytesOf("mark");
/** From an alteration until the replica is found out: a comparison is at most an interval away, and waits for answers. */
const foundMsMax = limits.stateCheckIntervalMs + limits.stateAttemptsMax * limits.stateAnswerMs + 1_000;
const rebuiltMsMax = 10_000;

class Cluster {
  readonly world: World;
  /** What each node takes the value of the marked key for when it is sent it. */
  readonly altered = new Map<NodeId, string>();
  readonly notes: { readonly node: NodeId; readonly text: string; readonly reason: string }[] = [];
  readonly owners: readonly NodeId[];

  constructor(seed: number, owners: readonly NodeId[]) {
    this.owners = owners;
    const bootstrap = plainBootstrap(nodes, [[group, owners]], namesOf("c d e"));
    const boot = this.#altering(createBoot(bootstrap));
    this.world = new World({ seed, cluster: bootstrap.cluster, nodes, boot, carry: carryOf("codec") });
    this.world.network.setLink({ ...calmLink, lossProbability: 0.02 });
    this.world.observe(new ElectionChecker());
    this.world.observe({
      noted: (node, _level, text, { group: about, reason }) => {
        if (about === group) this.notes.push({ node, text, reason: String(reason) });
      },
    });
    for (const node of this.world.nodes) node.start();
    this.until("A manager", () => this.status()?.manager === owners[0], 20_000);
  }

  /** Of the node, what it said of the group that begins so. */
  said(node: NodeId, text: string): readonly string[] {
    return this.notes.filter((note) => note.node === node && note.text === text).map(({ reason }) => reason);
  }

  until(what: string, isSo: () => boolean, withinMs: number): void {
    const untilMs = this.world.nowMs + withinMs;
    while (!isSo()) {
      assert.ok(this.world.nowMs < untilMs, `${what}: not within ${withinMs} ms`);
      this.world.runFor(50);
    }
  }

  /** The marked key is right with everybody but those that alter it, and everybody has applied it. */
  mark(altered: Readonly<Record<string, string>>): void {
    for (const [node, value] of Object.entries(altered)) this.altered.set(node as NodeId, value);
    this.write();
    const up = this.owners.filter((owner) => this.world.node(owner).isRunning);
    for (const owner of up) {
      this.until(`The key at ${owner}`, () => this.get(owner, "local") === (altered[owner] ?? "right"), 5_000);
    }
    this.altered.clear();
  }

  put(): Reply | null {
    const write = { ifModRevision: null, fence: null, returnPrevious: false, lease: 0 };
    return this.#ask(outsider, { type: "put", group, key, value: bytesOf("right"), ...write });
  }

  /** The network loses messages: it is tried until it is there. */
  write(): void {
    this.until("A write", () => this.put()?.type === "put", 10_000);
  }

  /** @returns null when it is not answered */
  get(through: NodeId, consistency: Consistency): string | null {
    const reply = this.#ask(through, { type: "get", group, key, revision: null, consistency });
    return reply?.type === "get" && reply.kv !== null ? textOf(reply.kv.value) : null;
  }

  status(through: NodeId = outsider): GroupStatus | null {
    const reply = this.#ask(through, { type: "groupStatus", group });
    return reply?.type === "groupStatus" ? reply.status : null;
  }

  setOwners(owners: readonly NodeId[]): void {
    const request: GroupRequest = { type: "setOwners", group, owners, ifIndex: null, validateOnly: false };
    this.until("Owners", () => this.#ask(outsider, request)?.type === "setOwners", 30_000);
  }

  restart(): void {
    for (const node of this.world.nodes) {
      if (node.isRunning) node.crash("power");
      node.start();
    }
    this.until("A manager", () => this.status()?.manager != null, 20_000);
  }

  /** Nobody ever shows another value again, until all replicas are whole and equal. */
  mustHeal(): void {
    const shown = new Set<string | null>();
    const isWhole = () => {
      for (const owner of this.owners) shown.add(this.get(owner, "local"));
      const statuses = this.owners.map((owner) => this.status(owner));
      const equal = new Set(statuses.map((status) => `${status?.applied} ${status?.stateHash}`));
      return equal.size === 1 && statuses.every((status, at) => status?.node === this.owners[at]);
    };
    this.until("Equal replicas", isWhole, rebuiltMsMax);
    shown.delete(null);
    assert.deepEqual([...shown], ["right"]);
    this.write();
  }

  #ask(through: NodeId, request: GroupRequest): Reply | null {
    const node = this.world.node(through);
    return node.isRunning ? ask(this.world, node, request) : null;
  }

  /** A memory that turns bits before anything was computed of them: log and state agree with each other, and are wrong. */
  #altering(boot: Boot): Boot {
    return (start) => {
      const booted = boot(start);
      const { machine } = booted;
      const value = () => this.altered.get(start.node) ?? null;
      return {
        ...booted,
        machine: {
          step: (input, nowMs) => machine.step(alteredInput(input, value()), nowMs),
          deadlineMs: () => machine.deadlineMs(),
        },
      };
    };
  }
}

function alteredInput(input: Input, value: string | null): Input {
  if (value === null || input.type !== "peer" || input.envelope.message.type !== "raft") return input;
  const { envelope } = input;
  const { message } = input.envelope.message;
  if (message.type !== "append") return input;
  const entries = message.slice.entries.map((entry) => alteredEntry(entry, value));
  const append = { ...message, slice: { ...message.slice, entries } };
  return { ...input, envelope: { ...envelope, message: { ...input.envelope.message, message: append } } };
}

function alteredEntry(entry: Entry, value: string): Entry {
  if (entry.payload.byteLength === 0 || isControl(entry.payload)) return entry;
  const command = decodeGroupCommand(entry.payload);
  if (command.type !== "write") return entry;
  const writes = command.writes.map((write) => {
    return write.type === "put" && textOf(write.key) === "mark" ? { ...write, value: bytesOf(value) } : write;
  });
  return { ...entry, payload: encodeGroupCommand({ ...command, writes }) };
}

const seeds = [1, 2, 3];

/** No write takes effect: each is refused with the reason, or was lost on its way. */
function mustRefuse(cluster: Cluster, named: readonly NodeId[]): void {
  const refusals: string[] = [];
  const isRefused = () => {
    const reply = cluster.put();
    assert.equal(reply?.type, "failed");
    if (reply?.type === "failed" && reply.failure.code === "corrupt") refusals.push(reply.failure.message);
    return refusals.length === 2;
  };
  cluster.until("A refusal", isRefused, 20_000);
  const message = refusals[0] ?? "";
  assert.match(message, /^The group rg1 is read-only: its replicas differ at index \d+ and no state has a quorum: /);
  for (const node of named) assert.match(message, new RegExp(`\\b${node} [0-9a-f]{16}\\b`));
}

test("an owner whose state is another one than that of the others is found, and rebuilt, and never shows it again", () => {
  for (const seed of seeds) {
    const cluster = new Cluster(seed, [a, b, c]);
    cluster.mark({ b: "wrong" });
    cluster.until("A finding", () => cluster.said(b, "Quarantined a replica").length > 0, foundMsMax);
    assert.match(
      cluster.said(b, "Quarantined a replica")[0] ?? "",
      /^its state at index \d+ is \w{16}, that of a, c is \w{16}$/,
    );
    cluster.mustHeal();
    assert.equal(cluster.status()?.dispute, null);
    assert.equal(cluster.notes.filter(({ text }) => text === "A group is read-only").length, 0);
    // It counts: with one of the others it decides.
    cluster.world.node(c).crash("power");
    cluster.write();
  }
});

test("a manager whose state is another one than that of the others gives way, and is rebuilt", () => {
  for (const seed of seeds) {
    const cluster = new Cluster(seed, [a, b, c]);
    cluster.world.node(a).crash("power");
    cluster.until("Another manager", () => cluster.status()?.manager === b, 10_000);
    cluster.mark({});
    cluster.altered.set(a, "wrong");
    cluster.world.node(a).start();
    cluster.until("The key at a", () => cluster.get(a, "local") === "wrong", 10_000);
    cluster.altered.clear();
    // Precedence makes it the manager, and a manager compares when it begins.
    cluster.until("A finding", () => cluster.said(a, "Quarantined a replica").length > 0, 90_000);
    cluster.mustHeal();
    assert.equal(cluster.status()?.dispute, null);
  }
});

test("a group of which no two replicas agree takes no writes, over restarts, until a quorum agrees again", () => {
  for (const seed of seeds) {
    const cluster = new Cluster(seed, [a, b, c]);
    cluster.mark({ b: "wrong", c: "false" });
    cluster.until("A dispute", () => (cluster.status()?.dispute ?? null) !== null, foundMsMax);
    mustRefuse(cluster, [a, b, c]);
    cluster.until("A warning of each", () => [a, b, c].every((each) => isWarned(cluster, each)), 2_000);
    assert.equal(cluster.get(outsider, "linearizable"), "right");
    cluster.restart();
    mustRefuse(cluster, [a, b, c]);
    cluster.world.node(a).crash("power");
    cluster.until("Another manager", () => [b, c].includes(cluster.status(b)?.manager as NodeId), 10_000);
    mustRefuse(cluster, [a, b, c]);
    cluster.world.node(a).start();
    cluster.until("The old manager", () => cluster.status(a)?.manager === a, 60_000);
    assert.equal(cluster.notes.filter(({ text }) => text === "Quarantined a replica").length, 0);
    // The operator's decision: a has it right, and brings another owner up.
    cluster.setOwners([a, d]);
    cluster.until("No dispute", () => cluster.status(a)?.dispute === null, 2 * limits.stateCheckRetryMs);
    cluster.setOwners([a, b, c]);
    cluster.mustHeal();
  }
});

function isWarned(cluster: Cluster, node: NodeId): boolean {
  return cluster.said(node, "A group is read-only").length > 0;
}

test("a dispute names every owner that has its own state, also one that comes back later", () => {
  const cluster = new Cluster(1, [a, b, c]);
  cluster.mark({ b: "wrong", c: "false" });
  cluster.world.node(c).crash("process");
  const named = () =>
    cluster
      .status(a)
      ?.dispute?.hashes.map(({ node }) => node)
      .join() ?? "";
  cluster.until("A dispute", () => named() === "a,b", foundMsMax);
  cluster.world.node(c).start();
  cluster.until("A third one", () => named() === "a,b,c", 20_000);
  mustRefuse(cluster, [a, b, c]);
});

test("two owners that differ take no writes, and their witness has no say", () => {
  const cluster = new Cluster(1, [a, b]);
  const asked = new Set<string>();
  cluster.world.observe({
    left: (_from, to, message) => {
      if (message.type === "stateQuestion") asked.add(to);
    },
  });
  cluster.until("A witness", () => witnessOf(cluster) !== null, 10_000);
  cluster.mark({ b: "wrong" });
  cluster.until("A dispute", () => (cluster.status()?.dispute ?? null) !== null, foundMsMax);
  mustRefuse(cluster, [a, b]);
  assert.deepEqual(
    cluster.status()?.dispute?.hashes.map(({ node }) => node),
    [a, b],
  );
  assert.deepEqual([...asked].toSorted(), [b]);
});

function witnessOf(cluster: Cluster): NodeId | null {
  return cluster.status()?.membership.voters.find(({ isWitness }) => isWitness)?.node ?? null;
}

test("a dispute of two owners ends by itself when the third one is back, which decides it", () => {
  for (const seed of seeds) {
    const cluster = new Cluster(seed, [a, b, c]);
    cluster.world.node(c).crash("power");
    cluster.mark({ b: "wrong" });
    cluster.until("A dispute", () => (cluster.status(a)?.dispute ?? null) !== null, foundMsMax);
    mustRefuse(cluster, [a, b]);
    cluster.world.node(c).start();
    cluster.until("A finding", () => cluster.said(b, "Quarantined a replica").length > 0, 20_000);
    cluster.until("No dispute", () => cluster.status(a)?.dispute === null, 5_000);
    cluster.mustHeal();
  }
});

test("owners that agree say so to their manager, and are left alone once they have", () => {
  const cluster = new Cluster(1, [a, b, c]);
  const isCompared = () => cluster.status(a)?.compared?.hashes.length === 3;
  cluster.until("A comparison", isCompared, 10_000);
  const first = cluster.status(a)?.compared?.index ?? 0;
  const asked: GroupId[] = [];
  cluster.world.observe({
    left: (_from, _to, message) => {
      if (message.type === "stateQuestion") asked.push(message.group);
    },
  });
  cluster.write();
  cluster.until("Another comparison", () => (cluster.status(a)?.compared?.index ?? 0) > first, foundMsMax);
  // A decision of the manager may follow the write, and is compared as well.
  cluster.world.runFor(3 * limits.stateCheckIntervalMs);
  const { length } = asked;
  assert.ok(length > 0);
  cluster.world.runFor(3 * limits.stateCheckIntervalMs);
  assert.equal(asked.length, length);
});
