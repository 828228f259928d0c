// What speaks for and against an owner as the place for a group's application: one sentence each, with the numbers.

import type { NodeId } from "../../proto/ids.ts";
import type { Factor } from "../../proto/placement.ts";
import { amountsText, shortageOf } from "./amounts.ts";
import { countMoves } from "./anti-flap.ts";
import { capacityOf, freeOn, loadOf, neighboursOn } from "./capacity.ts";
import { differentNodeConflict, missingDependency, sameNodeConflict } from "./neighbour-rules.ts";
import { banOf, isDrained, isUp, lastOwner, nextEpoch, verdictText } from "./placement-facts.ts";
import type { PlacementView } from "./placement-view.ts";
import { settlingFor } from "./settling.ts";

/**
 * Why an owner is wanted: none runs the application; the one that ran it is lost; a better one is there; or it has to leave the
 * one where it runs.
 */
export type PlacementPurpose = "startup" | "fallover" | "fallback" | "move";

export function factorsOf(view: PlacementView, purpose: PlacementPurpose, node: NodeId): readonly Factor[] {
  const factors = [
    precedence(view, purpose, node),
    verdict(view, node),
    agent(view, node),
    departure(view, purpose, node),
    removal(view, node),
    pin(view, node),
    ban(view, node),
    resource(view, node),
    capacity(view, node),
    load(view, purpose, node),
    excludedBy("sameNode", sameNodeConflict(view, node)),
    differentNode(view, purpose, node),
    excludedBy("dependency", missingDependency(view, node)),
    settling(view, purpose, node),
    antiFlap(view, purpose),
    reservation(view, node),
  ];
  return factors.filter((factor) => factor !== null);
}

/** Where there is nothing to run: ownership is advice, and goes by the list, the verdicts and what operators want. */
export function adviceFactorsOf(view: PlacementView, node: NodeId): readonly Factor[] {
  const factors = [precedence(view, "startup", node), verdict(view, node), wish(view, node)];
  return factors.filter((factor) => factor !== null);
}

/** By this the policy compares load, for this purpose. */
export function comparesLoad({ policies }: PlacementView, purpose: PlacementPurpose): boolean {
  return policies.fallover === "leastLoaded" && (purpose === "fallover" || purpose === "move");
}

/** Why the ledger of a node would refuse the application if it knew what the neighbours say; null: it would not. */
export function objectionOf(view: PlacementView, node: NodeId): string | null {
  const lack = crowding(view, node);
  return lack === null ? differentNodeConflict(view, node) : `it has ${lack} free`;
}

function crowding(view: PlacementView, node: NodeId): string | null {
  const { demand } = view.policies;
  return demand.size === 0 ? null : shortageOf(freeOn(view, node), demand);
}

function excludedBy(kind: Factor["kind"], reason: string | null): Factor | null {
  return reason === null ? null : { kind, excludes: true, reason };
}

function weighed(kind: Factor["kind"], reason: string): Factor {
  return { kind, excludes: false, reason };
}

function precedence(view: PlacementView, purpose: PlacementPurpose, node: NodeId): Factor {
  const { owners } = view;
  const place = `${node} is number ${owners.indexOf(node) + 1} of ${owners.length} in the owner list`;
  const runner = view.ownership.currentOwner;
  if (purpose !== "fallback" || runner === null || isBetter(view, node, runner)) return weighed("precedence", place);
  const than = node === runner ? "" : `, behind ${runner} at number ${owners.indexOf(runner) + 1}`;
  return {
    kind: "precedence",
    excludes: true,
    reason: node === runner ? `${place}, and has the application` : place + than,
  };
}

function isBetter({ owners }: PlacementView, node: NodeId, than: NodeId): boolean {
  const index = owners.indexOf(than);
  return index < 0 || owners.indexOf(node) < index;
}

function verdict(view: PlacementView, node: NodeId): Factor {
  return { kind: "verdict", excludes: !isUp(view, node), reason: verdictText(view, node) };
}

function agent({ agents, leavingAgents }: PlacementView, node: NodeId): Factor | null {
  if (!agents.has(node)) return { kind: "verdict", excludes: true, reason: `The agent of ${node} is silent` };
  return leavingAgents.has(node) ? { kind: "verdict", excludes: true, reason: `The agent of ${node} is ending` } : null;
}

function departure(view: PlacementView, purpose: PlacementPurpose, node: NodeId): Factor | null {
  if (purpose !== "move" || node !== view.ownership.currentOwner) return null;
  return { kind: "rule", excludes: true, reason: `The application is to leave ${node}` };
}

/** A right that no time ends would outlast its ownership, and then only an operator can say that it is over. */
function removal({ leaving, policies }: PlacementView, node: NodeId): Factor | null {
  if (!leaving.includes(node)) return null;
  return { kind: "rule", excludes: policies.lease.isEndless, reason: `${node} is on its way out of the owner list` };
}

function wish({ placement: { move } }: PlacementView, node: NodeId): Factor | null {
  return move?.to === node ? weighed("pin", `An operator wants the application on ${node}`) : null;
}

function pin(view: PlacementView, node: NodeId): Factor | null {
  const isPinned = view.placement.intent.pinnedTo === node;
  return wish(view, node) ?? (isPinned ? weighed("pin", `An operator moved the application to ${node}`) : null);
}

function ban(view: PlacementView, node: NodeId): Factor | null {
  const found = banOf(view, node);
  if (found === null) return null;
  const what = found.resource === "" ? "It" : found.resource;
  return { kind: "resource", excludes: true, reason: `${what} has failed on ${node}: ${found.reason}` };
}

function resource({ policies }: PlacementView, node: NodeId): Factor | null {
  const absent = policies.resources.filter(({ nodes }) => nodes !== null && !nodes.includes(node));
  const worst = absent.find(({ isCritical }) => isCritical) ?? absent[0];
  if (worst === undefined) return null;
  return { kind: "resource", excludes: worst.isCritical, reason: `The resource ${worst.name} cannot run on ${node}` };
}

/** Only what a node never has excludes it: of what is in use there its neighbours' word may be old. */
function capacity(view: PlacementView, node: NodeId): Factor | null {
  const { demand } = view.policies;
  if (demand.size === 0 && view.policies.fallover !== "mostFreeCapacity") return null;
  const never = shortageOf(capacityOf(view, node), demand);
  if (never !== null) return { kind: "capacity", excludes: true, reason: `${node} has ${never}` };
  const now = crowding(view, node);
  if (now !== null) return weighed("capacity", `${node} has ${now} free`);
  const free = freeOn(view, node);
  return weighed(
    "capacity",
    free.size === 0 ? `The capacity of ${node} is not limited` : `${node} has ${amountsText(free)} free`,
  );
}

function load(view: PlacementView, purpose: PlacementPurpose, node: NodeId): Factor | null {
  if (purpose === "startup" && view.policies.startup === "balanced") {
    return weighed("load", `${node} runs ${neighboursOn(view, node).length} other groups`);
  }
  if (!comparesLoad(view, purpose)) return null;
  const share = loadOf(view, node);
  if (share === null) return weighed("load", `There is no fresh sample of the load of ${node}`);
  const ageMs = view.samples.get(node)?.ageMs ?? 0;
  return weighed("load", `${node} has ${Math.round(share * 100)} % of its capacity in use, as of ${ageMs} ms ago`);
}

/** Who runs where it may stay does not leave for a place that is taken by hearsay; else the ledger there is asked. */
function differentNode(view: PlacementView, purpose: PlacementPurpose, node: NodeId): Factor | null {
  const reason = differentNodeConflict(view, node);
  if (reason === null) return null;
  const excludes = purpose === "fallback" || (purpose === "move" && mayStay(view));
  return { kind: "differentNode", excludes, reason };
}

function mayStay(view: PlacementView): boolean {
  const { currentOwner: owner } = view.ownership;
  return owner !== null && view.owners.includes(owner) && !isDrained(view, owner);
}

function settling(view: PlacementView, purpose: PlacementPurpose, node: NodeId): Factor | null {
  const hindrance = purpose === "startup" ? settlingFor(view, node) : null;
  return hindrance === null ? null : weighed("settling", hindrance.reason);
}

function antiFlap(view: PlacementView, purpose: PlacementPurpose): Factor | null {
  if (purpose !== "fallover" || lastOwner(view) === null) return null;
  const count = countMoves(view);
  return count.moves === 0 ? null : weighed("antiFlap", count.text);
}

function reservation(view: PlacementView, node: NodeId): Factor | null {
  const answer = view.reservations.get(node);
  if (answer === undefined) return null;
  if (answer.type === "refused")
    return { kind: "reservation", excludes: true, reason: `${node} refused: ${answer.reason}` };
  if (answer.type === "wouldRefuse")
    return { kind: "reservation", excludes: true, reason: `${node} would refuse: ${answer.reason}` };
  return answer.epoch === nextEpoch(view)
    ? weighed("reservation", `${node} has reserved for epoch ${answer.epoch}`)
    : null;
}
