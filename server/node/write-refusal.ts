// Why a write is refused before it is proposed: the replicas differ, or there is no room for what it adds, on the disk, in the
// group's quota or in the node's memory. What takes away goes on.

import { type Failure, failure } from "../../proto/errors.ts";
import { plainRequest } from "../../proto/requests.ts";
import { growthOf } from "../../proto/transactions.ts";
import type { IdentifiedRequest } from "./group-proposals.ts";
import { firstPart, type WriteRequest } from "./group-replies.ts";
import type { GroupState } from "./group-state.ts";
import type { World } from "./world.ts";

/** @param quotaBytes of the group */
export function writeRefusal(
  request: WriteRequest | IdentifiedRequest,
  { state, quotaBytes }: { readonly state: GroupState; readonly quotaBytes: number },
  { memorySpace, diskSpace }: World,
): Failure | null {
  const growth = growthOfRequest(plainRequest(request) as WriteRequest);
  return (
    state.lock ??
    diskSpace.refusal(request) ??
    quotaRefusal(state, growth, quotaBytes) ??
    memorySpace.refusal(request.group, growth)
  );
}

function quotaRefusal({ mvcc, object: { group } }: GroupState, growth: number, quotaBytes: number): Failure | null {
  const { bytes } = mvcc;
  if (growth === 0 || bytes + growth <= quotaBytes) return null;
  const message = `The group ${group} holds ${bytes} bytes, ${growth} more exceed limits.quotaBytes ${quotaBytes}: delete keys, or raise it`;
  return failure("overloaded", message, { group });
}

/** What the request would add to the group at most. */
function growthOfRequest(request: WriteRequest): number {
  if (request.type === "put") return request.key.byteLength + request.value.byteLength;
  if (request.type === "prepare") return growthOf(request.part);
  return request.type === "transact" ? growthOf(firstPart(request)) : 0;
}
