import assert from "node:assert/strict";
import { test } from "node:test";
import { type NodeId, toIncarnation, toLogIndex, toMillis, toTerm } from "../../../proto/ids.ts";
import { GroupState } from "../../../server/node/group-state.ts";
import { Manager, type Placing } from "../../../server/node/manager.ts";
import { emptyBytes } from "../../../storage/bytes.ts";
import { n1, n2, n3, rg, worldOf } from "./cluster.ts";

const owners = [n1, n2, n3];
const placement: Placing = { isLeased: true, decide: () => null, deadlineMs: () => null };

/** On n1; each decision is applied at once. */
class Managed {
  readonly manager = new Manager(worldOf(n1), owners, toMillis(0));
  readonly state = GroupState.genesis({ group: rg, incarnation: toIncarnation(1), owners, config: emptyBytes }, 1);
  quarantines: ReadonlyMap<NodeId, string> = new Map();
  nowMs = 0;
  #last = 0;

  hear(nodes: readonly NodeId[], atMs: number): void {
    this.nowMs = atMs;
    const surroundings = { quarantines: this.quarantines, intents: () => [], placement };
    for (const node of nodes) this.manager.heard(node, toMillis(atMs));
    const decide = () => this.manager.decide(this.state, surroundings, toMillis(atMs));
    for (let payload = decide(); payload !== null; payload = decide()) {
      this.#last += 1;
      this.state.applyEntry({ term: toTerm(1), index: toLogIndex(this.#last), payload });
      this.manager.decided();
    }
  }

  get deadlineMs(): number | null {
    return this.manager.deadlineMs(placement);
  }

  verdictOn(node: NodeId): string | undefined {
    return this.state.verdicts().find((verdict) => verdict.node === node)?.status;
  }
}

test("the deadline of an owner that passes while another one is heard is not passed over", () => {
  const managed = new Managed();
  managed.hear([n2, n3], 100);
  for (let atMs = 300; atMs < 2_100; atMs += 200) managed.hear([n2], atMs);
  managed.hear([n2], 2_101);
  assert.equal(managed.verdictOn(n3), "down");
});

test("a manager does not hold the time in which it stood still itself against others, and comes to a verdict also if it does so all the time", () => {
  const managed = new Managed();
  managed.hear([n2, n3], 100);
  managed.manager.stoodStill(1_800);
  managed.hear([n2], 2_400);
  assert.equal(managed.verdictOn(n3), "up");
  for (let atMs = 4_400; atMs <= 8_400; atMs += 2_000) {
    managed.manager.stoodStill(1_500);
    managed.hear([n2], atMs);
  }
  assert.deepEqual([managed.verdictOn(n2), managed.verdictOn(n3)], ["up", "down"]);
});

test("a manager whose other owners are all in quarantine and silent wants no deadline that has passed", () => {
  const managed = new Managed();
  managed.quarantines = new Map([n2, n3].map((node) => [node, "wiped"]));
  managed.hear([n2, n3], 100);
  for (let atMs = managed.deadlineMs; atMs !== null; atMs = managed.deadlineMs) {
    assert.ok(atMs > managed.nowMs, `${atMs} is not after ${managed.nowMs}`);
    managed.manager.wake();
    managed.hear([], atMs);
  }
});
