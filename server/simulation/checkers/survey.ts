// Asks every node how it is, and says what is not well yet. It demands nothing of groups that cannot have a quorum.

import { clusterGroup, type GroupId, type NodeId } from "../../../proto/ids.ts";
import type { Membership } from "../../../proto/membership.ts";
import type { GroupStatus, NodeSelf, Request } from "../../../proto/requests.ts";
import type { IsWell } from "../core.ts";
import type { FaultAtlas } from "../faults/fault-atlas.ts";
import type { Topology } from "../topology.ts";
import type { World } from "../world.ts";
import type { Memberships } from "./memberships.ts";
import { Neighbourhood } from "./neighbourhood.ts";

export interface SurveyScope {
  readonly topology: Topology;
  readonly memberships: Memberships;
  readonly atlas: FaultAtlas;
  /** Who is asked, and is to be held for up by those who are asked; all others are down or cut off. */
  readonly isWell: IsWell;
  /** Nobody writes: replicas must be equal, and not only be about to be. */
  readonly isQuiet: boolean;
  /** Ownership is no advice: who has the right to act is for placements.ts to say. */
  readonly isLeased: boolean;
}

const budgetMs = 400;

export class Survey {
  readonly #world: World;
  readonly #scope: SurveyScope;
  /** As they were when everybody was asked. */
  readonly #members = new Map<GroupId, Membership>();
  readonly #neighbourhood: Neighbourhood;
  readonly #statuses = new Map<string, GroupStatus>();
  readonly #selves = new Map<NodeId, NodeSelf>();

  /** Asks at once; the answers are there after 400 ms of virtual time. */
  constructor(world: World, scope: SurveyScope) {
    this.#world = world;
    this.#scope = scope;
    const { topology, memberships, isWell } = scope;
    for (const group of topology.groups.keys()) {
      const { value } = memberships.newest(group, isWell);
      this.#members.set(group, value);
      for (const owner of value.owners) this.#ask(owner, { type: "groupStatus", group });
    }
    // A change that is not committed is known to its group alone, which may never get to commit it.
    const listed = [...topology.groups.keys()].filter((group) => memberships.isListed(group, isWell));
    this.#neighbourhood = new Neighbourhood(
      topology.nodes,
      listed.map((group) => [group, memberships.committedOwners(group)]),
    );
    for (const { node } of world.nodes) this.#ask(node, { type: "nodeSelf", node });
  }

  /** The first thing that is not well; null when all is. */
  missing(): string | null {
    for (const [group, members] of this.#members) {
      const missing = this.#groupMissing(group, members);
      if (missing !== null) return missing;
    }
    for (const node of this.#well(this.#scope.topology.nodes)) {
      const missing = this.#nodeMissing(node);
      if (missing !== null) return missing;
    }
    return null;
  }

  #hasQuorum(group: GroupId): boolean {
    const { memberships, atlas, isWell } = this.#scope;
    return memberships.hasQuorum(group, (node) => isWell(node) && atlas.counts(node, group));
  }

  #ask(node: NodeId, request: Request): void {
    const asked = this.#world.node(node);
    if (!this.#scope.isWell(node) || !asked.isRunning) return;
    asked.call(request, budgetMs, {
      reply: (reply) => {
        if (reply.type === "groupStatus") this.#statuses.set(`${node} ${reply.status.object.group}`, reply.status);
        if (reply.type === "nodeSelf") this.#selves.set(node, reply.self);
      },
      watch: () => {},
      lost: () => {},
    });
  }

  #groupMissing(group: GroupId, members: Membership): string | null {
    if (!this.#hasQuorum(group)) return null;
    return this.#changeMissing(group, members) ?? this.#ownerMissing(group, members) ?? this.#leaverMissing(group);
  }

  /** A change of the members comes to its end, unless somebody is away who has to catch up first. */
  #changeMissing(group: GroupId, members: Membership): string | null {
    if (members.outgoing.length > 0) return `${group}: two sets of voters decide together`;
    const owners = members.target?.filter(({ isWitness }) => !isWitness) ?? [];
    const isUnderWay = owners.length > 0 && owners.every(({ node }) => this.#scope.isWell(node));
    return isUnderWay ? `${group}: it is on its way to ${owners.map(({ node }) => node)}` : null;
  }

  /** Whoever belongs to a group no more holds nothing of it, where the directory or the group itself can say so. */
  #leaverMissing(group: GroupId): string | null {
    const { memberships, isWell } = this.#scope;
    const [leaver] = memberships.isListed(group, isWell) ? memberships.strays(group, isWell) : [];
    return leaver === undefined ? null : `${group}: ${leaver} has not left it`;
  }

  #ownerMissing(group: GroupId, { owners }: Membership): string | null {
    const first = this.#statuses.get(`${this.#well(owners)[0]} ${group}`);
    if (first === undefined) return `${group}: ${this.#well(owners)[0]} does not answer`;
    for (const owner of this.#well(owners)) {
      const status = this.#statuses.get(`${owner} ${group}`);
      if (status === undefined) return `${group}: ${owner} does not answer`;
      const difference = differenceOf(first, status, this.#scope.isQuiet);
      if (difference !== null) return `${group}: ${first.node} and ${owner} differ: ${difference}`;
      const unwell = this.#statusMissing(status);
      if (unwell !== null) return `${group}: ${owner} says ${unwell}`;
    }
    return null;
  }

  #statusMissing(status: GroupStatus): string | null {
    const { manager, verdicts, ownership, applied, commit, openTransactions, missing } = status;
    if (manager === null || !this.#scope.isWell(manager)) return `that ${manager} manages it`;
    if (this.#scope.isQuiet && applied !== commit) return `that it has applied ${applied} of ${commit}`;
    if (this.#scope.isQuiet && openTransactions > 0) return `that ${openTransactions} transactions are not over`;
    for (const { node, status: verdict } of verdicts) {
      if (!this.#isRight(node, verdict)) return `that ${node} is ${verdict}`;
    }
    const unheard = missing.find((node) => this.#scope.isWell(node));
    if (unheard !== undefined) return `that ${unheard} is missing`;
    const { currentOwner } = ownership;
    if (this.#scope.isLeased) return null;
    return currentOwner !== null && this.#scope.isWell(currentOwner)
      ? null
      : `that its current owner is ${currentOwner}`;
  }

  #nodeMissing(node: NodeId): string | null {
    const self = this.#selves.get(node);
    if (self === undefined) return `${node} does not answer for itself`;
    if (self.quarantine !== null) return `${node} is quarantined: ${self.quarantine}`;
    return this.#clusterMissing(self) ?? this.#componentMissing(self) ?? this.#summaryMissing(self);
  }

  #clusterMissing(self: NodeSelf): string | null {
    if (!this.#hasQuorum(clusterGroup)) return null;
    const newest = Math.max(...[...this.#selves.values()].map(({ clusterIndex }) => clusterIndex));
    return self.clusterIndex === newest ? null : `${self.node} has cluster index ${self.clusterIndex} of ${newest}`;
  }

  /** Of every node in its sphere, a node knows the verdict of each of that node's groups (A2). */
  #componentMissing(self: NodeSelf): string | null {
    for (const [group, owners] of this.#neighbourhood.groupsNear(self.node)) {
      if (!this.#hasQuorum(group)) continue;
      for (const owner of owners.filter((each) => this.#neighbourhood.isNear(self.node, each))) {
        const held = self.statuses.find((component) => component.group === group && component.node === owner);
        if (this.#canHear(self.node, group) && !this.#isRight(owner, held?.status)) {
          return `${self.node} holds that ${owner} is ${held?.status} to ${group}`;
        }
      }
    }
    return null;
  }

  /** Of every interlocked group, a node knows the current owner (A4). */
  #summaryMissing(self: NodeSelf): string | null {
    for (const [group, owners] of this.#neighbourhood.groupsNear(self.node)) {
      if (owners.includes(self.node) || !this.#hasQuorum(group) || !this.#canHear(self.node, group)) continue;
      const held = self.summaries.find((summary) => summary.group === group);
      const status = this.#statuses.get(`${this.#well(owners)[0]} ${group}`);
      const { currentOwner = null } = status?.ownership ?? {};
      if (held?.ownership.currentOwner !== currentOwner) {
        return `${self.node} holds that ${held?.ownership.currentOwner} owns ${group}, and not ${currentOwner}`;
      }
    }
    return null;
  }

  /** Whether a node of the group that is well shares a group with `node`, so that news can come by it. */
  #canHear(node: NodeId, group: GroupId): boolean {
    const owners = this.#well(this.#members.get(group)?.owners ?? []);
    return owners.some((owner) => this.#neighbourhood.isNear(node, owner));
  }

  /** One that never was up is not down but still joining. */
  #isRight(node: NodeId, verdict: string | undefined): boolean {
    return this.#scope.isWell(node) ? verdict === "up" : verdict === "down" || verdict === "joining";
  }

  #well(nodes: readonly NodeId[]): readonly NodeId[] {
    return nodes.filter(this.#scope.isWell);
  }
}

function differenceOf(left: GroupStatus, right: GroupStatus, isQuiet: boolean): string | null {
  if (left.manager !== right.manager) return `manager ${left.manager} and ${right.manager}`;
  if (left.term !== right.term) return `term ${left.term} and ${right.term}`;
  if (isQuiet && left.applied !== right.applied) return `applied ${left.applied} and ${right.applied}`;
  const isComparable = left.applied === right.applied;
  if (!isComparable || left.stateHash === right.stateHash) return null;
  return `state hash ${left.stateHash} and ${right.stateHash} at one index`;
}
