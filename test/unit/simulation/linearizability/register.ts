// A register with read, write and compare-and-set: the object of the recorded histories, and of random ones.

import { unreachable } from "../../../../proto/assert.ts";
import type { Model, TimedOperation } from "../../../../server/simulation/checkers/linearizability/model.ts";

/** null: nothing was ever written */
type RegisterState = { readonly value: number | null };

export type RegisterInput =
  | { readonly type: "read" }
  | { readonly type: "write"; readonly value: number }
  | { readonly type: "cas"; readonly from: number; readonly to: number };

export type RegisterResult =
  | { readonly type: "read"; readonly value: number | null }
  | { readonly type: "written" }
  | { readonly type: "refused" };

export type RegisterOperation = TimedOperation<RegisterInput, RegisterResult>;

export const register: Model<RegisterState, RegisterInput, RegisterResult> = {
  initial: { value: null },
  step,
  isObservation: (_input, { type }) => type !== "written",
  orderOf: () => null,
  covers: (state, other) => state.value === other.value,
  keyOf: ({ value }) => `${value}`,
};

function step(state: RegisterState, input: RegisterInput, result: RegisterResult | null): RegisterState | null {
  switch (input.type) {
    case "read":
      return result === null || (result.type === "read" && result.value === state.value) ? state : null;
    case "write":
      return result === null || result.type === "written" ? { value: input.value } : null;
    case "cas": {
      const isMet = state.value === input.from;
      if (result !== null && (result.type === "written") !== isMet) return null;
      return isMet ? { value: input.to } : state;
    }
    default:
      return unreachable(input);
  }
}
