// The calls about where a group's application runs: what operators want of it, and why it is where it is.

import { create, type DescMessage, type DescMethodUnary, type MessageShape } from "@bufbuild/protobuf";
import { DbError, failure } from "../proto/errors.ts";
import type { Header, RequestId } from "../proto/gen/bailiwick/v1/common_pb.ts";
import { type Explanation, ExplanationSchema } from "../proto/gen/bailiwick/v1/explanation_pb.ts";
import { type Group, GroupSchema } from "../proto/gen/bailiwick/v1/group_pb.ts";
import { GroupService } from "../proto/gen/bailiwick/v1/group_service_pb.ts";
import type { Caller, RequestOptions } from "./caller.ts";
import { type AnswerHeader, fromWireHeader, toWireInteger } from "./key-values.ts";
import { type Plain, toPlain } from "./plain.ts";

/** An application that is to run on another owner. */
export interface GroupMove {
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
export interface GroupStart {
  readonly group: string;
  /** An owner; absent: the one that the policies choose. */
  readonly on?: string | undefined;
  /** As for {@link GroupMove}. */
  readonly wait?: boolean | undefined;
  readonly validateOnly?: boolean | undefined;
}

/** An application that is not to run. */
export interface GroupStop {
  readonly group: string;
  /** Until it is offline or in error, or until shortly before the timeout. */
  readonly wait?: boolean | undefined;
  readonly validateOnly?: boolean | undefined;
}

/** An application that is to be left alone. */
export interface GroupFreeze {
  readonly group: string;
  /** For people: at most 200 characters. */
  readonly why?: string | undefined;
}

/** The end of a {@link GroupFreeze}. */
export interface GroupUnfreeze {
  readonly group: string;
  /**
   * An owner: you have made sure that the application runs nowhere but there. The right of another current owner is over with that,
   * whatever runs there.
   */
  readonly confirmedOnlyOn?: string | undefined;
  /** Only if the epoch is this: the one for which you have made sure. */
  readonly ifEpoch?: number | undefined;
  /** For people: how; at most 200 characters. */
  readonly why?: string | undefined;
}

/** An application that could not be started or stopped, and that someone has looked into. */
export interface GroupErrorCleared {
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
  const condition = ifEpoch === undefined ? {} : { ifEpoch: toWireInteger(ifEpoch, "ifEpoch") };
  const request = create(calls.moveGroup.input, { group, to, wait, validateOnly, ...condition });
  return place(caller, calls.moveGroup, request, options);
}

export function startGroup(caller: Caller, start: GroupStart, options: RequestOptions): Promise<GroupPlaced> {
  const { group, on = "", wait = false, validateOnly = false } = start;
  return place(caller, calls.startGroup, create(calls.startGroup.input, { group, on, wait, validateOnly }), options);
}

export function stopGroup(caller: Caller, stop: GroupStop, options: RequestOptions): Promise<GroupPlaced> {
  const { group, wait = false, validateOnly = false } = stop;
  return place(caller, calls.stopGroup, create(calls.stopGroup.input, { group, wait, validateOnly }), options);
}

export function freezeGroup(
  caller: Caller,
  { group, why = "" }: GroupFreeze,
  options: RequestOptions,
): Promise<GroupPlaced> {
  return place(caller, calls.freezeGroup, create(calls.freezeGroup.input, { group, why }), options);
}

export async function unfreezeGroup(
  caller: Caller,
  { group, confirmedOnlyOn = "", ifEpoch, why = "" }: GroupUnfreeze,
  options: RequestOptions,
): Promise<GroupPlaced> {
  const condition = ifEpoch === undefined ? {} : { ifEpoch: toWireInteger(ifEpoch, "ifEpoch") };
  const request = create(calls.unfreezeGroup.input, { group, confirmedOnlyOn, why, ...condition });
  return place(caller, calls.unfreezeGroup, request, options);
}

export function clearGroupError(
  caller: Caller,
  { group, forgetMoves = false }: GroupErrorCleared,
  options: RequestOptions,
): Promise<GroupPlaced> {
  return place(caller, clearError, create(clearError.input, { group, forgetMoves }), options);
}

export async function explainGroup(
  caller: Caller,
  group: string,
  options: RequestOptions & { readonly decisions?: number | undefined },
): Promise<GroupExplained> {
  const request = create(calls.explainGroup.input, { group, decisions: options.decisions ?? 0 });
  const answer = await caller.read(calls.explainGroup, request, options);
  const explanation = toPlain(ExplanationSchema, there(answer.explanation));
  return { header: fromWireHeader(answer.header), group: toPlain(GroupSchema, there(answer.group)), explanation };
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
