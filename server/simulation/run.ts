// One run: a cluster under faults while clients read and write (safety), then the faults healed and everything demanded to
// be well within a bounded time (liveness), then the whole history compared with what the groups ended with.

import { clusterGroup, type GroupId, type NodeId } from "../../proto/ids.ts";
import type { Envelope } from "../../proto/messages.ts";
import { Random } from "../../proto/random.ts";
import type { GroupRequest } from "../../proto/requests.ts";
import { carryOf } from "./carry.ts";
import { Coverage } from "./checkers/coverage.ts";
import { ElectionChecker } from "./checkers/election.ts";
import { checkKeys } from "./checkers/linearizability/keys.ts";
import { LogChecker } from "./checkers/log.ts";
import { PromiseChecker } from "./checkers/promises.ts";
import { checkReplay, type Timeline } from "./checkers/replay.ts";
import { checkScope } from "./checkers/scope.ts";
import { Survey } from "./checkers/survey.ts";
import { ask, readTimeline } from "./checkers/timeline-reader.ts";
import { checkWatch } from "./checkers/watches.ts";
import { BadGossip } from "./faults/bad-gossip.ts";
import { Crashes } from "./faults/crashes.ts";
import type { Fault } from "./faults/fault.ts";
import { Partitions } from "./faults/partitions.ts";
import { Pauses } from "./faults/pauses.ts";
import { BadLinks, SlowDisks } from "./faults/weather.ts";
import {
  clusterVoters,
  referenceBoot,
  referenceClusterId,
  referenceGroups,
  referenceNodes,
} from "./reference-cluster.ts";
import type { RunCounts, RunReport } from "./report.ts";
import type { SimOptions } from "./run-options.ts";
import type { Boot, SimNode } from "./sim-node.ts";
import { traceOf } from "./trace.ts";
import { Violation } from "./violation.ts";
import { Clients } from "./workload/clients.ts";
import { History } from "./workload/history.ts";
import { Watchers, type WatchLog } from "./workload/watchers.ts";
import { type Observer, World } from "./world.ts";

/** A valid run has at least this many acknowledged operations. */
const acknowledgedMin = 20;
const warmUpMs = 3_000;
const probeMsMax = 8_000;
const catchUpMsMax = 15_000;

/** What a caller may change about a run: for traces, and for canaries, which must be caught. */
export interface RunExtras {
  readonly print?: (line: string) => void;
  readonly boot?: (boot: Boot) => Boot;
  /** The replay stays silent, so that a canary shows what others find without it. */
  readonly withoutReplay?: boolean;
}

export function runSeed(options: SimOptions, extras: RunExtras = {}): RunReport {
  const run = new Run(options, extras);
  const violation = run.execute();
  const { world } = run;
  return { options, virtualMs: world.nowMs, hash: world.audit.digest(), violation, counts: run.counts() };
}

class Run {
  readonly world: World;
  readonly #options: SimOptions;
  readonly #random: Random;
  readonly #history = new History();
  readonly #election = new ElectionChecker();
  readonly #coverage = new Coverage();
  readonly #log: LogChecker;
  readonly #promises: PromiseChecker;
  readonly #clients: Clients;
  readonly #watchers: Watchers;
  readonly #faults: readonly Fault[];
  readonly #withoutReplay: boolean;
  #answersCompared = 0;
  #operationsPlaced = 0;
  #keysUndecided = 0;
  #watchEventsCompared = 0;
  #rowsChecked = 0;
  #healedMs = 0;
  #isQuiet = false;

  constructor(options: SimOptions, extras: RunExtras) {
    const random = new Random(options.seed + 1);
    const honest = referenceBoot(options.logEntriesKept);
    const boot = extras.boot?.(honest) ?? honest;
    const carry: (envelope: Envelope) => Envelope = carryOf(options.carry);
    const { seed } = options;
    this.world = new World({ seed, cluster: referenceClusterId, nodes: referenceNodes, boot, carry });
    this.#options = options;
    this.#withoutReplay = extras.withoutReplay ?? false;
    this.#log = new LogChecker(this.world, votersOf);
    this.#promises = new PromiseChecker(this.world, this.#log.mirror);
    for (const observer of this.#observers(extras)) this.world.observe(observer);
    this.#faults = createFaults(this.world, random.fork(), options);
    const groups = [...referenceGroups.keys()];
    const { workload } = options;
    this.#clients = new Clients({ world: this.world, groups, workload, history: this.#history, random: random.fork() });
    this.#watchers = new Watchers({ world: this.world, groups, random: random.fork(), count: workload.watches });
    this.#random = random;
  }

  /** @returns what went wrong first; null when nothing did */
  execute(): Violation | null {
    try {
      this.#safety();
      this.#liveness();
      this.#compare();
      this.#validate();
      return null;
    } catch (reason) {
      return toViolation(reason);
    }
  }

  counts(): RunCounts {
    return {
      acknowledged: this.#history.acknowledged,
      operations: this.#history.operations.length,
      faults: Object.fromEntries(this.#faults.map(({ name, count }) => [name, count])),
      terms: this.#election.terms,
      committed: this.#log.committed,
      statesCompared: this.#log.compared,
      promisesChecked: this.#promises.checked,
      answersCompared: this.#answersCompared,
      operationsPlaced: this.#operationsPlaced,
      keysUndecided: this.#keysUndecided,
      watchEventsCompared: this.#watchEventsCompared,
      rowsChecked: this.#rowsChecked,
      snapshots: this.#coverage.snapshots,
      publications: this.#coverage.publications,
      notes: this.#coverage.notes,
      messages: this.world.network.delivered,
      events: this.world.scheduler.ran,
    };
  }

  #observers(extras: RunExtras): readonly Observer[] {
    const trace = extras.print === undefined ? [] : [traceOf(this.world, extras.print)];
    return [
      ...trace,
      { failed: failOnFailure },
      ...this.#log.observers,
      this.#promises,
      this.#election,
      this.#coverage,
    ];
  }

  #safety(): void {
    for (const fault of this.#faults.filter(({ isConstant }) => isConstant)) fault.start();
    for (const node of this.world.nodes) node.start();
    this.#clients.start();
    this.#watchers.start();
    this.world.runFor(warmUpMs);
    for (const fault of this.#faults.filter(({ isConstant }) => !isConstant)) fault.start();
    this.world.runFor(this.#options.safetyMs);
  }

  #liveness(): void {
    for (const fault of this.#faults) fault.heal();
    this.#healedMs = this.world.nowMs;
    const stayDown = this.#options.leavesNodesDown ? this.#random.between(1, 4) : 0;
    const order = this.#random.shuffle(this.world.nodes);
    for (const [position, node] of order.entries()) {
      if (position < stayDown && node.isRunning) node.crash("process");
      if (position >= stayDown && !node.isRunning) node.start();
    }
    // A start that a crash has scheduled may bring a node back: what runs is asked afresh each time.
    this.#converge();
    this.#probe();
    this.#clients.stop();
    for (const node of this.world.nodes) if (!node.isRunning) node.start();
    this.#converge();
    this.world.runFor(this.#options.workload.budgetMsMax + 4_000);
    this.#isQuiet = true;
    this.#converge();
    this.#demandAnswers();
    this.#catchUp();
    this.#watchers.stop();
  }

  /** Whoever watches has been given everything, or been told that it is gone. */
  #catchUp(): void {
    const untilMs = this.world.nowMs + catchUpMsMax;
    const newest = new Map<GroupId, number>();
    for (const group of referenceGroups.keys()) newest.set(group, this.#readTimeline(group).newest);
    const isBehind = (log: WatchLog) => !log.compacted && log.through < (newest.get(log.group) ?? 0);
    while (this.#watchers.logs.some(isBehind) && this.world.nowMs < untilMs) this.world.runFor(500);
    const behind = this.#watchers.logs.find(isBehind);
    if (behind === undefined) return;
    const text = `A watch of ${behind.group} stays at revision ${behind.through} of ${newest.get(behind.group)}`;
    throw new Violation("liveness", "watch", text);
  }

  #converge(): void {
    const untilMs = this.world.nowMs + this.#options.livenessMsMax;
    for (;;) {
      const survey = this.#survey();
      this.world.runFor(400);
      const missing = survey.missing();
      if (missing === null) return;
      if (this.world.nowMs >= untilMs) throw new Violation("liveness", "survey", missing);
    }
  }

  /** Every group with a quorum answers a read through every running node (F1), once dials into a cut have timed out. */
  #probe(): void {
    const survey = this.#survey();
    for (const group of referenceGroups.keys()) {
      if (!survey.hasQuorum(group)) continue;
      for (const node of this.world.nodes.filter(({ isRunning }) => isRunning)) this.#probeThrough(node, group);
    }
  }

  #probeThrough(node: SimNode, group: GroupId): void {
    const key = Uint8Array.of(1);
    const request: GroupRequest = { type: "get", group, key, revision: null, consistency: "linearizable" };
    const untilMs = this.world.nowMs + probeMsMax;
    let text = "it stopped";
    while (node.isRunning && this.world.nowMs < untilMs) {
      const reply = ask(this.world, node, request);
      if (reply?.type === "get") return;
      text = JSON.stringify(reply);
    }
    throw new Violation("liveness", "probe", `${group} is not read through ${node.node}: ${text}`);
  }

  #survey(): Survey {
    return new Survey(this.world, { groups: referenceGroups, voters: clusterVoters, isQuiet: this.#isQuiet });
  }

  /** After the faults and the last pause, a node that runs answers in time, if only with a failure. */
  #demandAnswers(): void {
    const fromMs = this.#healedMs + (this.#options.pause?.durationMsMax ?? 0);
    for (const { outcome, request, group, node, invokedMs } of this.#history.operations) {
      if (invokedMs < fromMs) continue;
      const isAnswered = outcome !== null && (outcome.type !== "unknown" || outcome.code !== "silence");
      const isSilent = outcome?.type === "failed" && outcome.code === "silence";
      if (isAnswered && !isSilent) continue;
      const text = `${node} never answered a ${request.type} of ${group} at ${invokedMs.toFixed(3)}`;
      throw new Violation("liveness", "answers", text);
    }
  }

  #compare(): void {
    for (const group of referenceGroups.keys()) {
      const timeline = this.#readTimeline(group);
      const operations = this.#history.operations.filter((operation) => operation.group === group);
      if (!this.#withoutReplay) this.#answersCompared += checkReplay(timeline, operations);
      const { placed, undecided } = checkKeys(group, operations);
      this.#operationsPlaced += placed;
      this.#keysUndecided += undecided;
      for (const log of this.#watchers.logs) {
        if (log.group === group) this.#watchEventsCompared += checkWatch(log, timeline);
      }
    }
    this.#rowsChecked = checkScope(this.world, referenceGroups);
  }

  /** From every owner that has it all: they must tell the same. */
  #readTimeline(group: GroupId): Timeline {
    const owners = this.#random.shuffle(referenceGroups.get(group) ?? []);
    const told = owners.flatMap((owner) => readTimeline(this.world, group, this.world.node(owner)) ?? []);
    const [first] = told;
    if (first === undefined) throw new Violation("invalid", "history", `No owner has the whole history of ${group}`);
    if (told.every(({ newest, events }) => newest === first.newest && events.length === first.events.length))
      return first;
    throw new Violation("correctness", "replicas", `${group}: ${owners} end at different revisions`);
  }

  #validate(): void {
    const { acknowledged } = this.#history;
    const quiet = this.#faults.find(({ count }) => count === 0);
    if (acknowledged < acknowledgedMin) {
      throw new Violation("invalid", "traffic", `Only ${acknowledged} operations were acknowledged`);
    }
    if (this.#keysUndecided > 0) {
      throw new Violation("invalid", "linearizability", `${this.#keysUndecided} keys were left undecided`);
    }
    if (quiet !== undefined) throw new Violation("invalid", "faults", `The fault ${quiet.name} never struck`);
  }
}

/** A node that stops itself has broken an invariant: nothing here makes a disk fail. */
function failOnFailure(node: NodeId, reason: Error): never {
  const violation = toViolation(reason);
  if (violation === reason) throw violation;
  violation.message = `${node} stopped itself: ${violation.message}`;
  throw violation;
}

function votersOf(group: string): readonly NodeId[] {
  const name = group.slice(0, group.indexOf("/")) as GroupId;
  return name === clusterGroup ? clusterVoters : (referenceGroups.get(name) ?? []);
}

/** Only the faults that the options ask for, so that each of them can be demanded to have struck. */
function createFaults(world: World, random: Random, options: SimOptions): readonly Fault[] {
  const { crash, partition, pause, gossip, link, disk } = options;
  const weather = [new BadLinks(world, link), new SlowDisks(world, disk)].filter(({ count }) => count > 0);
  return [
    ...weather,
    ...(crash === null ? [] : [new Crashes(world, random.fork(), crash)]),
    ...(partition === null ? [] : [new Partitions(world, random.fork(), partition)]),
    ...(pause === null ? [] : [new Pauses(world, random.fork(), pause)]),
    ...(gossip === "normal" ? [] : [new BadGossip(world, random.fork(), gossip)]),
  ];
}

/** Anything that is thrown and is no checker's word is a broken invariant of the node, or of the simulator. */
function toViolation(reason: unknown): Violation {
  if (reason instanceof Violation) return reason;
  const error = reason instanceof Error ? reason : new Error(String(reason));
  const violation = new Violation("crash", error.name, error.message);
  violation.stack = error.stack ?? "";
  return violation;
}
