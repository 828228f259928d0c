// Asks every node how it is, and says what is not well yet. It demands nothing of groups that cannot have a quorum.

import { clusterGroup, type GroupId, type NodeId } from "../../../proto/ids.ts";
import type { GroupStatus, NodeSelf, Request } from "../../../proto/requests.ts";
import type { World } from "../world.ts";

export interface SurveyScope {
  readonly groups: ReadonlyMap<GroupId, readonly NodeId[]>;
  readonly voters: readonly NodeId[];
  /** Nobody writes: replicas must be equal, and not only be about to be. */
  readonly isQuiet: boolean;
}

const budgetMs = 400;

export class Survey {
  readonly #world: World;
  readonly #scope: SurveyScope;
  readonly #statuses = new Map<string, GroupStatus>();
  readonly #selves = new Map<NodeId, NodeSelf>();

  /** Asks at once; the answers are there after 400 ms of virtual time. */
  constructor(world: World, scope: SurveyScope) {
    this.#world = world;
    this.#scope = scope;
    for (const [group, owners] of scope.groups) {
      for (const owner of owners) this.#ask(owner, { type: "groupStatus", group });
    }
    for (const { node } of world.nodes) this.#ask(node, { type: "nodeSelf", node });
  }

  /** The first thing that is not well; null when all is. */
  missing(): string | null {
    for (const [group, owners] of this.#scope.groups) {
      const missing = this.#groupMissing(group, owners);
      if (missing !== null) return missing;
    }
    for (const { node } of this.#world.nodes.filter(({ isRunning }) => isRunning)) {
      const missing = this.#nodeMissing(node);
      if (missing !== null) return missing;
    }
    return null;
  }

  /** Whether enough of the group's voters run. */
  hasQuorum(group: GroupId): boolean {
    const voters = group === clusterGroup ? this.#scope.voters : (this.#scope.groups.get(group) ?? []);
    return this.#running(voters).length * 2 > voters.length;
  }

  #ask(node: NodeId, request: Request): void {
    const asked = this.#world.node(node);
    if (!asked.isRunning) return;
    asked.call(request, budgetMs, {
      reply: (reply) => {
        if (reply.type === "groupStatus") this.#statuses.set(`${node} ${reply.status.object.group}`, reply.status);
        if (reply.type === "nodeSelf") this.#selves.set(node, reply.self);
      },
      watch: () => {},
      lost: () => {},
    });
  }

  #groupMissing(group: GroupId, owners: readonly NodeId[]): string | null {
    if (!this.hasQuorum(group)) return null;
    const first = this.#statuses.get(`${this.#running(owners)[0]} ${group}`);
    if (first === undefined) return `${group}: ${this.#running(owners)[0]} does not answer`;
    for (const owner of this.#running(owners)) {
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
    const { manager, verdicts, ownership, applied, commit } = status;
    if (manager === null || !this.#isRunning(manager)) return `that ${manager} manages it`;
    if (this.#scope.isQuiet && applied !== commit) return `that it has applied ${applied} of ${commit}`;
    for (const { node, status: verdict } of verdicts) {
      const expected = this.#isRunning(node) ? "up" : "down";
      if (verdict !== expected) return `that ${node} is ${verdict}`;
    }
    const { currentOwner } = ownership;
    return currentOwner !== null && this.#isRunning(currentOwner) ? null : `that its current owner is ${currentOwner}`;
  }

  #nodeMissing(node: NodeId): string | null {
    const self = this.#selves.get(node);
    if (self === undefined) return `${node} does not answer for itself`;
    if (self.quarantine !== null) return `${node} is quarantined: ${self.quarantine}`;
    return this.#clusterMissing(self) ?? this.#componentMissing(self) ?? this.#summaryMissing(self);
  }

  #clusterMissing(self: NodeSelf): string | null {
    if (!this.hasQuorum(clusterGroup)) return null;
    const newest = Math.max(...[...this.#selves.values()].map(({ clusterIndex }) => clusterIndex));
    return self.clusterIndex === newest ? null : `${self.node} has cluster index ${self.clusterIndex} of ${newest}`;
  }

  /** Of every node in its sphere, a node knows the verdict of each of that node's groups (A2). */
  #componentMissing(self: NodeSelf): string | null {
    for (const [group, owners] of this.#groupsNear(self.node)) {
      if (!this.hasQuorum(group)) continue;
      for (const owner of owners.filter((each) => this.#isNear(self.node, each))) {
        const held = self.statuses.find((component) => component.group === group && component.node === owner);
        const expected = this.#isRunning(owner) ? "up" : "down";
        if (this.#canHear(self.node, group) && held?.status !== expected) {
          return `${self.node} holds that ${owner} is ${held?.status} to ${group}, and not ${expected}`;
        }
      }
    }
    return null;
  }

  /** Of every interlocked group, a node knows the current owner (A4). */
  #summaryMissing(self: NodeSelf): string | null {
    for (const [group, owners] of this.#groupsNear(self.node)) {
      if (owners.includes(self.node) || !this.hasQuorum(group) || !this.#canHear(self.node, group)) continue;
      const held = self.summaries.find((summary) => summary.group === group);
      const status = this.#statuses.get(`${this.#running(owners)[0]} ${group}`);
      const { currentOwner = null } = status?.ownership ?? {};
      if (held?.ownership.currentOwner !== currentOwner) {
        return `${self.node} holds that ${held?.ownership.currentOwner} owns ${group}, and not ${currentOwner}`;
      }
    }
    return null;
  }

  /** Groups that share an owner with a group of `node`, its own among them. */
  #groupsNear(node: NodeId): readonly (readonly [GroupId, readonly NodeId[]])[] {
    const own = [...this.#scope.groups.values()].filter((owners) => owners.includes(node));
    return [...this.#scope.groups].filter(([, owners]) =>
      own.some((ours) => ours.some((each) => owners.includes(each))),
    );
  }

  /** Whether the two share a group. */
  #isNear(left: NodeId, right: NodeId): boolean {
    return [...this.#scope.groups.values()].some((owners) => owners.includes(left) && owners.includes(right));
  }

  /** Whether a running node of the group shares a group with `node`, so that news can come by it. */
  #canHear(node: NodeId, group: GroupId): boolean {
    return this.#running(this.#scope.groups.get(group) ?? []).some((owner) => this.#isNear(node, owner));
  }

  #running(nodes: readonly NodeId[]): readonly NodeId[] {
    return nodes.filter((node) => this.#isRunning(node));
  }

  #isRunning(node: NodeId): boolean {
    return this.#world.node(node).isRunning;
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
