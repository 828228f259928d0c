// Failures as `google.rpc.Status` and back, and the table from codes to gRPC's. The table is documented at the head of
// bailiwick/v1/common.proto; a unit test holds the two together.

import { create, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { type Any, anyPack, anyUnpack, durationFromMs } from "@bufbuild/protobuf/wkt";
import { type ErrorCode, type ErrorDetails, errorCodes, type Failure } from "./errors.ts";
import {
  BadRequestSchema,
  type ErrorInfo,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  RetryInfoSchema,
} from "./gen/google/rpc/error_details_pb.ts";
import { type Status, StatusSchema } from "./gen/google/rpc/status_pb.ts";

/** Trailer in which gRPC carries an encoded `google.rpc.Status`. */
export const statusTrailer = "grpc-status-details-bin";

const domain = "bailiwick";
/** A status travels in a header: what a failure says is cut to what every client accepts. */
const textCharsMax = 1_000;

/** gRPC status codes by our own. */
const grpcCodes = {
  invalid_argument: 3,
  not_found: 5,
  already_exists: 6,
  condition_failed: 9,
  txn_conflict: 10,
  fenced: 9,
  not_leader: 9,
  no_leader: 14,
  no_quorum: 14,
  stopping: 14,
  quarantined: 14,
  overloaded: 8,
  outcome_unknown: 14,
  deadline: 4,
  compacted: 11,
  future_revision: 11,
  canceled: 1,
  corrupt: 15,
  unimplemented: 12,
  internal: 13,
} as const satisfies Record<ErrorCode, number>;

/** How long a caller should wait before it asks the same again; codes without a row say nothing about it. */
const retryDelaysMs: { readonly [Code in ErrorCode]?: number } = {
  txn_conflict: 20,
  no_leader: 200,
  overloaded: 500,
  no_quorum: 1_000,
};

/** Codes that say what must be so first; their failures carry a `google.rpc.PreconditionFailure` too. */
const preconditions: ReadonlySet<ErrorCode> = new Set([
  "condition_failed",
  "fenced",
  "not_leader",
  "no_quorum",
  "quarantined",
]);

/** A failure with all its details, as it goes into a trailer or into a message of a stream. */
export function toStatus(reason: Failure): Status {
  const message = clipped(reason.message);
  return create(StatusSchema, { code: grpcCodes[reason.code], message, details: toDetails(reason, message) });
}

/** @returns null when the status was not made by {@link toStatus}: by a proxy, or by the gRPC runtime itself */
export function fromStatus(status: Status): Failure | null {
  const info = find(status, ErrorInfoSchema);
  const code = info?.reason.toLowerCase();
  if (info?.domain !== domain || code === undefined || !isErrorCode(code)) return null;
  const effect = info.metadata["effect"];
  return {
    code,
    message: status.message,
    details: fromMetadata(info),
    effect: effect === "none" || effect === "unknown" ? effect : errorCodes[code].effect,
  };
}

function toDetails(reason: Failure, message: string): Any[] {
  const { code, details } = reason;
  const subject = details.group ?? details.node ?? details.key ?? "";
  const all = [anyPack(ErrorInfoSchema, toErrorInfo(reason))];
  if (code === "invalid_argument") {
    const violation = { field: details.field ?? "", description: message, reason: code.toUpperCase() };
    all.push(pack(BadRequestSchema, { fieldViolations: [violation] }));
  }
  if (preconditions.has(code)) {
    const violation = { type: code.toUpperCase(), subject, description: message };
    all.push(pack(PreconditionFailureSchema, { violations: [violation] }));
  }
  const delayMs = retryDelaysMs[code];
  if (delayMs !== undefined) all.push(pack(RetryInfoSchema, { retryDelay: durationFromMs(delayMs) }));
  return all;
}

function toErrorInfo(reason: Failure): ErrorInfo {
  const metadata: Record<string, string> = { effect: reason.effect };
  for (const name of detailNames) {
    const detail = reason.details[name];
    if (detail !== undefined) metadata[name] = clipped(detail);
  }
  return create(ErrorInfoSchema, { reason: reason.code.toUpperCase(), domain, metadata });
}

const detailNames = ["group", "node", "field", "missing", "leader", "revision", "key"] as const;
/** Fails to compile when a detail is added to the domain and not here. */
type Uncovered = Exclude<keyof ErrorDetails, (typeof detailNames)[number]>;

function fromMetadata({ metadata }: ErrorInfo): ErrorDetails {
  const details: { -readonly [Name in keyof ErrorDetails]: ErrorDetails[Name] } & Record<Uncovered, never> = {};
  for (const name of detailNames) {
    const detail = metadata[name];
    if (detail !== undefined) details[name] = detail;
  }
  return details;
}

function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorCodes, text);
}

function pack<Schema extends DescMessage>(schema: Schema, fields: Parameters<typeof create<Schema>>[1]): Any {
  return anyPack(schema, create(schema, fields));
}

function find<Schema extends DescMessage>(status: Status, schema: Schema): MessageShape<Schema> | null {
  for (const detail of status.details) {
    const unpacked = anyUnpack(detail, schema);
    if (unpacked !== undefined) return unpacked;
  }
  return null;
}

/** Cutting may part a surrogate pair, which gRPC's encoding of messages refuses. */
function clipped(text: string): string {
  return (text.length > textCharsMax ? `${text.slice(0, textCharsMax)}...` : text).toWellFormed();
}
