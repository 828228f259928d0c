// What the fake cluster says of its groups, nodes and itself.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { ClusterEventType } from "../../../proto/gen/bailiwick/v1/cluster_event_pb.ts";
import type { GetStatusResponseSchema } from "../../../proto/gen/bailiwick/v1/cluster_service_pb.ts";
import { type GroupSchema, OwnershipState } from "../../../proto/gen/bailiwick/v1/group_pb.ts";
import type { NodeSchema } from "../../../proto/gen/bailiwick/v1/node_pb.ts";
import { RecoveryStatus } from "../../../proto/gen/bailiwick/v1/status_pb.ts";
import type { WatchEventSchema } from "../../../proto/gen/bailiwick/v1/watch_pb.ts";

type GroupInit = Exclude<MessageInitShape<typeof GroupSchema>, { $typeName: string }>;
type NodeInit = Exclude<MessageInitShape<typeof NodeSchema>, { $typeName: string }>;
type StatusInit = Exclude<MessageInitShape<typeof GetStatusResponseSchema>, { $typeName: string }>;

export function fakeGroup(overrides: GroupInit = {}): GroupInit {
  return {
    name: "rg220",
    incarnation: 3n,
    owners: ["n202", "n208", "n214"],
    manager: "n202",
    currentOwner: "n202",
    epoch: 5n,
    ownershipState: OwnershipState.ONLINE,
    ownershipAdvisory: true,
    quorum: { needed: 2, up: 2, total: 3, hasQuorum: true, missing: ["n208"] },
    revision: 12n,
    ...overrides,
  };
}

export function fakeNode(name: string): NodeInit {
  const isDown = name === "n208";
  const status = isDown ? RecoveryStatus.DOWN : RecoveryStatus.UP;
  return {
    name,
    identity: "12D3Koo",
    apiAddress: "127.0.0.1:7401",
    recoveryStatus: status,
    verdicts: [
      { group: "rg220", node: name, status, incarnation: 3n, index: 9n, why: isDown ? "Silent for 2.1 s" : "" },
    ],
    groups: isDown ? ["rg220", "rg226"] : ["rg220"],
    since: { seconds: 1_900_000_000n },
  };
}

export function fakeStatus(header: StatusInit["header"] & object): StatusInit {
  return {
    header,
    cluster: {
      id: "0123456789abcdef0123456789abcdef",
      name: "reference",
      index: 7n,
      voters: ["n202", "n204", "n206"],
      leader: "n204",
      quorum: { needed: 2, up: 3, total: 3, hasQuorum: true },
    },
    nodes: [fakeNode("n202"), fakeNode("n208")],
    groups: [
      fakeGroup(),
      fakeGroup({
        name: "rg226",
        owners: ["n208", "n210", "n212"],
        manager: "",
        currentOwner: "",
        ownershipState: OwnershipState.SUSPENDED,
        quorum: { needed: 2, up: 1, total: 3, hasQuorum: false, missing: ["n208", "n212"] },
      }),
    ],
    unreachable: ["n208"],
    unreachableGroups: ["rg226"],
  };
}

type EventInit = Exclude<MessageInitShape<typeof WatchEventSchema>, { $typeName: string }>;

/** What a watch of anything but keys is told. @param target as in its request */
export function fakeStatusEvents(target: string): EventInit[] {
  if (target === "groupStatus") {
    const verdicts = ["n202", "n208"].flatMap((name) => fakeNode(name).verdicts ?? []);
    return [{ revision: 70n, event: { case: "group", value: fakeGroup({ verdicts }) } }];
  }
  if (target === "nodeStatus") {
    const node = { revision: 9n, event: { case: "node" as const, value: fakeNode("n202") } };
    return [node, { revision: 7n, event: { case: "nodeDeparted", value: "n208" } }];
  }
  const failed = { index: 7n, type: ClusterEventType.NODE_FAILED, node: "n214", why: "Silent for 2 s" };
  return [{ revision: 7n, event: { case: "clusterEvent", value: failed } }];
}
