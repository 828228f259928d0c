// Transactions between the public schema, where each comparison and operation may name its group, and the domain, where each
// group has its part.

import { create } from "@bufbuild/protobuf";
import { present, unreachable } from "../../../proto/assert.ts";
import { epoch, uint64 } from "../../../proto/codec/integers.ts";
import { GroupRevisionSchema } from "../../../proto/gen/bailiwick/v1/common_pb.ts";
import * as wire from "../../../proto/gen/bailiwick/v1/transaction_pb.ts";
import type { Epoch, GroupId } from "../../../proto/ids.ts";
import type {
  Comparison,
  Operand,
  Operation,
  OperationResult,
  Part,
  PartResult,
  Relation,
} from "../../../proto/transactions.ts";
import { limits } from "../../node/limits.ts";
import { invalid, readCount, readField, readGroup } from "./fields.ts";
import { everyKey, readKey, readSpan, toKeyValue } from "./key-values.ts";

/** The parts, by name of their groups, and which part each operation went to. */
export interface ReadTransaction {
  readonly parts: readonly Part[];
  readonly success: readonly GroupId[];
  readonly failure: readonly GroupId[];
}

type Mutable<Item> = {
  -readonly [Name in keyof Item]: Item[Name] extends readonly (infer Each)[] ? Each[] : Item[Name];
};

/** @throws {DbError} `invalid_argument` with the path of the field */
export function readTransaction(request: wire.TransactRequest): ReadTransaction {
  const parts = new Map<GroupId, Mutable<Part>>();
  const partOf = (name: string, field: string) => {
    const group = readGroup(name === "" ? request.group : name, name === "" ? "group" : field);
    const part = parts.get(group) ?? { group, comparisons: [], fence: null, success: [], failure: [] };
    parts.set(group, part);
    return part;
  };
  for (const [at, { group, epoch: wanted }] of request.fences.entries()) {
    const part = partOf(group, `fences[${at}].group`);
    if (part.fence !== null) throw invalid(`fences[${at}].group`, `The group ${part.group} is fenced twice`);
    part.fence = readEpoch(wanted, `fences[${at}].epoch`);
  }
  for (const [at, comparison] of request.comparisons.entries()) {
    const field = `comparisons[${at}]`;
    partOf(comparison.group, `${field}.group`).comparisons.push(readComparison(comparison, field));
  }
  const success = readBranch(request.success, "success", partOf);
  const failure = readBranch(request.failure, "failure", partOf);
  if (parts.size === 0) partOf("", "group");
  return { parts: [...parts.values()].sort((left, right) => (left.group < right.group ? -1 : 1)), success, failure };
}

export function toResults(operations: readonly GroupId[], parts: readonly PartResult[]): wire.OperationResult[] {
  const results = new Map(parts.map(({ group, results: all }) => [group, all.values()]));
  return operations.map((group) => toResult(present(results.get(group)?.next().value, `a result of ${group}`)));
}

export function toRevisions(parts: readonly PartResult[]) {
  return parts.map(({ group, incarnation, revision }) =>
    create(GroupRevisionSchema, {
      group,
      incarnation: uint64.toWire(incarnation, "incarnation"),
      revision: uint64.toWire(revision, "revision"),
    }),
  );
}

function readBranch(
  operations: readonly wire.Operation[],
  branch: "success" | "failure",
  partOf: (name: string, field: string) => Mutable<Part>,
): readonly GroupId[] {
  return operations.map((operation, at) => {
    const field = `${branch}[${at}]`;
    const part = partOf(operation.group, `${field}.group`);
    part[branch].push(readOperation(operation.operation, field));
    return part.group;
  });
}

function readEpoch(wanted: Parameters<typeof epoch.fromWire>[0], field: string): Epoch {
  const claimed = readField(epoch, wanted, field);
  if (claimed === 0) throw invalid(field, `The ${field} is 0, the least is 1`);
  return claimed;
}

function readComparison({ keys, relation, operand }: wire.Comparison, field: string): Comparison {
  if (keys.case === undefined) throw invalid(field, `One of key, prefix and range of ${field} is required`);
  const read = { relation: readRelation(relation, `${field}.relation`), operand: readOperand(operand, field) };
  if (keys.case === "key") return { target: { type: "key", key: readKey(keys.value, `${field}.key`) }, ...read };
  return { target: { type: "span", span: readSpan(keys) }, ...read };
}

const relations: Readonly<Record<wire.Comparison_Relation, Relation>> = {
  [wire.Comparison_Relation.UNSPECIFIED]: "equal",
  [wire.Comparison_Relation.EQUAL]: "equal",
  [wire.Comparison_Relation.NOT_EQUAL]: "notEqual",
  [wire.Comparison_Relation.GREATER]: "greater",
  [wire.Comparison_Relation.LESS]: "less",
};

function readRelation(relation: wire.Comparison_Relation, field: string): Relation {
  const known: Relation | undefined = relations[relation];
  if (known === undefined) throw invalid(field, `The ${field} is ${String(relation)}, a number not known`);
  return known;
}

function readOperand(operand: wire.Comparison["operand"], field: string): Operand {
  switch (operand.case) {
    case undefined:
      throw invalid(field, `The ${field} compares with nothing`);
    case "value":
      return { type: "value", value: operand.value };
    default:
      return { type: operand.case, number: readField(uint64, operand.value, `${field}.${operand.case}`) };
  }
}

function readOperation(operation: wire.Operation["operation"], field: string): Operation {
  switch (operation.case) {
    case undefined:
      throw invalid(field, `The ${field} says nothing to do`);
    case "get":
      return { type: "get", key: readKey(operation.value.key, `${field}.get.key`) };
    case "list":
      return readList(operation.value, field);
    case "put": {
      const { key, value, lease, previousValue: returnPrevious } = operation.value;
      const read = { key: readKey(key, `${field}.put.key`), lease: readField(uint64, lease, `${field}.put.lease`) };
      return { type: "put", ...read, value, returnPrevious };
    }
    case "delete": {
      const { keys, previousValues: returnPrevious } = operation.value;
      if (keys.case === undefined) throw invalid(field, `One of key, prefix and range of ${field}.delete is required`);
      return { type: "delete", span: readSpan(keys), returnPrevious };
    }
  }
}

function readList({ keys, limit, keysOnly, countOnly }: wire.ListOperation, field: string): Operation {
  const bounds = { usual: limits.listRowsMax, max: limits.listRowsMax };
  const span = keys.case === undefined ? everyKey : readSpan(keys);
  return { type: "list", span, limit: readCount(limit, `${field}.list.limit`, bounds), keysOnly, countOnly };
}

function toResult(result: OperationResult): wire.OperationResult {
  return create(wire.OperationResultSchema, { result: toCase(result) });
}

function toCase(result: OperationResult): wire.OperationResult["result"] {
  switch (result.type) {
    case "get":
      return { case: "get", value: create(wire.GetResultSchema, { keyValue: toOptional(result.kv) }) };
    case "put":
      return { case: "put", value: create(wire.PutResultSchema, { previous: toOptional(result.previous) }) };
    case "list": {
      const { kvs, more, count } = result;
      const keyValues = kvs.map((kv) => toKeyValue(kv));
      return {
        case: "list",
        value: create(wire.ListResultSchema, { keyValues, more, count: uint64.toWire(count, "count") }),
      };
    }
    case "delete": {
      const previous = result.previous.map((kv) => toKeyValue(kv));
      const deleted = uint64.toWire(result.deleted, "deleted");
      return { case: "delete", value: create(wire.DeleteResultSchema, { deleted, previous }) };
    }
    case "intend":
      return unreachable(result as never);
  }
}

function toOptional(kv: Parameters<typeof toKeyValue>[0] | null) {
  return kv === null ? undefined : toKeyValue(kv);
}
