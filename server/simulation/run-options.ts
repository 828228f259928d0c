// What one run is: plain values that are printed first when it fails.

import type { CarryMode } from "./carry.ts";
import type { ClockRates } from "./clock-rates.ts";
import type { LinkOptions } from "./link-options.ts";
import type { DiskOptions } from "./sim-disk.ts";
import type { Topology } from "./topology.ts";

export interface CrashOptions {
  /** Mean pause between two crashes in the whole cluster. */
  readonly meanMs: number;
  readonly downMsMax: number;
  /** Share of the crashes that are power losses. */
  readonly powerProbability: number;
  /** Nodes that crash at once, up to this. */
  readonly nodesMax: number;
}

export interface PartitionOptions {
  readonly meanMs: number;
  readonly durationMsMax: number;
}

export interface LossyPathOptions {
  readonly meanMs: number;
  readonly durationMsMax: number;
  /** Share of what is sent in a direction, from half of it to all. */
  readonly lossMax: number;
}

export interface PauseOptions {
  readonly kind: "pause" | "stall" | "agent-pause" | "freeze";
  readonly meanMs: number;
  readonly durationMsMin: number;
  readonly durationMsMax: number;
}

export interface ClockRateOptions extends ClockRates {
  readonly meanMs: number;
}

export interface WallClockOptions {
  readonly meanMs: number;
  /** Forward or back. */
  readonly jumpMsMax: number;
}

export interface DiskFailureOptions {
  readonly meanMs: number;
  /** Until the disk is repaired. */
  readonly durationMsMax: number;
  /** Disks that fail at a time, up to this. */
  readonly nodesMax: number;
}

export interface StuckDiskOptions {
  readonly meanMs: number;
  readonly durationMsMin: number;
  readonly durationMsMax: number;
}

export interface BitRotOptions {
  readonly meanMs: number;
  readonly downMsMax: number;
}

export interface ChurnOptions {
  readonly meanMs: number;
  /** Owners that come or go in one change, up to this. */
  readonly ownersMax: number;
}

/** Agents on all nodes run the applications of the groups. */
export interface AgentsOptions {
  readonly reportEveryMs: number;
  /** What the clocks of their machines keep to. */
  readonly rates: ClockRates;
  /** A run that sees fewer moves which nobody asked for proves nothing. */
  readonly failoversMin: number;
  /** Nor does one in which fewer reservations are refused. */
  readonly refusalsMin: number;
}

export interface AgentDeathOptions {
  readonly meanMs: number;
  readonly downMsMax: number;
}

export interface ScriptOptions {
  readonly failProbability: number;
  readonly slowProbability: number;
  /** Of a slow start. */
  readonly startMsMax: number;
  /** Of a stop that never ends by itself. */
  readonly hangProbability: number;
}

export interface FenceOptions {
  /** Some time before that the machine has lost its power. */
  readonly msMax: number;
  readonly failProbability: number;
  readonly hangProbability: number;
}

export interface RecurrenceOptions {
  readonly meanMs: number;
}

export interface DrainOptions {
  readonly meanMs: number;
  readonly durationMsMax: number;
}

export interface WorkloadOptions {
  readonly clients: number;
  readonly thinkMsMean: number;
  /** Share of the operations that are several puts at once through one node: what makes a manager publish its append. */
  readonly burstProbability: number;
  readonly keysPerGroup: number;
  readonly valueBytesMax: number;
  readonly budgetMsMax: number;
  readonly watches: number;
  /** Each watch asks for something of its own; else for all keys and changes. */
  readonly variedWatches: boolean;
  /** Clients that move money between groups. */
  readonly transfers: number;
  /** Clients that hold leases. */
  readonly leases: number;
  /** Longest time of their leases; the shortest is a third of it. */
  readonly leaseTtlMsMax: number;
  /** Watches of the statuses of nodes, and as many of cluster events. */
  readonly stateWatches: number;
  /** Writes carry identities, and what ended without a clear answer is asked for again. */
  readonly identities: boolean;
}

/** A cluster without agents. */
export const withoutAgents = {
  agents: null,
  agentPause: null,
  agentDeath: null,
  freeze: null,
  scripts: null,
  fences: null,
  agentClock: null,
  wishes: null,
  drains: null,
} as const satisfies Partial<SimOptions>;

/** `forged`: publications arrive, and with them others that nobody sent. */
export type GossipMode = "normal" | "lost" | "forged";

export interface CoreOptions {
  /** Share of the groups of which a quorum is healed. */
  readonly groupsShare: number;
  /** What becomes of the rest meanwhile. */
  readonly rest: "down" | "cut";
}

export interface SimOptions {
  readonly seed: number;
  readonly topology: Topology;
  /** Virtual time under faults. */
  readonly safetyMs: number;
  /** Virtual time in which everything must be well again after the last fault. */
  readonly livenessMsMax: number;
  readonly workload: WorkloadOptions;
  /** Entries of log that a node keeps behind its state: few of them make followers that lag need snapshots. */
  readonly logEntriesKept: number;
  readonly link: LinkOptions;
  readonly disk: DiskOptions;
  readonly gossip: GossipMode;
  readonly carry: CarryMode;
  readonly crash: CrashOptions | null;
  readonly partition: PartitionOptions | null;
  readonly lossyPath: LossyPathOptions | null;
  readonly pause: PauseOptions | null;
  /** Something in the event loop takes its time. */
  readonly stall: PauseOptions | null;
  readonly clockRate: ClockRateOptions | null;
  readonly wallClock: WallClockOptions | null;
  /** Full and broken disks. */
  readonly diskFailure: DiskFailureOptions | null;
  readonly stuckDisk: StuckDiskOptions | null;
  /** Owners of groups are replaced. */
  readonly churn: ChurnOptions | null;
  /** null: nobody runs any application, and the ownership of groups is advice. */
  readonly agents: AgentsOptions | null;
  /** An agent stands still, and nothing else on its machine. */
  readonly agentPause: PauseOptions | null;
  readonly agentDeath: AgentDeathOptions | null;
  /** A machine stands still as a whole, with its applications and their guard. */
  readonly freeze: PauseOptions | null;
  readonly scripts: ScriptOptions | null;
  /** What becomes of fences, where groups have any; null: they succeed in a moment. */
  readonly fences: FenceOptions | null;
  /** The clocks of agents and guards change their rates. */
  readonly agentClock: RecurrenceOptions | null;
  /** Operators ask for this and that. */
  readonly wishes: RecurrenceOptions | null;
  readonly drains: DrainOptions | null;
  /** Only for nodes that rebuild from their peers what is damaged. */
  readonly bitRot: BitRotOptions | null;
  /** Recovery is demanded of a part of the cluster first; null: of all of it. */
  readonly core: CoreOptions | null;
}
