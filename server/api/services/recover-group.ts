// GroupService.RecoverGroup: what the operator asserts is checked, the node asks and decides, and the answer comes once the
// group serves again, if it does in time.

import { setTimeout as sleep } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { DbError, failure } from "../../../proto/errors.ts";
import * as wire from "../../../proto/gen/bailiwick/v1/group_service_pb.ts";
import type { DirectoryEntry } from "../../../proto/model.ts";
import type { GroupStatus } from "../../../proto/requests.ts";
import type { CallContext } from "../call-context.ts";
import { readGroup, readNode } from "../convert/fields.ts";
import { toGroup, toGroupOfEntry } from "../convert/groups.ts";
import { toNodeHeader, toStatusHeader } from "../convert/headers.ts";

const pollIntervalMs = 50;
/** Left for the answer itself. */
const answerMs = 200;

export async function recoverGroup(
  request: wire.RecoverGroupRequest,
  context: CallContext,
): Promise<wire.RecoverGroupResponse> {
  const group = readGroup(request.group);
  const from = readNode(request.from, "from");
  const owners = request.owners.map((owner) => readNode(owner, "owners"));
  const { validateOnly, why: reason } = request;
  if (!validateOnly) checkAssertions(request, group);
  const { entry, losses } = await context.ask({ type: "recoverGroup", group, from, owners, reason, validateOnly });
  const status = validateOnly ? null : await untilServed(entry, context);
  return create(wire.RecoverGroupResponseSchema, {
    header: status === null ? toNodeHeader(context.self) : toStatusHeader(context.self, status),
    group: status === null ? toGroupOfEntry(entry) : toGroup(status, { withConfig: false }),
    losses: [...losses],
  });
}

/** @throws {DbError} `condition_failed` unless the operator has said what it takes; nothing has happened then */
export function checkAssertions(
  { acceptDataLoss, confirmation }: { readonly acceptDataLoss: boolean; readonly confirmation: string },
  name: string,
): void {
  if (!acceptDataLoss) {
    const message = "The field accept_data_loss is not true: what the chosen node does not have is lost for good";
    throw new DbError(failure("condition_failed", message, { field: "accept_data_loss" }));
  }
  if (confirmation === name) return;
  const message = `The confirmation is ${JSON.stringify(confirmation)}, it must be the name ${JSON.stringify(name)}`;
  throw new DbError(failure("condition_failed", message, { field: "confirmation" }));
}

/** @returns null when the group has not said in time that it goes on; it does so by itself */
async function untilServed({ group, incarnation }: DirectoryEntry, context: CallContext): Promise<GroupStatus | null> {
  while (context.remainingMs() > answerMs && !context.signal.aborted) {
    const status = await context.ask({ type: "groupStatus", group }, context.remainingMs() - answerMs / 2).then(
      (answer) => answer.status,
      () => null,
    );
    if (status !== null && status.object.incarnation === incarnation && status.manager !== null) return status;
    await sleep(pollIntervalMs, undefined, { signal: context.signal }).catch(() => {});
  }
  return null;
}
