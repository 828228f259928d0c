// Recovery statuses of nodes, as watches of them see them: as the node that serves the watch holds them now. They say all there
// is: a watch that comes back is given what it may have missed by being given everything, or goes on when it missed nothing.

import { compareNames, type GroupId, type LogIndex, type NodeId, toRevision } from "../../proto/ids.ts";
import type { StatusComponent } from "../../proto/model.ts";
import type { NodeState, NodesPosition, StatusMark, WatchMessage, WatchNodesRequest } from "../../proto/requests.ts";
import { nodeStatus } from "../sphere/node-status.ts";
import type { StateOpening, StateSource, StateWish } from "../watch/state-hub.ts";
import type { ClusterState } from "./cluster-state.ts";
import { limits } from "./limits.ts";
import type { NodeNews, SphereChanges } from "./sphere-changes.ts";

/** What this node knows, in this step. */
export interface SphereView {
  readonly self: NodeId;
  readonly changes: SphereChanges;
  readonly state: ClusterState;
  /** Of the cluster's log. */
  readonly index: LogIndex;
  /** Verdicts on one node, or on all. */
  readonly components: (node?: NodeId) => readonly StatusComponent[];
}

/** Names; empty: all of the sphere. */
type Names = readonly NodeId[];

export class NodeStates implements StateSource<Names> {
  readonly newest: number;
  readonly #view: SphereView;
  readonly #made = new Map<string, WatchMessage | null>();

  constructor(view: SphereView) {
    this.#view = view;
    this.newest = view.changes.counter;
  }

  next({ filter, position, initialThrough }: StateWish<Names>): WatchMessage | null {
    const name = `${position} ${initialThrough} ${filter.join(" ")}`;
    const known = this.#made.get(name);
    if (known !== undefined) return known;
    const message =
      position < initialThrough ? this.#initial({ filter, position, initialThrough }) : this.#later(filter, position);
    this.#made.set(name, message);
    return message;
  }

  progress({ filter }: StateWish<Names>): WatchMessage {
    return this.#message(filter, [], { through: this.newest, initial: false, more: false });
  }

  #initial({ filter, position, initialThrough }: StateWish<Names>): WatchMessage {
    const there = this.#news(filter, position).filter(({ at, isDeparted }) => at <= initialThrough && !isDeparted);
    const page = there.slice(0, limits.watchNodesMax);
    const more = page.length < there.length;
    const through = more ? (page.at(-1)?.at ?? initialThrough) : initialThrough;
    return this.#message(filter, page, { through, initial: true, more });
  }

  #later(filter: Names, position: number): WatchMessage | null {
    const news = this.#news(filter, position);
    if (news.length === 0) return null;
    const page = news.slice(0, limits.watchNodesMax);
    const more = page.length < news.length;
    const through = more ? (page.at(-1)?.at ?? this.newest) : this.newest;
    return this.#message(filter, page, { through, initial: false, more });
  }

  #news(filter: Names, position: number): readonly NodeNews[] {
    const news = this.#view.changes.after(position);
    return filter.length === 0 ? news : news.filter(({ node }) => filter.includes(node));
  }

  #message(
    filter: Names,
    news: readonly NodeNews[],
    { through, initial, more }: { readonly through: number; readonly initial: boolean; readonly more: boolean },
  ): WatchMessage {
    const nodes = news.filter(({ isDeparted }) => !isDeparted).flatMap(({ node }) => stateOf(node, this.#view) ?? []);
    const departed = news.filter(({ isDeparted }) => isDeparted).map(({ node }) => node);
    const position = positionOf(filter, this.#view);
    return { type: "nodeStates", revision: toRevision(through), initial, more, nodes, departed, position };
  }
}

export function openingOf(request: WatchNodesRequest, view: SphereView): Omit<StateOpening<Names>, "header"> {
  const { nodes: filter, after, initial, progressIntervalMs } = request;
  const { counter } = view.changes;
  const isAnew = initial || (after !== null && !isCovered(filter, after, view));
  const wish = { filter, progressIntervalMs, isToldPosition: !isAnew };
  return { ...wish, position: isAnew ? 0 : counter, initialThrough: isAnew ? counter : -1 };
}

/** Whether nothing that is known here is behind the position. */
function isCovered(filter: Names, { groups, clusterIndex, sphere }: NodesPosition, view: SphereView): boolean {
  if (filter.length === 0 && sphere !== view.self) return false;
  if (clusterIndex < view.changes.since) return false;
  const marks = new Map(groups.map((mark) => [mark.group, mark]));
  return componentsOf(filter, view).every(({ group, incarnation, index }) => {
    const mark = marks.get(group);
    return mark?.incarnation === incarnation && index <= mark.index;
  });
}

/**
 * Verdicts of a group that this node owns came in the order of its log: all up to the newest are known. Those of another group
 * came as they were passed on, so that only what is not above any of them is certain; a watch that goes on from there elsewhere
 * may be given a state again, and misses none.
 */
function positionOf(filter: Names, view: SphereView): NodesPosition {
  const marks = new Map<GroupId, StatusMark>();
  for (const component of componentsOf(filter, view)) {
    const { group, incarnation, index } = component;
    const known = marks.get(group);
    const isOwned = view.state.directory.owns(view.self, group);
    const isMark = known === undefined || (isOwned ? index > known.index : index < known.index);
    if (isMark) marks.set(group, { group, incarnation, index });
  }
  const groups = [...marks.values()].sort((left, right) => compareNames(left.group, right.group));
  return { groups, clusterIndex: view.index, sphere: filter.length === 0 ? view.self : null };
}

function componentsOf(filter: Names, { components }: SphereView): readonly StatusComponent[] {
  return filter.length === 0 ? components() : filter.flatMap((node) => components(node));
}

function stateOf(node: NodeId, { state, components }: SphereView): NodeState | null {
  const record = state.node(node);
  if (record === null) return null;
  const entries = state.directory.groupsOf(node);
  const held = components(node);
  return {
    record,
    status: nodeStatus(held, entries),
    components: held,
    groups: entries.map(({ group }) => group),
  };
}
