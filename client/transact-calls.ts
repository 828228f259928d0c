// Transactions: requests made from plain arguments, answers made plain.

import { create } from "@bufbuild/protobuf";
import { DbError, failure } from "../proto/errors.ts";
import { FenceSchema } from "../proto/gen/bailiwick/v1/common_pb.ts";
import { KeyValueService } from "../proto/gen/bailiwick/v1/key_value_pb.ts";
import * as wire from "../proto/gen/bailiwick/v1/transaction_pb.ts";
import { compareNames } from "../proto/ids.ts";
import type { KeyValue } from "../proto/model.ts";
import type { Caller, RequestOptions } from "./caller.ts";
import {
  type AnswerHeader,
  type Bytes,
  fromOptionalKeyValue,
  fromWireHeader,
  fromWireInteger,
  fromWireKeyValue,
  type KeySelection,
  toBytes,
  toWireCount,
  toWireInteger,
  toWireKeys,
  toWireSpan,
} from "./key-values.ts";
import { clientLimits } from "./limits.ts";

/** What a key is compared by. One that does not exist has 0 in all of them but `value`, which it has not. */
export type Compared =
  | { readonly value: Bytes }
  | { readonly version: number }
  | { readonly createRevision: number }
  | { readonly modRevision: number }
  | { readonly lease: number };

/** A condition on a key, or on every key there is with a prefix or in a range. */
export type Comparison = InGroup &
  KeySelection &
  Compared & {
    /** How the key stands to what it is compared with; `equal` by default. */
    readonly is?: "equal" | "notEqual" | "greater" | "less" | undefined;
  };

export type Operation = InGroup &
  (
    | { readonly get: { readonly key: Bytes } }
    | { readonly list: KeySelection & ListLimits }
    | {
        readonly put: {
          readonly key: Bytes;
          readonly value: Bytes;
          /** Of the same group; absent: none. */
          readonly lease?: number | undefined;
          readonly previous?: boolean | undefined;
        };
      }
    | { readonly delete: KeySelection & { readonly previous?: boolean | undefined } }
  );

interface ListLimits {
  /** 1 to 1,000, which is the default. */
  readonly limit?: number | undefined;
  readonly keysOnly?: boolean | undefined;
  readonly countOnly?: boolean | undefined;
}

interface InGroup {
  /** Absent: the transaction's. */
  readonly group?: string | undefined;
}

/**
 * If all comparisons hold, `success` is carried out, else `failure`, at one point in time. Every operation sees the state
 * before the transaction; a branch writes no key twice. At most 128 comparisons, 128 operations a branch, 16 groups, 1.5 MiB.
 */
export interface Transaction {
  /** Of all that name none. */
  readonly group?: string | undefined;
  readonly comparisons?: readonly Comparison[] | undefined;
  readonly success?: readonly Operation[] | undefined;
  readonly failure?: readonly Operation[] | undefined;
  /** Only while these ownerships hold. */
  readonly fences?: readonly { readonly group?: string; readonly epoch: number }[] | undefined;
}

/** Has the name of its operation. */
export type OperationResult =
  | { readonly get: { readonly keyValue: KeyValue | null } }
  | { readonly list: { readonly keyValues: readonly KeyValue[]; readonly more: boolean; readonly count: number } }
  | { readonly put: { readonly previous: KeyValue | null } }
  | { readonly delete: { readonly deleted: number; readonly previous: readonly KeyValue[] } };

export interface TransactAnswer {
  readonly header: AnswerHeader;
  /** Whether all comparisons held. */
  readonly succeeded: boolean;
  /** One for each operation of the branch that was carried out, in its order. */
  readonly results: readonly OperationResult[];
  /** Of every group, by name: the revision that the transaction made, or at which it read. */
  readonly revisions: readonly { readonly group: string; readonly incarnation: number; readonly revision: number }[];
}

export interface TransactOptions extends RequestOptions {
  /** Carried out twice it does no more than once: it is repeated also when it may have happened. */
  readonly isIdempotent?: boolean | undefined;
}

export async function transact(
  caller: Caller,
  transaction: Transaction,
  options: TransactOptions,
): Promise<TransactAnswer> {
  const request = toWireTransaction(transaction);
  const { transact: method } = KeyValueService.method;
  const isRepeatable = options.isIdempotent === true || isReadOnly(transaction);
  const answer = isRepeatable
    ? await caller.idempotent(method, request, options)
    : await caller.writeOnce(method, request, { ...options, group: firstGroupOf(transaction) });
  return {
    header: fromWireHeader(answer.header),
    succeeded: answer.succeeded,
    results: answer.results.map(fromWireResult),
    revisions: answer.revisions.map(({ group, incarnation, revision }) => ({
      group,
      incarnation: fromWireInteger(incarnation, "incarnation"),
      revision: fromWireInteger(revision, "revision"),
    })),
  };
}

function isReadOnly({ success = [], failure = [] }: Transaction): boolean {
  return [...success, ...failure].every((operation) => "get" in operation || "list" in operation);
}

function toWireTransaction({ group = "", comparisons = [], success = [], failure = [], fences = [] }: Transaction) {
  return create(wire.TransactRequestSchema, {
    group,
    comparisons: comparisons.map(toWireComparison),
    success: success.map(toWireOperation),
    failure: failure.map(toWireOperation),
    fences: fences.map((fence) =>
      create(FenceSchema, { group: fence.group ?? group, epoch: toWireInteger(fence.epoch, "fences.epoch") }),
    ),
  });
}

const relations = {
  equal: wire.Comparison_Relation.EQUAL,
  notEqual: wire.Comparison_Relation.NOT_EQUAL,
  greater: wire.Comparison_Relation.GREATER,
  less: wire.Comparison_Relation.LESS,
} as const;

function toWireComparison(comparison: Comparison): wire.Comparison {
  const { group = "", is = "equal" } = comparison;
  const operand = toWireOperand(comparison);
  return create(wire.ComparisonSchema, { group, keys: toWireKeys(comparison), relation: relations[is], operand });
}

function toWireOperand(compared: Compared): wire.Comparison["operand"] {
  if ("value" in compared) return { case: "value", value: toBytes(compared.value, "value") };
  if ("version" in compared) return { case: "version", value: toWireInteger(compared.version, "version") };
  if ("lease" in compared) return { case: "lease", value: toWireInteger(compared.lease, "lease") };
  if ("createRevision" in compared) {
    return { case: "createRevision", value: toWireInteger(compared.createRevision, "createRevision") };
  }
  return { case: "modRevision", value: toWireInteger(compared.modRevision, "modRevision") };
}

function toWireOperation(operation: Operation): wire.Operation {
  return create(wire.OperationSchema, { group: operation.group ?? "", operation: toWireCase(operation) });
}

function toWireCase(operation: Operation): wire.Operation["operation"] {
  if ("get" in operation) {
    return { case: "get", value: create(wire.GetOperationSchema, { key: toBytes(operation.get.key, "key") }) };
  }
  if ("list" in operation) {
    const { keysOnly = false, countOnly = false } = operation.list;
    const limit = toWireCount(operation.list.limit ?? 0, "list.limit", clientLimits.transactListKeysMax);
    const fields = { keys: toWireSpan(operation.list), limit, keysOnly, countOnly };
    return { case: "list", value: create(wire.ListOperationSchema, fields) };
  }
  if ("put" in operation) {
    const { key, value, lease = 0, previous: previousValue = false } = operation.put;
    const bytes = { key: toBytes(key, "key"), value: toBytes(value, "value") };
    const fields = { ...bytes, lease: toWireInteger(lease, "lease"), previousValue };
    return { case: "put", value: create(wire.PutOperationSchema, fields) };
  }
  const { previous: previousValues = false } = operation.delete;
  const fields = { keys: toWireKeys(operation.delete), previousValues };
  return { case: "delete", value: create(wire.DeleteOperationSchema, fields) };
}

function fromWireResult({ result }: wire.OperationResult): OperationResult {
  switch (result.case) {
    case "get":
      return { get: { keyValue: fromOptionalKeyValue(result.value.keyValue) } };
    case "list": {
      const { keyValues, more, count } = result.value;
      return { list: { keyValues: keyValues.map(fromWireKeyValue), more, count: fromWireInteger(count, "count") } };
    }
    case "put":
      return { put: { previous: fromOptionalKeyValue(result.value.previous) } };
    case "delete": {
      const { deleted, previous } = result.value;
      return { delete: { deleted: fromWireInteger(deleted, "deleted"), previous: previous.map(fromWireKeyValue) } };
    }
    default:
      throw new DbError(failure("internal", "The answer has an operation's result that this version does not know"));
  }
}

/** The one that coordinates it, and remembers it. */
function firstGroupOf({
  group = "",
  comparisons = [],
  success = [],
  failure: otherwise = [],
  fences = [],
}: Transaction) {
  const named = [...comparisons, ...success, ...otherwise, ...fences].map((each) => each.group ?? group);
  return named.toSorted(compareNames)[0] ?? group;
}
