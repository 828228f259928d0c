// Response headers: who answered, and as of when.

import { create } from "@bufbuild/protobuf";
import { uint64 } from "../../../proto/codec/integers.ts";
import { HeaderSchema, type Header as WireHeader } from "../../../proto/gen/bailiwick/v1/common_pb.ts";
import type { GroupStatus, Header } from "../../../proto/requests.ts";
import type { ApiIdentity } from "../call-context.ts";

/** Of an answer about one group. In full, which makes it for a fraction of what `create` takes: each answer has one. */
export function toHeader({ cluster }: ApiIdentity, header: Header): WireHeader {
  return {
    $typeName: "bailiwick.v1.Header",
    clusterId: cluster,
    group: header.group,
    incarnation: uint64.toWire(header.incarnation, "incarnation"),
    revision: uint64.toWire(header.revision, "revision"),
    node: header.node,
    stale: header.stale,
  };
}

/** Of an answer about no single group, given by this node. */
export function toNodeHeader({ cluster, node }: ApiIdentity): WireHeader {
  return create(HeaderSchema, { clusterId: cluster, node });
}

/** Of a group's status: only a manager with a quorum can say that nothing newer has been acknowledged. */
export function toStatusHeader(self: ApiIdentity, status: GroupStatus): WireHeader {
  const { object, revision, node } = status;
  const stale = status.manager !== node || !status.hasQuorum;
  return toHeader(self, { group: object.group, incarnation: object.incarnation, revision, node, stale });
}
