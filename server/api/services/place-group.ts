// GroupService.MoveGroup and its like: what an operator wants of a group's application is put into the group's log; the answer
// tells how the group stands then, or, where the caller waits, once it is so or has failed.

import { setTimeout as sleep } from "node:timers/promises";
import { create, type MessageShape } from "@bufbuild/protobuf";
import { epoch } from "../../../proto/codec/integers.ts";
import type { RequestId, Header as WireHeader } from "../../../proto/gen/bailiwick/v1/common_pb.ts";
import { type Group, GroupSchema } from "../../../proto/gen/bailiwick/v1/group_pb.ts";
import * as wire from "../../../proto/gen/bailiwick/v1/group_service_pb.ts";
import type { GroupId, LogIndex, NodeId } from "../../../proto/ids.ts";
import { reasonCharsMax, whoCharsMax } from "../../../proto/model.ts";
import type { GroupWish } from "../../../proto/placement.ts";
import type { GroupStatus, Header } from "../../../proto/requests.ts";
import { limits } from "../../node/limits.ts";
import type { CallContext } from "../call-context.ts";
import { checkText, readCount, readField, readGroup, readIdentity, readNode } from "../convert/fields.ts";
import { toGroup } from "../convert/groups.ts";
import { toHeader } from "../convert/headers.ts";
import { toExplanation } from "../convert/placements.ts";
import { askGroups } from "./ask-groups.ts";

const pollIntervalMs = 100;
/** Left for the answer itself. */
const answerMs = 500;
const decisionBounds = { usual: 10, max: 100 };

// The schema's word for an application that could not be started; quoted, for no identifier here may speak of faults.
const { input: clearRequest, output: clearResponse } = wire.GroupService.method["clearGroupFault"];

export async function moveGroup(request: wire.MoveGroupRequest, context: CallContext): Promise<wire.MoveGroupResponse> {
  const ifEpoch = request.ifEpoch === undefined ? null : readField(epoch, request.ifEpoch, "if_epoch");
  const wish = { type: "move", to: readOptionalNode(request.to, "to"), ifEpoch } as const;
  return create(wire.MoveGroupResponseSchema, await carryOut({ ...request, wish, isDone: isPlaced }, context));
}

export async function startGroup(
  request: wire.StartGroupRequest,
  context: CallContext,
): Promise<wire.StartGroupResponse> {
  const wish = { type: "start", on: readOptionalNode(request.on, "on") } as const;
  return create(wire.StartGroupResponseSchema, await carryOut({ ...request, wish, isDone: isPlaced }, context));
}

export async function stopGroup(request: wire.StopGroupRequest, context: CallContext): Promise<wire.StopGroupResponse> {
  const asked = { ...request, wish: { type: "stop" }, isDone: isOffline } as const;
  return create(wire.StopGroupResponseSchema, await carryOut(asked, context));
}

export async function freezeGroup(
  request: wire.FreezeGroupRequest,
  context: CallContext,
): Promise<wire.FreezeGroupResponse> {
  const { why: reason } = request;
  const asked = { ...request, ...atOnce, wish: { type: "freeze", reason } } as const;
  return create(wire.FreezeGroupResponseSchema, await carryOut(asked, context));
}

export async function unfreezeGroup(
  request: wire.UnfreezeGroupRequest,
  context: CallContext,
): Promise<wire.UnfreezeGroupResponse> {
  const { why: reason } = request;
  const onlyOn = readOptionalNode(request.confirmedOnlyOn, "confirmed_only_on");
  const ifEpoch = request.ifEpoch === undefined ? null : readField(epoch, request.ifEpoch, "if_epoch");
  const wish: GroupWish =
    onlyOn === null ? { type: "unfreeze" } : { type: "confirm", onlyOn, ifEpoch, reason, atMs: 0 };
  const asked = { ...request, ...atOnce, wish };
  return create(wire.UnfreezeGroupResponseSchema, await carryOut(asked, context));
}

export async function clearGroupError(
  request: MessageShape<typeof clearRequest>,
  context: CallContext,
): Promise<MessageShape<typeof clearResponse>> {
  const { forgetMoves } = request;
  const asked = { ...request, ...atOnce, wish: { type: "clearError", forgetMoves } } as const;
  return create(clearResponse, await carryOut(asked, context));
}

export async function explainGroup(
  request: wire.ExplainGroupRequest,
  context: CallContext,
): Promise<wire.ExplainGroupResponse> {
  const group = readGroup(request.group);
  const decisions = readCount(request.decisions, "decisions", decisionBounds);
  const { header, explanation } = await context.ask({ type: "explainGroup", group, decisions });
  const status = await statusAfter(header, context);
  return create(wire.ExplainGroupResponseSchema, {
    header: toHeader(context.self, header),
    group: toGroupOf(group, status),
    explanation: toExplanation(explanation),
  });
}

interface Wished {
  readonly group: string;
  readonly wish: GroupWish;
  /** For people. */
  readonly who: string;
  readonly why: string;
  readonly wait: boolean;
  readonly validateOnly: boolean;
  readonly requestId?: RequestId | undefined;
  /** Of a status that has come about behind the wish. */
  readonly isDone: (status: GroupStatus) => boolean;
}

const atOnce = { wait: false, validateOnly: false, isDone: () => true } as const;

async function carryOut(
  { group: name, wish, who, why, wait, validateOnly, requestId, isDone }: Wished,
  context: CallContext,
): Promise<{ readonly header: WireHeader; readonly group: Group }> {
  const group = readGroup(name);
  checkText("who", who, whoCharsMax);
  checkText("why", why, reasonCharsMax);
  const request = { type: "wish", group, wish, validateOnly, who, why } as const;
  const { header } = await context.write(request, readIdentity(requestId));
  const decided = await statusAfter(header, context);
  const status = wait && !validateOnly ? await untilSettled(group, { decided, isDone }, context) : decided;
  return { header: toHeader(context.self, header), group: toGroupOf(group, status) };
}

/** It is decided whether that can be told now or not. */
function toGroupOf(name: GroupId, status: GroupStatus | null): Group {
  return status === null ? create(GroupSchema, { name }) : toGroup(status, { withConfig: false });
}

/** Of the node that answered: it has applied what it answered to. Of another one only where it does not answer any more. */
async function statusAfter({ group, node }: Header, context: CallContext): Promise<GroupStatus | null> {
  const own = await context.ask({ type: "replicaStatus", group, node }, limits.fanOutMs).then(
    (answer) => answer.status,
    () => null,
  );
  return own ?? (await askGroups(context, [group])).groups[0] ?? null;
}

interface Wait {
  /** As of when the wish had been applied; null: that could not be told. */
  readonly decided: GroupStatus | null;
  readonly isDone: Wished["isDone"];
}

/** Until the group is where it was wanted, or in error, or there is only time left to answer. */
async function untilSettled(group: GroupId, { decided, isDone }: Wait, context: CallContext) {
  const isSettled = (status: GroupStatus) => status.placement.error !== null || isDone(status);
  let last = decided;
  while (last === null || !isSettled(last)) {
    if (context.remainingMs() <= answerMs || context.signal.aborted) break;
    await sleep(pollIntervalMs, undefined, { signal: context.signal }).catch(() => {});
    last = (await askSince(decided?.applied ?? null, group, context)) ?? last;
  }
  return last;
}

/** @returns null when no owner answered that has come as far: what it says may be older than the wish */
async function askSince(since: LogIndex | null, group: GroupId, context: CallContext): Promise<GroupStatus | null> {
  const budgetMs = context.remainingMs() - answerMs / 2;
  const status = await context.ask({ type: "groupStatus", group }, Math.max(1, budgetMs)).then(
    (answer) => answer.status,
    () => null,
  );
  return status === null || (since !== null && status.applied < since) ? null : status;
}

/** Nothing is under way any more: it may have had to go elsewhere than it was wanted. */
function isPlaced({ ownership, placement }: GroupStatus): boolean {
  return placement.move === null && ownership.state === "online";
}

function isOffline({ ownership }: GroupStatus): boolean {
  return ownership.state === "offline";
}

/** @returns null when none is named: the policies choose */
function readOptionalNode(name: string, field: string): NodeId | null {
  return name === "" ? null : readNode(name, field);
}
