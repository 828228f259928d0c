// The calls about where a group's application runs: what operators want of it, and why it is where it is.

import { create, type DescMessage, type DescMethodUnary, type MessageShape } from "@bufbuild/protobuf";
import { DbError, failure } from "../proto/errors.ts";
import type { Header, RequestId } from "../proto/gen/bailiwick/v1/common_pb.ts";
import { type Explanation, ExplanationSchema } from "../proto/gen/bailiwick/v1/explanation_pb.ts";
import { type Group, GroupSchema } from "../proto/gen/bailiwick/v1/group_pb.ts";
import { GroupService } from "../proto/gen/bailiwick/v1/group_service_pb.ts";
import type { Caller, RequestOptions } from "./caller.ts";
import { type AnswerHeader, fromWireHeader, toWireCount, toWireInteger } from "./key-values.ts";
import { clientLimits } from "./limits.ts";
import { type Plain, toPlain } from "./plain.ts";

/** For the record of the group, which `bailiwick events` shows. */
interface Told {
  /** At most 100 characters; nobody checks it. */
  readonly who?: string | undefined;
  /** At most 200 characters. */
  readonly why?: string | undefined;
}

/** An application that is to run on another owner. */
export interface GroupMove extends Told {
  readonly group: string;
  /** An owner; absent: the one that the policies choose, other than the current one. */
  readonly to?: string | undefined;
  /** Only if the group's epoch is this. */
  readonly ifEpoch?: number | undefined;
  /** Until it is online there or in error, or until shortly before the timeout. */
  readonly wait?: boolean | undefined;
  /** Checks whether it would be refused, and does nothing. */
  readonly validateOnly?: boolean | undefined;
}

/** An application that is to run. */
export interface GroupStart extends Told {
  readonly group: string;
  /** An owner; absent: the one that the policies choose. */
  readonly on?: string | undefined;
  /** As for {@link GroupMove}. */
  readonly wait?: boolean | undefined;
  readonly validateOnly?: boolean | undefined;
}

/** An application that is not to run. */
export interface GroupStop extends Told {
  readonly group: string;
  /** Until it is offline or in error, or until shortly before the timeout. */
  readonly wait?: boolean | undefined;
  readonly validateOnly?: boolean | undefined;
}

/** An application that is to be left alone. */
export interface GroupFreeze extends Told {
  readonly group: string;
}

/** The end of a {@link GroupFreeze}. */
export interface GroupUnfreeze extends Told {
  readonly group: string;
  /**
   * An owner: you have made sure that the application runs nowhere but there. The right of another current owner is over with that,
   * whatever runs there.
   */
  readonly confirmedOnlyOn?: string | undefined;
  /** Only if the epoch is this: the one for which you have made sure. */
  readonly ifEpoch?: number | undefined;
}

/** An application that could not be started or stopped, and that someone has looked into. */
export interface GroupErrorCleared extends Told {
  readonly group: string;
  /** The moves that the anti-flap limit has counted are forgotten too. */
  readonly forgetMoves?: boolean | undefined;
}

export interface GroupPlaced {
  readonly header: AnswerHeader;
  /** As of then, without its configuration. */
  readonly group: Plain<Group>;
}

export interface GroupExplained extends GroupPlaced {
  readonly explanation: Plain<Explanation>;
}

const calls = GroupService.method;
// The schema's word for an application that could not be started; quoted, for no identifier here may speak of faults.
const clearError = calls["clearGroupFault"];

export async function moveGroup(caller: Caller, move: GroupMove, options: RequestOptions): Promise<GroupPlaced> {
  const { group, to = "", ifEpoch, wait = false, validateOnly = false } = move;
  const told = toldOf(move);
  const condition = ifEpoch === undefined ? {} : { ifEpoch: toWireInteger(ifEpoch, "ifEpoch") };
  const request = create(calls.moveGroup.input, { group, to, wait, validateOnly, ...condition, ...told });
  return place(caller, calls.moveGroup, request, options);
}

export function startGroup(caller: Caller, start: GroupStart, options: RequestOptions): Promise<GroupPlaced> {
  const { group, on = "", wait = false, validateOnly = false } = start;
  const request = create(calls.startGroup.input, { group, on, wait, validateOnly, ...toldOf(start) });
  return place(caller, calls.startGroup, request, options);
}

export function stopGroup(caller: Caller, stop: GroupStop, options: RequestOptions): Promise<GroupPlaced> {
  const { group, wait = false, validateOnly = false } = stop;
  const request = create(calls.stopGroup.input, { group, wait, validateOnly, ...toldOf(stop) });
  return place(caller, calls.stopGroup, request, options);
}

export function freezeGroup(caller: Caller, freeze: GroupFreeze, options: RequestOptions): Promise<GroupPlaced> {
  const request = create(calls.freezeGroup.input, { group: freeze.group, ...toldOf(freeze) });
  return place(caller, calls.freezeGroup, request, options);
}

export function unfreezeGroup(caller: Caller, unfreeze: GroupUnfreeze, options: RequestOptions): Promise<GroupPlaced> {
  const { group, confirmedOnlyOn = "", ifEpoch } = unfreeze;
  const condition = ifEpoch === undefined ? {} : { ifEpoch: toWireInteger(ifEpoch, "ifEpoch") };
  const request = create(calls.unfreezeGroup.input, { group, confirmedOnlyOn, ...condition, ...toldOf(unfreeze) });
  return place(caller, calls.unfreezeGroup, request, options);
}

export function clearGroupError(
  caller: Caller,
  cleared: GroupErrorCleared,
  options: RequestOptions,
): Promise<GroupPlaced> {
  const { group, forgetMoves = false } = cleared;
  const request = create(clearError.input, { group, forgetMoves, ...toldOf(cleared) });
  return place(caller, clearError, request, options);
}

export async function explainGroup(
  caller: Caller,
  group: string,
  options: RequestOptions & { readonly decisions?: number | undefined },
): Promise<GroupExplained> {
  const decisions = toWireCount(options.decisions ?? 0, "decisions", clientLimits.decisionsMax);
  const request = create(calls.explainGroup.input, { group, decisions });
  const answer = await caller.read(calls.explainGroup, request, options);
  const explanation = toPlain(ExplanationSchema, there(answer.explanation));
  return { header: fromWireHeader(answer.header), group: toPlain(GroupSchema, there(answer.group)), explanation };
}

function toldOf({ who = "", why = "" }: Told) {
  return { who, why };
}

/** What all of them ask with. */
interface Identified {
  readonly group: string;
  readonly validateOnly?: boolean;
  requestId?: RequestId | undefined;
}

/** What all of them are answered. */
interface Placed {
  readonly header?: Header | undefined;
  readonly group?: Group | undefined;
}

/** What changes nothing is repeated as a read is. */
async function place<Input extends DescMessage, Output extends DescMessage>(
  caller: Caller,
  method: DescMethodUnary<Input, Output>,
  request: MessageShape<Input> & Identified,
  options: RequestOptions,
): Promise<GroupPlaced> {
  const { group, validateOnly = false } = request;
  const answer = validateOnly
    ? await caller.idempotent(method, request, options)
    : await caller.writeOnce(method, request, { ...options, group });
  const { header, group: placed } = answer as Placed;
  return { header: fromWireHeader(header), group: toPlain(GroupSchema, there(placed)) };
}

function there<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new DbError(failure("internal", "The answer lacks what was asked for"));
  return value;
}
