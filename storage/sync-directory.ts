// A file that was created or renamed is there after a power loss only once its directory has been synced.

import { open } from "node:fs/promises";

export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
