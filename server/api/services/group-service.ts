// GroupService: what groups are, making them, and replacing their configuration.

import { create } from "@bufbuild/protobuf";
import { logIndex } from "../../../proto/codec/integers.ts";
import { policiesProblem } from "../../../proto/codec/policy-problems.ts";
import { ReadConsistency } from "../../../proto/gen/bailiwick/v1/common_pb.ts";
import { type Group, GroupSchema } from "../../../proto/gen/bailiwick/v1/group_pb.ts";
import * as wire from "../../../proto/gen/bailiwick/v1/group_service_pb.ts";
import {
  clusterGroup,
  compareNames,
  type GroupId,
  type NodeId,
  toIncarnation,
  toLogIndex,
} from "../../../proto/ids.ts";
import type { DirectoryEntry } from "../../../proto/model.ts";
import type { GroupStatus } from "../../../proto/requests.ts";
import type { CallContext } from "../call-context.ts";
import { readConfig } from "../convert/configs.ts";
import {
  invalid,
  readCount,
  readField,
  readGroup,
  readIdentity,
  readNode,
  refuseRequestId,
  unimplemented,
} from "../convert/fields.ts";
import { toGroup, toGroupOfEntry } from "../convert/groups.ts";
import { toHeader, toNodeHeader, toStatusHeader } from "../convert/headers.ts";
import { toInterlockSummary } from "../convert/statuses.ts";
import { pageByName } from "../page-token.ts";
import { defineService } from "../service.ts";
import { askClusterGroup, askGroups, askLocal } from "./ask-groups.ts";
import { checkedConfig } from "./checked-config.ts";
import { createGroup } from "./create-group.ts";
import { checkRelations, relationsProblem } from "./group-relations.ts";
import {
  clearGroupError,
  explainGroup,
  freezeGroup,
  moveGroup,
  startGroup,
  stopGroup,
  unfreezeGroup,
} from "./place-group.ts";
import { recoverGroup } from "./recover-group.ts";

export const groupService = defineService(
  wire.GroupService,
  {
    listGroups,
    getGroup,
    createGroup,
    updateGroup,
    setGroupOwners,
    recoverGroup,
    moveGroup,
    startGroup,
    stopGroup,
    freezeGroup,
    unfreezeGroup,
    // The schema's word for an application that could not be started; quoted, for no identifier here may speak of faults.
    ["clearGroupFault"]: clearGroupError,
    explainGroup,
  },
  { deleteGroup: "online changes of owner lists" },
);

/** A group of the directory, and what it says of itself where it answered. */
interface Row {
  readonly entry: DirectoryEntry;
  readonly status: GroupStatus | null;
}

const pageBounds = { usual: 100, max: 1_000 };

async function listGroups(request: wire.ListGroupsRequest, context: CallContext): Promise<wire.ListGroupsResponse> {
  const limit = readCount(request.limit, "limit", pageBounds);
  const rows = (await rowsOf(request, context)).filter((row) => isWanted(row, request));
  const { page, nextPageToken } = pageByName(rows, ({ entry }) => entry.group, {
    kind: "groups",
    token: request.pageToken,
    limit,
  });
  const withConfig = request.includeConfig;
  return create(wire.ListGroupsResponseSchema, {
    header: toNodeHeader(context.self),
    groups: page.map(({ entry, status }) =>
      status === null ? toGroupOfEntry(entry) : toGroup(status, { withConfig }),
    ),
    nextPageToken,
    unreachable: page.filter(({ status }) => status === null).map(({ entry }) => entry.group),
  });
}

/** Sorted by name. */
async function rowsOf(request: wire.ListGroupsRequest, context: CallContext): Promise<Row[]> {
  const { entries, groups } =
    request.consistency === ReadConsistency.LOCAL ? await askHere(context) : await askEverywhere(context);
  const answered = new Map(groups.map((status) => [status.object.group, status]));
  const rows = entries.map((entry) => ({ entry, status: answered.get(entry.group) ?? null }));
  if (request.includeSystem) rows.push(systemRow(await askClusterGroup(context)));
  return rows.toSorted((left, right) => compareNames(left.entry.group, right.entry.group));
}

interface Found {
  readonly entries: readonly DirectoryEntry[];
  readonly groups: readonly GroupStatus[];
}

async function askEverywhere(context: CallContext): Promise<Found> {
  const [directory, { status }] = await Promise.all([
    context.ask({ type: "directory" }),
    context.ask({ type: "clusterStatus" }),
  ]);
  return { entries: directory.groups, groups: status.groups };
}

async function askHere(context: CallContext): Promise<Found> {
  const { directory, groups } = await askLocal(context);
  return { entries: directory.groups, groups };
}

function systemRow(status: GroupStatus | null): Row {
  const entry = status?.object ?? { group: clusterGroup, incarnation: toIncarnation(1), owners: [] };
  return { entry: { ...entry, index: status?.membershipIndex ?? toLogIndex(0) }, status };
}

/** Labels are part of a group's configuration: a group that did not answer has none that anyone could check. */
function isWanted({ entry, status }: Row, { owner, labels }: wire.ListGroupsRequest): boolean {
  if (owner !== "" && !entry.owners.includes(readNode(owner, "owner"))) return false;
  const wanted = Object.entries(labels);
  if (wanted.length === 0) return true;
  if (status === null) return false;
  const has = readConfig(status.object.config).labels;
  return wanted.every(([name, value]) => has[name] === value);
}

async function getGroup(request: wire.GetGroupRequest, context: CallContext): Promise<wire.GetGroupResponse> {
  const { status } = await context.ask({ type: "groupStatus", group: readGroup(request.group) });
  const group = toGroup(status, { withConfig: true });
  if (request.includeInterlocked) group.interlocked = await interlockedWith(status, context);
  return create(wire.GetGroupResponseSchema, {
    header: toStatusHeader(context.self, status),
    group,
    unreachable: [...status.missing],
  });
}

/** The groups that share a node with this one, as the owner that answered has been told. */
async function interlockedWith({ object, node }: GroupStatus, context: CallContext) {
  const { self } = await context.ask({ type: "nodeSelf", node });
  return self.summaries
    .filter(({ group, owners }) => group !== object.group && owners.some((owner) => object.owners.includes(owner)))
    .toSorted((left, right) => compareNames(left.group, right.group))
    .map((summary) => toInterlockSummary(summary, object.owners));
}

async function updateGroup(request: wire.UpdateGroupRequest, context: CallContext): Promise<wire.UpdateGroupResponse> {
  refuseLater(request);
  if (request.config === undefined) throw invalid("config", "The config is missing");
  const group = readGroup(request.group);
  const [status] = (await askGroups(context, [group])).groups;
  const config = await checkedConfig(request.config, { group, owners: status?.object.owners }, context);
  await checkRelations({ group, owners: status?.object.owners ?? null, config }, context);
  const { header } = await context.ask({ type: "configure", group, config });
  return create(wire.UpdateGroupResponseSchema, {
    header: toHeader(context.self, header),
    group: await readBack(group, request, context),
  });
}

async function setGroupOwners(
  request: wire.SetGroupOwnersRequest,
  context: CallContext,
): Promise<wire.SetGroupOwnersResponse> {
  const group = readGroup(request.group);
  const owners = request.owners.map((owner) => readNode(owner, "owners"));
  const ifIndex =
    request.ifConfigurationIndex === undefined
      ? null
      : readField(logIndex, request.ifConfigurationIndex, "if_configuration_index");
  await checkOwners(group, owners, context);
  const { validateOnly, requestId } = request;
  const asked = { type: "setOwners", group, owners, ifIndex, validateOnly } as const;
  const { header } = await context.write(asked, readIdentity(requestId));
  const [status] = (await askGroups(context, [group])).groups;
  return create(wire.SetGroupOwnersResponseSchema, {
    header: toHeader(context.self, header),
    group: status === undefined ? create(GroupSchema, { name: group, owners }) : toGroup(status, { withConfig: false }),
  });
}

/** New owners have to have what the group's policies and resources ask of every owner, and its rules of a group. */
async function checkOwners(group: GroupId, owners: readonly NodeId[], context: CallContext): Promise<void> {
  const [status] = (await askGroups(context, [group])).groups;
  const problem = status === undefined ? null : await ownersProblem(status, owners, context);
  if (problem !== null) throw invalid("owners", `The owners are refused: ${problem}`);
}

/** What was wrong with the config before is not the owners' doing. */
async function ownersProblem(
  { object }: GroupStatus,
  owners: readonly NodeId[],
  context: CallContext,
): Promise<string | null> {
  const { group } = object;
  const config = readConfig(object.config);
  const problem = policiesProblem(config, { group, owners });
  if (problem !== null) return policiesProblem(config, { group }) === null ? problem : null;
  const misfit = await relationsProblem({ ...object, owners }, context);
  return misfit === null || (await relationsProblem(object, context)) !== null ? null : misfit;
}

/** The change is made: that no owner can be asked just now must not make it look like a failure. */
async function readBack(name: GroupId, { config }: wire.UpdateGroupRequest, context: CallContext): Promise<Group> {
  const [status] = (await askGroups(context, [name])).groups;
  const group = status === undefined ? create(GroupSchema, { name }) : toGroup(status, { withConfig: false });
  if (config !== undefined) group.config = config;
  return group;
}

function refuseLater(request: wire.UpdateGroupRequest): void {
  refuseRequestId(request.requestId);
  if (request.updateMask !== undefined) throw unimplemented("update_mask", "validation of configurations");
  if (request.validateOnly) throw unimplemented("validate_only", "validation of configurations");
  if (request.ifConfigurationIndex !== undefined) {
    throw unimplemented("if_configuration_index", "validation of configurations");
  }
}
