// A transaction as people write it: YAML with keys and values as text, or in base64 where they are none.

import { z } from "zod";
import { shownValue } from "../../proto/shown-value.ts";
import type { Comparison, Operation, Transaction } from "../transact-calls.ts";
import { UsageError } from "./usage-error.ts";

/** What a file says that has to write other bytes than text. */
export const otherBytes = "use keyBase64 and valueBase64";

const count = z.int().min(0);
/** An escape may write half of a character, which UTF-8 has no bytes for. */
const text = z.string().refine((given) => given.isWellFormed(), { error: `is not Unicode: ${otherBytes}` });
const keys = {
  key: text.optional(),
  keyBase64: z.base64().optional(),
  prefix: text.optional(),
  start: text.optional(),
  end: text.optional(),
};
const value = { value: text.optional(), valueBase64: z.base64().optional() };
const group = z.string().optional();
const previous = z.boolean().optional();

const comparison = z.strictObject({
  group,
  ...keys,
  ...value,
  version: count.optional(),
  createRevision: count.optional(),
  modRevision: count.optional(),
  lease: count.optional(),
  is: z.enum(["equal", "notEqual", "greater", "less"]).optional(),
});

const operation = z.strictObject({
  group,
  get: z.strictObject({ key: keys.key, keyBase64: keys.keyBase64 }).optional(),
  list: z
    .strictObject({
      ...keys,
      limit: count.optional(),
      keysOnly: z.boolean().optional(),
      countOnly: z.boolean().optional(),
    })
    .optional(),
  put: z
    .strictObject({ key: keys.key, keyBase64: keys.keyBase64, ...value, lease: count.optional(), previous })
    .optional(),
  delete: z.strictObject({ ...keys, previous }).optional(),
});

const file = z.strictObject({
  group,
  comparisons: z.array(comparison).optional(),
  success: z.array(operation).optional(),
  failure: z.array(operation).optional(),
  fences: z.array(z.strictObject({ group, epoch: z.int().min(1) })).optional(),
});

type Keys = { readonly [Name in keyof typeof keys]?: string | undefined };
type Value = { readonly [Name in keyof typeof value]?: string | undefined };

/** @throws {UsageError} that names the field and what is wrong with it */
export function readTransaction(content: unknown, path: string): Transaction {
  if (typeof content !== "object" || content === null || Array.isArray(content)) {
    throw new UsageError(`${path}: The file must be a map, for example \`group: rg220\``);
  }
  const read = file.safeParse(content);
  if (!read.success) throw new UsageError(`${path}: ${describe(read.error, content)}`);
  const { comparisons = [], success = [], failure = [], fences = [], group: usual } = read.data;
  return {
    group: usual,
    comparisons: comparisons.map((each, at) => readComparison(each, `${path}: comparisons[${at}]`)),
    success: success.map((each, at) => readOperation(each, `${path}: success[${at}]`)),
    failure: failure.map((each, at) => readOperation(each, `${path}: failure[${at}]`)),
    fences: fences.map(({ group: of, epoch }) => ({ ...(of !== undefined && { group: of }), epoch })),
  };
}

function describe({ issues: [issue] }: z.ZodError, content: unknown): string {
  if (issue === undefined) return "is no transaction";
  const { path, code } = issue;
  const steps = path.map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`));
  const field = steps.join("").replace(/^\./, "");
  const message = issue.message.replace(/^Invalid input: /, "");
  if (code === "custom" || code === "unrecognized_keys") return field === "" ? message : `${field}: ${message}`;
  return `${field} is ${shownValue(valueAt(content, path))}: ${message}`;
}

function valueAt(content: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce((value: unknown, step) => (value as Record<PropertyKey, unknown>)[step], content);
}

const operands = ["version", "createRevision", "modRevision", "lease"] as const;

function readComparison(read: z.infer<typeof comparison>, field: string): Comparison {
  const where = { group: read.group, ...selection(read, field), is: read.is };
  const given = operands.filter((name) => read[name] !== undefined);
  const hasValue = read.value !== undefined || read.valueBase64 !== undefined;
  if (given.length + (hasValue ? 1 : 0) !== 1) {
    throw new UsageError(`${field} takes exactly one of value, valueBase64, ${operands.join(", ")}`);
  }
  if (hasValue) return { ...where, value: readValue(read, field) };
  const [name] = given as [(typeof operands)[number]];
  return { ...where, [name]: read[name] } as Comparison;
}

const verbs = ["get", "list", "put", "delete"] as const;

function readOperation(read: z.infer<typeof operation>, field: string): Operation {
  if (verbs.filter((verb) => read[verb] !== undefined).length !== 1) {
    throw new UsageError(`${field} takes exactly one of ${verbs.join(", ")}`);
  }
  const { group: of, get, list, put } = read;
  if (get !== undefined) return { group: of, get: { key: readKey(get, `${field}.get`) } };
  if (list !== undefined) {
    const { limit, keysOnly, countOnly } = list;
    return { group: of, list: { ...selection(list, `${field}.list`), limit, keysOnly, countOnly } };
  }
  if (put !== undefined) {
    const written = { key: readKey(put, `${field}.put`), value: readValue(put, `${field}.put`) };
    return { group: of, put: { ...written, lease: put.lease, previous: put.previous } };
  }
  const removed = read.delete ?? {};
  return { group: of, delete: { ...selection(removed, `${field}.delete`), previous: removed.previous } };
}

function selection(read: Keys, field: string) {
  const given = [read.key ?? read.keyBase64, read.prefix, read.start].filter((each) => each !== undefined);
  if (given.length !== 1 || (read.end !== undefined && read.start === undefined)) {
    throw new UsageError(`${field} takes exactly one of key, keyBase64, prefix, and start with or without end`);
  }
  if (read.prefix !== undefined) return { prefix: read.prefix };
  return read.start === undefined ? { key: readKey(read, field) } : { start: read.start, end: read.end };
}

function readKey({ key, keyBase64 }: Keys, field: string): Uint8Array {
  return readBytes(key, keyBase64, `${field} takes exactly one of key and keyBase64`);
}

function readValue({ value: text, valueBase64 }: Value, field: string): Uint8Array {
  return readBytes(text, valueBase64, `${field} takes exactly one of value and valueBase64`);
}

function readBytes(text: string | undefined, base64: string | undefined, refusal: string): Uint8Array {
  if ((text === undefined) === (base64 === undefined)) throw new UsageError(refusal);
  return base64 === undefined ? new TextEncoder().encode(text) : Buffer.from(base64, "base64");
}
