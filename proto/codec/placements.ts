// Wire forms of where applications run (proto/placement.ts).

import * as wire from "../gen/bailiwick/peer/v1/placement_pb.ts";
import type { OwnershipState } from "../model.ts";
import type {
  AgentState,
  Candidate,
  ComponentState,
  DecisionKind,
  Explanation,
  Factor,
  FenceOrder,
  FenceOutcome,
  GroupError,
  GroupIntent,
  GroupReport,
  GroupWish,
  OwnerStart,
  OwnershipGrant,
  PerformanceSample,
  Placement,
  PlacementDecision,
  ResourceReport,
  Trigger,
} from "../placement.ts";
import type { Amounts, LeaseTerms } from "../policies.ts";
import { CodecError } from "./codec-error.ts";
import { boot, epoch, logIndex, uint64, wholeMs } from "./integers.ts";
import { ownershipState } from "./model.ts";
import { finite, flag, groupId, nodeId, oneOf, reason, text, word } from "./scalars.ts";
import { type Codec, list, mapped, message, nullable, only, refined, required, union } from "./structure.ts";
import { wireLimits } from "./wire-limits.ts";

const { itemsMax, textCharsMax, dimensionsMax, decisionsMax } = wireLimits;

interface Amount {
  readonly name: string;
  readonly value: number;
}

const amount = message<Amount, typeof wire.AmountSchema>(wire.AmountSchema, { name: word, value: uint64 });

/** In the order of the map: who makes one that is hashed puts it in order. */
export const amounts: Codec<Amounts, wire.Amounts> = mapped<Amounts, { amounts: readonly Amount[] }, wire.Amounts>(
  message<{ amounts: readonly Amount[] }, typeof wire.AmountsSchema>(wire.AmountsSchema, {
    amounts: list(amount, dimensionsMax),
  }),
  {
    to: (map) => ({ amounts: [...map].map(([name, value]) => ({ name, value })) }),
    from: ({ amounts: all }) => new Map(all.map(({ name, value }) => [name, value])),
  },
);

export const leaseTerms = message<LeaseTerms, typeof wire.LeaseTermsSchema>(wire.LeaseTermsSchema, {
  ttlMs: wholeMs,
  renewIntervalMs: wholeMs,
  stopBudgetMs: wholeMs,
  clockRateError: finite,
  isEndless: flag,
});

export const performanceSample = message<PerformanceSample, typeof wire.PerformanceSampleSchema>(
  wire.PerformanceSampleSchema,
  { node: nodeId, atMs: uint64, ageMs: wholeMs, load: required(amounts), capacity: required(amounts) },
);

const groupIntent = message<GroupIntent, typeof wire.GroupIntentSchema>(wire.GroupIntentSchema, {
  isOnline: flag,
  frozen: nullable(reason),
  pinnedTo: nullable(nodeId),
});

export const groupWish = only(
  wire.GroupWishSchema,
  "wish",
  union<GroupWish, wire.GroupWish["wish"]>({
    move: message(wire.MoveWishSchema, { to: nullable(nodeId), ifEpoch: nullable(epoch) }),
    start: message(wire.StartWishSchema, { on: nullable(nodeId) }),
    stop: message(wire.StopWishSchema, {}),
    freeze: message(wire.FreezeWishSchema, { reason }),
    unfreeze: message(wire.UnfreezeWishSchema, {}),
    clearError: message(wire.ClearErrorWishSchema, { forgetMoves: flag }),
    confirm: message(wire.ConfirmWishSchema, { onlyOn: nodeId, ifEpoch: nullable(epoch), reason, atMs: uint64 }),
  }),
);

export const groupError = message<GroupError, typeof wire.GroupErrorSchema>(wire.GroupErrorSchema, {
  node: nodeId,
  resource: word,
  reason,
  atMs: uint64,
});

const decisionKind = oneOf<DecisionKind, wire.DecisionKind>({
  assigned: wire.DecisionKind.ASSIGNED,
  acquiring: wire.DecisionKind.ACQUIRING,
  online: wire.DecisionKind.ONLINE,
  releasing: wire.DecisionKind.RELEASING,
  offline: wire.DecisionKind.OFFLINE,
  suspended: wire.DecisionKind.SUSPENDED,
  failed: wire.DecisionKind.FAILED,
  error: wire.DecisionKind.ERROR,
  moveWanted: wire.DecisionKind.MOVE_WANTED,
  startWanted: wire.DecisionKind.START_WANTED,
  stopWanted: wire.DecisionKind.STOP_WANTED,
  frozen: wire.DecisionKind.FROZEN,
  unfrozen: wire.DecisionKind.UNFROZEN,
  errorCleared: wire.DecisionKind.ERROR_CLEARED,
  confirmed: wire.DecisionKind.CONFIRMED,
});

const placementDecision = message<PlacementDecision, typeof wire.PlacementDecisionSchema>(
  wire.PlacementDecisionSchema,
  {
    index: logIndex,
    atMs: uint64,
    epoch: nullable(epoch),
    from: nullable(nodeId),
    to: nullable(nodeId),
    isWish: flag,
    reason,
    samples: list(performanceSample, wireLimits.dimensionsMax),
    what: nullable(decisionKind),
    manager: nullable(nodeId),
    who: word,
  },
);

const plannedMove = message<NonNullable<Placement["move"]>, typeof wire.PlannedMoveSchema>(wire.PlannedMoveSchema, {
  to: nullable(nodeId),
});

const moment = mapped<number, { atMs: number }, wire.Moment>(
  message<{ atMs: number }, typeof wire.MomentSchema>(wire.MomentSchema, { atMs: uint64 }),
  { to: (atMs) => ({ atMs }), from: ({ atMs }) => atMs },
);

export const ownerStart = message<OwnerStart, typeof wire.OwnerStartSchema>(wire.OwnerStartSchema, {
  node: nodeId,
  boot,
});

export const placement = message<Placement, typeof wire.PlacementSchema>(wire.PlacementSchema, {
  intent: required(groupIntent),
  lease: nullable(leaseTerms),
  move: nullable(plannedMove),
  target: nullable(nodeId),
  error: nullable(groupError),
  bans: list(groupError, wireLimits.ownersMax),
  movesMs: list(moment, itemsMax),
  decisions: list(placementDecision, decisionsMax),
  starts: list(ownerStart, wireLimits.ownersMax),
  notes: list(placementDecision, decisionsMax),
});

const componentState = oneOf<ComponentState, wire.ComponentState>({
  offline: wire.ComponentState.OFFLINE,
  starting: wire.ComponentState.STARTING,
  online: wire.ComponentState.ONLINE,
  stopping: wire.ComponentState.STOPPING,
  degraded: wire.ComponentState.DEGRADED,
  failed: wire.ComponentState.FAILED,
});

const resourceFields = {
  resource: word,
  state: componentState,
  epoch,
  reason,
  exitStatus: uint64,
  restarts: uint64,
  atMs: uint64,
  sinceMs: uint64,
};

const resourceReport = message<ResourceReport, typeof wire.ResourceReportSchema>(
  wire.ResourceReportSchema,
  resourceFields,
);

export const placedResourceReport = message<
  ResourceReport & { readonly node: GroupError["node"] },
  typeof wire.PlacedResourceReportSchema
>(wire.PlacedResourceReportSchema, { ...resourceFields, node: nodeId });

const fenceOrder = message<FenceOrder, typeof wire.FenceOrderSchema>(wire.FenceOrderSchema, {
  order: word,
  node: nodeId,
  epoch,
  command: list(text(textCharsMax), itemsMax),
  timeoutMs: wholeMs,
});

const fenceOutcome = message<FenceOutcome, typeof wire.FenceOutcomeSchema>(wire.FenceOutcomeSchema, {
  order: word,
  exitStatus: uint64,
  reason,
});

interface AnyGroupReport extends Omit<GroupReport, "state"> {
  readonly state: OwnershipState;
}

/** An agent is never `suspended`: that is a group's word. */
export const groupReport = refined(
  message<AnyGroupReport, typeof wire.GroupReportSchema>(wire.GroupReportSchema, {
    group: groupId,
    epoch,
    renews: flag,
    state: ownershipState,
    resources: list(resourceReport, wireLimits.resourcesMax),
    fence: nullable(fenceOutcome),
  }),
  ({ state }, field) => {
    if (state === "suspended") throw new CodecError(`${field}.state is suspended, which no agent is`);
  },
) as Codec<Omit<GroupReport, "state"> & { readonly state: AgentState }, wire.GroupReport>;

export const ownershipGrant = message<OwnershipGrant, typeof wire.OwnershipGrantSchema>(wire.OwnershipGrantSchema, {
  group: groupId,
  epoch,
  isGranted: flag,
  ttlMs: wholeMs,
  stopBudgetMs: wholeMs,
  wanted: oneOf<OwnershipGrant["wanted"], wire.WantedState>({
    online: wire.WantedState.ONLINE,
    offline: wire.WantedState.OFFLINE,
  }),
  reason,
  isEndless: flag,
  isRevoked: flag,
  fence: nullable(fenceOrder),
});

const factor = message<Factor, typeof wire.FactorSchema>(wire.FactorSchema, {
  kind: oneOf<Factor["kind"], wire.FactorKind>({
    precedence: wire.FactorKind.PRECEDENCE,
    verdict: wire.FactorKind.VERDICT,
    capacity: wire.FactorKind.CAPACITY,
    load: wire.FactorKind.LOAD,
    sameNode: wire.FactorKind.SAME_NODE,
    differentNode: wire.FactorKind.DIFFERENT_NODE,
    dependency: wire.FactorKind.DEPENDENCY,
    resource: wire.FactorKind.RESOURCE,
    rule: wire.FactorKind.RULE,
    antiFlap: wire.FactorKind.ANTI_FLAP,
    settling: wire.FactorKind.SETTLING,
    pin: wire.FactorKind.PIN,
    catchUp: wire.FactorKind.CATCH_UP,
    reservation: wire.FactorKind.RESERVATION,
  }),
  excludes: flag,
  reason: text(textCharsMax),
});

const candidate = message<Candidate, typeof wire.CandidateSchema>(wire.CandidateSchema, {
  node: nodeId,
  rank: uint64,
  factors: list(factor, itemsMax),
  sample: nullable(performanceSample),
});

const trigger = message<Trigger, typeof wire.TriggerSchema>(wire.TriggerSchema, {
  event: text(textCharsMax),
  to: nullable(nodeId),
  atMs: nullable(uint64),
});

export const explanation = message<Explanation, typeof wire.ExplanationSchema>(wire.ExplanationSchema, {
  summary: text(textCharsMax),
  candidates: list(candidate, wireLimits.ownersMax),
  triggers: list(trigger, itemsMax),
  decisions: list(placementDecision, decisionsMax),
});
