// Gathers the rows of a node's store, of each only as much as a report needs: of a version the key and whether it lives, of a
// run of a log nothing. It judges nothing.

import type { GroupId, Incarnation, NodeId, Revision } from "../../proto/ids.ts";
import type { StateRow } from "../../proto/messages.ts";
import { textOf } from "../../storage/bytes.ts";
import { decodeGroupRecord, type GroupRecord } from "../../storage/group-record.ts";
import { type ParsedKey, parseKey, type Slot, tailOfRow } from "../../storage/keys.ts";
import { decodeVersion } from "../../storage/mvcc/versions.ts";
import type { Row } from "../../storage/ordered-store.ts";

export interface StoredGroup extends GroupRecord {
  readonly group: GroupId;
  readonly incarnation: Incarnation;
}

/** Everything stored under one slot. */
export interface SlotContent {
  readonly slot: Slot;
  /** Live keys, as latin1 text. */
  readonly keys: Set<string>;
  /** Rows of all tables but versions, keys without their slot. */
  readonly small: StateRow[];
  logRuns: number;
  newestVersion: Revision | null;
}

export interface StatusRow {
  readonly node: NodeId;
  readonly group: GroupId;
  readonly value: Uint8Array;
}

export interface SummaryRow {
  readonly group: GroupId;
  readonly value: Uint8Array;
}

export interface PeerStartRow {
  readonly node: NodeId;
  readonly value: Uint8Array;
}

/** A group that has begun on the node. */
export interface AllocationRow {
  readonly group: GroupId;
  readonly value: Uint8Array;
}

export class DiskContent {
  readonly meta = new Map<string, Uint8Array>();
  readonly groups: StoredGroup[] = [];
  readonly slots = new Map<Slot, SlotContent>();
  readonly statuses: StatusRow[] = [];
  readonly summaries: SummaryRow[] = [];
  /** Peers whose newest start is remembered. */
  readonly peerStarts: PeerStartRow[] = [];
  readonly allocations: AllocationRow[] = [];
  /** Rows that no version of this program writes there: key in hexadecimal, and why. */
  readonly unknown: { readonly key: string; readonly problem: string }[] = [];

  /** In the order of the store. */
  add(row: Row): void {
    const key = parseKey(row.key);
    switch (key.type) {
      case "meta":
        this.meta.set(key.field, row.value);
        return;
      case "group":
        this.#addGroup(key, row);
        return;
      case "logBoundary":
        this.#slot(key.slot);
        return;
      case "log":
        this.#slot(key.slot).logRuns += 1;
        return;
      case "version":
        this.#addVersion(key, row);
        return;
      case "state":
        this.#slot(key.slot).small.push({ key: tailOfRow(row.key), value: row.value });
        return;
      case "nodeStatus":
        this.statuses.push({ node: key.node, group: key.group, value: row.value });
        return;
      case "hardStateMark":
      case "ledgerMark":
        return;
      case "interlock":
        this.summaries.push({ group: key.group, value: row.value });
        return;
      case "peerStart":
        this.peerStarts.push({ node: key.node, value: row.value });
        return;
      case "allocation":
        this.allocations.push({ group: key.group, value: row.value });
        return;
      case "unknown":
        this.#addUnknown(row, "its key is none that this version writes");
        return;
    }
  }

  #addGroup(key: Extract<ParsedKey, { type: "group" }>, row: Row): void {
    const record = decodeGroupRecord(row.value);
    if (typeof record === "string") this.#addUnknown(row, `${key.group}: ${record}`);
    else this.groups.push({ group: key.group, incarnation: key.incarnation, ...record });
  }

  #addVersion(key: Extract<ParsedKey, { type: "version" }>, row: Row): void {
    const { revision, ordinal } = key;
    const version = decodeVersion({ revision, ordinal, value: row.value });
    if (typeof version === "string") {
      this.#addUnknown(row, `a version of a key at revision ${revision}: ${version}`);
      return;
    }
    const slot = this.#slot(key.slot);
    // Versions come in order of revision: the last word on a key stays.
    if (version.kv === null) slot.keys.delete(textOf(version.key));
    else slot.keys.add(textOf(version.key));
    slot.newestVersion = revision;
  }

  #addUnknown(row: Row, problem: string): void {
    this.unknown.push({ key: Buffer.from(row.key).toString("hex"), problem });
  }

  #slot(slot: Slot): SlotContent {
    const known = this.slots.get(slot);
    if (known !== undefined) return known;
    const content: SlotContent = { slot, keys: new Set(), small: [], logRuns: 0, newestVersion: null };
    this.slots.set(slot, content);
    return content;
  }
}
