// Demands that what the clients of a group were told of each key is linearizable. Unlike the replay it takes nothing from the
// group but these answers.

import type { GroupId } from "../../../../proto/ids.ts";
import { Violation } from "../../violation.ts";
import type { Operation } from "../../workload/history.ts";
import { nameOf } from "../replay.ts";
import { checkLinearizable, type Verdict } from "./checker.ts";
import { concludeWrites } from "./evidence.ts";
import { type KeyState, keyModel } from "./key-value.ts";
import { type KeyOperation, partitionByKey } from "./partition.ts";

/** Of the model, a key's budget; one or two an operation are the rule. */
const steps = { least: 100_000, perOperation: 20 };

export interface KeyCounts {
  /** Operations that were given a place; one on several keys counts for each. */
  readonly placed: number;
  /** Keys that the budget did not suffice for. */
  readonly undecided: number;
  readonly steps: number;
}

/** @param operations those of `group` */
export function checkKeys(group: GroupId, operations: readonly Operation[]): KeyCounts {
  const counts = { placed: 0, undecided: 0, steps: 0 };
  for (const [key, part] of partitionByKey(operations)) {
    const budget = steps.least + steps.perOperation * part.length;
    const verdict = checkLinearizable(keyModel, concludeWrites(part), { budget });
    if (verdict.type === "violation")
      throw new Violation("correctness", "linearizability", describe(group, key, verdict));
    counts.steps += verdict.steps;
    if (verdict.type === "undecided") counts.undecided += 1;
    else counts.placed += part.length;
  }
  return counts;
}

type Broken = Extract<Verdict<KeyState, KeyOperation>, { readonly type: "violation" }>;

function describe(group: GroupId, key: string, { prefix, state, blocked }: Broken): string {
  const { value, modRevision, changedFrom } = state;
  const held = `${value ?? "nothing"} of revision ${modRevision ?? `${changedFrom} or later`}`;
  const shown = blocked.result === null ? "" : `, told ${JSON.stringify(blocked.result)},`;
  const before = prefix.slice(-3).map(({ operation }) => nameOf(operation));
  return [
    `${nameOf(blocked.operation)}${shown} has no place among the operations on ${group} ${key}`,
    `after ${prefix.length} of them it holds ${held}; the last were ${before.join(", ") || "none"}`,
  ].join(": ");
}
