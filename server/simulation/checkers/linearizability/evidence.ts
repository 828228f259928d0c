// What the answers that were given tell of the writes whose answers were lost. A value that somebody was shown was written, at
// the revision that was shown, before whoever saw it first was answered: that is the lost answer. Values that nobody was ever
// shown are as good as one another, and are made the same. With both, a search need not guess.

import type { KeyInput, KeyResult, Shown } from "./key-value.ts";
import type { TimedOperation } from "./model.ts";

/** Stands for any value that no answer shows. */
const neverShown = "?";

interface Sight {
  readonly revision: number;
  readonly atMs: number;
}

/** @param history of one key. @returns the same with what can be concluded; the verdict on it is the same */
export function concludeWrites<Timed extends TimedOperation<KeyInput, KeyResult>>(history: readonly Timed[]): Timed[] {
  const sights = new Map<string, Sight>();
  const writers = new Map<string, number>();
  for (const { input, result, returned } of history) {
    if (input.type === "put") writers.set(input.value, (writers.get(input.value) ?? 0) + 1);
    const shown = result === null ? null : shownBy(result);
    if (shown === null || shown.value === null) continue;
    const earlier = sights.get(shown.value);
    const isFirst = earlier === undefined || returned < earlier.atMs;
    if (isFirst) sights.set(shown.value, { revision: shown.modRevision, atMs: returned });
  }
  return history.map((operation) => {
    const { input, result, invoked } = operation;
    if (result !== null || input.type !== "put") return operation;
    const sight = sights.get(input.value);
    if (sight === undefined) return { ...operation, input: { ...input, value: neverShown } };
    // A value that was seen before it was written is for the search to refuse.
    if (writers.get(input.value) !== 1 || sight.atMs < invoked) return operation;
    const answer: KeyResult = { type: "written", revision: sight.revision, before: "untold" };
    return { ...operation, result: answer, returned: sight.atMs };
  });
}

function shownBy(result: KeyResult): Shown {
  if (result.type === "read") return result.shown;
  return result.type === "written" && result.before !== "untold" ? result.before : null;
}
