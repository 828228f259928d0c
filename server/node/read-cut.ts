// A transaction over several groups that only reads, without a lock and without a word in any log: each group is read twice.
// What nobody has written between its two readings was there at the moment after the first reading of the last group and
// before the second of the first: all of it is of that moment (the double collect of Afek et al., "Atomic snapshots of shared
// memory", 1993). Groups that change too often for that are read under locks, as any transaction is.

import type { GroupRequest, Reply } from "../../proto/requests.ts";
import { isReadOnly, type OperationResult, type Part } from "../../proto/transactions.ts";
import { refuseLargeAnswer } from "./answer-size.ts";
import type { Ask } from "./cluster-status.ts";
import { failed, type TransactRequest } from "./group-replies.ts";
import { limits } from "./limits.ts";

type Reading = Reply & { readonly type: "transact" };

export interface CutCall {
  /** Asks one group alone, for a linearizable reading. */
  readonly ask: Ask;
  readonly answer: (reply: Reply) => void;
  /** It cannot be had without locks. */
  readonly takeLocks: () => void;
}

interface Repetition extends CutCall {
  readonly done: (readings: readonly Reading[]) => void;
}

/** Whether {@link readCut} may answer it. */
export function isCut({ parts }: TransactRequest): boolean {
  return parts.length > 1 && parts.every(isReadOnly);
}

/** Ends with `answer` or `takeLocks`, or never when a group does not answer: the call has a deadline of its own. */
export function readCut({ parts }: TransactRequest, call: CutCall): void {
  const both = parts.map(bothBranches);
  readAll(both, call, (readings) => {
    readAgain(both, readings, { ...call, done: (unwritten) => call.answer(answerOf(parts, unwritten)) });
  });
}

/** Until two readings in a row are alike. */
function readAgain(parts: readonly Part[], before: readonly Reading[], call: Repetition, attempt = 1): void {
  readAll(parts, call, (readings) => {
    const isMoment = parts.every((part, at) => isUnwritten(part, before[at] as Reading, readings[at] as Reading));
    if (isMoment) call.done(readings);
    else if (attempt < limits.cutAttemptsMax) readAgain(parts, readings, call, attempt + 1);
    else call.takeLocks();
  });
}

/** A group that refuses is left to the transaction with locks, which says why. */
function readAll(parts: readonly Part[], call: CutCall, done: (readings: readonly Reading[]) => void): void {
  const replies = new Map<Part, Reading>();
  let isRefused = false;
  const take = (part: Part, reply: Reply) => {
    if (isRefused) return;
    isRefused = reply.type !== "transact";
    if (reply.type !== "transact") return call.takeLocks();
    replies.set(part, reply);
    if (replies.size === parts.length) done(parts.map((each) => replies.get(each) as Reading));
  };
  for (const part of parts) {
    const request: GroupRequest = { type: "transact", group: part.group, parts: [part] };
    call.ask(request, (reply) => take(part, reply));
  }
}

/** Which one it is, only the comparisons of all groups tell. */
function bothBranches(part: Part): Part {
  const operations = [...part.success, ...part.failure];
  return { ...part, success: operations, failure: operations };
}

/** A key that is there with its revision was there all the time; anything else may have come and gone. */
function isUnwritten(part: Part, before: Reading, after: Reading): boolean {
  if (before.header.incarnation !== after.header.incarnation) return false;
  if (before.header.revision === after.header.revision) return true;
  if (part.comparisons.length > 0) return false;
  const results = resultsOf(after);
  return resultsOf(before).every((result, at) => isSameKey(result, results[at]));
}

function isSameKey(before: OperationResult, after: OperationResult | undefined): boolean {
  if (before.type !== "get" || after?.type !== "get") return false;
  return before.kv !== null && before.kv.modRevision === after.kv?.modRevision;
}

/** Each group alone answers no more than it may; together they must not either. */
function answerOf(parts: readonly Part[], readings: readonly Reading[]): Reply {
  const succeeded = readings.every((reading) => reading.succeeded);
  const [first] = readings as [Reading, ...Reading[]];
  const answers = readings.flatMap((reading, at) => {
    const { success, failure } = parts[at] as Part;
    const [from, to] = succeeded ? [0, success.length] : [success.length, success.length + failure.length];
    return reading.parts.map((part) => ({ ...part, results: part.results.slice(from, to) }));
  });
  const results = answers.flatMap((part) => part.results);
  const tooMuch = refuseLargeAnswer(results, { group: first.header.group, field: "operations" });
  return tooMuch === null ? { type: "transact", header: first.header, succeeded, parts: answers } : failed(tooMuch);
}

function resultsOf({ parts }: Reading): readonly OperationResult[] {
  return parts.flatMap(({ results }) => results);
}
