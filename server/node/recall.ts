// The answer to a request that was carried out before. Which outcome it was is remembered; the values that it answered are read
// from the history of the keys, as long as that is there.

import { assert } from "../../proto/assert.ts";
import { type Failure, failure } from "../../proto/errors.ts";
import { type Revision, toIncarnation, toRevision } from "../../proto/ids.ts";
import type { LeaseStatus } from "../../proto/leases.ts";
import type { KeyValue } from "../../proto/model.ts";
import type { Header, IdentifiableRequest, Reply } from "../../proto/requests.ts";
import type { RememberedAnswer, RememberedOutcome } from "../../proto/sessions.ts";
import type { Operation, OperationResult, Part, PartResult } from "../../proto/transactions.ts";
import { spanOfKey } from "../../storage/mvcc/span.ts";
import { resultsOf } from "../txn/operations.ts";
import { PresentKeys } from "../txn/present-keys.ts";
import type { GroupState } from "./group-state.ts";
import { limits } from "./limits.ts";

type Remembered<Type extends RememberedOutcome["type"]> = Extract<RememberedOutcome, { readonly type: Type }>;
type Asked<Type extends IdentifiableRequest["type"]> = Extract<IdentifiableRequest, { readonly type: Type }>;
type Mvcc = GroupState["mvcc"];

/** @param answer to this request, as its digest says */
export function answerRecalled(
  request: IdentifiableRequest,
  { outcome, incarnation }: RememberedAnswer,
  { mvcc }: GroupState,
  now: Header,
): Reply {
  const header = { ...now, incarnation };
  switch (outcome.type) {
    case "refused":
      return { type: "failed", failure: outcome.failure };
    case "decided":
      return { type: "compact", header };
    case "written":
      return recallWrite(request as Asked<"put" | "delete">, outcome, mvcc, header);
    case "transacted":
      return recallTransact(request as Asked<"transact">, outcome, mvcc, header);
    case "begun":
      return { type: "failed", failure: underWay(header) };
    case "leaseGranted":
      return { type: "grantLease", header, lease: statusOfGrant(outcome) };
    case "leaseRevoked":
      return { type: "revokeLease", header: { ...header, revision: outcome.revision }, deleted: outcome.deleted };
    case "ownersWanted":
      return { type: "failed", failure: wanted(header) };
    case "ownersSet":
      return { type: "setOwners", header, index: outcome.index };
    case "concluded":
      return recallConcluded(request as Asked<"transact">, outcome, mvcc, header);
  }
}

function recallWrite(
  request: Asked<"put" | "delete">,
  { revision, replaced }: Remembered<"written">,
  mvcc: Mvcc,
  now: Header,
): Reply {
  const header = { ...now, revision };
  const span = request.type === "put" ? spanOfKey(request.key) : request.span;
  const before = toRevision(revision - 1);
  const isAsked = request.returnPrevious && replaced > 0;
  const isTold = before >= mvcc.floor && replaced <= limits.transactionKeysMax;
  if (isAsked && !isTold) return { type: "failed", failure: valuesGone(revision, mvcc, header) };
  const previous: readonly KeyValue[] = isAsked ? lookBack(mvcc, before).within(span).kvs : [];
  if (request.type === "delete") return { type: "delete", header, deleted: replaced, previous };
  return { type: "put", header, previous: previous[0] ?? null };
}

function recallTransact(
  request: Asked<"transact">,
  { succeeded, revision, isMade }: Remembered<"transacted">,
  mvcc: Mvcc,
  now: Header,
): Reply {
  const header = { ...now, revision };
  const part = request.parts[0];
  assert(part !== undefined, "a transaction has a part");
  const results = resultsThen(branchOf(part, succeeded), { revision, isMade }, mvcc);
  if (results === null) return { type: "failed", failure: valuesGone(revision, mvcc, header) };
  const { group, incarnation } = header;
  return { type: "transact", header, succeeded, parts: [{ group, incarnation, revision, results }] };
}

/** What other groups have read is known to them alone, and at which revision to nobody any more. */
function recallConcluded(request: Asked<"transact">, outcome: Remembered<"concluded">, mvcc: Mvcc, now: Header): Reply {
  const { decision, revision } = outcome;
  const header = { ...now, revision };
  if (decision === "aborted") return { type: "failed", failure: aborted(header) };
  const succeeded = decision === "success";
  const parts: PartResult[] = [];
  for (const part of request.parts) {
    const isOwn = part.group === now.group;
    const results = isOwn ? resultsThen(part[decision], outcome, mvcc) : withoutValues(part[decision]);
    if (results === null) return { type: "failed", failure: valuesGone(revision, mvcc, header) };
    const { group } = part;
    if (isOwn) parts.push({ group, incarnation: header.incarnation, revision, results });
    else parts.push({ group, incarnation: toIncarnation(0), revision: toRevision(0), results });
  }
  return { type: "transact", header, succeeded, parts };
}

/**
 * All operations of a branch see the state before it. @returns null when that is compacted, or was changed since and holds more
 * keys to count than may be looked at once more
 */
function resultsThen(
  branch: readonly Operation[],
  { revision, isMade }: { readonly revision: Revision; readonly isMade: boolean },
  mvcc: Mvcc,
): readonly OperationResult[] | null {
  const at = isMade ? toRevision(revision - 1) : revision;
  if (at < mvcc.floor) return withoutValues(branch);
  const keys = lookBack(mvcc, at);
  const results = resultsOf(branch, keys);
  return keys.isExceeded ? null : results;
}

function lookBack(mvcc: Mvcc, at: Revision): PresentKeys {
  return new PresentKeys(mvcc, { at: at === mvcc.revision ? null : at, keysMax: limits.transactionKeysMax });
}

/** @returns null when the results of the branch hold anything of the state before it */
function withoutValues(branch: readonly Operation[]): readonly OperationResult[] | null {
  const isBlind = branch.every((operation) => operation.type === "put" && !operation.returnPrevious);
  return isBlind ? branch.map(() => ({ type: "put", previous: null })) : null;
}

function branchOf(part: Part, succeeded: boolean): readonly Operation[] {
  return succeeded ? part.success : part.failure;
}

/** It happened, so that nobody may conclude from this failure that it did not. */
function valuesGone(revision: Revision, mvcc: Mvcc, { group }: Header): Failure {
  const message = `The request was carried out at revision ${revision}, but the values that it answered cannot be told any more`;
  return failure("compacted", message, { group, revision: String(mvcc.floor) }, "unknown");
}

/** What is left of it now only the leases know ({@link Leases.answerGrant}). */
function statusOfGrant({ id, ttlMs: grantedTtlMs }: Remembered<"leaseGranted">): LeaseStatus {
  return { id, grantedTtlMs, ttlMs: 0, keyCount: 0 };
}

function wanted({ group }: Header): Failure {
  const message = "The owners are wanted, and not in force yet: ask again under the same identity";
  return failure("outcome_unknown", message, { group });
}

function underWay({ group }: Header): Failure {
  const message = "The transaction is under way and not decided yet: ask again under the same identity";
  return failure("outcome_unknown", message, { group });
}

function aborted({ group }: Header): Failure {
  const message = "The transaction was aborted and nothing of it was done, nor will be under this identity";
  return failure("txn_conflict", message, { group });
}
