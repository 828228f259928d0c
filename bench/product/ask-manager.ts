// Asks one node who manages a group.

import { create } from "@bufbuild/protobuf";
import type { Client } from "@grpc/grpc-js";
import { ReadConsistency } from "../../proto/gen/bailiwick/v1/common_pb.ts";
import {
  GetGroupRequestSchema,
  type GetGroupResponse,
  GroupService,
} from "../../proto/gen/bailiwick/v1/group_service_pb.ts";
import { toGrpcMethod } from "../../proto/grpc.ts";
import { callUnary, openChannel } from "../put-client.ts";

const patienceMs = 2_000;

/** @returns the manager as that node knows it, empty when it knows none; null when it does not answer */
export async function askManager(endpoint: string, group: string): Promise<string | null> {
  const client = openChannel(endpoint);
  try {
    return (await getGroup(client, group)).group?.manager ?? "";
  } catch {
    return null;
  } finally {
    client.close();
  }
}

function getGroup(client: Client, group: string): Promise<GetGroupResponse> {
  const request = create(GetGroupRequestSchema, { group, consistency: ReadConsistency.LOCAL });
  return callUnary(client, toGrpcMethod(GroupService.method.getGroup), request, patienceMs);
}
