// When, and by whom, voters of the cluster database that stay away are replaced: a setting of whoever leads it.

import type { NodeId } from "../../proto/ids.ts";
import { limits } from "./limits.ts";

export interface VoterReplacement {
  /** Silence after which a voter is replaced; null: never. */
  readonly afterMs: number | null;
  /** Nodes that may vote; empty: all. */
  readonly candidates: readonly NodeId[];
}

export const usualReplacement: VoterReplacement = { afterMs: limits.voterSilenceMs, candidates: [] };
