// What is done when nobody runs the application, nor can: whether it is to be started, and where (S1 Fig. 4, blocks 406 and 416).

import type { NodeId } from "../../proto/ids.ts";
import type { PlacementPurpose } from "./candidate-factors.ts";
import { eligibleOwners, exclusionsOf } from "./candidates.ts";
import { heldBack } from "./cold-start.ts";
import { fallbackDueMs } from "./fallback.ts";
import { minimumMissing } from "./minimum.ts";
import { dependencyState } from "./neighbour-rules.ts";
import { absenceText, banOf, isPresent, isUp, lastOwner, lossOf } from "./placement-facts.ts";
import { type Decided, fail, isPromised, type PlacementRule, take, wait } from "./placement-steps.ts";
import type { PlacementView } from "./placement-view.ts";
import { settlingFor } from "./settling.ts";

/** For what the next owner would be chosen now. */
export function startPurpose(view: PlacementView): PlacementPurpose {
  const { currentOwner, epoch, state } = view.ownership;
  // Who was only advised to run it has nothing to lose.
  if (epoch === 0 || view.placement.lease === null) return "startup";
  if (currentOwner !== null) return "fallover";
  const last = lastOwner(view);
  const isDeparture = state === "offline" && last !== null && (!isUp(view, last) || banOf(view, last) !== null);
  return isDeparture ? "fallover" : "startup";
}

/** The step that brings the application up, or what it waits for. */
export function planStart(view: PlacementView): Decided {
  return operatorsWord(view) ?? needs(view) ?? planTake(view);
}

/** Neither operators nor policies nor the minimum keep it from being started: only other groups, and where it may go. */
export function isStartable(view: PlacementView): boolean {
  const { ownership, placement } = view;
  if (ownership.currentOwner !== null || placement.intent.frozen !== null || placement.error !== null) return false;
  return operatorsWord(view) === null && minimumMissing(view) === null;
}

function operatorsWord(view: PlacementView): Decided | null {
  const { ownership, placement, policies, group } = view;
  if (!placement.intent.isOnline) return wait("stopped", `${group} is stopped until an operator starts it`);
  if (placement.move !== null) return null;
  const held = heldBack(view);
  if (held !== null) return wait("startAutomatically", held);
  if (ownership.state === "suspended" && !policies.resumesAutomatically) {
    return wait("resumeAutomatically", `${group} does not resume automatically: an operator has to start it`);
  }
  return null;
}

function needs(view: PlacementView): Decided | null {
  const missing = minimumMissing(view);
  if (missing !== null) return wait("minimum", missing);
  const dependencies = dependencyState(view);
  if (dependencies.type === "met") return null;
  const { reason } = dependencies;
  if (dependencies.type === "awaited") return wait("dependency", reason, dependencies.untilMs);
  const node = lastOwner(view) ?? view.owners[0];
  if (node === undefined) return wait("dependency", reason);
  return fail("dependency", { node, resource: "", reason, isFinal: true });
}

function planTake(view: PlacementView): Decided {
  const purpose = startPurpose(view);
  const choice = chosen(view, eligibleOwners(view, purpose));
  if (choice === null) return wait("candidates", nobodyText(view, purpose));
  const settling = purpose === "startup" ? settlingFor(view, choice) : null;
  if (settling !== null) return wait("settling", settling.reason, settling.untilMs);
  return take(view, choice, reasonFor(view, purpose, choice));
}

/** What an operator wants; where a place was promised before it was stopped, or it was advised to be; or the best. */
function chosen(view: PlacementView, eligible: readonly NodeId[]): NodeId | null {
  const { ownership, placement } = view;
  const wanted = eligible.find((node) => node === placement.move?.to) ?? targeted(view, eligible);
  const advised = placement.lease === null ? eligible.find((node) => node === ownership.currentOwner) : undefined;
  return wanted ?? advised ?? promised(view, eligible) ?? returning(view, eligible) ?? eligible[0] ?? null;
}

/** For which it has left its owner, or anybody but that owner where an operator wants it to leave. */
function targeted(view: PlacementView, eligible: readonly NodeId[]): NodeId | undefined {
  const { target, move } = view.placement;
  const decided = eligible.find((node) => node === target);
  // Without a target nothing was left by the wish: an operator wants it started, wherever.
  if (decided !== undefined || target === null || move === null || move.to !== null) return decided;
  const last = lastOwner(view);
  return last === null ? undefined : eligible.find((node) => node !== last);
}

function promised(view: PlacementView, eligible: readonly NodeId[]): NodeId | undefined {
  const { currentOwner, state, epoch } = view.ownership;
  if (currentOwner !== null || state !== "offline" || epoch === 0) return undefined;
  return eligible.find((node) => isPromised(view, node));
}

/** Where the fallback policy would bring it at once: it may have been stopped for that, and would be again. */
function returning(view: PlacementView, eligible: readonly NodeId[]): NodeId | undefined {
  const last = view.ownership.state === "offline" ? lastOwner(view) : null;
  if (last === null || view.placement.intent.pinnedTo !== null) return undefined;
  const better = view.owners.slice(0, Math.max(0, view.owners.indexOf(last)));
  return better.find((node) => eligible.includes(node) && fallbackDueMs(view, node) === view.nowMs);
}

function reasonFor(
  view: PlacementView,
  purpose: PlacementPurpose,
  choice: NodeId,
): { rule: PlacementRule; reason: string } {
  const { placement, policies } = view;
  if (placement.move?.to === choice) return { rule: "move", reason: `An operator wants ${view.group} on ${choice}` };
  if (purpose === "startup") return { rule: "startup", reason: `${choice} is chosen by startup ${policies.startup}` };
  const last = lastOwner(view);
  const loss = last === null ? "" : `${departureText(view, last)}; `;
  return { rule: "fallover", reason: `${loss}${choice} is chosen by fallover ${policies.fallover}` };
}

function departureText(view: PlacementView, last: NodeId): string {
  const ban = banOf(view, last);
  if (ban !== null) return `${view.group} has failed on ${last}`;
  if (!isPresent(view, last)) return absenceText(view, last);
  return (view.ownership.currentOwner === null ? null : lossOf(view, last)) ?? `It has left ${last}`;
}

function nobodyText(view: PlacementView, purpose: PlacementPurpose): string {
  return `No owner can take ${view.group}: ${exclusionsOf(view, purpose, view.owners)}`;
}
