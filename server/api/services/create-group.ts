// GroupService.CreateGroup: the cluster database gets the name, then the new group its configuration. The group elects its
// first manager in between, so that the second step is tried again while the caller waits.

import { setTimeout as sleep } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { DbError, errorCodes, failure } from "../../../proto/errors.ts";
import * as wire from "../../../proto/gen/bailiwick/v1/group_service_pb.ts";
import type { GroupId } from "../../../proto/ids.ts";
import type { DirectoryEntry } from "../../../proto/model.ts";
import type { Header } from "../../../proto/requests.ts";
import type { CallContext } from "../call-context.ts";
import { readGroup, readNode, refuseRequestId } from "../convert/fields.ts";
import { toGroupOfEntry } from "../convert/groups.ts";
import { toHeader, toNodeHeader } from "../convert/headers.ts";
import { checkedConfig } from "./checked-config.ts";
import { checkRelations } from "./group-relations.ts";

const retryIntervalMs = 100;
const hearIntervalMs = 20;

export async function createGroup(
  request: wire.CreateGroupRequest,
  context: CallContext,
): Promise<wire.CreateGroupResponse> {
  refuseRequestId(request.requestId);
  const group = readGroup(request.group);
  const owners = request.owners.map((owner) => readNode(owner, "owners"));
  const config = request.config === undefined ? null : await checkedConfig(request.config, { group, owners }, context);
  if (config !== null) await checkRelations({ group, owners, config }, context);
  const { entry } = await context.ask({ type: "createGroup", group, owners, validateOnly: request.validateOnly });
  if (!request.validateOnly) await untilHeard(group, context);
  const isConfigured = config !== null && !request.validateOnly;
  const header = isConfigured ? await configure(group, config, context) : null;
  return create(wire.CreateGroupResponseSchema, {
    header: header === null ? toNodeHeader(context.self) : toHeader(context.self, header),
    group: toMade(entry, request),
    warnings: warningsOf(entry),
  });
}

function toMade(entry: DirectoryEntry, { config }: wire.CreateGroupRequest) {
  const made = toGroupOfEntry(entry);
  if (config !== undefined) made.config = config;
  return made;
}

function warningsOf({ owners }: DirectoryEntry): string[] {
  if (owners.length !== 2) return [];
  return [`With two owners and no witness the group stops serving when either of ${owners.join(" and ")} is down`];
}

/** So that whoever has had the group made can use it through the same node at once. The group is made in any case. */
async function untilHeard(group: GroupId, context: CallContext): Promise<void> {
  while (context.remainingMs() > retryIntervalMs && !context.signal.aborted) {
    const heard = await context.ask({ type: "directory" }).catch(() => null);
    if (heard === null || heard.groups.some((entry) => entry.group === group)) return;
    await sleep(hearIntervalMs, undefined, { signal: context.signal }).catch(() => {});
  }
}

/** @throws {DbError} `outcome_unknown`: the group is made, and its configuration may not be in force */
async function configure(group: GroupId, config: Uint8Array, context: CallContext): Promise<Header> {
  for (;;) {
    try {
      return (await context.ask({ type: "configure", group, config })).header;
    } catch (reason) {
      const error = DbError.from(reason);
      // This node may hear last of the group that it has just had made.
      const mayRetry =
        error.effect === "none" && (error.code === "not_found" || errorCodes[error.code].retry !== "never");
      if (!mayRetry || context.remainingMs() <= retryIntervalMs) throw unconfigured(group, error);
      await sleep(retryIntervalMs, undefined, { signal: context.signal }).catch(() => {});
    }
  }
}

function unconfigured(group: GroupId, reason: DbError): DbError {
  const message = `The group ${group} is made, but its configuration is not known to be in force; set it with UpdateGroup: ${reason.message}`;
  return new DbError(failure("outcome_unknown", message, { ...reason.details, group }), reason);
}
