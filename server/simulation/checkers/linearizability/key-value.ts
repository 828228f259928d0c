// One key of a group as a sequential object: its value, and the revision at which it changed last. An operation whose answer
// was lost leaves a change whose revision nobody has told; the next answer that shows it settles it.

import { unreachable } from "../../../../proto/assert.ts";
import type { Model } from "./model.ts";

export interface KeyState {
  /** null: the key does not exist */
  readonly value: string | null;
  /** Of the change that made the value; null: not known. */
  readonly modRevision: number | null;
  /** The last change was at this revision or later; exactly there when `modRevision` is known. */
  readonly changedFrom: number;
  /** Where it was not, in order: what a refused write tells of a revision that is not known. */
  readonly notAt: readonly number[];
}

/** What an answer shows of a key; null: that it does not exist. */
export type Shown = {
  readonly modRevision: number;
  /** null: only the revision is told */
  readonly value: string | null;
} | null;

export type KeyInput =
  | { readonly type: "get" }
  | { readonly type: "put"; readonly value: string; readonly ifModRevision: number | null }
  | { readonly type: "delete"; readonly ifModRevision: number | null };

export type KeyResult =
  /** The answer of a get, or of a write that its condition kept from changing anything and that tells nothing else. */
  | { readonly type: "read"; readonly shown: Shown }
  | { readonly type: "refused" }
  /** @see before what the write replaced, where the answer tells */
  | { readonly type: "written"; readonly revision: number; readonly before: Shown | "untold" };

/** Revision 1 is a group's that holds nothing. */
export const keyModel: Model<KeyState, KeyInput, KeyResult> = {
  initial: { value: null, modRevision: null, changedFrom: 1, notAt: [] },
  step,
  isObservation: (_input, { type }) => type !== "written",
  orderOf: (input, result) => (result.type === "written" && surelyChanged(input, result) ? result.revision : null),
  covers,
  keyOf: ({ value, modRevision, changedFrom, notAt }) =>
    `${modRevision ?? "?"} ${changedFrom} ${notAt} ${value ?? "-"}`,
};

function step(state: KeyState, input: KeyInput, result: KeyResult | null): KeyState | null {
  if (result === null) return lost(state, input);
  switch (result.type) {
    case "read":
      return settle(state, result.shown);
    case "refused":
      return refused(state, input);
    case "written":
      return written(state, input, result);
    default:
      return unreachable(result);
  }
}

function covers(state: KeyState, other: KeyState): boolean {
  if (state.value !== other.value || state.changedFrom > other.changedFrom) return false;
  if (state.modRevision !== null) return state.modRevision === other.modRevision;
  return state.notAt.every((revision) => revision < other.changedFrom || !mayBeAt(other, revision));
}

/** The state with what an answer shows of it; null when it shows something else. */
function settle(state: KeyState, shown: Shown): KeyState | null {
  if (shown === null || state.value === null) return shown === null && state.value === null ? state : null;
  if (shown.value !== null && shown.value !== state.value) return null;
  if (state.modRevision !== null) return state.modRevision === shown.modRevision ? state : null;
  return mayBeAt(state, shown.modRevision) ? changed(state.value, shown.modRevision) : null;
}

function refused(state: KeyState, input: KeyInput): KeyState | null {
  const { value, modRevision, changedFrom, notAt } = state;
  const condition = input.type === "get" ? null : input.ifModRevision;
  switch (meets(state, condition)) {
    case "yes":
      return null;
    case "no":
      return state;
    default: {
      const more = condition === null ? notAt : [...notAt, condition].sort((left, right) => left - right);
      return { value, modRevision, changedFrom, notAt: more };
    }
  }
}

function written(state: KeyState, input: KeyInput, result: Extract<KeyResult, { type: "written" }>): KeyState | null {
  const before = result.before === "untold" ? state : settle(state, result.before);
  if (before === null || input.type === "get" || meets(before, input.ifModRevision) === "no") return null;
  if (input.type === "delete" && before.value === null) return before;
  const { revision } = result;
  if (revision <= Math.max(before.changedFrom, input.ifModRevision ?? 0)) return null;
  return changed(input.type === "put" ? input.value : null, revision);
}

/** A delete that does not tell what it found may have found nothing. */
function surelyChanged(input: KeyInput, { before }: Extract<KeyResult, { type: "written" }>): boolean {
  return input.type === "put" || (input.type === "delete" && before !== "untold" && before !== null);
}

function changed(value: string | null, revision: number): KeyState {
  return { value, modRevision: value === null ? null : revision, changedFrom: revision, notAt: [] };
}

/** What a write makes of the state at a revision that nobody has told, when its condition lets it. */
function lost(state: KeyState, input: KeyInput): KeyState {
  const isIdle = input.type === "get" || (input.type === "delete" && state.value === null);
  if (isIdle || meets(state, input.ifModRevision) === "no") return state;
  const changedFrom = Math.max(state.changedFrom, input.ifModRevision ?? 0) + 1;
  return { value: input.type === "put" ? input.value : null, modRevision: null, changedFrom, notAt: [] };
}

/** @param ifModRevision null: no condition; 0: the key must not exist */
function meets(state: KeyState, ifModRevision: number | null): "yes" | "no" | "perhaps" {
  if (ifModRevision === null) return "yes";
  const { value, modRevision } = state;
  if (value === null || ifModRevision === 0) return (value === null) === (ifModRevision === 0) ? "yes" : "no";
  if (modRevision !== null) return modRevision === ifModRevision ? "yes" : "no";
  return mayBeAt(state, ifModRevision) ? "perhaps" : "no";
}

/** Whether the last change, of which the revision is not known, may have been at this one. */
function mayBeAt({ changedFrom, notAt }: KeyState, revision: number): boolean {
  return revision >= changedFrom && !notAt.includes(revision);
}
