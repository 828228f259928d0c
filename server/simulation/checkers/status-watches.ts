// Guarantees of a watch of a group's status. States are levels: some may be passed over, but they come in the order of the log,
// none twice, none that the log did not make, and the last one told is the one that there is.

import type { GroupStatus } from "../../../proto/requests.ts";
import { demand } from "../violation.ts";
import type { StatusLog, ToldState } from "../workload/status-watchers.ts";

/** @returns how many states were compared */
export function checkStatusWatch(log: StatusLog, final: GroupStatus): number {
  for (const [position, state] of log.states.entries()) checkState(log, state, log.states[position - 1] ?? null);
  const last = log.states.at(-1);
  const told = () => (last === undefined ? "nothing" : textOfStatus(last.status));
  const isTold = isCurrent(log, final);
  demand(isTold, "status reliability", () => `${nameOf(log)} ends with ${told()}, it is ${textOfStatus(final)}`);
  return log.states.length;
}

function checkState(log: StatusLog, { index, initial, status }: ToldState, before: ToldState | null): void {
  const isBeginning = initial === (before === null);
  demand(
    isBeginning,
    "status initial",
    () => `${nameOf(log)} was told ${index} as ${initial ? "initial" : "a change"}`,
  );
  if (before === null) return;
  demand(index > before.index, "status order", () => `${nameOf(log)} was told ${index} after ${before.index}`);
  const { epoch } = before.status.ownership;
  const isForward = status.ownership.epoch >= epoch && status.applied >= index;
  demand(
    isForward,
    "status order",
    () => `${nameOf(log)} went from epoch ${epoch} to ${status.ownership.epoch} at ${index}`,
  );
}

/** Whether the watcher knows how things are. */
export function isCurrent({ states }: StatusLog, final: GroupStatus): boolean {
  const last = states.at(-1);
  return last !== undefined && textOfStatus(last.status) === textOfStatus(final);
}

function nameOf({ group }: StatusLog): string {
  return `A watch of the status of ${group}`;
}

/** What every owner says alike. */
function textOfStatus({ object, ownership, verdicts, dispute }: GroupStatus): string {
  const owned = `${ownership.currentOwner} ${ownership.state} in epoch ${ownership.epoch}`;
  const words = verdicts.map(({ node, status, index }) => `${node} ${status} at ${index}`).sort();
  return `${object.owners.join(",")}; ${owned}; ${words.join(", ")}${dispute === null ? "" : "; differs"}`;
}
