// What is common to both recoveries: who was asked, who has answered, and what follows from it.

import { type ErrorCode, type Failure, failure } from "../../proto/errors.ts";
import type { NodeId } from "../../proto/ids.ts";
import type { Reply } from "../../proto/requests.ts";
import type { Ask } from "./cluster-status.ts";

export interface Asks {
  /** What each node holds. */
  readonly survey: Ask;
  /** For the change itself, which may happen whatever is heard of it. */
  readonly change: Ask;
}

export type Held = Reply & { readonly type: "replicaStatus" };
export type Answers = ReadonlyMap<NodeId, Reply>;

export function refusal(message: string, node: NodeId): Failure {
  return failure("condition_failed", message, { node });
}

export function whyNot(reply: Reply | undefined): string {
  return reply?.type === "failed" ? reply.failure.message : "it does not answer";
}

export function heldOf(answers: Answers): readonly Held[] {
  return [...answers.values()].filter((reply) => reply.type === "replicaStatus");
}

/** Also when it said that it holds nothing. */
export function hasAnswered(reply: Reply | undefined): boolean {
  return reply?.type === "replicaStatus" || (reply?.type === "failed" && ofNode.has(reply.failure.code));
}

/** Said by the node itself, and not for it. */
const ofNode: ReadonlySet<ErrorCode> = new Set(["condition_failed"]);

/** What is known to be lost, in sentences. `silent`: those who should have answered. */
export function lossesOf(from: NodeId, answers: Answers, members: readonly NodeId[]): readonly string[] {
  const held = heldOf(answers);
  const own = held.find(({ status }) => status.node === from);
  const last = own?.last ?? 0;
  const isOfSame = ({ status }: Held) => status.object.incarnation === own?.status.object.incarnation;
  const silent = members.filter((member) => member !== from && !hasAnswered(answers.get(member)));
  return [
    ...held.filter((other) => isOfSame(other) && other.last > last).map((other) => lostTail(other, from, last)),
    ...silent.map((member) => `${member} does not answer: what was acknowledged and ${from} does not have is lost`),
  ];
}

function lostTail({ status, last: end }: Held, from: NodeId, last: number): string {
  return `${status.node} holds the log up to ${end}, ${from} only up to ${last}: ${end - last} entries are lost`;
}
