// Where records lie (A1, A2, A4): every row of every disk must belong to a group that the node owns, to the status of a node
// of its sphere, to the summary of an interlocked group, or to the cluster database. The expectation is worked out here
// from the owner lists alone.

import type { GroupId, NodeId } from "../../../proto/ids.ts";
import { clusterGroup } from "../../../proto/ids.ts";
import type { World } from "../../../server/simulation/world.ts";
import { decodeGroupRecord } from "../../../storage/group-record.ts";
import { everyRange, type ParsedKey, parseKey, type Slot } from "../../../storage/keys.ts";
import { clusterVoters } from "../reference-cluster.ts";
import { demand } from "../violation.ts";

type OwnerLists = ReadonlyMap<GroupId, readonly NodeId[]>;

const pageLimits = { rowsMax: 1_000_000, bytesMax: 1_000_000_000 };

/** @returns how many rows were looked at */
export function checkScope(world: World, groups: OwnerLists): number {
  let rows = 0;
  for (const { node, disk } of world.nodes) {
    const scope = scopeOf(node, groups);
    const { rows: held } = disk.durablePage(everyRange(), pageLimits);
    const slots = new Map<Slot, GroupId>();
    for (const { key, value } of held) {
      const parsed = parseKey(key);
      if (parsed.type === "group") slots.set(decodeGroupRecord(value)?.slot ?? -1, parsed.group);
    }
    for (const { key } of held) checkRow(node, scope, slots, parseKey(key));
    rows += held.length;
  }
  return rows;
}

interface Scope {
  readonly groups: ReadonlySet<GroupId>;
  readonly sphere: ReadonlySet<NodeId>;
  readonly interlocked: ReadonlySet<GroupId>;
}

function scopeOf(node: NodeId, groups: OwnerLists): Scope {
  const own = [...groups].filter(([, owners]) => owners.includes(node));
  const sphere = new Set([node, ...own.flatMap(([, owners]) => owners)]);
  const others = [...groups].filter(([, owners]) => !owners.includes(node));
  const interlocked = others.filter(([, owners]) =>
    own.some(([, ours]) => ours.some((owner) => owners.includes(owner))),
  );
  return {
    groups: new Set(own.map(([group]) => group)),
    sphere,
    interlocked: new Set(interlocked.map(([group]) => group)),
  };
}

function checkRow(node: NodeId, scope: Scope, slots: ReadonlyMap<Slot, GroupId>, key: ParsedKey): void {
  switch (key.type) {
    case "meta":
      return;
    case "unknown":
      demand(false, "scope", () => `${node} holds a row that nobody knows`);
      return;
    case "peerStart":
      demand(
        isFellow(node, scope, key.node),
        "scope",
        () => `${node} remembers a start of ${key.node}, no fellow member`,
      );
      return;
    case "group":
      demandGroup(node, scope, key.group);
      return;
    case "nodeStatus":
      demand(scope.sphere.has(key.node), "scope", () => `${node} holds the status of ${key.node}, outside its sphere`);
      return;
    case "interlock":
      demand(scope.interlocked.has(key.group), "scope", () => `${node} holds a summary of ${key.group}`);
      return;
    default: {
      // A slot without a group record is a snapshot on its way, or on its way out: of a group of this node in any case.
      const group = slots.get(key.slot);
      if (group !== undefined) demandGroup(node, scope, group);
    }
  }
}

function isFellow(node: NodeId, { sphere }: Scope, peer: NodeId): boolean {
  return sphere.has(peer) || (clusterVoters.includes(node) && clusterVoters.includes(peer));
}

function demandGroup(node: NodeId, scope: Scope, group: GroupId): void {
  const isOwn = group === clusterGroup || scope.groups.has(group);
  demand(isOwn, "scope", () => `${node} holds rows of ${group}, which it does not own`);
}
