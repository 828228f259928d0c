import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CodecError } from "../../../proto/codec/codec-error.ts";
import { decodeControl, encodeControl } from "../../../proto/codec/control.ts";
import { wireLimits } from "../../../proto/codec/wire-limits.ts";
import { toMemberId, toNodeId } from "../../../proto/ids.ts";
import { type Control, firstConfiguration, type Membership, type Voter } from "../../../proto/membership.ts";
import { isControl } from "../../../proto/raft.ts";

const node = fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/).map(toNodeId);
const member = fc.integer({ min: 1, max: 2 ** 40 }).map(toMemberId);
const voter: fc.Arbitrary<Voter> = fc.record({
  node,
  member,
  votes: fc.nat(wireLimits.votesMax),
  isWitness: fc.boolean(),
});
const voters = fc.array(voter, { maxLength: 6 });
const learners = fc.array(fc.record({ node, member }), { maxLength: 4 });
const membership: fc.Arbitrary<Membership> = fc.record({
  owners: fc.array(node, { maxLength: 6 }),
  voters,
  outgoing: voters,
  learners,
  learnersNext: learners,
  target: fc.option(voters),
  nextMember: member,
});
const control: fc.Arbitrary<Control> = fc.oneof(
  membership.map((value) => ({ type: "membership" as const, membership: value })),
  fc.nat().map((subterm) => ({ type: "subterm" as const, subterm })),
);

const plain = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown;
const { membership: three } = firstConfiguration(["a", "b", "c"].map(toNodeId));

test("what a log says of itself comes back as it was, marked by a zero byte that no command begins with", () => {
  fc.assert(
    fc.property(control, (value) => {
      const payload = encodeControl(value);
      assert.ok(isControl(payload));
      assert.deepEqual(plain(decodeControl(payload)), plain(value));
    }),
  );
});

test("a change that ends with nobody is told apart from no change", () => {
  const decoded = (target: Membership["target"]) => {
    const value = decodeControl(encodeControl({ type: "membership", membership: { ...three, target } }));
    return value.type === "membership" ? value.membership.target : undefined;
  };
  assert.deepEqual(decoded([]), []);
  assert.equal(decoded(null), null);
});

test("an entry without the mark, or cut anywhere, is no control entry", () => {
  const payload = encodeControl({ type: "membership", membership: three });
  assert.throws(() => decodeControl(payload.subarray(1)), CodecError);
  assert.throws(() => decodeControl(new Uint8Array(0)), CodecError);
  assert.throws(() => decodeControl(payload.subarray(0, 1)), CodecError);
  for (let end = 1; end < payload.length; end++) {
    try {
      decodeControl(payload.subarray(0, end));
    } catch (error) {
      assert.ok(error instanceof CodecError, `cut at ${end}: ${String(error)}`);
    }
  }
});

test("votes are 0 to 100, whichever way they go", () => {
  const withVotes = (votes: number): Control => {
    const voter: Voter = { node: toNodeId("a"), member: toMemberId(1), votes, isWitness: false };
    return { type: "membership", membership: { ...three, voters: [voter] } };
  };
  assert.ok(encodeControl(withVotes(wireLimits.votesMax)));
  for (const votes of [wireLimits.votesMax + 1, -1, 0.5]) {
    assert.throws(() => encodeControl(withVotes(votes)), CodecError, `${votes}`);
  }
});

test("more voters than a group may have are refused", () => {
  const many = Array.from({ length: wireLimits.ownersMax + 2 }, (_, at): Voter => {
    return { node: toNodeId(`n${at}`), member: toMemberId(1), votes: 1, isWitness: false };
  });
  assert.throws(() => encodeControl({ type: "membership", membership: { ...three, voters: many } }), CodecError);
});
