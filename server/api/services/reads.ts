// Reads of keys. One that does not say how fresh it must be is answered without a quorum where the group's operators want that
// (`lostQuorum: READ_ONLY`, C3): marked stale, and only once no owner that can be asked has a quorum.

import { decodeGroupPolicies } from "../../../proto/codec/group-policies.ts";
import { DbError } from "../../../proto/errors.ts";
import { ReadConsistency } from "../../../proto/gen/bailiwick/v1/common_pb.ts";
import type { GroupId } from "../../../proto/ids.ts";
import type { Reply, Request } from "../../../proto/requests.ts";
import type { CallContext } from "../call-context.ts";
import { readConsistency } from "../convert/fields.ts";
import { askGroups } from "./ask-groups.ts";

type ReadType = "get" | "list";
type Read<Type extends ReadType> = Extract<Request, { readonly type: Type }>;

/**
 * @param consistency as it was asked for
 * @throws {DbError} the failure that the group answered
 */
export async function askRead<Type extends ReadType>(
  context: CallContext,
  request: Omit<Read<Type>, "consistency"> & { readonly group: GroupId },
  consistency: ReadConsistency,
): Promise<Extract<Reply, { readonly type: Type }>> {
  const asked = { ...request, consistency: readConsistency(consistency) } as Read<Type>;
  try {
    return await context.ask<Type>(asked);
  } catch (reason) {
    const isLost = reason instanceof DbError && reason.code === "no_quorum";
    if (!isLost || consistency !== ReadConsistency.UNSPECIFIED) throw reason;
    if (!(await isReadOnly(context, request.group))) throw reason;
  }
  return context.ask<Type>({ ...asked, consistency: "local" });
}

/** By the configuration that an owner which can be asked has applied. */
async function isReadOnly(context: CallContext, group: GroupId): Promise<boolean> {
  const [status] = (await askGroups(context, [group])).groups;
  return status !== undefined && decodeGroupPolicies(status.object.config).lostQuorum === "readOnly";
}
