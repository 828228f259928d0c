// Two of three owners are lost for good under load, and an operator has the group go on from the third. What the lost ones had
// acknowledged with it is there, whether it had heard of the commit or not; what returns of them is of no consequence; and the
// survivor may lose power at any step of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeId } from "../../proto/ids.ts";
import type { Reply, Request } from "../../proto/requests.ts";
import { group, namesOf, Scene } from "./scene.ts";

const nodes = namesOf("a b c d e f g");
const [a, b, c, d, e] = nodes as unknown as readonly [NodeId, NodeId, NodeId, NodeId, NodeId];
const before = [a, b, c];
const survivor = c;
const outsider = nodes[6] as NodeId;
const shape = { nodes, owners: before, voters: namesOf("d e f") };
const downMs = 1_500;
/** From the request on, with a crash in between. */
const recoveryMsMax = 15_000;
/** Then replicas that are of no use are gone. */
const tidyMs = 6_000;

const recover: Request & { readonly type: "recoverGroup" } = {
  type: "recoverGroup",
  group,
  from: survivor,
  owners: [],
  reason: "two disks burnt",
  validateOnly: false,
};

/**
 * Without b every acknowledged write is in the log of c. Then a goes as well, in the moment in which it tells a client that
 * its write is committed: c has the entry and has not heard of that yet.
 */
function loseTwo(seed: number): Scene {
  const scene = new Scene(seed, shape);
  scene.node(b).crash("power");
  scene.until("A quorum of a and c", () => acknowledged(scene) > 20, 10_000);
  scene.until("The leadership of a", () => scene.leader === a, 20_000);
  crashWithAnswer(scene, a);
  scene.until("The loss of a", () => !scene.node(a).isRunning, 10_000);
  scene.until("The loss of the quorum", () => statusOf(scene, survivor)?.status.hasQuorum === false, 10_000);
  return scene;
}

function crashWithAnswer({ testbed: { world } }: Scene, victim: NodeId): void {
  let isDone = false;
  world.observe({
    stepped: (node, _input, effects) => {
      const isAnswer = effects.some((effect) => effect.type === "reply" && effect.reply.type === "put");
      if (isDone || node !== victim || !isAnswer) return;
      isDone = true;
      world.scheduler.after(0, () => world.node(victim).crash("power"));
    },
  });
}

function acknowledged(scene: Scene): number {
  return scene.testbed.history.operations.filter(({ request, outcome }) => {
    return request.type === "put" && outcome?.type === "ok";
  }).length;
}

/** What one node says now of its own replica; null: it says nothing, or holds none. */
function statusOf(scene: Scene, node: NodeId): (Reply & { readonly type: "replicaStatus" }) | null {
  const reply = callNow(scene, outsider, { type: "replicaStatus", group, node });
  return reply?.type === "replicaStatus" ? reply : null;
}

function callNow(scene: Scene, through: NodeId, request: Request): Reply | null {
  const answers: Reply[] = [];
  if (!scene.node(through).isRunning) return null;
  scene.node(through).call(request, 5_000, { reply: (reply) => answers.push(reply), watch: () => {}, lost: () => {} });
  const untilMs = scene.nowMs + 6_000;
  while (answers.length === 0 && scene.nowMs < untilMs) scene.runFor(20);
  return answers[0] ?? null;
}

function setOwners(scene: Scene, owners: readonly NodeId[]): void {
  const request = { type: "setOwners", group, owners, ifIndex: null, validateOnly: false } as const;
  const asked = scene.ask(outsider, request, "setOwners");
  scene.until(`The owners ${owners.join(" ")}`, () => asked.answer !== null, 20_000);
}

test("a group goes on from the one owner that is left, and the others can be owners again", () => {
  for (let seed = 1; seed <= 3; seed++) {
    const scene = loseTwo(seed);
    const check = callNow(scene, outsider, { ...recover, validateOnly: true });
    assert.deepEqual(check?.type === "recoverGroup" && check.entry.owners, [survivor]);
    const done = callNow(scene, outsider, recover);
    assert.ok(done?.type === "recoverGroup", JSON.stringify(done));
    assert.equal(done.entry.incarnation, 2);
    assert.deepEqual(done.losses, check?.type === "recoverGroup" ? check.losses : null);
    scene.until("The group goes on", () => statusOf(scene, survivor)?.status.manager === survivor, 5_000);
    const again = callNow(scene, outsider, recover);
    assert.equal(again?.type === "failed" && again.failure.code, "condition_failed", JSON.stringify(again));
    scene.runFor(2_000);
    setOwners(scene, [survivor, d, e]);
    for (const node of [a, b]) scene.node(node).start();
    scene.runFor(tidyMs);
    for (const node of [a, b]) assert.equal(statusOf(scene, node), null, `${node} still holds what is over`);
    setOwners(scene, [a, b, c]);
    scene.runFor(1_000);
    assert.ok(scene.compare([a, b, c]) > 10);
    scene.runFor(tidyMs);
    scene.checkScope([a, b, c]);
  }
});

test("nobody takes a group from its quorum, or has it go on from what is not there", () => {
  const scene = new Scene(4, shape);
  const refused = (request: Partial<Request>, wanted: RegExp) => {
    const reply = callNow(scene, outsider, { ...recover, ...request } as Request);
    assert.match(reply?.type === "failed" ? reply.failure.message : JSON.stringify(reply), wanted);
  };
  refused({}, /^The group rg1 is led by [abc], as [abc] sees it: it has a quorum, and nothing is to be recovered$/);
  refused({ owners: [a, b] }, /^The owners must have c among them, which the group goes on from$/);
  for (const node of [a, b]) scene.node(node).crash("power");
  scene.until("The loss of the quorum", () => statusOf(scene, survivor)?.status.hasQuorum === false, 10_000);
  refused({ from: d }, /^The group cannot go on from d: d has no replica of rg1$/);
  refused({ from: a }, /^The group cannot go on from a: /);
  refused({ owners: [c, "zz" as NodeId] }, /^The node zz is not one of this cluster$/);
});

test("another owner can be chosen when the one that was to go on is lost before it did", () => {
  const wide = { nodes, owners: namesOf("a b c d e"), voters: namesOf("f g d") };
  const scene = new Scene(5, wide);
  for (const node of [a, b, c]) scene.node(node).crash("power");
  const isLost = (node: NodeId) => statusOf(scene, node)?.status.hasQuorum === false;
  scene.until("The loss of the quorum", () => isLost(d) && isLost(e), 10_000);
  const { world } = scene.testbed;
  let isHit = false;
  world.observe({
    stepped: (node, _input, effects) => {
      const begins = effects.some((effect) => effect.type === "note" && effect.text === "Goes on alone");
      if (node !== d || isHit || !begins) return;
      isHit = true;
      world.scheduler.after(0, () => scene.node(d).crash("power"));
    },
  });
  callNow(scene, outsider, { ...recover, from: d });
  scene.until("The loss of d", () => !scene.node(d).isRunning, 5_000);
  scene.runFor(3_000);
  assert.equal(statusOf(scene, e)?.status.object.incarnation, 1);
  const second = callNow(scene, outsider, { ...recover, from: e });
  assert.ok(second?.type === "recoverGroup", JSON.stringify(second));
  assert.equal(second.entry.incarnation, 3);
  scene.until("The group goes on", () => statusOf(scene, e)?.status.manager === e, 5_000);
  for (const node of [a, b, c, d]) scene.node(node).start();
  scene.runFor(tidyMs);
  scene.checkScope([e]);
});

/** @returns how often the survivor wrote, or heard that it is durable, until the group went on */
function playCrash(seed: number, crashAt: number | null): number {
  const scene = loseTwo(seed);
  const { world } = scene.testbed;
  let steps = 0;
  let isOver = false;
  world.observe({
    stepped: (node, input, effects) => {
      const isOfDisk = input.type === "durable" || effects.some(({ type }) => type === "write" || type === "note");
      if (node !== survivor || isOver || !isOfDisk) return;
      if (steps++ === crashAt) world.scheduler.after(0, () => scene.crash(survivor, downMs));
    },
  });
  const untilMs = scene.nowMs + recoveryMsMax;
  const goesOn = () => {
    const held = statusOf(scene, survivor);
    return held?.status.object.incarnation === 2 && held.status.manager === survivor;
  };
  while (!goesOn()) {
    assert.ok(scene.nowMs < untilMs, "the group does not go on");
    callNow(scene, outsider, recover);
  }
  isOver = true;
  scene.runFor(1_500);
  assert.ok(scene.compare([survivor]) > 5);
  for (const node of [a, b]) scene.node(node).start();
  scene.runFor(tidyMs);
  assert.equal(statusOf(scene, survivor)?.status.object.incarnation, 2);
  scene.checkScope([survivor]);
  return steps;
}

test("the survivor may lose power at any write of it: the group begins anew once", () => {
  const steps = playCrash(7, null);
  assert.ok(steps > 8, `${steps} steps`);
  for (let step = 0; step < steps; step++) {
    try {
      playCrash(7, step);
    } catch (reason) {
      throw new Error(`seed 7, ${survivor} crashes at write ${step}: ${(reason as Error).message}`, { cause: reason });
    }
  }
});
