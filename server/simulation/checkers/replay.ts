// Compares what the clients were told with the events that a group ended with: every acknowledged write is there, at its
// revision, once; no refused one is; every read shows the group as it was at the revision that it names; and revisions
// respect the order of real time, which together makes the history linearizable.

import type { KeySpan, KeyValue } from "../../../proto/model.ts";
import type { KeyEvent, Reply } from "../../../proto/requests.ts";
import { compareBytes, textOf } from "../../../storage/bytes.ts";
import { demand } from "../violation.ts";
import { answeredRevision, nameOfValue, type Operation } from "../workload/history.ts";
import { leasePrefix } from "../workload/leases.ts";
import { accountPrefix } from "../workload/transfers.ts";

type Ok<Type extends Reply["type"]> = Extract<Reply, { type: Type }>;

/** Where a timeline begins: what the group held at a revision. */
export interface TimelineBase {
  readonly revision: number;
  readonly content: readonly KeyValue[];
}

const emptyBase: TimelineBase = { revision: 1, content: [] };

/** One group's keys at every revision from its base on. */
export class Timeline {
  readonly base: TimelineBase;
  readonly events: readonly KeyEvent[];
  readonly #byKey = new Map<string, KeyEvent[]>();
  readonly #byRevision = new Map<number, KeyEvent[]>();
  readonly #baseKeys: ReadonlyMap<string, KeyValue>;
  readonly newest: number;

  /** @param events all of the group behind the base, in order of revision */
  constructor(events: readonly KeyEvent[], base: TimelineBase = emptyBase) {
    this.base = base;
    this.events = events;
    this.#baseKeys = new Map(base.content.map((kv) => [textOf(kv.key), kv]));
    let newest = base.revision;
    for (const event of events) {
      const isNext = event.revision === newest || event.revision === newest + 1;
      demand(isNext, "revisions", () => `Revision ${event.revision} follows ${newest} in the final events`);
      newest = event.revision;
      push(this.#byKey, textOf(event.key), event);
      push(this.#byRevision, event.revision, event);
    }
    this.newest = newest;
  }

  at(revision: number): readonly KeyEvent[] {
    return this.#byRevision.get(revision) ?? [];
  }

  /** What `key` held at `revision`, which is not before the base. */
  valueAt(key: string, revision: number): KeyValue | null {
    const event = this.#byKey.get(key)?.findLast((each) => each.revision <= revision);
    return event === undefined ? (this.#baseKeys.get(key) ?? null) : event.kv;
  }

  /** All that existed at `revision`, in key order. */
  contentAt(revision: number): readonly KeyValue[] {
    const keys = new Set([...this.#baseKeys.keys(), ...this.#byKey.keys()]);
    const found = [...keys].flatMap((key) => this.valueAt(key, revision) ?? []);
    return found.sort((left, right) => compareBytes(left.key, right.key));
  }
}

/**
 * @param operations those of one group
 * @returns how many answers were compared
 */
export function checkReplay(timeline: Timeline, operations: readonly Operation[]): number {
  checkOrigins(timeline, operations);
  checkRealTime(operations);
  let compared = 0;
  for (const operation of operations) {
    if (operation.outcome?.type !== "ok") continue;
    if (isBefore(operation, timeline.base.revision)) continue;
    checkAnswer(timeline, operation, operation.outcome.reply);
    compared += 1;
  }
  return compared;
}

/** Those that a timeline with a base can tell of. What was answered before is left to the checker of single keys. */
export function since(operations: readonly Operation[], { base }: Timeline): readonly Operation[] {
  if (base.revision === emptyBase.revision) return operations;
  return operations.filter((operation) => operation.outcome?.type !== "ok" || revisionOf(operation) > base.revision);
}

/** A local read of a replica that lags; whatever else began behind the base must not show what was before it. */
function isBefore(operation: Operation, revision: number): boolean {
  if (revisionOf(operation) >= revision) return false;
  demand(isLocal(operation), "real time", () => `${nameOf(operation)} goes back behind revision ${revision}`);
  return true;
}

/** Every value came from one write that was not refused, and came once. */
function checkOrigins(timeline: Timeline, operations: readonly Operation[]): void {
  const writers = new Map<string, Operation>();
  for (const operation of operations) {
    if (operation.request.type === "put") writers.set(textOf(operation.request.value), operation);
  }
  const used = new Map<number, number>();
  for (const { key, kv, revision } of timeline.events) {
    // Transactions and leases are compared apart (transactions.ts, leases.ts).
    if (kv === null || textOf(key).startsWith(accountPrefix) || textOf(key).startsWith(leasePrefix)) continue;
    const writer = writers.get(textOf(kv.value));
    demand(writer !== undefined, "origin", () => `Revision ${revision} holds a value that nobody wrote`);
    const isPossible = writer.outcome?.type !== "failed";
    demand(isPossible, "origin", () => `${nameOf(writer)} was refused and is at revision ${revision}`);
    const before = used.get(writer.id);
    demand(before === undefined, "origin", () => `${nameOf(writer)} was applied at ${before} and at ${revision}`);
    used.set(writer.id, revision);
  }
}

/** What began after another operation had been answered must not be placed before it. */
function checkRealTime(operations: readonly Operation[]): void {
  const answers = operations
    .filter((operation) => operation.outcome?.type === "ok" && !isLocal(operation))
    .sort((left, right) => endOf(left) - endOf(right));
  const begun = [...answers].sort((left, right) => left.invokedMs - right.invokedMs);
  let next = 0;
  let newest: Operation | null = null;
  for (const operation of begun) {
    for (
      let ended = answers[next];
      ended !== undefined && endOf(ended) < operation.invokedMs;
      ended = answers[++next]
    ) {
      if (newest === null || revisionOf(ended) > revisionOf(newest)) newest = ended;
    }
    const before = newest;
    if (before === null) continue;
    const isAfter = revisionOf(operation) >= revisionOf(before) + (changes(operation) ? 1 : 0);
    demand(isAfter, "real time", () => `${nameOf(operation)} began after ${nameOf(before)} had ended`);
  }
}

function checkAnswer(timeline: Timeline, operation: Operation, reply: Reply): void {
  switch (reply.type) {
    case "put":
      checkPut(timeline, operation, reply);
      return;
    case "delete":
      checkDelete(timeline, operation, reply);
      return;
    case "get":
      checkGet(timeline, operation, reply);
      return;
    case "list":
      checkList(timeline, operation, reply);
      return;
    default:
      demand(false, "answers", () => `${nameOf(operation)} was answered with ${reply.type}`);
  }
}

function checkPut(timeline: Timeline, operation: Operation, reply: Ok<"put">): void {
  const { request } = operation;
  demand(request.type === "put", "answers", () => `${nameOf(operation)} was answered as a put`);
  const { revision } = reply.header;
  const key = textOf(request.key);
  const written = timeline.at(revision).find((event) => textOf(event.key) === key)?.kv ?? null;
  const isThere = written !== null && textOf(written.value) === textOf(request.value);
  demand(
    isThere,
    "acknowledged write",
    () => `${nameOf(operation)} is lost: revision ${revision} holds something else`,
  );
  const before = timeline.valueAt(key, revision - 1);
  const isMet = request.ifModRevision === null || request.ifModRevision === (before?.modRevision ?? 0);
  demand(isMet, "condition", () => `${nameOf(operation)} took effect although its condition did not hold`);
  if (request.returnPrevious) checkSame(operation, reply.previous, before);
}

function checkDelete(timeline: Timeline, operation: Operation, reply: Ok<"delete">): void {
  const { request } = operation;
  demand(request.type === "delete", "answers", () => `${nameOf(operation)} was answered as a delete`);
  const { revision } = reply.header;
  const isInside = ({ key }: { readonly key: Uint8Array }) => isInSpan(key, request.span);
  const before = timeline.contentAt(reply.deleted > 0 ? revision - 1 : revision).filter(isInside);
  const isSame = before.length === reply.deleted;
  demand(isSame, "acknowledged delete", () => `${nameOf(operation)} removed ${reply.deleted} keys of ${before.length}`);
  for (const [position, previous] of reply.previous.entries()) checkSame(operation, previous, before[position] ?? null);
  const after = timeline.contentAt(revision).filter(isInside);
  demand(after.length === 0, "acknowledged delete", () => `${nameOf(operation)} left ${after.length} keys`);
}

function checkGet(timeline: Timeline, operation: Operation, reply: Ok<"get">): void {
  const { request } = operation;
  demand(request.type === "get", "answers", () => `${nameOf(operation)} was answered as a get`);
  checkKnown(timeline, operation, reply.header.revision);
  checkSame(operation, reply.kv, timeline.valueAt(textOf(request.key), reply.header.revision));
}

function checkList(timeline: Timeline, operation: Operation, reply: Ok<"list">): void {
  const { request } = operation;
  demand(request.type === "list", "answers", () => `${nameOf(operation)} was answered as a list`);
  checkKnown(timeline, operation, reply.header.revision);
  const content = timeline.contentAt(reply.header.revision).filter(({ key }) => isInSpan(key, request.span));
  const isCounted = reply.count === content.length;
  demand(isCounted, "reads", () => `${nameOf(operation)} counts ${reply.count} keys of ${content.length}`);
  if (request.countOnly) return;
  const page = content.slice(0, request.limit);
  const isWhole = reply.kvs.length === page.length && reply.more === content.length > page.length;
  demand(isWhole, "reads", () => `${nameOf(operation)} lists ${reply.kvs.length} keys of ${page.length}`);
  for (const [position, kv] of reply.kvs.entries()) {
    const expected = page[position] ?? null;
    checkSame(operation, request.keysOnly ? withValueOf(kv, expected) : kv, expected);
  }
}

function checkKnown(timeline: Timeline, operation: Operation, revision: number): void {
  const isKnown = revision <= timeline.newest;
  demand(isKnown, "reads", () => `${nameOf(operation)} shows revision ${revision}, the last is ${timeline.newest}`);
}

function checkSame(operation: Operation, shown: KeyValue | null, expected: KeyValue | null): void {
  const isSame = textOfKv(shown) === textOfKv(expected);
  demand(isSame, "reads", () => `${nameOf(operation)} shows ${textOfKv(shown)} instead of ${textOfKv(expected)}`);
}

function withValueOf(kv: KeyValue, other: KeyValue | null): KeyValue {
  return other === null ? kv : { ...kv, value: other.value };
}

export function textOfKv(kv: KeyValue | null): string {
  if (kv === null) return "nothing";
  const { key, value, createRevision, modRevision, version } = kv;
  return `${textOf(key)}=${nameOfValue(value)} created ${createRevision} modified ${modRevision} version ${version}`;
}

export function nameOf(operation: Operation): string {
  const { id, request, group, node, invokedMs, outcome } = operation;
  const key = request.type === "put" || request.type === "get" ? ` ${textOf(request.key)}` : "";
  const revision = answeredRevision(operation);
  const end = outcome === null ? "open" : `${outcome.type} at ${outcome.atMs.toFixed(3)}`;
  const result = revision === null ? end : `${end} r${revision}`;
  return `Operation ${id} (${request.type} ${group}${key} through ${node} at ${invokedMs.toFixed(3)}, ${result})`;
}

function isLocal({ request }: Operation): boolean {
  return (request.type === "get" || request.type === "list") && request.consistency === "local";
}

/** Whether the operation made a revision of its own. */
function changes({ outcome }: Operation): boolean {
  if (outcome?.type !== "ok") return false;
  return outcome.reply.type === "put" || (outcome.reply.type === "delete" && outcome.reply.deleted > 0);
}

function endOf({ outcome }: Operation): number {
  return outcome?.atMs ?? Number.POSITIVE_INFINITY;
}

function revisionOf(operation: Operation): number {
  return answeredRevision(operation) ?? 0;
}

function push<Key, Item>(map: Map<Key, Item[]>, key: Key, item: Item): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [item]);
  else list.push(item);
}

function isInSpan(key: Uint8Array, { start, end }: KeySpan): boolean {
  return compareBytes(key, start) >= 0 && (end === null || compareBytes(key, end) < 0);
}
