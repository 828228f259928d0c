// Transactions over several groups against what the groups have committed: all or nothing, at one revision a group; what was
// answered is so; nothing refused is there; the sum stays; and the whole is strictly serializable: no circle of who has to come
// before whom, by what each wrote and read and by real time.

import type { GroupId } from "../../../proto/ids.ts";
import type { KeyValue } from "../../../proto/model.ts";
import type { OperationResult, Part } from "../../../proto/transactions.ts";
import { textOf } from "../../../storage/bytes.ts";
import { demand } from "../violation.ts";
import { accountPrefix, openingBalance, readBalance, type Transaction } from "../workload/transfers.ts";
import { circleIn, type Graph } from "./graph.ts";
import type { Timeline } from "./replay.ts";

type Timelines = ReadonlyMap<GroupId, Timeline>;

/** Who wrote an account, oldest first, and at which revisions. */
type Versions = ReadonlyMap<string, readonly { readonly writer: number; readonly revision: number }[]>;

/** Of one account by its writer; -1: nobody, as it was in the beginning. */
interface Seen {
  readonly account: string;
  readonly writer: number;
}

/** @returns how many transactions were compared */
export function checkTransactions(transactions: readonly Transaction[], timelines: Timelines): number {
  const versions = versionsIn(timelines);
  checkWriters(transactions, versions);
  for (const transaction of transactions) checkWhole(transaction, versions);
  checkSum(timelines);
  const committed = transactions.filter((transaction) => isCommitted(transaction, versions));
  checkOrder(committed, versions);
  return committed.length;
}

function versionsIn(timelines: Timelines): Versions {
  const versions = new Map<string, { writer: number; revision: number }[]>();
  for (const [group, { events }] of timelines) {
    for (const { key, kv, revision } of events) {
      if (!textOf(key).startsWith(accountPrefix)) continue;
      demand(kv !== null, "transactions", () => `${group} has lost ${textOf(key)} at revision ${revision}`);
      const account = nameOf(group, key);
      const known = versions.get(account) ?? [];
      versions.set(account, known);
      known.push({ writer: readBalance(kv.value).writer, revision });
    }
  }
  return versions;
}

/** Every version was written by one transaction that was not refused, once. */
function checkWriters(transactions: readonly Transaction[], versions: Versions): void {
  for (const [account, all] of versions) {
    const seen = new Set<number>();
    for (const { writer, revision } of all) {
      const transaction = transactions[writer];
      demand(transaction !== undefined, "transactions", () => `Nobody wrote ${account} at ${revision}`);
      const isPossible = transaction.outcome?.type !== "failed" && !hasFailed(transaction);
      demand(
        isPossible,
        "transactions",
        () => `${describe(transaction)} was refused and wrote ${account} at ${revision}`,
      );
      demand(!seen.has(writer), "transactions", () => `${describe(transaction)} wrote ${account} twice`);
      seen.add(writer);
    }
  }
}

/** In all of its groups, at one revision each, or in none; and in all if it was acknowledged. */
function checkWhole(transaction: Transaction, versions: Versions): void {
  const { request, outcome } = transaction;
  const written = request.parts.map((part) => ({
    group: part.group,
    revisions: revisionsOf(transaction, part, versions),
  }));
  const writing = written.filter(({ revisions }) => revisions.length > 0);
  const isThere = writing.some(({ revisions }) => revisions.some((revision) => revision !== null));
  for (const { group, revisions } of writing) {
    const [first] = revisions;
    const isOne = revisions.every((revision) => revision === first) && (first !== null) === isThere;
    demand(isOne, "atomicity", () => `${describe(transaction)} is at ${revisions} in ${group}, elsewhere ${isThere}`);
  }
  if (outcome?.type !== "ok" || outcome.reply.type !== "transact" || writing.length === 0) return;
  const { succeeded, parts } = outcome.reply;
  demand(isThere === succeeded, "acknowledged transaction", () => `${describe(transaction)} is there: ${isThere}`);
  for (const { group, revisions } of writing) {
    const told = parts.find((part) => part.group === group)?.revision;
    const isTrue = !succeeded || told === 0 || told === revisions[0];
    demand(
      isTrue,
      "acknowledged transaction",
      () => `${describe(transaction)} is at ${revisions[0]} in ${group}, told ${told}`,
    );
  }
}

/** Of each account that the part writes: where; null: nowhere. */
function revisionsOf({ id }: Transaction, { group, success }: Part, versions: Versions): readonly (number | null)[] {
  return success.flatMap((operation) => {
    if (operation.type !== "put") return [];
    const found = versions.get(nameOf(group, operation.key))?.find(({ writer }) => writer === id);
    return [found?.revision ?? null];
  });
}

function checkSum(timelines: Timelines): void {
  let gained = 0;
  for (const timeline of timelines.values()) {
    for (const { key, value } of timeline.contentAt(timeline.newest)) {
      if (textOf(key).startsWith(accountPrefix)) gained += readBalance(value).balance - openingBalance;
    }
  }
  demand(gained === 0, "sum of accounts", () => `The accounts hold ${gained} more than in the beginning`);
}

/** Something came of it, be it an answer. */
function isCommitted(transaction: Transaction, versions: Versions): boolean {
  if (transaction.outcome?.type === "ok") return true;
  return transaction.request.parts.some((part) => revisionsOf(transaction, part, versions).some((at) => at !== null));
}

function checkOrder(transactions: readonly Transaction[], versions: Versions): void {
  const graph: Graph = new Map(transactions.map(({ id }) => [id, new Map()]));
  const add = (from: number, to: number, why: string) => {
    if (from !== to && from >= 0 && to >= 0) graph.get(from)?.set(to, why);
  };
  for (const [account, all] of versions) {
    for (const [at, { writer }] of all.entries()) add(all[at - 1]?.writer ?? -1, writer, `wrote ${account} before`);
  }
  for (const transaction of transactions) {
    for (const { account, writer } of seenBy(transaction)) {
      const all = versions.get(account) ?? [];
      const at = all.findIndex((version) => version.writer === writer);
      demand(writer < 0 || at >= 0, "reads", () => `${describe(transaction)} saw what nobody committed in ${account}`);
      add(writer, transaction.id, `wrote in ${account} what was read by`);
      add(transaction.id, all[at + 1]?.writer ?? -1, `read ${account} before it was written by`);
    }
  }
  addRealTime(transactions, add);
  const circle = circleIn(graph);
  demand(circle === null, "serializability", () => {
    const steps = (circle ?? []).map(([id, why]) => `${id} ${why}`).join(", ");
    return `There is no order: ${steps} ${circle?.[0]?.[0]}`;
  });
}

/** What a transaction was shown; of one that was not answered, what its comparisons demanded, if it took effect. */
function seenBy({ request, outcome }: Transaction): readonly Seen[] {
  if (outcome?.type !== "ok" || outcome.reply.type !== "transact") return [];
  const { succeeded, parts } = outcome.reply;
  return request.parts.flatMap((part, at) => {
    const operations = succeeded ? part.success : part.failure;
    return operations.flatMap((operation, position) => {
      const result = parts[at]?.results[position];
      if (operation.type !== "get") return [];
      return [{ account: nameOf(part.group, operation.key), writer: writerOf(result) }];
    });
  });
}

function writerOf(result: OperationResult | undefined): number {
  const kv: KeyValue | null = result?.type === "get" ? result.kv : null;
  return kv === null ? -1 : readBalance(kv.value).writer;
}

/** Whoever had ended before another began comes before it: only the last to end of those need be named. */
function addRealTime(transactions: readonly Transaction[], add: (from: number, to: number, why: string) => void): void {
  const ended = transactions.filter(({ outcome }) => outcome?.type === "ok");
  for (const transaction of transactions) {
    const before = ended.filter(({ outcome }) => (outcome?.atMs ?? 0) < transaction.invokedMs);
    const lastBegun = Math.max(...before.map(({ invokedMs }) => invokedMs));
    // The others ended before one of these began.
    const direct = before.filter(({ outcome }) => (outcome?.atMs ?? 0) >= lastBegun);
    for (const { id } of direct) add(id, transaction.id, "had ended before the beginning of");
  }
}

function hasFailed({ outcome }: Transaction): boolean {
  return outcome?.type === "ok" && outcome.reply.type === "transact" && !outcome.reply.succeeded;
}

function nameOf(group: GroupId, key: Uint8Array): string {
  return `${group} ${textOf(key)}`;
}

function describe({ id, request, node, invokedMs, outcome }: Transaction): string {
  const groups = request.parts.map(({ group }) => group).join(",");
  const end = outcome === null ? "open" : `${outcome.type} at ${outcome.atMs.toFixed(3)}`;
  return `Transaction ${id} (${groups} through ${node} at ${invokedMs.toFixed(3)}, ${end})`;
}
