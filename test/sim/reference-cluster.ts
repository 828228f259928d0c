// The nine nodes and four groups of S1 Fig. 2A, in the order of their file.

import { type GroupId, type NodeId, toGroupId, toNodeId } from "../../proto/ids.ts";

export const referenceNodes: readonly NodeId[] = [
  "n202",
  "n204",
  "n206",
  "n208",
  "n210",
  "n212",
  "n214",
  "n216",
  "n218",
].map(toNodeId);

/** Owner lists, in order of precedence. */
export const referenceGroups: ReadonlyMap<GroupId, readonly NodeId[]> = new Map(
  [
    ["rg220", "n202 n208 n214"],
    ["rg222", "n204 n210 n216"],
    ["rg224", "n206 n212 n218"],
    ["rg226", "n208 n210 n212"],
  ].map(([group, owners]) => [toGroupId(group as string), (owners as string).split(" ").map(toNodeId)]),
);
