// A naive model of a group's keys: every revision's whole state is kept, so that each answer is a look-up.

import type { KeyValue, Write } from "../../../../storage/mvcc/types.ts";

export interface ModelKey {
  readonly value: string;
  readonly create: number;
  readonly mod: number;
  readonly version: number;
  readonly lease: number;
}

export type ModelState = ReadonlyMap<string, ModelKey>;

export const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

/** The shape of the model's keys, for comparing. */
export function toModel(kv: KeyValue): readonly [string, ModelKey] {
  const { key, value, createRevision, modRevision, version, lease } = kv;
  return [text(key), { value: text(value), create: createRevision, mod: modRevision, version, lease }];
}

export class Model {
  /** By revision; 1 is the empty store. */
  readonly states: ModelState[] = [new Map(), new Map()];

  get revision(): number {
    return this.states.length - 1;
  }

  get now(): ModelState {
    return this.states.at(-1) as ModelState;
  }

  apply(writes: readonly Write[]): void {
    const revision = this.states.length;
    const state = new Map(this.now);
    for (const write of writes) {
      if (write.type === "put") put(state, write, revision);
      else if (write.type === "expire") for (const key of write.keys) state.delete(text(key));
      else for (const key of within(state, write.range.start, write.range.end)) state.delete(key);
    }
    const touched = new Set([...state.keys(), ...this.now.keys()]);
    if ([...touched].some((key) => state.get(key) !== this.now.get(key))) this.states.push(state);
  }

  /** Keys of the range in order. */
  range(at: number, start: Uint8Array, end: Uint8Array | null): (readonly [string, ModelKey])[] {
    const state = this.states[at] as ModelState;
    return within(state, start, end).map((key) => [key, state.get(key) as ModelKey] as const);
  }

  /** What `revision` changed: key, new state or null, state before or null; in key order. */
  changes(revision: number): (readonly [string, ModelKey | null, ModelKey | null])[] {
    const before = this.states[revision - 1] as ModelState;
    const after = this.states[revision] as ModelState;
    const keys = [...new Set([...before.keys(), ...after.keys()])].sort();
    return keys
      .filter((key) => before.get(key) !== after.get(key))
      .map((key) => [key, after.get(key) ?? null, before.get(key) ?? null] as const);
  }
}

function put(state: Map<string, ModelKey>, write: Write & { type: "put" }, mod: number): void {
  const before = state.get(text(write.key));
  const version = before === undefined ? 1 : before.mod === mod ? before.version : before.version + 1;
  const value = text(write.value);
  state.set(text(write.key), { value, create: before?.create ?? mod, mod, version, lease: write.lease });
}

function within(state: ModelState, start: Uint8Array, end: Uint8Array | null): string[] {
  return [...state.keys()].filter((key) => key >= text(start) && (end === null || key < text(end))).sort();
}
