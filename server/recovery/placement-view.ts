// What the manager of a group knows when it decides where the application runs, and what it may decide. The manager looks at
// it anew whenever any of it changes, and carries out one step at a time; the log decides whether the step counts.

import type { BootNumber, Epoch, GroupId, Millis, NodeId } from "../../proto/ids.ts";
import type { Ownership, StatusComponent } from "../../proto/model.ts";
import type { AgentState, PerformanceSample, Placement } from "../../proto/placement.ts";
import type { Amounts, GroupPolicies } from "../../proto/policies.ts";

export interface PlacementView {
  readonly group: GroupId;
  /** In order of precedence. */
  readonly owners: readonly NodeId[];
  /** Owners whom a change under way leaves out. */
  readonly leaving: readonly NodeId[];
  /** The group's verdicts; an owner without one is not up. */
  readonly verdicts: readonly StatusComponent[];
  readonly ownership: Ownership;
  readonly placement: Placement;
  readonly policies: GroupPolicies;
  /** Monotonic clock of the manager. */
  readonly nowMs: Millis;
  /** Wall clock of the manager: for time windows, for counting moves, and for people. */
  readonly wallMs: number;
  /** Since when each owner that is up has been up without a break, as this manager saw it. */
  readonly upSinceMs: ReadonlyMap<NodeId, Millis>;
  /** Since when this manager can decide: it has applied an entry of its own term. */
  readonly managesSinceMs: Millis;
  /** Since when this manager knows what was decided last: by its own clock, for wall clocks of two managers differ. */
  readonly decidedSinceMs: Millis;
  /**
   * When the right of the present epoch is over for certain, on this manager's clock; null: not known, or no time ends it, or
   * there is no owner.
   */
  readonly rightEndsMs: Millis | null;
  /** Of the present epoch, as far as this manager has ordered it; null: it has not. */
  readonly fence: FenceView | null;
  /** This manager has renewed the right of the present epoch: it was not for want of a quorum that it ended. */
  readonly isRenewed: boolean;
  /** Since when nothing but other groups, and where it may go, keep it from being started, as this manager saw it; null: something does. */
  readonly startableSinceMs: Millis | null;
  /** Until then the agent of the current owner may take its time for a first word under the present epoch; null: it is past that. */
  readonly beginsUntilMs: Millis | null;
  /**
   * What the agent of the current owner said last under the present epoch; null: nothing, or nothing fresh, or only that it reads what
   * it is to run.
   */
  readonly report: OwnerReport | null;
  /** Owners whose agent was heard lately: only they can be given the application. */
  readonly agents: ReadonlySet<NodeId>;
  /** Owners whose agent has said that it ends: it begins nothing any more, neither applications nor fences. */
  readonly leavingAgents: ReadonlySet<NodeId>;
  /** Present starts of owners, as far as this manager is in touch with them; its own too. */
  readonly starts: ReadonlyMap<NodeId, BootNumber>;
  /** Whether the group still waits to hear from a node that has no verdict. */
  readonly awaited: (node: NodeId) => boolean;
  /** Groups that share a node with this one, as far as they have told of themselves. */
  readonly neighbours: readonly Neighbour[];
  /** Fresh ones alone. */
  readonly samples: ReadonlyMap<NodeId, PerformanceSample>;
  /** What is configured of each node, where anything is. */
  readonly capacities: ReadonlyMap<NodeId, Amounts>;
  /** What the ledgers of nodes have answered lately to a request for the next epoch. */
  readonly reservations: ReadonlyMap<NodeId, ReservationAnswer>;
}

/** The node that has, or had, the right of an epoch is fenced by the agent of another owner. */
export type FenceView = { readonly node: NodeId; readonly by: NodeId } & (
  | { readonly type: "ordered"; readonly untilMs: Millis }
  | { readonly type: "failed"; readonly reason: string; readonly againMs: Millis }
  /** Nothing that ran on the node before the order runs any more, and nobody was given the right since. */
  | { readonly type: "done" }
);

export interface OwnerReport {
  readonly state: AgentState;
  /** Of the resource that stands in the way, in state `error`; empty: none in particular. */
  readonly resource: string;
  readonly reason: string;
  /** In state `error`: nothing of it can still run there. */
  readonly isStopped: boolean;
}

/** A group that shares a node: a hint for planning, never a decision (A4). */
export interface Neighbour {
  readonly group: GroupId;
  readonly owners: readonly NodeId[];
  readonly ownership: Ownership;
  readonly policies: GroupPolicies;
}

export type ReservationAnswer =
  | { readonly type: "admitted"; readonly epoch: Epoch }
  | { readonly type: "refused"; readonly reason: string }
  /** Not asked: what is known elsewhere leaves no room. */
  | { readonly type: "wouldRefuse"; readonly reason: string };

/** What the manager does next; reasons are for people, at most `reasonCharsMax` characters. */
export type PlacementStep =
  /** Nothing, until something changes, or until then where it is a matter of time; `reason`: why not. */
  | { readonly type: "wait"; readonly untilMs: Millis | null; readonly reason: string }
  /** Asks the ledger of this node whether it can take the application. */
  | { readonly type: "reserve"; readonly node: NodeId; readonly reason: string }
  /** A new epoch: the owner may act. Logged as `assign`. */
  | { readonly type: "assign"; readonly owner: NodeId; readonly reason: string; readonly isMove: boolean }
  /** The ownership goes on under its epoch; `owner` null: nobody holds the right any more. Logged as `advance`. */
  | {
      readonly type: "advance";
      readonly owner: NodeId | null;
      /** Where it is to run next; null: that is not decided. */
      readonly to: NodeId | null;
      readonly state: Ownership["state"];
      readonly reason: string;
    }
  /** The agent of `by` is to fence `node`. From now on the right of the present epoch is renewed for nobody. */
  | { readonly type: "fence"; readonly node: NodeId; readonly by: NodeId; readonly reason: string }
  /** It could not be started, or stopped; `isFinal`: an operator has to look into it. Logged as `failPlacement`. */
  | {
      readonly type: "fail";
      readonly node: NodeId;
      readonly resource: string;
      readonly reason: string;
      /** The group goes into state `error`; else only this owner is passed over from now on. */
      readonly isFinal: boolean;
    };
