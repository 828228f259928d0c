// One run: a cluster under faults while clients read and write (safety), then a part of it healed and demanded to be well
// within a bounded time, then all of it (liveness), then the whole history compared with what the groups ended with.

import { clusterGroup, type GroupId } from "../../proto/ids.ts";
import type { GroupObject } from "../../proto/model.ts";
import type { GroupStatus } from "../../proto/requests.ts";
import type { GroupOutcome, GroupState } from "../node/group-state.ts";
import { limits } from "../node/limits.ts";
import type { CommittedEntry } from "./checkers/committed-logs.ts";
import { EpochLog } from "./checkers/epoch-log.ts";
import { checkEventWatch } from "./checkers/event-watches.ts";
import { checkFences } from "./checkers/fences.ts";
import { checkLeases, LeaseLog } from "./checkers/leases.ts";
import { checkKeys } from "./checkers/linearizability/keys.ts";
import { nameOf } from "./checkers/memberships.ts";
import { checkNodeWatch, type GroupVerdicts, NodeHistory } from "./checkers/node-watches.ts";
import { settleOwnership } from "./checkers/placements.ts";
import { checkReplay, type Timeline } from "./checkers/replay.ts";
import { type ReplayedCluster, replayCluster } from "./checkers/replayed-cluster.ts";
import { demandSame, replayGroup } from "./checkers/replayed-group.ts";
import { checkScope } from "./checkers/scope.ts";
import { checkStatusWatch } from "./checkers/status-watches.ts";
import { readHeld } from "./checkers/timeline-reader.ts";
import { checkTransactions } from "./checkers/transactions.ts";
import { checkWatch } from "./checkers/watches.ts";
import {
  catchUp,
  catchUpEvents,
  catchUpNodes,
  catchUpStatuses,
  converge,
  demandAnswers,
  probe,
} from "./convergence.ts";
import { chooseCore, healEverybody, isolateCore } from "./core.ts";
import { changeBudgetMs } from "./faults/churn.ts";
import type { Fault } from "./faults/fault.ts";
import { tryLeases } from "./lease-trial.ts";
import type { RunCounts, RunReport } from "./report.ts";
import type { SimOptions } from "./run-options.ts";
import { type RunExtras, Testbed } from "./testbed.ts";
import { demand, toViolation, Violation } from "./violation.ts";

/** A valid run has at least this many acknowledged operations. */
const acknowledgedMin = 20;
const warmUpMs = 3_000;
/** A run that is not valid yet goes on under faults until then, virtual milliseconds. */
const prolongedMsMax = 240_000;

export function runSeed(options: SimOptions, extras: RunExtras = {}): RunReport {
  const run = new Run(new Testbed(options, extras), extras.withoutReplay ?? false);
  const violation = run.execute();
  const { world } = run.testbed;
  return { options, virtualMs: world.nowMs, hash: world.audit.digest(), violation, counts: run.counts() };
}

class Run {
  readonly testbed: Testbed;
  readonly #faults: readonly Fault[];
  readonly #withoutReplay: boolean;
  /** Of each group, when nobody writes any more. */
  readonly #timelines = new Map<GroupId, Timeline>();
  /** How many entries of each log they are made of. */
  readonly #replayed = new Map<GroupId, number>();
  /** Of each group, as its log makes them. */
  readonly #leaseLogs = new Map<GroupId, LeaseLog>();
  /** Of the groups whose status is watched. */
  #finalStatuses: ReadonlyMap<GroupId, GroupStatus> = new Map();
  /** Of each group, as its log makes them. */
  readonly #verdicts = new Map<GroupId, GroupVerdicts>();
  #answersCompared = 0;
  #operationsPlaced = 0;
  #keysUndecided = 0;
  #watchEventsCompared = 0;
  #transactionsCompared = 0;
  #leaseCallsCompared = 0;
  #rowsChecked = 0;
  #fencedWrites = 0;
  /** Of each group, as its log makes them. */
  readonly #epochs = new Map<GroupId, EpochLog>();

  constructor(testbed: Testbed, withoutReplay: boolean) {
    this.testbed = testbed;
    this.#faults = testbed.createFaults();
    this.#withoutReplay = withoutReplay;
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
    const { history, election, log, alarms, promises, coverage, world } = this.testbed;
    return {
      acknowledged: history.acknowledged,
      operations: history.begun,
      faults: Object.fromEntries(this.#faults.map(({ name, count }) => [name, count])),
      terms: election.terms,
      committed: log.committed,
      statesCompared: log.compared,
      stateAnswers: alarms.answers,
      promisesChecked: promises.checked,
      answersCompared: this.#answersCompared,
      operationsPlaced: this.#operationsPlaced,
      keysUndecided: this.#keysUndecided,
      watchEventsCompared: this.#watchEventsCompared,
      transactionsCompared: this.#transactionsCompared,
      leaseCallsCompared: this.#leaseCallsCompared,
      rowsChecked: this.#rowsChecked,
      ownership: this.testbed.ownership?.counts ?? null,
      fencedWrites: this.#fencedWrites,
      snapshots: coverage.snapshots,
      publications: coverage.publications,
      notes: coverage.notes,
      messages: world.network.delivered,
      events: world.scheduler.ran,
    };
  }

  #safety(): void {
    const { world, clients, transfers, leases, watchers, statusWatchers, nodeWatchers, eventWatchers } = this.testbed;
    const { options, agents } = this.testbed;
    for (const fault of this.#faults.filter(({ isConstant }) => isConstant)) fault.start();
    for (const node of world.nodes) node.start();
    clients.start();
    transfers.start();
    leases.start();
    watchers.start();
    statusWatchers.start();
    nodeWatchers.start();
    eventWatchers.start();
    agents?.start();
    world.runFor(warmUpMs);
    for (const fault of this.#faults.filter(({ isConstant }) => !isConstant)) fault.start();
    do world.runFor(options.safetyMs);
    while (world.nowMs < prolongedMsMax && this.#invalid() !== null);
  }

  #liveness(): void {
    const { world, clients, transfers, leases, watchers, statusWatchers, options, history, agents } = this.testbed;
    for (const fault of this.#faults) fault.heal();
    const healedMs = world.nowMs;
    this.#restore();
    agents?.powerSwitch.leaveDown();
    const core = chooseCore({ ...this.testbed, topology: options.topology }, options.core);
    isolateCore(world, core, options.core?.rest ?? "down");
    converge(this.testbed, { isWell: (node) => core.has(node), isQuiet: false });
    probe(this.testbed, (node) => core.has(node));
    settleOwnership(this.testbed, (node) => core.has(node));
    clients.stop();
    agents?.stopWriting();
    transfers.stop();
    leases.stop();
    healEverybody(world);
    converge(this.testbed, { isWell: () => true, isQuiet: false });
    const budgetMs = Math.max(options.workload.budgetMsMax, options.churn === null ? 0 : changeBudgetMs);
    world.runFor(budgetMs + 4_000);
    if (options.workload.leases > 0) tryLeases(this.testbed);
    settleOwnership(this.testbed, () => true);
    converge(this.testbed, { isWell: () => true, isQuiet: true });
    const pauses = [options.pause, options.stall, options.freeze];
    const stillMsMax = Math.max(...pauses.map((pause) => pause?.durationMsMax ?? 0));
    demandAnswers(history.operations, healedMs + stillMsMax);
    this.#replayGroups();
    const newest = [...this.#timelines].map(([group, timeline]) => [group, timeline.newest] as const);
    catchUp(this.testbed, new Map(newest));
    watchers.stop();
    this.#finalStatuses = catchUpStatuses(this.testbed);
    statusWatchers.stop();
    this.#endStateWatches();
  }

  /** Operators want everything to run again, before a part of it is taken away. */
  #restore(): void {
    const { world, agents, options } = this.testbed;
    if (agents === null) return;
    healEverybody(world);
    world.runFor(options.freeze?.durationMsMax ?? 0);
    agents.heal();
    this.#putRight();
    // What a stuck disk had held up was not known yet: a failure that is decided only now would be cleared by nobody.
    this.#putRight();
  }

  #putRight(): void {
    const missing = this.testbed.operators.restore(this.testbed.options.livenessMsMax);
    if (missing !== null) throw new Violation("liveness", "operators", missing);
    converge(this.testbed, { isWell: () => true, isQuiet: false });
  }

  /** Whoever watches nodes or cluster events must have been told how things are, and is compared with what the logs make. */
  #endStateWatches(): void {
    const { nodeWatchers, eventWatchers } = this.testbed;
    const known = this.#replayCluster();
    for (const watchers of [nodeWatchers, eventWatchers]) watchers.stay();
    catchUpEvents(this.testbed, known);
    catchUpNodes(this.testbed, this.#nodeHistory(known));
    for (const watchers of [nodeWatchers, eventWatchers]) watchers.stop();
    const cluster = this.#replayAgain(known);
    const nodes = this.#nodeHistory(cluster);
    for (const log of eventWatchers.logs) this.#watchEventsCompared += checkEventWatch(log, cluster);
    for (const log of nodeWatchers.logs) this.#watchEventsCompared += checkNodeWatch(log, nodes);
  }

  /** What readers were told meanwhile may rest on what came after: an idle cluster still changes its leaders. */
  #replayAgain(known: ReplayedCluster): ReplayedCluster {
    const { logs } = this.testbed.log;
    const isLonger = [...this.#replayed].some(([group, length]) => logs.all(nameOf(group)).length > length);
    if (!isLonger && logs.all(nameOf(clusterGroup)).length === known.index) return known;
    converge(this.testbed, { isWell: () => true, isQuiet: true });
    this.#replayGroups();
    return this.#replayCluster();
  }

  #replayGroups(): void {
    for (const object of this.testbed.options.topology.bootstrap.groups) {
      this.#timelines.set(object.group, this.#replay(object));
    }
  }

  #nodeHistory(cluster: ReplayedCluster): NodeHistory {
    return new NodeHistory(cluster, [...this.#verdicts.values()]);
  }

  #compare(): void {
    const { history, transfers, leases, watchers } = this.testbed;
    for (const [group, timeline] of this.#timelines) {
      const operations = history.operations.filter((operation) => operation.group === group);
      if (!this.#withoutReplay) this.#answersCompared += checkReplay(timeline, operations);
      const { placed, undecided } = checkKeys(group, operations);
      this.#operationsPlaced += placed;
      this.#keysUndecided += undecided;
      this.#epochs.get(group)?.checkRenewals(this.testbed.ownership?.renewals ?? []);
      this.#fencedWrites += checkFences(timeline, operations, this.#epochs.get(group)?.epochs ?? []);
      for (const log of watchers.logs) {
        if (log.group === group) this.#watchEventsCompared += checkWatch(log, timeline);
      }
    }
    for (const log of this.testbed.statusWatchers.logs) {
      const final = this.#finalStatuses.get(log.group);
      if (final !== undefined) this.#watchEventsCompared += checkStatusWatch(log, final);
    }
    this.#transactionsCompared = checkTransactions(transfers.transactions, this.#timelines);
    this.#leaseCallsCompared = checkLeases(leases.held, {
      logs: this.#leaseLogs,
      timelines: this.#timelines,
      election: this.testbed.election,
      leastShare: this.#leastLeaseShare(),
    });
    this.#rowsChecked = this.#checkScope();
  }

  /** As the log makes the group from the beginning: every owner must hold the same. */
  #replay(object: GroupObject): Timeline {
    const { world, log, memberships } = this.testbed;
    const { group } = object;
    const { owners } = memberships.newest(group, () => true).value;
    const entries = log.logs.all(nameOf(group));
    const leaseLog = new LeaseLog(entries);
    this.#leaseLogs.set(group, leaseLog);
    const epochs = new EpochLog(group);
    this.#epochs.set(group, epochs);
    const heard = (outcome: GroupOutcome, entry: CommittedEntry, state: GroupState) => {
      leaseLog.heard(outcome, entry);
      epochs.heard(state, entry.committedMs);
    };
    const { timeline, verdicts, stateHash } = replayGroup(object, entries, heard);
    this.#verdicts.set(group, verdicts);
    this.#replayed.set(group, entries.length);
    const held = log.stateHashAt(nameOf(group), entries.length) ?? stateHash;
    demand(held === stateHash, "replicas", () => `${group}: the state at ${entries.length} is not what its log makes`);
    for (const owner of owners) demandSame(`${owner}: ${group}`, readHeld(world, group, world.node(owner)), timeline);
    return timeline;
  }

  #replayCluster(): ReplayedCluster {
    const { log, options } = this.testbed;
    const cluster = replayCluster(options.topology.bootstrap, log.logs.all(nameOf(clusterGroup)));
    const held = log.stateHashAt(nameOf(clusterGroup), cluster.index) ?? cluster.stateHash;
    demand(held === cluster.stateHash, "replicas", () => `The database at ${cluster.index} is not what its log makes`);
    return cluster;
  }

  /** A clock that runs faster than the group allows for shortens the time of leases accordingly. */
  #leastLeaseShare(): number {
    const { clockRate, topology } = this.testbed.options;
    const { clockRateErrorMax } = topology.bootstrap.leaseRead ?? { clockRateErrorMax: 0 };
    const margin = 1 + Math.max(clockRateErrorMax, limits.leaseClockRateErrorMin);
    return Math.min(1, margin / (clockRate?.rateMax ?? 1));
  }

  /** The end of a process brings to the disk what waited in memory to be written with the next sync. */
  #checkScope(): number {
    const { world, options, memberships } = this.testbed;
    for (const node of world.nodes) if (node.isRunning) node.crash("process");
    const groups = [...options.topology.groups.keys()];
    const ownersOf = (group: GroupId) => memberships.newest(group, () => true).value.owners;
    return checkScope(world, new Map(groups.map((group) => [group, ownersOf(group)])));
  }

  #validate(): void {
    const invalid = this.#invalid();
    if (invalid !== null) throw invalid;
    if (this.#keysUndecided > 0) {
      throw new Violation("invalid", "linearizability", `${this.#keysUndecided} keys were left undecided`);
    }
  }

  /** Why the run shows nothing so far; null: it may be believed. */
  #invalid(): Violation | null {
    const { acknowledged } = this.testbed.history;
    if (acknowledged < acknowledgedMin) {
      return new Violation("invalid", "traffic", `Only ${acknowledged} operations were acknowledged`);
    }
    const idle = this.#idleOwners();
    if (idle !== null) return new Violation("invalid", "failovers", idle);
    const quiet = this.#faults.find(({ count }) => count === 0);
    return quiet === undefined ? null : new Violation("invalid", "faults", `The fault ${quiet.name} never struck`);
  }

  /** null: enough has happened to the applications, or there are none. */
  #idleOwners(): string | null {
    const { ownership, options } = this.testbed;
    if (ownership === null || options.agents === null) return null;
    const { failovers, refusals } = ownership.counts;
    if (failovers < options.agents.failoversMin) return `Only ${failovers} fail-overs`;
    return refusals < options.agents.refusalsMin ? `Only ${refusals} refused reservations` : null;
  }
}
