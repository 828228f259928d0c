// Answers that need more than one group: the node asks every group for its status and puts the parts together. What did not
// answer in time is named (F1).

import { clusterGroup, type GroupId, type NodeId, toEpoch } from "../../proto/ids.ts";
import type { AppliedRecord, GroupKey, Ownership, StatusComponent } from "../../proto/model.ts";
import type { ClusterStatus, GroupStatus, NodeSelf, NodeStatus, Reply, Request } from "../../proto/requests.ts";
import { emptyBytes } from "../../storage/bytes.ts";
import { quorumVotes } from "../raft/quorum.ts";
import { unplaced } from "../recovery/placement-record.ts";
import type { Directory } from "../sphere/directory.ts";
import { nodeStatus } from "../sphere/node-status.ts";
import type { ClusterOutcome, ClusterState } from "./cluster-state.ts";
import type { QuorumView } from "./group-replies.ts";
import type { Replica } from "./replica.ts";

/** How a part of an answer is asked for. */
export type Ask = (request: Request, answer: (reply: Reply) => void) => void;

export interface StatusView {
  readonly state: ClusterState;
  readonly self: () => NodeSelf;
  readonly coordinator: NodeId | null;
  readonly cluster: ClusterStatus["cluster"];
}

/** It runs no application. */
const noOwnership: Ownership = { currentOwner: null, epoch: toEpoch(0), state: "offline", reason: "" };

/** The system group as one of its voters knows it: its owners are the voters, and it holds no keys. */
export function clusterGroupStatus(
  replica: Replica<ClusterOutcome, ClusterState>,
  node: NodeId,
  { quorum, hindrance }: { readonly quorum: QuorumView; readonly hindrance: string },
): GroupStatus {
  const { state, status, record, key } = replica;
  return {
    object: { group: clusterGroup, incarnation: key.incarnation, owners: state.voters, config: emptyBytes },
    node,
    manager: status.leader,
    term: status.term,
    ownership: noOwnership,
    placement: unplaced,
    resources: [],
    ...quorum,
    verdicts: state.verdicts(),
    revision: record.revision,
    compactedRevision: record.floor,
    applied: record.index,
    commit: status.commit,
    stateHash: record.stateHash,
    keys: 0,
    bytes: 0,
    replicas: status.peers.map((peer) => ({ node: peer.peer, matched: peer.matched, state: peer.state })),
    membership: status.membership,
    membershipIndex: status.membershipIndex,
    isDegraded: status.standIn !== null,
    hindrance,
    openTransactions: 0,
    dispute: null,
    compared: null,
    minimumMissing: [],
  };
}

/** What a node without a vote knows of the system group: the database, and nothing of its quorum. */
export function clusterCopyStatus(
  state: ClusterState,
  record: AppliedRecord,
  key: GroupKey,
  node: NodeId,
): GroupStatus {
  const { membership, index } = state.members.configuration;
  return {
    object: { group: clusterGroup, incarnation: key.incarnation, owners: state.voters, config: emptyBytes },
    node,
    manager: null,
    term: record.term,
    ownership: noOwnership,
    placement: unplaced,
    resources: [],
    hasQuorum: false,
    needed: quorumVotes(membership.voters),
    missing: [],
    verdicts: state.verdicts(),
    revision: record.revision,
    compactedRevision: record.floor,
    applied: record.index,
    commit: record.index,
    stateHash: record.stateHash,
    keys: 0,
    bytes: 0,
    replicas: [],
    membership,
    membershipIndex: index,
    isDegraded: false,
    hindrance: "",
    openTransactions: 0,
    dispute: null,
    compared: null,
    minimumMissing: [],
  };
}

/** Asks all groups of the cluster. */
export function gatherCluster(view: StatusView, ask: Ask, answer: (reply: Reply) => void): void {
  const names = view.state.directory.groups.map((entry) => entry.group);
  gatherGroups(names, ask, (groups, unreachableGroups) => {
    answer({ type: "clusterStatus", status: clusterStatusOf(view, groups, unreachableGroups) });
  });
}

/** Asks the groups of one node, and the node about itself. */
export function gatherNode(node: NodeId, view: StatusView, ask: Ask, answer: (reply: Reply) => void): void {
  const names = view.state.directory.groupsOf(node).map((entry) => entry.group);
  gatherGroups(names, ask, (groups) => {
    ask({ type: "nodeSelf", node }, (reply) => {
      const self = reply.type === "nodeSelf" ? reply.self : null;
      const components = verdictsByNode(view.state, groups).get(node) ?? [];
      answer({ type: "nodeStatus", status: nodeStatusOf(node, view.state, components, self) });
    });
  });
}

/** What each of the groups says of itself, and which did not answer. */
export function gatherGroups(
  names: readonly GroupId[],
  ask: Ask,
  done: (groups: readonly GroupStatus[], unreachable: readonly GroupId[]) => void,
): void {
  const found = new Map<GroupId, GroupStatus | null>();
  const finish = () => {
    const groups = names.flatMap((name) => found.get(name) ?? []);
    done(
      groups,
      names.filter((name) => (found.get(name) ?? null) === null),
    );
  };
  if (names.length === 0) finish();
  for (const group of names) {
    askGroup(group, ask, (reply) => {
      found.set(group, reply.type === "groupStatus" ? reply.status : null);
      if (found.size === names.length) finish();
    });
  }
}

/**
 * Any owner says what the group is; how its resources are only the manager has been told by their agents.
 *
 * @param askManager for what can be done without
 */
export function askGroup(group: GroupId, ask: Ask, answer: (reply: Reply) => void, askManager: Ask = ask): void {
  ask({ type: "groupStatus", group }, (reply) => {
    if (reply.type !== "groupStatus") return answer(reply);
    const { status } = reply;
    const { manager, node, placement } = status;
    if (manager === null || manager === node || placement.lease === null) return answer(reply);
    askManager({ type: "replicaStatus", group, node: manager }, (told) => {
      const resources = told.type === "replicaStatus" ? told.status.resources : [];
      answer({ type: "groupStatus", status: { ...status, resources } });
    });
  });
}

function clusterStatusOf(
  view: StatusView,
  groups: readonly GroupStatus[],
  unreachableGroups: readonly GroupId[],
): ClusterStatus {
  const { state } = view;
  const self = view.self();
  const verdicts = verdictsByNode(state, groups);
  const nodes = state.directory.nodes.map((node) => {
    return nodeStatusOf(node, state, verdicts.get(node) ?? [], node === self.node ? self : null);
  });
  const unreachableNodes = unreachableOf(state.directory, groups, unreachableGroups);
  return {
    cluster: view.cluster,
    node: self.node,
    clusterIndex: self.clusterIndex,
    coordinator: view.coordinator,
    voters: state.voters,
    nodes,
    groups,
    unreachableGroups,
    unreachableNodes,
    events: state.newestEvents(100),
  };
}

/** Those of which no group has answered, and those that a group misses which cannot decide that they are down. */
function unreachableOf(
  directory: Directory,
  groups: readonly GroupStatus[],
  unreachableGroups: readonly GroupId[],
): readonly NodeId[] {
  const silent = new Set(unreachableGroups);
  const missed = new Set(groups.flatMap(({ hasQuorum, missing }) => (hasQuorum ? [] : missing)));
  return directory.nodes.filter((node) => {
    const own = directory.groupsOf(node);
    return missed.has(node) || (own.length > 0 && own.every((entry) => silent.has(entry.group)));
  });
}

function nodeStatusOf(
  node: NodeId,
  state: ClusterState,
  components: readonly StatusComponent[],
  self: NodeSelf | null,
): NodeStatus {
  const entries = state.directory.groupsOf(node);
  return {
    record: state.node(node) as NodeStatus["record"],
    status: nodeStatus(components, entries),
    components,
    sphere: state.directory.sphereOf(node),
    groups: entries.map((entry) => entry.group),
    self,
    intent: state.intent(node),
  };
}

/** Sorted once for all nodes: a walk through thousands of groups for each of them would keep this node deaf meanwhile. */
function verdictsByNode(
  state: ClusterState,
  groups: readonly GroupStatus[],
): ReadonlyMap<NodeId, readonly StatusComponent[]> {
  const verdicts = [...groups.flatMap((group) => group.verdicts), ...state.verdicts()];
  return Map.groupBy(verdicts, ({ node }) => node);
}
