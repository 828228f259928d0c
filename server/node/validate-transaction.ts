// Checks a transaction against the limits before anything else happens: sizes, counts, and that no branch writes a key twice.

import type { Failure } from "../../proto/errors.ts";
import { clusterGroup, isName } from "../../proto/ids.ts";
import type { KeySpan } from "../../proto/model.ts";
import type { Request } from "../../proto/requests.ts";
import { bytesOfPart, type Comparison, type Operation, type Part } from "../../proto/transactions.ts";
import { compareBytes, keyAfter } from "../../storage/bytes.ts";
import { checkKey, checkLimit, checkSize, checkSpan, wrong } from "./checks.ts";
import { limits } from "./limits.ts";

/** @returns null when the transaction may be carried out */
export function validateTransaction({ parts }: Request & { readonly type: "transact" }): Failure | null {
  return (
    checkGroups(parts) ??
    checkSizes(parts) ??
    first(
      parts,
      (part) =>
        first(part.comparisons, (comparison, at) => checkComparison(comparison, `comparisons[${at}]`)) ??
        checkBranch(part.success, "success") ??
        checkBranch(part.failure, "failure"),
    )
  );
}

function checkGroups(parts: readonly Part[]): Failure | null {
  if (parts.length === 0) return wrong("group", "The transaction names no group");
  const groupsMax = parts.every(isPlanned) ? limits.groupsMax : limits.transactionGroupsMax;
  if (parts.length > groupsMax) {
    return wrong("group", `The transaction has ${parts.length} groups, limit ${groupsMax}`);
  }
  return first(parts, ({ group }, at) => {
    if (!isName(group)) return wrong("group", `"${group}" is not a group name`);
    if (group === clusterGroup) return wrong("group", 'The group "cluster" is the system group; it holds no keys');
    const isInOrder = at === 0 || (parts[at - 1] as Part).group < group;
    return isInOrder ? null : wrong("group", `The group ${group} takes part twice, or before its turn`);
  });
}

/** A planned change of a node concerns all its groups at once, however many: each has one small thing to do. */
function isPlanned({ comparisons, success, failure: otherwise }: Part): boolean {
  return (
    comparisons.length + otherwise.length === 0 && success.length > 0 && success.every(({ type }) => type === "intend")
  );
}

function checkSizes(parts: readonly Part[]): Failure | null {
  const max = limits.transactionOperationsMax;
  for (const field of ["comparisons", "success", "failure"] as const) {
    const count = parts.filter((part) => !isPlanned(part)).reduce((sum, part) => sum + part[field].length, 0);
    if (count > max) return wrong(field, `The transaction has ${count} ${nameOf(field)}, limit ${max}`);
  }
  const bytes = parts.reduce((sum, part) => sum + bytesOfPart(part), 0);
  if (bytes <= limits.transactionBytesMax) return null;
  return wrong("success", `The transaction has ${bytes} bytes of keys and values, limit ${limits.transactionBytesMax}`);
}

function nameOf(field: "comparisons" | "success" | "failure"): string {
  return field === "comparisons" ? field : `operations for ${field}`;
}

function checkComparison({ target, operand }: Comparison, field: string): Failure | null {
  const wrongTarget =
    target.type === "key" ? checkKey(`${field}.key`, target.key) : checkSpan(target.span, `${field}.range.`);
  if (wrongTarget !== null) return wrongTarget;
  return operand.type === "value" ? checkSize(`${field}.value`, operand.value, limits.valueBytesMax) : null;
}

function checkBranch(branch: readonly Operation[], field: string): Failure | null {
  return first(branch, (operation, at) => checkOperation(operation, `${field}[${at}]`)) ?? checkWrites(branch, field);
}

function checkOperation(operation: Operation, field: string): Failure | null {
  switch (operation.type) {
    case "get":
      return checkKey(`${field}.key`, operation.key);
    case "put":
      return (
        checkKey(`${field}.key`, operation.key) ?? checkSize(`${field}.value`, operation.value, limits.valueBytesMax)
      );
    case "list":
      return (
        checkSpan(operation.span, `${field}.range.`) ??
        checkLimit(operation.limit, limits.listRowsMax, `${field}.limit`)
      );
    case "delete":
      return checkSpan(operation.span, `${field}.range.`);
    case "intend":
      return isName(operation.node) ? null : wrong(`${field}.node`, `"${operation.node}" is not a node name`);
  }
}

/** Which of two writes of one key would count is nothing that a reader should have to know. */
function checkWrites(branch: readonly Operation[], field: string): Failure | null {
  const spans = branch
    .flatMap((operation, at) => {
      const span = writtenSpan(operation);
      return span === null ? [] : [{ ...span, at }];
    })
    .toSorted((left, right) => compareBytes(left.start, right.start));
  return first(spans.slice(1), (span, position) => {
    const before = spans[position] as (typeof spans)[number];
    if (before.end !== null && compareBytes(before.end, span.start) <= 0) return null;
    const [one, other] = [before.at, span.at].toSorted((left, right) => left - right);
    return wrong(`${field}[${other}]`, `The operations ${one} and ${other} of ${field} write the same key`);
  });
}

function writtenSpan(operation: Operation): KeySpan | null {
  if (operation.type === "put") return { start: operation.key, end: keyAfter(operation.key) };
  return operation.type === "delete" ? operation.span : null;
}

/** The first thing that is wrong with any of the items. */
function first<Item>(items: readonly Item[], check: (item: Item, at: number) => Failure | null): Failure | null {
  for (const [at, item] of items.entries()) {
    const found = check(item, at);
    if (found !== null) return found;
  }
  return null;
}
