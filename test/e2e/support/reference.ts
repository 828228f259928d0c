// The table of mission.md: what each node of the reference cluster must store, and nothing else.

export const groupOwners = {
  rg220: ["n202", "n208", "n214"],
  rg222: ["n204", "n210", "n216"],
  rg224: ["n206", "n212", "n218"],
  rg226: ["n208", "n210", "n212"],
} as const;

export type GroupName = keyof typeof groupOwners;
export const groupNames = Object.keys(groupOwners) as readonly GroupName[];

const table = [
  ["n202", "rg220", "n202 n208 n214", "rg226"],
  ["n204", "rg222", "n204 n210 n216", "rg226"],
  ["n206", "rg224", "n206 n212 n218", "rg226"],
  ["n208", "rg220 rg226", "n202 n208 n210 n212 n214", "rg222 rg224"],
  ["n210", "rg222 rg226", "n204 n208 n210 n212 n216", "rg220 rg224"],
  ["n212", "rg224 rg226", "n206 n208 n210 n212 n218", "rg220 rg222"],
  ["n214", "rg220", "n202 n208 n214", "rg226"],
  ["n216", "rg222", "n204 n210 n216", "rg226"],
  ["n218", "rg224", "n206 n212 n218", "rg226"],
] as const;

export const referenceNodes: readonly string[] = table.map(([node]) => node);

/** What `inspect -o json` must print of a node, revisions aside. */
export interface Expected {
  readonly node: string;
  readonly groups: readonly { readonly name: string; readonly keys: readonly string[] }[];
  readonly witnessOf: readonly string[];
  readonly nodeStatuses: readonly string[];
  readonly interlocked: readonly string[];
  readonly cluster: { readonly nodes: readonly string[] };
}

/** @param keysOf what was written to a group */
export function expectedOf(node: string, keysOf: (group: GroupName) => readonly string[]): Expected {
  const row = table.find(([name]) => name === node);
  if (row === undefined) throw new Error(`no row for ${node}`);
  const [, groups, statuses, interlocked] = row;
  return {
    node,
    groups: (groups.split(" ") as GroupName[]).map((name) => ({ name, keys: keysOf(name) })),
    witnessOf: [],
    nodeStatuses: statuses.split(" "),
    interlocked: interlocked.split(" "),
    cluster: { nodes: referenceNodes },
  };
}

/** Nodes that share a group with `node`, and itself. */
export function sphereOf(node: string): readonly string[] {
  return expectedOf(node, () => []).nodeStatuses;
}
