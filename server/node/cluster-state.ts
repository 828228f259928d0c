// The cluster database: nodes, group directory, cluster events, and verdicts on the nodes that are in no group. Replicated by
// the system group's log; every node applies that log, voter or not (A3).

import { present } from "../../proto/assert.ts";
import { decodeClusterCommand } from "../../proto/codec/commands.ts";
import {
  decodeClusterEvent,
  decodeDirectoryEntry,
  decodeGroupRecovery,
  decodeNodeIntent,
  decodeNodeRecord,
  decodeStatusComponent,
  encodeClusterEvent,
  encodeDirectoryEntry,
  encodeGroupRecovery,
  encodeNodeIntent,
  encodeNodeRecord,
  encodeStatusComponent,
} from "../../proto/codec/records.ts";
import type { ClusterCommand, VerdictChange } from "../../proto/commands.ts";
import { type Failure, failure } from "../../proto/errors.ts";
import {
  clusterGroup,
  type GroupId,
  type LogIndex,
  type NodeId,
  toIncarnation,
  toLogIndex,
  toRevision,
} from "../../proto/ids.ts";
import type { Configuration } from "../../proto/membership.ts";
import type { StateRow } from "../../proto/messages.ts";
import type {
  ClusterChange,
  ClusterEvent,
  DirectoryEntry,
  GroupRecovery,
  KeptIntent,
  NodeIntent,
  NodeRecord,
  StatusComponent,
} from "../../proto/model.ts";
import type { Entry } from "../../proto/raft.ts";
import { bytesOf, textOf } from "../../storage/bytes.ts";
import { parseKey, rowOfSlot, type Slot } from "../../storage/keys.ts";
import { isAtRest } from "../raft/changes.ts";
import { Directory } from "../sphere/directory.ts";
import type { ReplicatedState, VersionPage } from "./applier.ts";
import { limits } from "./limits.ts";
import { MembersRow } from "./members-row.ts";
import type { ReplicaRows, SmallRow } from "./replica-rows.ts";
import { StateRows } from "./state-rows.ts";

export type ClusterOutcome =
  | { readonly type: "decided" }
  /** Its owners make their replicas in the step that applies this. */
  | { readonly type: "groupCreated"; readonly entry: DirectoryEntry }
  /** One node goes on from its replica in the step that applies this. */
  | { readonly type: "groupRecovered"; readonly entry: DirectoryEntry }
  | { readonly type: "intended"; readonly intent: NodeIntent }
  | { readonly type: "refused"; readonly failure: Failure };

/** What the cluster database last recorded of a node; `new`: nothing yet (a first start is no event). */
export type RecordedStatus = "new" | "up" | "down";

const decided: ClusterOutcome = { type: "decided" };
const noKeys = { revision: toRevision(1), floor: toRevision(1) };

/** How the cluster group goes on in another incarnation. */
export interface ClusterSuccession {
  readonly configuration: Configuration;
  readonly atMs: number;
  readonly change: ClusterChange & { readonly type: "clusterRecovered" };
}

export class ClusterState implements ReplicatedState<ClusterOutcome> {
  readonly rows: StateRows;
  readonly members: MembersRow;
  readonly mvcc = noKeys;
  readonly #nodes = new Map<NodeId, NodeRecord>();
  readonly #groups = new Map<GroupId, DirectoryEntry>();
  /** Of groups that have not said yet that they go on. */
  readonly #recoveries = new Map<GroupId, GroupRecovery>();
  /** Of nodes of which operators have ever wanted anything. */
  readonly #intents = new Map<NodeId, NodeIntent>();
  readonly #recorded = new Map<NodeId, RecordedStatus>();
  readonly #verdicts = new Map<NodeId, StatusComponent>();
  /** Those with a vote as the members were last. */
  #voters: readonly NodeId[];
  /** Those with a vote when events last told of it; null: the same, or nobody has lost a vote since. */
  #votersTold: readonly NodeId[] | null = null;
  /** Oldest first, with their rows. */
  readonly #events: { readonly event: ClusterEvent; readonly key: Uint8Array }[] = [];
  #directory: Directory | null = null;

  private constructor(rows: StateRows, members: MembersRow) {
    this.rows = rows;
    this.members = members;
    this.#voters = this.voters;
  }

  /** The cluster as the bootstrap file describes it. */
  static genesis(
    bootstrap: {
      readonly nodes: readonly NodeRecord[];
      readonly groups: readonly Omit<DirectoryEntry, "index">[];
      readonly voters: readonly NodeId[];
    },
    slot: Slot,
  ): ClusterState {
    const rows = new StateRows(slot);
    const state = new ClusterState(rows, MembersRow.genesis(rows, bootstrap.voters));
    for (const record of bootstrap.nodes) state.#setNode(record);
    const index = toLogIndex(0);
    for (const { group, incarnation, owners } of bootstrap.groups)
      state.#setGroup({ group, incarnation, owners, index });
    return state;
  }

  /** @throws {CodecError} when a row is damaged */
  static restore(image: ReplicaRows): ClusterState | string {
    const state = ClusterState.fromRows(image.slot, image.small);
    if (state === null) return "the voters are missing";
    return state.rows.digest() === image.applied.stateHash ? state : "the rows do not have the state hash on record";
  }

  /** @param rows all small rows of another copy, keys without their slot; not written yet: see `StateRows.rewrite` */
  static fromRows(slot: Slot, rows: readonly StateRow[]): ClusterState | null {
    const own = new StateRows(slot);
    const small = rows.flatMap((row) => tabled(slot, row));
    const members = MembersRow.restore(own, small);
    if (members === null) return null;
    const state = new ClusterState(own, members);
    for (const row of small) state.#restoreRow(row);
    return state;
  }

  /**
   * The same database in another incarnation, in a slot that holds nothing: to be written whole. It tells of itself by an event
   * at its first index.
   */
  static goOn(old: ClusterState, slot: Slot, succession: ClusterSuccession): ClusterState {
    const state = present(ClusterState.fromRows(slot, old.rows.smallRows()), "the voters of the cluster group");
    const { configuration, atMs, change } = succession;
    state.members.replace(configuration);
    state.#voters = state.voters;
    state.#setVotersTold(null);
    state.#record(change, { index: configuration.index, ordinal: 0 }, atMs);
    state.rows.takeOperations();
    state.rows.rewrite();
    return state;
  }

  get directory(): Directory {
    this.#directory ??= new Directory({ nodes: [...this.#nodes.keys()], groups: [...this.#groups.values()] });
    return this.#directory;
  }

  /** Voters of the cluster group, in order of precedence. */
  get voters(): readonly NodeId[] {
    return this.members.membership.owners;
  }

  get nodes(): readonly NodeRecord[] {
    return [...this.#nodes.values()];
  }

  node(name: NodeId): NodeRecord | null {
    return this.#nodes.get(name) ?? null;
  }

  /** Nodes in no group: the voters of this group watch them. */
  ungrouped(): readonly NodeId[] {
    return this.directory.nodes.filter((node) => this.directory.groupsOf(node).length === 0);
  }

  /** Verdicts on nodes in no group. */
  verdicts(): readonly StatusComponent[] {
    return [...this.#verdicts.values()];
  }

  recorded(node: NodeId): RecordedStatus {
    return this.#recorded.get(node) ?? "new";
  }

  /** Oldest first. */
  get events(): readonly ClusterEvent[] {
    return this.#events.map(({ event }) => event);
  }

  /** Every event above this index is held. */
  get eventsFloor(): LogIndex {
    const [oldest] = this.#events;
    return oldest === undefined || this.#events.length < limits.clusterEventsKept ? toLogIndex(0) : oldest.event.index;
  }

  eventsAfter(index: LogIndex, limit: number): readonly ClusterEvent[] {
    const later = this.#events.filter(({ event }) => event.index > index);
    return later.slice(0, limit).map(({ event }) => event);
  }

  newestEvents(limit: number): readonly ClusterEvent[] {
    return this.#events.slice(-limit).map(({ event }) => event);
  }

  /** Why a group may not be created; null when it may. */
  refuseGroup(entry: Pick<DirectoryEntry, "group" | "owners">): Failure | null {
    const { group, owners } = entry;
    if (this.#groups.has(group)) return failure("already_exists", `The group ${group} exists already`, { group });
    if (this.#groups.size >= limits.groupsMax) {
      return failure("overloaded", `The cluster has ${this.#groups.size} groups, limit ${limits.groupsMax}`, { group });
    }
    const stranger = owners.find((owner) => !this.#nodes.has(owner));
    if (stranger === undefined) return null;
    const message = `The owner ${stranger} is not a node of this cluster`;
    return failure("invalid_argument", message, { group, node: stranger, field: "owners" });
  }

  /** How the group begins its present incarnation, when it goes on from one node's data and has not said yet that it does. */
  recovery(group: GroupId): GroupRecovery | null {
    return this.#recoveries.get(group) ?? null;
  }

  /** Why a group may not go on so; null when it may. */
  refuseRecovery(group: GroupId, { incarnation, from, owners }: GroupRecovery): Failure | null {
    const known = this.#groups.get(group);
    if (known === undefined) return failure("not_found", `There is no group ${group} in this cluster`, { group });
    if (known.incarnation !== incarnation - 1) {
      const message = `The group ${group} is of incarnation ${known.incarnation} by now, it was to go on from ${incarnation - 1}`;
      return failure("condition_failed", message, { group });
    }
    const stranger = [from, ...owners].find((node) => !this.#nodes.has(node));
    if (stranger === undefined) return null;
    const message = `The node ${stranger} is not one of this cluster`;
    return failure("invalid_argument", message, { group, node: stranger });
  }

  /** What operators want of the node; null: they have never wanted anything of it. */
  intent(node: NodeId): NodeIntent | null {
    return this.#intents.get(node) ?? null;
  }

  /** What operators want of owners of the group, who has not said yet that they have come to it. */
  pendingIntents(group: GroupId): readonly NodeIntent[] {
    return [...this.#intents.values()].filter(({ pending }) => pending.includes(group));
  }

  /** Whether a group's word that it has come to something is news. */
  isPending({ node, group, index }: KeptIntent): boolean {
    const intent = this.#intents.get(node);
    return intent !== undefined && intent.index === index && intent.pending.includes(group);
  }

  /** Whether a group's own word on its owners is newer than the directory's, which may itself have been recovered. */
  isNews({ group, incarnation, owners, index }: DirectoryEntry): boolean {
    const known = this.#groups.get(group);
    // No group is ever removed: who went on from an older copy of the database has not heard of this one.
    if (known === undefined) return owners.every((owner) => this.#nodes.has(owner));
    if (known.incarnation > incarnation) return false;
    return known.incarnation < incarnation || known.index < index;
  }

  /** Who has a vote, and had one, when events last told of it; null: there is nothing to tell, or not yet. */
  get untoldVoters(): { readonly left: readonly NodeId[]; readonly joined: readonly NodeId[] } | null {
    const told = this.#votersTold;
    if (told === null || !isAtRest(this.members.membership)) return null;
    const { voters } = this;
    const left = told.filter((node) => !voters.includes(node));
    return { left, joined: voters.filter((node) => !told.includes(node)) };
  }

  applyEntry(entry: Entry): ClusterOutcome {
    return this.#apply(decodeClusterCommand(entry.payload), entry.index);
  }

  /** The entry says nothing of when and why: whoever leads tells that. */
  membersChanged(): void {
    const before = this.#voters;
    this.#voters = this.voters;
    const hasLoser = before.some((node) => !this.#voters.includes(node));
    if (hasLoser && this.#votersTold === null) this.#setVotersTold(before);
  }

  sweep(): boolean {
    return false;
  }

  versionPage(): VersionPage {
    return { rows: [], next: null };
  }

  #apply(command: ClusterCommand, index: LogIndex): ClusterOutcome {
    switch (command.type) {
      case "events":
        for (const [ordinal, change] of command.changes.entries())
          this.#record(change, { index, ordinal }, command.atMs);
        return decided;
      case "createGroup":
        return this.#createGroup(command, index);
      case "ownersChanged":
        return this.#changeOwners(command, index);
      case "recoverGroup":
        return this.#recoverGroup(command, index);
      case "intendNode":
        return this.#intend(command, index);
      case "intentsKept":
        for (const kept of command.kept) this.#keep(kept);
        return decided;
      case "votersChanged":
        this.#tellVoters(command, index);
        return decided;
      case "verdicts":
        for (const change of command.changes) this.#decide(change, index);
        return decided;
    }
  }

  #createGroup(command: Extract<ClusterCommand, { type: "createGroup" }>, index: LogIndex): ClusterOutcome {
    const { entry, atMs } = command;
    const refusal = this.refuseGroup(entry);
    if (refusal !== null) return { type: "refused", failure: refusal };
    this.#setGroup(entry);
    this.#record({ type: "groupCreated", entry }, { index, ordinal: 0 }, atMs);
    return { type: "groupCreated", entry };
  }

  #changeOwners(command: Extract<ClusterCommand, { type: "ownersChanged" }>, index: LogIndex): ClusterOutcome {
    const news = command.entries.filter((entry) => this.isNews(entry));
    for (const [ordinal, entry] of news.entries()) {
      this.#setGroup(entry);
      this.#setRecovery(entry.group, null);
      this.#record({ type: "ownersChanged", entry }, { index, ordinal }, command.atMs);
    }
    return decided;
  }

  #recoverGroup(command: Extract<ClusterCommand, { type: "recoverGroup" }>, index: LogIndex): ClusterOutcome {
    const { group, recovery, reason, atMs } = command;
    const refusal = this.refuseRecovery(group, recovery);
    if (refusal !== null) return { type: "refused", failure: refusal };
    const { incarnation, from } = recovery;
    const entry = { group, incarnation, owners: [from], index: toLogIndex(0) };
    this.#setGroup(entry);
    this.#setRecovery(group, recovery);
    this.#record({ type: "groupRecovered", entry, from, reason }, { index, ordinal: 0 }, atMs);
    return { type: "groupRecovered", entry };
  }

  #intend(command: Extract<ClusterCommand, { type: "intendNode" }>, index: LogIndex): ClusterOutcome {
    const { node, wanted, reason, atMs } = command;
    if (!this.#nodes.has(node)) {
      const unknown = failure("not_found", `There is no node ${node} in this cluster`, { node });
      return { type: "refused", failure: unknown };
    }
    const before = this.intent(node)?.wanted ?? "none";
    const pending = this.directory.groupsOf(node).map(({ group }) => group);
    const intent = { node, wanted, reason, index, pending };
    this.#setIntent(intent);
    const type = wanted === "drained" ? "nodeDrained" : "nodeUndrained";
    if (wanted !== before) this.#record({ type, node, reason }, { index, ordinal: 0 }, atMs);
    return { type: "intended", intent };
  }

  #keep(kept: KeptIntent): void {
    const intent = this.#intents.get(kept.node);
    if (intent === undefined || !this.isPending(kept)) return;
    this.#setIntent({ ...intent, pending: intent.pending.filter((group) => group !== kept.group) });
  }

  #tellVoters({ by, reason, atMs }: Extract<ClusterCommand, { type: "votersChanged" }>, index: LogIndex): void {
    const change = this.untoldVoters;
    if (change === null) return;
    this.#setVotersTold(null);
    if (change.left.length + change.joined.length === 0) return;
    this.#record({ type: "votersChanged", ...change, by, reason }, { index, ordinal: 0 }, atMs);
  }

  /** A group that takes a drained node in is to drain it; one that has let it go has nothing more to do for it. */
  #followOwners(before: readonly NodeId[], { group, owners }: DirectoryEntry): void {
    for (const intent of [...this.#intents.values()]) {
      const { node, wanted } = intent;
      const others = intent.pending.filter((name) => name !== group);
      const isNew = owners.includes(node) && !before.includes(node) && wanted === "drained";
      const isOpen = isNew || (owners.includes(node) && intent.pending.includes(group));
      if (isOpen === intent.pending.includes(group)) continue;
      this.#setIntent({ ...intent, pending: isOpen ? [...others, group] : others });
    }
  }

  #record(change: ClusterChange, at: { index: LogIndex; ordinal: number }, atMs: number): void {
    if (change.type === "nodeFailed") this.#setRecorded(change.node, "down");
    if (change.type === "nodeReintegrated") this.#setRecorded(change.node, "up");
    const event = { index: at.index, atMs, change };
    const key = eventKey(at.index, at.ordinal);
    this.#events.push({ event, key });
    this.rows.set("cluster", key, encodeClusterEvent(event));
    const surplus = Math.max(0, this.#events.length - limits.clusterEventsKept);
    for (const old of this.#events.splice(0, surplus)) this.rows.delete("cluster", old.key);
  }

  #decide(change: VerdictChange, index: LogIndex): void {
    const incarnation = toIncarnation(1);
    const component = { ...change, group: clusterGroup, incarnation, index };
    this.#verdicts.set(change.node, component);
    this.rows.set("cluster", nameKey("verdict", change.node), encodeStatusComponent(component));
  }

  #setNode(record: NodeRecord): void {
    this.#nodes.set(record.node, record);
    this.#directory = null;
    this.rows.set("cluster", nameKey("node", record.node), encodeNodeRecord(record));
  }

  #setGroup(entry: DirectoryEntry): void {
    const before = this.#groups.get(entry.group)?.owners ?? [];
    this.#groups.set(entry.group, entry);
    this.#followOwners(before, entry);
    this.#directory = null;
    this.rows.set("cluster", nameKey("group", entry.group), encodeDirectoryEntry(entry));
  }

  #setRecovery(group: GroupId, recovery: GroupRecovery | null): void {
    const key = nameKey("recovery", group);
    if (recovery === null) {
      if (this.#recoveries.delete(group)) this.rows.delete("cluster", key);
      return;
    }
    this.#recoveries.set(group, recovery);
    this.rows.set("cluster", key, encodeGroupRecovery(recovery));
  }

  #setIntent(intent: NodeIntent): void {
    this.#intents.set(intent.node, intent);
    this.rows.set("cluster", nameKey("intent", intent.node), encodeNodeIntent(intent));
  }

  #setVotersTold(voters: readonly NodeId[] | null): void {
    this.#votersTold = voters;
    const key = nameKey("voters", "told");
    if (voters === null) this.rows.delete("cluster", key);
    else this.rows.set("cluster", key, bytesOf(voters.join(" ")));
  }

  #setRecorded(node: NodeId, status: RecordedStatus): void {
    this.#recorded.set(node, status);
    this.rows.set("cluster", nameKey("recorded", node), bytesOf(status));
  }

  #restoreRow(row: SmallRow): void {
    this.rows.restoreSmall(row);
    if (row.table !== "cluster") return;
    const [kind, name] = readClusterKey(row.key);
    if (kind === "node") this.#nodes.set(name as NodeId, decodeNodeRecord(row.value));
    else if (kind === "group") this.#groups.set(name as GroupId, decodeDirectoryEntry(row.value));
    else if (kind === "recovery") this.#recoveries.set(name as GroupId, decodeGroupRecovery(row.value));
    else if (kind === "intent") this.#intents.set(name as NodeId, decodeNodeIntent(row.value));
    else if (kind === "recorded") this.#recorded.set(name as NodeId, textOf(row.value) as RecordedStatus);
    else if (kind === "voters") this.#votersTold = textOf(row.value).split(" ") as NodeId[];
    else if (kind === "verdict") this.#verdicts.set(name as NodeId, decodeStatusComponent(row.value));
    else this.#events.push({ event: decodeClusterEvent(row.value), key: row.key.subarray(tailHeaderBytes) });
  }
}

/** With the table that its key names; nothing for a row of no table. */
function tabled(slot: Slot, row: StateRow): readonly SmallRow[] {
  const key = parseKey(rowOfSlot(slot, row.key));
  return key.type === "state" ? [{ ...row, table: key.table }] : [];
}

type RowKind = "node" | "group" | "recovery" | "intent" | "recorded" | "voters" | "verdict" | "event";

/** Keys of table `cluster`: a word, a slash, a name or number. */
function nameKey(kind: RowKind, name: string): Uint8Array {
  return bytesOf(`${kind}/${name}`);
}

/** Fixed width, so that rows come back in the order of the events. */
function eventKey(index: LogIndex, ordinal: number): Uint8Array {
  return nameKey("event", `${String(index).padStart(16, "0")}/${String(ordinal).padStart(6, "0")}`);
}

/** @param tail of a row of table `cluster`, without its slot */
function readClusterKey(tail: Uint8Array): readonly [kind: RowKind, name: string] {
  const text = textOf(tail.subarray(tailHeaderBytes));
  const slash = text.indexOf("/");
  return [text.slice(0, slash) as RowKind, text.slice(slash + 1)];
}

/** Kind of slot row and table, before the key proper (storage/keys.ts). */
const tailHeaderBytes = 2;
