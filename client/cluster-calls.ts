// The calls about groups, nodes and the cluster. Answers are the messages of bailiwick.v1 in their plain form.

import { create, type JsonValue, type MessageShape } from "@bufbuild/protobuf";
import { DbError, failure } from "../proto/errors.ts";
import { type Cluster, ClusterSchema } from "../proto/gen/bailiwick/v1/cluster_pb.ts";
import {
  ClusterService,
  GetStatusRequestSchema,
  GetStatusResponseSchema,
  ListClusterEventsRequestSchema,
  ListClusterEventsResponseSchema,
  RecoverClusterRequestSchema,
} from "../proto/gen/bailiwick/v1/cluster_service_pb.ts";
import { type Header, ReadConsistency } from "../proto/gen/bailiwick/v1/common_pb.ts";
import { GroupConfigSchema } from "../proto/gen/bailiwick/v1/group_config_pb.ts";
import { type Group, GroupSchema } from "../proto/gen/bailiwick/v1/group_pb.ts";
import {
  CreateGroupRequestSchema,
  GetGroupRequestSchema,
  GroupService,
  ListGroupsRequestSchema,
  RecoverGroupRequestSchema,
  SetGroupOwnersRequestSchema,
} from "../proto/gen/bailiwick/v1/group_service_pb.ts";
import { type Node, NodeSchema } from "../proto/gen/bailiwick/v1/node_pb.ts";
import {
  DrainNodeRequestSchema,
  DrainNodeResponseSchema,
  GetNodeRequestSchema,
  GetSphereRequestSchema,
  GetSphereResponseSchema,
  ListNodesRequestSchema,
  NodeService,
  UndrainNodeRequestSchema,
} from "../proto/gen/bailiwick/v1/node_service_pb.ts";
import { fromPlainJson } from "../proto/plain-json.ts";
import type { Caller, RequestOptions } from "./caller.ts";
import { type AnswerHeader, fromWireHeader, toWireCount, toWireInteger } from "./key-values.ts";
import { clientLimits } from "./limits.ts";
import { type Plain, toPlain } from "./plain.ts";

/** A new group. */
export interface NewGroup {
  readonly group: string;
  /** In order of precedence, 2 or more. */
  readonly owners: readonly string[];
  /** Plain JSON of `bailiwick.v1.GroupConfig`; absent: all defaults. */
  readonly config?: JsonValue | undefined;
  /** Checks and does nothing. */
  readonly validateOnly?: boolean | undefined;
}

export interface GroupsAnswer {
  readonly header: AnswerHeader;
  /** By name. */
  readonly groups: readonly Plain<Group>[];
  /** Groups that could not be asked; what is said of them is what the directory knows. */
  readonly unreachable: readonly string[];
}

export interface GroupAnswer {
  readonly header: AnswerHeader;
  readonly group: Plain<Group>;
  /** Owners that did not answer. */
  readonly unreachable: readonly string[];
}

export interface CreatedGroup {
  readonly header: AnswerHeader;
  readonly group: Plain<Group>;
  /** For people: what will not work as one might think. */
  readonly warnings: readonly string[];
}

/** A new owner list. */
export interface NewOwners {
  readonly group: string;
  /** The whole list in order of precedence, 2 or more. */
  readonly owners: readonly string[];
  /** Only if `configurationIndex` of the group is this. */
  readonly ifConfigurationIndex?: number | undefined;
  /** Checks and does nothing. */
  readonly validateOnly?: boolean | undefined;
}

export interface GroupChanged {
  readonly header: AnswerHeader;
  readonly group: Plain<Group>;
  /** For people: what will not work as one might think. */
  readonly warnings: readonly string[];
}

/** A group that lost its quorum for good, and what it is to go on from. */
export interface GroupRecovery {
  readonly group: string;
  /** The node whose data becomes the group. */
  readonly from: string;
  /** In order of precedence; absent: `from` and the owners that answer. */
  readonly owners?: readonly string[] | undefined;
  /** Must be true, and is not looked at with `validateOnly`: what `from` does not have is lost. */
  readonly acceptDataLoss: boolean;
  /** What the operator typed: the group's name. */
  readonly confirmation: string;
  /** For people, audited: at most 200 characters. */
  readonly why?: string | undefined;
  /** Says what would be lost and does nothing. */
  readonly validateOnly?: boolean | undefined;
}

export interface GroupRecovered {
  readonly header: AnswerHeader;
  /** Under its new incarnation. */
  readonly group: Plain<Group>;
  /** For people: what is known to be lost. */
  readonly losses: readonly string[];
}

/** A cluster database that lost its quorum for good, and what it is to go on from. */
export interface ClusterRecovery {
  /** The node whose copy becomes the database. */
  readonly from: string;
  /** Odd in number; absent: `from`, the voters that answer, and others in place of those that do not. */
  readonly voters?: readonly string[] | undefined;
  /** Must be true, and is not looked at with `validateOnly`: what `from` does not have is lost. */
  readonly acceptDataLoss: boolean;
  /** What the operator typed: the name of `from`. */
  readonly confirmation: string;
  /** For people, audited: at most 200 characters. */
  readonly why?: string | undefined;
  /** Says what would be lost and does nothing. */
  readonly validateOnly?: boolean | undefined;
}

export interface ClusterRecovered {
  readonly header: AnswerHeader;
  /** Its voters are those that it is on its way to. */
  readonly cluster: Plain<Cluster>;
  /** For people: what is known to be lost. */
  readonly losses: readonly string[];
}

export interface NodesAnswer {
  readonly header: AnswerHeader;
  /** By name. */
  readonly nodes: readonly Plain<Node>[];
  /** Nodes or groups that could not be asked. */
  readonly unreachable: readonly string[];
}

export interface NodeAnswer {
  readonly header: AnswerHeader;
  readonly node: Plain<Node>;
  /** Groups whose verdict could not be asked for. */
  readonly unreachable: readonly string[];
}

/** A node that is to run no application. */
export interface NodeDrain {
  readonly node: string;
  /** For people: at most 200 characters. */
  readonly why?: string | undefined;
  /** Groups without a quorum follow when they have one; else they refuse the whole. */
  readonly skipUnavailable?: boolean | undefined;
  /** Until nothing runs there any more, or until shortly before the timeout. */
  readonly wait?: boolean | undefined;
  /** Says where its applications would go and does nothing. */
  readonly validateOnly?: boolean | undefined;
}

export interface NodeDrained {
  readonly header: AnswerHeader;
  /** As of then. */
  readonly node: Plain<Node>;
  /** Where its applications go; `to` is empty where nobody can take them yet. */
  readonly moves: Plain<MessageShape<typeof DrainNodeResponseSchema>>["moves"];
  /** Groups that were skipped; `cluster`: it could not be recorded in the cluster database. */
  readonly unreachable: readonly string[];
}

/** A node that may run applications again. */
export interface NodeUndrain {
  readonly node: string;
  /** As for {@link NodeDrain}. */
  readonly skipUnavailable?: boolean | undefined;
}

type WithHeader<Answer> = Omit<Answer, "header"> & { readonly header: AnswerHeader };

export type SphereAnswer = WithHeader<Plain<MessageShape<typeof GetSphereResponseSchema>>>;
export type StatusAnswer = WithHeader<Plain<MessageShape<typeof GetStatusResponseSchema>>>;

export interface EventsAnswer {
  readonly header: AnswerHeader;
  /** Newest first. */
  readonly events: Plain<MessageShape<typeof ListClusterEventsResponseSchema>>["events"];
  /** There are older ones. */
  readonly isMore: boolean;
}

export async function listGroups(
  caller: Caller,
  options: RequestOptions & { readonly owner?: string | undefined },
): Promise<GroupsAnswer> {
  const { owner = "" } = options;
  const pages = await readPages((pageToken) => {
    const request = create(ListGroupsRequestSchema, { owner, limit: clientLimits.pageRows, pageToken });
    return caller.read(GroupService.method.listGroups, request, options);
  });
  const groups = pages.flatMap((page) => page.groups.map((group) => toPlain(GroupSchema, group)));
  return { header: firstHeader(pages), groups, unreachable: allUnreachable(pages) };
}

export async function getGroup(
  caller: Caller,
  group: string,
  options: RequestOptions & { readonly consistency?: "linearizable" | "local" | undefined },
): Promise<GroupAnswer> {
  const consistency = options.consistency === "local" ? ReadConsistency.LOCAL : ReadConsistency.LINEARIZABLE;
  const request = create(GetGroupRequestSchema, { group, consistency, includeInterlocked: true });
  const answer = await caller.read(GroupService.method.getGroup, request, options);
  const { unreachable } = answer;
  return { header: fromWireHeader(answer.header), group: toPlain(GroupSchema, there(answer.group)), unreachable };
}

export async function createGroup(
  caller: Caller,
  { group, owners, config, validateOnly = false }: NewGroup,
  options: RequestOptions,
): Promise<CreatedGroup> {
  const request = create(CreateGroupRequestSchema, {
    group,
    owners: [...owners],
    validateOnly,
    ...(config === undefined ? {} : { config: parseConfig(config) }),
  });
  const answer = await caller.write(GroupService.method.createGroup, request, options);
  const { warnings } = answer;
  return { header: fromWireHeader(answer.header), group: toPlain(GroupSchema, there(answer.group)), warnings };
}

export async function setGroupOwners(
  caller: Caller,
  { group, owners, ifConfigurationIndex, validateOnly = false }: NewOwners,
  options: RequestOptions,
): Promise<GroupChanged> {
  const request = create(SetGroupOwnersRequestSchema, {
    group,
    owners: [...owners],
    validateOnly,
    ...(ifConfigurationIndex === undefined
      ? {}
      : { ifConfigurationIndex: toWireInteger(ifConfigurationIndex, "ifConfigurationIndex") }),
  });
  const { setGroupOwners: method } = GroupService.method;
  const answer = validateOnly
    ? await caller.idempotent(method, request, options)
    : await caller.writeOnce(method, request, { ...options, group });
  const { warnings } = answer;
  return { header: fromWireHeader(answer.header), group: toPlain(GroupSchema, there(answer.group)), warnings };
}

export async function recoverGroup(
  caller: Caller,
  recovery: GroupRecovery,
  options: RequestOptions,
): Promise<GroupRecovered> {
  const { group, from, owners = [], acceptDataLoss, confirmation, why = "", validateOnly = false } = recovery;
  const asked = { group, from, owners: [...owners], acceptDataLoss, confirmation, why, validateOnly };
  const request = create(RecoverGroupRequestSchema, asked);
  const answer = await caller.write(GroupService.method.recoverGroup, request, options);
  const { losses } = answer;
  return { header: fromWireHeader(answer.header), group: toPlain(GroupSchema, there(answer.group)), losses };
}

export async function listNodes(
  caller: Caller,
  options: RequestOptions & { readonly askAll?: boolean | undefined },
): Promise<NodesAnswer> {
  const { askAll = false } = options;
  const pages = await readPages((pageToken) => {
    const request = create(ListNodesRequestSchema, { askAll, limit: clientLimits.pageRows, pageToken });
    return caller.read(NodeService.method.listNodes, request, options);
  });
  const nodes = pages.flatMap((page) => page.nodes.map((node) => toPlain(NodeSchema, node)));
  return { header: firstHeader(pages), nodes, unreachable: allUnreachable(pages) };
}

export async function getNode(caller: Caller, node: string, options: RequestOptions): Promise<NodeAnswer> {
  const answer = await caller.read(NodeService.method.getNode, create(GetNodeRequestSchema, { node }), options);
  const { unreachable } = answer;
  return { header: fromWireHeader(answer.header), node: toPlain(NodeSchema, there(answer.node)), unreachable };
}

export async function getSphere(caller: Caller, node: string, options: RequestOptions): Promise<SphereAnswer> {
  const answer = await caller.read(NodeService.method.getSphere, create(GetSphereRequestSchema, { node }), options);
  return { ...toPlain(GetSphereResponseSchema, answer), header: fromWireHeader(answer.header) };
}

export async function drainNode(caller: Caller, drain: NodeDrain, options: RequestOptions): Promise<NodeDrained> {
  const { node, why = "", skipUnavailable = false, wait = false, validateOnly = false } = drain;
  const request = create(DrainNodeRequestSchema, { node, why, skipUnavailable, wait, validateOnly });
  const answer = await caller.write(NodeService.method.drainNode, request, options);
  const { moves, unreachable } = toPlain(DrainNodeResponseSchema, answer);
  return { header: fromWireHeader(answer.header), node: toPlain(NodeSchema, there(answer.node)), moves, unreachable };
}

export async function undrainNode(
  caller: Caller,
  { node, skipUnavailable = false }: NodeUndrain,
  options: RequestOptions,
): Promise<Omit<NodeDrained, "moves">> {
  const request = create(UndrainNodeRequestSchema, { node, skipUnavailable });
  const answer = await caller.write(NodeService.method.undrainNode, request, options);
  const { unreachable } = answer;
  return { header: fromWireHeader(answer.header), node: toPlain(NodeSchema, there(answer.node)), unreachable };
}

export async function getStatus(caller: Caller, options: RequestOptions): Promise<StatusAnswer> {
  const answer = await caller.read(ClusterService.method.getStatus, create(GetStatusRequestSchema), options);
  return { ...toPlain(GetStatusResponseSchema, answer), header: fromWireHeader(answer.header) };
}

export async function recoverCluster(
  caller: Caller,
  recovery: ClusterRecovery,
  options: RequestOptions,
): Promise<ClusterRecovered> {
  const { from, voters = [], acceptDataLoss, confirmation, why = "", validateOnly = false } = recovery;
  const asked = { from, voters: [...voters], acceptDataLoss, confirmation, why, validateOnly };
  const request = create(RecoverClusterRequestSchema, asked);
  const answer = await caller.write(ClusterService.method.recoverCluster, request, options);
  const { losses } = answer;
  return { header: fromWireHeader(answer.header), cluster: toPlain(ClusterSchema, there(answer.cluster)), losses };
}

export async function listClusterEvents(
  caller: Caller,
  options: RequestOptions & { readonly limit: number },
): Promise<EventsAnswer> {
  const limit = toWireCount(options.limit, "limit", clientLimits.pageEventsMax);
  const request = create(ListClusterEventsRequestSchema, { newestFirst: true, limit });
  const answer = await caller.read(ClusterService.method.listClusterEvents, request, options);
  const { events } = toPlain(ListClusterEventsResponseSchema, answer);
  return { header: fromWireHeader(answer.header), events, isMore: answer.nextPageToken.byteLength > 0 };
}

/** Every page; the timeout holds for each of them. */
async function readPages<Page extends { readonly nextPageToken: Uint8Array }>(
  readPage: (pageToken: Uint8Array) => Promise<Page>,
): Promise<readonly Page[]> {
  const pages: Page[] = [];
  let pageToken: Uint8Array = new Uint8Array(0);
  do {
    const page = await readPage(pageToken);
    pages.push(page);
    pageToken = page.nextPageToken;
  } while (pageToken.byteLength > 0 && pages.length < clientLimits.pagesMax);
  return pages;
}

function firstHeader(pages: readonly { readonly header?: Header | undefined }[]): AnswerHeader {
  return fromWireHeader(pages[0]?.header);
}

function allUnreachable(pages: readonly { readonly unreachable: readonly string[] }[]): readonly string[] {
  return [...new Set(pages.flatMap(({ unreachable }) => unreachable))];
}

function there<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new DbError(failure("internal", "The answer lacks what was asked for"));
  return value;
}

function parseConfig(config: JsonValue) {
  try {
    return fromPlainJson(GroupConfigSchema, config);
  } catch (reason) {
    const message = `The config is not one of a group: ${reason instanceof Error ? reason.message : String(reason)}`;
    throw new DbError(failure("invalid_argument", message, { field: "config" }), reason);
  }
}
