// Everything that a run is made of, put together: a world, the checkers that watch it, the clients that use it and the
// faults that befall it.

import { InvariantError, present } from "../../proto/assert.ts";
import { decodeGroupPolicies } from "../../proto/codec/group-policies.ts";
import type { GroupId, NodeId } from "../../proto/ids.ts";
import type { Amounts, GroupPolicies } from "../../proto/policies.ts";
import { Random } from "../../proto/random.ts";
import { limits } from "../node/limits.ts";
import { createBoot } from "./boot.ts";
import { carryOf } from "./carry.ts";
import { Coverage } from "./checkers/coverage.ts";
import { ElectionChecker } from "./checkers/election.ts";
import { LogChecker } from "./checkers/log.ts";
import { Memberships } from "./checkers/memberships.ts";
import { OwnershipChecker } from "./checkers/ownership.ts";
import { PromiseChecker } from "./checkers/promises.ts";
import { StateAlarms } from "./checkers/state-alarms.ts";
import { createFaults } from "./faults/create-faults.ts";
import type { Fault } from "./faults/fault.ts";
import { FaultAtlas } from "./faults/fault-atlas.ts";
import { isRebuilt } from "./faults/rebuilt.ts";
import type { AgentsOptions, SimOptions } from "./run-options.ts";
import type { Boot, SimNode } from "./sim-node.ts";
import { type Topology, votersOf } from "./topology.ts";
import { traceOf } from "./trace.ts";
import { toViolation } from "./violation.ts";
import { Agents } from "./workload/agents.ts";
import { Clients } from "./workload/clients.ts";
import { EventWatchers } from "./workload/event-watchers.ts";
import { History } from "./workload/history.ts";
import { Insistence } from "./workload/insistence.ts";
import { LeaseHolders } from "./workload/leases.ts";
import { NodeWatchers } from "./workload/node-watchers.ts";
import { Operators } from "./workload/operators.ts";
import { StatusWatchers } from "./workload/status-watchers.ts";
import { Transfers } from "./workload/transfers.ts";
import { Watchers } from "./workload/watchers.ts";
import { type Observer, World } from "./world.ts";

/** What a caller may change about a run: for traces, and for canaries, which must be caught. */
export interface RunExtras {
  readonly print?: (line: string) => void;
  readonly boot?: (boot: Boot) => Boot;
  /** The replay stays silent, so that a canary shows what others find without it. */
  readonly withoutReplay?: boolean;
}

const statusWatchesMax = 2;

export class Testbed {
  readonly world: World;
  readonly options: SimOptions;
  /** For what the runner itself decides. */
  readonly random: Random;
  readonly memberships: Memberships;
  readonly history = new History();
  readonly election = new ElectionChecker();
  readonly coverage = new Coverage();
  readonly alarms = new StateAlarms();
  readonly log: LogChecker;
  readonly promises: PromiseChecker;
  /** What is left of the disks. */
  readonly atlas: FaultAtlas;
  readonly clients: Clients;
  readonly watchers: Watchers;
  readonly statusWatchers: StatusWatchers;
  readonly nodeWatchers: NodeWatchers;
  readonly eventWatchers: EventWatchers;
  readonly transfers: Transfers;
  readonly leases: LeaseHolders;
  /** null: there are none. */
  readonly agents: Agents | null;
  readonly ownership: OwnershipChecker | null;
  readonly operators: Operators;
  readonly policiesOf: (group: GroupId) => GroupPolicies;
  readonly capacityOf: (node: NodeId) => Amounts;
  readonly #faultRandom: Random;

  constructor(options: SimOptions, extras: RunExtras = {}) {
    const { seed, topology, workload } = options;
    const random = new Random(seed + 1);
    const honest = createBoot(topology.bootstrap, { bytes: limits.logBytesKept, entries: options.logEntriesKept });
    const boot = extras.boot?.(honest) ?? honest;
    const { cluster } = topology.bootstrap;
    this.world = new World({ seed, cluster, nodes: topology.nodes, boot, carry: carryOf(options.carry) });
    this.options = options;
    this.log = new LogChecker(this.world, (group) => votersOf(topology, groupOf(group)));
    this.memberships = new Memberships(topology, this.log);
    this.promises = new PromiseChecker(this.world, this.log.mirror);
    const membershipOf = (group: GroupId) => this.log.membershipOf(`${group}/1`);
    const diskOf = (node: NodeId) => this.world.node(node).disk;
    this.atlas = new FaultAtlas(topology, (node) => isRebuilt(node, { topology, diskOf, membershipOf }));
    for (const observer of this.#observers(extras)) this.world.observe(observer);
    this.#faultRandom = random.fork();
    const groups = [...topology.groups.keys()];
    const { world, history } = this;
    const insist = new Random(seed + 13);
    const insistence = () => (workload.identities ? new Insistence(world, insist.fork()) : null);
    this.clients = new Clients({
      ...{ world, groups, workload, history, random: random.fork() },
      insistence: insistence(),
    });
    const forms = workload.variedWatches ? new Random(seed + 11) : null;
    this.watchers = new Watchers({ world, groups, random: random.fork(), count: workload.watches, forms });
    const statusWatches = workload.variedWatches ? statusWatchesMax : 0;
    this.statusWatchers = new StatusWatchers({ world, groups, random: new Random(seed + 12), count: statusWatches });
    const states = { world, count: workload.stateWatches };
    const stateRandom = new Random(seed + 14);
    this.nodeWatchers = new NodeWatchers({ ...states, random: stateRandom.fork() });
    this.eventWatchers = new EventWatchers({ ...states, random: stateRandom.fork() });
    this.transfers = new Transfers({ world, groups, random: new Random(seed + 4), workload, insistence: insistence() });
    this.leases = new LeaseHolders({ world, groups, random: new Random(seed + 6), workload, insistence: insistence() });
    this.policiesOf = policiesIn(topology);
    this.capacityOf = capacitiesIn(topology);
    this.operators = new Operators({ world, groups, random: new Random(seed + 21) });
    this.ownership = options.agents === null ? null : this.#createOwnership(groups);
    this.agents = options.agents === null ? null : this.#createAgents(options.agents, this.ownership);
    if (this.agents !== null) world.observe(this.agents);
    if (this.ownership !== null) world.observe(this.ownership.observer);
    this.random = random;
  }

  /** Fresh ones, that have not begun. */
  createFaults(): readonly Fault[] {
    return createFaults(this, this.#faultRandom, this.options);
  }

  #createOwnership(groups: readonly GroupId[]): OwnershipChecker {
    const { world, policiesOf, capacityOf } = this;
    const machineOf = (node: NodeId) => present(this.agents, "agents").machine(node);
    return new OwnershipChecker({ world, logs: this.log.logs, groups, policiesOf, capacityOf, machineOf });
  }

  #createAgents({ rates, reportEveryMs }: AgentsOptions, checker: OwnershipChecker | null): Agents {
    const { world, policiesOf, history, options } = this;
    const random = new Random(options.seed + 20);
    const { scripts, fences } = options;
    const isEndless = [...options.topology.groups.keys()].some((group) => policiesOf(group).lease.isEndless);
    const told = present(checker, "ownership checker");
    const faults = { scripts, fences, isEndless };
    return new Agents({ world, random, policiesOf, ...faults, rates, reportEveryMs, history, checker: told });
  }

  #observers({ print }: RunExtras): readonly Observer[] {
    const trace = print === undefined ? [] : [traceOf(this.world, print)];
    const failed = (node: NodeId, reason: Error) => failOnFailure(this.world.node(node), reason);
    const checks = [this.promises, this.atlas, this.election, this.coverage, this.alarms];
    return [...trace, { failed }, ...this.log.observers, ...checks];
  }
}

/** As groups begin; nobody configures them anew. */
function policiesIn({ bootstrap }: Topology): (group: GroupId) => GroupPolicies {
  const policies = new Map(bootstrap.groups.map(({ group, config }) => [group, decodeGroupPolicies(config)]));
  return (group) => present(policies.get(group), group);
}

function capacitiesIn({ bootstrap }: Topology): (node: NodeId) => Amounts {
  const capacities = new Map(bootstrap.nodes.map(({ node, capacity }) => [node, new Map(capacity)]));
  return (node) => capacities.get(node) ?? new Map();
}

/** Of `group/incarnation`. */
function groupOf(name: string): GroupId {
  return name.slice(0, name.lastIndexOf("/")) as GroupId;
}

/** A node that stops itself has broken an invariant, unless its disk has refused a write: then it has to. */
function failOnFailure({ node, disk }: SimNode, reason: Error): void {
  if (disk.handleFailure !== null && !(reason instanceof InvariantError)) return;
  const violation = toViolation(reason);
  if (violation === reason) throw violation;
  violation.message = `${node} stopped itself: ${violation.message}`;
  throw violation;
}
