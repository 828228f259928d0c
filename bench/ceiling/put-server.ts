// The gRPC side of the ceiling. Unary, it is the product's method, so that the same client serves both, but the request is
// passed on as it came and the answer is bytes made once, of the size that the product's have: the server reads and writes no
// protobuf. On a stream, requests come many in a message, and one message answers many.

import { create, toBinary } from "@bufbuild/protobuf";
import {
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type UntypedHandleCall,
} from "@grpc/grpc-js";
import { KeyValueService, PutResponseSchema } from "../../proto/gen/bailiwick/v1/key_value_pb.ts";
import { toGrpcMethod } from "../../proto/grpc.ts";
import { encodeCount, putsMethod, splitPuts } from "./put-stream.ts";

type Submit = (request: Buffer, done: () => void) => void;

const asIs = (bytes: Buffer) => bytes;

/** @returns the port, on the loopback */
export async function startPutServer(submit: Submit): Promise<number> {
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
  const handleStream = (stream: ServerDuplexStream<Buffer, Buffer>) => servePuts(stream, submit);
  server.addService(
    { put, puts: putsMethod },
    { put: handle as UntypedHandleCall, puts: handleStream as UntypedHandleCall },
  );
  return await new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}

/** Puts that are done in one turn of the event loop are answered together. */
function servePuts(stream: ServerDuplexStream<Buffer, Buffer>, submit: Submit): void {
  let done = 0;
  const answer = () => {
    stream.write(encodeCount(done));
    done = 0;
  };
  const count = () => {
    done += 1;
    if (done === 1) setImmediate(answer);
  };
  stream.on("data", (message: Buffer) => {
    for (const request of splitPuts(message)) submit(request, count);
  });
  stream.on("end", () => stream.end());
  // The client is gone: nothing is measured any more.
  stream.on("error", () => {});
}

function typicalAnswer() {
  const header = { clusterId: "0".repeat(32), group: "bench", incarnation: 1n, revision: 1_000_000n, node: "n1" };
  return create(PutResponseSchema, { header });
}
