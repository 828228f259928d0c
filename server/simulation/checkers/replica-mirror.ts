// What each node has written of each replica's log and of its applied state, whether durable yet or not. It reads the bytes
// of the writes themselves, so that it believes no node's word. The checkers beside it ask it.

import { crc32 } from "node:zlib";
import { assert, present } from "../../../proto/assert.ts";
import { CodecError } from "../../../proto/codec/codec-error.ts";
import { decodeControl } from "../../../proto/codec/control.ts";
import { decodeAppliedRecord, decodeConfiguration } from "../../../proto/codec/records.ts";
import { type LogIndex, type NodeId, toLogIndex } from "../../../proto/ids.ts";
import type { Learner, Membership } from "../../../proto/membership.ts";
import type { AppliedRecord } from "../../../proto/model.ts";
import { isControl, type StandIn } from "../../../proto/raft.ts";
import { decodeGroupRecord } from "../../../storage/group-record.ts";
import type { HardStateTable } from "../../../storage/hard-state.ts";
import { everyRange, logKey, logRange, metaKey, type ParsedKey, parseKey, type Slot } from "../../../storage/keys.ts";
import { decodeLogBoundary, decodeLogRun, type LogEntry } from "../../../storage/log-rows.ts";
import type { Operation } from "../../../storage/ordered-store.ts";
import type { Effect } from "../../node/effects.ts";
import type { Input } from "../../node/inputs.ts";
import type { SimDisk } from "../sim-disk.ts";
import { demand } from "../violation.ts";
import type { Observer, World } from "../world.ts";

/** `group/incarnation` */
export type GroupName = string;

/** `group/incarnation/member` */
export type MemberName = string;

export interface MirroredEntry {
  readonly term: number;
  /** Checksum. */
  readonly payload: number;
  readonly bytes: Uint8Array;
  /** That the entry brings; null: it brings none. */
  readonly membership: Membership | null;
}

/** A membership, and the index of the entry that brought it. */
export interface MirroredMembership {
  readonly index: number;
  readonly value: Membership;
}

/** Where a log ends; compares by term, then by index. */
export interface LogEnd {
  readonly term: number;
  readonly index: number;
}

interface OwnEntry extends MirroredEntry {
  /** Under which its run was written last: the index of the first entry of that. */
  run: LogIndex;
  /** It has been found on the medium, where it stays until another entry takes its place here. */
  isDurable: boolean;
}

interface MirroredSlot {
  /** The newest entry that the log no longer holds. */
  boundary: LogEnd;
  readonly entries: Map<number, OwnEntry>;
  /** Those of the entries that change the membership. */
  readonly changes: Map<number, Membership>;
  /** Of the applied state; null: there is none yet. */
  applied: MirroredMembership | null;
}

/** What a disk held durably before it was lost: a quorum that rested on it was one. */
interface LostDisk {
  readonly table: HardStateTable;
  readonly replicas: ReadonlyMap<MemberName, LostReplica>;
}

interface LostReplica {
  readonly boundary: number;
  readonly terms: ReadonlyMap<number, number>;
}

interface MirroredNode {
  readonly slots: Map<Slot, MirroredSlot>;
  readonly slotOf: Map<GroupName, Slot>;
  /** Also those of members that have left. */
  readonly slotOfMember: Map<MemberName, Slot>;
}

/** What the mirror tells those who listen. */
export interface MirrorEvents {
  logged(node: NodeId, group: GroupName, index: number, entry: MirroredEntry): void;
  applied(node: NodeId, group: GroupName, record: AppliedRecord): void;
}

const pageLimits = { rowsMax: 1_000_000, bytesMax: 1_000_000_000 };

export class ReplicaMirror implements Observer {
  readonly #world: World;
  readonly #events: MirrorEvents;
  readonly #nodes = new Map<NodeId, MirroredNode>();
  /** Of each node, every time that its disk was damaged, or given up as a whole. */
  readonly #lost = new Map<NodeId, LostDisk[]>();

  constructor(world: World, events: MirrorEvents) {
    this.#world = world;
    this.#events = events;
  }

  /** The entry that `node` has written at `index`; null when it has none, or no longer. */
  entryAt(node: NodeId, group: GroupName, index: number): MirroredEntry | null {
    return this.#slot(node, group)?.entries.get(index) ?? null;
  }

  /** Up to where `node` holds the group as state and not as log. */
  boundary(node: NodeId, group: GroupName): number {
    return this.#slot(node, group)?.boundary.index ?? 0;
  }

  /** Who has a replica of the group. */
  holders(group: GroupName): readonly NodeId[] {
    return [...this.#nodes].filter(([, { slotOf }]) => slotOf.has(group)).map(([node]) => node);
  }

  /** The end of the log of `node`; null when it has none. */
  end(node: NodeId, group: GroupName): LogEnd | null {
    const slot = this.#slot(node, group);
    if (slot === null) return null;
    let end = slot.boundary;
    for (const [index, { term }] of slot.entries) if (index > end.index) end = { term, index };
    return end;
  }

  /** As of what `node` has applied. */
  appliedMembership(node: NodeId, group: GroupName): MirroredMembership | null {
    return this.#slot(node, group)?.applied ?? null;
  }

  /** In force at `node`, committed or not: the newest in its log. */
  membershipAt(node: NodeId, group: GroupName): MirroredMembership | null {
    const slot = this.#slot(node, group);
    let newest = slot?.applied ?? null;
    for (const [index, value] of slot?.changes ?? []) if (index > (newest?.index ?? -1)) newest = { index, value };
    return newest;
  }

  /**
   * Memberships that `node` goes by, or went by, above `index`: those of its log, committed or not, and the applied one, whose
   * entry may have been trimmed in the very step that committed it.
   */
  membershipsAbove(node: NodeId, group: GroupName, index: number): readonly Membership[] {
    const slot = this.#slot(node, group);
    const known = [...(slot?.changes ?? [])].map(([at, value]) => ({ index: at, value }));
    const all = slot?.applied ? [slot.applied, ...known] : known;
    return all.filter((membership) => membership.index > index).map(({ value }) => value);
  }

  /** Whom `node` has durably promised to stand in with, as a witness of the group, now and before its disk was damaged. */
  standInsOf(node: NodeId, group: GroupName): readonly StandIn[] {
    const lost = this.#lostBy(node).map(({ table }) => table);
    const tables = [this.#world.node(node).disk.durableTable, ...lost];
    const rows = tables.flat().filter((row) => `${row.group}/${row.incarnation}` === group);
    return rows.flatMap(({ standIn }) => standIn ?? []);
  }

  /**
   * As `isDurable`, now or, as that very member, whenever its disk was lost: a leader that was frozen meanwhile tells late what
   * was committed then, and one whose other followers are slow counts late what a member acknowledged that is lost since.
   */
  wasDurable({ node, member }: Learner, group: GroupName, index: number, term: number): boolean {
    if (this.isDurable(node, group, index, term)) return true;
    return this.#lostBy(node).some(({ replicas }) => {
      const lost = replicas.get(`${group}/${member}`);
      return lost !== undefined && (index <= lost.boundary || lost.terms.get(index) === term);
    });
  }

  /** Whether the log of `node` would be whole up to `index` after a power loss, with `term` there if that is known. */
  isDurable(node: NodeId, group: GroupName, index: number, term: number | null): boolean {
    const slot = this.#nodes.get(node)?.slotOf.get(group);
    return slot !== undefined && this.#isDurableIn(node, slot, index, term);
  }

  /** The same of what `node` holds, or has held until it left the group, as that member. */
  isDurableAs(node: NodeId, member: MemberName, index: number): boolean {
    const slot = this.#nodes.get(node)?.slotOfMember.get(member);
    return slot !== undefined && this.#isDurableIn(node, slot, index, null);
  }

  #isDurableIn(node: NodeId, slot: Slot, index: number, term: number | null): boolean {
    const mirrored = this.#nodes.get(node)?.slots.get(slot);
    if (index <= (mirrored?.boundary.index ?? 0)) return true;
    const entry = mirrored?.entries.get(index);
    if (entry?.isDurable === true && (term === null || entry.term === term)) return true;
    const found = this.#lastDurable(node, slot, index);
    if (found?.index !== index) return false;
    if (entry?.term === found.term) entry.isDurable = true;
    return term === null || found.term === term;
  }

  /** The last entry up to `index` that a power loss would leave; null: none, or it is damaged, and nobody has started on it yet. */
  #lastDurable(node: NodeId, slot: Slot, index: number): LogEntry | null {
    const range = { start: logKey(slot, toLogIndex(0)), end: logKey(slot, toLogIndex(index + 1)) };
    const row = this.#world.node(node).disk.lastDurableRow(range);
    const run = row === null ? "none" : decodeLogRun(row.value);
    return typeof run === "string" ? null : (run.entries.findLast((entry) => entry.index <= index) ?? null);
  }

  damaging(node: NodeId): void {
    this.#lose(node);
  }

  #lose(node: NodeId): void {
    const { disk } = this.#world.node(node);
    const { slotOf, slotOfMember } = this.#nodes.get(node) ?? freshNode();
    const present = [...slotOfMember].filter(([member, slot]) => slotOf.get(groupOfMember(member)) === slot);
    const replicas = new Map(present.map(([member, slot]) => [member, lostReplica(disk, slot)]));
    this.#lost.set(node, [...this.#lostBy(node), { table: disk.durableTable, replicas }]);
  }

  #lostBy(node: NodeId): readonly LostDisk[] {
    return this.#lost.get(node) ?? [];
  }

  /** Term of the last entry up to `index` that a power loss would leave in the log of `node`; 0: there is none. */
  durableTermUpTo(node: NodeId, group: GroupName, index: number): number {
    const slot = this.#nodes.get(node)?.slotOf.get(group);
    const found = slot === undefined ? null : this.#lastDurable(node, slot, index);
    return found !== null && found.index > this.boundary(node, group) ? found.term : 0;
  }

  /** What the disk holds is where the new process begins, or what it gives up, when it begins in quarantine. */
  started(node: NodeId): void {
    this.#nodes.set(node, freshNode());
    const { disk } = this.#world.node(node);
    for (const { key, value } of disk.durablePage(everyRange(), pageLimits).rows) {
      if (!isUnreadable(key, value)) this.#take(node, { type: "put", key, value }, true);
    }
    if (disk.durableRow(metaKey("quarantine")) !== null) this.#lose(node);
  }

  stepped(node: NodeId, _input: Input, effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.type !== "write") continue;
      for (const operation of effect.batch.operations) this.#take(node, operation, false);
    }
  }

  #slot(node: NodeId, group: GroupName): MirroredSlot | null {
    const mirrored = this.#nodes.get(node);
    const slot = mirrored?.slotOf.get(group);
    return slot === undefined ? null : (mirrored?.slots.get(slot) ?? null);
  }

  #take(node: NodeId, operation: Operation, isOld: boolean): void {
    const mirrored = present(this.#nodes.get(node), `mirror of ${node}`);
    const key = parseKey(operation.key);
    if (key.type === "group") takeGroup(mirrored, key, operation);
    else if (key.type === "logBoundary") takeBoundary(mirrored, key.slot, operation);
    else if (key.type === "log") this.#takeRun(node, mirrored, key, operation, isOld);
    else if (key.type === "state" && key.table === "applied") this.#takeApplied(node, mirrored, key, operation, isOld);
    else if (key.type === "state" && key.table === "membership") takeMembership(mirrored, key.slot, operation);
  }

  #takeRun(
    node: NodeId,
    mirrored: MirroredNode,
    key: Extract<ParsedKey, { type: "log" }>,
    operation: Operation,
    isOld: boolean,
  ): void {
    const slot = slotOf(mirrored, key.slot);
    const run = operation.type === "delete" ? [] : readable(decodeLogRun(operation.value)).entries;
    const group = groupOf(mirrored, key.slot);
    for (const { term, index, payload } of run) {
      const checksum = crc32(payload);
      const held = slot.entries.get(index);
      if (held?.term === term && held.payload === checksum) {
        held.run = key.index;
        continue;
      }
      const membership = membershipIn(payload);
      const entry = { run: key.index, term, payload: checksum, bytes: payload, membership, isDurable: false };
      slot.entries.set(index, entry);
      slot.changes.delete(index);
      if (membership !== null) slot.changes.set(index, membership);
      if (group !== null && !isOld) this.#events.logged(node, group, index, entry);
    }
    dropRest(slot, key.index, key.index + run.length);
  }

  #takeApplied(
    node: NodeId,
    mirrored: MirroredNode,
    key: Extract<ParsedKey, { type: "state" }>,
    operation: Operation,
    isOld: boolean,
  ): void {
    const group = groupOf(mirrored, key.slot);
    if (isOld || group === null || operation.type === "delete" || key.key.byteLength > 0) return;
    this.#events.applied(node, group, decodeAppliedRecord(operation.value));
  }
}

function freshNode(): MirroredNode {
  return { slots: new Map(), slotOf: new Map(), slotOfMember: new Map() };
}

function lostReplica(disk: SimDisk, slot: Slot): LostReplica {
  const [boundary, ...runs] = disk.durablePage(logRange(slot), pageLimits).rows;
  const entries = runs.flatMap(({ value }) => readable(decodeLogRun(value)).entries);
  return {
    boundary: boundary === undefined ? 0 : readable(decodeLogBoundary(boundary.value)).index,
    terms: new Map(entries.map(({ index, term }) => [index, term])),
  };
}

function takeGroup(mirrored: MirroredNode, key: Extract<ParsedKey, { type: "group" }>, operation: Operation): void {
  const group = `${key.group}/${key.incarnation}`;
  if (operation.type === "delete") {
    mirrored.slotOf.delete(group);
    return;
  }
  const record = decodeGroupRecord(operation.value);
  assert(typeof record !== "string", () => `${group}: ${record}`);
  // A witness, and a node that left, store nothing of the group.
  if (record.role !== "owner" && record.role !== "learner") mirrored.slotOf.delete(group);
  else {
    mirrored.slotOf.set(group, record.slot);
    mirrored.slotOfMember.set(`${group}/${record.member}`, record.slot);
  }
}

function takeBoundary(mirrored: MirroredNode, slot: Slot, operation: Operation): void {
  if (operation.type === "delete") mirrored.slots.delete(slot);
  else slotOf(mirrored, slot).boundary = readable(decodeLogBoundary(operation.value));
}

/** Entries of a run that has been written anew without them, or deleted. */
function dropRest({ entries, changes }: MirroredSlot, run: LogIndex, from: number): void {
  for (let index = from; entries.get(index)?.run === run; index++) {
    entries.delete(index);
    changes.delete(index);
  }
}

function takeMembership(mirrored: MirroredNode, slot: Slot, operation: Operation): void {
  if (operation.type === "delete") return;
  const { index, membership } = decodeConfiguration(operation.value);
  slotOf(mirrored, slot).applied = { index, value: membership };
}

function slotOf(mirrored: MirroredNode, slot: Slot): MirroredSlot {
  const known = mirrored.slots.get(slot);
  if (known !== undefined) return known;
  const boundary = { term: 0, index: 0 };
  const made: MirroredSlot = { boundary, entries: new Map(), changes: new Map(), applied: null };
  mirrored.slots.set(slot, made);
  return made;
}

function membershipIn(payload: Uint8Array): Membership | null {
  const control = isControl(payload) ? decodeControl(payload) : null;
  return control?.type === "membership" ? control.membership : null;
}

function groupOfMember(member: MemberName): GroupName {
  return member.slice(0, member.lastIndexOf("/"));
}

/** null for a slot that no group record names: a snapshot on its way. */
function groupOf(mirrored: MirroredNode, slot: Slot): GroupName | null {
  for (const [group, used] of mirrored.slotOf) {
    if (used === slot) return group;
  }
  return null;
}

/** Of a slot that nobody uses any more: else the start would have noticed. */
function isUnreadable(key: Uint8Array, value: Uint8Array): boolean {
  const parsed = parseKey(key);
  if (parsed.type === "log") return typeof decodeLogRun(value) === "string";
  if (parsed.type === "logBoundary") return typeof decodeLogBoundary(value) === "string";
  return parsed.type === "state" && parsed.table === "membership" && !isConfiguration(value);
}

function isConfiguration(value: Uint8Array): boolean {
  try {
    decodeConfiguration(value);
    return true;
  } catch (reason) {
    if (reason instanceof CodecError) return false;
    throw reason;
  }
}

function readable<Decoded extends object>(decoded: Decoded | string): Decoded {
  demand(typeof decoded !== "string", "log", () => `A row of a log that nobody can read: ${decoded}`);
  return decoded;
}
