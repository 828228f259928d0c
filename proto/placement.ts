// Where a group's application runs, and the right to run it, as plain values: what is wanted, what agents report, what they are
// granted, and why it is so. The log's word for it is in proto/commands.ts.

import type { BootNumber, Epoch, GroupId, LogIndex, NodeId } from "./ids.ts";
import type { GroupKey, OwnershipState } from "./model.ts";
import type { Amounts, LeaseTerms } from "./policies.ts";

/** What operators want of a group. */
export interface GroupIntent {
  /** The application is to run. */
  readonly isOnline: boolean;
  /** Hands off, with the reason: no planned change of ownership, no fail-over; null: not frozen. */
  readonly frozen: string | null;
  /** The owner that an operator moved it to: fallback does not undo that until it has left that owner. */
  readonly pinnedTo: NodeId | null;
}

/** What an operator asks of a group. */
export type GroupWish =
  /** `to` null: the owner that the policies choose, other than the current one. `ifEpoch` null: whatever it is. */
  | { readonly type: "move"; readonly to: NodeId | null; readonly ifEpoch: Epoch | null }
  /** `on` null: the owner that the policies choose. */
  | { readonly type: "start"; readonly on: NodeId | null }
  | { readonly type: "stop" }
  | { readonly type: "freeze"; readonly reason: string }
  | { readonly type: "unfreeze" }
  | { readonly type: "clearError"; readonly forgetMoves: boolean }
  | Confirmation;

/** The operator has made sure that the application runs nowhere but there: the right of another owner is over. Unfreezes, too. */
export interface Confirmation {
  readonly type: "confirm";
  readonly onlyOn: NodeId;
  /** For which it is so. null: of a request, whatever it is; the log always has one. */
  readonly ifEpoch: Epoch | null;
  /** For people: how it was made sure of. */
  readonly reason: string;
  /** Wall clock of the manager that put it into the log; 0: it is not there yet. */
  readonly atMs: number;
}

/** Where a group's application is; null: nowhere. */
export interface GroupPlace {
  readonly group: GroupId;
  readonly node: NodeId | null;
}

/** An application that could not be started or stopped. */
export interface GroupError {
  readonly node: NodeId;
  /** Empty: none in particular. */
  readonly resource: string;
  /** For people. */
  readonly reason: string;
  /** Wall clock, milliseconds since 1970. */
  readonly atMs: number;
}

export const decisionKinds = [
  "assigned",
  "acquiring",
  "online",
  "releasing",
  "offline",
  "suspended",
  "failed",
  "error",
  "moveWanted",
  "startWanted",
  "stopWanted",
  "frozen",
  "unfrozen",
  "errorCleared",
  "confirmed",
] as const;
export type DecisionKind = (typeof decisionKinds)[number];

/** A decision about a group's ownership, or what an operator wants of it, as its log has it. */
export interface PlacementDecision {
  readonly index: LogIndex;
  /** Wall clock of the manager, milliseconds since 1970; for people, and for counting moves. */
  readonly atMs: number;
  /** That it made; null: it made none. */
  readonly epoch: Epoch | null;
  readonly from: NodeId | null;
  readonly to: NodeId | null;
  /** An operator's wish; else the policies decided. */
  readonly isWish: boolean;
  readonly reason: string;
  /** null: an earlier version decided it, which did not say. */
  readonly what: DecisionKind | null;
  /** Manager of the group that decided it, or put it on record; null: as with `what`. */
  readonly manager: NodeId | null;
  /** The operator, by what was said with the wish; empty: nothing was, or it was none. */
  readonly who: string;
  /** What was known of the load of those that were weighed, where it was. */
  readonly samples: readonly PerformanceSample[];
}

/** A start of an owner, by its boot number. */
export interface OwnerStart {
  readonly node: NodeId;
  readonly boot: BootNumber;
}

/** Everything about a group's placement that its log keeps, beside its ownership. */
export interface Placement {
  readonly intent: GroupIntent;
  /** Terms of the right of the present epoch; null: the ownership is advice, and nobody was granted anything. */
  readonly lease: LeaseTerms | null;
  /** A planned move that is under way: `to` as in the wish; null: none is. */
  readonly move: { readonly to: NodeId | null } | null;
  /** Where it is to run next, for which it has left its owner; null: that is not decided. */
  readonly target: NodeId | null;
  /** While there is one nothing is started. */
  readonly error: GroupError | null;
  /** Owners on which it could not be started since an operator last cleared that, the latest last; each once. */
  readonly bans: readonly GroupError[];
  /** When it moved without being asked to, wall clock, oldest first: as many as the anti-flap limit may count. */
  readonly movesMs: readonly number[];
  /** Of those who grant the right to run it, oldest first: what the rules go on from. */
  readonly decisions: readonly PlacementDecision[];
  /** In which starts the owners were while a right was last seen to be held; empty: nobody has looked, or an operator starts it. */
  readonly starts: readonly OwnerStart[];
  /** What operators wanted, and what was advised, oldest first: for people alone. */
  readonly notes: readonly PlacementDecision[];
}

/** How far an agent has got with a group on its node. */
export type AgentState = Extract<OwnershipState, "acquiring" | "online" | "releasing" | "offline" | "error">;

export const componentStates = ["offline", "starting", "online", "stopping", "degraded", "failed"] as const;
export type ComponentState = (typeof componentStates)[number];

/** A resource on the node of the agent that reports it. */
export interface ResourceReport {
  readonly resource: string;
  readonly state: ComponentState;
  /** Under which it was started; 0: not by an agent. */
  readonly epoch: Epoch;
  /** For people, for example an `ocf-exit-reason`. */
  readonly reason: string;
  readonly exitStatus: number;
  readonly restarts: number;
  /** Wall clocks of the agent: of the report, and since when it is in this state. */
  readonly atMs: number;
  readonly sinceMs: number;
}

/** What an agent says of a group on its node. */
export interface GroupReport {
  readonly group: GroupId;
  /** Under which it acts; 0: it does not act for the group. */
  readonly epoch: Epoch;
  /** It asks for the right of that epoch to be renewed. */
  readonly renews: boolean;
  readonly state: AgentState;
  readonly resources: readonly ResourceReport[];
  /** What has become of the fence that was ordered last; null: none was, or it is under way. */
  readonly fence: FenceOutcome | null;
}

/** The node of a lost owner is to be made sure of, by the agent of another owner (D2). */
export interface FenceOrder {
  /** Identity: of one manager, epoch and attempt. */
  readonly order: string;
  /** To be fenced. */
  readonly node: NodeId;
  /** Of the right that ends with it. */
  readonly epoch: Epoch;
  readonly command: readonly string[];
  readonly timeoutMs: number;
}

export interface FenceOutcome {
  readonly order: string;
  /** 0: nothing that ran on the node before the order runs any more. 256: the command had none, or was not run. */
  readonly exitStatus: number;
  readonly reason: string;
}

/** The right to act for a group, or the lack of it. */
export interface OwnershipGrant {
  readonly group: GroupId;
  /** The group's newest: the fencing token, if `isGranted`. */
  readonly epoch: Epoch;
  /** If not, the agent stops the application at once. */
  readonly isGranted: boolean;
  /** Counts from the sending of the report; stopping must begin `stopBudgetMs` before. 0: the ownership is advice. */
  readonly ttlMs: number;
  readonly stopBudgetMs: number;
  /** The agent starts the application and keeps it running, or stops it and reports `offline`. */
  readonly wanted: "online" | "offline";
  readonly reason: string;
  /** No time ends the right: `ttlMs` is of no account then. */
  readonly isEndless: boolean;
  /** The epoch is this node's own, and nothing may start under it any more: who runs nothing under it may say that it has stopped. */
  readonly isRevoked: boolean;
  /** For this agent, whoever has the right; null: nothing. */
  readonly fence: FenceOrder | null;
}

/** A group's request to run on a node, from its manager to the ledger of that node (D5). */
export interface Reservation extends GroupKey {
  /** Under which it would begin there: the group's next. */
  readonly epoch: Epoch;
  readonly demand: Amounts;
  /** Groups that must run on the same node, or never there, by this group's policies. */
  readonly sameNode: readonly GroupId[];
  readonly differentNode: readonly GroupId[];
}

/** What an agent measured on its node. */
export interface PerformanceSample {
  readonly node: NodeId;
  /** Wall clock of the node. */
  readonly atMs: number;
  /** When it was handed on. */
  readonly ageMs: number;
  readonly load: Amounts;
  readonly capacity: Amounts;
}

/** An owner as a place for the application. */
export interface Candidate {
  readonly node: NodeId;
  /** 1 is best; 0: it cannot take the application. */
  readonly rank: number;
  readonly factors: readonly Factor[];
  /** That was used; null: none was fresh, or it did not matter. */
  readonly sample: PerformanceSample | null;
}

export const factorKinds = [
  "precedence",
  "verdict",
  "capacity",
  "load",
  "sameNode",
  "differentNode",
  "dependency",
  "resource",
  "rule",
  "antiFlap",
  "settling",
  "pin",
  "catchUp",
  "reservation",
] as const;

/** One thing that was weighed. */
export interface Factor {
  readonly kind: (typeof factorKinds)[number];
  /** This alone excludes the owner. */
  readonly excludes: boolean;
  /** One sentence, with the numbers. */
  readonly reason: string;
}

/** Something that would move the group. */
export interface Trigger {
  readonly event: string;
  /** null: nowhere, it would stop. */
  readonly to: NodeId | null;
  /** Wall clock, where it is a matter of time alone. */
  readonly atMs: number | null;
}

/** Why a group is where it is (D6). */
export interface Explanation {
  readonly summary: string;
  /** Every owner, the best first. */
  readonly candidates: readonly Candidate[];
  /** The most likely first. */
  readonly triggers: readonly Trigger[];
  /** Newest first. */
  readonly decisions: readonly PlacementDecision[];
}

/** What was decided and wanted of a group, newest first. */
export function historyOf({ decisions, notes }: Placement): readonly PlacementDecision[] {
  return [...decisions, ...notes].toSorted((left, right) => left.index - right.index).toReversed();
}
