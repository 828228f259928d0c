// When a node's failure or reintegration becomes an event of the whole cluster (A3). Run by the leader of the cluster group:
// it collects what the node's groups report, asks those that have said nothing, and waits for a group without a quorum only
// so long. It keeps nothing that matters: a manager repeats its report until the cluster's record agrees with its group.

import { assert } from "../../proto/assert.ts";
import { clusterGroup, type GroupId, type Millis, type NodeId, toMillis } from "../../proto/ids.ts";
import type { ClusterChange, DirectoryEntry, RecoveryStatus, StatusComponent } from "../../proto/model.ts";
import { isThere } from "./intents.ts";
import { reasonText } from "./reason.ts";

/** A lost poll must not make a healthy group look like one without a quorum. */
const pollsPerWait = 3;

export interface EventAgreementOptions {
  /** How long a silent group is waited for, from the first report on the node. */
  readonly pollMs: number;
  /** Least time between two answers of `due` that hold changes. */
  readonly intervalMs: number;
  /** Nodes under discussion at once; a report on one more is dropped, and repeated by its manager later. */
  readonly pendingNodesMax: number;
  /** Changes of one entry; the rest follow in the next. */
  readonly changesMax: number;
}

/** What agreement needs of the group directory; the system group is not in it. */
export interface NodeGroups {
  isNode(node: NodeId): boolean;
  groupsOf(node: NodeId): readonly DirectoryEntry[];
}

/** What the cluster database says of a node: its newest event, or `new` without any. */
export type RecordedStatus = "up" | "down" | "new";

/** The groups' managers are to be asked for their verdict on the node. */
export interface VerdictPoll {
  readonly node: NodeId;
  /** As first reported. */
  readonly status: RecoveryStatus;
  /** Those that have said nothing yet; at least one. */
  readonly groups: readonly DirectoryEntry[];
}

export interface DueAgreement {
  /** One entry for the cluster's log; empty: nothing to log now. */
  readonly changes: readonly ClusterChange[];
  readonly polls: readonly VerdictPoll[];
}

interface Pending {
  readonly firstMs: Millis;
  readonly status: RecoveryStatus;
  /** The newest of each group. */
  readonly components: Map<GroupId, StatusComponent>;
  nextPollMs: Millis;
  /** When it has to be looked at again. */
  dueMs: Millis;
}

type Finding =
  | { readonly type: "waiting"; readonly missing: readonly DirectoryEntry[] }
  /** Nothing to tell: the groups disagree, have no opinion, or say what is recorded. */
  | { readonly type: "dropped" }
  | { readonly type: "agreed"; readonly change: ClusterChange };

export class EventAgreement {
  readonly #options: EventAgreementOptions;
  readonly #pending = new Map<NodeId, Pending>();
  /** Of nodes of the cluster: a discussion that begins with a late answer to the last poll is no reason for the next. */
  readonly #nextPollMs = new Map<NodeId, Millis>();
  #nextEntryMs: Millis = toMillis(0);

  constructor(options: EventAgreementOptions) {
    assert(options.pollMs > 0 && options.intervalMs >= 0, () => `pollMs ${options.pollMs}, ${options.intervalMs}`);
    this.#options = options;
  }

  /** Takes a group's verdict on a node, from its manager; in any order, repeats welcome. */
  report(component: StatusComponent, nowMs: Millis): void {
    const pending = this.#pending.get(component.node) ?? this.#begin(component, nowMs);
    if (pending === null) return;
    const known = pending.components.get(component.group);
    if (known !== undefined && !isNewer(component, known)) return;
    pending.components.set(component.group, component);
    pending.dueMs = nowMs;
  }

  discusses(node: NodeId): boolean {
    return this.#pending.has(node);
  }

  #begin(component: StatusComponent, nowMs: Millis): Pending | null {
    if (this.#pending.size >= this.#options.pendingNodesMax) return null;
    const { status } = component;
    const nextPollMs = toMillis(Math.max(nowMs, this.#nextPollMs.get(component.node) ?? 0));
    const pending = { firstMs: nowMs, status, components: new Map(), nextPollMs, dueMs: nowMs };
    this.#pending.set(component.node, pending);
    return pending;
  }

  /**
   * What is to be logged and asked now. Call it when `deadlineMs` is reached, and not while an earlier entry is still being
   * logged: `recorded` would not know of it, and the change would be logged twice.
   *
   * A node is settled when all its groups have reported, or `pollMs` after the first report by those that have. Only `up`,
   * `draining` and `maintenance`, which are words for one that is there, against `down` count as opinions; a group in which the
   * node is `joining` or `suspect` has none. A node that is `new` and comes up gives no event; one that went down and up between two calls gives none either.
   */
  due(nowMs: Millis, recorded: (node: NodeId) => RecordedStatus, directory: NodeGroups): DueAgreement {
    const changes: ClusterChange[] = [];
    const polls: VerdictPoll[] = [];
    for (const [node, pending] of this.#pending) {
      if (pending.dueMs > nowMs) continue;
      const finding = this.#examine(node, pending, { nowMs, recorded: recorded(node), directory });
      if (finding.type === "waiting") polls.push(...this.#poll(node, pending, { nowMs, groups: finding.missing }));
      else if (finding.type === "dropped") this.#pending.delete(node);
      else if (nowMs >= this.#nextEntryMs && changes.length < this.#options.changesMax) {
        changes.push(finding.change);
        this.#pending.delete(node);
      } else pending.dueMs = this.#entryAfter(nowMs);
    }
    if (changes.length > 0) this.#nextEntryMs = toMillis(nowMs + this.#options.intervalMs);
    return { changes, polls };
  }

  /** @returns null when no node is under discussion */
  deadlineMs(): Millis | null {
    let earliest: Millis | null = null;
    for (const { dueMs } of this.#pending.values()) {
      if (earliest === null || dueMs < earliest) earliest = dueMs;
    }
    return earliest;
  }

  #examine(node: NodeId, pending: Pending, context: Context): Finding {
    const { nowMs, recorded, directory } = context;
    if (!directory.isNode(node)) return { type: "dropped" };
    const groups = directory.groupsOf(node);
    const counted = countedOf(pending, groups);
    const missing = groups.filter((entry) => !counted.some((component) => component.group === entry.group));
    const isOver = nowMs >= pending.firstMs + this.#options.pollMs;
    if (missing.length > 0 && !isOver) return { type: "waiting", missing };
    return settle(node, counted, recorded);
  }

  /** Asks now and every `pollMs / pollsPerWait`, however many reports arrive in between. */
  #poll(node: NodeId, pending: Pending, round: PollRound): readonly VerdictPoll[] {
    const { nowMs, groups } = round;
    const isAsking = nowMs >= pending.nextPollMs;
    const endMs = pending.firstMs + this.#options.pollMs;
    if (isAsking) {
      const nextMs = toMillis(nowMs + this.#options.pollMs / pollsPerWait);
      this.#nextPollMs.set(node, nextMs);
      pending.nextPollMs = nextMs;
    }
    pending.dueMs = toMillis(Math.min(pending.nextPollMs, endMs));
    return isAsking ? [{ node, status: pending.status, groups }] : [];
  }

  /** When a change that was agreed at `nowMs` but found no place in an entry is looked at again. */
  #entryAfter(nowMs: Millis): Millis {
    return nowMs < this.#nextEntryMs ? this.#nextEntryMs : toMillis(nowMs + this.#options.intervalMs);
  }
}

interface PollRound {
  readonly nowMs: Millis;
  readonly groups: readonly DirectoryEntry[];
}

interface Context {
  readonly nowMs: Millis;
  readonly recorded: RecordedStatus;
  readonly directory: NodeGroups;
}

/** Reports of groups that the node belongs to; for one in no group, of the cluster group, which watches it (A2). */
function countedOf(pending: Pending, groups: readonly DirectoryEntry[]): readonly StatusComponent[] {
  if (groups.length === 0) return [...pending.components.values()].filter(({ group }) => group === clusterGroup);
  return groups.flatMap((entry) => {
    const component = pending.components.get(entry.group);
    return component !== undefined && component.incarnation >= entry.incarnation ? [component] : [];
  });
}

function settle(node: NodeId, counted: readonly StatusComponent[], recorded: RecordedStatus): Finding {
  const failed = counted.filter(({ status }) => status === "down");
  const alive = counted.filter(({ status }) => isThere(status));
  if (failed.length > 0 && alive.length > 0) return { type: "dropped" };
  const [loss] = failed;
  const [gain] = alive;
  if (loss !== undefined && recorded !== "down") return agreedOn("nodeFailed", node, failed);
  if (gain !== undefined && recorded === "down") return agreedOn("nodeReintegrated", node, alive);
  return { type: "dropped" };
}

function agreedOn(
  type: "nodeFailed" | "nodeReintegrated",
  node: NodeId,
  components: readonly StatusComponent[],
): Finding {
  const groups = components.map(({ group }) => group).join(", ");
  const words = components.map(({ reason }) => reason).find((reason) => reason !== "");
  const reason = reasonText(words === undefined ? `Decided by ${groups}` : `${words} (decided by ${groups})`);
  return { type: "agreed", change: { type, node, reason } };
}

function isNewer(candidate: StatusComponent, known: StatusComponent): boolean {
  if (candidate.incarnation !== known.incarnation) return candidate.incarnation > known.incarnation;
  return candidate.index > known.index;
}
