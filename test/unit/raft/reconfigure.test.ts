import { strict as assert } from "node:assert";
import { test } from "node:test";
import { decodeControl } from "../../../proto/codec/control.ts";
import { type NodeId, toMemberId } from "../../../proto/ids.ts";
import { firstConfiguration, type Membership, memberOf } from "../../../proto/membership.ts";
import { type Change, enterJoint, simpleChange } from "../../../server/raft/changes.ts";
import type { RaftOutput, TargetVoter } from "../../../server/raft/types.ts";
import { appendReply, Bench, beatReply, n1, n2, n3, n4, n5, sent } from "./fixtures.ts";

const owner = (node: NodeId, votes = 1): TargetVoter => ({ node, votes, isWitness: false });
const witness = (node: NodeId, votes = 1): TargetVoter => ({ node, votes, isWitness: true });

/** A leader of n1, n2, n3 whose term is open, and that has just heard the other two. */
function leading(): Bench {
  const bench = new Bench();
  bench.lead();
  for (const peer of [n2, n3]) bench.receive(peer, appendReply(1, 1));
  return bench;
}

function change(bench: Bench, voters: readonly TargetVoter[], renew: readonly NodeId[] = []): RaftOutput {
  return bench.step({ type: "reconfigure", target: { voters, renew } });
}

const refusal = (voters: readonly TargetVoter[], renew: readonly NodeId[] = []) =>
  change(leading(), voters, renew).refusal;

test("a target that names a node twice, has no owner, or two witnesses, is refused", () => {
  assert.match(`${refusal([owner(n1), owner(n1)])}`, /named twice/);
  assert.match(`${refusal([witness(n1)])}`, /No owner would be left/);
  assert.match(`${refusal([])}`, /No owner would be left/);
  assert.match(`${refusal([owner(n1), witness(n2), witness(n3)])}`, /one witness at most/);
  assert.match(`${refusal([owner(n1, 0), owner(n2, 0)])}`, /No owner would have a vote/);
});

test("votes that no entry could carry are refused before they are in the log", () => {
  for (const votes of [101, -1, 0.5]) assert.match(`${refusal([owner(n1, votes), owner(n2)])}`, /not one of 0 to 100/);
});

test("owners that could commit nothing without the witness are refused", () => {
  assert.match(`${refusal([owner(n1), owner(n2), witness(n3, 2)])}`, /no quorum without the witness/);
  assert.equal(refusal([owner(n1), owner(n2), witness(n3)]), null);
});

test("renewing every owner at once is refused, with a witness or without: nobody would hold the data", () => {
  assert.match(`${refusal([owner(n1), owner(n2), owner(n3)], [n1, n2, n3])}`, /No voter would be left/);
  const { membership } = firstConfiguration([n1, n2, n3]);
  const voters = membership.voters.map((voter) => ({ ...voter, isWitness: voter.node === n3 }));
  const removals = [n1, n2].map((node): Change => ({ type: "remove", node }));
  assert.equal(enterJoint({ ...membership, voters }, removals), "No owner would be left");
});

test("nothing is changed before the own term's first entry is committed (R7)", () => {
  const bench = new Bench();
  bench.lead();
  assert.match(`${change(bench, [owner(n1), owner(n2)]).refusal}`, /only just begun/);
  bench.receive(n2, appendReply(1, 1));
  assert.equal(change(bench, [owner(n1), owner(n2)]).refusal, null);
});

test("voters leave only when enough of those who stay are heard", () => {
  const bench = leading();
  bench.nowMs += 999;
  bench.receive(n3, beatReply(1, 0, 1));
  bench.nowMs += 1;
  assert.match(`${change(bench, [owner(n1), owner(n2)]).refusal}`, /Too few of the voters/);
  assert.equal(change(bench, [owner(n1), owner(n3)]).refusal, null);
});

function membershipIn(output: RaftOutput): Membership {
  const entry = output.persist?.append?.entries.at(-1);
  assert.ok(entry);
  const control = decodeControl(entry.payload);
  assert.ok(control.type === "membership");
  return control.membership;
}

test("a change goes on when a voter is heard again that has nothing new to say", () => {
  const bench = leading();
  change(bench, [owner(n2), owner(n3), owner(n4)]);
  bench.persist();
  for (const from of [n2, n3]) bench.receive(from, appendReply(1, 2));
  bench.nowMs += 1100;
  bench.step({ type: "message", from: n4, member: toMemberId(2), message: appendReply(1, 2) });
  assert.equal(bench.raft.membership.outgoing.length, 0, "n4 has caught up, and is the only one heard");
  bench.receive(n2, beatReply(1, 0, 2));
  assert.equal(bench.raft.membership.outgoing.length, 3);
});

test("a change waits for the last of the new members", () => {
  const bench = leading();
  const begun = change(bench, [owner(n1), owner(n2), owner(n4), owner(n5)]);
  assert.deepEqual(
    membershipIn(begun).learners.map(({ node, member }) => `${node}#${member}`),
    ["n4#2", "n5#3"],
  );
  bench.persist();
  for (const from of [n2, n3]) bench.receive(from, appendReply(1, 2));
  bench.step({ type: "message", from: n4, member: toMemberId(2), message: appendReply(1, 2) });
  assert.equal(bench.raft.membership.outgoing.length, 0, "n5 has not been brought up");
  bench.step({ type: "message", from: n5, member: toMemberId(3), message: appendReply(1, 2) });
  assert.equal(bench.raft.membership.outgoing.length, 3);
});

test("a new member that loses its data while it is brought up begins anew, and the change goes on", () => {
  const bench = leading();
  const voters = [owner(n1), owner(n2), owner(n4), owner(n5)];
  change(bench, voters);
  bench.persist();
  for (const from of [n2, n3]) bench.receive(from, appendReply(1, 2));
  assert.match(`${change(bench, [owner(n1), owner(n2), owner(n4)], [n4]).refusal}`, /Another change/);
  assert.match(`${change(bench, voters).refusal}`, /Another change/);
  assert.match(`${change(bench, voters, [n3]).refusal}`, /Another change/);
  const { learners, target, nextMember } = membershipIn(change(bench, voters, [n4]));
  assert.deepEqual(
    learners.map(({ node, member }) => `${node}#${member}`),
    ["n5#3", "n4#4"],
  );
  assert.deepEqual([target?.map(({ member }) => member), nextMember], [[1, 1, 4, 3], 5]);
  bench.persist();
  bench.receive(n2, appendReply(1, 3));
  bench.step({ type: "message", from: n4, member: toMemberId(2), message: appendReply(1, 3) });
  bench.step({ type: "message", from: n5, member: toMemberId(3), message: appendReply(1, 3) });
  assert.equal(bench.raft.membership.outgoing.length, 0, "who answers for n4 is no member any more");
  bench.step({ type: "message", from: n4, member: toMemberId(4), message: appendReply(1, 3) });
  assert.equal(bench.raft.membership.outgoing.length, 3);
});

test("a voter that loses its data during a change leaves, and the change then brings it back too", () => {
  const bench = leading();
  const voters = [owner(n1), owner(n2), owner(n3), owner(n4)];
  change(bench, voters);
  bench.persist();
  for (const from of [n2, n3]) bench.receive(from, appendReply(1, 2));
  const joint = membershipIn(change(bench, voters, [n3]));
  assert.deepEqual([joint.voters.length, joint.outgoing.length], [2, 3]);
  assert.deepEqual(
    joint.learners.map(({ node, member }) => `${node}#${member}`),
    ["n4#2"],
  );
});

test("a voter that lost its data votes again when it holds it, in its place, although a new owner does not come up", () => {
  const bench = leading();
  const voters = [owner(n1), owner(n3), owner(n2), owner(n4)];
  const commit = () => {
    while (bench.writes > 0) bench.persist();
    bench.receive(n2, appendReply(1, bench.raft.status().last));
  };
  change(bench, [owner(n1), owner(n3), owner(n2)]);
  commit();
  change(bench, voters);
  commit();
  change(bench, voters, [n3]);
  for (let step = 0; step < 3; step += 1) commit();
  const n3Again = bench.raft.membership.learners.find(({ node }) => node === n3)?.member;
  assert.equal(n3Again, toMemberId(3));
  const { last } = bench.raft.status();
  bench.step({ type: "message", from: n3, member: toMemberId(3), message: appendReply(1, last) });
  for (let step = 0; step < 2; step += 1) commit();
  const { voters: present, outgoing, learners, target } = bench.raft.membership;
  assert.deepEqual([present.map(({ node }) => node), outgoing], [[n1, n3, n2], []]);
  assert.deepEqual([learners.map(({ node }) => node), target?.length], [[n4], 4]);
});

test("a voter under another number is another voter, and takes more than a simple change", () => {
  const { membership } = firstConfiguration([n1, n2, n3]);
  const renumbered: Change = { type: "voter", node: n3, member: toMemberId(7), votes: 1, isWitness: false };
  assert.match(`${simpleChange(membership, [renumbered])}`, /More than one voter/);
});

test("unequal votes that leave room for two quorums are refused, with both named", () => {
  const { membership } = firstConfiguration([n1, n2, n3]);
  const heavy: Change = { type: "voter", node: n4, member: null, votes: 4, isWitness: false };
  assert.equal(
    simpleChange(membership, [heavy]),
    "{n1, n2} would be a quorum before the change and {n3, n4} after it, without a common voter",
  );
});

test("a new witness has its number committed before the configuration becomes joint", () => {
  const bench = leading();
  const begun = membershipIn(change(bench, [owner(n1), owner(n2), witness(n4)]));
  assert.deepEqual([begun.outgoing.length, begun.learners.length, begun.target?.at(-1)?.member], [0, 0, 2]);
  bench.persist();
  bench.receive(n2, appendReply(1, 2));
  assert.equal(bench.raft.membership.outgoing.length, 3);
});

test("one answer may dismiss the witness and let the change go on: the step broadcasts once, and both entries reach all", () => {
  const bench = leading();
  const answer = (from: NodeId, member: number, matched: number) =>
    bench.step({ type: "message", from, member: toMemberId(member), message: appendReply(1, matched) });
  const commit = (matched: number) => {
    bench.persist();
    for (const from of [n2, n3]) answer(from, 1, matched);
  };
  change(bench, [owner(n1), owner(n2), owner(n3), witness(n4)]);
  for (const matched of [2, 3, 4]) commit(matched);
  change(bench, [owner(n1), owner(n3, 2), owner(n5)]);
  commit(5);
  bench.nowMs += 1500;
  answer(n5, 3, 5);
  const round = bench.raft.beatFor(n2)?.round as number;
  bench.step({ type: "message", from: n4, member: toMemberId(2), message: beatReply(1, round, 0) });
  const named = sent(bench.receive(n2, beatReply(1, round, 5)), "standIn")[0]?.message;
  assert.deepEqual(named?.owners, [n1, n2]);
  const output = bench.receive(n3, beatReply(1, round, 5));
  assert.deepEqual([bench.raft.status().standIn, bench.raft.membership.outgoing.length], [null, 4]);
  const indexes = sent(output, "append").flatMap(({ message }) =>
    message.slice.entries.map(({ index }) => index as number),
  );
  assert.deepEqual(
    [output.broadcast?.to, indexes],
    [
      [n2, n3, n5],
      [6, 6, 6, 7, 7, 7],
    ],
  );
});

/** Everybody who is a member by then holds the log, until there is nothing left to do. @returns every membership on the way */
function carryThrough(bench: Bench, target: readonly TargetVoter[]): readonly Membership[] {
  change(bench, target);
  const passed: Membership[] = [];
  while (passed.at(-1) !== bench.raft.membership) {
    const { membership } = bench.raft;
    passed.push(membership);
    bench.persist();
    const { last } = bench.raft.status();
    for (const node of [n2, n3, n4, n5]) {
      const member = memberOf(membership, node);
      if (member !== null) bench.step({ type: "message", from: node, member, message: appendReply(1, last) });
    }
  }
  return passed;
}

const votersOf = ({ voters }: Membership) => voters.map((voter) => `${voter.node}${voter.isWitness ? "w" : ""}`).join();

test("an owner becomes the witness last, when the new owners have a say already", () => {
  const bench = leading();
  const passed = carryThrough(bench, [owner(n1), owner(n4), witness(n2)]);
  assert.deepEqual([...new Set(passed.map(votersOf))], ["n1,n2,n3", "n1,n4", "n1,n4,n2w"]);
  assert.deepEqual([passed.at(-1)?.owners, passed.at(-1)?.target, passed.at(-1)?.outgoing], [[n1, n4], null, []]);
});

test("an owner and the witness change places, and the group has two owners all the time", () => {
  const bench = leading();
  carryThrough(bench, [owner(n1), owner(n2), witness(n4)]);
  const passed = carryThrough(bench, [owner(n1), owner(n4), witness(n2)]);
  assert.deepEqual([...new Set(passed.map(votersOf))], ["n1,n2,n4w", "n1,n2", "n1,n4", "n1,n4,n2w"]);
  assert.equal(passed.at(-1)?.target, null);
});

test("nobody leaves for a change of places while another new owner has not been brought up", () => {
  const bench = leading();
  carryThrough(bench, [owner(n1), owner(n2), witness(n4)]);
  change(bench, [owner(n5), owner(n4), witness(n2)]);
  bench.persist();
  const { last } = bench.raft.status();
  bench.receive(n2, appendReply(1, last));
  const { voters, outgoing, learners } = bench.raft.membership;
  assert.equal(votersOf(bench.raft.membership), "n1,n2,n4w");
  assert.deepEqual([voters.length, outgoing, learners.map(({ node }) => node)], [3, [], [n5]]);
});
