// What operators want of an owner, beside what its group sees of it: a drained owner runs no application, and goes on voting
// and storing. What the group sees wins: who is down or coming up is that, whatever is wanted of it.

import type { GroupId, NodeId } from "../../proto/ids.ts";
import type { Intent, NodeIntent, OwnerIntent, RecoveryStatus } from "../../proto/model.ts";
import type { IntendOperation, Part } from "../../proto/transactions.ts";
import { reasonText } from "./reason.ts";

/** A group's verdict on an owner that is up, in one word and why. */
export interface Standing {
  readonly status: RecoveryStatus;
  readonly reason: string;
}

/** Words for an owner that is up, of which operators want something else. */
const plannedAbsences: ReadonlySet<RecoveryStatus> = new Set(["draining", "maintenance"]);

/** Whether a node of which a group says so is heard by it. */
export function isThere(status: RecoveryStatus): boolean {
  return status === "up" || plannedAbsences.has(status);
}

/**
 * What the group says of an owner, when its verdict is `seen`.
 *
 * @param seen a verdict by sight, or what was made of one before
 * @param intent null: nothing was ever wanted of it
 * @param runsHere the owner is the current owner of the group's application
 */
export function standingOf(seen: Standing, intent: OwnerIntent | null, runsHere: boolean): Standing {
  if (!isThere(seen.status) || intent === null) return seen;
  if (intent.wanted === "none") return plannedAbsences.has(seen.status) ? { status: "up", reason: "Undrained" } : seen;
  return { status: runsHere ? "draining" : "maintenance", reason: reasonOf("Drained", intent.reason) };
}

/** Whether the group need do nothing for it any more: it has come to it, or to something newer. */
export function isKept(intent: NodeIntent, known: OwnerIntent | null): boolean {
  if (known !== null && known.after >= intent.index) return true;
  return wantedBy(known) === intent.wanted;
}

/** Whether whoever asks for it has not heard of something newer that the group has carried out. */
export function isOutdated({ after }: IntendOperation, known: OwnerIntent | null): boolean {
  return known !== null && after < known.after;
}

/** What a group carries out of what is on record for one of its owners: it is behind the index before its own. */
export function operationFor({ node, wanted, reason, index }: NodeIntent): IntendOperation {
  return { type: "intend", node, wanted, reason, after: (index - 1) as NodeIntent["index"] };
}

/** What a group does for it in a transaction. */
export function partFor(group: GroupId, operation: IntendOperation): Part {
  return { group, comparisons: [], fence: null, success: [operation], failure: [] };
}

export function intendedOf(operations: readonly { readonly type: string }[]): readonly IntendOperation[] {
  return operations.filter((operation): operation is IntendOperation => operation.type === "intend");
}

/** For people; as the operator said, if anything was said. */
function reasonOf(what: string, said: string): string {
  return reasonText(said === "" ? what : `${what}: ${said}`);
}

function wantedBy(known: OwnerIntent | null): Intent {
  return known?.wanted ?? "none";
}

/** Of several that concern one group, those that it has still to carry out. */
export function dueIntents(
  pending: readonly NodeIntent[],
  known: (node: NodeId) => OwnerIntent | null,
): readonly NodeIntent[] {
  return pending.filter((intent) => !isKept(intent, known(intent.node)));
}
