// What one run came to, in numbers.

import type { OwnershipCounts } from "./checkers/ownership.ts";
import type { SimOptions } from "./run-options.ts";
import type { Violation } from "./violation.ts";

/** How much happened in a run; all counts. */
export interface RunCounts {
  readonly acknowledged: number;
  readonly operations: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly terms: number;
  readonly committed: number;
  readonly statesCompared: number;
  /** State hashes that owners have told their managers, by themselves. */
  readonly stateAnswers: number;
  readonly promisesChecked: number;
  readonly answersCompared: number;
  /** Operations on single keys that have a place in an order of their own. */
  readonly operationsPlaced: number;
  readonly keysUndecided: number;
  readonly watchEventsCompared: number;
  /** Over several groups. */
  readonly transactionsCompared: number;
  /** Calls about leases. */
  readonly leaseCallsCompared: number;
  readonly rowsChecked: number;
  /** null: nobody ran any application. */
  readonly ownership: OwnershipCounts | null;
  readonly fencedWrites: number;
  readonly snapshots: number;
  /** Appends that went by gossip. */
  readonly publications: number;
  readonly notes: Readonly<Record<string, number>>;
  readonly messages: number;
  readonly events: number;
}

export interface RunReport {
  readonly options: SimOptions;
  /** Virtual milliseconds that the run took. */
  readonly virtualMs: number;
  /** Audit hash over every effect of every node. */
  readonly hash: string;
  /** null: the run is valid and nothing was violated. */
  readonly violation: Violation | null;
  readonly counts: RunCounts | null;
}
