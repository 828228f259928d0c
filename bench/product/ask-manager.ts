// Asks one node who manages a group.

import { create } from "@bufbuild/protobuf";
import { Client, credentials } from "@grpc/grpc-js";
import { ReadConsistency } from "../../proto/gen/bailiwick/v1/common_pb.ts";
import {
  GetGroupRequestSchema,
  type GetGroupResponse,
  GroupService,
} from "../../proto/gen/bailiwick/v1/group_service_pb.ts";
import { toGrpcMethod } from "../../proto/grpc.ts";

const patienceMs = 2_000;

/** @returns the manager as that node knows it, empty when it knows none; null when it does not answer */
export async function askManager(endpoint: string, group: string): Promise<string | null> {
  const client = new Client(endpoint, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
  try {
    return (await getGroup(client, group)).group?.manager ?? "";
  } catch {
    return null;
  } finally {
    client.close();
  }
}

function getGroup(client: Client, group: string): Promise<GetGroupResponse> {
  const { path, requestSerialize, responseDeserialize } = toGrpcMethod(GroupService.method.getGroup);
  const request = create(GetGroupRequestSchema, { group, consistency: ReadConsistency.LOCAL });
  const options = { deadline: Date.now() + patienceMs };
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, options, (error, answer) => {
      if (error === null && answer !== undefined) resolve(answer);
      else reject(error ?? new Error("Neither answer nor error"));
    });
  });
}
