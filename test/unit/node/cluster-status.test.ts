// The status of the whole cluster is put together in one step, in which the node hears nobody: its groups are looked at once.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { GroupId, NodeId } from "../../../proto/ids.ts";
import type { ClusterStatus, GroupStatus, NodeSelf } from "../../../proto/requests.ts";
import { ClusterState } from "../../../server/node/cluster-state.ts";
import { type Ask, gatherCluster, type StatusView } from "../../../server/node/cluster-status.ts";
import { componentOf } from "../sphere/reference-cluster.ts";
import { bootstrapOf, clusterId, n1, n2, n3, n4 } from "./cluster.ts";

const owners: Readonly<Record<string, readonly NodeId[]>> = { g1: [n1, n2, n3], g2: [n2, n3] };
const shape = { nodes: [n1, n2, n3, n4], groups: owners, voters: [n1, n2, n3] };

const view: StatusView = {
  state: ClusterState.genesis(bootstrapOf(shape), 0),
  self: () => ({ node: n1 }) as NodeSelf,
  coordinator: n1,
  cluster: clusterId,
};

/** All owners are up. @param read is told of the group whenever its verdicts are looked at */
function groupStatus(group: GroupId, read: (group: GroupId) => void): GroupStatus {
  const verdicts = (owners[group] ?? []).map((node) => componentOf({ node: node.slice(1), group }));
  const status = {
    object: { group },
    manager: null,
    hasQuorum: group !== "g2",
    missing: [n2],
    get verdicts() {
      read(group);
      return verdicts;
    },
  };
  return status as unknown as GroupStatus;
}

function gathered(read: (group: GroupId) => void = () => {}): ClusterStatus {
  const answers: ClusterStatus[] = [];
  const ask: Ask = (request, answer) => {
    assert.ok(request.type === "groupStatus");
    answer({ type: "groupStatus", status: groupStatus(request.group, read) });
  };
  gatherCluster(view, ask, (reply) => {
    if (reply.type === "clusterStatus") answers.push(reply.status);
  });
  return answers[0] ?? assert.fail("no answer");
}

test("gatherCluster() gives each node the verdicts on it alone", () => {
  const told = gathered().nodes.map(({ record, components, status }) => {
    return [record.node, components.map(({ node, group }) => `${node} in ${group}`).join(", "), status];
  });
  assert.deepEqual(told, [
    ["n1", "n1 in g1", "up"],
    ["n2", "n2 in g1, n2 in g2", "up"],
    ["n3", "n3 in g1, n3 in g2", "up"],
    ["n4", "", "joining"],
  ]);
});

test("gatherCluster() looks at the verdicts of a group once, however many nodes there are", () => {
  const read: GroupId[] = [];
  gathered((group) => read.push(group));
  assert.deepEqual(read.sort(), ["g1", "g2"]);
});

test("a node that a group without a quorum misses is named as one that does not answer, whatever was decided of it", () => {
  assert.deepEqual(gathered().unreachableNodes, [n2]);
});
