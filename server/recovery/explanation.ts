// Why a group is where it is, and what would move it (D6). Nothing here decides: the rules of placement-plan.ts are asked, or those
// of placement.ts where there is nothing to run, about the group as it is, and as it would be if something happened.

import { type GroupId, type NodeId, toMillis } from "../../proto/ids.ts";
import { type Candidate, type Explanation, historyOf, type Trigger } from "../../proto/placement.ts";
import { candidatesOfAdvice, decideAdvice, destinationOfAdvice } from "./advice.ts";
import { countMoves } from "./anti-flap.ts";
import { rankCandidates } from "./candidates.ts";
import { destinationOf, later, placeOf, withNode, withoutNode, withPlacement, withStatus } from "./foresight.ts";
import { isDrained, isUp, lossOf, nextEpoch, nobodyHoldsRight } from "./placement-facts.ts";
import { decidePlacement } from "./placement-plan.ts";
import { startPurpose } from "./placement-start.ts";
import { type Decided, placementRules } from "./placement-steps.ts";
import type { Neighbour, PlacementView } from "./placement-view.ts";

/** @param decisionsMax how many of the decisions on record are told, the newest first */
export function explain(view: PlacementView, decisionsMax: number): Explanation {
  const decided = decidePlacement(view);
  return {
    summary: summaryOf(view, decided),
    candidates: preferences(view),
    triggers: triggersOf(view, decided, { suppositions: suppositions(view, decided), destinationOf }),
    decisions: historyOf(view.placement).slice(0, decisionsMax),
  };
}

/** Of a group without resources. */
export function explainAdvice(view: PlacementView, decisionsMax: number): Explanation {
  const decided = decideAdvice(view);
  const supposed = [...failure(view), ...returns(view), ...ofOperators(view)];
  return {
    summary: `${summaryOf(view, decided)}; without resources this is advice`,
    candidates: candidatesOfAdvice(view),
    triggers: triggersOf(view, decided, { suppositions: supposed, destinationOf: destinationOfAdvice }),
    decisions: historyOf(view.placement).slice(0, decisionsMax),
  };
}

function summaryOf({ group, ownership }: PlacementView, { rule, step }: Decided): string {
  const { currentOwner, state, epoch, reason } = ownership;
  const since = reason === "" ? "" : ` (${reason})`;
  const where =
    currentOwner === null
      ? `${group} has no owner, ${state} since epoch ${epoch}`
      : `${group} is ${state} on ${currentOwner} under epoch ${epoch}`;
  return `${where}${since}; ${placementRules[rule]}: ${step.reason}`;
}

/** An owner that has the application, and can keep it, comes before those that could take it from there. */
function preferences(view: PlacementView): readonly Candidate[] {
  const { currentOwner } = view.ownership;
  if (currentOwner === null) return rankCandidates(view, startPurpose(view));
  const ranked = rankCandidates(view, "fallover");
  const holder = ranked.find(({ node, rank }) => node === currentOwner && rank > 0 && lossOf(view, node) === null);
  if (holder === undefined) return ranked;
  const others = ranked.filter((candidate) => candidate !== holder);
  const behind = others.map((candidate, index) => ({ ...candidate, rank: candidate.rank === 0 ? 0 : index + 2 }));
  return [{ ...holder, rank: 1 }, ...behind];
}

/** Something that might happen, and the group as it would be then. */
interface Supposition {
  readonly event: string;
  readonly view: PlacementView;
  readonly atMs: number | null;
}

interface Prospects {
  readonly suppositions: readonly Supposition[];
  readonly destinationOf: (view: PlacementView) => NodeId | null;
}

/** Those of what might happen that bring it elsewhere than where it ends up by itself; what is a matter of time comes first. */
function triggersOf(view: PlacementView, decided: Decided, prospects: Prospects): readonly Trigger[] {
  const planned = prospects.destinationOf(view);
  const itself = planned === placeOf(view) ? [] : [{ ...byItself(view, decided), to: planned }];
  const others = prospects.suppositions
    .map(({ event, view: then, atMs }) => ({ event, to: prospects.destinationOf(then), atMs }))
    .filter(({ to }) => to !== planned);
  return [...itself, ...others];
}

function byItself({ nowMs, wallMs }: PlacementView, { rule, step }: Decided): Omit<Trigger, "to"> {
  const untilMs = step.type === "wait" ? step.untilMs : null;
  return {
    event: `${placementRules[rule]}: ${step.reason}`,
    // Monotonic clocks count parts of a millisecond, and what is told does not.
    atMs: untilMs === null ? null : Math.ceil(wallMs + (untilMs - nowMs)),
  };
}

function suppositions(view: PlacementView, decided: Decided): readonly Supposition[] {
  return [
    ...failure(view),
    ...returns(view),
    ...otherGroups(view, decided),
    ...ofReservations(view),
    ...ofMoves(view),
    ...ofOperators(view),
  ];
}

function failure(view: PlacementView): readonly Supposition[] {
  const { currentOwner: owner } = view.ownership;
  return owner === null ? [] : [{ event: `${owner} fails`, view: withoutNode(view, owner), atMs: null }];
}

function returns(view: PlacementView): readonly Supposition[] {
  return view.owners
    .filter((node) => !isUp(view, node) || !view.agents.has(node) || view.leavingAgents.has(node))
    .map((node) => ({
      event: isDrained(view, node) ? `${node} is undrained` : `${node} is up again`,
      view: withNode(view, node),
      atMs: null,
    }));
}

function otherGroups(view: PlacementView, { rule }: Decided): readonly Supposition[] {
  if (rule !== "dependency") return [];
  const awaited = view.policies.dependencies.map(({ group }) => group);
  return view.neighbours
    .filter(({ group, ownership }) => awaited.includes(group) && ownership.state !== "online")
    .map(({ group }) => ({ event: `${group} is online`, view: withNeighbourOnline(view, group), atMs: null }));
}

function withNeighbourOnline(view: PlacementView, group: GroupId): PlacementView {
  const online = (neighbour: Neighbour): Neighbour => {
    const currentOwner = neighbour.ownership.currentOwner ?? sharedNode(view, neighbour);
    return { ...neighbour, ownership: { ...neighbour.ownership, state: "online", currentOwner } };
  };
  return { ...view, neighbours: view.neighbours.map((each) => (each.group === group ? online(each) : each)) };
}

function sharedNode({ owners }: PlacementView, neighbour: Neighbour): NodeId | null {
  return neighbour.owners.find((node) => owners.includes(node)) ?? neighbour.owners[0] ?? null;
}

function ofReservations(view: PlacementView): readonly Supposition[] {
  const refusing = [...view.reservations].filter(([, { type }]) => type === "refused").map(([node]) => node);
  const admitted = { type: "admitted", epoch: nextEpoch(view) } as const;
  return refusing.map((node) => ({
    event: `${node} has room for it`,
    view: { ...view, reservations: new Map([...view.reservations, [node, admitted]]) },
    atMs: null,
  }));
}

/** Past the limit a failure is the end, until the oldest of its moves counts no more. */
function ofMoves(view: PlacementView): readonly Supposition[] {
  const { isExhausted, forgetsMs } = countMoves(view);
  const { currentOwner: owner } = view.ownership;
  if (!isExhausted || forgetsMs === null || owner === null) return [];
  const then = later(view, toMillis(view.nowMs + forgetsMs - view.wallMs));
  return [{ event: `${owner} fails after the anti-flap window`, view: withoutNode(then, owner), atMs: forgetsMs }];
}

function ofOperators(view: PlacementView): readonly Supposition[] {
  const { ownership, placement, policies } = view;
  const { intent, error, bans } = placement;
  const { currentOwner: owner } = ownership;
  const supposed = (event: string, then: PlacementView): Supposition => ({
    event: `An operator ${event}`,
    view: then,
    atMs: null,
  });
  const isWaiting = !intent.isOnline || !policies.startsAutomatically || !policies.resumesAutomatically;
  return [
    ...(error !== null || bans.length > 0 ? [supposed("clears the error", cleared(view))] : []),
    ...(intent.frozen !== null
      ? [supposed("unfreezes it", withPlacement(view, { intent: { ...intent, frozen: null } }))]
      : []),
    ...(owner !== null && !nobodyHoldsRight(view) && lossOf(view, owner) !== null
      ? [supposed(`confirms that it does not run on ${owner}`, withoutNode(view, owner))]
      : []),
    ...(isWaiting && owner === null
      ? [supposed("starts it", withPlacement(view, { intent: { ...intent, isOnline: true }, move: { to: null } }))]
      : []),
    ...(owner !== null ? [supposed(`drains ${owner}`, withStatus(view, owner, "draining"))] : []),
    ...(owner !== null && intent.isOnline
      ? [supposed("stops it", withPlacement(view, { intent: { ...intent, isOnline: false }, move: null }))]
      : []),
  ];
}

/** With the moves forgotten, too; the agent has stopped what it could not start. */
function cleared(view: PlacementView): PlacementView {
  const then = withPlacement(view, { error: null, bans: [], movesMs: [] });
  return view.ownership.state === "error" ? { ...then, report: null, rightEndsMs: view.nowMs } : then;
}
