// What operators say in a group's config object about where its application runs, with every default filled in.

import type { GroupId, NodeId } from "./ids.ts";

/** By dimension, for example `cpu`: at most 16 of them. */
export type Amounts = ReadonlyMap<string, number>;

export interface GroupPolicies {
  readonly startup: "highestPriority" | "firstAvailable" | "balanced";
  readonly fallover: "nextInList" | "leastLoaded" | "mostFreeCapacity";
  readonly fallback: FallbackPolicy;
  /** How long a start waits for an owner of higher precedence. */
  readonly settlingMs: number;
  /** What the application uses of the node that runs it. */
  readonly demand: Amounts;
  readonly sameNode: readonly GroupId[];
  readonly differentNode: readonly GroupId[];
  readonly dependencies: readonly GroupDependency[];
  readonly antiFlap: AntiFlap;
  readonly startsAutomatically: boolean;
  readonly resumesAutomatically: boolean;
  readonly lostQuorum: "stop" | "freeze" | "readOnly";
  readonly minimum: Minimum;
  readonly lease: LeaseTerms;
  readonly fence: FencePolicy | null;
  /** In the order of the file. Without any, nobody starts or stops anything: the ownership is advice, and has no lease. */
  readonly resources: readonly PlacedResource[];
}

export type FallbackPolicy =
  | { readonly type: "never" }
  | { readonly type: "immediate" }
  /** Counts from when the better owner is up. */
  | { readonly type: "delayed"; readonly delayMs: number }
  | { readonly type: "window"; readonly window: TimeWindow };

/** A time of every chosen day, in UTC. */
export interface TimeWindow {
  /** Minutes since midnight, 0 to 1,439. */
  readonly fromMinute: number;
  /** At or before `fromMinute`: of the next day. */
  readonly toMinute: number;
  /** 0 is Sunday; the day on which it opens. All seven, if none was chosen. */
  readonly days: ReadonlySet<number>;
}

export interface GroupDependency {
  readonly group: GroupId;
  /** It must be online where this group starts; else wherever. */
  readonly isSameNode: boolean;
  /** Order only: this group starts without it when the time has passed, and goes on when it stops. */
  readonly isSoft: boolean;
  readonly timeoutMs: number;
}

/** More moves than these within the window need an operator. */
export interface AntiFlap {
  readonly movesMax: number;
  readonly windowMs: number;
}

/** What must be up beside a quorum for the application to run. */
export interface Minimum {
  readonly owners: number;
  readonly capacity: Amounts;
  /** By name. */
  readonly resources: readonly string[];
}

export interface LeaseTerms {
  readonly ttlMs: number;
  readonly renewIntervalMs: number;
  readonly stopBudgetMs: number;
  /** Largest difference of the rates of two clocks, as a share: 0.05 to 0.5. */
  readonly clockRateError: number;
  /**
   * `lostQuorum: freeze`: no time ends the right of the epoch, but its holder's word that it stopped, a fence, or an operator's
   * confirmation.
   */
  readonly isEndless: boolean;
}

export interface FencePolicy {
  readonly command: readonly string[];
  readonly timeoutMs: number;
}

/** A resource as far as the choice of a node goes. */
export interface PlacedResource {
  readonly name: string;
  /** Owners on which it can run; null: all. */
  readonly nodes: readonly NodeId[] | null;
  /** The group moves when it fails for good. */
  readonly isCritical: boolean;
}

/**
 * How long a group may be without a manager after it lost one: the longest time before somebody asks for votes, and the votes. A
 * right must outlast that, so that a change of manager alone does not stop a healthy application. An election without a result,
 * which is seldom, may take longer than a short right lasts: then the application stops, and starts again.
 */
export const electionBoundMs = 2_100;
