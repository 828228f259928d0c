// Hours of a cluster in virtual time, under faults as they happen in operation. Every hour there is a checkpoint: the faults
// end, everything must be well, all that clients were told is compared with what the groups hold, and what was compared is
// forgotten, so that a run of any length takes the same memory.

import type { GroupId } from "../../proto/ids.ts";
import { Availability, type GroupAvailability } from "./checkers/availability.ts";
import { checkReplay, type Timeline, type TimelineBase } from "./checkers/replay.ts";
import { checkScope } from "./checkers/scope.ts";
import { compactGroup, readTimeline } from "./checkers/timeline-reader.ts";
import { converge, demandAnswers } from "./convergence.ts";
import { healEverybody } from "./core.ts";
import type { Fault } from "./faults/fault.ts";
import { type LongRunOptions, simOptionsOf } from "./long-run-options.ts";
import { type RunExtras, Testbed } from "./testbed.ts";
import { describeTopology, votersOf } from "./topology.ts";
import { toViolation, Violation } from "./violation.ts";

const pieceMs = 10_000;
const acknowledgedMin = 20;
const hourMs = 3_600_000;

/** A stable contract: `bailiwick simulate -o json` prints it. */
export interface LongRunReport {
  readonly seed: number;
  /** Under faults, checkpoints not counted. */
  readonly virtualHours: number;
  readonly isComplete: boolean;
  readonly topology: string;
  readonly groups: readonly (GroupAvailability & { readonly owners: readonly string[] })[];
  /** How often each fault struck. */
  readonly faults: Readonly<Record<string, number>>;
  readonly operations: { readonly begun: number; readonly acknowledged: number; readonly compared: number };
  readonly checkpoints: number;
  readonly violations: readonly {
    readonly kind: string;
    readonly checker: string;
    readonly message: string;
    readonly virtualSeconds: number;
  }[];
  readonly hash: string;
}

export class LongRun {
  readonly #options: LongRunOptions;
  readonly #testbed: Testbed;
  readonly #availability: Availability;
  readonly #bases = new Map<GroupId, TimelineBase>();
  readonly #faultCounts = new Map<string, number>();
  #faults: readonly Fault[] = [];
  #underFaultsMs = 0;
  #compared = 0;
  #checkpoints = 0;
  #violation: Violation | null = null;

  constructor(options: LongRunOptions, extras: RunExtras = {}) {
    this.#options = options;
    this.#testbed = new Testbed(simOptionsOf(options), extras);
    this.#availability = new Availability(this.#testbed.world, options.topology);
    this.#testbed.world.observe(this.#availability);
  }

  get violation(): Violation | null {
    return this.#violation;
  }

  /** Runs piece by piece, and yields the virtual milliseconds under faults so far. Whoever stops asking has a report as well. */
  *pieces(): Generator<number> {
    try {
      this.#startUp();
      while (this.#underFaultsMs < this.#options.durationMs) {
        yield* this.#round(Math.min(this.#options.checkpointMs, this.#options.durationMs - this.#underFaultsMs));
        this.#checkpoint();
      }
      this.#validate();
    } catch (reason) {
      this.#violation = toViolation(reason);
    }
  }

  report(): LongRunReport {
    const { history, world } = this.#testbed;
    const { topology, seed, durationMs } = this.#options;
    const violation = this.#violation;
    const virtualSeconds = world.nowMs / 1_000;
    return {
      seed,
      virtualHours: this.#underFaultsMs / hourMs,
      isComplete: violation === null && this.#underFaultsMs >= durationMs,
      topology: describeTopology(topology),
      groups: this.#availability.groups.map((each) => ({ ...each, owners: votersOf(topology, each.group) })),
      faults: this.#allFaultCounts(),
      operations: { begun: history.begun, acknowledged: history.acknowledged, compared: this.#compared },
      checkpoints: this.#checkpoints,
      violations:
        violation === null
          ? []
          : [{ kind: violation.kind, checker: violation.checker, message: violation.message, virtualSeconds }],
      hash: world.audit.digest(),
    };
  }

  #startUp(): void {
    for (const node of this.#testbed.world.nodes) node.start();
    converge(this.#testbed, { isWell: () => true, isQuiet: false });
  }

  *#round(durationMs: number): Generator<number> {
    const { world, clients } = this.#testbed;
    this.#faults = this.#testbed.createFaults();
    for (const fault of this.#faults) fault.start();
    this.#availability.start();
    clients.start();
    for (let leftMs = durationMs; leftMs > 0; leftMs -= pieceMs) {
      const ms = Math.min(leftMs, pieceMs);
      world.runFor(ms);
      this.#underFaultsMs += ms;
      yield this.#underFaultsMs;
    }
  }

  #checkpoint(): void {
    const { world, clients, options, history } = this.#testbed;
    for (const fault of this.#faults) fault.heal();
    this.#availability.stop();
    for (const { name, count } of this.#faults) {
      this.#faultCounts.set(name, (this.#faultCounts.get(name) ?? 0) + count);
    }
    this.#faults = [];
    const healedMs = world.nowMs;
    healEverybody(world);
    converge(this.#testbed, { isWell: () => true, isQuiet: false });
    clients.stop();
    world.runFor(options.workload.budgetMsMax + 4_000);
    converge(this.#testbed, { isWell: () => true, isQuiet: true });
    demandAnswers(history.operations, healedMs + (options.pause?.durationMsMax ?? 0));
    for (const group of this.#options.topology.groups.keys()) this.#compare(group);
    checkScope(world, this.#options.topology.groups);
    history.forget();
    this.#testbed.log.forget();
    this.#checkpoints += 1;
  }

  #compare(group: GroupId): void {
    const { world, history } = this.#testbed;
    const timeline = this.#readTimeline(group);
    const operations = history.operations.filter((operation) => operation.group === group);
    this.#compared += checkReplay(timeline, operations);
    this.#bases.set(group, { revision: timeline.newest, content: timeline.contentAt(timeline.newest) });
    const [owner] = votersOf(this.#options.topology, group);
    if (owner !== undefined && timeline.newest > timeline.base.revision) {
      compactGroup(world, world.node(owner), group, timeline.newest);
    }
  }

  /** All owners that have the events since the last checkpoint must tell the same. */
  #readTimeline(group: GroupId): Timeline {
    const { world } = this.#testbed;
    const base = this.#bases.get(group);
    const owners = votersOf(this.#options.topology, group);
    const told = owners.flatMap((owner) => readTimeline(world, group, world.node(owner), base) ?? []);
    const [first] = told;
    if (first === undefined) throw new Violation("invalid", "history", `No owner has the whole history of ${group}`);
    if (told.every(({ newest, events }) => newest === first.newest && events.length === first.events.length))
      return first;
    throw new Violation("correctness", "replicas", `${group}: ${owners} end at different revisions`);
  }

  #allFaultCounts(): Readonly<Record<string, number>> {
    const counts = new Map(this.#faultCounts);
    for (const { name, count } of this.#faults) counts.set(name, (counts.get(name) ?? 0) + count);
    return Object.fromEntries(counts);
  }

  #validate(): void {
    const { acknowledged } = this.#testbed.history;
    const quiet = [...this.#faultCounts].find(([, count]) => count === 0);
    if (this.#options.topology.groups.size > 0 && acknowledged < acknowledgedMin) {
      throw new Violation("invalid", "traffic", `Only ${acknowledged} operations were acknowledged`);
    }
    if (quiet !== undefined) throw new Violation("invalid", "faults", `The fault ${quiet[0]} never struck`);
  }
}
