// Guarantees of a watch of nodes. Statuses are levels: some may be passed over; but each one that is told was decided by its
// group, a stream never takes one back or says the same once more, and what the reader knows in the end is how things are.

import { clusterGroup, type GroupId, type NodeId } from "../../../proto/ids.ts";
import type { StatusComponent } from "../../../proto/model.ts";
import type { NodeState } from "../../../proto/requests.ts";
import { demand } from "../violation.ts";
import type { NodesLog, NodesStep } from "../workload/node-watchers.ts";
import type { ReplayedCluster } from "./replayed-cluster.ts";

/** What one group has decided about its owners, by its committed log. */
export interface GroupVerdicts {
  readonly group: GroupId;
  /** Each that there ever was. */
  readonly all: readonly StatusComponent[];
  readonly final: readonly StatusComponent[];
}

/** What may be told of nodes, and how they are in the end. */
export class NodeHistory {
  readonly #directory: ReplayedCluster["directory"];
  readonly #made: ReadonlySet<string>;
  readonly #final: readonly StatusComponent[];
  readonly #regrouped: ReplayedCluster["regrouped"];

  constructor({ directory, regrouped, verdicts, finalVerdicts }: ReplayedCluster, groups: readonly GroupVerdicts[]) {
    this.#directory = directory;
    this.#regrouped = regrouped;
    const all = [...groups, { group: clusterGroup, all: verdicts, final: finalVerdicts }];
    this.#made = new Set(all.flatMap((group) => group.all.map(textOfComponent)));
    this.#final = all.flatMap(({ final }) => final);
  }

  /** Whether a group has ever decided so. */
  wasMade(component: StatusComponent): boolean {
    return this.#made.has(textOfComponent(component));
  }

  /** Whether a node has joined or left a group behind the index `after` and up to `through` of the cluster's log. */
  wasRegrouped(node: NodeId, { after, through }: { readonly after: number; readonly through: number }): boolean {
    return this.#regrouped.get(node)?.some((index) => index > after && index <= through) === true;
  }

  /** Whom a watch tells of that `server` serves. */
  nodesOf({ wanted }: NodesLog, server: NodeId): readonly NodeId[] {
    return wanted === null ? this.#directory.sphereOf(server) : [wanted];
  }

  textOf(node: NodeId): string {
    const groups = this.#directory.groupsOf(node);
    const isOfGroup = ({ group }: StatusComponent) =>
      groups.length === 0 ? group === clusterGroup : groups.some((entry) => entry.group === group);
    const components = this.#final.filter((component) => component.node === node && isOfGroup(component));
    return textOfState({ components, groups: groups.map(({ group }) => group) });
  }
}

/** What a stream has told of a node last. */
interface Known {
  readonly state: NodeState;
  /** Of the cluster's log, when it was told. */
  readonly clusterIndex: number;
}

/** @returns how many states were compared */
export function checkNodeWatch(log: NodesLog, history: NodeHistory): number {
  const known = new Map<NodeId, Known>();
  let server: NodeId | null = null;
  let compared = 0;
  for (const [position, step] of log.steps.entries()) {
    if (step.type === "stream") {
      known.clear();
      server = step.node;
      continue;
    }
    const { clusterIndex } = step;
    checkInitial(log, step, log.steps[position - 1]);
    if (step.isAnew) known.clear();
    for (const state of step.nodes) {
      const before = known.get(state.record.node) ?? null;
      checkState(log, state, history);
      if (before !== null) checkNews(log, { before, now: { state, clusterIndex }, server, history });
    }
    for (const state of step.nodes) known.set(state.record.node, { state, clusterIndex });
    for (const node of step.departed) known.delete(node);
    compared += step.nodes.length;
  }
  const difference = differenceOf(log, history);
  demand(difference === null, "node reliability", () => `${nameOf(log)} ends with ${difference}`);
  return compared;
}

/** What the reader knows and how things are, where that is not the same; null: it knows how things are. */
export function differenceOf(log: NodesLog, history: NodeHistory): string | null {
  const { server } = log;
  if (server === null) return "nothing, nobody served it";
  const nodes = history.nodesOf(log, server);
  const stranger = [...log.known.keys()].find((node) => !nodes.includes(node));
  if (stranger !== undefined) return `${stranger}, which ${server} has nothing to do with`;
  for (const node of nodes) {
    const state = log.known.get(node);
    const told = state === undefined ? "nothing" : textOfState(state);
    const final = history.textOf(node);
    if (told !== final) return `${told} of ${node} from ${server}, it is ${final}`;
  }
  return null;
}

/** All that there is comes first on the first stream; on others only in their first messages. */
function checkInitial(
  log: NodesLog,
  step: NodesStep & { readonly type: "states" },
  before: NodesStep | undefined,
): void {
  const isFirst = before?.type === "stream";
  const isOwed = isFirst && !before.isResumed;
  const isGoingOn = before?.type === "states" && before.initial && !step.isAnew;
  const isRight = step.initial ? isFirst || isGoingOn : !isOwed;
  demand(isRight, "node initial", () => {
    return `${nameOf(log)} was told ${namesOf(step)} as ${step.initial ? "initial" : "a change"} after ${before?.type}`;
  });
}

function checkState(log: NodesLog, state: NodeState, history: NodeHistory): void {
  const { node } = state.record;
  const invented = state.components.find((component) => component.node !== node || !history.wasMade(component));
  const text = () => (invented === undefined ? "" : textOfComponent(invented));
  demand(invented === undefined, "node truth", () => `${nameOf(log)} told ${text()} of ${node}, nobody decided that`);
}

interface News {
  readonly before: Known;
  readonly now: Known;
  readonly server: NodeId | null;
  readonly history: NodeHistory;
}

/**
 * Only of a node that has been something else meanwhile, in its groups or in the sphere, the same is told once more, or something
 * older: whoever serves the watch has forgotten what it knew, and may hear it anew from one that lags.
 */
function checkNews(log: NodesLog, { before, now, server, history }: News): void {
  const { record, components } = now.state;
  const { node } = record;
  const span = { after: before.clusterIndex, through: now.clusterIndex };
  const wasElse = [node, server].some((each) => each !== null && history.wasRegrouped(each, span));
  const isNews = wasElse || textOfState(now.state) !== textOfState(before.state);
  demand(isNews, "node uniqueness", () => `${nameOf(log)} told twice: ${node} ${textOfState(now.state)}`);
  for (const { group, index } of components) {
    const known = before.state.components.find((component) => component.group === group)?.index ?? 0;
    demand(
      wasElse || index >= known,
      "node order",
      () => `${nameOf(log)} told ${node} of ${group} at ${index} after ${known}`,
    );
  }
}

function nameOf({ wanted }: NodesLog): string {
  return wanted === null ? "A watch of a sphere" : `A watch of ${wanted}`;
}

function namesOf({ nodes, departed }: NodesStep & { readonly type: "states" }): string {
  return `${nodes.map(({ record }) => record.node)} and that ${departed} left`;
}

function textOfComponent({ node, group, incarnation, status, index }: StatusComponent): string {
  return `${node} ${status} at ${index} of ${group}/${incarnation}`;
}

/** The word for it is not looked at: it follows from these. */
function textOfState({ components, groups }: Pick<NodeState, "components" | "groups">): string {
  return `of ${groups.toSorted().join(",")}: ${components.map(textOfComponent).sort().join(", ")}`;
}
