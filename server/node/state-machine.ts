// The shape of a node: one input in, effects out. Everything between two steps is plain memory.

import type { Millis } from "../../proto/ids.ts";
import type { Effect } from "./effects.ts";
import type { Input } from "./inputs.ts";

export interface StateMachine {
  step(input: Input, nowMs: Millis): readonly Effect[];
  /** When the machine wants a `deadline` input; null: idle costs nothing. */
  deadlineMs(): Millis | null;
}
