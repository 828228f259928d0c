// Versions of a few keys, and parts of transactions in few words.

import { toGroupId, toLogIndex, toNodeId } from "../../../proto/ids.ts";
import type { KeySpan } from "../../../proto/model.ts";
import type { Comparison, Operand, Operation, Part, Relation } from "../../../proto/transactions.ts";
import { PresentKeys } from "../../../server/txn/present-keys.ts";
import { keyAfter } from "../../../storage/bytes.ts";
import { Mvcc } from "../../../storage/mvcc/mvcc.ts";

const bytes = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));
export const text = (value: Uint8Array) => Buffer.from(value).toString("latin1");

/** Each put a revision of its own, from 2 on. */
export function mvccOf(...puts: readonly (readonly [key: string, value: string, lease?: number])[]): Mvcc {
  const mvcc = new Mvcc();
  for (const [key, value, lease = 0] of puts) {
    mvcc.apply([{ type: "put", key: bytes(key), value: bytes(value), lease }]);
  }
  return mvcc;
}

/** As a transaction sees them that may look at as many as it likes. */
export function lookAt(mvcc: Mvcc): PresentKeys {
  return new PresentKeys(mvcc, { at: null, keysMax: Number.POSITIVE_INFINITY });
}

export function spanOf(start: string, end: string | null = null): KeySpan {
  return { start: bytes(start), end: end === null ? null : bytes(end) };
}

export function keyIs(key: string, relation: Relation, operand: Operand): Comparison {
  return { target: { type: "key", key: bytes(key) }, relation, operand };
}

export function spanIs(span: KeySpan, relation: Relation, operand: Operand): Comparison {
  return { target: { type: "span", span }, relation, operand };
}

export const value = (of: string): Operand => ({ type: "value", value: bytes(of) });
export const get = (key: string): Operation => ({ type: "get", key: bytes(key) });
export const put = (key: string, of: string, returnPrevious = false): Operation => {
  return { type: "put", key: bytes(key), value: bytes(of), lease: 0, returnPrevious };
};
export const remove = (key: string): Operation => {
  return { type: "delete", span: { start: bytes(key), end: keyAfter(bytes(key)) }, returnPrevious: true };
};
export const removeSpan = (span: KeySpan): Operation => ({ type: "delete", span, returnPrevious: true });
export const list = (span: KeySpan, limit = 100, flags = { keysOnly: false, countOnly: false }): Operation => {
  return { type: "list", span, limit, ...flags };
};
export const intend = (node: string, wanted: "none" | "drained" = "drained", after = 0): Operation => {
  return { type: "intend", node: toNodeId(node), wanted, reason: "", after: toLogIndex(after) };
};

export function partOf(part: Partial<Part>): Part {
  return { group: toGroupId("rg"), comparisons: [], fence: null, success: [], failure: [], ...part };
}
