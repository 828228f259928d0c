// A reply that is too long for a message between nodes would be dropped without a word, and its caller told of a deadline. Its
// sender says instead what became of the request.

import { wireLimits } from "../../proto/codec/wire-limits.ts";
import { type Failure, failure } from "../../proto/errors.ts";
import type { Reply, Request } from "../../proto/requests.ts";
import { failed } from "./group-replies.ts";
import { isWrite } from "./is-write.ts";

const { sentBytesMax, itemsMax } = wireLimits;
/** The message around a reply. */
const envelopeBytes = 1024;
/** Tag and length, or tag and number. */
const fieldBytes = 11;

/** @returns the reply, or the failure that takes its place */
export function replyThatFits(request: Request, reply: Reply): Reply {
  return mostBytesOf(reply) + envelopeBytes <= sentBytesMax ? reply : failed(tooLong(request, reply));
}

function tooLong(request: Request, reply: Reply): Failure {
  const header = "header" in reply ? reply.header : null;
  const limit = `more than nodes tell each other, limit ${sentBytesMax} bytes or ${itemsMax} items`;
  const details = header === null ? {} : { group: header.group, node: header.node };
  if (!isWrite(request)) {
    return failure("invalid_argument", `The answer is ${limit}: ask an owner itself, or for less`, details);
  }
  // It is known to have happened, and the nearest that can be said beside the text is that it may have.
  const where = header === null ? "" : ` at revision ${header.revision}`;
  return failure(
    "invalid_argument",
    `The request was carried out${where}, but its answer is ${limit}`,
    details,
    "unknown",
  );
}

/** Never less than it takes on the wire. */
function mostBytesOf(value: unknown): number {
  if (typeof value === "string") return fieldBytes + 3 * value.length;
  if (value instanceof Uint8Array) return fieldBytes + value.byteLength;
  if (typeof value !== "object" || value === null) return fieldBytes;
  if (Array.isArray(value) && value.length > itemsMax) return Number.POSITIVE_INFINITY;
  let bytes = fieldBytes;
  for (const each of Object.values(value)) bytes += mostBytesOf(each);
  return bytes;
}
