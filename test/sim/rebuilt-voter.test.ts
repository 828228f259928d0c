// A voter of the cluster group that lost its memory begins anew as another member, and has its vote back: when it has, the
// group stands the loss of another voter again. One after the other, every voter loses its memory so, and power at any step.

import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterGroup, type NodeId, toGroupId } from "../../proto/ids.ts";
import type { Reply, Request } from "../../proto/requests.ts";
import { namesOf, Scene } from "./scene.ts";

const nodes = namesOf("a b c d e f g");
const voters = namesOf("a b c");
const [a, b, c] = voters as unknown as readonly [NodeId, NodeId, NodeId];
const owners = namesOf("d e f");
const shape = { nodes, owners, voters };
const outsider = nodes[6] as NodeId;
/** Of those that keep their memory. */
const stepsBetween = 3;
/** From the start on an old disk to the vote. */
const rebuildMsMax = 15_000;

function begin(seed: number): Scene {
  return new Scene(seed, shape);
}

/** Puts a disk back to where it was a start ago. */
function forget(scene: Scene, node: NodeId): void {
  const forgetful = scene.node(node);
  forgetful.crash("process");
  const image = forgetful.disk.image();
  forgetful.start();
  scene.runFor(4_000);
  forgetful.crash("power");
  forgetful.disk.restore(image);
  forgetful.start();
}

/** As which member each node votes, as the leader of the cluster group has it; empty: there is none that says so. */
function votersNow(scene: Scene): ReadonlyMap<NodeId, number> {
  const reply = callNow(scene, { type: "groupStatus", group: clusterGroup });
  if (reply?.type !== "groupStatus") return new Map();
  const { membership, manager } = reply.status;
  if (manager === null || membership.outgoing.length > 0) return new Map();
  return new Map(membership.voters.map(({ node, member }) => [node, member]));
}

function callNow(scene: Scene, request: Request): Reply | null {
  const answers: Reply[] = [];
  scene.node(outsider).call(request, 3_000, { reply: (it) => answers.push(it), watch: () => {}, lost: () => {} });
  const untilMs = scene.nowMs + 4_000;
  while (answers.length === 0 && scene.nowMs < untilMs) scene.runFor(20);
  return answers[0] ?? null;
}

function quarantineOf(scene: Scene, node: NodeId): string | null | undefined {
  const reply = callNow(scene, { type: "nodeSelf", node });
  return reply?.type === "nodeSelf" ? reply.self.quarantine : undefined;
}

function isRebuilt(scene: Scene, node: NodeId, above: number): boolean {
  return (votersNow(scene).get(node) ?? 0) > above && quarantineOf(scene, node) === null;
}

function makeGroup(scene: Scene, name: string): void {
  const request = { type: "createGroup", group: toGroupId(name), owners, validateOnly: false } as const;
  const asked = scene.ask(outsider, request, "createGroup");
  scene.until(`The group ${name}`, () => asked.answer !== null, 10_000);
}

test("every voter may lose its memory, one after the other, and another one dies each time", () => {
  const scene = begin(1);
  for (const [round, node] of [a, b, c, a].entries()) {
    const member = votersNow(scene).get(node) ?? 0;
    forget(scene, node);
    scene.until(`The vote of ${node}`, () => isRebuilt(scene, node, member), rebuildMsMax);
    const other = voters[(round + 1) % 3] as NodeId;
    scene.node(other).crash("power");
    makeGroup(scene, `made-${round}`);
    scene.node(other).start();
    scene.runFor(3_000);
  }
  assert.deepEqual([...votersNow(scene).keys()].sort(), [a, b, c]);
  scene.runFor(1_000);
  assert.ok(scene.compare(owners) > 10);
});

/** @returns in how many steps something of it was written or said by the voter or the leader */
function playCrash(seed: number, victim: NodeId, crashAt: number | null): number {
  const scene = begin(seed);
  const { world } = scene.testbed;
  const member = votersNow(scene).get(c) ?? 0;
  let steps = 0;
  let isOver = false;
  forget(scene, c);
  world.observe({
    stepped: (node, _input, effects) => {
      const isOfDisk = effects.some(({ type }) => type === "write");
      if (node !== victim || isOver || !isOfDisk) return;
      if (steps++ === crashAt) world.scheduler.after(0, () => scene.crash(victim, 1_500));
    },
  });
  scene.until(`The vote of ${c}`, () => isRebuilt(scene, c, member), 2 * rebuildMsMax);
  isOver = true;
  scene.runFor(2_000);
  const other = victim === a ? b : a;
  scene.node(other).crash("power");
  makeGroup(scene, "made");
  return steps;
}

for (const victim of [a, b, c]) {
  test(`${victim} may lose power at any write while c gets its vote back`, () => {
    const steps = playCrash(3, victim, null);
    assert.ok(steps > 3, `${steps} steps`);
    for (let step = 0; step < steps; step += victim === c ? 1 : stepsBetween) {
      try {
        playCrash(3, victim, step);
      } catch (reason) {
        throw new Error(`seed 3, ${victim} crashes at write ${step}: ${(reason as Error).message}`, { cause: reason });
      }
    }
  });
}
