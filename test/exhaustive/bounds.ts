// How much may happen in one search, and the searches that are made.

import type { RaftOptions } from "../../server/raft/types.ts";

export interface Budgets {
  readonly proposals: number;
  readonly crashes: number;
  /** Voters taken out. */
  readonly changes: number;
  /** Voters given three votes: as many as make a quorum alone. */
  readonly weighings: number;
  /** Rounds of beats that a leader sends. */
  readonly beats: number;
  /** Times that a leader sends again what nobody acknowledged. */
  readonly resends: number;
}

export const budgetNames = ["proposals", "crashes", "changes", "weighings", "beats", "resends"] as const;

export interface Bounds {
  readonly name: string;
  /** Nobody stands for election beyond this term; the group begins in term 0, without a leader. */
  readonly termMax: number;
  readonly budgets: Budgets;
  readonly options: Partial<RaftOptions>;
}

export function boundsOf(termMax: number, some: Partial<Budgets>, options: Partial<RaftOptions> = {}): Bounds {
  const budgets = { proposals: 0, crashes: 0, changes: 0, weighings: 0, beats: 0, resends: 0, ...some };
  const counts = budgetNames.filter((name) => budgets[name] > 0).map((name) => `${budgets[name]} ${name}`);
  const extra = options.inflightEntriesMax === undefined ? [] : [`${options.inflightEntriesMax} entries in flight`];
  return { name: [`${termMax} terms`, ...counts, ...extra].join(", "), termMax, budgets, options };
}
