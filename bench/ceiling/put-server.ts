// The gRPC side of the ceiling: the product's method, so that the same client serves both, but the request is passed on as it
// came and the answer is bytes made once, of the size that the product's have. The server reads and writes no protobuf.

import { create, toBinary } from "@bufbuild/protobuf";
import { type MethodDefinition, Server, ServerCredentials, type UntypedHandleCall } from "@grpc/grpc-js";
import { KeyValueService, PutResponseSchema } from "../../proto/gen/bailiwick/v1/key_value_pb.ts";
import { toGrpcMethod } from "../../proto/grpc.ts";

const asIs = (bytes: Buffer) => bytes;

/** @returns the port, on the loopback */
export async function startPutServer(submit: (request: Buffer, done: () => void) => void): Promise<number> {
  const answer = Buffer.from(toBinary(PutResponseSchema, typicalAnswer()));
  const server = new Server();
  const put: MethodDefinition<Buffer, Buffer> = {
    ...toGrpcMethod(KeyValueService.method.put),
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
  const handle = (call: { request: Buffer }, callback: (error: null, answer: Buffer) => void) =>
    submit(call.request, () => callback(null, answer));
  server.addService({ put }, { put: handle as UntypedHandleCall });
  return await new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}

function typicalAnswer() {
  const header = { clusterId: "0".repeat(32), group: "bench", incarnation: 1n, revision: 1_000_000n, node: "n1" };
  return create(PutResponseSchema, { header });
}
