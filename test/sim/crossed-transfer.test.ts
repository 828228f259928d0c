// One transaction over two groups, and the manager of either loses power at a record of it: once for every record that any node
// writes. Both groups come to the same end soon after, and what was told of it is so.

import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeGroupCommand } from "../../proto/codec/commands.ts";
import type { GroupCommand } from "../../proto/commands.ts";
import { type GroupId, type NodeId, toGroupId } from "../../proto/ids.ts";
import type { GroupStatus, Reply, Request } from "../../proto/requests.ts";
import type { Effect } from "../../server/node/effects.ts";
import { limits } from "../../server/node/limits.ts";
import { plainBootstrap } from "../../server/simulation/reference-topology.ts";
import type { SimNode } from "../../server/simulation/sim-node.ts";
import { Testbed } from "../../server/simulation/testbed.ts";
import { topologyOf } from "../../server/simulation/topology.ts";
import { bytesOf } from "../../storage/bytes.ts";
import { parseKey, type StateTable } from "../../storage/keys.ts";
import { decodeLogRun } from "../../storage/log-rows.ts";
import { calmOptions, namesOf } from "./scene.ts";

const nodes = namesOf("a b c d e f g");
const outsider = nodes[6] as NodeId;
const [coordinator, participant] = ["g1", "g2"].map(toGroupId) as [GroupId, GroupId];
const ownersOf = new Map([
  [coordinator, nodes.slice(0, 3)],
  [participant, nodes.slice(3, 6)],
]);
const downMs = 1_500;
/** After the return of who was down, until nothing is locked any more. */
const settledMsMax = 3 * limits.transactionTimeoutMs;
const answerMsMax = 10_000;

const steps: ReadonlySet<GroupCommand["type"]> = new Set(["begin", "prepare", "decide", "finish", "forget"]);
const tables: ReadonlySet<StateTable> = new Set(["coordinated", "prepared", "closed"]);

type WriteEffect = Extract<Effect, { type: "write" }>;

/** Whether it has a row, or an entry of the log, that is of a transaction over several groups. */
function isRecord(effect: Effect): boolean {
  return effect.type === "write" && effect.batch.operations.some(isOfTransaction);
}

function isOfTransaction(operation: WriteEffect["batch"]["operations"][number]): boolean {
  const key = parseKey(operation.key);
  if (key.type === "state") return tables.has(key.table);
  if (key.type !== "log" || operation.type !== "put") return false;
  const run = decodeLogRun(operation.value);
  return typeof run !== "string" && run.entries.some(({ payload }) => isStep(payload));
}

class Crossing {
  readonly testbed: Testbed;
  readonly #managers = new Map<GroupId, NodeId>();
  #hasCrashed = false;
  records = 0;
  answer: Reply | null = null;

  constructor() {
    const groups = [...ownersOf];
    const topology = topologyOf(plainBootstrap(nodes, groups, namesOf("a d g")));
    this.testbed = new Testbed(calmOptions(1, topology));
    const { world } = this.testbed;
    world.observe({
      noted: (node, _level, text, fields) => {
        const isNew = text === "Role changed" && fields["role"] === "leader";
        if (isNew) this.#managers.set(fields["group"] as GroupId, node);
      },
    });
    for (const node of world.nodes) node.start();
    world.runFor(6_000);
  }

  /** @param crashAt the record at which `victim`'s manager loses power; null: nobody does */
  play(crashAt: number | null, victim: GroupId): void {
    const { world } = this.testbed;
    world.observe({
      stepped: (_node, _input, effects) => {
        if (effects.some(isRecord) && this.records++ === crashAt) world.scheduler.after(0, () => this.#crash(victim));
      },
    });
    const reply = (given: Reply) => {
      this.answer = given;
    };
    world.node(outsider).call(transfer, answerMsMax, { reply, watch: () => {}, lost: () => assert.fail("lost") });
    this.#until("The answer", () => this.answer !== null, answerMsMax + 1_000);
    this.#until("The end of all locks", () => this.#isSettled(), downMs + settledMsMax);
    assert.equal(this.#hasCrashed, crashAt !== null);
    this.#mustBeWhole();
  }

  #crash(group: GroupId): void {
    this.#hasCrashed = true;
    const node = this.testbed.world.node(this.#managers.get(group) as NodeId);
    node.crash("power");
    this.testbed.world.scheduler.after(downMs, () => node.start());
  }

  #isSettled(): boolean {
    return [...ownersOf].every(([group, owners]) =>
      owners.every((owner) => this.#statusOf(group, owner)?.openTransactions === 0),
    );
  }

  #statusOf(group: GroupId, owner: NodeId): GroupStatus | null {
    const node = this.testbed.world.node(owner);
    if (!node.isRunning) return null;
    const reply = this.#ask(node, { type: "groupStatus", group });
    return reply?.type === "groupStatus" ? reply.status : null;
  }

  /** In both groups or in neither; there if it was said to be, and not if it was said not to be. */
  #mustBeWhole(): void {
    const there = [...ownersOf.keys()].map((group) => this.#isWritten(group));
    assert.equal(there[0], there[1], `written ${there}`);
    const { answer } = this;
    if (answer?.type === "transact") assert.deepEqual([answer.succeeded, there[0]], [true, true]);
    if (answer?.type === "failed" && answer.failure.effect === "none") assert.equal(there[0], false);
  }

  #isWritten(group: GroupId): boolean {
    const request = { type: "get", group, key, revision: null, consistency: "linearizable" } as const;
    const reply = this.#ask(this.testbed.world.node(outsider), request);
    assert.equal(reply?.type, "get", JSON.stringify(reply));
    return reply?.type === "get" && reply.kv !== null;
  }

  #ask(node: SimNode, request: Request): Reply | null {
    const answers: Reply[] = [];
    node.call(request, 5_000, { reply: (reply) => answers.push(reply), watch: () => {}, lost: () => {} });
    this.#until("An answer", () => answers.length > 0, 6_000);
    return answers[0] as Reply;
  }

  #until(what: string, isSo: () => boolean, withinMs: number): void {
    const { world } = this.testbed;
    const untilMs = world.nowMs + withinMs;
    for (; !isSo(); world.runFor(10)) assert.ok(world.nowMs < untilMs, `${what}: not within ${withinMs} ms`);
  }
}

const key = bytesOf("k");
const put = { type: "put", key, value: bytesOf("v"), lease: 0, returnPrevious: false } as const;
const transfer: Request = {
  type: "transact",
  group: coordinator,
  parts: [...ownersOf.keys()].map((group) => {
    return { group, comparisons: [], fence: null, success: [put], failure: [] };
  }),
};

function isStep(payload: Uint8Array): boolean {
  return payload.byteLength > 0 && steps.has(decodeGroupCommand(payload).type);
}

for (const [role, victim] of [
  ["coordinates", coordinator],
  ["takes part", participant],
] as const) {
  test(`the manager of the group that ${role} may lose power at any record of a transaction`, () => {
    const calm = new Crossing();
    calm.play(null, victim);
    assert.equal(calm.answer?.type, "transact");
    assert.ok(calm.records > 20, `${calm.records} records`);
    for (let record = 0; record < calm.records; record++) {
      try {
        new Crossing().play(record, victim);
      } catch (reason) {
        throw new Error(`At record ${record}: ${(reason as Error).message}`, { cause: reason });
      }
    }
  });
}
