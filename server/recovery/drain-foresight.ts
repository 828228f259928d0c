// What becomes of a node's applications when it is drained, before it is: by the rules that decide about each of them, one after
// the other, each as if those before it had moved already. No ledger is asked: an owner has no room where what its neighbours
// say they use leaves none.

import type { GroupId, NodeId } from "../../proto/ids.ts";
import type { StatusComponent } from "../../proto/model.ts";
import type { GroupPlace } from "../../proto/placement.ts";
import { objectionOf } from "./candidate-factors.ts";
import { foresee, placeOf, withStatus } from "./foresight.ts";
import { groupsFollowed } from "./neighbour-rules.ts";
import { type OwnershipView, planAdvice } from "./placement.ts";
import type { Neighbour, PlacementView, ReservationAnswer } from "./placement-view.ts";
import { reasonText } from "./reason.ts";

/** Where an application is then, and why; `node` null: nobody has it. */
export interface Outlook {
  readonly node: NodeId | null;
  readonly reason: string;
}

/** @param places of other groups, once the node is drained */
export function foreseeDrain(view: PlacementView, node: NodeId, places: readonly GroupPlace[]): Outlook {
  const moved = withPlaces(withStatus(view, node, "draining"), places);
  const drained = { ...moved, reservations: reservationsBy(moved) };
  const hasMoved = ({ ownership: { currentOwner } }: PlacementView) => currentOwner !== null && currentOwner !== node;
  const { view: then, steps } = foresee(drained, hasMoved);
  const departure = steps.find((step) => step.type === "advance" && step.state === "releasing");
  const telling = hasMoved(then) ? (departure ?? steps.at(-1)) : steps.at(-1);
  return { node: placeOf(then), reason: telling?.reason ?? then.ownership.reason };
}

/** Of a group whose ownership is advice. */
export function foreseeAdvice(view: OwnershipView & Pick<PlacementView, "placement">, node: NodeId): Outlook {
  const verdicts = view.verdicts.map((verdict) => (verdict.node === node ? draining(verdict) : verdict));
  const plan = planAdvice({ ...view, verdicts }, view.placement);
  const { currentOwner, reason } = plan ?? { ...view.ownership, reason: stayText(view, node) };
  return { node: currentOwner, reason: reasonText(reason) };
}

/**
 * In which order the groups of a node are asked: who runs where another one does, or needs another one, after that one.
 *
 * @param groups that run on the node
 */
export function drainOrder(groups: readonly Neighbour[]): readonly GroupId[] {
  const ordered = new Set<GroupId>();
  const seen = new Set<GroupId>();
  const visit = (each: Neighbour) => {
    if (seen.has(each.group)) return;
    seen.add(each.group);
    const before = new Set([...groupsFollowed({ ...each, neighbours: groups }), ...groupsNeeded(each)]);
    for (const other of groups) if (before.has(other.group)) visit(other);
    ordered.add(each.group);
  };
  for (const each of groups) visit(each);
  return [...ordered];
}

function groupsNeeded({ policies }: Neighbour): readonly GroupId[] {
  return policies.dependencies.map(({ group }) => group);
}

function draining(verdict: StatusComponent): StatusComponent {
  return { ...verdict, status: "draining", reason: "" };
}

function stayText({ placement: { intent } }: Pick<PlacementView, "placement">, node: NodeId): string {
  if (intent.frozen !== null) return `Frozen: ${intent.frozen}`;
  return `No other owner is up: it stays on ${node} until one is`;
}

function withPlaces(view: PlacementView, places: readonly GroupPlace[]): PlacementView {
  const byGroup = new Map(places.map((place) => [place.group, place]));
  const neighbours = view.neighbours.map((neighbour) => {
    const place = byGroup.get(neighbour.group);
    return place === undefined ? neighbour : placed(neighbour, place.node);
  });
  return { ...view, neighbours };
}

function placed(neighbour: Neighbour, currentOwner: NodeId | null): Neighbour {
  if (currentOwner === neighbour.ownership.currentOwner) return neighbour;
  const state = currentOwner === null ? "offline" : "online";
  return { ...neighbour, ownership: { ...neighbour.ownership, currentOwner, state } };
}

/** As the ledgers would answer if they knew what the neighbours say; what one has answered holds. */
function reservationsBy(view: PlacementView): PlacementView["reservations"] {
  const refusals = view.owners.flatMap((node): [NodeId, ReservationAnswer][] => {
    const reason = node === view.ownership.currentOwner ? null : objectionOf(view, node);
    return reason === null ? [] : [[node, { type: "wouldRefuse", reason }]];
  });
  return new Map([...refusals, ...view.reservations]);
}
