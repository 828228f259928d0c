// A user's cluster file as the topology of a simulation: its nodes, owner lists, config objects and voters. Addresses and
// identities are made up, for nothing is dialled.

import { compareNames, toClusterId, toGroupId, toIncarnation, toNodeId } from "../../proto/ids.ts";
import { configOf, leaseReadOf, readClusterFile, voterReplacementOf } from "../config/cluster-file.ts";
import { chooseVoters } from "../config/voters.ts";
import { YamlSource } from "../config/yaml-source.ts";
import { type Topology, topologyOf } from "../simulation/topology.ts";

/** @throws {DbError} `invalid_argument` with file, line, column and field, as `dev` and `serve` do */
export function readTopology({ file, text }: { readonly file: string; readonly text: string }): Topology {
  const source = YamlSource.parse(file, text);
  const cluster = readClusterFile(source);
  const nodes = cluster.nodes.map(({ name, labels, capacity }) => ({
    node: toNodeId(name),
    identity: `simulated-${name}`,
    peerAddress: `${name}.invalid:7501`,
    apiAddress: `${name}.invalid:7401`,
    labels: Object.entries(labels).toSorted(([left], [right]) => compareNames(left, right)),
    capacity: Object.entries(capacity).toSorted(([left], [right]) => compareNames(left, right)),
  }));
  const groups = cluster.groups.map((group, position) => ({
    group: toGroupId(group.name),
    incarnation: toIncarnation(1),
    owners: group.owners.map(toNodeId),
    config: configOf(source, group, { position }),
  }));
  return topologyOf({
    cluster: toClusterId("5".repeat(32)),
    nodes: nodes.toSorted((left, right) => compareNames(left.node, right.node)),
    groups: groups.toSorted((left, right) => compareNames(left.group, right.group)),
    voters: chooseVoters(cluster),
    leaseRead: leaseReadOf(cluster),
    voterReplacement: voterReplacementOf(cluster),
  });
}
