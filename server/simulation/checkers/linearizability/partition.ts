// Takes the history of a group apart by key. Each key is an object of its own, and the whole is linearizable only if every
// key's part of it is; an operation on several keys, a list or the delete of a span, is one on each of them.
//
// Left out are reads that may be stale or show the past, and whatever certainly had no effect, but for writes that their
// condition refused: they tell of the key.

import type { KeySpan, KeyValue } from "../../../../proto/model.ts";
import type { Reply, Request } from "../../../../proto/requests.ts";
import { textOf } from "../../../../storage/bytes.ts";
import { nameOfValue, type Operation } from "../../workload/history.ts";
import type { KeyInput, KeyResult, Shown } from "./key-value.ts";
import type { TimedOperation } from "./model.ts";

/** What `operation` was to one key. */
export interface KeyOperation extends TimedOperation<KeyInput, KeyResult> {
  readonly operation: Operation;
}

/** @param operations those of one group. @returns for every key that they name or show, in key order */
export function partitionByKey(operations: readonly Operation[]): ReadonlyMap<string, readonly KeyOperation[]> {
  const partition = new Partition([...new Set(operations.flatMap(keysOf))].sort());
  for (const operation of operations) partition.take(operation);
  return partition.parts;
}

function keysOf({ request, outcome }: Operation): readonly string[] {
  if (request.type === "put" || request.type === "get") return [textOf(request.key)];
  const shown = outcome?.type === "ok" && outcome.reply.type === "list" ? outcome.reply.kvs : [];
  return shown.map(({ key }) => textOf(key));
}

type Asked<Type extends Request["type"]> = Extract<Request, { type: Type }>;

class Partition {
  readonly parts: ReadonlyMap<string, KeyOperation[]>;
  readonly #keys: readonly string[];
  /** Whole values under short names, one each. */
  readonly #names = new Map<string, string>();

  constructor(keys: readonly string[]) {
    this.#keys = keys;
    this.parts = new Map(keys.map((key) => [key, []]));
  }

  take(operation: Operation): void {
    const { request } = operation;
    switch (request.type) {
      case "put":
        this.#takePut(operation, request);
        return;
      case "delete":
        this.#takeDelete(operation, request);
        return;
      case "get":
      case "list":
        if (request.consistency === "linearizable" && request.revision === null) this.#takeRead(operation, request);
        return;
      default:
        return;
    }
  }

  #takePut(operation: Operation, request: Asked<"put">): void {
    const { ifModRevision, returnPrevious } = request;
    const input: KeyInput = { type: "put", value: this.#nameOf(request.value), ifModRevision };
    const result = writeResult(operation, (reply) => {
      if (reply.type !== "put") return null;
      const before = returnPrevious ? this.#shown(reply.previous) : "untold";
      return { type: "written", revision: reply.header.revision, before };
    });
    if (result !== "nothing") this.#add(operation, textOf(request.key), { input, result });
  }

  #takeDelete(operation: Operation, request: Asked<"delete">): void {
    const input: KeyInput = { type: "delete", ifModRevision: request.ifModRevision };
    for (const key of this.#keysWithin(request.span)) {
      const result = writeResult(operation, (reply) => {
        if (reply.type !== "delete") return null;
        const { revision } = reply.header;
        if (reply.previous.length < reply.deleted) return { type: "written", revision, before: "untold" };
        const before = this.#shown(kvOf(reply.previous, key));
        return before === null ? { type: "read", shown: null } : { type: "written", revision, before };
      });
      if (result !== "nothing") this.#add(operation, key, { input, result });
    }
  }

  #takeRead(operation: Operation, request: Asked<"get"> | Asked<"list">): void {
    if (operation.outcome?.type !== "ok") return;
    const { reply } = operation.outcome;
    if (request.type === "get" && reply.type === "get") {
      this.#addRead(operation, textOf(request.key), this.#shown(reply.kv));
    }
    if (request.type === "list" && reply.type === "list" && !request.countOnly) {
      this.#takeList(operation, request, reply);
    }
  }

  /** A page tells nothing of the keys after its end. */
  #takeList(operation: Operation, { span, keysOnly }: Asked<"list">, reply: Extract<Reply, { type: "list" }>): void {
    const last = reply.kvs.at(-1);
    const end = reply.more && last !== undefined ? textOf(last.key) : null;
    const page = new Map(reply.kvs.map((kv) => [textOf(kv.key), kv]));
    for (const key of this.#keysWithin(span)) {
      if (end !== null && key > end) return;
      const kv = page.get(key) ?? null;
      const isBare = kv !== null && keysOnly;
      this.#addRead(operation, key, isBare ? { modRevision: kv.modRevision, value: null } : this.#shown(kv));
    }
  }

  #addRead(operation: Operation, key: string, shown: Shown): void {
    this.#add(operation, key, { input: { type: "get" }, result: { type: "read", shown } });
  }

  #add(operation: Operation, key: string, part: { readonly input: KeyInput; readonly result: KeyResult | null }): void {
    const returned = part.result === null ? Number.POSITIVE_INFINITY : (operation.outcome?.atMs ?? 0);
    this.parts.get(key)?.push({ operation, ...part, invoked: operation.invokedMs, returned });
  }

  #keysWithin({ start, end }: KeySpan): readonly string[] {
    const [first, last] = [textOf(start), end === null ? null : textOf(end)];
    return this.#keys.filter((key) => key >= first && (last === null || key < last));
  }

  #shown(kv: KeyValue | null): Shown {
    return kv === null ? null : { modRevision: kv.modRevision, value: this.#nameOf(kv.value) };
  }

  #nameOf(value: Uint8Array): string {
    const text = textOf(value);
    const known = this.#names.get(text);
    if (known !== undefined) return known;
    const name = `${nameOfValue(value)}#${this.#names.size}`;
    this.#names.set(text, name);
    return name;
  }
}

/** @returns null: nobody can tell; `nothing`: no effect, and nothing told of the key */
function writeResult(
  { request, outcome }: Operation,
  told: (reply: Reply) => KeyResult | null,
): KeyResult | null | "nothing" {
  if (outcome === null || outcome.type === "unknown") return null;
  if (outcome.type === "ok") return told(outcome.reply);
  const hasFence = "fence" in request && request.fence !== null;
  return outcome.code === "condition_failed" && !hasFence ? { type: "refused" } : "nothing";
}

function kvOf(kvs: readonly KeyValue[], key: string): KeyValue | null {
  return kvs.find((kv) => textOf(kv.key) === key) ?? null;
}
