// Groups, from what one owner knows (or the directory alone) to the public schema.

import { create } from "@bufbuild/protobuf";
import { uint64 } from "../../../proto/codec/integers.ts";
import {
  type Group,
  GroupSchema,
  OwnerStateHashSchema,
  type QuorumStatus,
  QuorumStatusSchema,
  type Replica,
  Replica_Role as ReplicaRole,
  ReplicaSchema,
  type StateDispute,
  StateDisputeSchema,
} from "../../../proto/gen/bailiwick/v1/group_pb.ts";
import { compareNames, type NodeId } from "../../../proto/ids.ts";
import type { DirectoryEntry, StateHashes } from "../../../proto/model.ts";
import type { GroupStatus } from "../../../proto/requests.ts";
import { decisiveVoters } from "../../node/quorum-view.ts";
import { readConfig } from "./configs.ts";
import { toDecisions, toPlacementParts } from "./placements.ts";
import { ownershipStates, toVerdict } from "./statuses.ts";

/** What a group says of itself. @param withConfig with all that is told of a single group only */
export function toGroup(status: GroupStatus, { withConfig }: { readonly withConfig: boolean }): Group {
  const { object, ownership } = status;
  const config = readConfig(object.config);
  const group = create(GroupSchema, {
    ...toPlacementParts(status),
    name: object.group,
    incarnation: uint64.toWire(object.incarnation, "incarnation"),
    owners: [...object.owners],
    manager: status.manager ?? "",
    currentOwner: ownership.currentOwner ?? "",
    epoch: uint64.toWire(ownership.epoch, "epoch"),
    ownershipState: ownershipStates[ownership.state],
    // Without resources nobody starts or stops anything, and nobody holds a lease.
    ownershipAdvisory: config.resources.length === 0,
    quorum: toQuorum(status),
    revision: uint64.toWire(status.revision, "revision"),
    compactedRevision: uint64.toWire(status.compactedRevision, "compactedRevision"),
    verdicts: status.verdicts.toSorted((left, right) => compareNames(left.node, right.node)).map(toVerdict),
    replicas: toReplicas(status),
    appliedIndex: uint64.toWire(status.applied, "applied"),
    stateHash: status.stateHash,
    usedBytes: uint64.toWire(status.bytes, "bytes"),
    configurationIndex: uint64.toWire(status.membershipIndex, "membershipIndex"),
    joiningOwners: status.membership.learners.map(({ node }) => node),
    why: ownership.reason,
    ...(status.dispute === null ? {} : { dispute: toDispute(status.dispute) }),
  });
  return withConfig ? Object.assign(group, { config, decisions: toDecisions(status.placement) }) : group;
}

/** What the directory knows of a group that could not be asked. */
export function toGroupOfEntry(entry: DirectoryEntry): Group {
  return create(GroupSchema, {
    name: entry.group,
    incarnation: uint64.toWire(entry.incarnation, "incarnation"),
    owners: [...entry.owners],
  });
}

/** In votes, of the set of voters that decides whether there is a quorum. */
export function toQuorum(status: GroupStatus): QuorumStatus {
  const voters = decisiveVoters(status.membership, status.missing);
  const votesOf = (counted: typeof voters) => counted.reduce((sum, { votes }) => sum + votes, 0);
  const total = votesOf(voters);
  const up = votesOf(voters.filter(({ node }) => !status.missing.includes(node)));
  return create(QuorumStatusSchema, {
    needed: status.needed,
    up,
    total,
    hasQuorum: status.hasQuorum,
    missing: [...status.missing],
    degraded: status.isDegraded || (status.hasQuorum && up === status.needed && up < total),
    witness: status.membership.voters.find(({ isWitness }) => isWitness)?.node ?? "",
    minimumMet: status.minimumMissing.length === 0,
    minimumMissing: [...status.minimumMissing],
    hindrance: status.hindrance,
  });
}

function toDispute({ index, hashes }: StateHashes): StateDispute {
  return create(StateDisputeSchema, {
    index: uint64.toWire(index, "index"),
    hashes: hashes.map(({ node, hash }) => create(OwnerStateHashSchema, { node, hash })),
  });
}

/** The manager knows all others; each owner knows itself. In owner order. */
function toReplicas(status: GroupStatus): Replica[] {
  const { applied, node: self, manager, object } = status;
  const known = new Map(status.replicas.map((replica) => [replica.node, replica]));
  return object.owners.flatMap((node) => {
    const replica = node === self ? { matched: applied, state: "" } : known.get(node);
    if (replica === undefined) return [];
    const result = create(ReplicaSchema, {
      node,
      role: node === manager ? ReplicaRole.MANAGER : ReplicaRole.OWNER,
      matchedIndex: uint64.toWire(replica.matched, "matched"),
      receivingSnapshot: replica.state === "snapshot",
    });
    if (node === self) result.appliedIndex = uint64.toWire(applied, "applied");
    const compared = hashOf(node, status);
    if (compared === null) return [result];
    return [Object.assign(result, { stateHash: compared.hash, hashIndex: uint64.toWire(compared.index, "index") })];
  });
}

/** As compared with the others, else as the owner itself has it now. */
function hashOf(node: NodeId, { compared, node: self, applied, stateHash }: GroupStatus) {
  const told = compared?.hashes.find((each) => each.node === node);
  if (compared !== null && told !== undefined) return { hash: told.hash, index: compared.index };
  return node === self ? { hash: stateHash, index: applied } : null;
}
