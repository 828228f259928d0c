// A copy of a level database, taken without asking whoever may be writing to it. Tables never change, logs and the manifest
// only grow, and files go away only after the manifest says so. A manifest that is the same before and after therefore means
// that nothing was missed in between; otherwise the copy is begun anew.
// Nothing is linked: LevelDB gives the number of a table that it does not know of to its next file, and would truncate the
// running node's table through the link.

import { constants } from "node:fs";
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { DbError, failure } from "../../proto/errors.ts";

/** The pause before the next attempt grows by `pauseMs` each time. */
const patience: CopyOptions = { attempts: 20, pauseMs: 50 };

interface CopyOptions {
  readonly attempts: number;
  readonly pauseMs: number;
  readonly signal?: AbortSignal | undefined;
}

interface Manifest {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * Copies the database in `from` to the new directory `to`. The copy is the state at one moment during the call.
 *
 * @throws {DbError} `overloaded` when the writer changes its files faster than they are copied; the system's error for a
 *   directory that cannot be read
 */
export async function copyRows(from: string, to: string, options: Partial<CopyOptions> = {}): Promise<void> {
  const { attempts, pauseMs, signal } = { ...patience, ...options };
  for (let attempt = 1; attempt <= attempts; attempt++) {
    await mkdir(to, { recursive: true });
    if (await isCopied(from, to, signal)) return;
    await rm(to, { recursive: true });
    await delay(pauseMs * attempt);
  }
  throw new DbError(failure("overloaded", `The files in ${from} changed during each of ${attempts} copies; try again`));
}

async function isCopied(from: string, to: string, signal?: AbortSignal): Promise<boolean> {
  try {
    const manifest = await readManifest(from);
    // Older logs first: a log that a newer one has followed is complete.
    const names = (await readdir(from)).filter((name) => /^\d+\.(?:log|ldb|sst)$/.test(name)).toSorted();
    for (const name of names) {
      signal?.throwIfAborted();
      await copyFile(join(from, name), join(to, name), constants.COPYFILE_FICLONE);
    }
    await writeFile(join(to, manifest.name), manifest.bytes);
    await writeFile(join(to, "CURRENT"), `${manifest.name}\n`);
    return isSame(manifest, await readManifest(from));
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw reason;
  }
}

async function readManifest(from: string): Promise<Manifest> {
  const name = (await readFile(join(from, "CURRENT"), "utf8")).trim();
  return { name, bytes: await readFile(join(from, name)) };
}

function isSame(before: Manifest, after: Manifest): boolean {
  return before.name === after.name && Buffer.compare(before.bytes, after.bytes) === 0;
}
