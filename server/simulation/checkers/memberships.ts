// Who belongs to each group now, as the bytes of the nodes' disks say: owners change in a run with churn, and voters of the
// cluster group that stay away are replaced.

import { clusterGroup, type GroupId, type NodeId } from "../../../proto/ids.ts";
import { firstConfiguration, memberOf, type Voter } from "../../../proto/membership.ts";
import { type Topology, votersOf } from "../topology.ts";
import type { CommittedLogs } from "./committed-logs.ts";
import type { GroupName, LogEnd, MirroredMembership, ReplicaMirror } from "./replica-mirror.ts";

interface Bytes {
  readonly mirror: ReplicaMirror;
  readonly logs: CommittedLogs;
}

/** Whether a node counts: is well, is there, is whole. */
export type IsAmong = (node: NodeId) => boolean;

export class Memberships {
  readonly #topology: Topology;
  readonly #mirror: ReplicaMirror;
  readonly #logs: CommittedLogs;

  constructor(topology: Topology, { mirror, logs }: Bytes) {
    this.#topology = topology;
    this.#mirror = mirror;
    this.#logs = logs;
  }

  /** In force where the log is the most up-to-date among those nodes: where an election among them would end. */
  newest(group: GroupId, isAmong: IsAmong): MirroredMembership {
    let newest: { readonly end: LogEnd; readonly membership: MirroredMembership } | null = null;
    for (const { end, membership } of this.#replicas(group, isAmong)) {
      if (newest === null || compareEnds(end, newest.end) > 0) newest = { end, membership };
    }
    return newest?.membership ?? this.#founding(group);
  }

  /** Whether those nodes can act for the group without its witness, whichever membership turns out to be in force. */
  hasQuorum(group: GroupId, isAmong: IsAmong): boolean {
    return this.possible(group, isAmong).every(({ value: { voters, outgoing } }) => {
      return [voters, outgoing].every((set) => ownersDecide(set, isAmong));
    });
  }

  /** The newest membership that is committed, and each behind it that one of those nodes goes by. */
  possible(group: GroupId, isAmong: IsAmong): readonly MirroredMembership[] {
    const committed = this.#committed(group);
    const behind = this.#replicas(group, isAmong).filter(({ membership }) => membership.index > committed.index);
    return [committed, ...behind.map(({ membership }) => membership)];
  }

  /** Who holds a replica of the group and is no member of it. */
  strays(group: GroupId, isAmong: IsAmong): readonly NodeId[] {
    const { value } = this.newest(group, isAmong);
    return this.#mirror.holders(nameOf(group)).filter((node) => isAmong(node) && memberOf(value, node) === null);
  }

  /** By what is committed: what the cluster's directory comes to say. */
  committedOwners(group: GroupId): readonly NodeId[] {
    return this.#committed(group).value.owners;
  }

  /** Whether those nodes get to know the owners: they never were others, or the cluster's directory can be told. */
  isListed(group: GroupId, isAmong: IsAmong): boolean {
    const founders = votersOf(this.#topology, group).join();
    const isAsFounded = this.#logs.memberships(nameOf(group)).every(({ value }) => value.owners.join() === founders);
    return isAsFounded || (this.hasQuorum(clusterGroup, isAmong) && this.hasQuorum(group, isAmong));
  }

  #committed(group: GroupId): MirroredMembership {
    const committed = this.#logs.memberships(nameOf(group)).at(-1);
    return committed === undefined || this.#isFounding(group, committed) ? this.#founding(group) : committed;
  }

  /** Voters of the cluster group that begin anew as other members are counted as those that they were (fault-atlas.ts). */
  #isFounding(group: GroupId, { value }: MirroredMembership): boolean {
    const founders = votersOf(this.#topology, group);
    return group === clusterGroup && value.owners.every((node) => founders.includes(node));
  }

  #founding(group: GroupId): MirroredMembership {
    return { index: 0, value: firstConfiguration(votersOf(this.#topology, group)).membership };
  }

  #replicas(group: GroupId, isAmong: IsAmong): readonly { end: LogEnd; membership: MirroredMembership }[] {
    const name = nameOf(group);
    return this.#mirror.holders(name).flatMap((node) => {
      const end = isAmong(node) ? this.#mirror.end(node, name) : null;
      const membership = this.#mirror.membershipAt(node, name);
      if (end === null || membership === null || this.#isFounding(group, membership)) return [];
      return [{ end, membership }];
    });
  }
}

/** More than half of all votes, those of the witness left out. */
export function ownersDecide(voters: readonly Voter[], isAmong: IsAmong): boolean {
  const votesOf = (counted: readonly Voter[]) => counted.reduce((sum, { votes }) => sum + votes, 0);
  const owners = voters.filter(({ node, isWitness }) => !isWitness && isAmong(node));
  return voters.length === 0 || votesOf(owners) * 2 > votesOf(voters);
}

function compareEnds(left: LogEnd, right: LogEnd): number {
  return left.term - right.term || left.index - right.index;
}

/** Simulated groups keep the incarnation with which they begin. */
export function nameOf(group: GroupId): GroupName {
  return `${group}/1`;
}
