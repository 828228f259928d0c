// Errors of grpc-js as errors of this library: by the ErrorInfo that a node sends, or, where the failure is of the
// connection or of something in between, by gRPC's code. Never by the text.

import { fromBinary } from "@bufbuild/protobuf";
import { type ServiceError, status } from "@grpc/grpc-js";
import { fromStatus, statusTrailer } from "../proto/error-status.ts";
import { DbError, type Failure, failure } from "../proto/errors.ts";
import { StatusSchema } from "../proto/gen/google/rpc/status_pb.ts";

/** What this side knows of a failed call. */
interface CallSide {
  readonly endpoint: string;
  /** This side gave the call up. A node that stops by force cancels calls too. */
  readonly isGivenUp: boolean;
}

export function fromServiceError(error: ServiceError, side: CallSide): DbError {
  return new DbError(toldByNode(error) ?? toldByConnection(error, side), error);
}

function toldByNode(error: ServiceError): Failure | null {
  const [encoded] = error.metadata?.get(statusTrailer) ?? [];
  if (!(encoded instanceof Uint8Array)) return null;
  try {
    return fromStatus(fromBinary(StatusSchema, encoded));
  } catch {
    return null;
  }
}

/** The call had been handed to an open connection, so that the node may have acted on it. */
function toldByConnection({ code, details }: ServiceError, { endpoint, isGivenUp }: CallSide): Failure {
  if (isGivenUp) return failure("canceled", "The call was given up");
  switch (code) {
    case status.UNAVAILABLE:
    case status.CANCELLED:
      return failure("outcome_unknown", `The connection to ${endpoint} broke before it answered: ${details}`);
    case status.DEADLINE_EXCEEDED:
      return failure("deadline", `${endpoint} did not answer in time`);
    case status.UNIMPLEMENTED:
      return failure("unimplemented", `${endpoint} does not know this call: ${details}`);
    default:
      return failure("internal", `${endpoint} failed with gRPC status ${code}: ${details}`);
  }
}
