// Events of the cluster database and decisions of a group as one list: what both say, and what of it is wanted.

import { ClusterEventType } from "../../proto/gen/bailiwick/v1/cluster_event_pb.ts";
import { DecisionType } from "../../proto/gen/bailiwick/v1/explanation_pb.ts";
import type { EventsAnswer } from "../cluster-calls.ts";
import { orNothing, type PlainGroup, timeText } from "./cluster-text.ts";

type PlainEvent = EventsAnswer["events"][number];
type PlainDecision = PlainGroup["decisions"][number];

/** One thing that happened, whatever log has it. */
export interface LoggedEvent {
  /** `cluster`, or the group whose log it is. */
  readonly log: string;
  /** In that log. */
  readonly index: number;
  /** ISO 8601; by the clock of whoever wrote it. */
  readonly time: string | undefined;
  readonly type: string;
  /** Empty: none. */
  readonly group: string;
  /** Those concerned; of a decision from whom and to whom. */
  readonly nodes: readonly string[];
  readonly who: string;
  readonly why: string;
  /** All that is known of it. */
  readonly json: object;
}

/** What of the events is wanted. */
export interface EventFilter {
  /** Empty: every type. */
  readonly types: readonly string[];
  readonly group: string | undefined;
  readonly node: string | undefined;
}

export const eventTypes: readonly string[] = wordsOf(ClusterEventType);
export const decisionTypes: readonly string[] = wordsOf(DecisionType);

export function ofCluster(event: PlainEvent): LoggedEvent {
  const { index, time, type, node, group, who, why } = event;
  const nodes = node === "" ? [] : [node];
  return { log: "cluster", index, time, type, group, nodes, who, why, json: { log: "cluster", ...event } };
}

/** @returns the oldest first */
export function ofGroup({ name: group, decisions }: PlainGroup): readonly LoggedEvent[] {
  return decisions.toReversed().map((decision: PlainDecision) => {
    const { index, time, type, from, to, who, why } = decision;
    const nodes = [...new Set([from, to])].filter((node) => node !== "");
    return { log: group, index, time, type, group, nodes, who, why, json: { log: group, group, ...decision } };
  });
}

export function isWanted({ type, group, nodes }: LoggedEvent, filter: EventFilter): boolean {
  if (filter.types.length > 0 && !filter.types.includes(type)) return false;
  if (filter.group !== undefined && filter.group !== group) return false;
  return filter.node === undefined || nodes.includes(filter.node);
}

/** The oldest first, as far as clocks tell; what one log has stays in its order. */
export function inOrder(events: readonly LoggedEvent[]): readonly LoggedEvent[] {
  return events.toSorted((left, right) => {
    return left.log === right.log ? left.index - right.index : msOf(left) - msOf(right);
  });
}

/** 0: not known. */
export function msOf({ time }: Pick<LoggedEvent, "time">): number {
  return time === undefined ? 0 : Date.parse(time);
}

export const eventHead = ["INDEX", "TIME", "EVENT", "GROUP", "NODE", "WHO", "WHY"];

export function eventRow({ log, index, time, type, group, nodes, who, why }: LoggedEvent): string[] {
  const at = log === "cluster" ? String(index) : `${log}:${index}`;
  return [at, timeText(time), type, ...[group, nodes.join(" > "), who, why].map(orNothing)];
}

function wordsOf(numbers: object): readonly string[] {
  return Object.keys(numbers).flatMap((name) => (name === "UNSPECIFIED" ? [] : [name.toLowerCase()]));
}
