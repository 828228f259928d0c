// What a group's config object says of its quorum, as a plain value. The object itself stays opaque to the nodes.

import { fromBinary } from "@bufbuild/protobuf";
import { GroupConfigSchema } from "../gen/bailiwick/v1/group_config_pb.ts";
import type { QuorumPolicy as WirePolicy } from "../gen/bailiwick/v1/policy_pb.ts";
import { isName, type NodeId, toNodeId } from "../ids.ts";
import type { QuorumPolicy } from "../membership.ts";
import { CodecError } from "./codec-error.ts";

/**
 * @param config encoded `bailiwick.v1.GroupConfig`
 * @throws {CodecError} when it does not decode, or names what is no node
 */
export function decodeQuorumPolicy(config: Uint8Array): QuorumPolicy {
  try {
    return toPolicy(fromBinary(GroupConfigSchema, config, { readUnknownFields: false }).quorum);
  } catch (reason) {
    if (reason instanceof CodecError) throw reason;
    throw new CodecError(`GroupConfig of ${config.byteLength} bytes is malformed`, reason);
  }
}

function toPolicy(quorum: WirePolicy | undefined): QuorumPolicy {
  switch (quorum?.policy.case) {
    case "majority":
      return { type: "majority" };
    case "weighted": {
      const votes = Object.entries(quorum.policy.value.votes);
      return { type: "weighted", votes: new Map(votes.map(([node, count]) => [toName(node), count])) };
    }
    case "witness": {
      const { node } = quorum.policy.value;
      return { type: "witness", node: node === "" ? null : toName(node) };
    }
    default:
      return { type: "usual" };
  }
}

function toName(text: string): NodeId {
  if (!isName(text)) throw new CodecError(`The quorum policy names ${JSON.stringify(text)}, which is no node name`);
  return toNodeId(text);
}
