// Reads what a node's disk holds from a copy of its files; the node may be stopped or running, and is never asked.

import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DbError, failure } from "../../proto/errors.ts";
import { everyRange, rangeAfter } from "../../storage/keys.ts";
import { LevelStore } from "../../storage/level-store.ts";
import type { KeyRange, OrderedStore, ScanOutcome } from "../../storage/ordered-store.ts";
import { rowsDirectory } from "../data-directory.ts";
import { copyRows } from "./copy-rows.ts";
import { DiskContent } from "./disk-content.ts";
import { type DiskReport, reportOf } from "./report.ts";

const pageLimits = { rowsMax: 10_000, bytesMax: 4 * 2 ** 20 };

/**
 * @param directory of a node: its data directory, or the directory that holds that as `data`
 * @param signal aborting it ends the work with its reason, and takes the copy away
 * @throws {DbError} `not_found` when no node has stored anything there, `condition_failed` when that cannot be read, `corrupt` when the database does not open,
 *   `overloaded` when its files change faster than they can be copied
 */
export async function inspectDirectory(directory: string, signal?: AbortSignal): Promise<DiskReport> {
  const rows = await findRows(directory);
  const copy = await mkdtemp(join(tmpdir(), "bailiwick-inspect-"));
  try {
    await copyRows(rows, join(copy, "rows"), { signal });
    return reportOf(await readContent(join(copy, "rows"), signal));
  } finally {
    await rm(copy, { recursive: true });
  }
}

async function findRows(directory: string): Promise<string> {
  for (const candidate of [rowsDirectory(directory), rowsDirectory(join(directory, "data"))]) {
    if (await isThere(join(candidate, "CURRENT"))) return candidate;
  }
  throw new DbError(failure("not_found", `No node has stored anything in ${directory}`));
}

/** What must not be looked at may be there. */
async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (cause: NodeJS.ErrnoException) => {
      if (cause.code === "ENOENT" || cause.code === "ENOTDIR") return false;
      throw new DbError(failure("condition_failed", `Cannot read ${path}: ${cause.message}`), cause);
    },
  );
}

async function readContent(directory: string, signal?: AbortSignal): Promise<DiskContent> {
  const store = await LevelStore.open(directory);
  try {
    const content = new DiskContent();
    let range: KeyRange | null = everyRange();
    while (range !== null) {
      signal?.throwIfAborted();
      const page = await scan(store, range);
      for (const row of page.rows) content.add(row);
      const last = page.rows.at(-1);
      range = page.more && last !== undefined ? rangeAfter(range, last.key) : null;
    }
    return content;
  } finally {
    await new Promise<void>((resolve) => store.close(resolve));
  }
}

function scan(store: OrderedStore, range: KeyRange): Promise<Extract<ScanOutcome, { type: "rows" }>> {
  return new Promise((resolve, reject) => {
    store.scan(range, pageLimits, (outcome) => {
      if (outcome.type === "rows") resolve(outcome);
      else {
        const code = outcome.isDamage ? "corrupt" : "internal";
        reject(new DbError(failure(code, `The database does not read: ${outcome.reason}`)));
      }
    });
  });
}
