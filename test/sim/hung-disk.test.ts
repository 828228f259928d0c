// A disk that hangs without an error: what is written to it does not return for a minute or ten, and then does. Beats need no disk,
// so everybody goes on hearing the node.

import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterGroup, type NodeId, toGroupId } from "../../proto/ids.ts";
import type { GroupRequest, Reply } from "../../proto/requests.ts";
import { bytesOf } from "../../storage/bytes.ts";
import { calmWorkload, group, namesOf, Scene } from "./scene.ts";

const nodes = namesOf("a b c d e");
const [a, b, d] = [nodes[0], nodes[1], nodes[3]] as [NodeId, NodeId, NodeId];
const three = nodes.slice(0, 3);
const pair = [a, b];
const key = bytesOf("key-1");
const longMs = 600_000;
const shortMs = 60_000;
const servedMsMax = 10_000;
/** The next leader waits once more for the disk before the witness stands in for it. */
const pairServedMsMax = 15_000;
/** Of one attempt. */
const putMs = 1_000;
const backMsMax = 30_000;
const workload = { ...calmWorkload, clients: 2, thinkMsMean: 2_000, burstProbability: 0 };

class HungDisk extends Scene {
  readonly owners: readonly NodeId[];
  #untilMs = 0;
  #puts = 0;

  constructor(seed: number, owners: readonly NodeId[], voters: readonly NodeId[]) {
    super(seed, { nodes, owners, voters }, { workload });
    this.owners = owners;
    this.until("Leadership of the first owner", () => this.leader === a, 10_000);
    this.runFor(2_000);
  }

  hang(node: NodeId, hangsMs: number): void {
    this.#untilMs = this.nowMs + hangsMs;
    this.node(node).disk.condition.stickFor(hangsMs);
  }

  clusterLeader(): NodeId {
    const asked = this.ask(d, { type: "groupStatus", group: clusterGroup }, "groupStatus");
    this.until("The status of the cluster group", () => asked.answer !== null, 1_000);
    return asked.answer?.status.manager as NodeId;
  }

  /** A client that asks through another node again and again is acknowledged. */
  mustPut(withinMs = servedMsMax): void {
    let isDone = false;
    const again = () => {
      this.put((reply) => {
        if (reply.type === "put") isDone = true;
        else this.testbed.world.scheduler.after(200, again);
      });
    };
    again();
    this.until("A put through another node", () => isDone, withinMs);
  }

  /** Once; what is written is part of the history. */
  put(answered: (reply: Reply) => void): void {
    const { history } = this.testbed;
    this.#puts += 1;
    const what = { group, key, value: bytesOf(`put ${this.#puts}`) };
    const request: GroupRequest = {
      ...{ type: "put", ...what, lease: 0 },
      ...{ ifModRevision: null, fence: null, returnPrevious: false },
    };
    const dueMs = this.nowMs + putMs;
    const operation = history.begin({ client: -2, node: d, group, request, invokedMs: this.nowMs, dueMs });
    const reply = (given: Reply) => {
      history.answered(operation, given, this.nowMs);
      answered(given);
    };
    this.node(d).call(request, putMs, { reply, watch: () => {}, lost: () => {} });
  }

  /** To the end of the hang and a little further, with a write now and then. */
  mustServeUntilBack(): void {
    while (this.nowMs < this.#untilMs - 30_000) {
      this.runFor(20_000);
      this.mustPut(1_000);
    }
    this.runFor(this.#untilMs - this.nowMs);
    this.until("Leadership of the first owner", () => this.leader === a, backMsMax);
    this.mustPut(1_000);
    assert.ok(this.compare(this.owners) > 0);
  }
}

test("a leader whose disk hangs gives way, and is back when its disk is, with all that was acknowledged meanwhile", () => {
  const scene = new HungDisk(1, three, three);
  scene.hang(a, longMs);
  scene.mustPut();
  assert.notEqual(scene.leader, a);
  scene.mustServeUntilBack();
});

test("a read that waits at a leader whose disk hangs is answered by the next leader", () => {
  const scene = new HungDisk(1, three, three);
  scene.hang(a, shortMs);
  scene.put(() => {});
  scene.runFor(1_000);
  const request = { type: "get", group, key, revision: null, consistency: "linearizable" } as const;
  const answers: Reply[] = [];
  const reply = (given: Reply) => answers.push(given);
  scene.node(a).call(request, 2 * servedMsMax, { reply, watch: () => {}, lost: () => {} });
  scene.until("An answer", () => answers.length > 0, servedMsMax);
  assert.ok(answers[0]?.type === "get" && answers[0].kv !== null && answers[0].header.node !== a);
});

test("a leader that has one owner and a witness beside it gives way when its disk hangs", () => {
  const scene = new HungDisk(1, pair, nodes.slice(2));
  scene.hang(a, shortMs);
  scene.mustPut(pairServedMsMax);
  assert.equal(scene.leader, b);
  scene.mustServeUntilBack();
});

test("a witness stands in for an owner that is heard while its disk hangs", () => {
  const scene = new HungDisk(1, pair, nodes.slice(2));
  scene.hang(b, shortMs);
  scene.mustPut();
  assert.equal(scene.leader, a);
  scene.mustServeUntilBack();
});

test("the leader of the cluster group gives way when its disk hangs", () => {
  const scene = new HungDisk(1, pair, nodes.slice(2));
  const before = scene.clusterLeader();
  scene.hang(before, shortMs);
  const found = (name: string) => {
    return scene.ask(
      a,
      { type: "createGroup", group: toGroupId(name), owners: pair, validateOnly: false },
      "createGroup",
    );
  };
  found("rg2");
  scene.until("Another leader", () => scene.clusterLeader() !== before, servedMsMax, 200);
  const asked = found("rg3");
  scene.until("A new group", () => asked.answer !== null, 1_000);
});
