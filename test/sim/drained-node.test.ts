// A node of the reference cluster is drained under load, and the manager of either of its groups loses power at a record of it:
// once for every record that any node writes. Both groups come to the same end, nothing stays locked, and once the operator has
// been told that it is done both applications are elsewhere. Then a node of many groups, and a group that has no quorum.

import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeClusterCommand, decodeGroupCommand } from "../../proto/codec/commands.ts";
import { type GroupId, type NodeId, toGroupId, toNodeId } from "../../proto/ids.ts";
import type { Intent, RecoveryStatus } from "../../proto/model.ts";
import type { GroupStatus, Reply, Request } from "../../proto/requests.ts";
import type { Effect } from "../../server/node/effects.ts";
import { limits } from "../../server/node/limits.ts";
import { createReferenceTopology, plainBootstrap } from "../../server/simulation/reference-topology.ts";
import { Testbed } from "../../server/simulation/testbed.ts";
import { type Topology, topologyOf } from "../../server/simulation/topology.ts";
import { parseKey, type StateTable } from "../../storage/keys.ts";
import { decodeLogRun } from "../../storage/log-rows.ts";
import { calmOptions, namesOf } from "./scene.ts";

/** Who is drained, and through whom that is asked for. */
interface Roles {
  readonly node: NodeId;
  readonly through: NodeId;
}

const first = toNodeId("n202");
const ofReference: Roles = { node: toNodeId("n208"), through: toNodeId("n218") };
const [coordinator, participant] = ["rg220", "rg226"].map(toGroupId) as [GroupId, GroupId];
const downMs = 1_500;
/** After the return of who was down, until nothing is locked any more. */
const settledMsMax = 3 * limits.transactionTimeoutMs;
const answerMsMax = 10_000;

const tables: ReadonlySet<StateTable> = new Set(["coordinated", "prepared", "closed", "intents"]);
const steps: ReadonlySet<string> = new Set(["begin", "prepare", "decide", "finish", "forget"]);

type WriteEffect = Extract<Effect, { type: "write" }>;

/** Whether it has a row, or an entry of a group's log, that is of the planned change. */
function isRecord(effect: Effect): boolean {
  return effect.type === "write" && effect.batch.operations.some(isOfChange);
}

function isOfChange(operation: WriteEffect["batch"]["operations"][number]): boolean {
  const key = parseKey(operation.key);
  if (key.type === "state") return tables.has(key.table);
  if (key.type !== "log" || operation.type !== "put") return false;
  const run = decodeLogRun(operation.value);
  return typeof run !== "string" && run.entries.some(({ payload }) => payload.byteLength > 0 && isStep(payload));
}

/** Logs of groups and that of the cluster database look alike. */
function isStep(payload: Uint8Array): boolean {
  for (const decode of [decodeGroupCommand, decodeClusterCommand]) {
    try {
      return steps.has(decode(payload).type);
    } catch {
      // Of the other kind.
    }
  }
  return false;
}

class Drain {
  readonly testbed: Testbed;
  readonly groups: ReadonlyMap<GroupId, readonly NodeId[]>;
  readonly #roles: Roles;
  readonly #managers = new Map<GroupId, NodeId>();
  #hasCrashed = false;
  records = 0;

  constructor(topology: Topology, roles: Roles) {
    this.#roles = roles;
    this.testbed = new Testbed(calmOptions(1, topology));
    this.groups = new Map([...topology.groups].filter(([, owners]) => owners.includes(roles.node)));
    const { world, clients } = this.testbed;
    world.observe({
      noted: (node, _level, text, fields) => {
        const isNew = text === "Role changed" && fields["role"] === "leader";
        if (isNew) this.#managers.set(fields["group"] as GroupId, node);
      },
    });
    for (const node of world.nodes) node.start();
    this.until("The first owners", () => this.#all(({ ownership }) => ownership.currentOwner !== null), 20_000);
    clients.start();
  }

  /** @param crashAt the record at which `victim`'s manager loses power; null: nobody does */
  play(crashAt: number | null, victim: GroupId): void {
    const { world } = this.testbed;
    let isCounting = true;
    world.observe({
      stepped: (_node, _input, effects) => {
        if (!isCounting || !effects.some(isRecord)) return;
        if (this.records++ === crashAt) world.scheduler.after(0, () => this.#crash(victim));
      },
    });
    const told = this.drain();
    this.until("The end of all locks", () => this.#isSettled(), downMs + settledMsMax);
    this.#mustAgree(told);
    if (told.type !== "drainNode") this.until("The drain", () => this.drain().type === "drainNode", 20_000);
    this.until("The last move", () => this.stands("maintenance"), 10_000);
    assert.ok(
      this.#all(({ ownership }) => ownership.currentOwner !== this.#roles.node && ownership.state === "online"),
    );
    this.until("The end of all locks", () => this.#isSettled(), settledMsMax);
    isCounting = false;
    assert.equal(this.#hasCrashed, crashAt !== null);
  }

  /** Whether all groups of the node say this of it. */
  stands(word: RecoveryStatus): boolean {
    return this.#all((status) => wordIn(status, this.#roles.node) === word);
  }

  drain(wanted: Intent = "drained", skipUnavailable = false): Reply {
    const { node } = this.#roles;
    return this.ask({ type: "drainNode", node, wanted, reason: "new disk", skipUnavailable, validateOnly: false });
  }

  ask(request: Request): Reply {
    const answers: Reply[] = [];
    const lost = () => assert.fail("lost");
    const reply = (given: Reply) => answers.push(given);
    this.testbed.world.node(this.#roles.through).call(request, answerMsMax, { reply, watch: () => {}, lost });
    this.until(`The answer to ${request.type}`, () => answers.length > 0, answerMsMax + 1_000);
    return answers[0] as Reply;
  }

  until(what: string, isSo: () => boolean, withinMs: number): void {
    const { world } = this.testbed;
    const untilMs = world.nowMs + withinMs;
    for (; !isSo(); world.runFor(20)) assert.ok(world.nowMs < untilMs, `${what}: not within ${withinMs} ms`);
  }

  /** What an owner of the group says of another one. */
  says(group: GroupId, node: NodeId): RecoveryStatus | undefined {
    const status = this.#anyStatusOf(group);
    return status === null ? undefined : wordIn(status, node);
  }

  ownerOf(group: GroupId): NodeId | null {
    return this.#anyStatusOf(group)?.ownership.currentOwner ?? null;
  }

  #anyStatusOf(group: GroupId): GroupStatus | null {
    const reply = this.ask({ type: "groupStatus", group });
    return reply.type === "groupStatus" ? reply.status : null;
  }

  #crash(group: GroupId): void {
    this.#hasCrashed = true;
    const node = this.testbed.world.node(this.#managers.get(group) as NodeId);
    node.crash("power");
    this.testbed.world.scheduler.after(downMs, () => node.start());
  }

  /** Nothing is locked, and no owner lags behind the others of its group: one that has just started knows only what it stored. */
  #isSettled(): boolean {
    const isOpen = !this.#all(({ openTransactions }) => openTransactions === 0);
    return !isOpen && [...this.groups].every(([group, owners]) => this.#agreesOn(group, owners));
  }

  #agreesOn(group: GroupId, owners: readonly NodeId[]): boolean {
    const statuses = owners.map((owner) => this.#statusOf(group, owner));
    const words = statuses.map((status) => (status === null ? undefined : wordIn(status, this.#roles.node)));
    return new Set(words).size === 1 && ["up", "draining", "maintenance"].includes(words[0] ?? "joining");
  }

  /** As every owner has it. */
  #all(holds: (status: GroupStatus) => boolean): boolean {
    return [...this.groups].every(([group, owners]) =>
      owners.every((owner) => {
        const status = this.#statusOf(group, owner);
        return status !== null && holds(status);
      }),
    );
  }

  #statusOf(group: GroupId, owner: NodeId): GroupStatus | null {
    const node = this.testbed.world.node(owner);
    if (!node.isRunning) return null;
    const answers: Reply[] = [];
    node.call({ type: "groupStatus", group }, 5_000, {
      reply: (reply) => answers.push(reply),
      watch: () => {},
      lost: () => {},
    });
    const untilMs = this.testbed.world.nowMs + 1_000;
    while (answers.length === 0 && this.testbed.world.nowMs < untilMs) this.testbed.world.runFor(1);
    const [reply] = answers;
    return reply?.type === "groupStatus" ? reply.status : null;
  }

  /** All drained or none; as it was said, where that was said. */
  #mustAgree(told: Reply): void {
    const isNone = this.stands("up");
    assert.ok(
      isNone || this.#all((status) => wordIn(status, this.#roles.node) !== "up"),
      "some groups have drained it",
    );
    if (told.type === "drainNode") assert.equal(isNone, false);
    if (told.type === "failed" && told.failure.effect === "none") assert.ok(isNone, told.failure.message);
  }
}

function wordIn({ verdicts }: GroupStatus, node: NodeId): RecoveryStatus | undefined {
  return verdicts.find((verdict) => verdict.node === node)?.status;
}

/** n208 runs the applications of both its groups. */
function reference(): Drain {
  const drain = new Drain(createReferenceTopology(), ofReference);
  const { world } = drain.testbed;
  world.node(first).crash("power");
  world.runFor(limits.downMs + 1_500);
  world.node(first).start();
  drain.until("The return of the first owner", () => drain.says(coordinator, first) === "up", 20_000);
  assert.ok([...drain.groups.keys()].every((group) => drain.ownerOf(group) === ofReference.node));
  return drain;
}

for (const [role, victim] of [
  ["coordinates", coordinator],
  ["takes part", participant],
] as const) {
  test(`a node is drained in both its groups or in neither, though the manager that ${role} loses power at any record`, () => {
    const calm = reference();
    calm.play(null, victim);
    assert.ok(calm.records > 20, `${calm.records} records`);
    for (let record = 0; record < calm.records; record++) {
      try {
        reference().play(record, victim);
      } catch (reason) {
        throw new Error(`At record ${record}: ${(reason as Error).message}`, { cause: reason });
      }
    }
  });
}

test("a node of 40 groups is drained in all of them at once, and taken back", () => {
  const nodes = namesOf("a b c d e f g");
  const [a, g] = [nodes[0], nodes[6]] as [NodeId, NodeId];
  const groups = Array.from({ length: 40 }, (_, at): [GroupId, readonly NodeId[]] => {
    const others = [nodes[1 + (at % 5)], nodes[1 + ((at + 2) % 5)]] as NodeId[];
    return [toGroupId(`g${at}`), [a, ...others]];
  });
  const drain = new Drain(topologyOf(plainBootstrap(nodes, groups, namesOf("b d f"))), { node: a, through: g });
  drain.until("The node up", () => drain.stands("up"), 10_000);
  const told = drain.drain();
  assert.equal(told.type === "drainNode" && told.moves.length, 40, JSON.stringify(told));
  drain.until("The last move", () => drain.stands("maintenance"), 10_000);
  assert.ok([...drain.groups.keys()].every((group) => ![a, null].includes(drain.ownerOf(group))));
  assert.equal(drain.drain("none").type, "drainNode");
  drain.until("The return", () => drain.stands("up"), 10_000);
});

test("a group that has no quorum follows when it has one, whoever lost power meanwhile", () => {
  const drain = new Drain(createReferenceTopology(), ofReference);
  const { world } = drain.testbed;
  const { node } = ofReference;
  const others = namesOf("n210 n212");
  for (const other of others) world.node(other).crash("power");
  drain.until("The loss of the quorum", () => hasQuorum(drain, participant) === false, 10_000);
  const refused = drain.drain();
  assert.match(refused.type === "failed" ? refused.failure.message : refused.type, /^The group rg226 of n208 has no/);
  const told = drain.drain("drained", true);
  assert.deepEqual(told.type === "drainNode" && told.unreachable, [participant], JSON.stringify(told));
  drain.until("The drain where it can be", () => drain.says(coordinator, node) === "maintenance", 5_000);
  for (const each of [node, ...namesOf("n202 n204 n206 n214 n216")]) world.node(each).crash("power");
  world.runFor(downMs);
  for (const each of world.nodes) if (!each.isRunning && !others.includes(each.node)) each.start();
  world.runFor(8_000);
  assert.equal(drain.says(coordinator, node), "maintenance");
  for (const other of others) world.node(other).start();
  drain.until("The drain everywhere", () => drain.stands("maintenance"), 20_000);
  assert.equal(drain.ownerOf(participant), "n210");
  assert.equal(drain.drain("none").type, "drainNode");
  drain.until("The return", () => drain.stands("up"), 10_000);
});

function hasQuorum(drain: Drain, group: GroupId): boolean | null {
  const reply = drain.ask({ type: "groupStatus", group });
  return reply.type === "groupStatus" ? reply.status.hasQuorum : null;
}
