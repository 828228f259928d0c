// A group whose application runs well, and short forms for what is different about it, for the tests of placement.

import { toEpoch, toGroupId, toLogIndex, toNodeId } from "../../../proto/ids.ts";
import type { Ownership, RecoveryStatus } from "../../../proto/model.ts";
import type {
  GroupError,
  GroupIntent,
  PerformanceSample,
  Placement,
  PlacementDecision,
} from "../../../proto/placement.ts";
import type { Amounts, GroupDependency, GroupPolicies } from "../../../proto/policies.ts";
import type { Neighbour, OwnerReport, PlacementStep, PlacementView } from "../../../server/recovery/placement-view.ts";
import { ms, nodesOf, verdictOf } from "./fixtures.ts";

/** Monday, 3 January 2000, 12:00 UTC. */
export const noonMs = 946_900_800_000;
export const hourMs = 3_600_000;
export const owners = nodesOf("n208 n210 n212");
const [n208, n210, n212] = owners;

export function policiesOf(fields: Partial<GroupPolicies> = {}): GroupPolicies {
  return {
    startup: "highestPriority",
    fallover: "nextInList",
    fallback: { type: "never" },
    settlingMs: 0,
    demand: new Map(),
    sameNode: [],
    differentNode: [],
    dependencies: [],
    antiFlap: { movesMax: 3, windowMs: hourMs },
    startsAutomatically: true,
    resumesAutomatically: true,
    lostQuorum: "stop",
    minimum: { owners: 0, capacity: new Map(), resources: [] },
    lease: { ttlMs: 15_000, renewIntervalMs: 1_500, stopBudgetMs: 5_000, clockRateError: 0.05, isEndless: false },
    fence: null,
    resources: [{ name: "app", nodes: null, isCritical: true }],
    ...fields,
  };
}

export function placementOf({
  intent,
  ...fields
}: Partial<Omit<Placement, "intent">> & { intent?: Partial<GroupIntent> }): Placement {
  return {
    intent: { isOnline: true, frozen: null, pinnedTo: null, ...intent },
    lease: policiesOf().lease,
    move: null,
    target: null,
    error: null,
    bans: [],
    movesMs: [],
    decisions: [],
    starts: [],
    notes: [],
    ...fields,
  };
}

/** All up, the first of them has the application, under epoch 5, and renews its right. */
export function viewOf(fields: Partial<PlacementView> = {}): PlacementView {
  return {
    group: toGroupId("rg226"),
    owners,
    leaving: [],
    verdicts: statuses({}),
    ownership: ownedBy("n208"),
    placement: placementOf({}),
    policies: policiesOf(),
    nowMs: ms(1_000_000),
    wallMs: noonMs,
    upSinceMs: new Map(owners.map((node) => [node, ms(500_000)])),
    managesSinceMs: ms(400_000),
    decidedSinceMs: ms(990_000),
    rightEndsMs: ms(1_015_000),
    fence: null,
    isRenewed: true,
    startableSinceMs: ms(0),
    beginsUntilMs: null,
    report: reportOf("online"),
    agents: new Set(owners),
    leavingAgents: new Set(),
    starts: new Map(),
    awaited: () => false,
    neighbours: [],
    samples: new Map(),
    capacities: new Map(),
    reservations: new Map(),
    ...fields,
  };
}

/** Every owner that is not named is up. */
export function statuses(named: Readonly<Record<string, RecoveryStatus>>) {
  return owners.map((node) => verdictOf(node, named[node] ?? "up"));
}

export function ownedBy(owner: string, state: Ownership["state"] = "online"): Ownership {
  return { currentOwner: toNodeId(owner), epoch: toEpoch(5), state, reason: "" };
}

export function unowned(state: Ownership["state"] = "offline", epoch = 5): Ownership {
  return { currentOwner: null, epoch: toEpoch(epoch), state, reason: "" };
}

export const never = unowned("offline", 0);

export function reportOf(state: OwnerReport["state"], reason = "", isStopped = true): OwnerReport {
  return { state, resource: state === "error" ? "app" : "", reason, isStopped };
}

/** What an owner of the group has failed with. */
export function errorOn(node: string, reason = "exit status 1"): GroupError {
  return { node: toNodeId(node), resource: "app", reason, atMs: noonMs - 1_000 };
}

/** The ledgers of these nodes have admitted epoch 6. */
export function admittedBy(names: string, epoch = 6): PlacementView["reservations"] {
  return new Map(nodesOf(names).map((node) => [node, { type: "admitted", epoch: toEpoch(epoch) }]));
}

/** Nobody acts any more. */
export const idle = { report: null, rightEndsMs: null } as const;

/** The owner has failed, and its right is over. */
export function failed(owner: string): Partial<PlacementView> {
  const agents = new Set(owners.filter((node) => node !== owner));
  return { verdicts: statuses({ [owner]: "down" }), agents, report: null, rightEndsMs: ms(999_000) };
}

/** The decision that made epoch 5. */
export function ranOn(node: string, agoMs = 60_000): PlacementDecision {
  return {
    index: toLogIndex(7),
    atMs: noonMs - agoMs,
    epoch: toEpoch(5),
    from: null,
    to: toNodeId(node),
    isWish: false,
    reason: "",
    samples: [],
    what: "assigned",
    manager: null,
    who: "",
  };
}

export function neighbourOf(group: string, ownership: Ownership, policies: Partial<GroupPolicies> = {}): Neighbour {
  return { group: toGroupId(group), owners, ownership, policies: policiesOf(policies) };
}

export function dependsOn(group: string, fields: Partial<GroupDependency> = {}): GroupDependency {
  return { group: toGroupId(group), isSameNode: false, isSoft: false, timeoutMs: 30_000, ...fields };
}

export function amounts(values: Readonly<Record<string, number>>): Amounts {
  return new Map(Object.entries(values));
}

export function samplesOf(load: Readonly<Record<string, number>>): PlacementView["samples"] {
  return new Map(Object.entries(load).map(([node, cpu]) => [toNodeId(node), sampleOf(node, cpu)]));
}

function sampleOf(node: string, cpu: number): PerformanceSample {
  return {
    node: toNodeId(node),
    atMs: noonMs - 300,
    ageMs: 300,
    load: amounts({ cpu }),
    capacity: amounts({ cpu: 100 }),
  };
}

/** A step in short: its type and who is concerned. */
export function stepText(step: PlacementStep): string {
  switch (step.type) {
    case "wait":
      return step.untilMs === null ? "wait" : `wait until ${step.untilMs}`;
    case "reserve":
      return `reserve ${step.node}`;
    case "assign":
      return `assign ${step.owner}${step.isMove ? " as a move" : ""}`;
    case "advance":
      return `${step.state} ${step.owner ?? "nobody"}`;
    case "fence":
      return `fence ${step.node} by ${step.by}`;
    case "fail":
      return `fail ${step.node}${step.isFinal ? " for good" : ""}`;
  }
}

export const firstOwner = n208 ?? toNodeId("n208");
export const secondOwner = n210 ?? toNodeId("n210");
export const thirdOwner = n212 ?? toNodeId("n212");
