// Closes a hole in LevelDB's `sync`: a full log file is replaced without being synced (db_impl.cc, MakeRoomForWrite), so a
// synced write into the new file says nothing about unsynced ones at the end of the old. Hence the old one is synced first.

import { open, readdir } from "node:fs/promises";
import { join } from "node:path";

/** Makes everything that LevelDB has handed to the system so far durable. */
export async function syncLogFiles(directory: string): Promise<void> {
  const names = await readdir(directory);
  for (const name of names) {
    if (/^\d+\.log$/.test(name)) await syncIfThere(join(directory, name));
  }
}

/** A log file that is gone was written to a table, which LevelDB syncs before it deletes the file. */
async function syncIfThere(path: string): Promise<void> {
  try {
    const file = await open(path, "r");
    try {
      await file.datasync();
    } finally {
      await file.close();
    }
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code !== "ENOENT") throw reason;
  }
}
