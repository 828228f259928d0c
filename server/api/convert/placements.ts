// Where a group's application runs, what of it failed, and why it is so, from the domain to the public schema.

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { uint64 } from "../../../proto/codec/integers.ts";
import {
  type Failure,
  FailureSchema,
  PendingOperation_Kind as PendingKind,
  type PendingOperation,
  PendingOperationSchema,
} from "../../../proto/gen/bailiwick/v1/cluster_pb.ts";
import {
  type Candidate,
  CandidateSchema,
  type Decision,
  DecisionSchema,
  DecisionType,
  type Explanation,
  ExplanationSchema,
  Factor_Kind as FactorKind,
  FactorSchema,
  type Trigger,
  TriggerSchema,
} from "../../../proto/gen/bailiwick/v1/explanation_pb.ts";
import { type GroupIntent, GroupIntentSchema, type GroupSchema } from "../../../proto/gen/bailiwick/v1/group_pb.ts";
import {
  ComponentState,
  type PerformanceSample,
  PerformanceSampleSchema,
  type ResourceStatus,
  ResourceStatusSchema,
} from "../../../proto/gen/bailiwick/v1/status_pb.ts";
import { compareNames } from "../../../proto/ids.ts";
import type * as placement from "../../../proto/placement.ts";
import { historyOf } from "../../../proto/placement.ts";
import type { Amounts } from "../../../proto/policies.ts";
import type { GroupStatus } from "../../../proto/requests.ts";

export const componentStates = {
  offline: ComponentState.OFFLINE,
  starting: ComponentState.STARTING,
  online: ComponentState.ONLINE,
  stopping: ComponentState.STOPPING,
  degraded: ComponentState.DEGRADED,
  failed: ComponentState.FAILED,
} as const satisfies Record<placement.ComponentState, ComponentState>;

const factorKinds = {
  precedence: FactorKind.PRECEDENCE,
  verdict: FactorKind.VERDICT,
  capacity: FactorKind.CAPACITY,
  load: FactorKind.LOAD,
  sameNode: FactorKind.SAME_NODE,
  differentNode: FactorKind.DIFFERENT_NODE,
  dependency: FactorKind.DEPENDENCY,
  resource: FactorKind.RESOURCE,
  rule: FactorKind.RULE,
  antiFlap: FactorKind.ANTI_FLAP,
  settling: FactorKind.SETTLING,
  pin: FactorKind.PIN,
  catchUp: FactorKind.CATCH_UP,
  reservation: FactorKind.RESERVATION,
} as const satisfies Record<placement.Factor["kind"], FactorKind>;

const decisionTypes = {
  assigned: DecisionType.ASSIGNED,
  acquiring: DecisionType.ACQUIRING,
  online: DecisionType.ONLINE,
  releasing: DecisionType.RELEASING,
  offline: DecisionType.OFFLINE,
  suspended: DecisionType.SUSPENDED,
  failed: DecisionType.FAILED,
  error: DecisionType.ERROR,
  moveWanted: DecisionType.MOVE_WANTED,
  startWanted: DecisionType.START_WANTED,
  stopWanted: DecisionType.STOP_WANTED,
  frozen: DecisionType.FROZEN,
  unfrozen: DecisionType.UNFROZEN,
  errorCleared: DecisionType.ERROR_CLEARED,
  confirmed: DecisionType.CONFIRMED,
} as const satisfies Record<placement.DecisionKind, DecisionType>;

type GroupParts = Exclude<MessageInitShape<typeof GroupSchema>, { $typeName: string }>;

/** The part of a group that says what is wanted of its application, and what has become of it. */
export function toPlacementParts({ placement: { intent, error, decisions }, resources }: GroupStatus): GroupParts {
  const last = decisions.at(-1);
  return {
    intent: toIntent(intent),
    resources: resources
      .toSorted((left, right) => compareNames(left.resource, right.resource) || compareNames(left.node, right.node))
      .map(toResourceStatus),
    ...(last === undefined ? {} : { since: timestampFromMs(last.atMs) }),
    // The schema's word; quoted, for no identifier here may speak of faults.
    ...(error === null ? {} : { ["fault"]: toErrorParts(error) }),
  };
}

function toIntent({ isOnline, frozen, pinnedTo }: placement.GroupIntent): GroupIntent {
  return create(GroupIntentSchema, {
    online: isOnline,
    frozen: frozen !== null,
    frozenWhy: frozen ?? "",
    pinnedTo: pinnedTo ?? "",
  });
}

function toErrorParts({ node, resource, reason, atMs }: placement.GroupError) {
  return { node, resource, why: reason, since: timestampFromMs(atMs) };
}

function toResourceStatus(report: GroupStatus["resources"][number]): ResourceStatus {
  return create(ResourceStatusSchema, {
    resource: report.resource,
    node: report.node,
    state: componentStates[report.state],
    epoch: uint64.toWire(report.epoch, "epoch"),
    time: timestampFromMs(report.atMs),
    since: timestampFromMs(report.sinceMs),
    why: report.reason,
    exitStatus: report.exitStatus,
    restarts: report.restarts,
  });
}

export function toExplanation(explanation: placement.Explanation): Explanation {
  return create(ExplanationSchema, {
    summary: explanation.summary,
    candidates: explanation.candidates.map(toCandidate),
    triggers: explanation.triggers.map(toTrigger),
    decisions: explanation.decisions.map(toDecision),
  });
}

function toCandidate({ node, rank, factors, sample }: placement.Candidate): Candidate {
  return create(CandidateSchema, {
    node,
    rank,
    eligible: rank > 0,
    factors: factors.map(({ kind, excludes, reason }) =>
      create(FactorSchema, { kind: factorKinds[kind], excludes, why: reason }),
    ),
    ...(sample === null ? {} : { sample: toSample(sample) }),
  });
}

function toTrigger({ event, to, atMs }: placement.Trigger): Trigger {
  return create(TriggerSchema, { event, to: to ?? "", ...(atMs === null ? {} : { at: timestampFromMs(atMs) }) });
}

/** Newest first, without samples. */
export function toDecisions(of: placement.Placement): Decision[] {
  return historyOf(of).map((decision) => toDecision({ ...decision, samples: [] }));
}

function toDecision(decision: placement.PlacementDecision): Decision {
  return create(DecisionSchema, {
    index: uint64.toWire(decision.index, "index"),
    time: timestampFromMs(decision.atMs),
    epoch: uint64.toWire(decision.epoch ?? 0, "epoch"),
    from: decision.from ?? "",
    to: decision.to ?? "",
    who: decision.isWish ? decision.who || "operator" : "policy",
    why: decision.reason,
    samples: decision.samples.map(toSample),
    type: decisionTypeOf(decision),
    manager: decision.manager ?? "",
  });
}

/** Only an assignment makes an epoch. */
function decisionTypeOf({ what, epoch }: placement.PlacementDecision): DecisionType {
  if (what !== null) return decisionTypes[what];
  return epoch === null ? DecisionType.UNSPECIFIED : DecisionType.ASSIGNED;
}

function toSample({ node, atMs, ageMs, load, capacity }: placement.PerformanceSample): PerformanceSample {
  return create(PerformanceSampleSchema, {
    node,
    time: timestampFromMs(atMs),
    ageMs: Math.round(ageMs),
    load: toAmounts(load),
    capacity: toAmounts(capacity),
  });
}

function toAmounts(amounts: Amounts) {
  return Object.fromEntries([...amounts].map(([name, amount]) => [name, uint64.toWire(amount, name)] as const));
}

/** What is under way with an application; null: nothing is. */
export function toPendingMove({ object, ownership, placement: { move, decisions, notes } }: GroupStatus) {
  const what = pendingText(ownership, move);
  if (what === null) return null;
  const wish =
    move === null ? undefined : notes.findLast(({ what }) => what === "moveWanted" || what === "startWanted");
  const last = wish ?? decisions.at(-1);
  return create(PendingOperationSchema, {
    kind: PendingKind.MOVE,
    group: object.group,
    node: ownership.currentOwner ?? "",
    what,
    ...(last === undefined ? {} : { since: timestampFromMs(last.atMs) }),
  }) satisfies PendingOperation;
}

function pendingText({ state, currentOwner }: GroupStatus["ownership"], move: placement.Placement["move"]) {
  const where = currentOwner === null ? "" : ` on ${currentOwner}`;
  const wished = move === null ? "" : `, to move to ${move.to ?? "another owner"}`;
  if (state === "acquiring") return `Starts${where}${wished}`;
  if (state === "releasing") return `Stops${where}${wished}`;
  return move === null ? null : `Is ${state}${where}${wished}`;
}

/** Starts and stops that failed and that no operator has cleared. */
export function toStartFailures({ object, placement: { error, bans } }: GroupStatus): Failure[] {
  const all = error === null ? bans : [...bans.filter((ban) => !isSame(ban, error)), error];
  return all.map(({ node, resource, reason, atMs }) =>
    create(FailureSchema, { time: timestampFromMs(atMs), node, group: object.group, resource, what: reason }),
  );
}

function isSame(left: placement.GroupError, right: placement.GroupError): boolean {
  return left.node === right.node && left.atMs === right.atMs;
}
