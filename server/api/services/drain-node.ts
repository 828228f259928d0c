// NodeService.DrainNode and UndrainNode: the node that is asked has all groups of the node come to it; the answer tells how the
// node stands then, or, where the caller waits, once nothing runs there any more.

import { setTimeout as sleep } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { type Node, NodeSchema } from "../../../proto/gen/bailiwick/v1/node_pb.ts";
import * as wire from "../../../proto/gen/bailiwick/v1/node_service_pb.ts";
import { type PlannedMove, PlannedMoveSchema } from "../../../proto/gen/bailiwick/v1/plan_pb.ts";
import type { NodeId } from "../../../proto/ids.ts";
import type { RecoveryStatus } from "../../../proto/model.ts";
import type { Move, NodeStatus } from "../../../proto/requests.ts";
import type { CallContext } from "../call-context.ts";
import { readNode, refuseRequestId } from "../convert/fields.ts";
import { toNodeHeader } from "../convert/headers.ts";
import { askWholeNode } from "./whole-node.ts";

const pollIntervalMs = 100;
/** Left for the answer itself. */
const answerMs = 500;
/** So long a group that was told may go on saying what was before: any of its replicas is asked. */
const tellMs = 1_000;

export async function drainNode(request: wire.DrainNodeRequest, context: CallContext): Promise<wire.DrainNodeResponse> {
  refuseRequestId(request.requestId);
  const node = readNode(request.node);
  const { skipUnavailable, validateOnly, why: reason } = request;
  const asked = { type: "drainNode", node, wanted: "drained", reason, skipUnavailable, validateOnly } as const;
  const { moves, unreachable } = await context.ask(asked);
  const drained = { node, skipped: unreachable, context };
  if (!validateOnly) await untilAll(isTold, tellMs, drained);
  if (request.wait && !validateOnly) await untilAll(isIdle, Number.POSITIVE_INFINITY, drained);
  return create(wire.DrainNodeResponseSchema, {
    header: toNodeHeader(context.self),
    node: await nodeNow(node, context),
    moves: moves.map(toPlannedMove),
    unreachable: [...unreachable],
  });
}

export async function undrainNode(
  request: wire.UndrainNodeRequest,
  context: CallContext,
): Promise<wire.UndrainNodeResponse> {
  refuseRequestId(request.requestId);
  const node = readNode(request.node);
  const { skipUnavailable } = request;
  const asked = { type: "drainNode", node, wanted: "none", reason: "", skipUnavailable, validateOnly: false } as const;
  const { unreachable } = await context.ask(asked);
  await untilAll(isTaking, tellMs, { node, skipped: unreachable, context });
  return create(wire.UndrainNodeResponseSchema, {
    header: toNodeHeader(context.self),
    node: await nodeNow(node, context),
    unreachable: [...unreachable],
  });
}

/** How a group may say that the node stands; undefined: it did not answer. */
type Word = RecoveryStatus | undefined;

interface Drained {
  readonly node: NodeId;
  /** Groups that come to it later. */
  readonly skipped: readonly string[];
  readonly context: CallContext;
}

/** Until the word of every group that can be asked is so, for `msMax` at most, or there is only time left to answer. */
async function untilAll(isSo: (word: Word) => boolean, msMax: number, drained: Drained): Promise<void> {
  const { node, skipped, context } = drained;
  const untilMs = Math.max(answerMs, context.remainingMs() - msMax);
  while (context.remainingMs() > untilMs && !context.signal.aborted) {
    const status = await context.ask({ type: "nodeStatus", node }, context.remainingMs() - answerMs / 2).then(
      (answer) => answer.status,
      () => null,
    );
    if (status !== null && wordsOf(status, skipped).every(isSo)) return;
    await sleep(pollIntervalMs, undefined, { signal: context.signal }).catch(() => {});
  }
}

function wordsOf({ components, groups }: NodeStatus, skipped: readonly string[]): readonly Word[] {
  const words = new Map(components.map(({ group, status }) => [group, status]));
  return groups.filter((group) => !skipped.includes(group)).map((group) => words.get(group));
}

function isTold(word: Word): boolean {
  return word !== "up";
}

/** A group that does not answer may have its application there. */
function isIdle(word: Word): boolean {
  return word !== undefined && word !== "up" && word !== "draining";
}

function isTaking(word: Word): boolean {
  return word !== "draining" && word !== "maintenance";
}

/** It is decided whether that can be told now or not. */
async function nodeNow(name: NodeId, context: CallContext): Promise<Node> {
  return askWholeNode(name, context).then(
    ({ node }) => node,
    () => create(NodeSchema, { name }),
  );
}

function toPlannedMove({ group, from, to, reason }: Move): PlannedMove {
  return create(PlannedMoveSchema, { group, from, to: to ?? "", why: reason });
}
