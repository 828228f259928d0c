// Reading the fields of a request: what the wire allows and the domain does not is refused with the field's name.

import { CodecError, shown } from "../../../proto/codec/codec-error.ts";
import { revision as revisionCodec, uint64 } from "../../../proto/codec/integers.ts";
import { DbError, failure } from "../../../proto/errors.ts";
import { ReadConsistency, type RequestId } from "../../../proto/gen/bailiwick/v1/common_pb.ts";
import { type GroupId, isName, type NodeId, nameRule, type Revision } from "../../../proto/ids.ts";
import type { Consistency } from "../../../proto/requests.ts";
import type { RequestIdentity } from "../../../proto/sessions.ts";
import { checkText as textProblem } from "../../node/checks.ts";

/** An argument that is refused. */
export function invalid(field: string, message: string): DbError {
  return new DbError(failure("invalid_argument", message, { field }));
}

/** Something asked for that a later release has. */
export function unimplemented(field: string, what: string): DbError {
  return new DbError(failure("unimplemented", `bailiwick: ${field} comes with ${what}`, { field }));
}

interface Reads<Domain, Wire> {
  fromWire(wire: Wire, field: string): Domain;
}

/** @throws {DbError} `invalid_argument` where the codec refuses the wire value */
export function readField<Domain, Wire>(codec: Reads<Domain, Wire>, wire: Wire, field: string): Domain {
  try {
    return codec.fromWire(wire, field);
  } catch (reason) {
    throw reason instanceof CodecError ? invalid(field, reason.message) : reason;
  }
}

type WireRevision = Parameters<typeof revisionCodec.fromWire>[0];

/** @returns null for 0: the newest */
export function readRevision(wire: WireRevision, field: string): Revision | null {
  const revision = readField(revisionCodec, wire, field);
  return revision === 0 ? null : revision;
}

export function readGroup(name: string, field = "group"): GroupId {
  return readName(name, field, "group") as GroupId;
}

export function readNode(name: string, field = "node"): NodeId {
  return readName(name, field, "node") as NodeId;
}

function readName(name: string, field: string, what: string): string {
  if (isName(name)) return name;
  if (name === "") throw invalid(field, `The ${field} is missing`);
  throw invalid(field, `The ${field} ${shown(name)} is not a ${what} name: ${nameRule}`);
}

/** @throws {DbError} `invalid_argument` where a text for people is longer than what is kept of it, or is no line of text */
export function checkText(field: string, text: string, charsMax: number): void {
  const refusal = textProblem(field, text, charsMax);
  if (refusal !== null) throw new DbError(refusal);
}

/** @param value as sent; 0 stands for `usual` */
export function readCount(value: number, field: string, { usual, max }: { usual: number; max: number }): number {
  if (value > max) throw invalid(field, `The ${field} is ${value}, the limit is ${max}`);
  return value === 0 ? usual : value;
}

/** @param value as sent; 0 stands for `usual` */
export function readMs(
  value: number,
  field: string,
  { usual, min, max }: { usual: number; min: number; max: number },
): number {
  if (value === 0) return usual;
  if (value >= min && value <= max) return value;
  throw invalid(field, `The ${field} is ${value} ms, it must be from ${min} to ${max}`);
}

export function readConsistency(wire: ReadConsistency): Consistency {
  switch (wire) {
    case ReadConsistency.UNSPECIFIED:
    case ReadConsistency.LINEARIZABLE:
      return "linearizable";
    case ReadConsistency.LOCAL:
      return "local";
    default:
      throw invalid("consistency", `The consistency is ${String(wire)}, a number not known`);
  }
}

/** @returns null: it may be carried out each time that it comes */
export function readIdentity(requestId: RequestId | undefined): RequestIdentity | null {
  if (requestId === undefined) return null;
  const { session, sequence } = requestId;
  return { session, sequence: readField(uint64, sequence, "request_id.sequence") };
}

/** A write that asks to be executed once must not be executed without a memory of what was. */
export function refuseRequestId(requestId: RequestId | undefined): void {
  if (requestId !== undefined) throw unimplemented("request_id", "sessions for all changes of groups");
}
