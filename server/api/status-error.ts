// Errors as grpc-js sends them: code, message, and the encoded google.rpc.Status in a trailer.

import { toBinary } from "@bufbuild/protobuf";
import { Metadata, type StatusObject } from "@grpc/grpc-js";
import { statusTrailer, toStatus } from "../../proto/error-status.ts";
import type { Failure } from "../../proto/errors.ts";
import { StatusSchema } from "../../proto/gen/google/rpc/status_pb.ts";

/** What a failed call ends with. */
export function toStatusObject(reason: Failure): StatusObject {
  const status = toStatus(reason);
  const metadata = new Metadata();
  metadata.set(statusTrailer, Buffer.from(toBinary(StatusSchema, status)));
  return { code: status.code, details: status.message, metadata };
}

/** The same for an `error` event of a stream, which must be an Error. */
export function toStreamError(reason: Failure): Error & StatusObject {
  return Object.assign(new Error(reason.message), toStatusObject(reason));
}
