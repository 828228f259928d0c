// Plays a table of membership changes: by the rules of change, and by what a leader keeps of its followers meanwhile.

import { encodeControl } from "../../../../proto/codec/control.ts";
import { compareNames, type NodeId, toLogIndex, toMemberId, toMillis, toNodeId } from "../../../../proto/ids.ts";
import { firstConfiguration, type Learner, type Membership } from "../../../../proto/membership.ts";
import { type Change, type Changed, enterJoint, leaveJoint, simpleChange } from "../../../../server/raft/changes.ts";
import { keepProgress } from "../../../../server/raft/followers.ts";
import { Progress } from "../../../../server/raft/progress.ts";
import type { MembershipCase } from "../table.ts";

/** Of a group before its first member. */
export const emptyMembership: Membership = firstConfiguration([]).membership;

const kinds: Readonly<Record<string, (membership: Membership, changes: readonly Change[]) => Changed>> = {
  simple: simpleChange,
  enter: enterJoint,
  leave: leaveJoint,
};

/** The same cases with what the product answers. */
export function playTable(cases: readonly MembershipCase[]): MembershipCase[] {
  let membership = emptyMembership;
  let known: ReadonlyMap<NodeId, Progress> = new Map();
  return cases.map((row, position) => {
    const changed = kinds[row.command]?.(membership, row.changes.flatMap(toChange));
    if (changed === undefined) throw new Error(`No command: ${row.command}`);
    if (typeof changed === "string") return { ...row, expected: [`refused: ${changed}`] };
    membership = changed;
    known = keepProgress(known, membership, (of) => new Progress(of, toLogIndex(1), toMillis(position + 1)));
    return { ...row, expected: [describe(membership), describeSince(known)] };
  });
}

/** A node has the name `n1` here, `0` stands for no name at all, which no change can carry. */
function toChange(word: string): readonly Change[] {
  const node = toNodeId(word.slice(1) === "0" ? "" : `n${word.slice(1)}`);
  if (!isNode(node)) return [];
  switch (word[0]) {
    case "+":
      return [{ type: "voter", node, member: null, votes: 1, isWitness: false }];
    case "~":
      return [{ type: "learner", node, member: null }];
    case "-":
      return [{ type: "remove", node }];
    case "=":
      return []; // Nothing that is known of a node outside of the membership goes through this log.
    default:
      throw new Error(`No change: ${word}`);
  }
}

/** Asked of the codec, which is the gate for every name. */
export function isNode(node: NodeId): boolean {
  try {
    encodeControl({
      type: "membership",
      membership: { ...emptyMembership, learners: [{ node, member: toMemberId(1) }] },
    });
    return true;
  } catch {
    return false;
  }
}

/** For example `(2 3)&&(1), learners (4), later (1)`: these become learners when the joint configuration is left. */
function describe({ voters, outgoing, learners, learnersNext }: Membership): string {
  const parts = [`(${namesOf(voters)})${outgoing.length > 0 ? `&&(${namesOf(outgoing)})` : ""}`];
  if (learners.length > 0) parts.push(`learners (${namesOf(learners)})`);
  if (learnersNext.length > 0) parts.push(`later (${namesOf(learnersNext)})`);
  return parts.join(", ");
}

function namesOf(members: readonly Learner[]): string {
  return inOrder(members.map(({ node }) => node.slice(1))).join(" ");
}

/** Which command of the table made the leader's record of each. */
function describeSince(known: ReadonlyMap<NodeId, Progress>): string {
  const since = new Map([...known.values()].map(({ peer, sinceMs }) => [peer.slice(1), sinceMs]));
  return `since ${inOrder([...since.keys()])
    .map((name) => `${name}@${since.get(name)}`)
    .join(" ")}`;
}

function inOrder(names: readonly string[]): string[] {
  return [...names].sort((left, right) => left.length - right.length || compareNames(left, right));
}
