// Two of the three voters of the cluster group are lost for good. An operator has it go on from the third, or from a node that
// never had a vote; what returns of the old incarnation finds out, and takes part as what the new one makes of it. The node
// that goes on may lose power at any write of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterGroup, type NodeId, toGroupId } from "../../proto/ids.ts";
import type { Reply, Request } from "../../proto/requests.ts";
import { namesOf, Scene } from "./scene.ts";

const nodes = namesOf("a b c d e f g");
const [a, b, c, d] = nodes as unknown as readonly [NodeId, NodeId, NodeId, NodeId];
const owners = namesOf("d e f");
const shape = { nodes, owners, voters: [a, b, c] };
const outsider = nodes[6] as NodeId;
const recoveryMsMax = 20_000;
/** Writes each of which is the last in its turn; of later ones every fourth. */
const densely = 10;

const recover: Request & { readonly type: "recoverCluster" } = {
  type: "recoverCluster",
  from: c,
  voters: [],
  reason: "two racks burnt",
  validateOnly: false,
};

function callNow(scene: Scene, request: Request, through = outsider): Reply | null {
  const answers: Reply[] = [];
  scene.node(through).call(request, 5_000, { reply: (it) => answers.push(it), watch: () => {}, lost: () => {} });
  const untilMs = scene.nowMs + 6_000;
  while (answers.length === 0 && scene.nowMs < untilMs) scene.runFor(20);
  return answers[0] ?? null;
}

function statusOf(scene: Scene, node: NodeId): (Reply & { readonly type: "replicaStatus" }) | null {
  const reply = callNow(scene, { type: "replicaStatus", group: clusterGroup, node });
  return reply?.type === "replicaStatus" ? reply : null;
}

/** As the leader of the present incarnation has them; empty: there is none that says so. */
function votersNow(scene: Scene): readonly NodeId[] {
  const reply = callNow(scene, { type: "groupStatus", group: clusterGroup });
  if (reply?.type !== "groupStatus" || reply.status.manager === null) return [];
  const { voters, outgoing, target } = reply.status.membership;
  return outgoing.length > 0 || target !== null ? [] : voters.map(({ node }) => node);
}

function makeGroup(scene: Scene, name: string): void {
  const request = { type: "createGroup", group: toGroupId(name), owners, validateOnly: false } as const;
  const asked = scene.ask(outsider, request, "createGroup");
  scene.until(`The group ${name}`, () => asked.answer !== null, 10_000);
}

function directoryOf(scene: Scene, node: NodeId): readonly string[] {
  const reply = callNow(scene, { type: "directory" }, node);
  return reply?.type === "directory" ? reply.groups.map(({ group }) => group) : [];
}

/** a and b are gone, c has found out. */
function loseTwo(seed: number): Scene {
  const scene = new Scene(seed, shape);
  makeGroup(scene, "early");
  scene.runFor(1_000);
  for (const node of [a, b]) scene.node(node).crash("power");
  scene.until("The loss of the quorum", () => statusOf(scene, c)?.status.hasQuorum === false, 10_000);
  return scene;
}

test("the cluster group goes on from the voter that is left, with others in place of the lost", () => {
  for (let seed = 1; seed <= 2; seed++) {
    const scene = loseTwo(seed);
    const check = callNow(scene, { ...recover, validateOnly: true });
    assert.ok(check?.type === "recoverCluster", JSON.stringify(check));
    assert.deepEqual([check.incarnation, check.voters.length, check.voters[0]], [1, 3, c]);
    assert.equal(check.losses.length, 2);
    const done = callNow(scene, recover);
    assert.ok(done?.type === "recoverCluster", JSON.stringify(done));
    scene.until("The new voters", () => votersNow(scene).length === 3, recoveryMsMax);
    const again = callNow(scene, recover);
    assert.equal(again?.type === "failed" && again.failure.code, "condition_failed", JSON.stringify(again));
    makeGroup(scene, "late");
    for (const node of [a, b]) scene.node(node).start();
    scene.runFor(6_000);
    const other = votersNow(scene).find((node) => node !== c) as NodeId;
    scene.node(other).crash("power");
    makeGroup(scene, "later");
    scene.node(other).start();
    scene.runFor(4_000);
    for (const node of nodes) {
      assert.deepEqual(directoryOf(scene, node), ["early", "late", "later", "rg1"].sort(), node);
      assert.equal(statusOf(scene, node)?.status.object.incarnation, done.incarnation, node);
    }
    const events = callNow(scene, { type: "clusterEvents", after: 0 as never, limit: 100 }, a);
    const told = events?.type === "clusterEvents" ? events.events.map(({ change }) => change) : [];
    assert.ok(told.some((change) => change.type === "clusterRecovered" && change.reason === "two racks burnt"));
    assert.ok(scene.compare(owners) > 10);
  }
});

test("a node that never had a vote can be what the cluster group goes on from", () => {
  const scene = loseTwo(3);
  scene.node(c).crash("power");
  const done = callNow(scene, { ...recover, from: d, voters: namesOf("d e f") });
  assert.ok(done?.type === "recoverCluster", JSON.stringify(done));
  scene.until("The new voters", () => votersNow(scene).join() === "d,e,f", recoveryMsMax);
  makeGroup(scene, "late");
  for (const node of [a, b, c]) scene.node(node).start();
  scene.runFor(8_000);
  for (const node of nodes) assert.equal(statusOf(scene, node)?.status.object.incarnation, done.incarnation, node);
  assert.deepEqual(votersNow(scene), namesOf("d e f"));
  for (const node of nodes) assert.deepEqual(directoryOf(scene, node), ["early", "late", "rg1"], node);
});

test("the cluster group is not taken from its quorum, or recovered from what is not there", () => {
  const scene = new Scene(4, shape);
  const refused = (request: Partial<Request>, wanted: RegExp) => {
    const reply = callNow(scene, { ...recover, ...request } as Request);
    assert.match(reply?.type === "failed" ? reply.failure.message : JSON.stringify(reply), wanted);
  };
  refused({}, /^The cluster group is led by [abc], as [abc] sees it: it has a quorum, and nothing is to be recovered$/);
  refused({ from: d }, /^The cluster group is led by [abc], as [abc] sees it: /);
  refused({ voters: [a, b, d] }, /^The voters must have c among them, which the cluster database goes on from$/);
  refused({ voters: [c, d] }, /^The voters are 2, they must be odd in number$/);
  refused({ from: "zz" as NodeId }, /^The node zz is not one of this cluster$/);
  for (const node of [a, b]) scene.node(node).crash("power");
  scene.until("The loss of the quorum", () => statusOf(scene, c)?.status.hasQuorum === false, 10_000);
  refused({ from: a }, /^The cluster database cannot go on from a: /);
});

/** @returns how often the node wrote until the group went on */
function playCrash(seed: number, crashAt: number | null): number {
  const scene = loseTwo(seed);
  const { world } = scene.testbed;
  let writes = 0;
  let isOver = false;
  world.observe({
    stepped: (node, input, effects) => {
      const isOfDisk = input.type === "durable" || effects.some(({ type }) => type === "write");
      if (node !== c || isOver || !isOfDisk) return;
      if (writes++ === crashAt) world.scheduler.after(0, () => scene.crash(c, 1_500));
    },
  });
  const untilMs = scene.nowMs + 2 * recoveryMsMax;
  while (votersNow(scene).length !== 3) {
    assert.ok(scene.nowMs < untilMs, "the cluster group does not go on");
    callNow(scene, recover);
  }
  isOver = true;
  makeGroup(scene, "late");
  for (const node of [a, b]) scene.node(node).start();
  scene.runFor(6_000);
  const incarnations = new Set(nodes.map((node) => statusOf(scene, node)?.status.object.incarnation ?? 0));
  assert.ok(incarnations.size === 1 && !incarnations.has(1 as never), `${[...incarnations]}`);
  return writes;
}

test("the node that goes on may lose power at any write of it: the cluster group begins anew once", () => {
  const writes = playCrash(5, null);
  assert.ok(writes > 6, `${writes} writes`);
  for (let write = 0; write < writes; write += write < densely ? 1 : 4) {
    try {
      playCrash(5, write);
    } catch (reason) {
      throw new Error(`seed 5, c crashes at write ${write}: ${(reason as Error).message}`, { cause: reason });
    }
  }
});
