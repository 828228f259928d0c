// Wire forms of transactions (proto/transactions.ts).

import * as wire from "../gen/bailiwick/peer/v1/transaction_pb.ts";
import type {
  ClosedTransactions,
  Comparison,
  Decision,
  Operand,
  Operation,
  OperationResult,
  Part,
  PartResult,
  PreparedTransaction,
  Relation,
  Target,
  TransactionId,
  TransactionRecord,
  Vote,
} from "../transactions.ts";
import { epoch, incarnation, incarnationOrNone, logIndex, revision, uint64 } from "./integers.ts";
import { intent, keySpan, keyValue } from "./model.ts";
import { flag, groupId, keyBytes, nodeId, oneOf, reason, valueBytes } from "./scalars.ts";
import { list, message, nullable, only, required, union } from "./structure.ts";
import { wireLimits } from "./wire-limits.ts";

const { itemsMax } = wireLimits;

const relation = oneOf<Relation, wire.Relation>({
  equal: wire.Relation.EQUAL,
  notEqual: wire.Relation.NOT_EQUAL,
  greater: wire.Relation.GREATER,
  less: wire.Relation.LESS,
});

const numberOperand = message<{ readonly number: number }, typeof wire.NumberOperandSchema>(wire.NumberOperandSchema, {
  number: uint64,
});

const operand = only(
  wire.OperandSchema,
  "operand",
  union<Operand, wire.Operand["operand"]>({
    value: message(wire.ValueOperandSchema, { value: valueBytes }),
    version: numberOperand,
    createRevision: numberOperand,
    modRevision: numberOperand,
    lease: numberOperand,
  }),
);

const target = only(
  wire.TargetSchema,
  "target",
  union<Target, wire.Target["target"]>({
    key: message(wire.KeyTargetSchema, { key: keyBytes }),
    span: message(wire.SpanTargetSchema, { span: required(keySpan) }),
  }),
);

const comparison = message<Comparison, typeof wire.ComparisonSchema>(wire.ComparisonSchema, {
  target: required(target),
  relation,
  operand: required(operand),
});

const operation = only(
  wire.OperationSchema,
  "operation",
  union<Operation, wire.Operation["operation"]>({
    get: message(wire.GetOperationSchema, { key: keyBytes }),
    list: message(wire.ListOperationSchema, {
      span: required(keySpan),
      limit: uint64,
      keysOnly: flag,
      countOnly: flag,
    }),
    put: message(wire.PutOperationSchema, { key: keyBytes, value: valueBytes, lease: uint64, returnPrevious: flag }),
    delete: message(wire.DeleteOperationSchema, { span: required(keySpan), returnPrevious: flag }),
    intend: message(wire.IntendOperationSchema, { node: nodeId, wanted: intent, reason, after: logIndex }),
  }),
);

export const part = message<Part, typeof wire.PartSchema>(wire.PartSchema, {
  group: groupId,
  comparisons: list(comparison, itemsMax),
  fence: nullable(epoch),
  success: list(operation, itemsMax),
  failure: list(operation, itemsMax),
});

const operationResult = only(
  wire.OperationResultSchema,
  "result",
  union<OperationResult, wire.OperationResult["result"]>({
    get: message(wire.GetResultSchema, { kv: nullable(keyValue) }),
    list: message(wire.ListResultSchema, { kvs: list(keyValue, itemsMax), more: flag, count: uint64 }),
    put: message(wire.PutResultSchema, { previous: nullable(keyValue) }),
    delete: message(wire.DeleteResultSchema, { deleted: uint64, previous: list(keyValue, itemsMax) }),
    intend: message(wire.IntendResultSchema, {}),
  }),
);

export const partResult = message<PartResult, typeof wire.PartResultSchema>(wire.PartResultSchema, {
  group: groupId,
  incarnation: incarnationOrNone,
  revision,
  results: list(operationResult, itemsMax),
});

export const transactionId = message<TransactionId, typeof wire.TransactionIdSchema>(wire.TransactionIdSchema, {
  group: groupId,
  incarnation,
  index: logIndex,
});

export const decision = oneOf<Decision, wire.Decision>({
  success: wire.Decision.SUCCESS,
  failure: wire.Decision.FAILURE,
  aborted: wire.Decision.ABORTED,
});

export const vote = message<Vote, typeof wire.VoteSchema>(wire.VoteSchema, {
  holds: flag,
  success: list(operationResult, itemsMax),
  failure: list(operationResult, itemsMax),
});

export const transactionRecord = message<TransactionRecord, typeof wire.TransactionRecordSchema>(
  wire.TransactionRecordSchema,
  { id: required(transactionId), groups: list(groupId, itemsMax), decision: nullable(decision) },
);

export const preparedTransaction = message<PreparedTransaction, typeof wire.PreparedTransactionSchema>(
  wire.PreparedTransactionSchema,
  { id: required(transactionId), part: required(part) },
);

const closedTransaction = message<ClosedTransactions["closed"][number], typeof wire.ClosedTransactionSchema>(
  wire.ClosedTransactionSchema,
  { index: logIndex, revision },
);

export const closedTransactions = message<ClosedTransactions, typeof wire.ClosedTransactionsSchema>(
  wire.ClosedTransactionsSchema,
  { group: groupId, incarnation, floor: logIndex, closed: list(closedTransaction, itemsMax) },
);
