// What the manager of the members remembers of changes that were given up or not taken.

import assert from "node:assert/strict";
import { test } from "node:test";
import { toMemberId, toMillis, toNodeId } from "../../../proto/ids.ts";
import { firstConfiguration, type Membership } from "../../../proto/membership.ts";
import { type LeaderView, MembershipManager } from "../../../server/node/membership-manager.ts";
import type { RaftStatus } from "../../../server/raft/types.ts";
import { n1, n2, n3, n4 } from "./cluster.ts";

const n5 = toNodeId("n5");
const pair = firstConfiguration([n1, n2]).membership;
const learner = { node: n4, member: toMemberId(3) };
const withThird: Partial<Membership> = {
  target: [...pair.voters, { ...learner, votes: 1, isWitness: false }],
  learners: [learner],
};

function witnessedBy(node: typeof n3, member: number): Membership {
  return { ...pair, voters: [...pair.voters, { node, member: toMemberId(member), votes: 1, isWitness: true }] };
}

class Managed {
  readonly manager = new MembershipManager(n1, null, toMillis(0));
  #nowMs = 0;

  view(membership: Membership): LeaderView {
    const status = { role: "leader", commit: 5, last: 5, membershipIndex: 3, membership };
    const peers = [
      { peer: n3, heardMs: 0 },
      { peer: n2, heardMs: this.#nowMs },
    ];
    const witnesses = (owners: readonly string[]) => [n3, n5].filter((node) => !owners.includes(node));
    const free = { isSettled: true, isRefused: () => false, isTied: false };
    return { status: { ...status, peers } as unknown as RaftStatus, policy: { type: "usual" }, witnesses, ...free };
  }

  decide(membership: Membership, nowMs: number) {
    this.#nowMs = nowMs;
    this.manager.wake(toMillis(nowMs));
    return this.manager.decide(this.view(membership), toMillis(nowMs));
  }
}

test("a change goes on that was not given up, for the core did not take another owner list in its place", () => {
  const managed = new Managed();
  const changing = { ...pair, ...withThird };
  assert.equal(managed.manager.ask([n1, n5], managed.view(changing)), null);
  for (let nowMs = 0; managed.manager.asked?.includes(n5) !== false; nowMs += 600) {
    assert.deepEqual(managed.decide(changing, nowMs), { type: "reconfigure", target: null });
    managed.manager.refused("The term has only just begun", toMillis(nowMs));
  }
  assert.equal(managed.decide(changing, 60_000), null);
});

test("a change that waits for another witness is forgotten when a client wants the owners as they are", () => {
  const managed = new Managed();
  const before = witnessedBy(n3, 2);
  const changing = { ...before, ...withThird };
  assert.equal(managed.decide(changing, 0), null);
  assert.deepEqual(managed.decide(changing, 12_000), { type: "reconfigure", target: null });
  managed.manager.settle();
  managed.decide(before, 12_600);
  managed.decide(witnessedBy(n5, 4), 13_200);
  assert.equal(managed.manager.asked, null);
});
