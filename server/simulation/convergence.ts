// Liveness, demanded of whoever is to be well: that all is well within a bounded time, that every group which has a quorum
// is read through every node, that whoever asked was answered, and that whoever watches has been given everything.

import type { GroupId, NodeId } from "../../proto/ids.ts";
import type { GroupRequest, GroupStatus, Reply } from "../../proto/requests.ts";
import { type ClusterHistory, hasAllEvents } from "./checkers/event-watches.ts";
import { differenceOf, type NodeHistory } from "./checkers/node-watches.ts";
import { isCurrent } from "./checkers/status-watches.ts";
import { Survey } from "./checkers/survey.ts";
import { ask } from "./checkers/timeline-reader.ts";
import type { IsWell } from "./core.ts";
import type { Testbed } from "./testbed.ts";
import { Violation } from "./violation.ts";
import type { EventLog } from "./workload/event-watchers.ts";
import type { Operation } from "./workload/history.ts";
import type { NodesLog } from "./workload/node-watchers.ts";
import type { StatusLog } from "./workload/status-watchers.ts";
import type { WatchLog } from "./workload/watchers.ts";

/** Dials into a cut have to time out, one after the other. */
const probeMsMax = 20_000;
const probeBudgetMs = 2_000;
const probeStepMs = 50;
/** In a large cluster, groups that are read through each node. */
const probesMax = 200;
const catchUpMsMax = 15_000;
const surveyMs = 400;

interface Who {
  readonly isWell: IsWell;
  /** Nobody writes: replicas must be equal. */
  readonly isQuiet: boolean;
}

export function converge({ world, options, memberships, atlas }: Testbed, who: Who): void {
  const untilMs = world.nowMs + options.livenessMsMax;
  for (;;) {
    const isLeased = options.agents !== null;
    const survey = new Survey(world, { topology: options.topology, memberships, atlas, isLeased, ...who });
    world.runFor(surveyMs);
    const missing = survey.missing();
    if (missing === null) return;
    if (world.nowMs >= untilMs) throw new Violation("liveness", "survey", missing);
  }
}

interface Probe {
  readonly node: NodeId;
  readonly group: GroupId;
  answer: Reply | null;
  isOpen: boolean;
}

/** Every group with a quorum answers a read through every node (F1). */
export function probe({ world, options, random, memberships, atlas }: Testbed, isWell: IsWell): void {
  const { topology } = options;
  const isServed = (group: GroupId) => {
    const isWhole = (node: NodeId) => isWell(node) && atlas.counts(node, group);
    return memberships.hasQuorum(group, isWhole) && memberships.isListed(group, isWell);
  };
  const groups = [...topology.groups.keys()].filter(isServed);
  const nodes = topology.nodes.filter(isWell);
  const pairs = nodes.flatMap((node) => groups.map((group) => ({ node, group, answer: null, isOpen: false })));
  const probes: readonly Probe[] = pairs.length <= probesMax ? pairs : random.shuffle(pairs).slice(0, probesMax);
  const untilMs = world.nowMs + probeMsMax;
  const isMissing = ({ answer }: Probe) => answer?.type !== "get";
  while (probes.some(isMissing) && world.nowMs < untilMs) {
    for (const each of probes) if (isMissing(each) && !each.isOpen) send(world.node(each.node), each);
    world.runFor(probeStepMs);
  }
  const missing = probes.find(isMissing);
  if (missing === undefined) return;
  const text = `${missing.group} is not read through ${missing.node}: ${JSON.stringify(missing.answer)}`;
  throw new Violation("liveness", "probe", text);
}

function send(through: ReturnType<Testbed["world"]["node"]>, each: Probe): void {
  if (!through.isRunning) return;
  const key = Uint8Array.of(1);
  const request: GroupRequest = { type: "get", group: each.group, key, revision: null, consistency: "linearizable" };
  each.isOpen = true;
  const ended = (answer: Reply | null) => {
    each.isOpen = false;
    each.answer = answer;
  };
  through.call(request, probeBudgetMs, { reply: ended, watch: () => {}, lost: () => ended(null) });
}

/** A node that runs answers in time, if only with a failure, whatever was asked of it from `fromMs` on. */
export function demandAnswers(operations: readonly Operation[], fromMs: number): void {
  for (const { outcome, request, group, node, invokedMs } of operations) {
    if (invokedMs < fromMs) continue;
    const isAnswered = outcome !== null && (outcome.type !== "unknown" || outcome.code !== "silence");
    const isSilent = outcome?.type === "failed" && outcome.code === "silence";
    if (isAnswered && !isSilent) continue;
    const text = `${node} never answered a ${request.type} of ${group} at ${invokedMs.toFixed(3)}`;
    throw new Violation("liveness", "answers", text);
  }
}

/** Whoever watches has been given everything up to the newest revision, or been told that it is gone. */
export function catchUp({ world, watchers }: Testbed, newest: ReadonlyMap<GroupId, number>): void {
  const untilMs = world.nowMs + catchUpMsMax;
  const isBehind = (log: WatchLog) => !log.compacted && log.through < (newest.get(log.group) ?? 0);
  while (watchers.logs.some(isBehind) && world.nowMs < untilMs) world.runFor(500);
  const behind = watchers.logs.find(isBehind);
  if (behind === undefined) return;
  const text = `A watch of ${behind.group} stays at revision ${behind.through} of ${newest.get(behind.group)}`;
  throw new Violation("liveness", "watch", text);
}

/** Whoever watches the status of a group knows how it is. @returns how that is, of each group that is watched */
export function catchUpStatuses(testbed: Testbed): ReadonlyMap<GroupId, GroupStatus> {
  const { world, statusWatchers } = testbed;
  const untilMs = world.nowMs + catchUpMsMax;
  for (;;) {
    const finals = finalStatuses(testbed);
    const isOld = ({ group, states }: StatusLog) => {
      const final = finals.get(group);
      return final === undefined || !isCurrent({ group, states }, final);
    };
    if (world.nowMs >= untilMs || !statusWatchers.logs.some(isOld)) return finals;
    world.runFor(500);
  }
}

/** Whoever watches cluster events has been told all of them. */
export function catchUpEvents({ world, eventWatchers }: Testbed, history: ClusterHistory): void {
  const untilMs = world.nowMs + catchUpMsMax;
  const isBehind = (log: EventLog) => !log.isCompacted && !hasAllEvents(log, history);
  while (eventWatchers.logs.some(isBehind) && world.nowMs < untilMs) world.runFor(500);
  const behind = eventWatchers.logs.find(isBehind);
  if (behind === undefined) return;
  throw new Violation("liveness", "watch", `A watch of cluster events stays at ${behind.through} of ${history.index}`);
}

/** Whoever watches nodes knows how they are. That one does not is for its checker to say. */
export function catchUpNodes({ world, nodeWatchers }: Testbed, history: NodeHistory): void {
  const untilMs = world.nowMs + catchUpMsMax;
  const isBehind = (log: NodesLog) => differenceOf(log, history) !== null;
  while (nodeWatchers.logs.some(isBehind) && world.nowMs < untilMs) world.runFor(500);
}

function finalStatuses({ world, statusWatchers, memberships }: Testbed): ReadonlyMap<GroupId, GroupStatus> {
  const finals = new Map<GroupId, GroupStatus>();
  for (const group of new Set(statusWatchers.logs.map((log) => log.group))) {
    const [owner] = memberships.newest(group, () => true).value.owners;
    const reply = owner === undefined ? null : ask(world, world.node(owner), { type: "groupStatus", group });
    if (reply?.type === "groupStatus") finals.set(group, reply.status);
  }
  return finals;
}
