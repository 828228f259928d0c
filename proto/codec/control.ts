// What a log says of itself, as the payload of an entry: a zero byte, then the encoded message. No encoded command begins
// with a zero byte, since no field of a message has the number 0.

import type { VoterSet } from "../gen/bailiwick/peer/v1/raft_pb.ts";
import * as wire from "../gen/bailiwick/peer/v1/raft_pb.ts";
import type { Configuration, Control, Learner, Mark, Membership, Voter } from "../membership.ts";
import { CodecError } from "./codec-error.ts";
import { logIndex, memberId, uint64 } from "./integers.ts";
import { checked, flag, nodeId } from "./scalars.ts";
import { type Codec, inBytes, list, message, nullable, only, required, union } from "./structure.ts";
import { wireLimits } from "./wire-limits.ts";

const votes: Codec<number, number> = checked((value, field) => {
  if (Number.isInteger(value) && value >= 0 && value <= wireLimits.votesMax) return;
  throw new CodecError(`${field} is ${value}, which is not one of 0 to ${wireLimits.votesMax}`);
});

const voter = message<Voter, typeof wire.VoterSchema>(wire.VoterSchema, {
  node: nodeId,
  member: memberId,
  votes,
  isWitness: flag,
});
const learner = message<Learner, typeof wire.LearnerSchema>(wire.LearnerSchema, { node: nodeId, member: memberId });

const voters = list(voter, wireLimits.ownersMax + 1);
const learners = list(learner, wireLimits.ownersMax);
const voterSet: Codec<readonly Voter[], VoterSet> = only(wire.VoterSetSchema, "voters", voters);

export const membership = message<Membership, typeof wire.MembershipSchema>(wire.MembershipSchema, {
  owners: list(nodeId, wireLimits.ownersMax),
  voters,
  outgoing: voters,
  learners,
  learnersNext: learners,
  target: nullable(voterSet),
  nextMember: memberId,
});

export const configuration = message<Configuration, typeof wire.ConfigurationSchema>(wire.ConfigurationSchema, {
  index: logIndex,
  membership: required(membership),
  mark: required(message<Mark, typeof wire.MarkSchema>(wire.MarkSchema, { term: uint64, subterm: uint64 })),
});

const { encode, decode } = inBytes<Control, typeof wire.ControlSchema>(
  wire.ControlSchema,
  only(
    wire.ControlSchema,
    "control",
    union<Control, wire.Control["control"]>({
      membership: message(wire.MembershipControlSchema, { membership: required(membership) }),
      subterm: message(wire.SubtermControlSchema, { subterm: uint64 }),
    }),
  ),
  wireLimits.rowBytesMax,
);

/** @throws {CodecError} when the value is outside the protocol */
export function encodeControl(control: Control): Uint8Array {
  const body = encode(control);
  const payload = new Uint8Array(1 + body.byteLength);
  payload.set(body, 1);
  return payload;
}

/** @throws {CodecError} on anything that {@link encodeControl} would not write */
export function decodeControl(payload: Uint8Array): Control {
  if (payload[0] !== 0) throw new CodecError(`Entry of ${payload.byteLength} bytes is no control entry`);
  return decode(payload.subarray(1));
}
