// A node's disk as it was stopped, copied and damaged, and what a start makes of the copy.

import assert from "node:assert/strict";
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { DbError } from "../../../proto/errors.ts";
import { readNodeKey } from "../../../server/adapters/node-key.ts";
import { loadNodeConfig } from "../../../server/config/node-file.ts";
import { rowsDirectory } from "../../../server/data-directory.ts";
import type { NodeImage } from "../../../server/node/image.ts";
import { closeStore, openNodeData } from "../../../server/node-data.ts";

/** What a start has made of a disk. */
export type Verdict =
  /** It takes no part with it, and says why. */
  | { readonly type: "detected"; readonly reason: string }
  /** It goes on with what it has read. */
  | { readonly type: "served"; readonly promised: Promised };

/** All that a node must never lose or change: whom it voted for, and every entry of its logs. */
export interface Promised {
  readonly votes: readonly string[];
  readonly logs: Readonly<Record<string, readonly string[]>>;
}

/** Copies the directory of a node that does not run, with the cluster file beside it. @returns the directory of the copy */
export function copyNode(directory: string, scratch: string, name: string): string {
  const copy = join(scratch, name, basename(directory));
  cpSync(directory, copy, { recursive: true });
  cpSync(join(dirname(directory), "cluster.yaml"), join(scratch, name, "cluster.yaml"));
  return copy;
}

/** Starts on a disk as `serve` does, as far as reading it goes. */
export async function judge(directory: string): Promise<Verdict> {
  const config = await loadNodeConfig({ file: join(directory, "node.yaml"), environment: {}, insecure: false });
  try {
    const { store, image } = await openNodeData(config, await readNodeKey(config.keyFile));
    await closeStore(store);
    if (image.quarantine !== null) return { type: "detected", reason: image.quarantine };
    return { type: "served", promised: promisedIn(image) };
  } catch (reason) {
    if (!(reason instanceof DbError)) throw reason;
    assert.equal(reason.code, "corrupt", reason.message);
    return { type: "detected", reason: reason.message };
  }
}

/**
 * The one expectation of every damage that is not harmless: noticed at the start, and named. The node must not have taken
 * part with it.
 */
export function assertDetected(verdict: Verdict, what: string, reason: RegExp = /./): void {
  assert.equal(verdict.type, "detected", `${what}: served as if nothing were`);
  if (verdict.type === "detected") assert.match(verdict.reason, reason, what);
}

/** The one expectation of damage that may be harmless: noticed, or nothing is missing or different. */
export function assertDetectedOrWhole(verdict: Verdict, what: string, promised: Promised): void {
  if (verdict.type === "served") assert.deepEqual(verdict.promised, promised, what);
}

function promisedIn(image: NodeImage): Promised {
  const replicas = [image.database, ...image.groups];
  const logs = replicas.map(({ group, entries, log }) => {
    assert.equal(log?.last.index, entries.at(-1)?.index ?? log?.previous.index, "a log ends with its last entry");
    return [
      group,
      entries.map(({ term, index, payload }) => `${term}/${index} ${Buffer.from(payload).toString("hex")}`),
    ];
  });
  return {
    votes: image.hardStates.map(({ group, incarnation, term, vote }) => `${group}/${incarnation} ${term} ${vote}`),
    logs: Object.fromEntries(logs) as Promised["logs"],
  };
}

/** A file of the level database by its pattern, which must fit one only. */
export function levelFile(directory: string, pattern: RegExp): string {
  const rows = rowsDirectory(join(directory, "data"));
  const names = readdirSync(rows).filter((name) => pattern.test(name));
  assert.equal(names.length, 1, `${pattern}: ${names}`);
  return join(rows, names[0] ?? "");
}

export function flipBit(file: string, at: number, bit = 4): void {
  change(file, (bytes) => {
    bytes[at] = (bytes[at] as number) ^ (1 << bit);
    return bytes;
  });
}

export function change(file: string, by: (bytes: Buffer) => Buffer): void {
  writeFileSync(file, by(readFileSync(file)));
}
