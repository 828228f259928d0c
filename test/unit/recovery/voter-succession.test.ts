// Which voter of the cluster database gives its place to which node, and when none does.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type NodeId, toNodeId } from "../../../proto/ids.ts";
import { domainOf, type VoterCandidate, votersIn } from "../../../server/recovery/voter-choice.ts";
import { planVoters, type SeenVoter, type VoterView } from "../../../server/recovery/voter-succession.ts";

const afterMs = 600_000;

/** `name` or `name@domain`, with `*` for each group that it owns. */
function candidateOf(text: string): VoterCandidate {
  const [, name = "", , domain, stars = ""] = /^([a-z0-9]+)(@([a-z0-9]+))?(\**)$/.exec(text) ?? [];
  const node = toNodeId(name);
  return { node, domain: domainOf(node, domain), groups: stars.length };
}

/** As {@link candidateOf}; with `!` when it is silent for long enough, `?` for a moment, and `+` while it is brought up. */
function voterOf(text: string): SeenVoter {
  const silentMs = text.includes("!!") ? 2 * afterMs : text.includes("!") ? afterMs : text.includes("?") ? 5_000 : 0;
  const candidate = candidateOf(text.replace(/[!?+]/g, ""));
  return { ...candidate, silentMs, isHeard: silentMs === 0, hasVote: !text.includes("+") };
}

function planned(voters: string, candidates: string, change: Partial<VoterView> = {}): string {
  const plan = planVoters({
    afterMs,
    voters: voters.split(" ").map(voterOf),
    change: "none",
    candidates: candidates.split(" ").filter(Boolean).map(candidateOf),
    ...change,
  });
  return plan.type === "keep" ? `keep: ${plan.why}` : `${plan.voters.join(" ")}: ${plan.reason}`;
}

const table: readonly (readonly [what: string, voters: string, candidates: string, expected: string])[] = [
  ["nobody while all are heard", "a b c", "d e", "keep: null"],
  ["nobody for a moment of silence", "a b c?", "d e", "keep: null"],
  ["who has been silent for long enough", "a b! c", "d e", "a d c: b was not heard for 600 s"],
  ["the longest silent of two", "a b! c d!! e", "f", "a b c f e: d was not heard for 1200 s"],
  ["the first in order of two that fell silent together", "a b! c d! e", "f", "a f c d e: b was not heard for 600 s"],
  ["by a node of the emptiest domain", "a@r1 b@r2 c@r3!", "d@r1 e@r3 f@r2", "a b e: c was not heard for 600 s"],
  ["by one of a domain that had none", "a@r1 b@r2 c@r2!", "d@r1 e@r3 f@r2", "a b e: c was not heard for 600 s"],
  ["by a node in few groups", "a b c!", "d** e* f**", "a b e: c was not heard for 600 s"],
  ["by the first by name", "a b c!", "g e f", "a b e: c was not heard for 600 s"],
  [
    "by nobody who votes already",
    "a b c!",
    "a b c",
    "keep: c was not heard for 600 s; no other node that may vote is up",
  ],
  ["by nobody when nobody is up", "a b c!", "", "keep: c was not heard for 600 s; no other node that may vote is up"],
  [
    "only while a quorum is heard",
    "a b? c! d! e?",
    "f",
    "keep: c was not heard for 600 s; only 1 of 5 voters are heard",
  ],
  [
    "by nobody whose domain would take the quorum with it",
    "a@r1 b@r2 c@r3!",
    "d@r1 e@r2",
    "keep: c was not heard for 600 s; a failure domain would take the quorum with it if d, e voted in its place",
  ],
  ["by one of a domain that took it before", "a@r1 b@r1 c@r2!", "d@r1", "a b d: c was not heard for 600 s"],
  ["by a second one of a domain that spares a quorum", "a b@r1 c d e!", "f@r1", "a b c d f: e was not heard for 600 s"],
  ["the place that is left of an even number", "a b", "c", "a b c: only 2 nodes voted"],
];

for (const [what, voters, candidates, expected] of table) {
  test(`planVoters() replaces ${what}`, () => assert.equal(planned(voters, candidates), expected));
}

test("planVoters() replaces nobody when that is switched off", () => {
  assert.equal(planned("a b! c", "d", { afterMs: null }), "keep: null");
  assert.equal(planned("a b", "d", { afterMs: null }), "keep: null");
});

test("planVoters() lets a change under way end before another begins, and one that cannot end go another way", () => {
  assert.equal(planned("a b! c+", "d", { change: "underWay" }), "keep: null");
  assert.equal(planned("a b c+!", "d", { change: "underWay" }), "a b d: c was not heard for 600 s");
  const completing = "keep: b was not heard for 600 s; another change of the voters is being completed";
  assert.equal(planned("a b+! c", "d", { change: "joint" }), completing);
  assert.equal(planned("a b", "d", { change: "underWay" }), "keep: null");
});

const names = "abcdefghij".split("").map(toNodeId);

const view: fc.Arbitrary<VoterView> = fc
  .record({
    count: fc.constantFrom(1, 2, 3, 3, 3, 5, 5, 5),
    order: fc.shuffledSubarray(names, { minLength: names.length }),
    domains: fc.array(fc.constantFrom("r1", "r2", "r3", undefined), { minLength: 10, maxLength: 10 }),
    groups: fc.array(fc.nat(3), { minLength: 10, maxLength: 10 }),
    silences: fc.array(fc.constantFrom(0, 0, 0, 1_000, afterMs - 1, afterMs, 2 * afterMs), {
      minLength: 5,
      maxLength: 5,
    }),
    votes: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
    change: fc.constantFrom("none", "none", "none", "underWay", "joint" as const),
    up: fc.subarray(names),
  })
  .map(({ count, order, domains, groups, silences, votes, change, up }) => {
    const candidateAt = (node: NodeId) => {
      const at = names.indexOf(node);
      return { node, domain: domainOf(node, domains[at]), groups: groups[at] as number };
    };
    const voters = order.slice(0, count).map((node, at) => {
      const silentMs = at === 0 ? 0 : (silences[at] as number);
      const hasVote = change === "none" || at === 0 || (votes[at] as boolean);
      return { ...candidateAt(node), silentMs, isHeard: silentMs === 0, hasVote };
    });
    return { afterMs, voters, change: change as VoterView["change"], candidates: up.map(candidateAt) };
  });

/** The largest number of voters that one domain takes with it. */
function worst(voters: readonly VoterCandidate[]): number {
  return Math.max(...voters.map(({ domain }) => votersIn(domain, voters)));
}

test("whatever planVoters() changes, it changes one voter for one that is up, and no spread gets worse than a quorum spares", () => {
  let changes = 0;
  fc.assert(
    fc.property(view, (seen) => {
      const plan = planVoters(seen);
      if (plan.type === "keep") return;
      changes += 1;
      const before = seen.voters.map(({ node }) => node);
      const kept = before.filter((node) => plan.voters.includes(node));
      const came = plan.voters.filter((node) => !before.includes(node));
      assert.deepEqual(came, [plan.heir]);
      assert.equal(new Set(plan.voters).size, plan.voters.length);
      assert.equal(kept.length, plan.voters.length - 1, "quorums of the old and the new have a voter in common");
      assert.ok(plan.voters.length >= before.length, "never fewer voters");
      for (const voter of seen.voters) if (!kept.includes(voter.node)) assert.ok(voter.silentMs >= afterMs);
      const voting = seen.voters.filter(({ hasVote }) => hasVote);
      assert.ok(voting.filter(({ isHeard }) => isHeard).length * 2 > voting.length || before.length % 2 === 0);
      assert.notEqual(seen.change, "joint");
      const known = new Map([...seen.voters, ...seen.candidates].map((each) => [each.node, each]));
      assert.ok(seen.candidates.some(({ node }) => node === plan.heir));
      const after = plan.voters.map((node) => known.get(node) as VoterCandidate);
      const spared = Math.floor((after.length - 1) / 2);
      assert.ok(worst(after) <= Math.max(spared, 1) || worst(seen.voters) > Math.floor((seen.voters.length - 1) / 2));
    }),
    { numRuns: 20_000, seed: 1 },
  );
  assert.ok(changes > 1_000, `${changes} changes`);
});

test("planVoters() comes to the same whatever the order of the candidates", () => {
  const shuffled = view.chain((seen) =>
    fc.shuffledSubarray([...seen.candidates], { minLength: seen.candidates.length }).map((candidates) => {
      return [seen, { ...seen, candidates }] as const;
    }),
  );
  fc.assert(
    fc.property(shuffled, ([seen, other]) => {
      const plan = planVoters(seen);
      if (plan.type === "change") assert.deepEqual(planVoters(other), plan);
    }),
    { numRuns: 2_000 },
  );
});
