// Damaged data out of the way and kept for whoever wants to look at it: within the data directory, for nothing says that
// its parent may be written, or is on the same disk. Only the newest is kept: a disk that goes on rotting must not fill.

import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { LevelStore } from "../storage/level-store.ts";
import { syncDirectory } from "../storage/sync-directory.ts";
import { rowsDirectory } from "./data-directory.ts";

const prefix = "damaged-";
/** All that a node's data consists of. Rows without their hard state are no node's: the rows go last. */
const parts = ["hard-state.a", "hard-state.b", "rows"] as const;

/**
 * Moves a node's data, which nobody may have open, to a directory of its own, with the reason beside it in `reason.txt`. A
 * crash on the way leaves what is found damaged again, or missing.
 *
 * @returns the directory
 * @throws {DbError} `condition_failed` when another process holds the data; else the system's error
 */
export async function setAside(dataDirectory: string, reason: string): Promise<string> {
  await LevelStore.refuseHeld(rowsDirectory(dataDirectory));
  const name = `${prefix}${new Date().toISOString().replaceAll(":", "-")}`;
  const directory = join(dataDirectory, name);
  await mkdir(directory, { mode: 0o700 });
  await writeReason(join(directory, "reason.txt"), reason);
  for (const part of parts) await moveIfThere(join(dataDirectory, part), join(directory, part));
  await syncDirectory(directory);
  await syncDirectory(dataDirectory);
  const older = (await readdir(dataDirectory)).filter((other) => other.startsWith(prefix) && other !== name);
  for (const other of older) await rm(join(dataDirectory, other), { recursive: true });
  return directory;
}

async function writeReason(path: string, reason: string): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(`${reason}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function moveIfThere(from: string, to: string): Promise<void> {
  await rename(from, to).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "ENOENT") throw cause;
  });
}
