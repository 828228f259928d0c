// ClusterService.RecoverCluster: what the operator asserts is checked; the node asks, and the one that is named goes on.

import { create } from "@bufbuild/protobuf";
import * as wire from "../../../proto/gen/bailiwick/v1/cluster_service_pb.ts";
import type { CallContext } from "../call-context.ts";
import { toCluster } from "../convert/clusters.ts";
import { readNode } from "../convert/fields.ts";
import { toNodeHeader } from "../convert/headers.ts";
import { checkAssertions } from "./recover-group.ts";

export async function recoverCluster(
  request: wire.RecoverClusterRequest,
  context: CallContext,
): Promise<wire.RecoverClusterResponse> {
  const from = readNode(request.from, "from");
  const named = request.voters.map((voter) => readNode(voter, "voters"));
  const { validateOnly, why: reason } = request;
  if (!validateOnly) checkAssertions(request, from);
  const { voters, losses } = await context.ask({ type: "recoverCluster", from, voters: named, reason, validateOnly });
  const { node } = context.self;
  const [{ groups }, { self }] = await Promise.all([
    context.ask({ type: "directory" }),
    context.ask({ type: "nodeSelf", node }),
  ]);
  const leader = validateOnly ? null : from;
  const known = { self: context.self, index: self.clusterIndex, entries: groups, clusterStatus: null };
  return create(wire.RecoverClusterResponseSchema, {
    header: toNodeHeader(context.self),
    cluster: toCluster({ ...known, voters, leader }),
    losses: [...losses],
  });
}
