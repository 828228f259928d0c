import assert from "node:assert/strict";
import { test } from "node:test";
import { type NodeId, toLogIndex, toMemberId, toMillis } from "../../../proto/ids.ts";
import { ClusterMembers } from "../../../server/node/cluster-members.ts";
import type { RaftInput } from "../../../server/raft/types.ts";
import { n1, n2, n3, n4, worldOf } from "./cluster.ts";

const afterMs = 20_000;

/** What n1 leads, with n2 that is always heard, and n3 that was heard last at a time that the test says. */
class Led {
  readonly world = { ...worldOf(n1), voterReplacement: { afterMs, candidates: [] }, connected: new Set([n2, n4]) };
  readonly changes: (readonly NodeId[])[] = [];
  heardMs: number | null = null;
  refusal: string | null = null;
  #nowMs = 0;
  readonly #members: ClusterMembers;

  constructor() {
    this.#members = new ClusterMembers(this.world, this as never, toMillis(0));
  }

  get status() {
    const voters = [n1, n2, n3].map((node, at) => ({ node, member: toMemberId(at + 1), votes: 1, isWitness: false }));
    const peers = [
      { peer: n2, heardMs: this.#nowMs },
      { peer: n3, heardMs: this.heardMs },
    ];
    const membership = { owners: [n1, n2, n3], voters, outgoing: [], learners: [], learnersNext: [], target: null };
    const applied = { commit: toLogIndex(5), membershipIndex: toLogIndex(1) };
    return { role: "leader", ...applied, membership: { ...membership, nextMember: toMemberId(4) }, peers };
  }

  /** Four nodes, of which nobody says anything. */
  readonly state = {
    directory: { nodes: [n1, n2, n3, n4], groupsOf: () => [] },
    node: () => ({ labels: [] }),
    recorded: () => null,
    intent: () => null,
  };

  catchUp(): void {}

  change(input: RaftInput): string | null {
    if (input.type === "reconfigure") this.changes.push(input.target?.voters.map(({ node }) => node) ?? []);
    return this.refusal;
  }

  manage(nowMs: number): string {
    this.#nowMs = nowMs;
    const plan = this.#members.manage(toMillis(nowMs));
    return plan?.type ?? "nothing";
  }
}

test("a voter that is back before the change that was refused is tried again keeps its place", () => {
  const led = new Led();
  led.manage(0);
  led.refusal = "Leadership is being handed over";
  assert.equal(led.manage(afterMs), "change");
  assert.deepEqual(led.changes, [[n1, n2, n4]]);
  led.refusal = null;
  led.heardMs = afterMs + 900;
  assert.equal(led.manage(afterMs + 1_000), "keep");
  assert.deepEqual(led.changes, [[n1, n2, n4]], "it is replaced although it is back");
});

test("a change of the voters that was refused is tried again while its reason holds", () => {
  const led = new Led();
  led.manage(0);
  led.refusal = "Leadership is being handed over";
  led.manage(afterMs);
  led.refusal = null;
  assert.equal(led.manage(afterMs + 1_000), "change");
  assert.deepEqual(led.changes, [
    [n1, n2, n4],
    [n1, n2, n4],
  ]);
});
