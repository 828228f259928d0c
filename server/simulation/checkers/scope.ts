// Where records lie (A1, A2, A4): every row of every disk must belong to a group that the node owns, to the status of a node
// of its sphere, to the summary of an interlocked group, or to the cluster database. The expectation is worked out here
// from the owner lists alone.

import type { GroupId, NodeId } from "../../../proto/ids.ts";
import { clusterGroup } from "../../../proto/ids.ts";
import { decodeGroupRecord, type GroupRecord } from "../../../storage/group-record.ts";
import { everyRange, type ParsedKey, parseKey, type Slot } from "../../../storage/keys.ts";
import { demand } from "../violation.ts";
import type { World } from "../world.ts";

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
      const record = parsed.type === "group" ? decodeGroupRecord(value) : "";
      if (parsed.type === "group" && storesState(record)) slots.set(record.slot, parsed.group);
    }
    for (const { key, value } of held) {
      const parsed = parseKey(key);
      if (parsed.type === "group" && isEmptySeat(value)) continue;
      checkRow(node, scope, slots, parsed);
    }
    rows += held.length;
  }
  return rows;
}

/** A witness, or a node that left a group, keeps a number of it and nothing else. */
function isEmptySeat(value: Uint8Array): boolean {
  const record = decodeGroupRecord(value);
  return typeof record !== "string" && !storesState(record);
}

function storesState(record: GroupRecord | string): record is GroupRecord {
  return typeof record !== "string" && (record.role === "owner" || record.role === "learner");
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
    case "hardStateMark":
    // What runs on the node by the word of its agent, and under which epochs.
    case "ledgerMark":
    case "allocation":
    // Of fellow members, a witness or who it witnesses for among them: numbers, which say nothing of any group.
    case "peerStart":
      return;
    case "unknown":
      demand(false, "scope", () => `${node} holds a row that nobody knows`);
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

function demandGroup(node: NodeId, scope: Scope, group: GroupId): void {
  const isOwn = group === clusterGroup || scope.groups.has(group);
  demand(isOwn, "scope", () => `${node} holds rows of ${group}, which it does not own`);
}
