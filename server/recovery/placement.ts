// Where the application of a group without resources should run: the first owner in list order that is up (D2, D3; S1 Fig. 4).
// Run by the manager of a group that has a quorum, which is block 404 of Fig. 4. An owner that operators want to run nothing is
// passed over, and gives the application up as soon as another one can take it. Advice: nobody is granted anything by it.

import type { NodeId } from "../../proto/ids.ts";
import type { Ownership, StatusComponent } from "../../proto/model.ts";
import type { Placement } from "../../proto/placement.ts";
import { reasonText } from "./reason.ts";

export interface Candidates {
  /** In order of precedence. */
  readonly owners: readonly NodeId[];
  /** The group's verdicts; an owner without one is not up. */
  readonly verdicts: readonly StatusComponent[];
}

export interface OwnershipView extends Candidates {
  readonly ownership: Ownership;
  /**
   * Whether the group still waits to hear from a node that has no verdict. The very first owner is not chosen while one of
   * higher precedence is awaited, so that it does not depend on who of them started first. Default: it waits for nobody.
   */
  readonly awaited?: (node: NodeId) => boolean;
}

/** What to log as `own`, with the next epoch. */
export type OwnershipPlan = Pick<Ownership, "currentOwner" | "state" | "reason">;

/**
 * The first owner in list order that is up (S1 Fig. 4, block 406).
 *
 * @returns null when none is up
 */
export function chooseOwner({ owners, verdicts }: Candidates): NodeId | null {
  const up = new Set(verdicts.filter((verdict) => verdict.status === "up").map((verdict) => verdict.node));
  return owners.find((owner) => up.has(owner)) ?? null;
}

/**
 * What has to change about a group's ownership now, with the reason.
 *
 * - A current owner that is up keeps the group, also when one of higher precedence returns (blocks 408 and 410, without
 *   reallocation).
 * - Else the next owner that is up takes it (block 406), or takes it up again after a suspension (block 416).
 * - A current owner that is to be drained keeps it as long as no other is up.
 * - With none up, services are suspended (block 412); a group that never had an owner has nothing to suspend.
 *
 * @returns null when nothing has to change
 */
function planOwnership(view: OwnershipView): OwnershipPlan | null {
  const { ownership } = view;
  const choice = keepsOwner(view) ? ownership.currentOwner : chooseOwner(view);
  if (choice === null) return isDraining(view) ? null : planSuspension(view);
  if (choice === ownership.currentOwner && ownership.state === "online") return null;
  if (waitsForBetter(view, choice)) return null;
  return { currentOwner: choice, state: "online", reason: reasonText(reasonFor(view, choice)) };
}

/**
 * What has to change about the ownership of a group of which operators may have wanted something. Nobody has to follow it: what is
 * wanted is only told.
 *
 * @returns null when nothing has to change
 */
export function planAdvice(view: OwnershipView, { intent, move }: Placement): OwnershipPlan | null {
  const { ownership, owners } = view;
  if (intent.frozen !== null) return null;
  if (!intent.isOnline) {
    const isStopped = ownership.currentOwner === null;
    return isStopped ? null : { currentOwner: null, state: "offline", reason: "An operator wants it stopped" };
  }
  if (move === null) return planOwnership(view);
  const wanted = move.to === null ? owners.filter((owner) => owner !== ownership.currentOwner) : [move.to];
  const to = chooseOwner({ ...view, owners: wanted });
  if (to === null || to === ownership.currentOwner) return planOwnership(view);
  return { currentOwner: to, state: "online", reason: `An operator wants it on ${to}` };
}

function isDraining({ ownership: { currentOwner }, owners, verdicts }: OwnershipView): boolean {
  return verdicts.some(({ node, status }) => node === currentOwner && status === "draining" && owners.includes(node));
}

function keepsOwner(view: OwnershipView): boolean {
  const owner = view.ownership.currentOwner;
  return owner !== null && chooseOwner({ ...view, owners: view.owners.filter((node) => node === owner) }) === owner;
}

function planSuspension({ ownership }: OwnershipView): OwnershipPlan | null {
  if (ownership.state === "suspended" && ownership.currentOwner === null) return null;
  if (hadNoOwner(ownership)) return null;
  return { currentOwner: null, state: "suspended", reason: "No owner is up" };
}

function waitsForBetter({ ownership, owners, verdicts, awaited }: OwnershipView, choice: NodeId): boolean {
  if (awaited === undefined || !hadNoOwner(ownership)) return false;
  const decided = new Set(verdicts.filter(({ status }) => status !== "joining").map(({ node }) => node));
  return owners.slice(0, owners.indexOf(choice)).some((node) => !decided.has(node) && awaited(node));
}

function hadNoOwner(ownership: Ownership): boolean {
  return ownership.epoch === 0;
}

function reasonFor(view: OwnershipView, choice: NodeId): string {
  const { currentOwner } = view.ownership;
  if (hadNoOwner(view.ownership)) return `${choice} is the first owner in the list that is up`;
  if (choice === currentOwner) return `${choice} is up again`;
  if (currentOwner === null) return `Resumed: ${choice} is the first owner in the list that is up`;
  return `${lossOf(view, currentOwner)}; ${choice} is the first owner in the list that is up`;
}

function lossOf({ owners, verdicts }: OwnershipView, owner: NodeId): string {
  if (!owners.includes(owner)) return `${owner} is no longer an owner`;
  const verdict = verdicts.find(({ node }) => node === owner);
  if (verdict === undefined) return `${owner} has no verdict`;
  return `${owner} is ${verdict.status}${verdict.reason === "" ? "" : ` (${verdict.reason})`}`;
}
