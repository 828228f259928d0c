// Asking several groups for their status at once; what does not answer is named, never waited for beyond the deadline.

import { DbError } from "../../../proto/errors.ts";
import { clusterGroup, type GroupId, type NodeId } from "../../../proto/ids.ts";
import type { DirectoryEntry } from "../../../proto/model.ts";
import type { GroupStatus, NodeSelf, Reply } from "../../../proto/requests.ts";
import { limits } from "../../node/limits.ts";
import type { CallContext } from "../call-context.ts";

interface Gathered {
  readonly groups: readonly GroupStatus[];
  readonly unreachable: readonly GroupId[];
}

/** What this node knows without asking another, the voters of the cluster database aside. */
export interface LocalView {
  readonly directory: Extract<Reply, { readonly type: "directory" }>;
  readonly self: NodeSelf;
  /** Of the groups that this node owns. */
  readonly groups: readonly GroupStatus[];
  /** The system group; null: no voter answered. */
  readonly cluster: GroupStatus | null;
  readonly voters: readonly NodeId[];
}

/** @param names at most as many as there may be groups; each is one call */
export async function askGroups(context: CallContext, names: readonly GroupId[]): Promise<Gathered> {
  const asked = names.slice(0, limits.groupsMax);
  const answers = await Promise.all(asked.map((group) => askGroup(context, group, limits.fanOutMs)));
  return {
    groups: answers.filter((status) => status !== null),
    unreachable: asked.filter((_, position) => answers[position] === null),
  };
}

export async function askLocal(context: CallContext): Promise<LocalView> {
  const { node } = context.self;
  const [directory, { self }, cluster] = await Promise.all([
    context.ask({ type: "directory" }),
    context.ask({ type: "nodeSelf", node }),
    askClusterGroup(context),
  ]);
  const isOwned = (entry: DirectoryEntry) => entry.owners.includes(node);
  const { groups } = await askGroups(
    context,
    directory.groups.filter(isOwned).map(({ group }) => group),
  );
  return { directory, self, groups, cluster, voters: cluster?.object.owners ?? [] };
}

/** The system group: its owners vote in the cluster database. null: none of them answered in time. */
export function askClusterGroup(context: CallContext): Promise<GroupStatus | null> {
  return askGroup(context, clusterGroup, limits.clusterAnswerMsMax);
}

/** @returns null when no owner answered */
async function askGroup(context: CallContext, group: GroupId, budgetMs: number): Promise<GroupStatus | null> {
  try {
    return (await context.ask({ type: "groupStatus", group }, budgetMs)).status;
  } catch (reason) {
    if (reason instanceof DbError) return null;
    throw reason;
  }
}
